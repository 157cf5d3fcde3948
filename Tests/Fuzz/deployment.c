/* Broken deployments: full.json of FOLDER cut at every byte, and seeded mutations of it and of its
 * tools file.
 *
 *   deployment FOLDER [CASES] [SEED] [FIRST]       Tests/Fixtures/deployments
 *
 * Each case is checked and opened. What must hold: the same answer from both; a status below zero
 * with a sentence, or a deployment that closes again; no mapping and no block of the heap kept; no
 * signal; no case of more than LIMIT_S seconds. Under AddressSanitizer (Tests/Fuzz/run) leaks are
 * found by it as well. A case is found again by SEED and FIRST.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lintel.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FUZZ_ASAN 1
#endif
#endif

enum { LIMIT_S = 20, ROOM = 1 << 16 };

static char stage[160] = "start", folder[PATH_MAX], home[64], work[80];
static unsigned char mutant[ROOM];
static uint64_t counts[64], opened, weak, state;

#ifndef FUZZ_ASAN
/* The program's own malloc and friends stand before the C library's: blocks that are in use. */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);
static long blocks;
void *malloc(size_t n) {
  blocks++;
  return __libc_malloc(n);
}
void *calloc(size_t n, size_t m) {
  blocks++;
  return __libc_calloc(n, m);
}
void *realloc(void *p, size_t n) {
  blocks += p == NULL;
  return __libc_realloc(p, n);
}
void free(void *p) {
  blocks -= p != NULL;
  __libc_free(p);
}
#endif

static void on_signal(int number) {
  char line[256];
  int n = snprintf(line, sizeof line, "deployment: signal %d in %s\n", number, stage);
  if (n > 0) (void)!write(1, line, (size_t)n);
  _exit(1);
}

static uint64_t draw(void) { /* splitmix64 */
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

static size_t below(size_t n) { return n ? (size_t)(draw() % n) : 0; }

static const char *in(const char *directory, const char *name) {
  static char path[4][PATH_MAX + 64];
  static int turn;
  char *p = path[turn++ & 3];
  snprintf(p, sizeof *path, "%s/%s", directory, name);
  return p;
}

static void link_to(const char *target, const char *at) {
  if (symlink(target, at)) exit(2);
}

static void write_file(const char *path, const unsigned char *bytes, size_t n) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0 || write(fd, bytes, n) != (ssize_t)n) exit(2);
  close(fd);
}

static size_t read_file(const char *path, unsigned char *to) {
  int fd = open(path, O_RDONLY);
  ssize_t n = fd < 0 ? -1 : read(fd, to, ROOM / 4);
  if (n <= 0) exit(2);
  close(fd);
  return (size_t)n;
}

static long mappings(void) {
  static char text[1 << 16];
  int fd = open("/proc/self/maps", O_RDONLY);
  long n = 0;
  ssize_t got;
  while (fd >= 0 && (got = read(fd, text, sizeof text)) > 0)
    for (ssize_t i = 0; i < got; i++) n += text[i] == '\n';
  close(fd);
  return n;
}

static void fault(const char *what) {
  printf("deployment: %s: %s\n", stage, what);
  weak++;
}

static void on_problem(void *user, const lintel_problem *p) {
  ++*(uint64_t *)user;
  if (p->status >= 0 || !p->sentence[0] || strlen(p->sentence) > 319 || strlen(p->path) > 319)
    fault("a problem without a sentence");
}

/* One case: the file that is there now. */
static void attempt(void) {
  lintel_error error = LINTEL_ERROR_INIT, again = LINTEL_ERROR_INIT;
  lintel_memory plan = LINTEL_MEMORY_INIT;
  lintel_deployment *d = NULL;
  uint64_t problems = 0;
  const char *path = in(work, "case.json");
#ifndef FUZZ_ASAN
  const long maps = mappings();
  const long heap = blocks;
#endif
  alarm(LIMIT_S);
  const lintel_status checked = lintel_deployment_check(path, on_problem, &problems, &plan, &error);
  const lintel_status status = lintel_deployment_open(path, NULL, &d, &again);
  counts[status < 0 && status > -64 ? -status : 0]++;
  if (status != checked) fault("check and open differ");
  if ((checked < 0) != (problems > 0)) fault("a status without a problem, or the reverse");
  if (checked < 0 && (error.status != checked || !error.message[0])) fault("no sentence");
  if (status < 0 && (again.status != status || !again.message[0])) fault("no sentence");
  if ((status == LINTEL_OK) != (d != NULL)) fault("a deployment without success, or the reverse");
  if (status == LINTEL_OK) {
    lintel_memory used = LINTEL_MEMORY_INIT;
    opened++;
    lintel_deployment_memory(d, &used);
    if (used.total_bytes != plan.total_bytes) fault("the plan is not what is used");
    if (lintel_deployment_close(d)) fault("does not close");
  }
  alarm(0);
#ifndef FUZZ_ASAN
  if (mappings() != maps) fault("a mapping is kept");
  if (blocks != heap) fault("heap is kept");
#endif
}

/* The end of the value that begins at `at`, in text that is JSON. */
static size_t value_end(const unsigned char *bytes, size_t n, size_t at) {
  size_t depth = 0;
  int is_string = 0;
  for (size_t i = at; i < n; i++) {
    const unsigned char c = bytes[i];
    if (is_string) {
      if (c == '\\') i++;
      else if (c == '"') is_string = 0;
    } else if (c == '"') is_string = 1;
    else if (c == '{' || c == '[') depth++;
    else if (c == '}' || c == ']') {
      if (depth == 0) return i;
      depth--;
    } else if (c == ',' && depth == 0) return i;
  }
  return n;
}

/* Puts another value in place of one, so that the text stays JSON. */
static size_t revalue(const unsigned char *bytes, size_t n) {
  static const char *const values[] = {
      "null", "true", "0", "1", "2", "-1", "0.5", "1e999", "-1e999", "1e-999", "4294967296", "17",
      "9007199254740993", "\"\"", "\"x\"", "\"base\"", "\"64 MiB\"", "\"1 B\"",
      "\"999999999999 GiB\"",
      "\"tools.json\"", "\"/\"", "\"/dev/null\"", "\"case.json\"", "[]", "[[]]", "{}",
      "{\"one\": 1}", "{\"one\": 1e38, \"two\": -1e-45}", "[\"a\", \"b\"]", "\"\\ud83d\\ude97\""};
  const char *value = values[below(sizeof values / sizeof *values)];
  size_t at = below(n), end;
  for (size_t i = 0; i < n && bytes[at] != ':'; i++) at = at + 1 == n ? 0 : at + 1;
  end = value_end(bytes, n, at + 1);
  memcpy(mutant, bytes, at + 1);
  memcpy(mutant + at + 1, value, strlen(value));
  memcpy(mutant + at + 1 + strlen(value), bytes + end, n - end);
  return at + 1 + strlen(value) + n - end;
}

/* Writes one mutation of `bytes` to `mutant`; returns its size. */
static size_t mutate(const unsigned char *bytes, size_t n) {
  if (below(2)) return revalue(bytes, n);
  static const char *const words[] = {
      "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "\\ud800", "null", "true", "-", "1e999",
      "-0", "99999999999999999999", "0.5", "\"\"", "{}", "[]", "\n", "\xC3", "\x00", "/", "..",
      "\"model\"", "\"path\"", "\"adapters\"", "\"64 MiB\"", "4294967296", "281474976710656", "7"};
  memcpy(mutant, bytes, n);
  for (size_t turns = 1 + below(3); turns > 0; turns--) {
    const size_t at = below(n);
    switch (below(5)) {
      case 0: mutant[at] = (unsigned char)(mutant[at] ^ 1u << below(8)); break;
      case 1: { /* a word goes in, in place of some bytes or of none */
        const char *word = words[below(sizeof words / sizeof *words)];
        const size_t w = *word ? strlen(word) : 1, gone = below(2) ? below(n - at) % 12 : 0;
        memmove(mutant + at + w, mutant + at + gone, n - at - gone);
        memcpy(mutant + at, word, w);
        n += w - gone;
        break;
      }
      case 2: { /* bytes go */
        const size_t gone = below(n - at) % 64;
        memmove(mutant + at, mutant + at + gone, n - at - gone);
        n -= gone;
        break;
      }
      case 3: { /* a piece is repeated */
        const size_t w = below(n - at) % 200;
        memmove(mutant + at + w, mutant + at, n - at);
        n += w;
        break;
      }
      default: { /* two pieces change places */
        const size_t other = below(n), w = below(n - (at > other ? at : other)) % 32;
        for (size_t i = 0; i < w; i++) {
          const unsigned char t = mutant[at + i];
          mutant[at + i] = mutant[other + i];
          mutant[other + i] = t;
        }
      }
    }
    if (n == 0) mutant[n++] = '{';
  }
  return n;
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
  static unsigned char whole[ROOM / 4], tools[ROOM / 4];
  size_t n, tools_bytes;

  if (argc < 2 || !realpath(argv[1], folder)) {
    fprintf(stderr, "usage: deployment FOLDER [CASES] [SEED] [FIRST]\n");
    return 2;
  }
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) signal(signals[i], on_signal);
  snprintf(home, sizeof home, "/tmp/lintel-fuzz-XXXXXX");
  if (!mkdtemp(home)) return 2;
  snprintf(work, sizeof work, "%s/d", home);
  if (mkdir(work, 0700)) return 2;
  link_to(in(folder, "../models"), in(home, "models"));
  link_to(in(folder, "../lora"), in(home, "lora"));
  link_to(in(folder, "system.txt"), in(work, "system.txt"));
  n = read_file(in(folder, "full.json"), whole);
  tools_bytes = read_file(in(folder, "tools.json"), tools);
  write_file(in(work, "tools.json"), tools, tools_bytes);

  /* One thread: the C library allocates for another. */
  unsigned char *threads = (unsigned char *)strstr((char *)whole, "\"threads\": 2,");
  if (!threads) return 2;
  memcpy(threads, "             ", 13);
  write_file(in(work, "case.json"), whole, n);
  lintel_deployment *d = NULL; /* what happens at the first time only, has happened then */
  if (lintel_deployment_open(in(work, "case.json"), NULL, &d, NULL) || lintel_deployment_close(d))
    fault("the whole file does not open");
  printf("deployment: %zu bytes\n", n);
  attempt();
  if (opened != 1) fault("the whole file does not open");
  const size_t truncations = first ? 0 : n - 1; /* the last byte is the end of a line */
  for (size_t i = 0; i < truncations; i++) {
    snprintf(stage, sizeof stage, "truncation to %zu bytes", i);
    write_file(in(work, "case.json"), whole, i);
    attempt();
  }
  if (opened > 1) fault("a truncated file opens");
  for (uint64_t i = first; i < first + cases; i++) {
    state = seed * 0xD1B54A32D192ED03u + i;
    (void)draw();
    const int is_tools = below(6) == 0;
    snprintf(stage, sizeof stage, "seed %llu case %llu%s", (unsigned long long)seed,
             (unsigned long long)i, is_tools ? " (tools)" : "");
    if (is_tools) {
      const size_t k = mutate(tools, tools_bytes);
      write_file(in(work, "case.json"), whole, n);
      write_file(in(work, "tools.json"), mutant, k);
    } else {
      const size_t k = mutate(whole, n);
      write_file(in(work, "case.json"), mutant, k);
      write_file(in(work, "tools.json"), tools, tools_bytes);
    }
    attempt();
  }
  (void)unlink(in(work, "case.json"));
  (void)unlink(in(work, "tools.json"));
  (void)unlink(in(work, "system.txt"));
  (void)rmdir(work);
  (void)unlink(in(home, "models"));
  (void)unlink(in(home, "lora"));
  (void)rmdir(home);
  for (int i = 0; i < 64; i++)
    if (counts[i])
      printf("  %6llu %s\n", (unsigned long long)counts[i], lintel_status_name(-i));
  printf("deployment: %zu truncations, %llu mutations, seed %llu: %llu opened\n", truncations,
         (unsigned long long)cases, (unsigned long long)seed, (unsigned long long)opened);
  printf("deployment: %llu passed, %llu failed\n",
         (unsigned long long)(truncations + cases + 1 - (weak > 0 ? 1 : 0)),
         (unsigned long long)weak);
  return weak > 0;
}
