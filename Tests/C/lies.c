/* Model files that lie: each gets its status, and a sentence that names the key, the tensor or the
 * byte; nothing stays in use.
 *
 *   lies MODEL
 */
#define _GNU_SOURCE
#include <unistd.h>

#include "check.h"
#include "gguf_map.h"

enum { ROOM = 4096 };

static gguf_map map;
static unsigned char *file, *copy;
static size_t size, copied;
static lintel_engine *engine;

static void fresh(void) {
  memcpy(copy, file, size);
  copied = size;
}

static const entry *find(const entry *all, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (gguf_number(file + all[i].at, 8) == strlen(name) &&
        !memcmp(file + all[i].at + 8, name, strlen(name)))
      return &all[i];
  printf("the model has no %s\n", name);
  exit(1);
}

/* The type of a key's value, and of a tensor its dimension count; what follows lies behind. */
static unsigned char *key(const char *name) {
  return copy + find(map.keys, map.key_count, name)->at + 8 + strlen(name);
}
static unsigned char *tensor(const char *name) {
  return copy + find(map.tensors, map.tensor_count, name)->at + 8 + strlen(name);
}
/* Behind the dimensions: type and offset. */
static unsigned char *tensor_type(const char *name) {
  unsigned char *p = tensor(name);
  return p + 4 + 8 * gguf_number(p, 4);
}

static void put(unsigned char *p, unsigned width, uint64_t v) {
  for (unsigned i = 0; i < width; i++) p[i] = (unsigned char)(v >> 8 * i);
}

static size_t put_key(unsigned char *p, const char *name, uint32_t type, const void *value,
                      size_t bytes) {
  const size_t n = strlen(name);
  put(p, 8, n);
  memcpy(p + 8, name, n);
  put(p + 8 + n, 4, type);
  memcpy(p + 12 + n, value, bytes);
  return 12 + n + bytes;
}

/* Puts a key before all others, and one that fills up to whole 32 bytes so that no data moves. */
static void insert(const char *name, uint32_t type, const void *value, size_t bytes) {
  static const unsigned char filler[32];
  unsigned char added[512];
  char name_of_filler[48] = "filler.";
  size_t n = put_key(added, name, type, value, bytes), k = strlen(name_of_filler);
  while ((n + 12 + k + 1) % 32) name_of_filler[k++] = 'x';
  name_of_filler[k] = 0;
  n += put_key(added + n, name_of_filler, 0, filler, 1);
  memmove(copy + 24 + n, copy + 24, copied - 24);
  memcpy(copy + 24, added, n);
  copied += n;
  put(copy + 16, 8, map.key_count + 2);
}

static void rename_entry(unsigned char *after_name, const char *now) {
  memcpy(after_name - strlen(now), now, strlen(now));
}

static void refused(lintel_status wanted, const char *word, int line) {
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_memory memory = LINTEL_MEMORY_INIT;
  lintel_model *model = NULL;
  const lintel_status got =
      lintel_model_open_bytes(engine, copy, copied, NULL, &model, &error);
  refused_(got, wanted, &error, word, "open", __FILE__, line);
  CHECK(model == NULL);
  CHECK(lintel_engine_memory(engine, &memory) == LINTEL_OK && memory.model_bytes == 0);
  fresh();
}
#define GETS(status, word) refused(LINTEL_ERR_##status, word, __LINE__)

static void header(void) {
  copy[0] = 'X';
  GETS(FORMAT, "GGUF");
  put(copy + 4, 4, 1);
  GETS(UNSUPPORTED, "version 1");
  put(copy + 4, 4, 4);
  GETS(UNSUPPORTED, "version 4");
  put(copy + 4, 4, 3u << 24);
  GETS(UNSUPPORTED, "big-endian");
  put(copy + 8, 8, UINT64_MAX);
  GETS(LIMIT, "byte 8: the tensor count");
  put(copy + 16, 8, 1ull << 40);
  GETS(LIMIT, "byte 16: the metadata count");
  put(copy + 24, 8, UINT64_MAX);
  GETS(LIMIT, "a metadata key at byte 24");
  put(copy + 24, 8, 0);
  GETS(FORMAT, "byte 32");
  copied = 24;
  GETS(TRUNCATED, "byte 24");
  copied = map.data;
  GETS(TRUNCATED, "tensor ");
  copied = size - 1;
  GETS(TRUNCATED, "tensor ");
}

static void keys(void) {
  static const unsigned char two[8] = {2}, zero[8], four[8] = {4}, twenty_four[8] = {24};
  static const unsigned char yarn[12] = {4, 0, 0, 0, 0, 0, 0, 0, 'y', 'a', 'r', 'n'};
  unsigned char *p;
  put(key("kimi-linear.block_count"), 4, 99);
  GETS(FORMAT, "kimi-linear.block_count");
  put(key("kimi-linear.block_count"), 4, 6);
  GETS(FORMAT, "kimi-linear.block_count");
  put(key("kimi-linear.block_count") + 4, 4, 0);
  GETS(MISSING, "kimi-linear.block_count");
  put(key("kimi-linear.block_count") + 4, 4, 1 << 30);
  GETS(LIMIT, "kimi-linear.block_count");
  put(key("kimi-linear.block_count") + 4, 4, 3);
  GETS(SHAPE, "head_count_kv");
  put(key("kimi-linear.embedding_length") + 4, 4, 255);
  GETS(SHAPE, "tensor ");
  put(key("kimi-linear.attention.head_count") + 4, 4, 3);
  GETS(SHAPE, "tensor ");
  put(key("kimi-linear.expert_used_count") + 4, 4, 4000);
  GETS(FORMAT, "expert_used_count");
  rename_entry(key("kimi-linear.block_count"), "x");
  GETS(UNSUPPORTED, "kimi-linear.block_counx");
  rename_entry(key("tokenizer.ggml.tokens"), "z");
  GETS(MISSING, "tokenizer.ggml.tokens");
  rename_entry(key("general.architecture"), "X");
  GETS(MISSING, "general.architecture");
  key("general.architecture")[4 + 8 + 10] = 'x';
  GETS(UNSUPPORTED, "kimi-lineax");
  p = key("tokenizer.ggml.tokens");
  put(p + 8, 8, 1ull << 40);
  GETS(LIMIT, "array");
  put(key("tokenizer.ggml.tokens") + 8, 8, 1 << 30);
  GETS(TRUNCATED, "array of strings");
  put(key("tokenizer.ggml.tokens") + 16, 8, 1 << 29);
  GETS(TRUNCATED, "string");
  put(key("tokenizer.ggml.tokens") + 4, 4, 9);
  GETS(UNSUPPORTED, "tokenizer.ggml.tokens");
  put(key("tokenizer.ggml.token_type") + 16 + 4 * 7, 4, 99);
  GETS(FORMAT, "token_type[7] is 99");
  put(key("tokenizer.ggml.eos_token_id") + 4, 4, 1 << 20);
  GETS(FORMAT, "eos_token_id");
  key("tokenizer.ggml.pre")[4 + 8] = 'X';
  GETS(UNSUPPORTED, "pre");
  insert("general.alignment", 4, twenty_four, 4);
  GETS(FORMAT, "general.alignment is 24");
  insert("general.alignment", 4, zero, 4);
  GETS(FORMAT, "general.alignment is 0");
  insert("general.alignment", 4, four, 4);
  GETS(FORMAT, "general.alignment is 4");
  insert("kimi-linear.block_count", 4, two, 4);
  GETS(DUPLICATE, "kimi-linear.block_count");
  insert("kimi-linear.time_travel", 4, two, 4);
  GETS(UNSUPPORTED, "kimi-linear.time_travel");
  insert("kimi-linear.rope.scaling.type", 8, yarn, 12);
  GETS(UNSUPPORTED, "rope.scaling.type is yarn");
}

static void twice(void) {
  unsigned char name[64];
  put(name, 8, 11);
  memcpy(name + 8, "kimi-linear", 11);
  insert("general.architecture", 8, name, 19);
  GETS(DUPLICATE, "general.architecture");
}

static void tensors(void) {
  static const char norm[] = "blk.0.attn_norm.weight", embedding[] = "token_embd.weight";
  put(tensor(norm), 4, 5);
  GETS(FORMAT, norm);
  put(tensor(norm), 4, 0);
  GETS(FORMAT, norm);
  put(tensor(norm) + 4, 8, 0);
  GETS(FORMAT, norm);
  put(tensor(norm) + 4, 8, 1ull << 41);
  GETS(FORMAT, norm);
  put(tensor(norm) + 4, 8, 255);
  GETS(SHAPE, norm);
  put(tensor(embedding) + 4, 8, 257);
  GETS(SHAPE, embedding);
  put(tensor(embedding) + 4, 8, 1ull << 40);
  put(tensor(embedding) + 12, 8, 1ull << 40);
  GETS(LIMIT, "element count");
  put(tensor(embedding) + 12, 8, 1 << 24);
  GETS(TRUNCATED, embedding);
  put(tensor_type(norm), 4, 1);
  GETS(UNSUPPORTED, norm);
  put(tensor_type(norm), 4, 3);
  GETS(UNSUPPORTED, "Q4_1");
  put(tensor_type(embedding), 4, 4242);
  GETS(UNSUPPORTED, embedding);
  put(tensor_type(norm) + 4, 8, gguf_number(tensor_type(norm) + 4, 8) + 1);
  GETS(FORMAT, norm);
  put(tensor_type(norm) + 4, 8, 1ull << 62);
  GETS(TRUNCATED, norm);
  put(tensor_type(norm) + 4, 8, 0xFFFFFFFFFFFFFFE0);
  GETS(TRUNCATED, norm);
  rename_entry(tensor("output_norm.weight"), "x");
  GETS(MISSING, "output_norm.weight");
  rename_entry(tensor("blk.0.attn_q.weight"), "attn_k.weight");
  GETS(DUPLICATE, "blk.0.attn_k.weight");
  put(copy + 8, 8, map.tensor_count - 1);
  GETS(MISSING, "tensor ");
}

static int32_t count_ends(void *user, const lintel_event *event) {
  int *ends = user;
  if (event->kind == LINTEL_EVENT_END && event->finish == LINTEL_FINISH_ERROR) ++*ends;
  return LINTEL_CONTINUE;
}

/* Weights that are no numbers: the generation ends once, with an error; the session is poisoned until
 * it is reset, and nothing else is. */
static void no_numbers(void) {
  static const int32_t ids[4] = {5, 17, 300, 2};
  unsigned char *weights =
      copy + map.data + gguf_number(tensor_type("output_norm.weight") + 4, 8);
  lintel_session *session;
  lintel_model *model;
  lintel_position p = {(uint32_t)sizeof(lintel_position), 0, 0, 0};
  lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
  o.flags = LINTEL_GENERATE_RAW;
  memset(weights, 0xFF, 256);
  CHECK(lintel_model_open_bytes(engine, copy, copied, NULL, &model, NULL) == LINTEL_OK);
  session = open_session(model, 32);
  for (int i = 0; i < 2; i++) {
    int ends = 0;
    CHECK(lintel_session_feed_tokens(session, ids, 4, NULL) == LINTEL_OK);
    REFUSED(lintel_session_generate(session, &o, count_ends, &ends, NULL, &error), LINTEL_ERR_STATE,
            "no token can be sampled");
    CHECK(ends == 1);
    REFUSED(lintel_session_feed_tokens(session, ids, 4, &error), LINTEL_ERR_POISONED, "reset");
    REFUSED(lintel_session_step(session, 0, NULL, &error), LINTEL_ERR_POISONED, "reset");
    CHECK(ends == 1);
    CHECK(lintel_session_position(session, &p) == LINTEL_OK);
    CHECK(lintel_session_reset(session, NULL) == LINTEL_OK);
  }
  CHECK(lintel_session_destroy(session) == LINTEL_OK && lintel_model_close(model) == LINTEL_OK);
  fresh();
}

/* Each category fits in 64 bits and their sum does not. */
static void sums(void) {
  char path[] = "/tmp/lintel-lies-XXXXXX";
  lintel_session_options o = LINTEL_SESSION_OPTIONS_INIT;
  lintel_memory m = LINTEL_MEMORY_INIT;
  const int fd = mkstemp(path);
  uint64_t largest;
  put(key("kimi-linear.context_length") + 4, 4, 1 << 30);
  if (!CHECK(fd >= 0 && write(fd, copy, size) == (ssize_t)size)) return;
  close(fd);
  o.context_tokens = 1 << 30;
  CHECK(lintel_plan(path, NULL, NULL, &o, 1, &m, NULL) == LINTEL_OK);
  if (!m.total_bytes) return;
  largest = m.cache_bytes > m.session_bytes ? m.cache_bytes : m.session_bytes;
  for (uint32_t n = (uint32_t)(INT64_MAX / largest) - 3; n; n = n > 1u << 31 ? 0 : n * 2)
    REFUSED(lintel_plan(path, NULL, NULL, &o, n, &m, &error), LINTEL_ERR_LIMIT, "");
  unlink(path);
  fresh();
}

int main(int argc, char **argv) {
  lintel_engine_options options = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_model *model;
  FILE *f = fopen(argc > 1 ? argv[1] : "", "rb");
  long end;
  if (!f || fseek(f, 0, SEEK_END) || (end = ftell(f)) <= 0 || fseek(f, 0, SEEK_SET)) return 1;
  size = (size_t)end;
  file = malloc(size);
  copy = aligned_alloc(64, (size + ROOM + 63) & ~(size_t)63);
  if (!file || !copy || fread(file, 1, size, f) != size || !gguf_read(&map, file, size)) return 1;
  fclose(f);
  options.memory_bytes = 16 << 20;
  CHECK(lintel_engine_create(&options, &engine, NULL) == LINTEL_OK);
  fresh();
  CHECK(lintel_model_open_bytes(engine, copy, copied, NULL, &model, NULL) == LINTEL_OK);
  CHECK(lintel_model_close(model) == LINTEL_OK);
  header();
  keys();
  twice();
  tensors();
  sums();
  no_numbers();
  CHECK(lintel_engine_destroy(engine) == LINTEL_OK);
  free(copy);
  free(file);
  return report("lies");
}
