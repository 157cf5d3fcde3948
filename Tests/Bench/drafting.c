/* What drafting gains: the same requests with and without it, in turn, in one process.
 *
 *   drafting MODEL THREADS DRAFTS TOKENS TEMPERATURE ROUNDS [DRAFT_MODEL] < requests
 *
 * A request a line; with TOKENS above 0 the line is continued as text for exactly so many tokens,
 * otherwise it is a message and is answered. Prints decode rates and their ratio, by round.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lintel.h"

enum { LINES = 4096, BYTES = 1024 };

static char lines[LINES][BYTES];

typedef struct sums {
  double ns, tokens, passes, drafted, accepted;
} sums;

static void answer(lintel_session *s, const char *text, const lintel_generate_options *o, sums *t) {
  lintel_result r = LINTEL_RESULT_INIT;
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_session_reset(s, NULL);
  if (o->flags & LINTEL_GENERATE_RAW) lintel_session_feed_text(s, text, strlen(text), 0, NULL);
  else lintel_session_feed_message(s, LINTEL_ROLE_USER, text, strlen(text), NULL);
  if (lintel_session_generate(s, o, NULL, NULL, &r, &error) != LINTEL_DONE) {
    printf("%s\n", error.message);
    exit(1);
  }
  t->ns += (double)r.generate_ns;
  t->tokens += (double)r.generated_tokens - 1;
  t->passes += (double)r.passes;
  t->drafted += (double)r.drafted_tokens;
  t->accepted += (double)r.accepted_tokens;
}

int main(int argc, char **argv) {
  if (argc < 7) return 2;
  lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_session_options so = LINTEL_SESSION_OPTIONS_INIT;
  lintel_generate_options go = LINTEL_GENERATE_OPTIONS_INIT;
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_engine *engine;
  lintel_model *model, *small;
  lintel_session *s, *draft;
  int count = 0;
  while (count < LINES && fgets(lines[count], BYTES, stdin)) {
    lines[count][strcspn(lines[count], "\n")] = 0;
    if (lines[count][0]) count++;
  }
  eo.memory_bytes = (uint64_t)1 << 30;
  eo.threads = (uint32_t)atoi(argv[2]);
  so.context_tokens = 1024;
  so.draft_tokens = (uint32_t)atoi(argv[3]);
  go.max_tokens = (uint32_t)atoi(argv[4]);
  if (go.max_tokens) go.flags = LINTEL_GENERATE_RAW | LINTEL_GENERATE_IGNORE_END;
  go.temperature = (float)atof(argv[5]);
  if (lintel_engine_create(&eo, &engine, &error) ||
      lintel_model_open(engine, argv[1], NULL, &model, &error) ||
      lintel_session_create(model, &so, &s, &error)) {
    printf("%s\n", error.message);
    return 1;
  }
  if (argc > 7) {
    so.rewind_tokens = so.draft_tokens;
    so.draft_tokens = 0;
    if (lintel_model_open(engine, argv[7], NULL, &small, &error) ||
        lintel_session_create(small, &so, &draft, &error) ||
        lintel_session_set_draft(s, draft, &error)) {
      printf("%s\n", error.message);
      return 1;
    }
  }
  sums all[2] = {{0}};
  for (int round = 0; round < atoi(argv[6]); round++) {
    sums t[2] = {{0}};
    for (int i = 0; i < count; i++)
      for (int k = 0; k < 2; k++) {
        const int side = (i + k + round) % 2;
        go.seed = (uint64_t)(i + 1000 * round);
        go.draft = side ? 0 : LINTEL_DRAFT_OFF;
        answer(s, lines[i], &go, &t[side]);
      }
    printf("round %d: plain %.1f tokens/s, drafting %.1f, ratio %.3f; %.0f tokens, %.0f passes, %.0f "
           "drafted, %.0f right\n",
           round, t[0].tokens / t[0].ns * 1e9, t[1].tokens / t[1].ns * 1e9, t[0].ns / t[1].ns,
           t[1].tokens, t[1].passes, t[1].drafted, t[1].accepted);
    for (int k = 0; k < 2; k++) {
      all[k].ns += t[k].ns;
      all[k].tokens += t[k].tokens;
    }
  }
  printf("all: plain %.1f, drafting %.1f tokens/s, ratio %.3f\n", all[0].tokens / all[0].ns * 1e9,
         all[1].tokens / all[1].ns * 1e9, all[0].ns / all[1].ns);
  return lintel_engine_destroy(engine) != LINTEL_OK;
}
