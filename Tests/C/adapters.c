/* Adapter slots: what is loaded, replaced, refused and busy; sessions with different adapters get the
 * same alone and together, to the bit, whatever is loaded beside them.
 *
 *   adapters MODEL        kimi-kq-tiny: its tensors' names and shapes are used
 */
#include "adapter_file.h"
#include "check.h"

enum { SLOTS = 4, SLOT_BYTES = 512 << 10, RANK = 24, SESSIONS = 5 };

static adapter_file file;

static void good_pairs(uint64_t rank, float size) {
  add_pair(&file, "blk.0.attn_q.weight", 256, 256, 1, rank, size);
  add_pair(&file, "blk.0.attn_v.weight", 256, 256, 1, rank, size);
  add_pair(&file, "blk.0.ssm_beta.weight", 256, 4, 1, 3, size);
  add_pair(&file, "blk.0.ssm_f_b.weight", 64, 256, 1, rank, size);
  add_pair(&file, "blk.0.ffn_gate_inp.weight", 256, 4, 1, rank, size);
  add_pair(&file, "blk.1.ffn_up_exps.weight", 256, 256, 4, rank, size);
  add_pair(&file, "blk.1.ffn_down_exps.weight", 256, 256, 4, rank, size);
  add_pair(&file, "blk.1.ffn_gate_shexp.weight", 256, 256, 1, rank, size);
  add_pair(&file, "blk.1.attn_k_b.weight", 64, 256, 4, rank, size);
  add_pair(&file, "blk.1.attn_output.weight", 256, 256, 1, rank, size);
  add_pair(&file, "output.weight", 256, 768, 1, rank, size);
}

static void make_good(uint64_t rank, float size) {
  begin_adapter(&file, "kimi-linear", 16);
  good_pairs(rank, size);
  end_adapter(&file);
}

static lintel_status load(lintel_model *model, uint32_t slot, const char *name,
                          lintel_error *error) {
  return lintel_adapter_load_bytes(model, slot, file.out, file.out_bytes, name, error);
}

static host open_slots(const char *path, uint32_t threads) {
  host h;
  lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_model_options mo = LINTEL_MODEL_OPTIONS_INIT;
  lintel_error error = LINTEL_ERROR_INIT;
  h.block = NULL;
  eo.memory_bytes = 64u << 20;
  eo.threads = threads;
  mo.chunk_tokens = 16;
  mo.adapter_slots = SLOTS;
  mo.adapter_slot_bytes = SLOT_BYTES;
  mo.adapter_rank = RANK;
  if (lintel_engine_create(&eo, &h.engine, &error) ||
      lintel_model_open(h.engine, path, &mo, &h.model, &error)) {
    printf("no engine: %s\n", error.message);
    exit(1);
  }
  return h;
}

static void slots(const char *path) {
  host h = open_slots(path, 2);
  lintel_session *session = open_session(h.model, 64);
  INIT(lintel_adapter_info, info);
  lintel_adapter_use use[9];
  uint32_t slot = 99, count = 99;
  uint64_t first;
  memset(use, 0, sizeof use);
  use[0].scale = 1;

  CHECK(lintel_adapter_get_info(h.model, 0, &info) == LINTEL_OK && info.is_loaded == 0);
  CHECK(info.struct_size == sizeof info && info.rank == 0 && info.name[0] == 0);
  REFUSED(lintel_session_set_adapters(session, use, 1, &error), LINTEL_ERR_STATE, "slot 0");
  make_good(8, 0.05f);
  CHECK(load(h.model, 0, NULL, NULL) == LINTEL_OK);
  CHECK(lintel_adapter_get_info(h.model, 0, &info) == LINTEL_OK);
  CHECK(info.is_loaded == 1 && info.rank == 8 && info.map_count == 11 && info.alpha == 16);
  CHECK(!strcmp(info.name, "made for a test") && !strcmp(info.architecture, "kimi-linear"));
  CHECK(info.slot_bytes > 0 && info.slot_bytes <= SLOT_BYTES && info.session_count == 0);
  first = info.content_hash;
  CHECK(load(h.model, 1, "navigation", NULL) == LINTEL_OK);
  CHECK(lintel_adapter_find(h.model, "navigation", &slot, NULL) == LINTEL_OK && slot == 1);
  CHECK(lintel_adapter_find(h.model, "made for a test", &slot, NULL) == LINTEL_OK && slot == 0);
  REFUSED(lintel_adapter_find(h.model, "phone", &slot, &error), LINTEL_ERR_MISSING, "phone");
  REFUSED(lintel_adapter_find(h.model, NULL, &slot, &error), LINTEL_ERR_ARGUMENT, "name");

  /* In use. */
  CHECK(lintel_session_set_adapters(session, use, 1, NULL) == LINTEL_OK);
  CHECK(lintel_session_get_adapters(session, use + 1, 1, &count) == LINTEL_OK && count == 1);
  CHECK(use[1].slot == 0 && use[1].scale == 1);
  CHECK(lintel_adapter_get_info(h.model, 0, &info) == LINTEL_OK && info.session_count == 1);
  REFUSED(load(h.model, 0, NULL, &error), LINTEL_ERR_BUSY, "slot 0 is used by 1");
  REFUSED(lintel_adapter_unload(h.model, 0, &error), LINTEL_ERR_BUSY, "slot 0");
  CHECK(lintel_session_reset(session, NULL) == LINTEL_OK);
  REFUSED(load(h.model, 0, NULL, &error), LINTEL_ERR_BUSY, "slot 0");
  CHECK(lintel_session_set_adapters(session, NULL, 0, NULL) == LINTEL_OK);
  make_good(8, 0.06f);
  CHECK(load(h.model, 0, NULL, NULL) == LINTEL_OK);
  CHECK(lintel_adapter_get_info(h.model, 0, &info) == LINTEL_OK && info.content_hash != first);
  CHECK(lintel_adapter_unload(h.model, 0, NULL) == LINTEL_OK);
  CHECK(lintel_adapter_unload(h.model, 0, NULL) == LINTEL_OK);
  CHECK(lintel_adapter_get_info(h.model, 0, &info) == LINTEL_OK && info.is_loaded == 0);
  use[0].slot = 1;
  CHECK(lintel_session_set_adapters(session, use, 1, NULL) == LINTEL_OK);
  REFUSED(lintel_adapter_unload(h.model, 1, &error), LINTEL_ERR_BUSY, "slot 1");
  CHECK(lintel_session_destroy(session) == LINTEL_OK);
  CHECK(lintel_adapter_unload(h.model, 1, NULL) == LINTEL_OK);

  /* Arguments. */
  session = open_session(h.model, 64);
  make_good(16, 0.05f);
  CHECK(load(h.model, 0, NULL, NULL) == LINTEL_OK && load(h.model, 2, NULL, NULL) == LINTEL_OK);
  use[0].slot = 0;
  use[1] = use[0];
  REFUSED(lintel_session_set_adapters(session, use, 2, &error), LINTEL_ERR_ARGUMENT, "twice");
  use[1].slot = 2;
  REFUSED(lintel_session_set_adapters(session, use, 2, &error), LINTEL_ERR_LIMIT, "32");
  use[1].slot = SLOTS;
  REFUSED(lintel_session_set_adapters(session, use, 2, &error), LINTEL_ERR_ARGUMENT, "slot 4");
  use[1].slot = UINT32_MAX;
  REFUSED(lintel_session_set_adapters(session, use, 2, &error), LINTEL_ERR_ARGUMENT, "slot");
  REFUSED(lintel_session_set_adapters(session, NULL, 1, &error), LINTEL_ERR_ARGUMENT, "uses");
  REFUSED(lintel_session_set_adapters(session, use, 9, &error), LINTEL_ERR_ARGUMENT, "8");
  {
    const uint32_t infinity = 0x7F800000;
    memcpy(&use[0].scale, &infinity, 4);
    REFUSED(lintel_session_set_adapters(session, use, 1, &error), LINTEL_ERR_ARGUMENT, "scale");
    use[0].scale = 0;
    CHECK(lintel_session_set_adapters(session, use, 1, NULL) == LINTEL_OK);
  }
  CHECK(lintel_session_get_adapters(session, NULL, 0, &count) == LINTEL_OK && count == 1);
  REFUSED(load(h.model, SLOTS, NULL, &error), LINTEL_ERR_ARGUMENT, "slot 4");
  REFUSED(lintel_adapter_unload(h.model, SLOTS, &error), LINTEL_ERR_ARGUMENT, "slot 4");
  CHECK(lintel_adapter_get_info(h.model, SLOTS, &info) == LINTEL_ERR_ARGUMENT);
  CHECK(lintel_adapter_get_info(h.model, 0, NULL) == LINTEL_ERR_ARGUMENT);
  info.struct_size = 4;
  CHECK(lintel_adapter_get_info(h.model, 0, &info) == LINTEL_ERR_STRUCT_SIZE);
  REFUSED(lintel_adapter_load(h.model, 1, NULL, NULL, &error), LINTEL_ERR_ARGUMENT, "path");
  REFUSED(lintel_adapter_load(h.model, 1, "/nowhere/at/all", NULL, &error), LINTEL_ERR_FILE,
          "nowhere");
  REFUSED(lintel_adapter_load(h.model, 1, path, NULL, &error), LINTEL_ERR_UNSUPPORTED,
          "not an adapter");
  info.struct_size = sizeof info;
  REFUSED(lintel_adapter_inspect(path, &info, &error), LINTEL_ERR_UNSUPPORTED, "not an adapter");
  REFUSED(lintel_adapter_inspect(NULL, &info, &error), LINTEL_ERR_ARGUMENT, "path");
  REFUSED(lintel_adapter_load_bytes(h.model, 1, NULL, 9, NULL, &error), LINTEL_ERR_ARGUMENT,
          "bytes");
  {
    char name[200];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    REFUSED(load(h.model, 1, name, &error), LINTEL_ERR_ARGUMENT, "name");
    name[127] = 0;
    CHECK(load(h.model, 1, name, NULL) == LINTEL_OK);
    CHECK(lintel_adapter_find(h.model, name, &slot, NULL) == LINTEL_OK && slot == 1);
  }
  { /* While text is being read, and between two steps of a generation. */
    static const int32_t ids[4] = {1, 2, 3, 4};
    lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
    CHECK(lintel_session_feed_tokens(session, ids, 4, NULL) == LINTEL_OK);
    CHECK(lintel_session_step(session, 0, NULL, NULL) == LINTEL_MORE);
    REFUSED(lintel_session_set_adapters(session, NULL, 0, &error), LINTEL_ERR_STATE, "pass");
    while (lintel_session_step(session, 0, NULL, NULL) == LINTEL_MORE) {}
    CHECK(lintel_session_set_adapters(session, NULL, 0, NULL) == LINTEL_OK);
    o.max_tokens = 2;
    o.flags = LINTEL_GENERATE_RAW;
    CHECK(lintel_session_begin(session, &o, NULL, NULL, NULL) == LINTEL_OK);
    REFUSED(lintel_session_set_adapters(session, NULL, 0, &error), LINTEL_ERR_STATE, "generation");
  }
  CHECK(lintel_engine_destroy(h.engine) == LINTEL_OK);
}

/* The refusal of what has been put together, which leaves slot 0 as it was. */
static void broken_(lintel_model *model, lintel_status wanted, const char *word, int line) {
  INIT(lintel_adapter_info, before);
  INIT(lintel_adapter_info, after);
  lintel_error error = LINTEL_ERROR_INIT;
  end_adapter(&file);
  CHECK(lintel_adapter_get_info(model, 0, &before) == LINTEL_OK);
  const lintel_status got = load(model, 0, NULL, &error);
  refused_(got, wanted, &error, word, "load", __FILE__, line);
  CHECK(lintel_adapter_get_info(model, 0, &after) == LINTEL_OK);
  CHECK(!memcmp(&before, &after, sizeof before));
}
#define BROKEN(status, word) broken_(h.model, status, word, __LINE__)

static void refusals(const char *path) {
  host h = open_slots(path, 1);
  make_good(8, 0.05f);
  CHECK(load(h.model, 0, "kept", NULL) == LINTEL_OK);

  begin_adapter(&file, "qwen35", 1);
  good_pairs(4, 1);
  BROKEN(LINTEL_ERR_UNSUPPORTED, "qwen35");
  begin_adapter(&file, "kimi-linear", 1);
  BROKEN(LINTEL_ERR_MISSING, "no tensors");
  begin_adapter(&file, "kimi-linear", 1);
  add_float(&file, "adapter.lora.alpha", 2);
  good_pairs(4, 1);
  BROKEN(LINTEL_ERR_DUPLICATE, "adapter.lora.alpha");
  begin_adapter(&file, "kimi-linear", 1);
  add_text(&file, "adapter.alora.invocation_tokens", "1 2");
  good_pairs(4, 1);
  BROKEN(LINTEL_ERR_UNSUPPORTED, "invocation");
  begin_adapter(&file, "kimi-linear", 1);
  add_text(&file, "adapter.lora.new_thing", "x");
  good_pairs(4, 1);
  BROKEN(LINTEL_ERR_UNSUPPORTED, "adapter.lora.new_thing");

  begin_adapter(&file, "kimi-linear", 1);
  good_pairs(4, 1);
  add_tensor(&file, "blk.0.attn_q.weight", ".lora_magnitude_vector", 256, 1, 1, 1);
  BROKEN(LINTEL_ERR_UNSUPPORTED, "DoRA");
  begin_adapter(&file, "kimi-linear", 1);
  good_pairs(4, 1);
  add_tensor(&file, "blk.0.attn_norm.weight", "", 256, 1, 1, 1);
  BROKEN(LINTEL_ERR_UNSUPPORTED, "blk.0.attn_norm.weight");
  begin_adapter(&file, "kimi-linear", 1);
  add_pair(&file, "blk.0.attn_norm.weight", 256, 1, 1, 4, 1);
  BROKEN(LINTEL_ERR_UNSUPPORTED, "not a linear map");
  begin_adapter(&file, "kimi-linear", 1);
  add_pair(&file, "token_embd.weight", 256, 768, 1, 4, 1);
  BROKEN(LINTEL_ERR_UNSUPPORTED, "token_embd");
  begin_adapter(&file, "kimi-linear", 1);
  add_pair(&file, "blk.9.attn_q.weight", 256, 256, 1, 4, 1);
  BROKEN(LINTEL_ERR_UNSUPPORTED, "blk.9.attn_q.weight");
  begin_adapter(&file, "kimi-linear", 1);
  add_pair(&file, "blk.0.ssm_conv1d_q.weight", 4, 256, 1, 4, 1);
  BROKEN(LINTEL_ERR_UNSUPPORTED, "ssm_conv1d_q");

  begin_adapter(&file, "kimi-linear", 1);
  add_tensor(&file, "blk.0.attn_q.weight", ".lora_a", 256, 4, 1, 1);
  BROKEN(LINTEL_ERR_MISSING, ".lora_a");
  begin_adapter(&file, "kimi-linear", 1);
  add_tensor(&file, "blk.0.attn_q.weight", ".lora_b", 4, 256, 1, 1);
  BROKEN(LINTEL_ERR_MISSING, ".lora_b");
  begin_adapter(&file, "kimi-linear", 1);
  add_pair(&file, "blk.0.attn_q.weight", 256, 256, 1, 4, 1);
  add_tensor(&file, "blk.0.attn_q.weight", ".lora_a", 256, 4, 1, 1);
  BROKEN(LINTEL_ERR_DUPLICATE, "blk.0.attn_q.weight.lora_a");
  begin_adapter(&file, "kimi-linear", 1);
  add_tensor(&file, "blk.0.attn_q.weight", ".lora_a", 256, 4, 1, 1);
  add_tensor(&file, "blk.0.attn_q.weight", ".lora_b", 5, 256, 1, 1);
  BROKEN(LINTEL_ERR_SHAPE, "rank 4");
  begin_adapter(&file, "kimi-linear", 1);
  add_pair(&file, "blk.0.attn_q.weight", 255, 256, 1, 4, 1);
  BROKEN(LINTEL_ERR_SHAPE, "[255, 4, 1, 1]");
  begin_adapter(&file, "kimi-linear", 1);
  add_pair(&file, "blk.0.attn_q.weight", 256, 257, 1, 4, 1);
  BROKEN(LINTEL_ERR_SHAPE, "[4, 257, 1, 1]");
  begin_adapter(&file, "kimi-linear", 1);
  add_pair(&file, "blk.1.ffn_up_exps.weight", 256, 256, 3, 4, 1);
  BROKEN(LINTEL_ERR_SHAPE, "blk.1.ffn_up_exps.weight");
  begin_adapter(&file, "kimi-linear", 1);
  add_pair(&file, "blk.0.attn_q.weight", 256, 256, 2, 4, 1);
  BROKEN(LINTEL_ERR_SHAPE, "blk.0.attn_q.weight");
  begin_adapter(&file, "kimi-linear", 1);
  add_pair(&file, "blk.0.attn_q.weight", 256, 256, 1, RANK + 1, 1);
  BROKEN(LINTEL_ERR_LIMIT, "rank 25");
  begin_adapter(&file, "kimi-linear", 1);
  add_pair(&file, "blk.1.attn_kv_b.weight", 256, 512, 1, 4, 1);
  add_pair(&file, "blk.1.attn_v_b.weight", 256, 64, 4, 4, 1);
  BROKEN(LINTEL_ERR_DUPLICATE, "blk.1.attn_kv_b.weight");
  begin_adapter(&file, "kimi-linear", 1);
  add_pair(&file, "blk.0.attn_q.weight", 256, 256, 1, 4, 7e4f);
  BROKEN(LINTEL_ERR_UNSUPPORTED, "half precision");
  begin_adapter(&file, "kimi-linear", 1);
  for (int i = 0; i < 2; i++)
    add_pair(&file, i ? "blk.1.ffn_up_exps.weight" : "blk.1.ffn_gate_exps.weight", 256, 256, 4, RANK,
             1);
  add_pair(&file, "output.weight", 256, 768, 1, RANK, 1);
  add_pair(&file, "blk.0.ffn_gate_exps.weight", 256, 256, 4, RANK, 1);
  add_pair(&file, "blk.0.ffn_up_exps.weight", 256, 256, 4, RANK, 1);
  add_pair(&file, "blk.0.ffn_down_exps.weight", 256, 256, 4, RANK, 1);
  BROKEN(LINTEL_ERR_BUDGET, "adapter_slot_bytes");

  /* Cut short, everywhere. */
  make_good(4, 0.05f);
  const size_t whole = file.out_bytes;
  int refused = 0, tried = 0;
  for (size_t n = 0; n < whole; n += n < 4096 ? 1 : 4093) {
    lintel_error error = LINTEL_ERROR_INIT;
    const lintel_status s = lintel_adapter_load_bytes(h.model, 0, file.out, n, NULL, &error);
    tried++;
    refused += s < 0 && error.status == s && error.message[0] != 0;
  }
  CHECK(refused == tried);
  CHECK(load(h.model, 0, NULL, NULL) == LINTEL_OK);
  CHECK(lintel_engine_destroy(h.engine) == LINTEL_OK);
}

static void options(const char *path) {
  lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_engine *engine;
  lintel_model *model;
  eo.memory_bytes = 32u << 20;
  CHECK(lintel_engine_create(&eo, &engine, NULL) == LINTEL_OK);
  lintel_model_options o = LINTEL_MODEL_OPTIONS_INIT;
  o.adapter_slots = 65;
  o.adapter_slot_bytes = 1;
  REFUSED(lintel_model_open(engine, path, &o, &model, &error), LINTEL_ERR_ARGUMENT, "64");
  o.adapter_slots = 1;
  o.adapter_slot_bytes = 0;
  REFUSED(lintel_model_open(engine, path, &o, &model, &error), LINTEL_ERR_ARGUMENT,
          "adapter_slot_bytes");
  o.adapter_slot_bytes = UINT64_MAX;
  REFUSED(lintel_model_open(engine, path, &o, &model, &error), LINTEL_ERR_ARGUMENT,
          "adapter_slot_bytes");
  o.adapter_slot_bytes = 1;
  o.adapter_rank = 257;
  REFUSED(lintel_model_open(engine, path, &o, &model, &error), LINTEL_ERR_ARGUMENT, "256");
  o.adapter_rank = 1;
  o.flags = LINTEL_MODEL_VOCABULARY_ONLY;
  REFUSED(lintel_model_open(engine, path, &o, &model, &error), LINTEL_ERR_ARGUMENT, "vocabulary");
  o.flags = 0;
  o.adapter_slots = 0;
  REFUSED(lintel_model_open(engine, path, &o, &model, &error), LINTEL_ERR_ARGUMENT,
          "adapter_slots");
  o.adapter_slots = 64;
  o.adapter_slot_bytes = 64u << 20;
  REFUSED(lintel_model_open(engine, path, &o, &model, &error), LINTEL_ERR_BUDGET, "adapter");
  CHECK(lintel_model_open(engine, path, NULL, &model, NULL) == LINTEL_OK);
  make_good(1, 1);
  REFUSED(load(model, 0, NULL, &error), LINTEL_ERR_ARGUMENT, "adapter_slots");
  CHECK(lintel_engine_destroy(engine) == LINTEL_OK);
}

/* Tokens and log-probabilities of a generation. */
typedef struct watch {
  lintel_session *session;
  lintel_model *reload; /* a model whose slot 3 is loaded anew at every token */
  uint64_t hash;
  int ends;
} watch;

static void mix(watch *w, const void *p, size_t bytes) {
  const unsigned char *b = p;
  for (size_t i = 0; i < bytes; i++) w->hash = (w->hash ^ b[i]) * 1099511628211u;
}

static int32_t on_event(void *user, const lintel_event *e) {
  watch *w = user;
  mix(w, &e->token, sizeof e->token);
  mix(w, &e->log_probability, sizeof e->log_probability);
  w->ends += e->kind == LINTEL_EVENT_END;
  if (w->reload) CHECK(load(w->reload, 3, NULL, NULL) == LINTEL_OK);
  return LINTEL_CONTINUE;
}

static void start(watch *w, int i) {
  int32_t ids[40];
  uint32_t x = 5u + (uint32_t)i;
  lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
  const size_t count = 5 + 9 * (size_t)(i % 3);
  /* None; one; another; both; both the other way, the second weaker. */
  static const lintel_adapter_use uses[SESSIONS][2] = {
      {{0, 0}, {0, 0}}, {{0, 1}, {0, 0}}, {{1, -0.5f}, {0, 0}}, {{0, 1}, {1, 1}}, {{1, 1}, {0, 0.25f}}};
  static const uint32_t counts[SESSIONS] = {0, 1, 1, 2, 2};
  for (size_t t = 0; t < count; t++) {
    x = x * 1664525u + 1013904223u;
    ids[t] = (int32_t)(x >> 24);
  }
  w->hash = 14695981039346656037u;
  w->ends = 0;
  CHECK(lintel_session_reset(w->session, NULL) == LINTEL_OK);
  CHECK(lintel_session_set_adapters(w->session, uses[i], counts[i], NULL) == LINTEL_OK);
  CHECK(lintel_session_feed_tokens(w->session, ids, count, NULL) == LINTEL_OK);
  o.max_tokens = 12;
  o.flags = LINTEL_GENERATE_RAW | LINTEL_GENERATE_IGNORE_END;
  CHECK(lintel_session_begin(w->session, &o, on_event, w, NULL) == LINTEL_OK);
}

static void together(const char *path) {
  uint64_t first[SESSIONS];
  for (uint32_t threads = 1; threads <= 3; threads++) {
    host h = open_slots(path, threads);
    watch w[SESSIONS];
    lintel_session *list[SESSIONS];
    lintel_status statuses[SESSIONS], status;
    memset(w, 0, sizeof w);
    make_good(16, 0.05f);
    CHECK(load(h.model, 0, NULL, NULL) == LINTEL_OK);
    make_good(7, 0.08f);
    CHECK(load(h.model, 1, NULL, NULL) == LINTEL_OK);
    for (int i = 0; i < SESSIONS; i++) {
      list[i] = w[i].session = open_session(h.model, 64);
      start(&w[i], i);
      while (lintel_session_step(w[i].session, 0, NULL, NULL) == LINTEL_MORE) {}
      CHECK(w[i].ends == 1);
      if (threads == 1) first[i] = w[i].hash;
      else CHECK(first[i] == w[i].hash);
      for (int k = 0; k < i; k++) CHECK(first[k] != first[i]);
    }
    /* One pass for all; then in turns, a unit each; and with a slot being replaced all the time. */
    for (int i = 0; i < SESSIONS; i++) start(&w[i], i);
    do status = lintel_step_many(list, SESSIONS, 0, statuses, NULL);
    while (status == LINTEL_MORE);
    for (int i = 0; i < SESSIONS; i++) CHECK(w[i].hash == first[i] && w[i].ends == 1);
    for (int reloads = 0; reloads < 2; reloads++) {
      int more = 1;
      for (int i = 0; i < SESSIONS; i++) {
        start(&w[i], i);
        w[i].reload = reloads ? h.model : NULL;
      }
      while (more) {
        more = 0;
        for (int i = 0; i < SESSIONS; i++)
          if (!w[i].ends) more |= lintel_session_step(w[i].session, 0, NULL, NULL) == LINTEL_MORE;
      }
      for (int i = 0; i < SESSIONS; i++) CHECK(w[i].hash == first[i] && w[i].ends == 1);
    }
    CHECK(lintel_engine_destroy(h.engine) == LINTEL_OK);
  }
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "";
  slots(path);
  refusals(path);
  options(path);
  together(path);
  return report("adapters");
}
