/* The work of driver.h, done by Lintel. */
#include "driver.h"
#include "lintel.h"

static lintel_engine *engine;
static lintel_model *model;
static lintel_session *sessions[8];
static int vocabulary, filled;
static lintel_error error = LINTEL_ERROR_INIT;

static void ok(lintel_status status) {
  if (status < 0) {
    fprintf(stderr, "%s: %s\n", lintel_status_name(status), error.message);
    exit(1);
  }
}

static void feed(lintel_session *s, int from, int count) {
  int32_t *ids = malloc((size_t)count * sizeof *ids);
  for (int i = 0; i < count; i++) ids[i] = prompt_token(from + i, vocabulary);
  ok(lintel_session_feed_tokens(s, ids, (size_t)count, &error));
  free(ids);
}

/* When the first and the last token of a generation came, and which they were, if that is asked for. */
struct times {
  double first, last;
  int32_t *ids;
};

static int32_t on_event(void *user, const lintel_event *e) {
  struct times *t = user;
  if (e->kind != LINTEL_EVENT_TOKEN) return LINTEL_CONTINUE;
  t->last = now();
  if (e->index == 0) t->first = t->last;
  if (t->ids) t->ids[e->index] = e->token;
  return LINTEL_CONTINUE;
}

static lintel_generate_options greedy(int tokens) {
  lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
  o.max_tokens = (uint32_t)tokens;
  o.flags = LINTEL_GENERATE_RAW | LINTEL_GENERATE_IGNORE_END;
  return o;
}

/* The tokens go to `ids`, unless that is NULL. */
static struct times generate(lintel_session *s, int tokens, int32_t *ids) {
  struct times t = {0, 0, ids};
  lintel_generate_options o = greedy(tokens);
  ok(lintel_session_generate(s, &o, on_event, &t, NULL, &error));
  return t;
}

static void read_all(lintel_session *s) {
  while (lintel_session_step(s, 1000000000, NULL, &error) == LINTEL_MORE) continue;
}

static void together(const char *word, int tokens) {
  struct times t[8] = {0};
  lintel_status statuses[8];
  lintel_generate_options o = greedy(tokens + 1);
  double last = 0;
  for (int i = 0; i < session_count; i++) {
    ok(lintel_session_reset(sessions[i], &error));
    feed(sessions[i], 100 * i, 16);
    read_all(sessions[i]);
    ok(lintel_session_begin(sessions[i], &o, on_event, &t[i], &error));
  }
  while (lintel_step_many(sessions, (size_t)session_count, 1000000000, statuses, &error) ==
         LINTEL_MORE)
    continue;
  for (int i = 0; i < session_count; i++)
    if (t[i].last > last) last = t[i].last;
  print_rate(word, session_count * tokens, last - t[session_count - 1].first);
}

static void fill(lintel_session *s, int position) {
  if (position <= filled) return;
  feed(s, filled, position - filled);
  read_all(s);
  filled = position;
}

static int position(lintel_session *s) {
  lintel_position p = {0};
  p.struct_size = sizeof p;
  ok(lintel_session_position(s, &p));
  return (int)(p.tokens + p.pending_tokens);
}

/* XXH64 with seed 0: what a snapshot ends with. */
static uint64_t checksum(const char *bytes, size_t count) {
  const uint64_t p1 = 0x9E3779B185EBCA87, p2 = 0xC2B2AE3D27D4EB4F, p3 = 0x165667B19E3779F9;
  const uint64_t p4 = 0x85EBCA77C2B2AE63, p5 = 0x27D4EB2F165667C5;
#define TURN(x, n) ((x) << (n) | (x) >> (64 - (n)))
#define LANE(state, x) (TURN((state) + (x) * p2, 31) * p1)
  const char *end = bytes + count;
  uint64_t v[4] = {p1 + p2, p2, 0, 0 - p1}, h = p5;
  if (count >= 32) {
    for (; end - bytes >= 32; bytes += 32)
      for (int i = 0; i < 4; i++) v[i] = LANE(v[i], long_at(bytes + 8 * i));
    h = TURN(v[0], 1) + TURN(v[1], 7) + TURN(v[2], 12) + TURN(v[3], 18);
    for (int i = 0; i < 4; i++) h = (h ^ LANE((uint64_t)0, v[i])) * p1 + p4;
  }
  h += count;
  for (; end - bytes >= 8; bytes += 8) {
    h ^= LANE((uint64_t)0, long_at(bytes));
    h = TURN(h, 27) * p1 + p4;
  }
  for (; end - bytes >= 4; bytes += 4) {
    h ^= word_at(bytes) * p1;
    h = TURN(h, 23) * p2 + p3;
  }
  for (; bytes < end; bytes++) {
    h ^= (unsigned char)*bytes * p5;
    h = TURN(h, 11) * p1;
  }
#undef LANE
#undef TURN
  h = (h ^ h >> 33) * p2;
  h = (h ^ h >> 29) * p3;
  return h ^ h >> 32;
}

/* The layout is that of Sources/Session/SnapshotHeader.swift. */
static void deepen(lintel_session *s, int wanted) {
  enum { VERSION = 1, HEADER = 256, CHECKSUM = 8 };
  lintel_model_info info = {0};
  info.struct_size = sizeof info;
  ok(lintel_model_get_info(model, &info));
  uint32_t layers = info.attention_layers;
  if (layers < 1) die("deepen: the model has no attention cache");
  read_all(s);
  filled = position(s);
  if (filled < 1 || wanted < filled) die("deepen: needs text, and a position not before its end");
  uint64_t size = 0;
  ok(lintel_session_snapshot_bytes(s, &size));
  char *saved = allocate(size);
  ok(lintel_session_save(s, saved, size, NULL, &error));
  uint64_t row = long_at(saved + 48) / layers;
  if (word_at(saved + 8) != VERSION || row * layers != long_at(saved + 48))
    die("deepen: a snapshot of a format that is not known here");
  if (word_at(saved + 60) != (uint32_t)filled || word_at(saved + 64) != (uint32_t)filled)
    die("deepen: text is left to read");

  uint64_t whole = size + (uint64_t)(wanted - filled) * (sizeof(int32_t) + row * layers);
  uint32_t count = (uint32_t)wanted;
  char *deep = allocate(whole);
  struct deepening d = {saved, deep, saved + size, filled, wanted};
  keep(&d, HEADER);
  memcpy(deep + 16, &whole, sizeof whole);
  memcpy(deep + 60, &count, sizeof count);
  memcpy(deep + 64, &count, sizeof count);
  repeat(&d, sizeof(int32_t));
  keep(&d, 4 * (long_at(saved + 32) + long_at(saved + 40))); /* recurrent, history */
  for (uint32_t i = 0; i < layers; i++) repeat(&d, row);
  keep(&d, (size_t)(d.end - d.from) - CHECKSUM); /* logits */
  uint64_t sum = checksum(deep, whole - CHECKSUM);
  if (wanted == filled && sum != long_at(d.from)) die("deepen: the checksum is not that of the engine");
  memcpy(d.to, &sum, sizeof sum);
  free(saved);
  ok(lintel_session_restore(s, deep, whole, &error));
  free(deep);
  filled = wanted;
}

static void engine_run(const char *word, const char *kind, int a, int b) {
  lintel_session *s = sessions[0];
  if (!strcmp(kind, "decode")) {
    ok(lintel_session_reset(s, &error));
    feed(s, 0, a);
    struct times t = generate(s, b + 1, NULL);
    print_rate(word, b, t.last - t.first);
  } else if (!strcmp(kind, "prefill")) {
    ok(lintel_session_reset(s, &error));
    feed(s, 0, a);
    double start = now();
    struct times t = generate(s, 1, NULL);
    print_rate(word, a, t.first - start);
  } else if (!strcmp(kind, "rows")) {
    ok(lintel_session_reset(s, &error));
    feed(s, 0, 16);
    read_all(s);
    double start = now();
    for (int i = 0; i < b; i++) {
      feed(s, 16 + i * a, a);
      read_all(s);
    }
    print_rate(word, a * b, now() - start);
  } else if (!strcmp(kind, "together")) {
    together(word, a);
  } else if (!strcmp(kind, "fill")) {
    int before = filled;
    double start = now();
    fill(s, a);
    print_rate(word, filled - before, now() - start);
  } else if (!strcmp(kind, "depth")) {
    fill(s, a);
    int32_t *ids = allocate((size_t)(b + 1) * sizeof *ids);
    struct times t = generate(s, b + 1, ids);
    print_tokens(word, ids + 1, b, t.last - t.first);
    free(ids);
    filled = position(s);
  } else if (!strcmp(kind, "deepen")) {
    double start = now();
    deepen(s, a);
    print_rate(word, a, now() - start);
  } else {
    die("no such work");
  }
}

int main(int argc, char **argv) {
  if (argc < 4) die("MODEL THREADS CONTEXT WORK...");
  int first = 4;
  while (first < argc && take_option(argv[first])) first++;
  lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_model_options mo = LINTEL_MODEL_OPTIONS_INIT;
  lintel_session_options so = LINTEL_SESSION_OPTIONS_INIT;
  lintel_memory plan = LINTEL_MEMORY_INIT;
  eo.threads = (uint32_t)atoi(argv[2]);
  mo.chunk_tokens = 256;
  mo.load = LINTEL_LOAD_PREFAULT;
  so.context_tokens = (uint32_t)atoi(argv[3]);
  if (adapter_path) {
    lintel_adapter_info info = {0};
    info.struct_size = sizeof info;
    ok(lintel_adapter_inspect(adapter_path, &info, &error));
    mo.adapter_slots = 1;
    mo.adapter_slot_bytes = info.slot_bytes;
    mo.adapter_rank = info.rank;
  }
  private_before = rollup("Private_Dirty");
  double start = now();
  ok(lintel_plan(argv[1], &eo, &mo, &so, (uint32_t)session_count, &plan, &error));
  eo.memory_bytes = plan.total_bytes;
  ok(lintel_engine_create(&eo, &engine, &error));
  ok(lintel_model_open(engine, argv[1], &mo, &model, &error));
  if (adapter_path) ok(lintel_adapter_load(model, 0, adapter_path, NULL, &error));
  for (int i = 0; i < session_count; i++) {
    lintel_adapter_use use = {0, 1};
    ok(lintel_session_create(model, &so, &sessions[i], &error));
    if (adapter_path) ok(lintel_session_set_adapters(sessions[i], &use, 1, &error));
  }
  double ready = now() - start;
  choose_clock(atoi(argv[2]));
  lintel_model_info info = {0};
  info.struct_size = sizeof info;
  ok(lintel_model_get_info(model, &info));
  vocabulary = (int)info.vocabulary_count;
  printf("{\"work\": \"ready\", \"engine\": \"lintel\", \"version\": \"%d.%d.%d\", \"seconds\": %.6f",
         LINTEL_VERSION_MAJOR, LINTEL_VERSION_MINOR, LINTEL_VERSION_PATCH, ready);
  printf(", \"plan_bytes\": %llu", (unsigned long long)plan.total_bytes);
  print_memory();
  run_words(argc, argv, first);
  lintel_engine_destroy(engine);
  return 0;
}
