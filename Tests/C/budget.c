/* The plan is what is used, to the byte; less is refused with the numbers; nothing is written
 * outside the block.
 *
 *   budget MODEL
 */
#include "check.h"

enum { GUARD = 4096 };

static unsigned char *guarded(uint64_t bytes) {
  unsigned char *all = aligned_alloc(64, (bytes + 2 * GUARD + 63) & ~(uint64_t)63);
  if (!all) exit(1);
  memset(all, 0xA5, bytes + 2 * GUARD);
  return all;
}

static int intact(const unsigned char *all, uint64_t bytes) {
  for (int i = 0; i < GUARD; i++)
    if (all[i] != 0xA5 || all[GUARD + bytes + (uint64_t)i] != 0xA5) return 0;
  return 1;
}

static int equal(const lintel_memory *a, const lintel_memory *b) {
  return a->engine_bytes == b->engine_bytes && a->model_bytes == b->model_bytes &&
         a->scratch_bytes == b->scratch_bytes && a->state_bytes == b->state_bytes &&
         a->cache_bytes == b->cache_bytes && a->adapter_bytes == b->adapter_bytes &&
         a->session_bytes == b->session_bytes &&
         a->total_bytes == b->total_bytes && a->weights_bytes == b->weights_bytes;
}

static int adds_up(const lintel_memory *m) {
  return m->total_bytes == m->engine_bytes + m->model_bytes + m->scratch_bytes + m->state_bytes +
                               m->cache_bytes + m->session_bytes + m->adapter_bytes;
}

typedef struct configuration {
  uint32_t context, sessions, threads, chunk, cache, slots, slot_bytes, rank, drafts, rewind;
} configuration;

/* Builds all of `c` in `bytes`. The status of the first refusal, or LINTEL_OK after a generation in
 * every session. Always destroyed again; the guards are checked. */
static lintel_status build(const char *path, configuration c, uint64_t bytes,
                           const lintel_memory *plan, lintel_error *error) {
  lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_model_options mo = LINTEL_MODEL_OPTIONS_INIT;
  lintel_session_options so = LINTEL_SESSION_OPTIONS_INIT;
  lintel_memory memory = LINTEL_MEMORY_INIT;
  lintel_engine *engine = NULL;
  lintel_model *model = NULL;
  lintel_session *sessions[8];
  lintel_status status;
  unsigned char *all = guarded(bytes);

  eo.memory = all + GUARD;
  eo.memory_bytes = bytes;
  eo.threads = c.threads;
  mo.chunk_tokens = c.chunk;
  mo.adapter_slots = c.slots;
  mo.adapter_slot_bytes = c.slot_bytes;
  mo.adapter_rank = c.rank;
  so.context_tokens = c.context;
  so.cache = c.cache;
  so.draft_tokens = c.drafts;
  so.rewind_tokens = c.rewind;
  status = lintel_engine_create(&eo, &engine, error);
  if (status == LINTEL_OK) status = lintel_model_open(engine, path, &mo, &model, error);
  for (uint32_t i = 0; status == LINTEL_OK && i < c.sessions; i++)
    status = lintel_session_create(model, &so, &sessions[i], error);
  if (status == LINTEL_OK && plan) {
    CHECK(lintel_engine_memory(engine, &memory) == LINTEL_OK);
    CHECK(equal(&memory, plan));
    CHECK(memory.budget_bytes == bytes);
    CHECK(adds_up(&memory));
    for (uint32_t i = 0; i < c.sessions; i++) {
      static const int32_t ids[12] = {5, 17, 300, 2, 9, 250, 31, 44, 100, 7, 8, 60};
      lintel_generate_options go = LINTEL_GENERATE_OPTIONS_INIT;
      go.max_tokens = 3;
      go.flags = LINTEL_GENERATE_RAW | LINTEL_GENERATE_IGNORE_END;
      CHECK(lintel_session_feed_tokens(sessions[i], ids, 12, NULL) == LINTEL_OK);
      CHECK(lintel_session_generate(sessions[i], &go, NULL, NULL, NULL, NULL) == LINTEL_DONE);
    }
    CHECK(lintel_engine_memory(engine, &memory) == LINTEL_OK && equal(&memory, plan));
  }
  if (engine) CHECK(lintel_engine_destroy(engine) == LINTEL_OK);
  else CHECK(status != LINTEL_OK);
  CHECK(intact(all, bytes));
  free(all);
  return status;
}

static lintel_memory planned(const char *path, configuration c) {
  lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_model_options mo = LINTEL_MODEL_OPTIONS_INIT;
  lintel_session_options so = LINTEL_SESSION_OPTIONS_INIT;
  lintel_memory plan = LINTEL_MEMORY_INIT;
  eo.threads = c.threads;
  mo.chunk_tokens = c.chunk;
  mo.adapter_slots = c.slots;
  mo.adapter_slot_bytes = c.slot_bytes;
  mo.adapter_rank = c.rank;
  so.context_tokens = c.context;
  so.cache = c.cache;
  so.draft_tokens = c.drafts;
  so.rewind_tokens = c.rewind;
  CHECK(lintel_plan(path, &eo, &mo, &so, c.sessions, &plan, NULL) == LINTEL_OK);
  CHECK(adds_up(&plan));
  CHECK(plan.budget_bytes == 0);
  CHECK((plan.adapter_bytes > 0) == (c.slots > 0));
  CHECK(plan.adapter_bytes >= (uint64_t)c.slots * c.slot_bytes);
  return plan;
}

/* A refusal for want of memory, with both numbers in the error and in its sentence. */
static void check_refusal(lintel_status status, const lintel_error *error) {
  char digits[32];
  snprintf(digits, sizeof digits, "%lld", (long long)error->needed);
  CHECK(status == LINTEL_ERR_BUDGET && error->status == LINTEL_ERR_BUDGET);
  CHECK(error->needed > error->available && error->available >= 0);
  CHECK(strstr(error->message, digits) != NULL);
  snprintf(digits, sizeof digits, "%lld", (long long)error->available);
  CHECK(strstr(error->message, digits) != NULL);
}

int main(int argc, char **argv) {
  static const configuration all[] = {
      {0, 1, 1, 0, 0, 0, 0, 0, 0, 0},       {16, 1, 1, 1, 1, 0, 0, 0, 3, 0},
      {100, 2, 1, 64, 2, 0, 0, 0, 0, 7},    {1024, 1, 2, 1024, 0, 0, 0, 0, 16, 64},
      {333, 5, 2, 7, 1, 3, 4097, 0, 1, 1},  {64, 0, 1, 0, 0, 1, 1, 1, 0, 0},
      {2048, 3, 4, 33, 2, 0, 0, 0, 0, 0},   {20, 8, 3, 2, 0, 64, 1000, 256, 8, 0},
  };
  const char *path = argc > 1 ? argv[1] : "";
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    lintel_memory plan = planned(path, all[i]);
    lintel_error error = LINTEL_ERROR_INIT;
    CHECK(build(path, all[i], plan.total_bytes, &plan, &error) == LINTEL_OK);
    check_refusal(build(path, all[i], plan.total_bytes - 1, NULL, &error), &error);
    CHECK(build(path, all[i], plan.total_bytes + 1, NULL, &error) == LINTEL_OK);
  }
  {
    const configuration c = {128, 2, 2, 16, 0, 2, 5000, 8, 4, 0};
    const lintel_memory plan = planned(path, c);
    lintel_error error = LINTEL_ERROR_INIT;
    int refusals = 0;
    CHECK(build(path, c, 0, NULL, &error) == LINTEL_ERR_ARGUMENT);
    for (uint64_t bytes = 1; bytes < plan.total_bytes; bytes += plan.total_bytes / 211 + 13) {
      lintel_error e = LINTEL_ERROR_INIT;
      check_refusal(build(path, c, bytes, NULL, &e), &e);
      refusals++;
    }
    CHECK(refusals > 200);
  }
  { /* What the refusal says is needed is enough: follow it until it works. */
    const configuration c = {300, 1, 1, 32, 0, 1, 5000, 8, 0, 2};
    const lintel_memory plan = planned(path, c);
    lintel_error error = LINTEL_ERROR_INIT;
    uint64_t bytes = 64;
    int tries = 0;
    while (tries < 10 && build(path, c, bytes, NULL, &error) == LINTEL_ERR_BUDGET) {
      bytes += (uint64_t)(error.needed - error.available);
      tries++;
    }
    CHECK(tries < 10 && bytes <= plan.total_bytes + 64);
  }
  { /* Closing gives everything back. */
    lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
    const configuration c = {64, 2, 1, 0, 0, 0, 0, 0, 0, 0};
    const lintel_memory plan = planned(path, c);
    lintel_memory before = LINTEL_MEMORY_INIT, after = LINTEL_MEMORY_INIT;
    lintel_engine *engine;
    eo.memory_bytes = plan.total_bytes;
    CHECK(lintel_engine_create(&eo, &engine, NULL) == LINTEL_OK);
    CHECK(lintel_engine_memory(engine, &before) == LINTEL_OK);
    for (int i = 0; i < 100; i++) {
      lintel_model *model;
      lintel_session *a, *b;
      lintel_session_options so = LINTEL_SESSION_OPTIONS_INIT;
      so.context_tokens = 64;
      CHECK(lintel_model_open(engine, path, NULL, &model, NULL) == LINTEL_OK);
      CHECK(lintel_session_create(model, &so, &a, NULL) == LINTEL_OK);
      CHECK(lintel_session_create(model, &so, &b, NULL) == LINTEL_OK);
      CHECK(lintel_session_destroy(i % 2 ? a : b) == LINTEL_OK);
      CHECK(lintel_session_create(model, &so, i % 2 ? &a : &b, NULL) == LINTEL_OK);
      CHECK(lintel_session_destroy(a) == LINTEL_OK && lintel_session_destroy(b) == LINTEL_OK);
      CHECK(lintel_model_close(model) == LINTEL_OK);
      CHECK(lintel_engine_memory(engine, &after) == LINTEL_OK && equal(&before, &after));
    }
    CHECK(lintel_engine_destroy(engine) == LINTEL_OK);
  }
  return report("budget");
}
