/* Broken model files: every truncation of a header, and seeded mutations of header and data.
 *
 *   fuzz MODEL [CASES] [SEED] [FIRST]
 *
 * Each case lies at the end of a mapping whose next page is unreadable, so that one byte too many is
 * a crash; it is opened, and if it opens, planned and made to generate a few tokens. A case that takes
 * longer than LIMIT_S is a hang. What must hold: a status below zero, with a sentence, or a model that
 * works; an engine that is as it was; no signal. CASES 0 does the truncations alone; a case is found
 * again by SEED and FIRST.
 *
 * The same source runs plainly against build/liblintel.a, and under AddressSanitizer (Tests/Fuzz/run),
 * where the block is a heap object with red zones around it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lintel.h"
#include "gguf_map.h"
#include "mutate.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FUZZ_ASAN 1
#endif
#endif
#ifdef FUZZ_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n) (void)0
#define UNPOISON(p, n) (void)0
#endif

enum { LIMIT_S = 20, BLOCK = 16 << 20 };

static unsigned char *area, *block, *mutant;
static size_t area_bytes;
static char stage[160] = "start";
static lintel_engine *engine;
static uint64_t counts[64], answers[64], opened, weak;

static void on_signal(int number) {
  char line[256];
  int n = snprintf(line, sizeof line, "fuzz: signal %d in %s\n", number, stage);
  if (n > 0) (void)!write(1, line, (size_t)n);
  _exit(1);
}

/* Copies the case to the end of the area, 64-byte aligned: up to 63 bytes stay between it and the
 * guard page, and are poisoned with a pattern that no valid file continues with. */
static unsigned char *place(const unsigned char *bytes, size_t count) {
  unsigned char *at = area + area_bytes - ((count + 63) & ~(size_t)63);
  UNPOISON(area, area_bytes);
  memcpy(at, bytes, count);
  memset(at + count, 0xFF, (size_t)(area + area_bytes - (at + count)));
  POISON(at + count, (size_t)(area + area_bytes - (at + count)));
  return at;
}

static int32_t reaction(void *user, const lintel_event *event) {
  uint64_t *sum = user;
  for (size_t i = 0; i < event->text_bytes; i++) *sum += (unsigned char)event->text[i];
  return LINTEL_CONTINUE;
}

static void count(uint64_t *of, lintel_status status) {
  int i = status < 0 ? -status : 40 + status;
  if (i < 64) of[i]++;
}

static void print(const char *title, const uint64_t *of) {
  printf("%s:\n", title);
  for (int i = 0; i < 64; i++)
    if (of[i])
      printf("  %6llu %s\n", (unsigned long long)of[i], lintel_status_name(i < 40 ? -i : i - 40));
}

/* A refusal has to say why. */
static void expect_sentence(lintel_status status, const lintel_error *error, const char *call) {
  if (status >= 0 || (error->status == status && error->message[0] != 0)) return;
  printf("fuzz: %s: %s: %s without a sentence\n", stage, call, lintel_status_name(status));
  weak++;
}

static lintel_status generate(lintel_model *model) {
  static const char text[] = "Hello World 123, \xC3\xA9t\xC3\xA9!";
  lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
  lintel_session_options so = LINTEL_SESSION_OPTIONS_INIT;
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_session *session;
  lintel_status status;
  uint64_t sum = 0;
  so.context_tokens = 64;
  status = lintel_session_create(model, &so, &session, &error);
  if (status == LINTEL_ERR_LIMIT) {
    so.context_tokens = 0;
    status = lintel_session_create(model, &so, &session, &error);
  }
  expect_sentence(status, &error, "session_create");
  if (status) return status;
  status = lintel_session_feed_text(session, text, sizeof text - 1, 0, &error);
  expect_sentence(status, &error, "feed_text");
  status = lintel_session_feed_message(session, LINTEL_ROLE_USER, "one", 3, &error);
  expect_sentence(status, &error, "feed_message");
  o.max_tokens = 3;
  o.temperature = 0.8f;
  status = lintel_session_generate(session, &o, reaction, &sum, NULL, &error);
  expect_sentence(status, &error, "generate");
  if (lintel_session_destroy(session)) weak++;
  return status;
}

/* One case. */
static void attempt(const unsigned char *bytes, size_t size, const char *path) {
  lintel_memory before = LINTEL_MEMORY_INIT, after = LINTEL_MEMORY_INIT;
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_model_options options = LINTEL_MODEL_OPTIONS_INIT;
  lintel_model *model = NULL;
  lintel_status status;
  unsigned char *at = place(bytes, size);
  options.chunk_tokens = 8;
  lintel_engine_memory(engine, &before);
  alarm(LIMIT_S);
  status = lintel_model_open_bytes(engine, at, size, &options, &model, &error);
  count(counts, status);
  if (status == LINTEL_OK) {
    lintel_model_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    opened++;
    lintel_model_get_info(model, &info);
    count(answers, generate(model));
    if (lintel_model_close(model)) weak++;
  } else {
    expect_sentence(status, &error, "model_open_bytes");
    if (status > 0 || model) weak++;
  }
  if (path) {
    lintel_memory plan = LINTEL_MEMORY_INIT;
    lintel_error planned = LINTEL_ERROR_INIT;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size) exit(2);
    close(fd);
    status = lintel_plan(path, NULL, NULL, NULL, 1u << 20, &plan, &planned);
    expect_sentence(status, &planned, "plan");
  }
  alarm(0);
  lintel_engine_memory(engine, &after);
  if (after.total_bytes != before.total_bytes) {
    printf("fuzz: %s: %llu bytes stay in use\n", stage,
           (unsigned long long)(after.total_bytes - before.total_bytes));
    weak++;
  }
}

static unsigned char *read_file(const char *path, size_t *size) {
  struct stat s;
  unsigned char *bytes;
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &s)) return NULL;
  bytes = malloc((size_t)s.st_size);
  if (bytes && read(fd, bytes, (size_t)s.st_size) != s.st_size) bytes = NULL;
  close(fd);
  *size = (size_t)s.st_size;
  return bytes;
}

int main(int argc, char **argv) {
  const uint64_t cases = argc > 2 ? strtoull(argv[2], NULL, 10) : 500;
  const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
  const uint64_t first = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
  static const int signals[] = {SIGALRM, SIGILL, SIGTRAP, SIGFPE, SIGABRT
#ifndef FUZZ_ASAN
                                , SIGSEGV, SIGBUS
#endif
  };
  lintel_engine_options options = LINTEL_ENGINE_OPTIONS_INIT;
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  static gguf_map map;
  char path[] = "/tmp/lintel-fuzz-XXXXXX";
  unsigned char *file;
  size_t size, truncations;
  int fd;

  if (argc < 2 || !(file = read_file(argv[1], &size)) || !gguf_read(&map, file, size)) {
    fprintf(stderr, "usage: fuzz MODEL [CASES] [SEED] [FIRST]\n");
    return 2;
  }
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) signal(signals[i], on_signal);
  if ((fd = mkstemp(path)) < 0) return 2;
  close(fd);
  area_bytes = (size + MUTANT_ROOM + page) & ~(page - 1);
  area = mmap(NULL, area_bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  block = aligned_alloc(64, BLOCK);
  mutant = malloc(size + MUTANT_ROOM);
  if (area == MAP_FAILED || mprotect(area + area_bytes, page, PROT_NONE) || !block || !mutant)
    return 2;
  options.memory = block;
  options.memory_bytes = BLOCK;
  if (lintel_engine_create(&options, &engine, NULL)) return 2;

  truncations = first ? 0 : map.data + 1;
  for (size_t n = 0; n < truncations; n++) {
    snprintf(stage, sizeof stage, "truncation to %zu bytes", n);
    attempt(file, n, NULL);
  }
  if (truncations && opened) {
    printf("fuzz: %llu truncated files open\n", (unsigned long long)opened);
    weak++;
  }
  for (uint64_t i = first; i < first + cases; i++) {
    char what[96];
    size_t n = mutate(&map, file, size, mutant, seed, i, what, sizeof what);
    snprintf(stage, sizeof stage, "seed %llu case %llu: %s", (unsigned long long)seed,
             (unsigned long long)i, what);
    attempt(mutant, n, i % 16 == 0 ? path : NULL);
  }
  unlink(path);
  if (lintel_engine_destroy(engine)) weak++;
  munmap(area, area_bytes + page);
  free(file);
  free(mutant);
  free(block);
  print("opening", counts);
  print("generating", answers);
  printf("fuzz: %zu truncations, %llu mutations, seed %llu: %llu opened\n", truncations,
         (unsigned long long)cases, (unsigned long long)seed, (unsigned long long)opened);
  printf("fuzz: %llu passed, %llu failed\n",
         (unsigned long long)(truncations + cases - (weak > 0 ? 1 : 0)), (unsigned long long)weak);
  return weak > 0;
}
