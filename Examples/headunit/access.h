/* Who asks, and how often: bearer tokens, peer credentials, rates. Belongs to the loop. */
#ifndef LINTELD_ACCESS_H
#define LINTELD_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

/* The application whose token this "Authorization" header carries, or NULL. All tokens are compared
 * whole, so that the time taken says nothing about them. */
const struct application *access_by_token(const struct config *config, const char *authorization);

/* The application of the process at the other end of a Unix socket, or NULL. */
const struct application *access_by_peer(const struct config *config, int descriptor);

/* Whether the application may make a request now. If not, *out_wait_seconds says when. */
bool access_take(const struct config *config, const struct application *application,
                 uint32_t *out_wait_seconds);

#endif
