/* The vehicle's side: the state of its signals, what a model's call does to them, and the
 * interlocks that refuse calls while the car moves, whatever the model says. Belongs to the loop.
 */
#ifndef LINTELD_VEHICLE_H
#define LINTELD_VEHICLE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "text.h"

/* Reads the map and checks it against the tools. The state of signals known before is kept. On
 * failure the map in use stays. */
bool vehicle_open(const struct config *config, char *message, size_t message_bytes);
void vehicle_close(void);
bool vehicle_is_open(void);

/* Carries out the call in a model's answer for an application. Appends the outcome as JSON:
 *   {"outcome":"done" | "refused" | "declined" | "invalid" | "failed","function":...,
 *    "arguments":...,"signals":[{"path":...,"value":...}],"reason":...} */
void vehicle_act(const char *answer, size_t count, const char *application, struct text *outcome);

/* Takes signals in from the car: {"signals":[{"path":...,"value":...}]}. All or none. */
bool vehicle_feed(const cJSON *json, char *message, size_t message_bytes);

/* {"signals":{path:value,...}} */
void vehicle_write_state(struct text *out);

/* Events since `next`, as server-sent events; one that fell behind gets the whole state instead.
 * Returns the number to ask with the next time. 0 asks for the whole state. */
uint64_t vehicle_write_events(uint64_t next, struct text *out);
uint64_t vehicle_event_count(void);

#endif
