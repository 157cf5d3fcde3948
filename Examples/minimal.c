/* The smallest useful program: one answer from the Cabin model, inside 16 MiB of static memory.
 *
 *   make build/minimal && build/minimal Examples/Cabin/cabin.gguf "it's too cold back here"
 */
#include <stdio.h>
#include <string.h>

#include "lintel.h"

static unsigned char memory[16u << 20];

static int32_t print(void *user, const lintel_event *event) {
  (void)user;
  fwrite(event->text, 1, event->text_bytes, stdout);
  return LINTEL_CONTINUE;
}

static int fail(const lintel_error *error) {
  fprintf(stderr, "minimal: %s\n", error->message);
  return 1;
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "Examples/Cabin/cabin.gguf";
  const char *text = argc > 2 ? argv[2] : "it's too cold back here";
  lintel_engine_options options = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_engine *engine;
  lintel_model *model;
  lintel_session *session;

  options.memory = memory;
  options.memory_bytes = sizeof memory;
  if (lintel_engine_create(&options, &engine, &error)) return fail(&error);
  if (lintel_model_open(engine, path, NULL, &model, &error)) return fail(&error);
  if (lintel_session_create(model, NULL, &session, &error)) return fail(&error);
  if (lintel_session_feed_message(session, LINTEL_ROLE_USER, text, strlen(text), &error))
    return fail(&error);
  if (lintel_session_generate(session, NULL, print, NULL, NULL, &error) < 0) return fail(&error);
  putchar('\n');
  return lintel_engine_destroy(engine) != LINTEL_OK;
}
