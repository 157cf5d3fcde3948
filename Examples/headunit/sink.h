/* Where signal writes go: standard output (a JSON line each), a Unix datagram socket (a JSON line
 * per datagram), or an MQTT broker (the path as topic, the value as payload). */
#ifndef LINTELD_SINK_H
#define LINTELD_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

bool sink_open(const struct config *config, char *message, size_t message_bytes);
void sink_close(void);
/* `value` is a JSON value. False if nobody took it. */
bool sink_write(const char *path, const char *value, const char *application);

#endif
