#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http_internal.h"
#include "journal.h"
#include "notify.h"
#include "vehicle.h"

#define HEADER_BYTES_MAX (24u << 10) /* of one connection, its answer's block included */
#define BACKLOG 64

const struct config *http_config;
bool http_is_stopping;
struct http_hooks http_hooks;
struct peer *http_peers;

static struct {
  struct MHD_Daemon *daemons[2]; /* Unix, TCP */
  int poll;
  char *unix_path; /* to be removed at the end; NULL if the service manager made it */
} http = {.poll = -1};

static void complain(void *unused, const char *format, va_list arguments) {
  char line[512];
  (void)unused;
  vsnprintf(line, sizeof line, format, arguments);
  line[strcspn(line, "\r\n")] = 0;
  journal(JOURNAL_INFO, "libmicrohttpd: %s", line);
}

/* ---- Connections ---- */

static void connection_changed(void *cls, struct MHD_Connection *connection, void **context,
                               enum MHD_ConnectionNotificationCode code) {
  struct peer *peer = *context;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const int bytes = (int)http_config->send_buffer_bytes;
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET};
    *context = peer = memory_take(1, sizeof *peer);
    peer->descriptor = info->connect_fd;
    peer->is_unix = cls == &http.daemons[0];
    peer->deadline_ns = now_ns() + http_config->request_ns;
    peer->next = http_peers;
    if (http_peers) http_peers->previous = peer;
    http_peers = peer;
    /* What a reader has not taken waits here and then in the queue, not in the kernel. */
    setsockopt(peer->descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    /* A suspended connection is not watched by libmicrohttpd: hang-ups are ours to see. */
    event.data.ptr = peer;
    epoll_ctl(http.poll, EPOLL_CTL_ADD, peer->descriptor, &event);
    return;
  }
  epoll_ctl(http.poll, EPOLL_CTL_DEL, peer->descriptor, NULL);
  if (peer->previous)
    peer->previous->next = peer->next;
  else
    http_peers = peer->next;
  if (peer->next) peer->next->previous = peer->previous;
  free(peer);
}

/* The request line of another request has come: all of it must follow soon. */
static void *request_line(void *unused, const char *uri, struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  struct peer *peer = info->socket_context;
  const uint64_t deadline_ns = now_ns() + http_config->request_ns;
  (void)unused;
  (void)uri;
  if (peer->deadline_ns > deadline_ns) peer->deadline_ns = deadline_ns;
  return NULL;
}

void http_peer_event(void *pointer) {
  struct peer *peer = pointer;
  struct exchange *exchange = peer->exchange;
  if (!exchange || exchange->is_ended) return;
  exchange->is_gone = true;
  if (exchange->chat.work) queue_cancel(exchange->chat.work, CANCEL_GONE);
  exchange_wake(exchange);
}

/* ---- Sockets ---- */

static int open_unix(const struct config *config, char *message, size_t size) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct stat status;
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool done = false;
  if (strlen(config->unix_path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
  } else if (descriptor >= 0) {
    strcpy(address.sun_path, config->unix_path);
    if (lstat(config->unix_path, &status) == 0 && S_ISSOCK(status.st_mode))
      unlink(config->unix_path);
    /* Nobody can connect before the permissions are right: the socket does not listen yet. */
    done = bind(descriptor, (const struct sockaddr *)&address, sizeof address) == 0 &&
           (config->unix_group == (gid_t)-1 ||
            chown(config->unix_path, (uid_t)-1, config->unix_group) == 0) &&
           chmod(config->unix_path, config->unix_mode) == 0 && listen(descriptor, BACKLOG) == 0;
  }
  if (done) {
    http.unix_path = memory_copy(config->unix_path, strlen(config->unix_path));
    return descriptor;
  }
  snprintf(message, size, "listen.unix %s: %s", config->unix_path, strerror(errno));
  if (descriptor >= 0) close(descriptor);
  return -1;
}

static int open_tcp(const struct config *config, char *message, size_t size) {
  const bool is_new = strchr(config->tcp_address, ':') != NULL;
  struct sockaddr_in old_address = {.sin_family = AF_INET, .sin_port = htons(config->tcp_port)};
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(config->tcp_port)};
  const int descriptor =
      socket(is_new ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int one = 1;
  socklen_t bytes = sizeof old_address;
  int result;
  if (descriptor < 0) {
    snprintf(message, size, "socket: %s", strerror(errno));
    return -1;
  }
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (is_new) {
    inet_pton(AF_INET6, config->tcp_address, &address.sin6_addr);
    result = bind(descriptor, (const struct sockaddr *)&address, sizeof address);
  } else {
    inet_pton(AF_INET, config->tcp_address, &old_address.sin_addr);
    result = bind(descriptor, (const struct sockaddr *)&old_address, sizeof old_address);
  }
  if (result || listen(descriptor, BACKLOG)) {
    snprintf(message, size, "listen.tcp %s port %u: %s", config->tcp_address, config->tcp_port,
             strerror(errno));
    close(descriptor);
    return -1;
  }
  if (!is_new && getsockname(descriptor, (struct sockaddr *)&old_address, &bytes) == 0)
    journal(JOURNAL_NOTICE, "listening on http://%s:%u/", config->tcp_address,
            ntohs(old_address.sin_port));
  return descriptor;
}

static bool open_daemon(unsigned index, int descriptor, char *message, size_t size) {
  const union MHD_DaemonInfo *info;
  struct epoll_event event = {.events = EPOLLIN};
  http.daemons[index] = MHD_start_daemon(
      MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle, NULL,
      MHD_OPTION_EXTERNAL_LOGGER, complain, NULL, MHD_OPTION_LISTEN_SOCKET, descriptor,
      MHD_OPTION_CONNECTION_LIMIT, (unsigned)http_config->connections_max,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES_MAX,
      MHD_OPTION_CONNECTION_TIMEOUT,
      (unsigned)((http_config->stall_ns + http_config->idle_ns) / 1000000000u + 1),
      MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_NOTIFY_CONNECTION,
      connection_changed, &http.daemons[index], MHD_OPTION_URI_LOG_CALLBACK, request_line, NULL,
      MHD_OPTION_END);
  if (!http.daemons[index]) {
    snprintf(message, size, "libmicrohttpd does not start on descriptor %d", descriptor);
    return false;
  }
  info = MHD_get_daemon_info(http.daemons[index], MHD_DAEMON_INFO_EPOLL_FD);
  event.data.ptr = NULL; /* http_run looks at both in any case */
  if (info && epoll_ctl(http.poll, EPOLL_CTL_ADD, info->epoll_fd, &event) == 0) return true;
  snprintf(message, size, "epoll: %s", strerror(errno));
  return false;
}

bool http_open(const struct config *config, int poll, const struct http_hooks *hooks,
               char *message, size_t message_bytes) {
  int descriptors[2];
  http_config = config;
  http_hooks = *hooks;
  http.poll = poll;
  notify_sockets(&descriptors[0], &descriptors[1]);
  if (descriptors[0] < 0 && config->unix_path &&
      (descriptors[0] = open_unix(config, message, message_bytes)) < 0)
    return false;
  if (descriptors[1] < 0 && config->tcp_address &&
      (descriptors[1] = open_tcp(config, message, message_bytes)) < 0)
    return false;
  for (unsigned i = 0; i < 2; i++)
    if (descriptors[i] >= 0 && !open_daemon(i, descriptors[i], message, message_bytes))
      return false;
  return true;
}

void http_set_config(const struct config *config) { http_config = config; }

/* ---- The loop ---- */

static void check_peer(struct peer *peer, uint64_t now) {
  struct exchange *exchange = peer->exchange;
  if (peer->deadline_ns && now > peer->deadline_ns) {
    peer->deadline_ns = 0;
    shutdown(peer->descriptor, SHUT_RDWR); /* libmicrohttpd sees the end and closes */
    return;
  }
  if (!exchange) return;
  if (exchange->chat.work && !exchange->is_ended && now > exchange->chat.work->deadline_ns)
    queue_cancel(exchange->chat.work, CANCEL_DEADLINE);
  if (exchange->is_streaming && !exchange->is_suspended &&
      now > exchange->moved_ns + http_config->stall_ns) {
    if (exchange->chat.work) queue_cancel(exchange->chat.work, CANCEL_STALLED);
    exchange->is_gone = true;
    shutdown(peer->descriptor, SHUT_RDWR);
  }
  if (exchange->kind == EXCHANGE_EVENTS && exchange->is_suspended &&
      (exchange->next_event <= vehicle_event_count() || http_is_stopping ||
       now > exchange->beat_ns + HTTP_HEARTBEAT_NS))
    exchange_wake(exchange);
}

void http_run(void) {
  struct work *work;
  const uint64_t now = now_ns();
  while ((work = queue_changed())) {
    if (work->owner) exchange_wake(work->owner);
    work_release(work);
  }
  for (struct peer *peer = http_peers; peer; peer = peer->next) check_peer(peer, now);
  for (unsigned i = 0; i < 2; i++)
    if (http.daemons[i]) MHD_run(http.daemons[i]);
  /* An answer may have been a call: those who listen to the vehicle hear of it now. */
  for (struct peer *peer = http_peers; peer; peer = peer->next)
    if (peer->exchange && peer->exchange->kind == EXCHANGE_EVENTS &&
        peer->exchange->next_event <= vehicle_event_count())
      exchange_wake(peer->exchange);
}

/* When check_peer has something to do at this connection, if nothing happens before. */
static uint64_t next_look(const struct peer *peer) {
  const struct exchange *exchange = peer->exchange;
  uint64_t next = peer->deadline_ns ? peer->deadline_ns : UINT64_MAX;
  if (!exchange) return next;
  if (exchange->chat.work && !exchange->is_ended && exchange->chat.work->deadline_ns < next &&
      exchange->chat.work->cancel == CANCEL_NONE)
    next = exchange->chat.work->deadline_ns;
  if (exchange->is_streaming && !exchange->is_suspended &&
      exchange->moved_ns + http_config->stall_ns < next)
    next = exchange->moved_ns + http_config->stall_ns;
  if (exchange->kind == EXCHANGE_EVENTS && exchange->beat_ns + HTTP_HEARTBEAT_NS < next)
    next = exchange->beat_ns + HTTP_HEARTBEAT_NS;
  return next;
}

int http_timeout_ms(void) {
  const uint64_t now = now_ns();
  uint64_t least = 1000;
  for (const struct peer *peer = http_peers; peer; peer = peer->next) {
    const uint64_t next = next_look(peer);
    const uint64_t ms = next > now ? (next - now) / 1000000u + 1 : 1;
    if (ms < least) least = ms;
  }
  for (unsigned i = 0; i < 2; i++) {
    MHD_UNSIGNED_LONG_LONG timeout;
    if (http.daemons[i] && MHD_get_timeout(http.daemons[i], &timeout) == MHD_YES &&
        timeout < least)
      least = timeout;
  }
  return (int)least;
}

void http_stop_accepting(void) {
  http_is_stopping = true;
  for (unsigned i = 0; i < 2; i++)
    if (http.daemons[i]) {
      const int descriptor = MHD_quiesce_daemon(http.daemons[i]);
      if (descriptor >= 0) close(descriptor);
    }
  if (http.unix_path) unlink(http.unix_path);
}

uint32_t http_open_requests(void) {
  uint32_t count = 0;
  for (const struct peer *peer = http_peers; peer; peer = peer->next)
    count += peer->exchange && peer->exchange->kind == EXCHANGE_CHAT;
  return count;
}

void http_end_streams(void) {
  for (struct peer *peer = http_peers; peer; peer = peer->next)
    if (peer->exchange) {
      if (peer->exchange->kind == EXCHANGE_CHAT) peer->exchange->is_gone = true;
      exchange_wake(peer->exchange);
    }
}

void http_close(void) {
  for (unsigned i = 0; i < 2; i++) {
    if (http.daemons[i]) MHD_stop_daemon(http.daemons[i]);
    http.daemons[i] = NULL;
  }
  free(http.unix_path);
  http.unix_path = NULL;
}
