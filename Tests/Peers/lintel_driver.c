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

/* When the first and the last token of a generation came. */
struct times {
  double first, last;
};

static int32_t on_event(void *user, const lintel_event *e) {
  struct times *t = user;
  if (e->kind != LINTEL_EVENT_TOKEN) return LINTEL_CONTINUE;
  t->last = now();
  if (e->index == 0) t->first = t->last;
  return LINTEL_CONTINUE;
}

static lintel_generate_options greedy(int tokens) {
  lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
  o.max_tokens = (uint32_t)tokens;
  o.flags = LINTEL_GENERATE_RAW | LINTEL_GENERATE_IGNORE_END;
  return o;
}

static struct times generate(lintel_session *s, int tokens) {
  struct times t = {0, 0};
  lintel_generate_options o = greedy(tokens);
  ok(lintel_session_generate(s, &o, on_event, &t, NULL, &error));
  return t;
}

static void read_all(lintel_session *s) {
  while (lintel_session_step(s, 1000000000, NULL, &error) == LINTEL_MORE) continue;
}

static void together(const char *word, int tokens) {
  struct times t[8];
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
  double start = now();
  if (position <= filled) return;
  feed(s, filled, position - filled);
  read_all(s);
  fprintf(stderr, "lintel: %d to %d in %.1f s\n", filled, position, now() - start);
  filled = position;
}

static void engine_run(const char *word, const char *kind, int a, int b) {
  lintel_session *s = sessions[0];
  if (!strcmp(kind, "decode")) {
    ok(lintel_session_reset(s, &error));
    feed(s, 0, a);
    struct times t = generate(s, b + 1);
    print_rate(word, b, t.last - t.first);
  } else if (!strcmp(kind, "prefill")) {
    ok(lintel_session_reset(s, &error));
    feed(s, 0, a);
    double start = now();
    struct times t = generate(s, 1);
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
    fill(s, a);
  } else if (!strcmp(kind, "depth")) {
    fill(s, a);
    struct times t = generate(s, b + 1);
    print_rate(word, b, t.last - t.first);
    lintel_position p = {0};
    p.struct_size = sizeof p;
    ok(lintel_session_position(s, &p));
    filled = (int)(p.tokens + p.pending_tokens);
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
