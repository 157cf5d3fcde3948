/* The wire format of OpenAI's chat completions: requests in, answers, chunks and errors out. */
#ifndef LINTELD_OPENAI_H
#define LINTELD_OPENAI_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "queue.h"
#include "text.h"

struct api_error {
  uint32_t http; /* status; 0: no error */
  const char *type;
  const char *code;
  char parameter[64]; /* "": none */
  char message[512];
};

__attribute__((format(printf, 5, 6))) void api_fail(struct api_error *error, uint32_t http,
                                                    const char *code, const char *parameter,
                                                    const char *format, ...);
/* {"error":{...}} */
void api_write_error(struct text *text, const struct api_error *error);

/* One chat request with its answer as it grows. */
struct chat {
  struct work *work;
  char *model; /* as the client wrote it */
  int64_t created;
  bool is_stream;
  bool wants_usage; /* a last chunk with the usage */
  bool wants_logprobs;
  bool has_begun; /* the first chunk, with the role, was written */
  struct text answer;   /* all of the text so far */
  struct text logprobs; /* of the answer, separated by commas */
  /* A call, as far as its text can be told apart. */
  enum { CALL_UNDECIDED, CALL_NONE, CALL_FOUND } call;
  char call_name[65];
  char call_id[32];
  size_t arguments_start, arguments_sent;
};

/* Reads the body into chat->work, which then can be queued. On failure `error` is filled. */
bool openai_parse(const char *body, size_t count, const struct application *application,
                  const struct config *config, struct chat *chat, struct api_error *error);
void chat_free(struct chat *chat);

/* Appends what the records say: as chunks to `out` for a stream. */
void openai_add_records(struct chat *chat, const struct text *records, struct text *out);
/* The end of the answer, whole or in chunks. `extension` is a JSON value for the member "lintel",
 * or NULL. */
void openai_finish(struct chat *chat, const char *extension, struct text *out);
/* Whether the request failed, and how to say so. */
bool openai_failed(const struct work *work, struct api_error *error);

/* GET /v1/models for an application. */
void openai_write_models(struct text *out, const struct application *application);
void openai_write_model(struct text *out, const char *name);
bool application_may_use(const struct application *application, const char *model);

#endif
