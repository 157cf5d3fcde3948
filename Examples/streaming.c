/* Streaming under control: a second thread cancels, the callback pauses and resumes, figures are
 * printed.
 *
 *   make build/streaming && build/streaming Examples/Cabin/cabin.gguf
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lintel.h"

static unsigned char memory[16u << 20];

static int32_t on_event(void *user, const lintel_event *event) {
  unsigned *pause_at = user;
  fwrite(event->text, 1, event->text_bytes, stdout);
  fflush(stdout);
  if (event->kind == LINTEL_EVENT_TOKEN && *pause_at && event->index + 1 == *pause_at) {
    *pause_at = 0;
    return LINTEL_PAUSE;
  }
  return LINTEL_CONTINUE;
}

static void *cancel_soon(void *session) {
  const struct timespec pause = {0, 20000000};
  nanosleep(&pause, NULL);
  lintel_session_cancel(session);
  return NULL;
}

static int say(lintel_session *session, const char *text, uint32_t flags, unsigned pause_at,
               int cancel) {
  static const char *const reasons[] = {"none",    "end of turn", "length", "stop string",
                                        "context", "callback",    "cancel", "error"};
  lintel_generate_options options = LINTEL_GENERATE_OPTIONS_INIT;
  lintel_result result = LINTEL_RESULT_INIT;
  lintel_error error = LINTEL_ERROR_INIT;
  pthread_t thread;
  lintel_status status;

  printf("> %s\n", text);
  options.flags = flags;
  status = lintel_session_feed_message(session, LINTEL_ROLE_USER, text, strlen(text), &error);
  if (status == LINTEL_OK && cancel && pthread_create(&thread, NULL, cancel_soon, session)) return 1;
  if (status == LINTEL_OK)
    status = lintel_session_generate(session, &options, on_event, &pause_at, &result, &error);
  while (status == LINTEL_PAUSED) {
    printf(" [paused] ");
    status = lintel_session_generate(session, NULL, NULL, NULL, &result, &error);
  }
  if (cancel) pthread_join(thread, NULL);
  if (status < 0) {
    fprintf(stderr, "streaming: %s\n", error.message);
    return 1;
  }
  printf("\n  %s: %llu prompt tokens in %.2f ms, %llu tokens in %.2f ms, longest unit %.3f ms\n",
         reasons[result.finish], (unsigned long long)result.prompt_tokens, result.prompt_ns / 1e6,
         (unsigned long long)result.generated_tokens, result.generate_ns / 1e6,
         result.longest_step_ns / 1e6);
  return 0;
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "Examples/Cabin/cabin.gguf";
  lintel_engine_options options = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_engine *engine;
  lintel_model *model;
  lintel_session *session;

  options.memory = memory;
  options.memory_bytes = sizeof memory;
  if (lintel_engine_create(&options, &engine, &error) ||
      lintel_model_open(engine, path, NULL, &model, &error) ||
      lintel_session_create(model, NULL, &session, &error)) {
    fprintf(stderr, "streaming: %s\n", error.message);
    return 1;
  }
  if (say(session, "open the sunroof halfway", 0, 5, 0)) return 1;
  lintel_session_reset(session, NULL);
  /* Without an end this would fill the context: the second thread stops it. */
  if (say(session, "it's too cold back here", LINTEL_GENERATE_IGNORE_END, 0, 1)) return 1;
  lintel_session_reset(session, NULL);
  if (say(session, "turn on the wipers", 0, 0, 0)) return 1;
  return lintel_engine_destroy(engine) != LINTEL_OK;
}
