/* What the C test programs share: checks that count, a model, an engine in a block of its own. */
#ifndef CHECK_H
#define CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lintel.h"

static int passed, failed;

/* Counts; says where on failure. Returns what it was given. */
#define CHECK(condition) check_(!!(condition), #condition, __FILE__, __LINE__)

static inline int check_(int ok, const char *what, const char *file, int line) {
  if (ok) passed++;
  else {
    failed++;
    printf("%s:%d: %s\n", file, line, what);
  }
  return ok;
}

/* A refusal: the status, the same status in the error, and a sentence that has `word` in it. */
#define REFUSED(call, wanted, word) \
  do { \
    lintel_error error = LINTEL_ERROR_INIT; \
    lintel_status got = (call); \
    refused_(got, wanted, &error, word, #call, __FILE__, __LINE__); \
  } while (0)

static inline void refused_(lintel_status got, lintel_status wanted, const lintel_error *error,
                            const char *word, const char *what, const char *file, int line) {
  int ok = got == wanted && error->status == wanted && error->message[0] != 0 &&
           memchr(error->message, 0, sizeof error->message) && strstr(error->message, word);
  if (ok) {
    passed++;
    return;
  }
  failed++;
  printf("%s:%d: %s: %s, wanted %s and '%s'; the error has %s: %s\n", file, line, what,
         lintel_status_name(got), lintel_status_name(wanted), word,
         lintel_status_name(error->status), error->message);
}

static inline int report(const char *name) {
  printf("%s: %d passed, %d failed\n", name, passed, failed);
  return failed != 0;
}

/* A struct with its size set and everything else zero. */
#define INIT(type, name) \
  type name; \
  memset(&name, 0, sizeof name); \
  name.struct_size = (uint32_t)sizeof name

typedef struct host {
  lintel_engine *engine;
  lintel_model *model;
  void *block;
} host;

/* An engine of `bytes` with the model at `path` open. Ends the program if that fails. */
static inline host open_host(const char *path, uint64_t bytes, uint32_t threads) {
  host h;
  lintel_engine_options options = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_error error = LINTEL_ERROR_INIT;
  h.block = aligned_alloc(64, bytes);
  options.memory = h.block;
  options.memory_bytes = bytes;
  options.threads = threads;
  if (!h.block || lintel_engine_create(&options, &h.engine, &error) ||
      lintel_model_open(h.engine, path, NULL, &h.model, &error)) {
    printf("no engine: %s\n", error.message);
    exit(1);
  }
  return h;
}

static inline void close_host(host h) {
  CHECK(lintel_engine_destroy(h.engine) == LINTEL_OK);
  free(h.block);
}

static inline lintel_session *open_session(lintel_model *model, uint32_t context) {
  lintel_session_options options = LINTEL_SESSION_OPTIONS_INIT;
  lintel_session *session = NULL;
  lintel_error error = LINTEL_ERROR_INIT;
  options.context_tokens = context;
  if (lintel_session_create(model, &options, &session, &error)) {
    printf("no session: %s\n", error.message);
    exit(1);
  }
  return session;
}

#endif
