/* What both engines' drivers share: the words of the command line, time, private memory, JSON.
 *
 *     DRIVER MODEL THREADS CONTEXT [adapter=FILE] [sessions=N] WORK...
 *
 *   decode:P:N    N tokens, each the likeliest, after a prompt of P
 *   prefill:P     a prompt of P tokens up to the choice of the first token
 *   rows:K:R      R passes over K further tokens of one text, no logits asked for
 *   together:N    N tokens of every session, all in one pass; with sessions=1 the rate of one alone
 *   fill:P        text up to position P, not counted
 *   depth:P:N     the same, then N tokens, which are counted; positions must grow
 *   wait          prints "waiting" and goes on when a line comes in
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

static void wait_for_line(void) {
  puts("{\"work\": \"waiting\"}");
  fflush(stdout);
  int c;
  while ((c = getchar()) != EOF && c != '\n') continue;
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

static void run_words(int argc, char **argv, int from) {
  for (int i = from; i < argc; i++) {
    char kind[32];
    int a = 0, b = 0;
    if (take_option(argv[i])) continue;
    if (!strcmp(argv[i], "wait")) {
      wait_for_line();
      continue;
    }
    if (sscanf(argv[i], "%31[a-z]:%d:%d", kind, &a, &b) < 2 || a < 1) die("cannot read the work");
    engine_run(argv[i], kind, a, b);
  }
}

#endif
