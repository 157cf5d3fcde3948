/* The service manager's protocols, which are small enough to need no library: state messages to
 * NOTIFY_SOCKET, the watchdog's interval, and sockets that were opened for us. */
#ifndef LINTELD_NOTIFY_H
#define LINTELD_NOTIFY_H

#include <stdint.h>

/* "READY=1" and the like; does nothing outside of a service manager. */
__attribute__((format(printf, 1, 2))) void notify(const char *format, ...);

/* How often the watchdog wants to hear from this process; 0 if it does not. */
uint64_t notify_watchdog_ns(void);

/* Takes over the sockets passed in: *out_unix and *out_tcp are -1 where there is none. */
void notify_sockets(int *out_unix, int *out_tcp);

#endif
