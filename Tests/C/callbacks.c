/* What callbacks and other threads may do, and what they get when they may not. Every generation has
 * exactly one END event, the last.
 *
 *   callbacks MODEL
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "check.h"

static const int32_t ids[8] = {5, 17, 300, 2, 9, 250, 31, 44};

typedef struct watch {
  lintel_session *session;
  lintel_model *model;
  lintel_engine *engine;
  int tokens, ends, after_end;
  uint32_t finish;
  uint64_t text; /* a hash of tokens and text */
  uint32_t act_at; /* at this token */
  void (*act)(struct watch *);
  int32_t answer;
  atomic_int is_running;
} watch;

static int32_t on_event(void *user, const lintel_event *e) {
  watch *w = user;
  if (w->ends) w->after_end++;
  for (size_t i = 0; i < e->text_bytes; i++)
    w->text = (w->text ^ (unsigned char)e->text[i]) * 1099511628211u;
  w->text = (w->text ^ (uint32_t)e->token) * 1099511628211u;
  w->is_running = 1;
  if (e->kind == LINTEL_EVENT_END) {
    w->ends++;
    w->finish = e->finish;
    return LINTEL_PAUSE; /* has no effect at the end */
  }
  w->tokens++;
  if (e->index + 1 != w->act_at) return LINTEL_CONTINUE;
  if (w->act) w->act(w);
  return w->answer;
}

static lintel_generate_options options(uint32_t max_tokens) {
  lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
  o.max_tokens = max_tokens;
  o.flags = LINTEL_GENERATE_RAW | LINTEL_GENERATE_IGNORE_END;
  o.temperature = 1;
  o.seed = 11;
  return o;
}

/* From a reset session: feeds and generates to the first return. */
static lintel_status run(watch *w, uint32_t max_tokens) {
  const lintel_generate_options o = options(max_tokens);
  CHECK(lintel_session_reset(w->session, NULL) == LINTEL_OK);
  CHECK(lintel_session_feed_tokens(w->session, ids, 8, NULL) == LINTEL_OK);
  return lintel_session_generate(w->session, &o, on_event, w, NULL, NULL);
}

static int ended(const watch *w, uint32_t finish, int tokens) {
  return CHECK(w->ends == 1) & CHECK(w->after_end == 0) & CHECK(w->finish == finish) &
         CHECK(tokens < 0 || w->tokens == tokens);
}

static void misbehave(watch *w) {
  lintel_position position = {(uint32_t)sizeof(lintel_position), 0, 0, 0};
  const lintel_generate_options o = options(1);
  const char *const word = "callback";
  REFUSED(lintel_session_feed_tokens(w->session, ids, 1, &error), LINTEL_ERR_REENTRY, word);
  REFUSED(lintel_session_feed_text(w->session, "a", 1, 0, &error), LINTEL_ERR_REENTRY, word);
  REFUSED(lintel_session_feed_message(w->session, LINTEL_ROLE_USER, "a", 1, &error),
          LINTEL_ERR_REENTRY, word);
  REFUSED(lintel_session_begin(w->session, &o, NULL, NULL, &error), LINTEL_ERR_REENTRY, word);
  REFUSED(lintel_session_step(w->session, 0, NULL, &error), LINTEL_ERR_REENTRY, word);
  REFUSED(lintel_session_generate(w->session, NULL, NULL, NULL, NULL, &error), LINTEL_ERR_REENTRY,
          word);
  REFUSED(lintel_session_reset(w->session, &error), LINTEL_ERR_REENTRY, word);
  CHECK(lintel_session_position(w->session, &position) == LINTEL_ERR_REENTRY);
  CHECK(lintel_session_destroy(w->session) == LINTEL_ERR_BUSY);
  CHECK(lintel_model_close(w->model) == LINTEL_ERR_BUSY);
  CHECK(lintel_engine_destroy(w->engine) == LINTEL_ERR_BUSY);
}

/* Other objects may be used: tokenizing, another session, even a new one. */
static void use_others(watch *w) {
  int32_t out[8];
  size_t count;
  lintel_session *other;
  const lintel_generate_options o = options(4);
  CHECK(lintel_model_tokenize(w->model, "hello", 5, 0, out, 8, &count, NULL) == LINTEL_OK);
  other = open_session(w->model, 64);
  CHECK(lintel_session_feed_tokens(other, ids, 8, NULL) == LINTEL_OK);
  CHECK(lintel_session_generate(other, &o, NULL, NULL, NULL, NULL) == LINTEL_DONE);
  CHECK(lintel_session_destroy(other) == LINTEL_OK);
}

static void cancel_self(watch *w) { CHECK(lintel_session_cancel(w->session) == LINTEL_OK); }

static void callbacks(host h, lintel_session *session) {
  const watch clean = {.session = session, .model = h.model, .engine = h.engine};
  watch w = clean;
  uint64_t whole;

  CHECK(run(&w, 20) == LINTEL_DONE);
  ended(&w, LINTEL_FINISH_LENGTH, 20);
  whole = w.text;

  w = clean, w.act_at = 7, w.answer = LINTEL_PAUSE;
  CHECK(run(&w, 20) == LINTEL_PAUSED);
  CHECK(w.ends == 0 && w.tokens == 7);
  CHECK(lintel_session_generate(session, NULL, NULL, NULL, NULL, NULL) == LINTEL_DONE);
  ended(&w, LINTEL_FINISH_LENGTH, 20);
  CHECK(w.text == whole);

  w = clean, w.act_at = 7, w.answer = LINTEL_PAUSE;
  CHECK(run(&w, 20) == LINTEL_PAUSED);
  for (lintel_status s = LINTEL_MORE; s == LINTEL_MORE;)
    s = lintel_session_step(session, 0, NULL, NULL);
  ended(&w, LINTEL_FINISH_LENGTH, 20);
  CHECK(w.text == whole);

  w = clean, w.act_at = 3, w.answer = LINTEL_STOP;
  CHECK(run(&w, 20) == LINTEL_DONE);
  ended(&w, LINTEL_FINISH_CALLBACK, 3);
  w = clean, w.act_at = 3, w.answer = 77;
  CHECK(run(&w, 20) == LINTEL_DONE);
  ended(&w, LINTEL_FINISH_CALLBACK, 3);

  w = clean, w.act_at = 4, w.act = misbehave;
  CHECK(run(&w, 20) == LINTEL_DONE);
  ended(&w, LINTEL_FINISH_LENGTH, 20);
  CHECK(w.text == whole);
  w = clean, w.act_at = 4, w.act = use_others;
  CHECK(run(&w, 20) == LINTEL_DONE);
  ended(&w, LINTEL_FINISH_LENGTH, 20);
  CHECK(w.text == whole);

  w = clean, w.act_at = 5, w.act = cancel_self;
  CHECK(run(&w, 20) == LINTEL_CANCELLED);
  ended(&w, LINTEL_FINISH_CANCEL, 5);
  /* What was read stays: the session goes on, and after a reset nothing is left of it. */
  CHECK(lintel_session_feed_tokens(session, ids, 2, NULL) == LINTEL_OK);
  CHECK(lintel_session_step(session, UINT64_MAX, NULL, NULL) == LINTEL_DONE);
  w = clean;
  CHECK(run(&w, 20) == LINTEL_DONE);
  CHECK(w.text == whole);

  w = clean;
  CHECK(run(&w, 1000) == LINTEL_DONE);
  ended(&w, LINTEL_FINISH_CONTEXT, -1);
  { /* Paused and cancelled; paused and reset: no END after a reset. */
    w = clean, w.act_at = 2, w.answer = LINTEL_PAUSE;
    CHECK(run(&w, 20) == LINTEL_PAUSED);
    CHECK(lintel_session_cancel(session) == LINTEL_OK);
    CHECK(lintel_session_step(session, 0, NULL, NULL) == LINTEL_CANCELLED);
    ended(&w, LINTEL_FINISH_CANCEL, 2);
    CHECK(lintel_session_step(session, 0, NULL, NULL) != LINTEL_CANCELLED);
    w = clean, w.act_at = 2, w.answer = LINTEL_PAUSE;
    CHECK(run(&w, 20) == LINTEL_PAUSED);
    CHECK(lintel_session_reset(session, NULL) == LINTEL_OK);
    CHECK(lintel_session_step(session, 0, NULL, NULL) == LINTEL_DONE && w.ends == 0);
  }
  { /* Text that is being read without a generation is dropped. */
    lintel_position p = {(uint32_t)sizeof(lintel_position), 0, 0, 0};
    CHECK(lintel_session_reset(session, NULL) == LINTEL_OK);
    CHECK(lintel_session_feed_tokens(session, ids, 8, NULL) == LINTEL_OK);
    CHECK(lintel_session_cancel(session) == LINTEL_OK);
    CHECK(lintel_session_step(session, 0, NULL, NULL) == LINTEL_CANCELLED);
    CHECK(lintel_session_position(session, &p) == LINTEL_OK);
    CHECK(p.tokens == 0 && p.pending_tokens == 0);
  }
}

/* The callback of logits: it may use the model and other sessions, not its own. */
static int32_t on_logits(void *user, uint64_t position, const float *logits, uint32_t count) {
  watch *w = user;
  (void)logits;
  w->tokens++;
  if (position == 2) {
    use_others(w);
    misbehave(w);
  }
  return position < 5 && count > 0;
}

static void logits_callback(host h, lintel_session *session) {
  watch w = {.session = session, .model = h.model, .engine = h.engine};
  lintel_position p = {(uint32_t)sizeof(lintel_position), 0, 0, 0};
  CHECK(lintel_session_reset(session, NULL) == LINTEL_OK);
  CHECK(lintel_session_feed_tokens(session, ids, 8, NULL) == LINTEL_OK);
  CHECK(lintel_session_logits(session, 0, on_logits, &w, NULL) == LINTEL_CANCELLED);
  CHECK(w.tokens == 6);
  CHECK(lintel_session_position(session, &p) == LINTEL_OK && p.pending_tokens == 0);
}

static void *generate(void *user) {
  watch *w = user;
  for (int i = 0; i < 5; i++) {
    w->text = 0, w->ends = 0, w->tokens = 0;
    if (run(w, 60) != LINTEL_DONE || w->ends != 1 || w->tokens != 60) return NULL;
  }
  return w;
}

static void *poke(void *user) {
  watch *w = user;
  int busy = 0;
  while (!w->is_running) {}
  for (int i = 0; i < 200 && !busy; i++)
    busy = lintel_session_feed_tokens(w->session, ids, 0, NULL) == LINTEL_ERR_BUSY;
  CHECK(busy);
  REFUSED(lintel_session_reset(w->session, &error), LINTEL_ERR_BUSY, "session");
  CHECK(lintel_session_destroy(w->session) == LINTEL_ERR_BUSY);
  CHECK(lintel_engine_destroy(w->engine) == LINTEL_ERR_BUSY);
  CHECK(lintel_session_cancel(w->session) == LINTEL_OK);
  return NULL;
}

static void threads(host h, lintel_session *session) {
  lintel_session *second = open_session(h.model, 128);
  const watch clean = {.session = session, .model = h.model, .engine = h.engine};
  watch a = clean, b = clean;
  pthread_t t, u;
  void *ok = NULL, *fine = NULL;
  uint64_t alone;

  /* Two sessions at once write what one alone does. */
  CHECK(generate(&a) == &a);
  alone = a.text;
  b.session = second;
  pthread_create(&t, NULL, generate, &a);
  pthread_create(&u, NULL, generate, &b);
  pthread_join(t, &ok);
  pthread_join(u, &fine);
  CHECK(ok == &a && fine == &b);
  CHECK(a.text == alone && b.text == alone);
  CHECK(lintel_session_destroy(second) == LINTEL_OK);

  /* A second thread inside a session is refused; its cancel is not. */
  for (int i = 0; i < 10; i++) {
    const lintel_generate_options o = options(0);
    lintel_result result = LINTEL_RESULT_INIT;
    lintel_session *large = open_session(h.model, 1024);
    a = clean, a.session = large;
    CHECK(lintel_session_feed_tokens(large, ids, 8, NULL) == LINTEL_OK);
    pthread_create(&t, NULL, poke, &a);
    CHECK(lintel_session_generate(large, &o, on_event, &a, &result, NULL) == LINTEL_CANCELLED);
    pthread_join(t, NULL);
    ended(&a, LINTEL_FINISH_CANCEL, -1);
    CHECK(result.finish == LINTEL_FINISH_CANCEL && result.generated_tokens == (uint64_t)a.tokens);
    CHECK(lintel_session_destroy(large) == LINTEL_OK);
  }
}

static int32_t stop_loading(void *user, uint64_t done, uint64_t total) {
  watch *w = user;
  lintel_model *model;
  CHECK(done <= total && total > 0);
  REFUSED(lintel_model_open(w->engine, "x", NULL, &model, &error), LINTEL_ERR_FILE, "x");
  CHECK(lintel_engine_destroy(w->engine) < 0);
  w->tokens++;
  return 0;
}

static void progress(host h, const char *path) {
  watch w = {.engine = h.engine};
  lintel_model_options o = LINTEL_MODEL_OPTIONS_INIT;
  lintel_memory before = LINTEL_MEMORY_INIT, after = LINTEL_MEMORY_INIT;
  lintel_model *model = h.model;
  o.load = LINTEL_LOAD_PREFAULT;
  o.chunk_tokens = 1;
  o.progress = stop_loading;
  o.progress_user = &w;
  CHECK(lintel_engine_memory(h.engine, &before) == LINTEL_OK);
  CHECK(lintel_model_open(h.engine, path, &o, &model, NULL) == LINTEL_CANCELLED);
  CHECK(model == NULL && w.tokens == 1);
  CHECK(lintel_engine_memory(h.engine, &after) == LINTEL_OK);
  CHECK(after.total_bytes == before.total_bytes);
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "";
  for (uint32_t n = 1; n <= 2; n++) {
    host h = open_host(path, 32u << 20, n);
    lintel_session *session = open_session(h.model, 128);
    callbacks(h, session);
    threads(h, session);
    progress(h, path);
    logits_callback(h, session);
    close_host(h);
  }
  return report("callbacks");
}
