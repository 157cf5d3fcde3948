/* lintel_step_many: sessions in one pass get what they get alone, to the bit; who is served first;
 * and what the call refuses.
 *
 *   together MODEL...
 */
#include "check.h"

enum { SESSIONS = 8 };

typedef struct watch {
  lintel_session *session;
  uint64_t hash; /* of tokens, text and log-probabilities */
  int tokens, ends;
  uint32_t finish;
  uint32_t pause_at, cancel_at; /* at this token, 0 never */
} watch;

static void mix(watch *w, const void *p, size_t bytes) {
  const unsigned char *b = p;
  for (size_t i = 0; i < bytes; i++) w->hash = (w->hash ^ b[i]) * 1099511628211u;
}

static int32_t on_event(void *user, const lintel_event *e) {
  watch *w = user;
  mix(w, e->text, e->text_bytes);
  mix(w, &e->token, sizeof e->token);
  mix(w, &e->log_probability, sizeof e->log_probability);
  if (e->kind == LINTEL_EVENT_END) {
    w->ends++;
    w->finish = e->finish;
    return LINTEL_CONTINUE;
  }
  w->tokens++;
  if (e->index + 1 == w->cancel_at) CHECK(lintel_session_cancel(w->session) == LINTEL_OK);
  return e->index + 1 == w->pause_at ? LINTEL_PAUSE : LINTEL_CONTINUE;
}

static size_t prompt_tokens(int i) {
  static const size_t counts[SESSIONS] = {1, 40, 2, 7, 130, 3, 64, 16};
  return counts[i];
}

static void feed(watch *w, int i) {
  int32_t ids[256];
  uint32_t x = 17u + (uint32_t)i;
  for (size_t t = 0; t < prompt_tokens(i); t++) {
    x = x * 1664525u + 1013904223u;
    ids[t] = (int32_t)(x >> 24);
  }
  lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
  o.max_tokens = 5u + 3u * (uint32_t)i;
  o.flags = LINTEL_GENERATE_RAW | LINTEL_GENERATE_IGNORE_END;
  o.temperature = i % 2 ? 0.8f : 0;
  o.seed = (uint64_t)i;
  CHECK(lintel_session_feed_tokens(w->session, ids, prompt_tokens(i), NULL) == LINTEL_OK);
  CHECK(lintel_session_begin(w->session, &o, on_event, w, NULL) == LINTEL_OK);
}

static void start(watch *w, int i) {
  lintel_session *session = w->session;
  memset(w, 0, sizeof *w);
  w->session = session;
  w->hash = 14695981039346656037u;
  CHECK(lintel_session_reset(session, NULL) == LINTEL_OK);
  feed(w, i);
}

static void run_alone(watch *w) {
  lintel_status status;
  do status = lintel_session_step(w->session, 1000, NULL, NULL);
  while (status == LINTEL_MORE || status == LINTEL_PAUSED);
  CHECK(status == LINTEL_DONE || status == LINTEL_CANCELLED);
}

static lintel_status step_all(watch *w, size_t n, uint64_t slice, lintel_status *statuses) {
  lintel_session *list[SESSIONS];
  for (size_t i = 0; i < n; i++) list[i] = w[i].session;
  return lintel_step_many(list, n, slice, statuses, NULL);
}

static void run_together(watch *w, size_t n, uint64_t slice) {
  lintel_status statuses[SESSIONS], status;
  int rounds = 0;
  do status = step_all(w, n, slice, statuses);
  while ((status == LINTEL_MORE || status == LINTEL_PAUSED) && ++rounds < 10000);
  CHECK(status == LINTEL_DONE);
  for (size_t i = 0; i < n; i++) CHECK(statuses[i] == LINTEL_DONE);
}

static void same(const char *path, uint32_t threads, uint32_t chunk) {
  lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_model_options mo = LINTEL_MODEL_OPTIONS_INIT;
  lintel_session_options so = LINTEL_SESSION_OPTIONS_INIT;
  lintel_engine *engine;
  lintel_model *model;
  eo.memory_bytes = 256u << 20;
  eo.threads = threads;
  mo.chunk_tokens = chunk;
  so.context_tokens = 256;
  if (!CHECK(lintel_engine_create(&eo, &engine, NULL) == LINTEL_OK)) return;
  if (!CHECK(lintel_model_open(engine, path, &mo, &model, NULL) == LINTEL_OK)) return;
  watch w[SESSIONS];
  uint64_t alone[SESSIONS];
  for (int i = 0; i < SESSIONS; i++) {
    so.priority = (uint32_t)i % 3;
    CHECK(lintel_session_create(model, &so, &w[i].session, NULL) == LINTEL_OK);
    start(&w[i], i);
    run_alone(&w[i]);
    CHECK(w[i].ends == 1);
    alone[i] = w[i].hash;
  }
  for (size_t n = 1; n <= SESSIONS; n += n == 2 ? 2 : n == 4 ? 4 : 1) {
    for (int i = 0; i < (int)n; i++) start(&w[i], i);
    run_together(w, n, n == 4 ? 500 : 0);
    for (size_t i = 0; i < n; i++) CHECK(w[i].hash == alone[i] && w[i].ends == 1);
  }
  /* Some begin later, one has taken some layers of a pass of its own, one pauses. */
  lintel_status statuses[SESSIONS];
  for (int i = 0; i < 3; i++) start(&w[i], i);
  w[1].pause_at = 2;
  for (int k = 0; k < 5; k++) step_all(w, 3, 0, statuses);
  for (int i = 3; i < SESSIONS; i++) start(&w[i], i);
  CHECK(lintel_session_step(w[4].session, 0, NULL, NULL) == LINTEL_MORE);
  run_together(w, SESSIONS, 0);
  for (int i = 0; i < SESSIONS; i++) CHECK(w[i].hash == alone[i] && w[i].ends == 1);
  /* One is cancelled from its callback, and the others do not notice. */
  for (int i = 0; i < 4; i++) start(&w[i], i);
  w[3].cancel_at = 2;
  do step_all(w, 4, 0, statuses);
  while (statuses[3] != LINTEL_CANCELLED);
  CHECK(w[3].ends == 1 && w[3].tokens == 2 && w[3].finish == LINTEL_FINISH_CANCEL);
  run_together(w, 4, 0);
  for (int i = 0; i < 3; i++) CHECK(w[i].hash == alone[i]);
  CHECK(lintel_engine_destroy(engine) == LINTEL_OK);
}

static uint32_t tokens_read(lintel_session *session) {
  INIT(lintel_position, p);
  CHECK(lintel_session_position(session, &p) == LINTEL_OK);
  return p.tokens;
}

/* Prompts of priorities 0, 5, 5 and a chunk of 64. */
static void priorities(const char *path) {
  host h = open_host(path, 128u << 20, 1);
  lintel_model_options mo = LINTEL_MODEL_OPTIONS_INIT;
  lintel_session *s[3];
  mo.chunk_tokens = 64;
  CHECK(lintel_model_close(h.model) == LINTEL_OK);
  CHECK(lintel_model_open(h.engine, path, &mo, &h.model, NULL) == LINTEL_OK);
  lintel_status statuses[3];
  int32_t ids[100] = {0};
  lintel_session_options so = LINTEL_SESSION_OPTIONS_INIT;
  for (int i = 0; i < 3; i++) {
    so.priority = i ? 5 : 0;
    CHECK(lintel_session_create(h.model, &so, &s[i], NULL) == LINTEL_OK);
    CHECK(lintel_session_feed_tokens(s[i], ids, 60, NULL) == LINTEL_OK);
  }
  CHECK(lintel_step_many(s, 3, 0, statuses, NULL) == LINTEL_MORE);
  CHECK(tokens_read(s[0]) == 0 && tokens_read(s[1]) == 60 && tokens_read(s[2]) == 4);
  CHECK(statuses[0] == LINTEL_MORE && statuses[1] == LINTEL_DONE && statuses[2] == LINTEL_MORE);
  CHECK(lintel_step_many(s, 3, 0, statuses, NULL) == LINTEL_MORE);
  CHECK(tokens_read(s[0]) == 8 && tokens_read(s[2]) == 60);
  CHECK(lintel_step_many(s, 3, 0, statuses, NULL) == LINTEL_DONE);
  CHECK(tokens_read(s[0]) == 60);
  so.priority = 8;
  REFUSED(lintel_session_create(h.model, &so, &s[0], &error), LINTEL_ERR_ARGUMENT, "priority");
  lintel_engine_destroy(h.engine);
  free(h.block);
}

static int32_t reenter(void *user, const lintel_event *e) {
  lintel_session **s = user;
  lintel_status statuses[2];
  if (e->kind == LINTEL_EVENT_END) return LINTEL_CONTINUE;
  REFUSED(lintel_step_many(s, 2, 0, statuses, &error), LINTEL_ERR_REENTRY, "callback");
  REFUSED(lintel_session_reset(s[1], &error), LINTEL_ERR_REENTRY, "callback");
  return LINTEL_STOP;
}

static void refusals(const char *path) {
  host h = open_host(path, 128u << 20, 1);
  lintel_model *other;
  lintel_session *s[9];
  lintel_status statuses[9];
  CHECK(lintel_model_open(h.engine, path, NULL, &other, NULL) == LINTEL_OK);
  for (int i = 0; i < 9; i++)
    CHECK(lintel_session_create(i == 8 ? other : h.model, NULL, &s[i], NULL) == LINTEL_OK);
  const lintel_status argument = LINTEL_ERR_ARGUMENT;
  REFUSED(lintel_step_many(NULL, 1, 0, statuses, &error), argument, "required");
  REFUSED(lintel_step_many(s, 1, 0, NULL, &error), argument, "required");
  REFUSED(lintel_step_many(s, 0, 0, statuses, &error), argument, "count");
  REFUSED(lintel_step_many(s, 9, 0, statuses, &error), argument, "8");
  REFUSED(lintel_step_many(s, (size_t)-1, 0, statuses, &error), argument, "count");
  lintel_session *twice[3] = {s[0], s[1], s[0]}, *models[2] = {s[0], s[8]}, *null[2] = {s[0], NULL};
  lintel_session *wrong[2] = {s[0], (lintel_session *)h.model};
  REFUSED(lintel_step_many(twice, 3, 0, statuses, &error), argument, "same");
  REFUSED(lintel_step_many(models, 2, 0, statuses, &error), argument, "another model");
  REFUSED(lintel_step_many(null, 2, 0, statuses, &error), argument, "NULL");
  REFUSED(lintel_step_many(wrong, 2, 0, statuses, &error), LINTEL_ERR_HANDLE, "session");
  CHECK(lintel_step_many(s, 8, 1u << 20, statuses, NULL) == LINTEL_DONE); /* all idle */
  const int32_t id = 1;
  CHECK(lintel_session_feed_tokens(s[0], &id, 1, NULL) == LINTEL_OK);
  CHECK(lintel_session_begin(s[0], NULL, reenter, s, NULL) == LINTEL_OK);
  CHECK(lintel_step_many(s, 2, 1u << 30, statuses, NULL) == LINTEL_DONE);
  CHECK(statuses[0] == LINTEL_DONE && statuses[1] == LINTEL_DONE);
  lintel_engine_destroy(h.engine);
  free(h.block);
}

int main(int count, char **paths) {
  for (int i = 1; i < count; i++) {
    same(paths[i], 1, 64);
    same(paths[i], 2, 64);
    same(paths[i], 3, 1);
  }
  priorities(paths[1]);
  refusals(paths[1]);
  return report("together");
}
