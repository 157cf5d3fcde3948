#include "plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The program, its libraries' data, the heap's own slack, stacks that were touched. */
#define BASE_BYTES (8u << 20)
/* Per connection: libmicrohttpd's pool, and the kernel's socket buffers, which count twice what was
 * asked for. */
#define POOL_BYTES (24u << 10)
/* A body stands there three times while it is read: as text, as JSON, as messages. */
#define BODY_COPIES 3

static void add_problem(void *user, const lintel_problem *problem) {
  struct text *problems = user;
  if (problem->line) text_format(problems, "line %u, ", problem->line);
  if (problem->path[0]) text_format(problems, "%s: ", problem->path);
  text_format(problems, "%s\n", problem->sentence);
}

bool plan_make(const struct config *config, struct plan *plan, struct text *problems) {
  const lintel_memory empty = LINTEL_MEMORY_INIT;
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_status status;
  plan->engine = empty;
  status = lintel_deployment_check(config->deployment, add_problem, problems, &plan->engine,
                                   &error);
  if (status && !problems->count) text_format(problems, "%s\n", error.message);
  plan->service_bytes =
      BASE_BYTES + (uint64_t)config->connections_max *
                       (POOL_BYTES + 2u * (uint64_t)config->send_buffer_bytes +
                        BODY_COPIES * (uint64_t)config->body_bytes_max);
  plan->private_bytes = plan->engine.total_bytes + plan->engine.transient_bytes +
                        plan->service_bytes;
  plan->memory_max = plan->private_bytes + plan->engine.weights_bytes;
  return status == LINTEL_OK;
}

static void line(const char *name, uint64_t bytes) {
  printf("%-28s %14" PRIu64 "  %9.2f MiB\n", name, bytes, (double)bytes / 1048576.0);
}

void plan_print(const struct plan *plan) {
  line("engine", plan->engine.engine_bytes);
  line("models", plan->engine.model_bytes);
  line("scratch", plan->engine.scratch_bytes);
  line("recurrent states", plan->engine.state_bytes);
  line("attention caches", plan->engine.cache_bytes);
  line("sessions", plan->engine.session_bytes);
  line("adapters", plan->engine.adapter_bytes);
  line("grammars", plan->engine.grammar_bytes);
  line("deployment", plan->engine.deployment_bytes);
  line("the engine's block", plan->engine.total_bytes);
  line("reading the deployment", plan->engine.transient_bytes);
  line("the service, at most", plan->service_bytes);
  line("private memory, at most", plan->private_bytes);
  line("weights, mapped read-only", plan->engine.weights_bytes);
  line("MemoryMax", plan->memory_max);
}

void plan_print_unit(const struct plan *plan) {
  printf("# /etc/systemd/system/linteld.service.d/memory.conf, by linteld --print-unit\n"
         "# engine %" PRIu64 " + service %" PRIu64 " + weights %" PRIu64 " bytes\n"
         "[Service]\n"
         "MemoryMax=%" PRIu64 "\n"
         "MemorySwapMax=0\n",
         plan->engine.total_bytes, plan->private_bytes - plan->engine.total_bytes,
         plan->engine.weights_bytes, plan->memory_max);
}

uint64_t plan_private_now(void) {
  FILE *file = fopen("/proc/self/smaps_rollup", "re");
  char text[128];
  uint64_t kib = 0;
  if (!file) return 0;
  while (fgets(text, sizeof text, file))
    if (strncmp(text, "Anonymous:", 10) == 0) kib = strtoull(text + 10, NULL, 10);
  fclose(file);
  return kib * 1024u;
}
