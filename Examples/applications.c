/* Three applications of a car on one base model, in one block of memory, from a deployment file:
 * they answer at the same time, each with its own conversation and the adapters that the file gives
 * it, if any; then one conversation goes from application to application by exchanging adapters.
 *
 *   make build/applications && build/applications Examples/Cabin/deployment.json
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lintel.h"

enum { APPLICATIONS = 3 };

typedef struct application {
  const char *name; /* of the session, and of its adapter if it has one */
  const char *request;
  lintel_session *session;
  char answer[512];
  size_t answer_bytes;
} application;

static _Alignas(64) unsigned char memory[32u << 20];

static application applications[APPLICATIONS] = {
    {"navigation", "take me home but avoid the motorway", NULL, "", 0},
    {"media", "play some jazz", NULL, "", 0},
    {"climate", "it's too cold back here", NULL, "", 0},
};

static int32_t collect(void *user, const lintel_event *event) {
  application *a = user;
  size_t n = event->text_bytes;
  if (n > sizeof a->answer - 1 - a->answer_bytes) return LINTEL_STOP;
  memcpy(a->answer + a->answer_bytes, event->text, n);
  a->answer_bytes += n;
  a->answer[a->answer_bytes] = 0;
  return LINTEL_CONTINUE;
}

static int fail(const lintel_error *error) {
  fprintf(stderr, "applications: %s (%s)\n", error->message, lintel_status_name(error->status));
  return 1;
}

/* Feeds the application's request to `session`, to be answered as the file says for it. */
static lintel_status ask(const lintel_deployment *d, application *a, lintel_session *session,
                         lintel_error *error) {
  lintel_generate_options options = LINTEL_GENERATE_OPTIONS_INIT;
  lintel_status status = lintel_deployment_generate_options(d, a->name, &options, error);
  a->answer_bytes = 0;
  if (status == LINTEL_OK)
    status = lintel_session_feed_message(session, LINTEL_ROLE_USER, a->request,
                                         strlen(a->request), error);
  if (status == LINTEL_OK) status = lintel_session_begin(session, &options, collect, a, error);
  return status;
}

/* All three in the same passes: every weight is read once for all of them. */
static lintel_status together(const lintel_deployment *d, lintel_error *error) {
  lintel_session *sessions[APPLICATIONS];
  lintel_status statuses[APPLICATIONS], status = LINTEL_OK;
  for (int i = 0; i < APPLICATIONS; i++) {
    application *a = &applications[i];
    if ((status = lintel_deployment_session(d, a->name, &a->session, error))) return status;
    if ((status = ask(d, a, a->session, error))) return status;
    sessions[i] = a->session;
  }
  do {
    status = lintel_step_many(sessions, APPLICATIONS, 10000, statuses, error);
  } while (status == LINTEL_MORE);
  for (int i = 0; i < APPLICATIONS; i++) {
    if (statuses[i] < 0) return statuses[i];
    printf("%-11s %s\n            %s\n", applications[i].name, applications[i].request,
           applications[i].answer);
  }
  return status;
}

/* One conversation, which takes the adapter of the application that is asked next. */
static lintel_status in_turn(const lintel_deployment *d, lintel_error *error) {
  lintel_session *session = applications[0].session;
  for (int i = APPLICATIONS - 1; i >= 0; i--) {
    lintel_adapter_use use[8];
    uint32_t count = 0;
    struct timespec from, to;
    lintel_status status = lintel_session_reset(session, error);
    if (status) return status;
    lintel_session_get_adapters(applications[i].session, use, 8, &count);
    if (i == 0) { /* its own, which it has given away by now */
      lintel_deployment_restart(d, applications[0].name, error);
      lintel_session_get_adapters(session, use, 8, &count);
    }
    clock_gettime(CLOCK_MONOTONIC, &from);
    if ((status = lintel_session_set_adapters(session, use, count, error))) return status;
    clock_gettime(CLOCK_MONOTONIC, &to);
    if ((status = ask(d, &applications[i], session, error))) return status;
    while ((status = lintel_session_step(session, 10000, NULL, error)) == LINTEL_MORE) continue;
    if (status < 0) return status;
    printf("switched to %s in %.1f us\n            %s\n", applications[i].name,
           (double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) / 1e3,
           applications[i].answer);
  }
  return LINTEL_OK;
}

int main(int argc, char **argv) {
  lintel_deployment_options options = LINTEL_DEPLOYMENT_OPTIONS_INIT;
  lintel_memory used = LINTEL_MEMORY_INIT;
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_deployment *deployment;

  options.memory = memory;
  options.memory_bytes = sizeof memory;
  if (lintel_deployment_open(argc > 1 ? argv[1] : "Examples/Cabin/deployment.json", &options,
                             &deployment, &error))
    return fail(&error);
  if (together(deployment, &error) < 0 || in_turn(deployment, &error) < 0) return fail(&error);
  lintel_deployment_memory(deployment, &used);
  printf("%llu bytes of private memory, %llu of shared weights\n",
         (unsigned long long)used.total_bytes, (unsigned long long)used.weights_bytes);
  return lintel_deployment_close(deployment) != LINTEL_OK;
}
