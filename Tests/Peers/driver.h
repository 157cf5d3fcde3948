/* What both engines' drivers share: the words of the command line, time, private memory, JSON.
 *
 *     DRIVER MODEL THREADS CONTEXT [adapter=FILE] [sessions=N] WORK...
 *
 *   decode:P:N    N tokens, each the likeliest, after a prompt of P
 *   prefill:P     a prompt of P tokens up to the choice of the first token
 *   rows:K:R      R passes over K further tokens of one text, no logits asked for
 *   together:N    N tokens of every session, all in one pass; with sessions=1 the rate of one alone
 *   fill:P        text up to position P; positions must grow
 *   depth:P:N     the same, not counted, then N tokens
 *   deepen:P      no text: the state is saved, its cache repeated up to position P, and restored
 *   -             what comes in from here on, a word a line
 *
 * Prompts are ordinary token ids, the same for both engines. The first line of output says that the
 * engine is ready, and each work prints one more, all of them JSON; private memory is read after each. */
#ifndef PEERS_DRIVER_H
#define PEERS_DRIVER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *adapter_path;
static int session_count = 1;

/* One thread's work is counted in its own time, so that other programs disturb it little. */
static clockid_t work_clock = CLOCK_MONOTONIC;

static double now(void) {
  struct timespec t;
  clock_gettime(work_clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void die(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static int32_t prompt_token(int i, int vocabulary) {
  int ordinary = vocabulary < 8000 ? vocabulary - 8 : 8000;
  return (int32_t)(((int64_t)i * 7919 + 13) % ordinary);
}

/* Kilobytes of the field in smaps_rollup. */
static long rollup(const char *field) {
  FILE *f = fopen("/proc/self/smaps_rollup", "r");
  char line[256];
  long kb = 0;
  if (!f) return 0;
  while (fgets(line, sizeof line, f))
    if (!strncmp(line, field, strlen(field)) && line[strlen(field)] == ':')
      kb = atol(line + strlen(field) + 1);
  fclose(f);
  return kb;
}

static long private_before;

/* Ends the line: the program's private memory beyond what it had before the engine was loaded. */
static void print_memory(void) {
  printf(", \"private_kb\": %ld, \"anonymous_kb\": %ld}\n", rollup("Private_Dirty") - private_before,
         rollup("Anonymous"));
  fflush(stdout);
}

static void print_rate(const char *work, int tokens, double seconds) {
  printf("{\"work\": \"%s\", \"tokens\": %d, \"seconds\": %.6f", work, tokens, seconds);
  print_memory();
}

/* The same of a generation, with the tokens that came. */
static void print_tokens(const char *work, const int32_t *ids, int tokens, double seconds) {
  printf("{\"work\": \"%s\", \"tokens\": %d, \"seconds\": %.6f, \"ids\": [", work, tokens, seconds);
  for (int i = 0; i < tokens; i++) printf("%s%d", i ? ", " : "", ids[i]);
  printf("]");
  print_memory();
}

/* ---- Deepening: a saved state, copied piece by piece into a larger one ---- */

struct deepening {
  const char *from;
  char *to;
  const char *end; /* of what is copied from */
  int position, wanted;
};

/* `from` and `to` go on by `bytes`, copied as they are. */
static void keep(struct deepening *d, size_t bytes) {
  if (bytes > (size_t)(d->end - d->from)) die("deepen: the saved state ends too early");
  memcpy(d->to, d->from, bytes);
  d->from += bytes;
  d->to += bytes;
}

/* A row for each position: those of position i are those of i modulo the positions that there are. */
static void repeat(struct deepening *d, size_t row) {
  size_t bytes = row * (size_t)d->position, all = row * (size_t)d->wanted;
  if (bytes > (size_t)(d->end - d->from)) die("deepen: the saved state ends too early");
  for (size_t done = 0; done < all; done += bytes)
    memcpy(d->to + done, d->from, all - done < bytes ? all - done : bytes);
  d->from += bytes;
  d->to += all;
}

static uint32_t word_at(const char *bytes) {
  uint32_t w;
  memcpy(&w, bytes, sizeof w);
  return w;
}

static uint64_t long_at(const char *bytes) {
  uint64_t w;
  memcpy(&w, bytes, sizeof w);
  return w;
}

static void *allocate(size_t bytes) {
  void *p = malloc(bytes);
  if (!p) die("no memory for a saved state");
  return p;
}

static int take_option(const char *word) {
  if (!strncmp(word, "adapter=", 8)) {
    adapter_path = word + 8;
    return 1;
  }
  if (!strncmp(word, "sessions=", 9)) {
    session_count = atoi(word + 9);
    if (session_count < 1 || session_count > 8) die("sessions are 1 to 8");
    return 1;
  }
  return 0;
}

static void choose_clock(int threads) {
  if (threads == 1) work_clock = CLOCK_PROCESS_CPUTIME_ID;
}

/* The engine's side. */
static void engine_run(const char *word, const char *kind, int a, int b);

static void run_word(const char *word) {
  char kind[32];
  int a = 0, b = 0;
  if (sscanf(word, "%31[a-z]:%d:%d", kind, &a, &b) < 2 || a < 1) die("cannot read the work");
  engine_run(word, kind, a, b);
}

static void run_words(int argc, char **argv, int from) {
  char line[64];
  for (int i = from; i < argc; i++) {
    if (take_option(argv[i])) continue;
    if (strcmp(argv[i], "-")) {
      run_word(argv[i]);
      continue;
    }
    while (fgets(line, sizeof line, stdin)) {
      line[strcspn(line, "\n")] = 0;
      run_word(line);
    }
  }
}

#endif
