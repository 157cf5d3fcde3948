/* Drafting changes nothing but time: the same tokens, text, probabilities and state, whatever the
 * number of guesses, the source, the sampling, the grammar, adapters or company; and tokens that were
 * taken back were never there.
 *
 *   speculation PROMPTS SEQUENCES DRAWS MODEL...
 */
#include <math.h>

#include "adapter_file.h"
#include "check.h"

enum { CONTEXT = 256, DRAFT_MAX = 8 };

static uint32_t state_of_random = 1;

static uint32_t next_random(uint32_t below) {
  state_of_random = state_of_random * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)(state_of_random >> 8) * below) >> 24);
}

typedef struct watch {
  uint64_t hash; /* of tokens, text, log-probabilities and the end */
  int32_t ids[CONTEXT];
  size_t count;
  uint32_t finish;
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
  mix(w, &e->finish, sizeof e->finish);
  if (e->kind == LINTEL_EVENT_END) w->finish = e->finish;
  else w->ids[w->count++] = e->token;
  return LINTEL_CONTINUE;
}

/* Text that repeats itself now and then, as text does. */
static size_t make_prompt(int32_t *ids, size_t most, uint32_t vocabulary) {
  const size_t count = 1 + next_random((uint32_t)most);
  const size_t period = 2 + next_random(9);
  for (size_t i = 0; i < count; i++)
    ids[i] = i >= period && next_random(8) ? ids[i - period] : (int32_t)next_random(vocabulary);
  return count;
}

static lintel_generate_options options_of(uint32_t kind, uint64_t seed) {
  lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
  o.max_tokens = 24;
  o.flags = LINTEL_GENERATE_RAW | (kind & 1 ? LINTEL_GENERATE_IGNORE_END : 0);
  o.seed = seed;
  if (kind % 3 == 1) {
    o.temperature = 0.8f;
    o.top_k = 4;
  }
  if (kind % 3 == 2) o.frequency_penalty = 0.3f;
  return o;
}

static lintel_session *create(lintel_model *model, uint32_t drafts, uint32_t rewind) {
  lintel_session_options so = LINTEL_SESSION_OPTIONS_INIT;
  lintel_session *session = NULL;
  so.context_tokens = CONTEXT;
  so.draft_tokens = drafts;
  so.rewind_tokens = rewind;
  CHECK(lintel_session_create(model, &so, &session, NULL) == LINTEL_OK);
  return session;
}

static uint64_t generate(lintel_session *session, const lintel_generate_options *o, watch *w,
                         lintel_result *result) {
  memset(w, 0, sizeof *w);
  w->hash = 14695981039346656037u;
  CHECK(lintel_session_generate(session, o, on_event, w, result, NULL) == LINTEL_DONE);
  return w->hash;
}

typedef struct row {
  float values[4096];
  uint32_t count;
} row;

static int32_t take(void *user, uint64_t position, const float *logits, uint32_t count) {
  row *r = user;
  (void)position;
  r->count = count < 4096 ? count : 4096;
  memcpy(r->values, logits, r->count * sizeof *logits);
  return 1;
}

/* The logits behind one more token say what the state is. */
static void probe(lintel_session *session, row *r) {
  const int32_t id = 7;
  memset(r, 0, sizeof *r);
  CHECK(lintel_session_feed_tokens(session, &id, 1, NULL) == LINTEL_OK);
  CHECK(lintel_session_logits(session, 1, take, r, NULL) == LINTEL_DONE);
  CHECK(r->count > 0);
}

static int same_row(const row *a, const row *b) {
  return a->count == b->count && !memcmp(a->values, b->values, a->count * sizeof *a->values);
}

static uint32_t vocabulary_of(lintel_model *model) {
  INIT(lintel_model_info, info);
  CHECK(lintel_model_get_info(model, &info) == LINTEL_OK);
  return info.vocabulary_count;
}

static uint64_t guesses; /* of all models: some have nothing to look up */

enum { GRAMMARS = 3 }; /* one schema, with blanks as the model likes, without and with */
static const char schema[] =
    "{\"type\": \"object\", \"properties\": {\"name\": {\"enum\": [\"window_open\", \"window_close\", "
    "\"heat\"]}, \"percent\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": 100}, \"words\": "
    "{\"type\": \"array\", \"minItems\": 1, \"maxItems\": 3, \"items\": {\"type\": \"string\", "
    "\"maxLength\": 6}}, \"is_all\": {\"type\": \"boolean\"}}, \"required\": [\"name\", \"words\"], "
    "\"additionalProperties\": false}";

/* `prompts` answers with 1 to 8 guesses a pass against the plain ones, and the states afterwards. */
static void same_text(lintel_model *model, int prompts, const lintel_adapter_use *adapter,
                      lintel_grammar **grammars) {
  lintel_session *plain = create(model, 0, 0), *drafting[DRAFT_MAX];
  const uint32_t vocabulary = vocabulary_of(model);
  uint64_t drafted = 0, accepted = 0, saved = 0;
  for (uint32_t k = 0; k < DRAFT_MAX; k++) drafting[k] = create(model, k + 1, k % 3);
  if (adapter) {
    CHECK(lintel_session_set_adapters(plain, adapter, 1, NULL) == LINTEL_OK);
    for (int k = 0; k < DRAFT_MAX; k++)
      CHECK(lintel_session_set_adapters(drafting[k], adapter, 1, NULL) == LINTEL_OK);
  }
  for (int i = 0; i < prompts; i++) {
    int32_t ids[64];
    const size_t count = make_prompt(ids, 64, vocabulary);
    lintel_generate_options o = options_of((uint32_t)i, (uint64_t)i);
    watch expected, got;
    row before, after;
    if (grammars) {
      o.grammar = grammars[i % GRAMMARS];
      o.flags = LINTEL_GENERATE_RAW;
      o.max_tokens = 120;
      if (i % 4 == 3) o.temperature = 1.5f;
    }
    CHECK(lintel_session_reset(plain, NULL) == LINTEL_OK);
    CHECK(lintel_session_feed_tokens(plain, ids, count, NULL) == LINTEL_OK);
    generate(plain, &o, &expected, NULL);
    probe(plain, &before);
    for (int k = i % 2; k < DRAFT_MAX; k += 2) {
      lintel_result result = LINTEL_RESULT_INIT;
      static const uint32_t choices[] = {LINTEL_DRAFT_UNGATED, 0,
                                         LINTEL_DRAFT_UNGATED | LINTEL_DRAFT_PREDICTOR,
                                         LINTEL_DRAFT_UNGATED | LINTEL_DRAFT_LOOKUP};
      o.draft = choices[i / 2 % 4];
      CHECK(lintel_session_reset(drafting[k], NULL) == LINTEL_OK);
      CHECK(lintel_session_feed_tokens(drafting[k], ids, count, NULL) == LINTEL_OK);
      CHECK(generate(drafting[k], &o, &got, &result) == expected.hash);
      CHECK(result.accepted_tokens <= result.drafted_tokens);
      if (!grammars)
        CHECK(result.passes + result.accepted_tokens + 1 == result.generated_tokens);
      probe(drafting[k], &after);
      CHECK(same_row(&before, &after));
      drafted += result.drafted_tokens;
      accepted += result.accepted_tokens;
      saved += result.generated_tokens - 1 - result.passes;
    }
  }
  if (grammars) CHECK(saved >= accepted && (prompts < 4 || accepted > 0));
  else CHECK(saved == accepted);
  guesses += drafted;
  printf("%d prompts%s%s: %llu drafted, %llu right, %llu passes less than tokens\n", prompts,
         adapter ? " with an adapter" : "", grammars ? " with a schema" : "",
         (unsigned long long)drafted, (unsigned long long)accepted, (unsigned long long)saved);
  CHECK(lintel_session_destroy(plain) == LINTEL_OK);
  for (int k = 0; k < DRAFT_MAX; k++) CHECK(lintel_session_destroy(drafting[k]) == LINTEL_OK);
}

/* Eight sessions together, guessing or not, interrupted by steps of their own. */
static void together(lintel_model *model) {
  lintel_session *s[8];
  watch expected[8], got[8];
  const uint32_t vocabulary = vocabulary_of(model);
  lintel_status statuses[8];
  for (uint32_t i = 0; i < 8; i++) s[i] = create(model, i, 0);
  for (int turn = 0; turn < 6; turn++) {
    const uint32_t seed = state_of_random;
    for (int pass = 0; pass < 2; pass++) {
      state_of_random = seed;
      for (uint32_t i = 0; i < 8; i++) {
        int32_t ids[40];
        const size_t count = make_prompt(ids, 40, vocabulary);
        lintel_generate_options o = options_of(i, i);
        watch *w = pass ? &got[i] : &expected[i];
        o.draft = pass ? LINTEL_DRAFT_UNGATED : LINTEL_DRAFT_OFF;
        memset(w, 0, sizeof *w);
        CHECK(lintel_session_reset(s[i], NULL) == LINTEL_OK);
        CHECK(lintel_session_feed_tokens(s[i], ids, count, NULL) == LINTEL_OK);
        CHECK(lintel_session_begin(s[i], &o, on_event, w, NULL) == LINTEL_OK);
        if (pass == 0)
          while (lintel_session_step(s[i], 1000, NULL, NULL) == LINTEL_MORE) {}
      }
      if (pass == 0) continue;
      for (int k = 0; lintel_step_many(s, 8, 0, statuses, NULL) == LINTEL_MORE; k++)
        if (k % 7 == turn) lintel_session_step(s[turn], 100, NULL, NULL);
    }
    for (int i = 0; i < 8; i++) CHECK(got[i].hash == expected[i].hash && got[i].count > 0);
  }
  for (int i = 0; i < 8; i++) CHECK(lintel_session_destroy(s[i]) == LINTEL_OK);
}

static uint32_t position_of(lintel_session *session, uint32_t *pending) {
  INIT(lintel_position, p);
  CHECK(lintel_session_position(session, &p) == LINTEL_OK);
  *pending = p.pending_tokens;
  return p.tokens + p.pending_tokens;
}

/* How many tokens can be taken back now. */
static uint32_t rewindable(lintel_session *session) {
  lintel_error error = LINTEL_ERROR_INIT;
  CHECK(lintel_session_rewind_tokens(session, 1000, &error) == LINTEL_ERR_LIMIT);
  CHECK(error.needed == 1000 && error.available >= 0);
  return (uint32_t)error.available;
}

/* Random feeding, reading, answering and taking back, against reading what is left. */
static void rewinds(lintel_model *model, int sequences) {
  const uint32_t vocabulary = vocabulary_of(model);
  lintel_session *plain = create(model, 0, 0);
  int taken = 0;
  for (int i = 0; i < sequences; i++) {
    static int32_t text[CONTEXT + 64];
    size_t count = 0;
    const uint32_t rewind = next_random(6);
    lintel_session *s = create(model, next_random(5), rewind);
    const uint32_t actions = 2 + next_random(8);
    size_t fresh = 0; /* read since tokens were taken back */
    int is_known = 1; /* what follows */
    for (uint32_t a = 0; a < actions && count < 180; a++) {
      uint32_t pending;
      size_t before;
      if (next_random(3) == 0 || count == 0 || !is_known) {
        const size_t more = make_prompt(text + count, next_random(4) ? 5 : 40, vocabulary);
        CHECK(lintel_session_feed_tokens(s, text + count, more, NULL) == LINTEL_OK);
        count += more;
        is_known = 1;
      }
      before = position_of(s, &pending) - pending;
      if (next_random(2)) {
        watch w;
        lintel_generate_options o = options_of(next_random(6), (uint64_t)i);
        o.max_tokens = 1 + next_random(8);
        o.draft = LINTEL_DRAFT_UNGATED;
        generate(s, &o, &w, NULL);
        memcpy(text + count, w.ids, w.count * sizeof *w.ids);
        count += w.count;
      } else if (next_random(2)) {
        row r;
        CHECK(lintel_session_logits(s, 1, take, &r, NULL) == LINTEL_DONE);
      }
      CHECK(position_of(s, &pending) == count);
      fresh += count - pending - before;
      const uint32_t possible = rewindable(s);
      CHECK(possible >= pending + (fresh < rewind ? (uint32_t)fresh : rewind));
      if (next_random(3)) {
        const uint32_t back = next_random(possible + 1);
        CHECK(lintel_session_rewind_tokens(s, back, NULL) == LINTEL_OK);
        count -= back;
        taken += back > pending;
        CHECK(position_of(s, &pending) == count);
        if (back) {
          fresh = 0;
          is_known = back < possible && (back <= rewind || back < pending);
        }
      }
    }
    if (count > 0) {
      row expected, got;
      CHECK(lintel_session_reset(plain, NULL) == LINTEL_OK);
      CHECK(lintel_session_feed_tokens(plain, text, count, NULL) == LINTEL_OK);
      probe(plain, &expected);
      probe(s, &got);
      CHECK(same_row(&expected, &got));
    }
    CHECK(lintel_session_destroy(s) == LINTEL_OK);
  }
  CHECK(sequences < 10 || taken > 0);
  printf("%d sequences: %d took back what had been read\n", sequences, taken);
  CHECK(lintel_session_destroy(plain) == LINTEL_OK);
}

typedef struct letters {
  char text[1024];
  size_t bytes, ends[CONTEXT], count;
} letters;

static int32_t on_letters(void *user, const lintel_event *e) {
  letters *l = user;
  memcpy(l->text + l->bytes, e->text, e->text_bytes);
  l->bytes += e->text_bytes;
  if (e->kind == LINTEL_EVENT_TOKEN) l->ends[l->count++] = l->bytes;
  return LINTEL_CONTINUE;
}

/* After a stop string of some tokens the session is where it was before them. */
static void stops(lintel_model *model) {
  const uint32_t vocabulary = vocabulary_of(model);
  lintel_session *plain = create(model, 0, 0);
  int trimmed = 0;
  for (uint32_t i = 0; i < 60; i++) {
    int32_t ids[80];
    watch w;
    row expected, got;
    letters whole, cut;
    uint32_t pending;
    char stop[64];
    const char *list[] = {stop};
    const size_t count = make_prompt(ids, 20, vocabulary);
    lintel_generate_options o = options_of(1, i);
    CHECK(lintel_session_reset(plain, NULL) == LINTEL_OK);
    CHECK(lintel_session_feed_tokens(plain, ids, count, NULL) == LINTEL_OK);
    generate(plain, &o, &w, NULL);
    CHECK(lintel_session_reset(plain, NULL) == LINTEL_OK);
    CHECK(lintel_session_feed_tokens(plain, ids, count, NULL) == LINTEL_OK);
    memset(&whole, 0, sizeof whole);
    CHECK(lintel_session_generate(plain, &o, on_letters, &whole, NULL, NULL) == LINTEL_DONE);
    /* The text of some tokens, if it is whole characters and occurs first there. */
    const uint32_t length = 1 + i % 4, first = 4 + i % 9;
    const size_t from = whole.ends[first - 1], bytes = whole.ends[first + length - 1] - from;
    if (bytes < length || bytes > 60) continue;
    memset(stop, 0, sizeof stop);
    memcpy(stop, whole.text + from, bytes);
    if (strstr(whole.text, stop) != whole.text + from || strlen(stop) != bytes) continue;
    if (whole.ends[first] == from) continue; /* a token without text */
    if (whole.ends[first - 2] == from || whole.ends[first + length - 2] == from + bytes) continue;
    o.stops = list;
    o.stop_count = 1;
    o.draft = i % 2 ? LINTEL_DRAFT_UNGATED : LINTEL_DRAFT_OFF;
    lintel_session *s = create(model, 3, 0);
    CHECK(lintel_session_feed_tokens(s, ids, count, NULL) == LINTEL_OK);
    memset(&cut, 0, sizeof cut);
    CHECK(lintel_session_generate(s, &o, on_letters, &cut, NULL, NULL) == LINTEL_DONE);
    CHECK(cut.bytes == from && !memcmp(cut.text, whole.text, from));
    CHECK(position_of(s, &pending) == count + first);
    memcpy(ids + count, w.ids, first * sizeof *ids);
    CHECK(lintel_session_reset(plain, NULL) == LINTEL_OK);
    CHECK(lintel_session_feed_tokens(plain, ids, count + first, NULL) == LINTEL_OK);
    probe(plain, &expected);
    probe(s, &got);
    CHECK(same_row(&expected, &got));
    CHECK(lintel_session_destroy(s) == LINTEL_OK);
    trimmed++;
  }
  CHECK(trimmed > 0);
  CHECK(lintel_session_destroy(plain) == LINTEL_OK);
}

/* A second model guesses: the same file, which is always right, however the two got there. */
static void draft_model(lintel_engine *engine, lintel_model *model, const char *path, int prompts) {
  const uint32_t vocabulary = vocabulary_of(model);
  lintel_model *second;
  lintel_session *plain = create(model, 0, 0), *s = create(model, 5, 0), *draft, *poor;
  uint64_t drafted = 0;
  CHECK(lintel_model_open(engine, path, NULL, &second, NULL) == LINTEL_OK);
  draft = create(second, 0, 5);
  poor = create(second, 0, 4);
  REFUSED(lintel_session_set_draft(s, s, &error), LINTEL_ERR_ARGUMENT, "itself");
  REFUSED(lintel_session_set_draft(s, poor, &error), LINTEL_ERR_ARGUMENT, "rewind_tokens 4");
  REFUSED(lintel_session_set_draft(plain, draft, &error), LINTEL_ERR_ARGUMENT, "draft_tokens");
  CHECK(lintel_session_set_draft(s, NULL, NULL) == LINTEL_OK);
  CHECK(lintel_session_set_draft(s, draft, NULL) == LINTEL_OK);
  REFUSED(lintel_session_set_draft(s, draft, &error), LINTEL_ERR_BUSY, "draft session of another");
  REFUSED(lintel_session_reset(draft, &error), LINTEL_ERR_BUSY, "draft session of another");
  CHECK(lintel_session_destroy(draft) == LINTEL_ERR_BUSY);
  CHECK(lintel_model_close(second) == LINTEL_ERR_BUSY);
  for (int i = 0; i < prompts; i++) {
    int32_t ids[200];
    const size_t count = make_prompt(ids, i % 4 ? 30 : 200, vocabulary);
    lintel_generate_options o = options_of((uint32_t)i % 2, (uint64_t)i); /* greedy or drawn */
    lintel_result result = LINTEL_RESULT_INIT;
    watch expected, got;
    row before, after;
    o.draft = LINTEL_DRAFT_UNGATED | LINTEL_DRAFT_MODEL;
    CHECK(lintel_session_reset(plain, NULL) == LINTEL_OK);
    if (i % 3 == 0) CHECK(lintel_session_reset(s, NULL) == LINTEL_OK);
    /* Now and then the text goes on. */
    INIT(lintel_position, p);
    CHECK(lintel_session_position(s, &p) == LINTEL_OK);
    if (p.tokens + p.pending_tokens > 0) {
      CHECK(lintel_session_reset(s, NULL) == LINTEL_OK);
      if (i % 3 == 1) ids[count / 2] = (ids[count / 2] + 1) % (int32_t)vocabulary;
    }
    CHECK(lintel_session_feed_tokens(plain, ids, count, NULL) == LINTEL_OK);
    CHECK(lintel_session_feed_tokens(s, ids, count, NULL) == LINTEL_OK);
    generate(plain, &o, &expected, NULL);
    if (i % 5 == 4) {
      lintel_status status;
      memset(&got, 0, sizeof got);
      got.hash = 14695981039346656037u;
      CHECK(lintel_session_begin(s, &o, on_event, &got, NULL) == LINTEL_OK);
      while ((status = lintel_session_step(s, 0, &result, NULL)) == LINTEL_MORE) {}
      CHECK(status == LINTEL_DONE && got.hash == expected.hash);
    } else {
      CHECK(generate(s, &o, &got, &result) == expected.hash);
    }
    if (o.temperature == 0) CHECK(result.accepted_tokens == result.drafted_tokens);
    drafted += result.drafted_tokens;
    probe(plain, &before);
    probe(s, &after);
    CHECK(same_row(&before, &after));
  }
  CHECK(prompts < 4 || drafted > 0);
  CHECK(lintel_session_destroy(s) == LINTEL_OK);
  CHECK(lintel_session_reset(draft, NULL) == LINTEL_OK);
  CHECK(lintel_session_destroy(draft) == LINTEL_OK);
  CHECK(lintel_session_destroy(poor) == LINTEL_OK);
  CHECK(lintel_session_destroy(plain) == LINTEL_OK);
  CHECK(lintel_model_close(second) == LINTEL_OK);
  printf("%d prompts with a draft session: %llu drafted\n", prompts, (unsigned long long)drafted);
}

enum { PLACES = 4, OUTCOMES = 8192 };

/* Draws of four tokens, plain and drafted, with different random numbers: one distribution. */
static void distribution(lintel_model *model, int draws) {
  static int counts[2][PLACES][OUTCOMES];
  lintel_result result = LINTEL_RESULT_INIT;
  uint64_t drafted = 0, accepted = 0;
  const int32_t ids[] = {5, 9, 5, 9, 5, 9, 5};
  lintel_session *s = create(model, 3, 8);
  memset(counts, 0, sizeof counts);
  CHECK(lintel_session_feed_tokens(s, ids, 7, NULL) == LINTEL_OK);
  for (int i = 0; i < draws / PLACES; i++)
    for (int side = 0; side < 2; side++) {
      lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
      watch w;
      o.max_tokens = PLACES;
      o.flags = LINTEL_GENERATE_RAW | LINTEL_GENERATE_IGNORE_END;
      o.temperature = 1;
      o.top_k = 3;
      o.seed = 2u * (uint64_t)i + (uint64_t)side;
      o.draft = side ? LINTEL_DRAFT_UNGATED : LINTEL_DRAFT_OFF;
      generate(s, &o, &w, &result);
      drafted += result.drafted_tokens;
      accepted += result.accepted_tokens;
      for (size_t k = 0; k < w.count; k++) counts[side][k][w.ids[k] % OUTCOMES]++;
      CHECK(lintel_session_rewind_tokens(s, PLACES, NULL) == LINTEL_OK);
    }
  for (int k = 0; k < PLACES; k++) {
    double sum = 0;
    int freedom = -1, rest[2] = {0, 0};
    for (int t = 0; t < OUTCOMES; t++) {
      const int a = counts[0][k][t], b = counts[1][k][t];
      if (a + b < 20) {
        rest[0] += a;
        rest[1] += b;
        continue;
      }
      sum += (double)(a - b) * (a - b) / (a + b);
      freedom++;
    }
    if (rest[0] + rest[1] >= 20) {
      sum += (double)(rest[0] - rest[1]) * (rest[0] - rest[1]) / (rest[0] + rest[1]);
      freedom++;
    }
    printf("token %d: chi-square %.1f of %d degrees of freedom\n", k, sum, freedom);
    CHECK(sum < freedom + 4 * sqrt(2.0 * (freedom > 0 ? freedom : 1)) + 4);
    CHECK(draws < 1000 || freedom > 0);
  }
  printf("%d draws a side: %llu drafted, %llu right\n", draws, (unsigned long long)drafted,
         (unsigned long long)accepted);
  CHECK(draws < 1000 || (accepted > 0 && accepted < drafted));
  CHECK(lintel_session_destroy(s) == LINTEL_OK);
}

static void refusals(lintel_model *model) {
  lintel_session_options so = LINTEL_SESSION_OPTIONS_INIT;
  lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
  lintel_session *s = NULL;
  const int32_t ids[3] = {1, 2, 3};
  so.draft_tokens = 17;
  REFUSED(lintel_session_create(model, &so, &s, &error), LINTEL_ERR_ARGUMENT, "draft_tokens");
  so.draft_tokens = 0;
  so.rewind_tokens = 65;
  REFUSED(lintel_session_create(model, &so, &s, &error), LINTEL_ERR_ARGUMENT, "rewind_tokens");
  s = create(model, 2, 1);
  o.draft_tokens = 17;
  CHECK(lintel_session_feed_tokens(s, ids, 3, NULL) == LINTEL_OK);
  REFUSED(lintel_session_begin(s, &o, NULL, NULL, &error), LINTEL_ERR_ARGUMENT, "draft_tokens");
  o.draft_tokens = 0;
  o.draft = 1u << 20;
  REFUSED(lintel_session_begin(s, &o, NULL, NULL, &error), LINTEL_ERR_RESERVED, "draft");
  o.draft = 0;
  o.max_tokens = 2;
  CHECK(lintel_session_rewind_tokens(s, 0, NULL) == LINTEL_OK);
  REFUSED(lintel_session_rewind_tokens(s, 4, &error), LINTEL_ERR_LIMIT, "only 3");
  CHECK(lintel_session_step(s, 0, NULL, NULL) == LINTEL_MORE);
  REFUSED(lintel_session_rewind_tokens(s, 1, &error), LINTEL_ERR_STATE, "pass");
  while (lintel_session_step(s, 100, NULL, NULL) == LINTEL_MORE) {}
  CHECK(lintel_session_begin(s, &o, NULL, NULL, NULL) == LINTEL_OK);
  REFUSED(lintel_session_rewind_tokens(s, 1, &error), LINTEL_ERR_STATE, "generation");
  REFUSED(lintel_session_rewind_tokens(NULL, 1, &error), LINTEL_ERR_ARGUMENT, "NULL");
  CHECK(lintel_session_generate(s, NULL, NULL, NULL, NULL, NULL) == LINTEL_DONE);
  CHECK(lintel_session_destroy(s) == LINTEL_OK);
}

int main(int argc, char **argv) {
  const int prompts = argc > 1 ? atoi(argv[1]) : 0, sequences = argc > 2 ? atoi(argv[2]) : 0;
  const int draws = argc > 3 ? atoi(argv[3]) : 0;
  int schemas = 0;
  for (int i = 4; i < argc; i++) {
    host h = open_host(argv[i], 256u << 20, 1 + (uint32_t)i % 2);
    INIT(lintel_model_info, info);
    CHECK(lintel_model_get_info(h.model, &info) == LINTEL_OK);
    printf("%s\n", argv[i]);
    same_text(h.model, prompts, NULL, NULL);
    rewinds(h.model, sequences);
    together(h.model);
    stops(h.model);
    draft_model(h.engine, h.model, argv[i], prompts);
    if (i == 4) distribution(h.model, draws);
    refusals(h.model);
    static adapter_file file;
    static const uint32_t blanks[GRAMMARS] = {0, LINTEL_GRAMMAR_COMPACT, LINTEL_GRAMMAR_SPACED};
    lintel_model_options mo = LINTEL_MODEL_OPTIONS_INIT;
    lintel_grammar_options go = LINTEL_GRAMMAR_OPTIONS_INIT;
    lintel_grammar *grammars[GRAMMARS];
    lintel_error error = LINTEL_ERROR_INIT;
    lintel_status status = LINTEL_OK;
    const lintel_adapter_use use = {0, 1};
    const int is_adapted = !strcmp(info.architecture, "kimi-linear");
    mo.grammar_bytes = 24 << 20;
    if (is_adapted) {
      mo.adapter_slots = 1;
      mo.adapter_slot_bytes = 4 << 20;
      begin_adapter(&file, info.architecture, 8);
      add_pair(&file, "output.weight", info.embedding_width, info.vocabulary_count, 1, 2, 0.1f);
      end_adapter(&file);
    }
    CHECK(lintel_model_close(h.model) == LINTEL_OK);
    CHECK(lintel_model_open(h.engine, argv[i], &mo, &h.model, NULL) == LINTEL_OK);
    go.kind = LINTEL_GRAMMAR_JSON_SCHEMA;
    go.text = schema;
    go.text_bytes = sizeof schema - 1;
    for (int k = 0; k < GRAMMARS && status == LINTEL_OK; k++) {
      go.flags = blanks[k];
      status = lintel_grammar_compile(h.model, &go, &grammars[k], &error);
    }
    if (is_adapted) {
      CHECK(lintel_adapter_load_bytes(h.model, 0, file.out, file.out_bytes, "a", NULL) ==
            LINTEL_OK);
      same_text(h.model, prompts / 2, &use, NULL);
    }
    /* Some fixtures have no token for every byte. */
    CHECK(status == LINTEL_OK || status == LINTEL_ERR_MISSING);
    if (status == LINTEL_OK) {
      same_text(h.model, prompts, NULL, grammars);
      if (is_adapted) same_text(h.model, prompts / 2, &use, grammars);
      schemas++;
    }
    close_host(h);
  }
  CHECK(prompts == 0 || (guesses > 0 && schemas > 0));
  return report("speculation");
}
