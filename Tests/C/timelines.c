/* Random sequences of everything that can happen to four sessions of one model, against a plain replay
 * of what each of them should have read: the same tokens, log-probabilities and logits, to the bit.
 * Two of the four guess tokens and can take them back; the one that replays cannot.
 *
 *   timelines MODEL [SEQUENCES] [SEED] [FIRST]      the model is kimi-kq-tiny or polaformer-lm-Q8_0; 1000
 *                                                   are a full run
 *
 * A session's shadow notes every token, whether it was fed or sampled, and the adapters it was read
 * with. Copies of a session are copies of its shadow. At the end of a sequence a fifth session reads
 * each shadow from beginning to end, samples where something was sampled, and both say what comes
 * next. The engine has a block of exactly the planned bytes between guards; nothing is allocated or
 * mapped. A sequence is found again by SEED and FIRST.
 */
#include "counting.h"

#include "adapter_file.h"
#include "check.h"

enum { SESSIONS = 4, CONTEXT = 240, MARKS = 3, STORES = 3, SETS = 4, OPERATIONS = 150, OPERATION_KINDS = 17, GUARD = 4096,
       ROOM = 2 << 20 };

typedef struct entry {
  int32_t token;
  int is_sampled;
  uint32_t log_probability; /* its bits */
  int manner;               /* of sampling */
  int set;                  /* of adapters it was read with */
} entry;

typedef struct shadow {
  entry log[CONTEXT];
  uint32_t count, read;
  int set;
} shadow;

typedef struct line {
  lintel_session *session;
  shadow now, marks[MARKS];
  int is_marked[MARKS];
  int is_generating, manner;
} line;

static line lines[SESSIONS];
static lintel_session *plain;
static struct store {
  unsigned char bytes[ROOM];
  uint64_t size;
  shadow what;
} stores[STORES];
static shadow filed;
static int is_filed;
static char path[] = "build/lintel-timelines-XXXXXX/session";
static uint64_t draws;
static uint64_t counts[OPERATION_KINDS];
static long sequence;

static uint64_t draw(void) {
  uint64_t z = draws += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

static uint32_t below(uint32_t n) { return (uint32_t)(draw() % n); }

static int use_set(lintel_session *session, int set) {
  static const lintel_adapter_use uses[SETS][2] = {
      {{0, 0}, {0, 0}}, {{0, 1}, {0, 0}}, {{1, 0.5f}, {0, 0}}, {{0, -1}, {1, 1}}};
  static const uint32_t numbers[SETS] = {0, 1, 1, 2};
  return lintel_session_set_adapters(session, uses[set], numbers[set], NULL);
}

static lintel_generate_options manner_of(int manner) {
  lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
  o.flags = LINTEL_GENERATE_RAW | LINTEL_GENERATE_IGNORE_END;
  if (manner == 0) return o;
  o.temperature = 0.5f + 0.5f * (float)manner;
  o.top_k = 40;
  o.top_p = 0.95f;
  o.seed = (uint64_t)manner;
  o.frequency_penalty = 0.1f;
  return o;
}

static int32_t on_event(void *user, const lintel_event *e) {
  line *l = user;
  if (e->kind == LINTEL_EVENT_END) {
    l->is_generating = 0;
    return LINTEL_CONTINUE;
  }
  if (l->now.count == CONTEXT) return LINTEL_CONTINUE;
  entry *n = &l->now.log[l->now.count++];
  n->token = e->token;
  n->is_sampled = 1;
  n->manner = l->manner;
  memcpy(&n->log_probability, &e->log_probability, 4);
  return LINTEL_CONTINUE;
}

static lintel_position where(const line *l) {
  INIT(lintel_position, p);
  CHECK(lintel_session_position(l->session, &p) == LINTEL_OK);
  return p;
}

/* What was read since the last look was read with the session's adapters. */
static void look(line *l) {
  const lintel_position p = where(l);
  CHECK(p.tokens + p.pending_tokens == l->now.count && p.tokens >= l->now.read);
  while (l->now.read < p.tokens) l->now.log[l->now.read++].set = l->now.set;
}

/* The session is now what `what` says, and has no marks. */
static void become(line *l, const shadow *what) {
  l->now = *what;
  memset(l->is_marked, 0, sizeof l->is_marked);
  look(l);
}

static void feed(line *l) {
  int32_t ids[24];
  const uint32_t count = 1 + below(20);
  for (uint32_t i = 0; i < count; i++) ids[i] = (int32_t)below(256);
  const lintel_status got = lintel_session_feed_tokens(l->session, ids, count, NULL);
  const int fits = count <= CONTEXT - l->now.count;
  CHECK(got == (l->is_generating ? LINTEL_ERR_STATE : fits ? LINTEL_OK : LINTEL_ERR_CONTEXT_FULL));
  if (got) return;
  for (uint32_t i = 0; i < count; i++) {
    entry *n = &l->now.log[l->now.count++];
    memset(n, 0, sizeof *n);
    n->token = ids[i];
  }
}

static void begin(line *l) {
  lintel_generate_options o;
  const int manner = (int)below(3);
  if (l->is_generating) return;
  o = manner_of(manner);
  o.max_tokens = 1 + below(6);
  l->manner = manner;
  const lintel_status got = lintel_session_begin(l->session, &o, on_event, l, NULL);
  l->is_generating = got == LINTEL_OK;
  CHECK(got == LINTEL_OK || (got == LINTEL_ERR_STATE && l->now.read == l->now.count));
}

static void step(line *l) {
  const uint32_t count = 1 + below(12);
  for (uint32_t i = 0; i < count; i++) {
    const int was_generating = l->is_generating;
    const lintel_status got = lintel_session_step(l->session, 0, NULL, NULL);
    look(l);
    CHECK(got == LINTEL_MORE || (got == LINTEL_DONE && !l->is_generating));
    if (got == LINTEL_DONE && !was_generating) CHECK(l->now.read == l->now.count);
  }
}

static void step_all(void) {
  lintel_session *list[SESSIONS];
  lintel_status statuses[SESSIONS];
  const uint32_t rounds = 1 + below(4);
  for (int i = 0; i < SESSIONS; i++) list[i] = lines[i].session;
  for (uint32_t i = 0; i < rounds; i++)
    CHECK(lintel_step_many(list, SESSIONS, 0, statuses, NULL) >= 0);
  for (int i = 0; i < SESSIONS; i++) look(&lines[i]);
}

static void cancel(line *l) {
  const uint32_t before = l->now.count;
  CHECK(lintel_session_cancel(l->session) == LINTEL_OK);
  CHECK(lintel_session_step(l->session, 0, NULL, NULL) == LINTEL_CANCELLED);
  CHECK(!l->is_generating);
  const lintel_position p = where(l);
  l->now.count = p.tokens + p.pending_tokens;
  CHECK(l->now.count <= before && l->now.count >= l->now.read);
  look(l);
}

static void to_rest(line *l) {
  if (l->is_generating) cancel(l);
  while (lintel_session_step(l->session, UINT64_MAX, NULL, NULL) == LINTEL_MORE) {}
  look(l);
}

static void fork_into(line *l, line *to) {
  if (l == to) return;
  const lintel_status got = lintel_session_fork(l->session, to->session, NULL);
  const int fits = to->now.set == 0 || to->now.set == l->now.set;
  if (got == LINTEL_OK) {
    CHECK(fits && !l->is_generating && !to->is_generating);
    become(to, &l->now);
  } else {
    CHECK(got == LINTEL_ERR_STATE || (got == LINTEL_ERR_OTHER_ADAPTERS && !fits));
  }
}

static void save(line *l) {
  struct store *s = &stores[below(STORES)];
  uint64_t size;
  if (lintel_session_snapshot_bytes(l->session, &size)) return;
  CHECK(lintel_session_save(l->session, s->bytes, ROOM, &s->size, NULL) == LINTEL_OK);
  CHECK(size == s->size);
  s->what = l->now;
}

static void restore(line *l) {
  const struct store *s = &stores[below(STORES)];
  if (s->size == 0) return;
  const lintel_status got = lintel_session_restore(l->session, s->bytes, s->size, NULL);
  const int fits = l->now.set == 0 || l->now.set == s->what.set;
  CHECK(got == (l->is_generating ? LINTEL_ERR_STATE : fits ? LINTEL_OK : LINTEL_ERR_OTHER_ADAPTERS));
  if (got == LINTEL_OK) become(l, &s->what);
}

static void save_file(line *l) {
  if (lintel_session_save_file(l->session, path, NULL) != LINTEL_OK) return;
  filed = l->now;
  is_filed = 1;
}

static void restore_file(line *l) {
  if (is_filed && lintel_session_restore_file(l->session, path, NULL) == LINTEL_OK)
    become(l, &filed);
}

static void mark(line *l, uint32_t which) {
  static const char *const names[MARKS] = {"a", "the second", "3"};
  if (below(2)) {
    if (lintel_session_mark(l->session, names[which], NULL) != LINTEL_OK) return;
    l->marks[which] = l->now;
    l->is_marked[which] = 1;
    return;
  }
  const lintel_status got = lintel_session_rewind(l->session, names[which], NULL);
  CHECK(got == (l->is_generating           ? LINTEL_ERR_STATE
                : !l->is_marked[which] ? LINTEL_ERR_MISSING
                                       : LINTEL_OK));
  if (got) return;
  l->now = l->marks[which];
  for (int i = 0; i < MARKS; i++) l->is_marked[i] &= l->marks[i].read <= l->now.read;
  look(l);
}

static void take_back(line *l) {
  const uint32_t count = 1 + below(4);
  const lintel_status got = lintel_session_rewind_tokens(l->session, count, NULL);
  CHECK(got == LINTEL_OK || got == LINTEL_ERR_LIMIT || got == LINTEL_ERR_STATE);
  if (got) return;
  l->now.count -= count;
  /* One more may have to be read again. */
  l->now.read = where(l).tokens;
  look(l);
}

static void switch_adapters(line *l) {
  const int set = (int)below(SETS);
  if (use_set(l->session, set) == LINTEL_OK) l->now.set = set;
}

static void operate(void) {
  line *l = &lines[below(SESSIONS)];
  const uint32_t operation = below(OPERATION_KINDS);
  counts[operation]++;
  switch (operation) {
    case 0: case 1: case 2: feed(l); break;
    case 3: case 4: step(l); break;
    case 5: step_all(); break;
    case 6: case 7: begin(l); break;
    case 8: to_rest(l); break;
    case 9: fork_into(l, &lines[below(SESSIONS)]); break;
    case 10: save(l); break;
    case 11: restore(l); break;
    case 12: below(4) ? mark(l, below(MARKS)) : below(2) ? save_file(l) : restore_file(l); break;
    case 13: mark(l, below(MARKS)); break;
    case 14: cancel(l); break;
    case 15: take_back(l); break;
    default: switch_adapters(l); break;
  }
}

static int32_t keep_logits(void *user, uint64_t position, const float *logits, uint32_t count) {
  (void)position;
  memcpy(user, logits, count * sizeof *logits);
  return 1;
}

static int32_t keep_event(void *user, const lintel_event *e) {
  if (e->kind == LINTEL_EVENT_TOKEN) *(lintel_event *)user = *e;
  return LINTEL_CONTINUE;
}

static int replay(const shadow *s) {
  CHECK(lintel_session_reset(plain, NULL) == LINTEL_OK);
  for (uint32_t i = 0; i < s->count;) {
    uint32_t end = i;
    if (s->log[i].is_sampled) {
      lintel_event event;
      lintel_generate_options o = manner_of(s->log[i].manner);
      o.max_tokens = 1;
      memset(&event, 0, sizeof event);
      if (lintel_session_generate(plain, &o, keep_event, &event, NULL, NULL) != LINTEL_DONE) return 0;
      if (event.token != s->log[i].token) return 0;
      if (memcmp(&event.log_probability, &s->log[i].log_probability, 4)) return 0;
      end++;
    } else {
      int32_t ids[CONTEXT];
      while (end < s->count && !s->log[end].is_sampled && s->log[end].set == s->log[i].set) end++;
      for (uint32_t k = i; k < end; k++) ids[k - i] = s->log[k].token;
      if (lintel_session_feed_tokens(plain, ids, end - i, NULL)) return 0;
    }
    if (use_set(plain, s->log[i].set)) return 0;
    while (lintel_session_step(plain, UINT64_MAX, NULL, NULL) == LINTEL_MORE) {}
    i = end;
  }
  return use_set(plain, s->set) == LINTEL_OK;
}

/* Both say the same next. */
static int agrees(line *l) {
  static float a[1024], b[1024];
  const int32_t probe = 65;
  to_rest(l);
  if (!replay(&l->now)) return 0;
  if (l->now.count == CONTEXT) return 1;
  if (lintel_session_feed_tokens(l->session, &probe, 1, NULL) ||
      lintel_session_feed_tokens(plain, &probe, 1, NULL))
    return 0;
  if (lintel_session_logits(l->session, 1, keep_logits, a, NULL) != LINTEL_DONE ||
      lintel_session_logits(plain, 1, keep_logits, b, NULL) != LINTEL_DONE)
    return 0;
  return !memcmp(a, b, sizeof a);
}

static void run(void) {
  for (int i = 0; i < SESSIONS; i++) {
    line *l = &lines[i];
    lintel_session *const session = l->session;
    memset(l, 0, sizeof *l);
    l->session = session;
    CHECK(lintel_session_reset(session, NULL) == LINTEL_OK && use_set(session, 0) == LINTEL_OK);
  }
  for (int i = 0; i < STORES; i++) stores[i].size = 0;
  is_filed = 0;
  for (int i = 0; i < OPERATIONS; i++) operate();
  for (int i = 0; i < SESSIONS; i++) {
    if (CHECK(agrees(&lines[i]))) continue;
    printf("timelines: sequence %ld, session %d, %u tokens\n", sequence, i, lines[i].now.count);
    return;
  }
}

static int is_intact(const unsigned char *guard) {
  for (int i = 0; i < GUARD; i++)
    if (guard[i] != 0xA5) return 0;
  return 1;
}

int main(int argc, char **argv) {
  static char buffer[4096];
  setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
  const char *const model_path = argc > 1 ? argv[1] : "";
  const long sequences = argc > 2 ? atol(argv[2]) : 100;
  const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
  const long first = argc > 4 ? atol(argv[4]) : 0;
  static adapter_file file;
  lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_model_options mo = LINTEL_MODEL_OPTIONS_INIT;
  lintel_session_options so = LINTEL_SESSION_OPTIONS_INIT;
  lintel_memory planned = LINTEL_MEMORY_INIT, used = LINTEL_MEMORY_INIT;
  lintel_session_options guessing;
  lintel_engine *engine;
  lintel_model *model;
  lintel_error error = LINTEL_ERROR_INIT;
  mo.chunk_tokens = 16;
  mo.adapter_slots = 2;
  mo.adapter_slot_bytes = 256 << 10;
  mo.adapter_rank = 8;
  so.context_tokens = CONTEXT;
  so.marks = MARKS;
  guessing = so;
  guessing.draft_tokens = 3;
  guessing.rewind_tokens = 4;
  uint64_t total = 0;
  for (int i = 0; i < 3; i++) { /* without sessions; with three plain ones; two more that guess */
    static const uint32_t numbers[3] = {0, 3, 2};
    const lintel_session_options *const kind = i == 2 ? &guessing : &so;
    if (lintel_plan(model_path, &eo, &mo, kind, numbers[i], &planned, &error)) {
      printf("no plan: %s\n", error.message);
      return 1;
    }
    const uint64_t alone = planned.engine_bytes + planned.model_bytes + planned.scratch_bytes +
                           planned.adapter_bytes;
    total += planned.total_bytes - (i ? alone : 0);
  }
  char *const end_of_directory = strrchr(path, '/');
  *end_of_directory = 0;
  if (!mkdtemp(path)) return 1;
  *end_of_directory = '/';
  unsigned char *all = aligned_alloc(64, (total + 2 * GUARD + 63) & ~(uint64_t)63);
  if (!all) return 1;
  memset(all, 0xA5, total + 2 * GUARD);
  eo.memory = all + GUARD;
  eo.memory_bytes = total;
  if (lintel_engine_create(&eo, &engine, &error) ||
      lintel_model_open(engine, model_path, &mo, &model, &error)) {
    printf("no engine: %s\n", error.message);
    return 1;
  }
  INIT(lintel_model_info, info);
  CHECK(lintel_model_get_info(model, &info) == LINTEL_OK);
  for (uint32_t slot = 0; slot < 2; slot++) {
    begin_adapter(&file, info.architecture, 8);
    if (!strcmp(info.architecture, "polaformer-lm")) {
      add_pair(&file, "blk.0.attn_q.weight", 64, 128, 1, 4, 0.1f + 0.1f * (float)slot);
      add_pair(&file, "blk.1.attn_gate.weight", 64, 128, 1, 4, 0.1f);
      add_pair(&file, "blk.2.ffn_up_exps.weight", 64, 32, 4, 3, 0.1f);
    } else {
      add_pair(&file, "blk.0.attn_q.weight", 256, 256, 1, 4, 0.1f + 0.1f * (float)slot);
      add_pair(&file, "blk.1.ffn_up_exps.weight", 256, 256, 4, 3, 0.1f);
    }
    add_pair(&file, "output.weight", info.embedding_width, info.vocabulary_count, 1, 4, 0.1f);
    end_adapter(&file);
    CHECK(lintel_adapter_load_bytes(model, slot, file.out, file.out_bytes, NULL, NULL) == LINTEL_OK);
  }
  for (int i = 0; i < SESSIONS; i++)
    CHECK(lintel_session_create(model, i % 2 ? &guessing : &so, &lines[i].session, NULL) ==
          LINTEL_OK);
  CHECK(lintel_session_create(model, &so, &plain, NULL) == LINTEL_OK);
  const int heap_before = heap_calls, maps_before = map_calls;
  const long pages_before = address_space();
  for (sequence = first; sequence < first + sequences && failed < 5; sequence++) {
    draws = (seed << 32) + (uint64_t)sequence;
    run();
  }
  const int heap = heap_calls - heap_before, maps = map_calls - maps_before;
  CHECK(heap == 0 && maps == 0 && address_space() == pages_before);
  CHECK(lintel_engine_memory(engine, &used) == LINTEL_OK);
  CHECK(used.total_bytes == total && used.budget_bytes == total);
  CHECK(is_intact(all) && is_intact(all + GUARD + total));
  CHECK(lintel_engine_destroy(engine) == LINTEL_OK);
  free(all);
  (void)unlink(path);
  *end_of_directory = 0;
  (void)rmdir(path);
  static const char *const names[] = {"feed", "feed", "feed", "step", "step", "step together",
                                      "begin", "begin", "to rest", "fork", "save", "restore",
                                      "mark or file", "mark or rewind", "cancel", "take back", "adapters"};
  for (int i = 0; i < OPERATION_KINDS; i++)
    printf("%s %llu%s", names[i], (unsigned long long)counts[i],
           i + 1 < OPERATION_KINDS ? ", " : "\n");
  printf("%ld sequences of %d operations; %d heap calls, %d mappings, %llu bytes planned and used\n",
         sequence - first, OPERATIONS, heap, maps, (unsigned long long)total);
  return report("timelines");
}
