/* The work of driver.h, done by llama.cpp through its C API, with its defaults for the processor: the
 * file mapped, weights repacked for the machine, flash attention and fused kernels chosen by itself. */
#include "driver.h"
#include "ggml.h"
#include "llama.h"

static struct llama_model *model;
static struct llama_context *context;
static int vocabulary, filled;
static struct llama_batch batch;

enum { BATCH = 512 };

static void add(int32_t token, int position, int sequence, int wants_logits) {
  int i = batch.n_tokens++;
  batch.token[i] = token;
  batch.pos[i] = position;
  batch.n_seq_id[i] = 1;
  batch.seq_id[i][0] = sequence;
  batch.logits[i] = (int8_t)wants_logits;
}

static void decode(void) {
  if (llama_decode(context, batch)) die("llama_decode failed");
  llama_synchronize(context);
  batch.n_tokens = 0;
}

/* Reads `count` prompt tokens of `sequence`, in whole batches; logits of the last one if wanted. */
static void read_prompt(int sequence, int first_token, int position, int count, int wants_logits) {
  for (int i = 0; i < count; i++) {
    add(prompt_token(first_token + i, vocabulary), position + i, sequence,
        wants_logits && i == count - 1);
    if (batch.n_tokens == BATCH || i == count - 1) decode();
  }
}

static int32_t likeliest(int output) {
  const float *logits = llama_get_logits_ith(context, output);
  float best = logits[0];
  int32_t at = 0;
  for (int32_t i = 1; i < vocabulary; i++)
    if (logits[i] > best) best = logits[i], at = i;
  return at;
}

/* N tokens after `token`, greedily; the time that they take. They go to `ids`, unless that is NULL. */
static double generate(int32_t token, int position, int count, int32_t *ids) {
  double start = now();
  for (int i = 0; i < count; i++) {
    add(token, position + i, 0, 1);
    decode();
    token = likeliest(-1);
    if (ids) ids[i] = token;
  }
  return now() - start;
}

static void clear(void) { llama_memory_clear(llama_get_memory(context), false); }

static void together(const char *word, int tokens) {
  int32_t next[8];
  clear();
  for (int s = 0; s < session_count; s++) {
    read_prompt(s, 100 * s, 0, 16, 1);
    next[s] = likeliest(-1);
  }
  double start = now();
  for (int i = 0; i < tokens; i++) {
    for (int s = 0; s < session_count; s++) add(next[s], 16 + i, s, 1);
    decode();
    for (int s = 0; s < session_count; s++) next[s] = likeliest(s);
  }
  print_rate(word, session_count * tokens, now() - start);
}

static void fill(int position) {
  if (position <= filled) return;
  read_prompt(0, filled, filled, position - filled, 1);
  filled = position;
}

/* A sequence's state: a magic number and a zero; then the attention cache,
 *
 *     streams u32 (1) | cells u32 | of each cell: position i32, sequences u32 (1), sequence i32
 *     | values transposed u32 | layers u32 | of each layer: type i32, bytes of a row u64, rows
 *
 * where a latent cache has keys alone; then the recurrent states:
 *
 *     cells u32 (1) | position i32 | sequences u32 (0) | what does not depend on the position */
static void deepen(int wanted) {
  if (filled < 1 || wanted < filled) die("deepen: needs text, and a position not before its end");
  size_t size = llama_state_seq_get_size(context, 0);
  char *saved = allocate(size);
  if (llama_state_seq_get_data(context, (uint8_t *)saved, size, 0) != size)
    die("deepen: llama.cpp cannot save its state");
  size_t cells = 16, layers = cells + 12 * (size_t)filled + 4, first = layers + 4;
  if (size < first + 12 || word_at(saved + 8) != 1 || word_at(saved + 12) != (uint32_t)filled)
    die("deepen: llama.cpp's state does not begin as is known here");
  uint32_t layer_count = word_at(saved + layers), count = (uint32_t)wanted;
  uint64_t row = long_at(saved + first + 4);

  size_t whole = size + (size_t)(wanted - filled) * (12 + layer_count * row);
  char *deep = allocate(whole);
  struct deepening d = {saved, deep, saved + size, filled, wanted};
  keep(&d, cells);
  memcpy(deep + cells - 4, &count, sizeof count);
  repeat(&d, 12);
  for (int32_t i = 0; i < wanted; i++) memcpy(deep + cells + 12 * (size_t)i, &i, sizeof i);
  keep(&d, 8);
  for (uint32_t i = 0; i < layer_count; i++) {
    keep(&d, 12);
    if (long_at(d.from - 8) != row) die("deepen: llama.cpp's layers have rows of several sizes");
    repeat(&d, row);
  }
  keep(&d, 12);
  if (word_at(d.from - 12) != 1 || word_at(d.from - 8) != (uint32_t)filled - 1 || word_at(d.from - 4))
    die("deepen: llama.cpp's state does not go on as is known here");
  count--;
  memcpy(d.to - 8, &count, sizeof count);
  keep(&d, (size_t)(d.end - d.from));
  if (d.to != deep + whole || (wanted == filled && memcmp(saved, deep, size)))
    die("deepen: the deeper state is not what it should be");
  free(saved);
  clear();
  if (llama_state_seq_set_data(context, (const uint8_t *)deep, whole, 0) != whole)
    die("deepen: llama.cpp refuses the deeper state");
  free(deep);
  filled = wanted;
}

static void engine_run(const char *word, const char *kind, int a, int b) {
  if (!strcmp(kind, "decode")) {
    clear();
    read_prompt(0, 0, 0, a, 1);
    print_rate(word, b, generate(likeliest(-1), a, b, NULL));
  } else if (!strcmp(kind, "prefill")) {
    clear();
    double start = now();
    read_prompt(0, 0, 0, a, 1);
    likeliest(-1);
    print_rate(word, a, now() - start);
  } else if (!strcmp(kind, "rows")) {
    clear();
    read_prompt(0, 0, 0, 16, 0);
    double start = now();
    for (int i = 0; i < b; i++) read_prompt(0, 16 + i * a, 16 + i * a, a, 0);
    print_rate(word, a * b, now() - start);
  } else if (!strcmp(kind, "together")) {
    together(word, a);
  } else if (!strcmp(kind, "fill")) {
    int before = filled;
    double start = now();
    fill(a);
    print_rate(word, filled - before, now() - start);
  } else if (!strcmp(kind, "depth")) {
    fill(a);
    int32_t *ids = allocate((size_t)b * sizeof *ids);
    double seconds = generate(likeliest(-1), filled, b, ids);
    print_tokens(word, ids, b, seconds);
    free(ids);
    filled += b;
  } else if (!strcmp(kind, "deepen")) {
    double start = now();
    deepen(a);
    print_rate(word, a, now() - start);
  } else {
    die("no such work");
  }
}

static void quiet(enum ggml_log_level level, const char *text, void *user) {
  (void)user;
  if (level >= GGML_LOG_LEVEL_ERROR || getenv("PEERS_VERBOSE")) fputs(text, stderr);
}

int main(int argc, char **argv) {
  if (argc < 4) die("MODEL THREADS CONTEXT WORK...");
  int first = 4;
  while (first < argc && take_option(argv[first])) first++;
  llama_log_set(quiet, NULL);
  private_before = rollup("Private_Dirty");
  double start = now();
  llama_backend_init();
  struct llama_model_params mp = llama_model_default_params();
  model = llama_model_load_from_file(argv[1], mp);
  if (!model) die("llama.cpp cannot load the model");
  struct llama_context_params cp = llama_context_default_params();
  cp.n_ctx = (uint32_t)(atoi(argv[3]) * session_count);
  cp.n_batch = BATCH;
  cp.n_ubatch = BATCH;
  cp.n_seq_max = (uint32_t)session_count;
  cp.n_outputs_max = (uint32_t)session_count;
  cp.n_threads = cp.n_threads_batch = atoi(argv[2]);
  context = llama_init_from_model(model, cp);
  if (!context) die("llama.cpp cannot make a context");
  if (adapter_path) {
    struct llama_adapter_lora *adapter = llama_adapter_lora_init(model, adapter_path);
    float scale = 1;
    if (!adapter) die("llama.cpp cannot load the adapter");
    if (llama_set_adapters_lora(context, &adapter, 1, &scale)) die("the adapter is refused");
  }
  double ready = now() - start;
  choose_clock(atoi(argv[2]));
  vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
  batch = llama_batch_init(BATCH, 0, 1);
  printf("{\"work\": \"ready\", \"engine\": \"llama.cpp\", \"version\": \"ggml %s, %s\", "
         "\"seconds\": %.6f, \"system\": \"%s\"",
         ggml_version(), ggml_commit(), ready, llama_print_system_info());
  print_memory();
  run_words(argc, argv, first);
  llama_free(context);
  llama_model_free(model);
  return 0;
}
