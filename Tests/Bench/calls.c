/* What a grammar and drafting gain on calls: the same requests answered in several ways, in turn, in one
 * process.
 *
 *   calls MODEL TOOLS THREADS DRAFTS BLANKS < requests
 *
 * A request a line. BLANKS is 0 (free), 1 (none) or 2 (one). The ways: plain; drafting; the grammar;
 * both; each has a session of its own, which answers every request once. Prints, for each, tokens and
 * passes an answer and the rate of its tokens from the end of the prompt: by the engine's own figures,
 * and by the clock from beginning to end less what plain answering takes for the prompt, so that
 * nothing that moves into the prompt's pass is free.
 * Only answers that are the same in all ways are counted.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lintel.h"

enum { LINES = 4096, BYTES = 1024, WAYS = 4 };

static char lines[LINES][BYTES], answers[LINES][WAYS][BYTES];
static const char *const names[WAYS] = {"plain", "drafts", "grammar", "grammar and drafts"};

typedef struct sums {
  double wall, prompt, generate, tokens, passes, drafted, accepted;
} sums;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int32_t collect(void *user, const lintel_event *e) {
  strncat(user, e->text, e->text_bytes);
  return LINTEL_CONTINUE;
}

static sums answer(lintel_session *s, const char *text, const lintel_generate_options *o, char *out) {
  lintel_result r = LINTEL_RESULT_INIT;
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_session_reset(s, NULL);
  lintel_session_feed_message(s, LINTEL_ROLE_USER, text, strlen(text), NULL);
  out[0] = 0;
  const double start = now();
  if (lintel_session_generate(s, o, collect, out, &r, &error) != LINTEL_DONE) {
    printf("%s\n", error.message);
    exit(1);
  }
  return (sums){now() - start, (double)r.prompt_ns, (double)r.generate_ns,
                (double)r.generated_tokens, (double)r.passes, (double)r.drafted_tokens,
                (double)r.accepted_tokens};
}

static char *contents(const char *path, size_t *count) {
  FILE *f = fopen(path, "rb");
  char *text = malloc(1 << 20);
  *count = f && text ? fread(text, 1, 1 << 20, f) : 0;
  if (f) fclose(f);
  return text;
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_model_options mo = LINTEL_MODEL_OPTIONS_INIT;
  lintel_session_options so = LINTEL_SESSION_OPTIONS_INIT;
  lintel_grammar_options ro = LINTEL_GRAMMAR_OPTIONS_INIT;
  lintel_generate_options go = LINTEL_GENERATE_OPTIONS_INIT;
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_engine *engine;
  lintel_model *model;
  lintel_session *s[WAYS];
  lintel_grammar *grammar;
  static sums all[LINES][WAYS];
  int count = 0;
  while (count < LINES && fgets(lines[count], BYTES, stdin)) {
    lines[count][strcspn(lines[count], "\n")] = 0;
    if (lines[count][0]) count++;
  }
  eo.memory_bytes = (uint64_t)1 << 28;
  eo.threads = (uint32_t)atoi(argv[3]);
  mo.grammar_bytes = 8 << 20;
  so.context_tokens = 512;
  so.draft_tokens = (uint32_t)atoi(argv[4]);
  ro.kind = LINTEL_GRAMMAR_TOOLS;
  ro.text = contents(argv[2], &ro.text_bytes);
  ro.flags = (uint32_t)atoi(argv[5]);
  go.max_tokens = 96;
  if (lintel_engine_create(&eo, &engine, &error) ||
      lintel_model_open(engine, argv[1], &mo, &model, &error) ||
      lintel_grammar_compile(model, &ro, &grammar, &error)) {
    printf("%s\n", error.message);
    return 1;
  }
  for (int way = 0; way < WAYS; way++)
    if (lintel_session_create(model, &so, &s[way], &error)) {
      printf("%s\n", error.message);
      return 1;
    }
  for (int i = 0; i < count; i++)
    for (int k = 0; k < WAYS; k++) {
      const int way = (i + k) % WAYS;
      go.draft = way & 1 ? 0 : LINTEL_DRAFT_OFF;
      go.grammar = way & 2 ? grammar : NULL;
      all[i][way] = answer(s[way], lines[i], &go, answers[i][way]);
    }
  sums total[WAYS];
  int same = 0;
  memset(total, 0, sizeof total);
  for (int i = 0; i < count; i++) {
    int differs = 0;
    for (int way = 1; way < WAYS; way++) differs |= strcmp(answers[i][0], answers[i][way]) != 0;
    if (strcmp(answers[i][2], answers[i][3]) != 0) printf("DIFFERS: %s\n", lines[i]);
    if (differs) continue;
    same++;
    for (int way = 0; way < WAYS; way++) {
      const sums *one = &all[i][way];
      total[way].wall += one->wall - all[i][0].prompt;
      total[way].prompt += one->prompt;
      total[way].generate += one->generate;
      total[way].tokens += one->tokens;
      total[way].passes += one->passes;
      total[way].drafted += one->drafted;
      total[way].accepted += one->accepted;
    }
  }
  printf("%d of %d requests have the same answer in all ways\n", same, count);
  for (int way = 0; way < WAYS; way++) {
    const sums *t = &total[way];
    printf("%-18s %5.1f tokens, %5.1f passes, %4.1f drafted, %4.1f right; prompt %6.1f us, then "
           "%7.1f us: %6.0f tokens/s, %.2f x; by the clock %6.0f, %.2f x\n",
           names[way], t->tokens / same, t->passes / same, t->drafted / same, t->accepted / same,
           t->prompt / same / 1e3, t->generate / same / 1e3, t->tokens / t->generate * 1e9,
           t->tokens / t->generate / (total[0].tokens / total[0].generate),
           t->tokens / t->wall * 1e9, t->tokens / t->wall / (total[0].tokens / total[0].wall));
  }
  return lintel_engine_destroy(engine) != LINTEL_OK;
}
