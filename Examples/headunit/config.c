#include "config.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "text.h"

#define CONFIG_BYTES_MAX (256u << 10)

static void relative(const struct config *config, char **path) {
  const char *slash = strrchr(config->path, '/');
  struct text whole = {0};
  if (!*path || (*path)[0] == '/' || !slash) return;
  text_add(&whole, config->path, (size_t)(slash - config->path) + 1);
  text_add_string(&whole, *path);
  free(*path);
  *path = whole.bytes;
}

static uint32_t integer(struct json_reader *reader, const char *name, int64_t least, int64_t most,
                        int64_t otherwise) {
  json_integer(reader, name, least, most, &otherwise);
  return (uint32_t)otherwise;
}

static uint64_t seconds(struct json_reader *reader, const char *name, double least, double most,
                        double otherwise) {
  json_number(reader, name, least, most, &otherwise);
  return (uint64_t)(otherwise * 1e9);
}

static bool group_id(const char *name, gid_t *out) {
  const struct group *group = getgrnam(name);
  if (group) *out = group->gr_gid;
  return group != NULL;
}

/* Users and groups: names or numbers. */
static void read_peers(struct json_reader *reader, const char *name, bool users,
                       struct application *app) {
  const cJSON *list = json_member(reader, name, cJSON_Array, false), *item;
  cJSON_ArrayForEach(item, list) {
    uint32_t *count = users ? &app->user_count : &app->group_count;
    bool known = cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 4294967295.0;
    uint32_t id = known ? (uint32_t)item->valuedouble : 0;
    if (*count == APPLICATION_PEERS_MAX) {
      snprintf(reader->message, reader->message_bytes, "%s.%s has more than %d entries",
               reader->where, name, APPLICATION_PEERS_MAX);
      return;
    }
    if (cJSON_IsString(item) && users) {
      const struct passwd *user = getpwnam(item->valuestring);
      known = user != NULL;
      if (user) id = user->pw_uid;
    } else if (cJSON_IsString(item)) {
      gid_t group = 0;
      known = group_id(item->valuestring, &group);
      id = group;
    }
    if (!known) {
      snprintf(reader->message, reader->message_bytes, "%s.%s: there is no %s '%s'", reader->where,
               name, users ? "user" : "group", cJSON_IsString(item) ? item->valuestring : "?");
      return;
    }
    if (users)
      app->users[(*count)++] = id;
    else
      app->groups[(*count)++] = id;
  }
}

/* A bearer token: one line of 16 to 256 printable characters, in a file or in a credential of the
 * service manager. */
static void read_token(struct json_reader *reader, const struct config *config,
                       struct application *app) {
  const char *directory = getenv("CREDENTIALS_DIRECTORY");
  struct text text = {0};
  char *path = NULL, *credential = NULL;
  size_t i;
  json_string(reader, "token_file", &path, false);
  json_string(reader, "token_credential", &credential, false);
  if (credential && !reader->message[0]) {
    struct text whole = {0};
    text_format(&whole, "%s/%s", directory ? directory : "", credential);
    free(path);
    path = whole.bytes;
  }
  free(credential);
  if (!path || reader->message[0]) {
    free(path);
    return;
  }
  relative(config, &path);
  if (text_read_file(&text, path, 4096, reader->message, reader->message_bytes)) {
    while (text.count && (text.bytes[text.count - 1] == '\n' || text.bytes[text.count - 1] == '\r'))
      text.count--;
    for (i = 0; i < text.count && text.bytes[i] > ' ' && text.bytes[i] < 127; i++) {
    }
    if (i < text.count || text.count < 16 || text.count > 256)
      snprintf(reader->message, reader->message_bytes,
               "%s must hold one line of 16 to 256 printable characters", path);
    else
      app->token = memory_copy(text.bytes, text.count);
  }
  text_free(&text);
  free(path);
}

static void read_application(const cJSON *object, uint32_t index, struct config *config,
                             char *message, size_t size) {
  struct application *app = &config->applications[index];
  char where[64];
  const cJSON *models, *item;
  struct json_reader reader;
  snprintf(where, sizeof where, "applications[%u]", index);
  reader = json_begin(object, where, message, size);
  json_string(&reader, "name", &app->name, true);
  read_token(&reader, config, app);
  read_peers(&reader, "users", true, app);
  read_peers(&reader, "groups", false, app);
  models = json_member(&reader, "models", cJSON_Array, false);
  cJSON_ArrayForEach(item, models) {
    if (!cJSON_IsString(item) || app->model_count == APPLICATION_MODELS_MAX) {
      snprintf(message, size, "%s.models must be at most %d strings", where,
               APPLICATION_MODELS_MAX);
      return;
    }
    app->models[app->model_count++] = memory_copy(item->valuestring, strlen(item->valuestring));
  }
  app->priority = integer(&reader, "priority", 0, 7, 3);
  app->max_active = integer(&reader, "max_active", 1, 64, 8);
  app->max_queued = integer(&reader, "max_queued", 0, 4096, 64);
  app->requests_per_minute = integer(&reader, "requests_per_minute", 0, 1000000, 0);
  app->deadline_ns = seconds(&reader, "deadline_seconds", 0.01, 3600, 30);
  json_bool(&reader, "act", &app->may_act);
  json_bool(&reader, "signals", &app->may_signal);
  if (!json_end(&reader)) return;
  if (!app->name[0] || strlen(app->name) > 32 ||
      strspn(app->name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(app->name))
    snprintf(message, size, "%s.name must be 1 to 32 of a-z, 0-9 and '-'", where);
  for (uint32_t i = 0; i < index; i++)
    if (strcmp(config->applications[i].name, app->name) == 0)
      snprintf(message, size, "two applications are called '%s'", app->name);
}

static void read_listen(struct json_reader *top, struct config *config) {
  const cJSON *listen = json_member(top, "listen", cJSON_Object, true), *part;
  struct json_reader reader = json_begin(listen, "listen", top->message, top->message_bytes);
  struct json_reader inner;
  if ((part = json_member(&reader, "unix", cJSON_Object, false))) {
    char *mode = NULL, *group = NULL;
    inner = json_begin(part, "listen.unix", top->message, top->message_bytes);
    json_string(&inner, "path", &config->unix_path, true);
    json_string(&inner, "mode", &mode, false);
    json_string(&inner, "group", &group, false);
    json_end(&inner);
    config->unix_mode = mode ? (uint32_t)strtoul(mode, NULL, 8) & 0777u : 0660;
    if (group && !top->message[0] && !group_id(group, &config->unix_group))
      snprintf(top->message, top->message_bytes, "listen.unix.group: there is no group '%s'",
               group);
    free(mode);
    free(group);
    relative(config, &config->unix_path);
  }
  if ((part = json_member(&reader, "tcp", cJSON_Object, false))) {
    inner = json_begin(part, "listen.tcp", top->message, top->message_bytes);
    json_string(&inner, "address", &config->tcp_address, false);
    config->tcp_port = (uint16_t)integer(&inner, "port", 0, 65535, 8080);
    json_end(&inner);
    if (!config->tcp_address) config->tcp_address = memory_copy("127.0.0.1", 9);
    if (strcmp(config->tcp_address, "127.0.0.1") != 0 && strcmp(config->tcp_address, "::1") != 0)
      snprintf(top->message, top->message_bytes,
               "listen.tcp.address is '%s'; only 127.0.0.1 and ::1 are served, because nothing is "
               "encrypted", config->tcp_address);
  }
  json_end(&reader);
}

static void read_limits(struct json_reader *top, struct config *config) {
  const cJSON *limits = json_member(top, "limits", cJSON_Object, false);
  cJSON *none = limits ? NULL : cJSON_CreateObject();
  struct json_reader reader =
      json_begin(limits ? limits : none, "limits", top->message, top->message_bytes);
  config->connections_max = integer(&reader, "connections", 1, 1024, 64);
  config->body_bytes_max = integer(&reader, "body_bytes", 1024, 16 << 20, 65536);
  config->queue_max = integer(&reader, "queue", 1, 4096, 64);
  config->active_max = integer(&reader, "active", 1, 8, 8);
  config->max_tokens = integer(&reader, "max_tokens", 1, 1 << 20, 1024);
  config->send_buffer_bytes = integer(&reader, "send_buffer_bytes", 4096, 1 << 20, 16384);
  config->request_ns = seconds(&reader, "request_seconds", 0.1, 600, 10);
  config->idle_ns = seconds(&reader, "idle_seconds", 0.1, 3600, 60);
  config->stall_ns = seconds(&reader, "stall_seconds", 0.1, 3600, 30);
  json_end(&reader);
  cJSON_Delete(none);
}

static void read_conversations(struct json_reader *top, struct config *config) {
  const cJSON *object = json_member(top, "conversations", cJSON_Object, false);
  struct json_reader reader;
  if (!object) return;
  reader = json_begin(object, "conversations", top->message, top->message_bytes);
  json_string(&reader, "directory", &config->conversation_directory, false);
  config->conversation_max = integer(&reader, "limit", 1, 4096, 32);
  config->conversation_save_ns = seconds(&reader, "save_seconds", 0, 3600, 0.2);
  json_end(&reader);
  if (!config->conversation_directory && getenv("STATE_DIRECTORY"))
    config->conversation_directory =
        memory_copy(getenv("STATE_DIRECTORY"), strlen(getenv("STATE_DIRECTORY")));
  relative(config, &config->conversation_directory);
}

static void read_prefixes(struct json_reader *top, struct config *config) {
  const cJSON *list = json_member(top, "prefixes", cJSON_Array, false), *item;
  cJSON_ArrayForEach(item, list) {
    struct prefix *prefix = &config->prefixes[config->prefix_count];
    struct json_reader reader;
    if (config->prefix_count == PREFIXES_MAX) {
      snprintf(top->message, top->message_bytes, "there are more than %d prefixes", PREFIXES_MAX);
      return;
    }
    reader = json_begin(item, "prefixes[]", top->message, top->message_bytes);
    json_string(&reader, "session", &prefix->session, true);
    json_string(&reader, "model", &prefix->model, true);
    json_string(&reader, "system", &prefix->system, true);
    config->prefix_count++;
    json_end(&reader);
  }
}

static void read_sink(struct json_reader *vehicle, struct config *config) {
  const cJSON *object = json_member(vehicle, "sink", cJSON_Object, true);
  struct json_reader reader =
      json_begin(object, "vehicle.sink", vehicle->message, vehicle->message_bytes);
  char *type = NULL;
  json_string(&reader, "type", &type, true);
  if (reader.message[0]) return;
  if (strcmp(type, "none") == 0) {
    config->sink = SINK_NONE;
  } else if (strcmp(type, "stdout") == 0) {
    config->sink = SINK_STDOUT;
  } else if (strcmp(type, "datagram") == 0) {
    config->sink = SINK_DATAGRAM;
    json_string(&reader, "path", &config->sink_path, true);
    relative(config, &config->sink_path);
  } else if (strcmp(type, "mqtt") == 0) {
    config->sink = SINK_MQTT;
    json_string(&reader, "host", &config->sink_path, true);
    config->sink_port = (uint16_t)integer(&reader, "port", 1, 65535, 1883);
    json_string(&reader, "topic", &config->sink_topic, false);
    if (!config->sink_topic) config->sink_topic = memory_copy("vss/", 4);
  } else {
    snprintf(reader.message, reader.message_bytes,
             "vehicle.sink.type is '%s'; it must be none, stdout, datagram or mqtt", type);
  }
  json_end(&reader);
  free(type);
}

static void read_vehicle(struct json_reader *top, struct config *config) {
  const cJSON *object = json_member(top, "vehicle", cJSON_Object, false);
  struct json_reader reader;
  if (!object) return;
  reader = json_begin(object, "vehicle", top->message, top->message_bytes);
  json_string(&reader, "map", &config->vehicle_map, true);
  relative(config, &config->vehicle_map);
  read_sink(&reader, config);
  json_end(&reader);
}

static void read_self_test(struct json_reader *top, struct config *config) {
  const cJSON *object = json_member(top, "self_test", cJSON_Object, true);
  struct json_reader reader = json_begin(object, "self_test", top->message, top->message_bytes);
  json_string(&reader, "model", &config->self_test_model, true);
  json_string(&reader, "prompt", &config->self_test_prompt, true);
  json_end(&reader);
}

static void read_all(struct config *config, const cJSON *json, char *message, size_t size) {
  struct json_reader reader = json_begin(json, "linteld", message, size);
  const cJSON *list, *item;
  json_string(&reader, "deployment", &config->deployment, true);
  read_listen(&reader, config);
  list = json_member(&reader, "applications", cJSON_Array, true);
  cJSON_ArrayForEach(item, list) {
    if (config->application_count == APPLICATIONS_MAX) {
      snprintf(message, size, "there are more than %d applications", APPLICATIONS_MAX);
      return;
    }
    config->application_count++;
    read_application(item, config->application_count - 1, config, message, size);
    if (message[0]) return;
  }
  read_limits(&reader, config);
  read_conversations(&reader, config);
  read_prefixes(&reader, config);
  read_vehicle(&reader, config);
  json_string(&reader, "page", &config->page, false);
  read_self_test(&reader, config);
  config->grace_ns = seconds(&reader, "grace_seconds", 0, 600, 5);
  if (!json_end(&reader)) return;
  if (!config->unix_path && !config->tcp_address)
    snprintf(message, size, "listen names neither unix nor tcp");
  relative(config, &config->deployment);
  relative(config, &config->page);
}

struct config *config_read(const char *path, char *message, size_t message_bytes) {
  struct config *config;
  cJSON *json;
  message[0] = 0;
  json = json_read_file(path, CONFIG_BYTES_MAX, message, message_bytes);
  if (!json) return NULL;
  config = memory_take(1, sizeof *config);
  config->path = memory_copy(path, strlen(path));
  config->unix_group = (gid_t)-1;
  read_all(config, json, message, message_bytes);
  cJSON_Delete(json);
  if (!message[0]) return config;
  config_free(config);
  return NULL;
}

void config_free(struct config *config) {
  uint32_t i, j;
  if (!config) return;
  for (i = 0; i < config->application_count; i++) {
    free(config->applications[i].name);
    free(config->applications[i].token);
    for (j = 0; j < config->applications[i].model_count; j++)
      free(config->applications[i].models[j]);
  }
  for (i = 0; i < config->prefix_count; i++) {
    free(config->prefixes[i].session);
    free(config->prefixes[i].model);
    free(config->prefixes[i].system);
  }
  free(config->path);
  free(config->deployment);
  free(config->unix_path);
  free(config->tcp_address);
  free(config->conversation_directory);
  free(config->vehicle_map);
  free(config->sink_path);
  free(config->sink_topic);
  free(config->page);
  free(config->self_test_model);
  free(config->self_test_prompt);
  free(config);
}
