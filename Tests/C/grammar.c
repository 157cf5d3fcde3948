/* Grammars through the C API: plan, handles, refusals, answers that fit, together and alone.
 *
 *   grammar MODEL
 */
#include "check.h"

static const char schema[] =
    "{\"type\": \"object\", \"properties\": {\"mode\": {\"enum\": [\"on\", \"off\"]}, \"level\": "
    "{\"type\": \"integer\", \"minimum\": 10, \"maximum\": 99}, \"text\": {\"type\": \"string\", "
    "\"maxLength\": 4}}, \"required\": [\"mode\", \"level\"], \"additionalProperties\": false}";
static const char tools[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {\"type\": "
    "\"object\", \"properties\": {\"a\": {\"type\": \"boolean\"}}, \"required\": [\"a\"]}}}]";
static const char gbnf[] = "root ::= \"yes\" | \"no\" [0-9]{2}";

typedef struct answer {
  char text[2048];
  size_t bytes;
  uint32_t tokens, ends, finish;
  int32_t ids[512];
} answer;

static int32_t collect(void *user, const lintel_event *e) {
  answer *a = user;
  if (a->bytes + e->text_bytes < sizeof a->text) {
    memcpy(a->text + a->bytes, e->text, e->text_bytes);
    a->bytes += e->text_bytes;
    a->text[a->bytes] = 0;
  }
  if (e->kind == LINTEL_EVENT_END) {
    a->ends++;
    a->finish = e->finish;
  } else if (a->tokens < 512) {
    a->ids[a->tokens++] = e->token;
  }
  return LINTEL_CONTINUE;
}

static lintel_status compile(lintel_model *model, uint32_t kind, const char *text, uint32_t flags,
                             lintel_grammar **out, lintel_error *error) {
  lintel_grammar_options o = LINTEL_GRAMMAR_OPTIONS_INIT;
  o.kind = kind;
  o.text = text;
  o.text_bytes = strlen(text);
  o.flags = flags;
  return lintel_grammar_compile(model, &o, out, error);
}

static void feed(lintel_session *session) {
  static const int32_t ids[6] = {5, 17, 300, 2, 9, 250};
  CHECK(lintel_session_reset(session, NULL) == LINTEL_OK);
  CHECK(lintel_session_feed_tokens(session, ids, 6, NULL) == LINTEL_OK);
}

/* Whether `text` is what the schema above asks for; by hand, so that nothing of the engine helps. */
static int fits(const char *text) {
  char mode[4], rest[64];
  int level, end = 0;
  char squeezed[256];
  size_t n = 0;
  for (const char *p = text; *p && n < sizeof squeezed - 1; p++)
    if (!(*p == ' ' && (p[-1] == ':' || p[-1] == ','))) squeezed[n++] = *p;
  squeezed[n] = 0;
  if (sscanf(squeezed, "{\"mode\":\"%3[onf]\",\"level\":%d%n", mode, &level, &end) != 2 || !end)
    return 0;
  if (strcmp(mode, "on") && strcmp(mode, "off")) return 0;
  if (level < 10 || level > 99) return 0;
  if (!strcmp(squeezed + end, "}")) return 1;
  return !strncmp(squeezed + end, ",\"text\":\"", 9) && strlen(squeezed + end) < sizeof rest &&
         squeezed[n - 1] == '}' && squeezed[n - 2] == '"';
}

static lintel_model *open_model(lintel_engine *engine, const char *path, uint64_t grammar_bytes,
                                lintel_error *error) {
  lintel_model_options mo = LINTEL_MODEL_OPTIONS_INIT;
  lintel_model *model = NULL;
  mo.grammar_bytes = grammar_bytes;
  lintel_model_open(engine, path, &mo, &model, error);
  return model;
}

static void check_plan(const char *path) {
  lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_model_options mo = LINTEL_MODEL_OPTIONS_INIT;
  lintel_session_options so = LINTEL_SESSION_OPTIONS_INIT;
  lintel_memory plan = LINTEL_MEMORY_INIT, none = LINTEL_MEMORY_INIT, used = LINTEL_MEMORY_INIT;
  lintel_engine *engine = NULL;
  lintel_model *model = NULL;
  lintel_session *session = NULL;
  lintel_grammar *grammar = NULL;
  lintel_error error = LINTEL_ERROR_INIT;
  so.context_tokens = 64;
  CHECK(lintel_plan(path, &eo, &mo, &so, 1, &none, NULL) == LINTEL_OK);
  mo.grammar_bytes = 1 << 20;
  CHECK(lintel_plan(path, &eo, &mo, &so, 1, &plan, NULL) == LINTEL_OK);
  CHECK(none.grammar_bytes == 0 && plan.grammar_bytes >= 1 << 20);
  CHECK(plan.total_bytes == plan.engine_bytes + plan.model_bytes + plan.scratch_bytes +
                                plan.state_bytes + plan.cache_bytes + plan.session_bytes +
                                plan.adapter_bytes + plan.grammar_bytes);
  for (int less = 0; less < 2; less++) {
    void *block = aligned_alloc(64, (plan.total_bytes + 63) & ~(uint64_t)63);
    eo.memory = block;
    eo.memory_bytes = plan.total_bytes - (uint64_t)less;
    CHECK(lintel_engine_create(&eo, &engine, NULL) == LINTEL_OK);
    CHECK(lintel_model_open(engine, path, &mo, &model, &error) == LINTEL_OK);
    lintel_status status = lintel_session_create(model, &so, &session, &error);
    CHECK(status == (less ? LINTEL_ERR_BUDGET : LINTEL_OK));
    CHECK(compile(model, LINTEL_GRAMMAR_TOOLS, tools, 0, &grammar, &error) == LINTEL_OK);
    CHECK(lintel_engine_memory(engine, &used) == LINTEL_OK);
    if (!less) CHECK(used.total_bytes == plan.total_bytes);
    CHECK(used.grammar_bytes == plan.grammar_bytes);
    CHECK(lintel_engine_destroy(engine) == LINTEL_OK);
    free(block);
  }
}

static void check_refusals(lintel_engine *engine, const char *path, lintel_model *model) {
  lintel_grammar_options o = LINTEL_GRAMMAR_OPTIONS_INIT;
  lintel_grammar *g = NULL;
  lintel_grammar_info info;
  lintel_error error = LINTEL_ERROR_INIT;
  o.kind = LINTEL_GRAMMAR_JSON_SCHEMA;
  o.text = schema;
  o.text_bytes = sizeof schema - 1;
#define TRY(change, status, word) \
  do { \
    lintel_grammar_options kept = o; \
    change; \
    g = (lintel_grammar *)1; \
    REFUSED(lintel_grammar_compile(model, &o, &g, &error), status, word); \
    CHECK(g == NULL); \
    o = kept; \
  } while (0)
  TRY(o.struct_size = 8, LINTEL_ERR_STRUCT_SIZE, "lintel_grammar_options");
  TRY(o.kind = 0, LINTEL_ERR_ARGUMENT, "kind");
  TRY(o.kind = 4, LINTEL_ERR_ARGUMENT, "kind");
  TRY(o.flags = 4, LINTEL_ERR_RESERVED, "flags");
  TRY(o.flags = 3, LINTEL_ERR_ARGUMENT, "contradict");
  TRY(o.reserved[3] = 1, LINTEL_ERR_RESERVED, "reserved");
  TRY(o.reserved0 = 1, LINTEL_ERR_RESERVED, "reserved0");
  TRY(o.text = NULL, LINTEL_ERR_ARGUMENT, "text");
  TRY(o.text_bytes = ~(uint64_t)0, LINTEL_ERR_ARGUMENT, "text_bytes");
  TRY(o.text_bytes = 20, LINTEL_ERR_SCHEMA, "byte 20");
  TRY(o.states_max = 1u << 21, LINTEL_ERR_ARGUMENT, "states_max");
  TRY(o.states_max = 3, LINTEL_ERR_GRAMMAR_SIZE, "states");
  TRY(o.depth = 17, LINTEL_ERR_ARGUMENT, "depth");
  TRY((o.text = "{\"format\": \"date\"}", o.text_bytes = 18), LINTEL_ERR_KEYWORD, "/format");
  TRY((o.text = "{\"enum\": []}", o.text_bytes = 12), LINTEL_ERR_UNSATISFIABLE, "/enum");
  TRY((o.text = "{\"minItems\": 4000, \"items\": {\"minItems\": 4000, \"items\": {}}}",
       o.text_bytes = strlen(o.text)), LINTEL_ERR_GRAMMAR_SIZE, "grammar_bytes");
#undef TRY
  REFUSED(lintel_grammar_compile(NULL, &o, &g, &error), LINTEL_ERR_ARGUMENT, "model");
  REFUSED(lintel_grammar_compile(model, NULL, &g, &error), LINTEL_ERR_ARGUMENT, "options");
  REFUSED(lintel_grammar_compile(model, &o, NULL, &error), LINTEL_ERR_ARGUMENT, "out_grammar");
  CHECK(lintel_grammar_destroy(NULL) == LINTEL_OK);
  CHECK(lintel_grammar_destroy((lintel_grammar *)model) == LINTEL_ERR_HANDLE);
  memset(&info, 0, sizeof info);
  CHECK(lintel_grammar_get_info((lintel_grammar *)model, &info) == LINTEL_ERR_HANDLE);

  lintel_model *plain = open_model(engine, path, 0, &error);
  REFUSED(lintel_grammar_compile(plain, &o, &g, &error), LINTEL_ERR_STATE, "grammar_bytes");
  CHECK(lintel_model_close(plain) == LINTEL_OK);
  CHECK(open_model(engine, path, 4096, &error) == NULL);
  CHECK(error.status == LINTEL_ERR_GRAMMAR_SIZE && error.needed > error.available);

  /* As many as there may be, and their memory comes back. */
  lintel_grammar *many[65];
  int n = 0;
  while (n < 65 && compile(model, LINTEL_GRAMMAR_GBNF, gbnf, 0, &many[n], &error) == LINTEL_OK) n++;
  CHECK(n == 64 && error.status == LINTEL_ERR_LIMIT);
  for (int k = 0; k < n; k += 2) CHECK(lintel_grammar_destroy(many[k]) == LINTEL_OK);
  CHECK(lintel_grammar_destroy(many[0]) == LINTEL_ERR_HANDLE);
  for (int k = 0; k < n; k += 2)
    CHECK(compile(model, LINTEL_GRAMMAR_GBNF, gbnf, 0, &many[k], &error) == LINTEL_OK);
  for (int k = 0; k < n; k++) CHECK(lintel_grammar_destroy(many[k]) == LINTEL_OK);
}

static void check_answers(lintel_engine *engine, const char *path, lintel_model *model) {
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_grammar *g = NULL, *yes = NULL, *call = NULL;
  lintel_grammar_info info;
  CHECK(compile(model, LINTEL_GRAMMAR_JSON_SCHEMA, schema, 0, &g, &error) == LINTEL_OK);
  CHECK(compile(model, LINTEL_GRAMMAR_GBNF, gbnf, 0, &yes, &error) == LINTEL_OK);
  CHECK(compile(model, LINTEL_GRAMMAR_TOOLS, tools, LINTEL_GRAMMAR_SPACED, &call, &error) ==
        LINTEL_OK);
  memset(&info, 0, sizeof info);
  CHECK(lintel_grammar_get_info(g, &info) == LINTEL_ERR_STRUCT_SIZE);
  info.struct_size = (uint32_t)sizeof info;
  CHECK(lintel_grammar_get_info(g, &info) == LINTEL_OK);
  CHECK(info.state_count > 20 && info.edge_count >= info.state_count - 1 && info.bytes > 0);

  lintel_session *a = open_session(model, 256), *b = open_session(model, 256);
  lintel_generate_options go = LINTEL_GENERATE_OPTIONS_INIT;
  for (uint32_t seed = 0; seed < 40; seed++) {
    answer alone = {0}, joint = {0}, other = {0};
    go.flags = LINTEL_GENERATE_RAW;
    go.temperature = 1.5f;
    go.seed = seed;
    go.grammar = g;
    feed(a);
    CHECK(lintel_session_generate(a, &go, collect, &alone, NULL, &error) == LINTEL_DONE);
    CHECK(alone.finish == LINTEL_FINISH_END && alone.ends == 1);
    if (!CHECK(fits(alone.text))) printf("%s\n", alone.text);
    /* Beside a session with another grammar: the same. */
    lintel_session *both[2] = {a, b};
    lintel_status statuses[2];
    feed(a);
    feed(b);
    CHECK(lintel_session_begin(a, &go, collect, &joint, &error) == LINTEL_OK);
    go.grammar = seed % 2 ? yes : call;
    CHECK(lintel_session_begin(b, &go, collect, &other, &error) == LINTEL_OK);
    CHECK(lintel_grammar_destroy(g) == LINTEL_ERR_BUSY);
    while (lintel_step_many(both, 2, 100, statuses, &error) == LINTEL_MORE) {}
    CHECK(joint.tokens == alone.tokens && !strcmp(joint.text, alone.text));
    CHECK(!memcmp(joint.ids, alone.ids, sizeof alone.ids));
    CHECK(other.finish == LINTEL_FINISH_END);
    if (seed % 2)
      CHECK(!strcmp(other.text, "yes") || (!strncmp(other.text, "no", 2) && other.bytes == 4));
    else
      CHECK(!strcmp(other.text, "{\"name\": \"f\", \"arguments\": {\"a\": true}}") ||
            !strcmp(other.text, "{\"name\": \"f\", \"arguments\": {\"a\": false}}"));
  }
  /* Where nothing is to be chosen, the text is as the tokenizer writes it and no pass is run. */
  static const char only[] = "{\"const\": {\"name\": \"lights_switch_off\", \"zones\": [1, 22, 333]}}";
  static const char *const written[] = {
      "{\"name\":\"lights_switch_off\",\"zones\":[1,22,333]}",
      "{\"name\": \"lights_switch_off\", \"zones\": [1, 22, 333]}"};
  for (int k = 0; k < 2; k++) {
    answer whole = {0};
    lintel_grammar *fixed = NULL;
    lintel_result result = LINTEL_RESULT_INIT;
    int32_t ids[256];
    size_t count = 0;
    CHECK(compile(model, LINTEL_GRAMMAR_JSON_SCHEMA, only,
                  k ? LINTEL_GRAMMAR_SPACED : LINTEL_GRAMMAR_COMPACT, &fixed, &error) == LINTEL_OK);
    memset(&go, 0, sizeof go);
    go.struct_size = (uint32_t)sizeof go;
    go.flags = LINTEL_GENERATE_RAW;
    go.grammar = fixed;
    feed(a);
    CHECK(lintel_session_generate(a, &go, collect, &whole, &result, &error) == LINTEL_DONE);
    CHECK(whole.finish == LINTEL_FINISH_END && !strcmp(whole.text, written[k]));
    CHECK(lintel_model_tokenize(model, written[k], strlen(written[k]), 0, ids, 256, &count,
                                &error) == LINTEL_OK);
    CHECK(whole.tokens >= count && whole.tokens <= count + 1); /* and an end, if there is a token */
    CHECK(!memcmp(whole.ids, ids, count * sizeof *ids));
    CHECK(result.passes <= 1 && result.generated_tokens == whole.tokens);
    CHECK(lintel_grammar_destroy(fixed) == LINTEL_OK);
  }
  /* Greedy, with penalties and biases: it fits all the same. */
  answer greedy = {0};
  lintel_logit_bias bias[2] = {{40, 50}, {90, -30}};
  memset(&go, 0, sizeof go);
  go.struct_size = (uint32_t)sizeof go;
  go.flags = LINTEL_GENERATE_RAW;
  go.grammar = g;
  go.repetition_penalty = 1.8f;
  go.logit_bias = bias;
  go.logit_bias_count = 2;
  feed(a);
  CHECK(lintel_session_generate(a, &go, collect, &greedy, NULL, &error) == LINTEL_DONE);
  CHECK(greedy.finish == LINTEL_FINISH_END && fits(greedy.text));
  /* Cut short, cancelled, reset: the grammar is free again each time. */
  go.max_tokens = 3;
  feed(a);
  CHECK(lintel_session_generate(a, &go, NULL, NULL, NULL, &error) == LINTEL_DONE);
  go.max_tokens = 0;
  feed(a);
  CHECK(lintel_session_begin(a, &go, NULL, NULL, &error) == LINTEL_OK);
  CHECK(lintel_session_cancel(a) == LINTEL_OK);
  CHECK(lintel_session_step(a, 0, NULL, &error) == LINTEL_CANCELLED);
  CHECK(lintel_session_begin(a, &go, NULL, NULL, &error) == LINTEL_OK);
  CHECK(lintel_session_reset(a, &error) == LINTEL_OK);
  feed(a);
  CHECK(lintel_session_begin(a, &go, NULL, NULL, &error) == LINTEL_OK);
  CHECK(lintel_session_destroy(a) == LINTEL_OK);
  CHECK(lintel_grammar_destroy(g) == LINTEL_OK);

  /* Contradictions. */
  go.grammar = call;
  feed(b);
  go.flags |= LINTEL_GENERATE_IGNORE_END;
  REFUSED(lintel_session_begin(b, &go, NULL, NULL, &error), LINTEL_ERR_ARGUMENT, "IGNORE_END");
  go.flags = LINTEL_GENERATE_THINK;
  REFUSED(lintel_session_begin(b, &go, NULL, NULL, &error), LINTEL_ERR_ARGUMENT, "THINK");
  go.flags = LINTEL_GENERATE_RAW;
  go.grammar = g;
  REFUSED(lintel_session_begin(b, &go, NULL, NULL, &error), LINTEL_ERR_HANDLE, "grammar");
  lintel_model *second = open_model(engine, path, 1 << 20, &error);
  lintel_grammar *foreign = NULL;
  CHECK(second && compile(second, LINTEL_GRAMMAR_GBNF, gbnf, 0, &foreign, &error) == LINTEL_OK);
  go.grammar = foreign;
  REFUSED(lintel_session_begin(b, &go, NULL, NULL, &error), LINTEL_ERR_ARGUMENT, "another model");
  CHECK(lintel_model_close(second) == LINTEL_OK);
  CHECK(lintel_grammar_destroy(foreign) == LINTEL_ERR_HANDLE);
  CHECK(lintel_session_destroy(b) == LINTEL_OK);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_engine *engine = NULL;
  lintel_error error = LINTEL_ERROR_INIT;
  check_plan(argv[1]);
  eo.memory_bytes = 64 << 20;
  CHECK(lintel_engine_create(&eo, &engine, &error) == LINTEL_OK);
  lintel_model *model = open_model(engine, argv[1], 2 << 20, &error);
  if (!model) {
    printf("no model: %s\n", error.message);
    return 1;
  }
  check_refusals(engine, argv[1], model);
  check_answers(engine, argv[1], model);
  CHECK(lintel_engine_destroy(engine) == LINTEL_OK);
  return report("grammar");
}
