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

/* N tokens after `token`, greedily; the time that they take. */
static double generate(int32_t token, int position, int count) {
  double start = now();
  for (int i = 0; i < count; i++) {
    add(token, position + i, 0, 1);
    decode();
    token = likeliest(-1);
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
  double start = now();
  if (position <= filled) return;
  read_prompt(0, filled, filled, position - filled, 1);
  fprintf(stderr, "llama.cpp: %d to %d in %.1f s\n", filled, position, now() - start);
  filled = position;
}

static void engine_run(const char *word, const char *kind, int a, int b) {
  if (!strcmp(kind, "decode")) {
    clear();
    read_prompt(0, 0, 0, a, 1);
    print_rate(word, b, generate(likeliest(-1), a, b));
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
    fill(a);
  } else if (!strcmp(kind, "depth")) {
    fill(a);
    print_rate(word, b, generate(likeliest(-1), filled, b));
    filled += b;
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
