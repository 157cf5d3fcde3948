#include "notify.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_PASSED_DESCRIPTOR 3

void notify(const char *format, ...) {
  const char *path = getenv("NOTIFY_SOCKET");
  struct sockaddr_un address = {0};
  char line[512];
  va_list arguments;
  size_t length;
  int descriptor;
  if (!path || !path[0] || strlen(path) >= sizeof address.sun_path) return;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  length = strlen(path);
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = 0;
  descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  (void)sendto(descriptor, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT,
               (const struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
  close(descriptor);
}

static long environment_number(const char *name) {
  const char *value = getenv(name);
  return value ? strtol(value, NULL, 10) : 0;
}

uint64_t notify_watchdog_ns(void) {
  const long process = environment_number("WATCHDOG_PID");
  const long interval = environment_number("WATCHDOG_USEC");
  if (interval <= 0 || (process != 0 && process != (long)getpid())) return 0;
  return (uint64_t)interval * 1000u;
}

void notify_sockets(int *out_unix, int *out_tcp) {
  const long count = environment_number("LISTEN_FDS");
  *out_unix = *out_tcp = -1;
  if (environment_number("LISTEN_PID") != (long)getpid()) return;
  for (int i = 0; i < count && i < 16; i++) {
    const int descriptor = FIRST_PASSED_DESCRIPTOR + i;
    int domain = 0;
    socklen_t size = sizeof domain;
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    if (getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size)) continue;
    if (domain == AF_UNIX && *out_unix < 0) *out_unix = descriptor;
    if ((domain == AF_INET || domain == AF_INET6) && *out_tcp < 0) *out_tcp = descriptor;
  }
  unsetenv("LISTEN_PID");
  unsetenv("LISTEN_FDS");
}
