/* What passes between the loop that serves connections and the thread that computes: requests go
 * in, tokens come out. One mutex guards all of it; it is held for microseconds.
 *
 * Waiting requests are bounded in number, and taken by priority, then by arrival. A request's
 * tokens wait in its own bounded buffer: when that is full, its generation pauses and the others go
 * on. */
#ifndef LINTELD_QUEUE_H
#define LINTELD_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "lintel.h"
#include "text.h"

#define WORK_STOPS_MAX 4
#define WORK_OUTPUT_PAUSE 512  /* bytes that wait for the reader when its generation pauses: */
#define WORK_OUTPUT_RESUME 128 /* some thirty tokens; and when it goes on: some eight */
#define CONVERSATION_ID_MAX 64

struct message {
  int32_t role; /* LINTEL_ROLE_... */
  char *text;
  size_t bytes;
};

enum work_state { WORK_WAITING, WORK_ACTIVE, WORK_FINISHED };

/* Why a request was given up. */
enum cancel_reason { CANCEL_NONE, CANCEL_GONE, CANCEL_DEADLINE, CANCEL_STALLED, CANCEL_STOPPING };

/* How the conversation of a request was found. */
enum conversation_state {
  CONVERSATION_NONE,
  CONVERSATION_NEW,
  CONVERSATION_RESIDENT,
  CONVERSATION_RESTORED,
  CONVERSATION_LOST /* it had a snapshot that does not fit any more; begun anew */
};

struct work {
  /* Written before queue_add, only read from then on. */
  char id[40];
  uint32_t application; /* index of its figures */
  char application_name[33];
  uint32_t priority;
  uint32_t max_active;
  uint64_t arrived_ns;
  uint64_t deadline_ns; /* a point in time */
  uint32_t model;       /* index of the engine's models */
  int32_t adapter;      /* index of the model's adapters; -1: none */
  char conversation[CONVERSATION_ID_MAX + 1];
  struct message *messages;
  uint32_t message_count;
  uint32_t max_tokens;
  float temperature; /* not a number: what the deployment says */
  float top_p;
  float frequency_penalty;
  float presence_penalty;
  uint64_t seed;
  bool ignore_end;
  bool wants_call; /* a call in the answer is told apart */
  bool must_call;  /* the answer has to be a call of `tools` */
  char *stops[WORK_STOPS_MAX];
  uint32_t stop_count;
  uint64_t tools; /* a bit for each of the model's tools that may be called; 0: all */
  void *owner;    /* of the loop; NULL once its connection is gone */

  /* Under the mutex. */
  enum work_state state;
  enum cancel_reason cancel;
  struct text output; /* records of struct token_record, each followed by its text */
  bool paused;
  bool is_changed;
  uint32_t references;
  lintel_session *session; /* while a generation is under way */
  struct work *next;
  struct work *next_changed;

  /* Written by the engine's thread before the state is WORK_FINISHED. */
  uint32_t finish; /* LINTEL_FINISH_... */
  lintel_status status;
  char sentence[320]; /* if status is an error */
  uint32_t prompt_tokens;
  uint32_t cached_tokens;
  uint32_t generated_tokens;
  uint32_t pauses;
  uint64_t started_ns;
  uint64_t first_token_ns;
  uint64_t last_token_ns;
  uint64_t finished_ns;
  enum conversation_state conversation_state;
};

struct token_record {
  uint32_t text_bytes;
  int32_t token; /* -1: text that was held back until the end */
  float log_probability;
};

bool queue_open(uint32_t capacity, char *message, size_t message_bytes);
void queue_set_capacity(uint32_t capacity);

/* ---- For the loop ---- */

enum queue_answer { QUEUE_TAKEN, QUEUE_FULL, QUEUE_FULL_FOR_APPLICATION };
/* A work item with one reference. */
struct work *work_create(void);
/* Takes a second reference if the request is taken. */
enum queue_answer queue_add(struct work *work, uint32_t max_queued);
/* Readable when queue_changed has something. */
int queue_descriptor(void);
/* The next request with new output or an end, or NULL. */
struct work *queue_changed(void);
/* Moves the records that wait to the end of `into` and returns the state. */
enum work_state queue_take(struct work *work, struct text *into);
/* Gives a request up; the first reason counts. One that waits is finished at once. */
void queue_cancel(struct work *work, enum cancel_reason reason);
void queue_cancel_all(enum cancel_reason reason);
/* The loop no longer looks at the request. */
void queue_disown(struct work *work);

/* ---- For the engine's thread ---- */

/* The first waiting request that `can_start` accepts, now active, or NULL. */
struct work *queue_next(bool (*can_start)(const struct work *work));
/* A generation begins in the session: cancels reach it from here on. */
void queue_begin(struct work *work, lintel_session *session);
/* One token. Returns true if the generation has to pause. */
bool queue_put(struct work *work, const struct token_record *record, const char *text);
/* Whether a paused generation may go on. */
bool queue_may_resume(struct work *work);
void queue_finish(struct work *work);
/* Waits until something happened, at most so long. */
void queue_wait(uint64_t most_ns);
/* Wakes the engine's thread. */
void queue_wake(void);

void work_release(struct work *work);

struct queue_figures {
  uint32_t waiting;
  uint32_t active;
  uint32_t paused;
  uint64_t oldest_ns; /* arrival of the request that waits longest; 0: none waits */
};
struct queue_figures queue_figures(void);

#endif
