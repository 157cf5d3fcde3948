/* What linteld.json says. The engine's part (models, adapters, sessions, budget) stands in the
 * deployment file that it names; this is the service's own part. Paths are relative to the file. */
#ifndef LINTELD_CONFIG_H
#define LINTELD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define APPLICATIONS_MAX 16
#define APPLICATION_MODELS_MAX 16
#define APPLICATION_PEERS_MAX 16
#define PREFIXES_MAX 4

/* One application of the head unit: who it is, what it may do, how much of it. */
struct application {
  char *name;
  char *token; /* of the bearer; NULL if it has none */
  char *models[APPLICATION_MODELS_MAX]; /* "cabin", "cabin:navigation"; none means all */
  uint32_t model_count;
  uid_t users[APPLICATION_PEERS_MAX];
  uint32_t user_count;
  gid_t groups[APPLICATION_PEERS_MAX];
  uint32_t group_count;
  uint32_t priority;            /* 0 to 7; higher ones go first */
  uint32_t max_active;          /* requests being answered at a time */
  uint32_t max_queued;          /* requests waiting */
  uint32_t requests_per_minute; /* 0: no limit */
  uint64_t deadline_ns;         /* from arrival to the end of the answer */
  bool may_act;                 /* its calls may be carried out in the vehicle */
  bool may_signal;              /* it may feed vehicle signals in */
};

/* A system message that is read once, at start, into a session of the deployment that is kept for
 * it, and forked for every request that opens with it. */
struct prefix {
  char *session;
  char *model;
  char *system;
};

enum sink_kind { SINK_NONE, SINK_STDOUT, SINK_DATAGRAM, SINK_MQTT };

struct config {
  char *path;
  char *deployment;

  char *unix_path;
  uint32_t unix_mode;
  gid_t unix_group; /* (gid_t)-1: the process's own */
  char *tcp_address;
  uint16_t tcp_port; /* 0 with no address: no TCP */

  struct application applications[APPLICATIONS_MAX];
  uint32_t application_count;

  uint32_t connections_max;
  uint32_t body_bytes_max;
  uint32_t queue_max;
  uint32_t active_max;
  uint32_t max_tokens;
  uint32_t send_buffer_bytes;
  uint64_t request_ns; /* a request must have arrived whole after this */
  uint64_t idle_ns;    /* a connection without a request is closed after this */
  uint64_t stall_ns;   /* a reader that takes nothing for this long is given up */
  uint64_t grace_ns;   /* for requests under way at SIGTERM */

  char *conversation_directory; /* NULL: they live in memory only */
  uint32_t conversation_max;
  uint64_t conversation_save_ns; /* idle time after which a changed conversation is saved */

  struct prefix prefixes[PREFIXES_MAX];
  uint32_t prefix_count;

  char *vehicle_map; /* NULL: no vehicle */
  enum sink_kind sink;
  char *sink_path; /* datagram: the socket; MQTT: the host */
  uint16_t sink_port;
  char *sink_topic; /* MQTT: what precedes the signal's path */

  char *page; /* directory of the page; NULL: none */
  char *self_test_model;
  char *self_test_prompt;
};

/* NULL on failure, with the sentence in `message`. */
struct config *config_read(const char *path, char *message, size_t message_bytes);
void config_free(struct config *config);

#endif
