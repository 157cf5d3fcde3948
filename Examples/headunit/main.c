/* linteld - language models for the applications of one head unit.
 *
 *   main.c       the command line
 *   service.c    the loop: sockets, signals, watchdog       config.c  linteld.json
 *   http*.c      connections, routes, answers               access.c  tokens, peers, rates
 *   openai.c     the answers' format; request.c the requests'
 *   queue.c      between the loop and the engine's thread
 *   engine.c     that thread; slots.c its sessions; models.c the deployment
 *   conversations.c  states kept between requests, on disk
 *   vehicle.c    calls become signal writes; schema.c, sink.c
 *   plan.c, metrics.c, journal.c, notify.c, page.c, json.c, text.c
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "lintel.h"
#include "plan.h"
#include "service.h"

static const char usage[] =
    "usage: linteld --config FILE [--check | --plan | --print-unit]\n"
    "\n"
    "  --config FILE  the service's configuration, which names the deployment\n"
    "  --check        says everything that is wrong with both, and ends\n"
    "  --plan         prints the memory that they need, by category, and ends\n"
    "  --print-unit   prints the systemd drop-in with MemoryMax from the plan, and ends\n"
    "  --version      prints the version of the engine, and ends\n"
    "\n"
    "SIGTERM ends the service within its grace; SIGHUP reads configuration and adapters again.\n";

static int inspect(const struct config *config, int mode) {
  struct plan plan = {0};
  struct text problems = {0};
  const bool is_fine = plan_make(config, &plan, &problems);
  if (!is_fine)
    fprintf(stderr, "%s:\n%s", config->deployment, problems.bytes);
  else if (mode == 'p')
    plan_print(&plan);
  else if (mode == 'u')
    plan_print_unit(&plan);
  else
    printf("%s and %s are fine\n", config->path, config->deployment);
  text_free(&problems);
  return is_fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
  static const struct option options[] = {
      {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
      {"plan", no_argument, NULL, 'p'},         {"print-unit", no_argument, NULL, 'u'},
      {"version", no_argument, NULL, 'v'},      {"help", no_argument, NULL, 'h'},
      {NULL, 0, NULL, 0}};
  const char *path = NULL;
  char message[600] = "";
  struct config *config;
  int option, mode = 0, status;
  while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
    if (option == 'c') {
      path = optarg;
    } else if (option == 'h') {
      fputs(usage, stdout);
      return EXIT_SUCCESS;
    } else if (option == 'v') {
      printf("linteld with lintel %u.%u.%u\n", lintel_version() / 10000,
             lintel_version() / 100 % 100, lintel_version() % 100);
      return EXIT_SUCCESS;
    } else if (option == '?') {
      fputs(usage, stderr);
      return 2;
    } else {
      mode = option;
    }
  }
  if (!path || optind != argc) {
    fputs(usage, stderr);
    return 2;
  }
  config = config_read(path, message, sizeof message);
  if (!config) {
    fprintf(stderr, "linteld: %s\n", message);
    return EXIT_FAILURE;
  }
  if (!mode) return service_run(config);
  status = inspect(config, mode);
  config_free(config);
  return status;
}
