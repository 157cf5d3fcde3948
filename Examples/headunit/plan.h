/* What the service will take, before it takes it. */
#ifndef LINTELD_PLAN_H
#define LINTELD_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "lintel.h"
#include "text.h"

struct plan {
  lintel_memory engine;   /* the deployment's, to the byte */
  uint64_t service_bytes; /* at most: connections, bodies, answers, libraries */
  uint64_t private_bytes; /* both: what anonymous memory stays below */
  uint64_t memory_max;    /* and the mapped weights: what the control group may hold */
};

/* Checks the deployment; on failure every problem of it is in `problems`, a line each. */
bool plan_make(const struct config *config, struct plan *plan, struct text *problems);
void plan_print(const struct plan *plan);
/* The drop-in for linteld.service. */
void plan_print_unit(const struct plan *plan);
/* Anonymous memory of this process now, in bytes. */
uint64_t plan_private_now(void);

#endif
