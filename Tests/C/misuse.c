/* What a host can do wrong, call by call: a pinned status and a sentence, and everything still works.
 *
 *   misuse MODEL
 */
#include "check.h"

#define A LINTEL_ERR_ARGUMENT
#define H LINTEL_ERR_HANDLE
#define S LINTEL_ERR_STRUCT_SIZE
#define R LINTEL_ERR_RESERVED

static const char *path;
static const int32_t ids[8] = {5, 17, 300, 2, 9, 250, 31, 44};

/* Handles that are none: zeroed memory, and unaligned addresses inside it. */
static _Alignas(64) unsigned char nothing[512];

static int32_t ignore(void *user, const lintel_event *event) {
  (void)user;
  (void)event;
  return LINTEL_CONTINUE;
}

static int32_t take(void *user, uint64_t position, const float *logits, uint32_t count) {
  (void)position;
  (void)logits;
  (void)count;
  return user == NULL;
}

static void engine_arguments(void) {
  lintel_engine_options o = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_engine *e = (lintel_engine *)nothing;
  o.memory_bytes = 1 << 20;
  REFUSED(lintel_engine_create(NULL, &e, &error), A, "options");
  CHECK(e == NULL);
  REFUSED(lintel_engine_create(&o, NULL, &error), A, "out_engine");
  o.struct_size = 0;
  REFUSED(lintel_engine_create(&o, &e, &error), S, "lintel_engine_options.struct_size is 0");
  o.struct_size = sizeof o + 8;
  REFUSED(lintel_engine_create(&o, &e, &error), S, "lintel_engine_options");
  o.struct_size = sizeof o;
  for (int i = 0; i < 4; i++) {
    o.reserved[i] = 1;
    REFUSED(lintel_engine_create(&o, &e, &error), R, "lintel_engine_options.reserved");
    o.reserved[i] = 0;
  }
  o.flags = 1;
  REFUSED(lintel_engine_create(&o, &e, &error), R, "flags");
  o.flags = 0;
  o.threads = 65;
  REFUSED(lintel_engine_create(&o, &e, &error), A, "threads is 65");
  o.threads = 1;
  o.first_cpu = -1;
  REFUSED(lintel_engine_create(&o, &e, &error), A, "first_cpu");
  o.first_cpu = 0;
  o.memory_bytes = 0;
  REFUSED(lintel_engine_create(&o, &e, &error), A, "memory_bytes");
  o.memory_bytes = UINT64_MAX;
  REFUSED(lintel_engine_create(&o, &e, &error), A, "memory_bytes");
  o.memory_bytes = UINT64_MAX / 8;
  REFUSED(lintel_engine_create(&o, &e, &error), LINTEL_ERR_SYSTEM, "errno");
  o.memory_bytes = 1;
  REFUSED(lintel_engine_create(&o, &e, &error), LINTEL_ERR_BUDGET, "memory_bytes is 1");
  CHECK(e == NULL);
  /* An error of another size is left alone. */
  {
    lintel_error error = LINTEL_ERROR_INIT;
    error.struct_size = 7;
    CHECK(lintel_engine_create(NULL, &e, &error) == A);
    CHECK(error.status == 0 && error.message[0] == 0);
  }
  CHECK(lintel_engine_destroy(NULL) == LINTEL_OK);
  CHECK(lintel_engine_destroy((lintel_engine *)nothing) == H);
  CHECK(lintel_engine_destroy((lintel_engine *)(nothing + 8)) == H);
}

static void plan_arguments(void) {
  lintel_memory m = LINTEL_MEMORY_INIT;
  lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_model_options mo = LINTEL_MODEL_OPTIONS_INIT;
  lintel_session_options so = LINTEL_SESSION_OPTIONS_INIT;
  CHECK(lintel_plan(path, NULL, NULL, NULL, 1, &m, NULL) == LINTEL_OK);
  REFUSED(lintel_plan(NULL, NULL, NULL, NULL, 1, &m, &error), A, "path");
  REFUSED(lintel_plan(path, NULL, NULL, NULL, 1, NULL, &error), A, "out_memory");
  REFUSED(lintel_plan("/no/such/file", NULL, NULL, NULL, 1, &m, &error), LINTEL_ERR_FILE,
          "/no/such/file");
  REFUSED(lintel_plan("/", NULL, NULL, NULL, 1, &m, &error), LINTEL_ERR_FILE, "/");
  REFUSED(lintel_plan("/dev/null", NULL, NULL, NULL, 1, &m, &error), LINTEL_ERR_FILE, "/dev/null");
  m.struct_size = 4;
  REFUSED(lintel_plan(path, NULL, NULL, NULL, 1, &m, &error), S, "lintel_memory");
  m.struct_size = sizeof m;
  eo.struct_size = 1;
  REFUSED(lintel_plan(path, &eo, NULL, NULL, 1, &m, &error), S, "lintel_engine_options");
  mo.reserved[0] = 1;
  REFUSED(lintel_plan(path, NULL, &mo, NULL, 1, &m, &error), R, "lintel_model_options");
  so.reserved[0] = 1;
  REFUSED(lintel_plan(path, NULL, NULL, &so, 1, &m, &error), R, "lintel_session_options");
  so.reserved[0] = 0;
  so.context_tokens = UINT32_MAX;
  REFUSED(lintel_plan(path, NULL, NULL, &so, 1, &m, &error), A, "context_tokens");
  so.context_tokens = 1 << 29;
  REFUSED(lintel_plan(path, NULL, NULL, &so, 1, &m, &error), LINTEL_ERR_LIMIT, "context_tokens");
}

static void model_arguments(host h) {
  lintel_model_options o = LINTEL_MODEL_OPTIONS_INIT;
  lintel_model *m = (lintel_model *)nothing;
  lintel_engine *foreign = (lintel_engine *)h.model;
  INIT(lintel_model_info, info);
  char bytes[64];
  size_t count;
  int32_t out[4];

  REFUSED(lintel_model_open(NULL, path, NULL, &m, &error), A, "engine");
  CHECK(m == NULL);
  REFUSED(lintel_model_open(foreign, path, NULL, &m, &error), H, "engine");
  REFUSED(lintel_model_open((lintel_engine *)nothing, path, NULL, &m, &error), H, "engine");
  REFUSED(lintel_model_open(h.engine, NULL, NULL, &m, &error), A, "path");
  REFUSED(lintel_model_open(h.engine, path, NULL, NULL, &error), A, "out_model");
  REFUSED(lintel_model_open(h.engine, "/no/such", NULL, &m, &error), LINTEL_ERR_FILE, "/no/such");
  o.struct_size = 3;
  REFUSED(lintel_model_open(h.engine, path, &o, &m, &error), S, "lintel_model_options");
  o.struct_size = sizeof o;
  o.reserved[1] = 9;
  REFUSED(lintel_model_open(h.engine, path, &o, &m, &error), R, "lintel_model_options");
  o.reserved[1] = 0;
  o.flags = 1u << 31;
  REFUSED(lintel_model_open(h.engine, path, &o, &m, &error), R, "flags");
  o.flags = 0;
  o.load = 3;
  REFUSED(lintel_model_open(h.engine, path, &o, &m, &error), A, "load is 3");
  o.load = 0;
  o.chunk_tokens = 1025;
  REFUSED(lintel_model_open(h.engine, path, &o, &m, &error), A, "chunk_tokens is 1025");
  REFUSED(lintel_model_open_bytes(h.engine, NULL, 10, NULL, &m, &error), A, "bytes");
  REFUSED(lintel_model_open_bytes(h.engine, nothing + 1, 10, NULL, &m, &error), A, "64");
  REFUSED(lintel_model_open_bytes(h.engine, nothing, UINT64_MAX, NULL, &m, &error), A, "count");
  REFUSED(lintel_model_open_bytes(h.engine, nothing, 0, NULL, &m, &error), LINTEL_ERR_TRUNCATED,
          "byte 0");
  REFUSED(lintel_model_open_bytes(h.engine, nothing, 512, NULL, &m, &error), LINTEL_ERR_FORMAT,
          "GGUF");
  CHECK(m == NULL);

  CHECK(lintel_model_close(NULL) == LINTEL_OK);
  CHECK(lintel_model_close((lintel_model *)h.engine) == H);
  CHECK(lintel_model_close((lintel_model *)nothing) == H);
  {
    INIT(lintel_adapter_info, info);
    lintel_model *none = (lintel_model *)nothing;
    uint32_t slot;
    REFUSED(lintel_adapter_load(none, 0, path, NULL, &error), H, "model");
    REFUSED(lintel_adapter_load_bytes(NULL, 0, nothing, 9, NULL, &error), A, "model");
    REFUSED(lintel_adapter_unload(none, 0, &error), H, "model");
    REFUSED(lintel_adapter_find(none, "a", &slot, &error), H, "model");
    CHECK(lintel_adapter_get_info(none, 0, &info) == H);
    REFUSED(lintel_session_set_adapters((lintel_session *)nothing, NULL, 0, &error), H, "session");
    CHECK(lintel_session_get_adapters(NULL, NULL, 0, NULL) == A);
  }
  CHECK(lintel_model_get_info(NULL, &info) == A);
  CHECK(lintel_model_get_info(h.model, NULL) == A);
  info.struct_size = 8;
  CHECK(lintel_model_get_info(h.model, &info) == S);

  REFUSED(lintel_model_tokenize(NULL, "a", 1, 0, out, 4, &count, &error), A, "model");
  REFUSED(lintel_model_tokenize(h.model, NULL, 1, 0, out, 4, &count, &error), A, "text");
  REFUSED(lintel_model_tokenize(h.model, "a", 1, 2, out, 4, &count, &error), R, "flags");
  REFUSED(lintel_model_tokenize(h.model, "a", 1, 0, NULL, 4, &count, &error), A, "out_ids");
  REFUSED(lintel_model_tokenize(h.model, "a", SIZE_MAX, 0, out, 4, &count, &error), A, "text");
  REFUSED(lintel_model_tokenize(h.model, "ab\xC3(", 4, 0, out, 4, &count, &error), LINTEL_ERR_UTF8,
          "2");
  REFUSED(lintel_model_tokenize(h.model, "one two three four five", 23, 0, NULL, 0, &count, &error),
          LINTEL_ERR_CAPACITY, "");
  CHECK(count > 4);
  CHECK(lintel_model_tokenize(h.model, NULL, 0, 0, NULL, 0, &count, NULL) == LINTEL_OK);
  CHECK(count == 0);
  CHECK(lintel_model_token_bytes(h.model, -1, bytes, 64, &count) == LINTEL_ERR_TOKEN);
  CHECK(lintel_model_token_bytes(h.model, INT32_MAX, bytes, 64, &count) == LINTEL_ERR_TOKEN);
  CHECK(lintel_model_token_bytes(h.model, 5, NULL, 64, &count) == A);
  CHECK(lintel_model_token_bytes(h.model, 5, NULL, 0, &count) == LINTEL_ERR_CAPACITY && count > 0);
  CHECK(lintel_model_token_bytes(h.model, 5, bytes, 64, NULL) == LINTEL_OK);
  CHECK(lintel_engine_memory(h.engine, NULL) == A);
}

static void session_arguments(host h) {
  lintel_session_options o = LINTEL_SESSION_OPTIONS_INIT;
  lintel_session *s = (lintel_session *)nothing;
  lintel_position position = {4, 0, 0, 0};
  lintel_result result = LINTEL_RESULT_INIT;
  const int32_t bad[2] = {5, -1};
  const int32_t beyond[3] = {5, 6, 1 << 24};

  REFUSED(lintel_session_create(NULL, NULL, &s, &error), A, "model");
  CHECK(s == NULL);
  REFUSED(lintel_session_create((lintel_model *)h.engine, NULL, &s, &error), H, "model");
  REFUSED(lintel_session_create(h.model, NULL, NULL, &error), A, "out_session");
  o.struct_size = 99;
  REFUSED(lintel_session_create(h.model, &o, &s, &error), S, "lintel_session_options");
  o.struct_size = sizeof o;
  o.reserved[1] = 1;
  REFUSED(lintel_session_create(h.model, &o, &s, &error), R, "lintel_session_options");
  o.reserved[1] = 0;
  o.context_tokens = 1 << 29;
  REFUSED(lintel_session_create(h.model, &o, &s, &error), LINTEL_ERR_LIMIT, "context_tokens");
  o.context_tokens = 16;
  o.priority = 8;
  REFUSED(lintel_session_create(h.model, &o, &s, &error), A, "priority is 8");
  o.priority = 0;
  o.cache = 3;
  REFUSED(lintel_session_create(h.model, &o, &s, &error), A, "cache is 3");
  o.cache = LINTEL_CACHE_F32;
  CHECK(lintel_session_create(h.model, &o, &s, NULL) == LINTEL_OK);

  REFUSED(lintel_session_feed_tokens(NULL, ids, 8, &error), A, "session");
  REFUSED(lintel_session_feed_tokens((lintel_session *)h.model, ids, 8, &error), H, "session");
  REFUSED(lintel_session_feed_tokens(s, NULL, 8, &error), A, "ids");
  REFUSED(lintel_session_feed_tokens(s, bad, 2, &error), LINTEL_ERR_TOKEN, "token 1 is -1");
  REFUSED(lintel_session_feed_tokens(s, beyond, 3, &error), LINTEL_ERR_TOKEN, "token 2 is 16777216");
  REFUSED(lintel_session_feed_text(s, NULL, 8, 0, &error), A, "text");
  REFUSED(lintel_session_feed_text(s, "a", 1, 4, &error), R, "flags");
  REFUSED(lintel_session_feed_text(s, "abc\xFF", 4, 0, &error), LINTEL_ERR_UTF8, "3");
  REFUSED(lintel_session_feed_text(s, "\xE4\xBD", 2, 0, &error), LINTEL_ERR_UTF8, "0");
  REFUSED(lintel_session_feed_text(s, "\xED\xA0\x80", 3, 0, &error), LINTEL_ERR_UTF8, "0");
  REFUSED(lintel_session_feed_message(s, 4, "a", 1, &error), A, "role is 4");
  REFUSED(lintel_session_feed_message(s, -1, "a", 1, &error), A, "role is -1");
  REFUSED(lintel_session_begin(s, NULL, ignore, NULL, &error), LINTEL_ERR_STATE, "text");
  REFUSED(lintel_session_generate(s, NULL, ignore, NULL, NULL, &error), LINTEL_ERR_STATE, "text");
  REFUSED(lintel_session_logits(s, 0, NULL, NULL, &error), A, "on_logits");
  CHECK(lintel_session_step(s, 0, NULL, NULL) == LINTEL_DONE);
  result.struct_size = 1;
  REFUSED(lintel_session_step(s, 0, &result, &error), S, "lintel_result");
  CHECK(lintel_session_position(s, NULL) == A);
  CHECK(lintel_session_position(s, &position) == S);
  position.struct_size = sizeof position;
  CHECK(lintel_session_position(NULL, &position) == A);
  CHECK(lintel_session_position(s, &position) == LINTEL_OK);
  /* Nothing of all that was queued. */
  CHECK(position.tokens == 0 && position.pending_tokens == 0 && position.context_tokens == 16);
  CHECK(lintel_session_cancel(NULL) == A);
  CHECK(lintel_session_cancel((lintel_session *)nothing) == H);
  CHECK(lintel_session_destroy(NULL) == LINTEL_OK);

  /* The context: full to the last token, not one more, nothing half fed. */
  CHECK(lintel_session_feed_tokens(s, ids, 8, NULL) == LINTEL_OK);
  CHECK(lintel_session_feed_tokens(s, ids, 7, NULL) == LINTEL_OK);
  {
    lintel_error error = LINTEL_ERROR_INIT;
    CHECK(lintel_session_feed_tokens(s, ids, 2, &error) == LINTEL_ERR_CONTEXT_FULL);
    CHECK(error.needed == 2 && error.available == 1);
    CHECK(lintel_session_feed_text(s, "many words do not fit", 21, 0, &error) ==
          LINTEL_ERR_CONTEXT_FULL);
    CHECK(error.needed > 1 && error.available == 1 && strstr(error.message, "16"));
  }
  CHECK(lintel_session_feed_tokens(s, ids, SIZE_MAX, NULL) < 0);
  CHECK(lintel_session_feed_tokens(s, ids, SIZE_MAX / 2, NULL) < 0);
  CHECK(lintel_session_feed_tokens(s, ids, 1, NULL) == LINTEL_OK);
  CHECK(lintel_session_position(s, &position) == LINTEL_OK && position.pending_tokens == 16);
  CHECK(lintel_session_destroy(s) == LINTEL_OK);
}

static void generate_arguments(host h) {
  static const char *const stops[2] = {"fine", NULL};
  static char lengthy[140];
  static const char *const longer[1] = {lengthy};
  static const char *const empty[1] = {""};
  static const int32_t stop_tokens[2] = {1, 1 << 30};
  static const lintel_logit_bias bias[2] = {{1, 0}, {-5, 1}};
  lintel_session *s = open_session(h.model, 64);
  lintel_generate_options o, zero = LINTEL_GENERATE_OPTIONS_INIT;
  lintel_position position = {(uint32_t)sizeof(lintel_position), 0, 0, 0};
  memset(lengthy, 'x', 139);
  CHECK(lintel_session_feed_tokens(s, ids, 8, NULL) == LINTEL_OK);

#define TRY(set, status, word) \
  do { \
    o = zero; \
    set; \
    REFUSED(lintel_session_begin(s, &o, ignore, NULL, &error), status, word); \
  } while (0)
  TRY(o.struct_size = 8, S, "lintel_generate_options");
  TRY(o.reserved[1] = 1, R, "lintel_generate_options");
  TRY(o.flags = 8, R, "flags");
  TRY(o.temperature = -1, A, "temperature");
  TRY(o.temperature = (float)(0.0 / (double)(o.top_p)), A, "temperature");
  TRY(o.top_k = UINT32_MAX, A, "top_k");
  TRY(o.top_p = 1.5f, A, "top_p");
  TRY(o.top_p = -0.5f, A, "top_p");
  TRY(o.min_p = 2, A, "min_p");
  TRY(o.repetition_penalty = -1, A, "repetition_penalty");
  TRY(o.penalty_tokens = 1025, A, "penalty_tokens");
  TRY(o.logit_bias_count = 65, A, "logit_bias_count");
  TRY(o.logit_bias_count = 1, A, "logit_bias");
  TRY((o.logit_bias = bias, o.logit_bias_count = 2), LINTEL_ERR_TOKEN, "-5");
  TRY(o.stop_count = 9, A, "stop_count");
  TRY(o.stop_count = 1, A, "stops");
  TRY((o.stops = stops, o.stop_count = 2), A, "stops[1]");
  TRY((o.stops = longer, o.stop_count = 1), A, "128");
  TRY((o.stops = empty, o.stop_count = 1), A, "stop");
  TRY(o.stop_token_count = 17, A, "stop_token_count");
  TRY(o.stop_token_count = 1, A, "stop_tokens");
  TRY((o.stop_tokens = stop_tokens, o.stop_token_count = 2), LINTEL_ERR_TOKEN, "1073741824");
#undef TRY
  /* None of it began anything, and the session goes on. */
  CHECK(lintel_session_feed_tokens(s, ids, 1, NULL) == LINTEL_OK);
  CHECK(lintel_session_position(s, &position) == LINTEL_OK && position.pending_tokens == 9);
  o = zero;
  o.flags = LINTEL_GENERATE_RAW;
  o.max_tokens = 2;
  CHECK(lintel_session_begin(s, &o, ignore, NULL, NULL) == LINTEL_OK);
  REFUSED(lintel_session_begin(s, &o, ignore, NULL, &error), LINTEL_ERR_STATE, "unfinished");
  REFUSED(lintel_session_generate(s, &o, ignore, NULL, NULL, &error), LINTEL_ERR_STATE,
          "unfinished");
  REFUSED(lintel_session_feed_tokens(s, ids, 1, &error), LINTEL_ERR_STATE, "unfinished");
  REFUSED(lintel_session_feed_text(s, "a", 1, 0, &error), LINTEL_ERR_STATE, "unfinished");
  REFUSED(lintel_session_logits(s, 0, take, NULL, &error), LINTEL_ERR_STATE, "unfinished");
  CHECK(lintel_session_generate(s, NULL, NULL, NULL, NULL, NULL) == LINTEL_DONE);
  CHECK(lintel_session_destroy(s) == LINTEL_OK);
}

static void closed_handles(void) {
  host h = open_host(path, 24u << 20, 2);
  lintel_session *s = open_session(h.model, 32), *t;
  lintel_engine *engine = h.engine;
  INIT(lintel_model_info, info);
  CHECK(lintel_model_close(h.model) == LINTEL_ERR_BUSY);
  CHECK(lintel_session_destroy(s) == LINTEL_OK);
  CHECK(lintel_session_destroy(s) == H);
  REFUSED(lintel_session_feed_tokens(s, ids, 1, &error), H, "session");
  CHECK(lintel_session_cancel(s) == H);
  /* A new session in the same place is not the old one. */
  t = open_session(h.model, 32);
  CHECK(t != s);
  REFUSED(lintel_session_reset(s, &error), H, "session");
  CHECK(lintel_session_destroy(s) == H);
  CHECK(lintel_session_reset(t, NULL) == LINTEL_OK);
  CHECK(lintel_session_destroy(t) == LINTEL_OK);
  CHECK(lintel_model_close(h.model) == LINTEL_OK);
  CHECK(lintel_model_close(h.model) == H);
  CHECK(lintel_model_get_info(h.model, &info) == H);
  REFUSED(lintel_session_create(h.model, NULL, &s, &error), H, "model");
  /* Destroying an engine takes its models and sessions with it. */
  CHECK(lintel_model_open(engine, path, NULL, &h.model, NULL) == LINTEL_OK);
  s = open_session(h.model, 32);
  CHECK(lintel_engine_destroy(engine) == LINTEL_OK);
  CHECK(lintel_engine_destroy(engine) == H);
  CHECK(lintel_model_close(h.model) == H);
  CHECK(lintel_session_destroy(s) == H);
  free(h.block);
}

/* A model of words alone has no sessions. */
static void vocabulary_only(void) {
  host h = open_host(path, 24u << 20, 1);
  lintel_model_options o = LINTEL_MODEL_OPTIONS_INIT;
  lintel_model *words;
  lintel_session *s;
  int32_t out[8];
  size_t count;
  o.flags = LINTEL_MODEL_VOCABULARY_ONLY;
  CHECK(lintel_model_open(h.engine, path, &o, &words, NULL) == LINTEL_OK);
  CHECK(lintel_model_tokenize(words, "a b", 3, 0, out, 8, &count, NULL) == LINTEL_OK && count > 0);
  REFUSED(lintel_session_create(words, NULL, &s, &error), LINTEL_ERR_STATE, "vocabulary");
  CHECK(s == NULL && lintel_model_close(words) == LINTEL_OK);
  close_host(h);
}

int main(int argc, char **argv) {
  host h;
  path = argc > 1 ? argv[1] : "";
  engine_arguments();
  plan_arguments();
  h = open_host(path, 24u << 20, 1);
  model_arguments(h);
  session_arguments(h);
  generate_arguments(h);
  close_host(h);
  closed_handles();
  vocabulary_only();
  return report("misuse");
}
