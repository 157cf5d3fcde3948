/* The service over HTTP/1.1, on a Unix socket and on loopback TCP, by libmicrohttpd driven from
 * this process's one loop: its descriptors are polled with the others, and connections that wait
 * for tokens are suspended. No thread of its own, so nothing here needs a lock. */
#ifndef LINTELD_HTTP_H
#define LINTELD_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "text.h"

/* What else the status and the metrics say. */
struct http_hooks {
  bool (*is_healthy)(void);
  void (*write_status)(struct text *out);  /* members of a JSON object */
  void (*write_metrics)(struct text *out);
};

/* `poll` is the loop's epoll descriptor. */
bool http_open(const struct config *config, int poll, const struct http_hooks *hooks,
               char *message, size_t message_bytes);
/* After a reload. Addresses stay what they were. */
void http_set_config(const struct config *config);

/* An event of `poll` whose pointer is neither NULL nor the caller's: a peer that hung up. */
void http_peer_event(void *peer);
/* Serves what can be served, and what the queue has changed. */
void http_run(void);
/* Most milliseconds until http_run has to be called again. */
int http_timeout_ms(void);

/* No new connections; new requests get 503. */
void http_stop_accepting(void);
/* Requests whose answers are not written yet. */
uint32_t http_open_requests(void);
/* Ends the streams of vehicle events. */
void http_end_streams(void);
void http_close(void);

#endif
