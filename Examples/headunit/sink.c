#include "sink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "journal.h"
#include "metrics.h"
#include "text.h"

#ifdef LINTELD_MOSQUITTO
#include <mosquitto.h>
#endif

static struct {
  enum sink_kind kind;
  int socket;
  struct sockaddr_un address;
  char topic[128];
#ifdef LINTELD_MOSQUITTO
  struct mosquitto *client;
#endif
} sink = {.socket = -1};

#ifdef LINTELD_MOSQUITTO
static void on_connect(struct mosquitto *client, void *user, int result) {
  (void)client;
  (void)user;
  journal(result ? JOURNAL_ERROR : JOURNAL_INFO, "MQTT broker: %s",
          mosquitto_connack_string(result));
}

/* The library's own thread keeps the connection, because looking up a name and connecting block. */
static bool open_mqtt(const struct config *config, char *message, size_t size) {
  int result;
  mosquitto_lib_init();
  sink.client = mosquitto_new(NULL, true, NULL);
  if (!sink.client) {
    snprintf(message, size, "mosquitto_new: %s", strerror(errno));
    return false;
  }
  mosquitto_connect_callback_set(sink.client, on_connect);
  mosquitto_reconnect_delay_set(sink.client, 1, 10, true);
  result = mosquitto_connect_async(sink.client, config->sink_path, config->sink_port, 30);
  if (result == MOSQ_ERR_INVAL) {
    snprintf(message, size, "vehicle.sink: %s", mosquitto_strerror(result));
    return false;
  }
  if (result) journal(JOURNAL_WARNING, "MQTT broker: %s; trying again", mosquitto_strerror(result));
  result = mosquitto_loop_start(sink.client);
  if (result) snprintf(message, size, "mosquitto_loop_start: %s", mosquitto_strerror(result));
  return result == 0;
}

static bool write_mqtt(const char *path, const char *value) {
  char topic[320];
  int result;
  snprintf(topic, sizeof topic, "%s%s", sink.topic, path);
  for (char *at = topic + strlen(sink.topic); *at; at++)
    if (*at == '.') *at = '/';
  result = mosquitto_publish(sink.client, NULL, topic, (int)strlen(value), value, 1, false);
  if (result) journal(JOURNAL_ERROR, "MQTT: %s", mosquitto_strerror(result));
  return result == 0;
}
#endif

bool sink_open(const struct config *config, char *message, size_t message_bytes) {
  sink.kind = config->vehicle_map ? config->sink : SINK_NONE;
  if (sink.kind == SINK_DATAGRAM) {
    if (strlen(config->sink_path) >= sizeof sink.address.sun_path) {
      snprintf(message, message_bytes, "vehicle.sink.path is too long");
      return false;
    }
    sink.address.sun_family = AF_UNIX;
    strcpy(sink.address.sun_path, config->sink_path);
    sink.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (sink.socket < 0) {
      snprintf(message, message_bytes, "socket: %s", strerror(errno));
      return false;
    }
  }
  if (sink.kind == SINK_MQTT) {
    snprintf(sink.topic, sizeof sink.topic, "%s", config->sink_topic);
#ifdef LINTELD_MOSQUITTO
    return open_mqtt(config, message, message_bytes);
#else
    snprintf(message, message_bytes, "vehicle.sink: this linteld was built without libmosquitto");
    return false;
#endif
  }
  return true;
}

void sink_close(void) {
  if (sink.socket >= 0) close(sink.socket);
  sink.socket = -1;
#ifdef LINTELD_MOSQUITTO
  if (sink.client) {
    mosquitto_disconnect(sink.client);
    mosquitto_loop_stop(sink.client, false);
    mosquitto_destroy(sink.client);
    mosquitto_lib_cleanup();
    sink.client = NULL;
  }
#endif
  sink.kind = SINK_NONE;
}

bool sink_write(const char *path, const char *value, const char *application) {
  struct text line = {0};
  struct timespec time;
  bool done = true;
  clock_gettime(CLOCK_REALTIME, &time);
  text_format(&line, "{\"time\":%lld.%03ld,\"path\":\"%s\",\"value\":%s,\"application\":\"%s\"}\n",
              (long long)time.tv_sec, time.tv_nsec / 1000000, path, value, application);
  if (sink.kind == SINK_STDOUT)
    done = fwrite(line.bytes, 1, line.count, stdout) == line.count && fflush(stdout) == 0;
  if (sink.kind == SINK_DATAGRAM) {
    done = sendto(sink.socket, line.bytes, line.count, MSG_NOSIGNAL,
                  (const struct sockaddr *)&sink.address, sizeof sink.address) >= 0;
    if (!done) journal(JOURNAL_ERROR, "%s: %s", sink.address.sun_path, strerror(errno));
  }
#ifdef LINTELD_MOSQUITTO
  if (sink.kind == SINK_MQTT) done = write_mqtt(path, value);
#endif
  text_free(&line);
  metrics_add("linteld_signals_total", done ? "result=\"written\"" : "result=\"failed\"", 1);
  return done;
}
