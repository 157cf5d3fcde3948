/* The deployment's sessions as places for requests: one holds either a conversation's state, kept
 * after its request ended, or nothing. Belongs to the engine's thread. */
#ifndef LINTELD_SLOTS_H
#define LINTELD_SLOTS_H

#include "conversations.h"
#include "models.h"
#include "queue.h"

struct slot {
  struct place *place;
  bool is_prefix;                    /* holds a pinned prefix and serves no request */
  struct work *work;                 /* the request under way */
  struct conversation *conversation; /* whose state it holds */
  bool is_marked;                    /* the state before the request can be gone back to */
  bool is_touched;                   /* the state is no longer the one before the request */
  bool was_saved;
  uint32_t known_count; /* messages of the request that the state held already */
  struct text answer;
  lintel_status status; /* of the last step */
};

extern struct slot slots[SLOTS_MAX];

/* Takes the deployment's sessions and reads the prefixes into theirs. */
bool slots_open(const struct config *config, char *message, size_t message_bytes);
void slots_close(void);
/* Reads the prefixes of an adapter again, after it was loaded again. */
void slots_read_prefixes(uint32_t model, int32_t adapter);

/* The slot that the request would get now, or NULL. */
struct slot *slots_for(const struct work *work);
/* Puts the slot's session into the state that the request starts from, feeds its messages and
 * begins the generation. On failure the slot is as it was before the request, and empty if that is
 * lost. */
lintel_status slots_begin(struct slot *slot, struct work *work, lintel_event_fn on_event,
                          lintel_error *error);
/* The generation ended: keeps the conversation's new state if the answer is whole, otherwise goes
 * back to the state before. */
void slots_end(struct slot *slot, bool is_whole);
/* Whether an active request computes with the adapter. */
bool slots_use_adapter(uint32_t model, uint32_t adapter);
uint32_t slots_resident(void);

#endif
