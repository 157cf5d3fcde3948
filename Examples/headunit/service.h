/* The process's one loop: sockets, signals, the queue's news, the watchdog. */
#ifndef LINTELD_SERVICE_H
#define LINTELD_SERVICE_H

#include "config.h"

/* Serves until it is told to end. Returns the exit status. */
int service_run(struct config *config);

#endif
