#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "http_internal.h"
#include "json.h"
#include "metrics.h"
#include "models.h"
#include "page.h"
#include "vehicle.h"

#define EVENT_STREAMS_MAX 16

enum route_id { ROUTE_CHAT, ROUTE_MODELS, ROUTE_HEALTH, ROUTE_METRICS, ROUTE_STATUS, ROUTE_SIGNALS,
                ROUTE_EVENTS, ROUTE_PAGE };

static const struct route {
  const char *path, *methods;
  enum route_id get, post;
  bool is_open; /* needs no application */
} routes[] = {
    {"/v1/chat/completions", "POST", ROUTE_PAGE, ROUTE_CHAT, false},
    {"/v1/models", "GET", ROUTE_MODELS, ROUTE_PAGE, false},
    {"/v1/status", "GET", ROUTE_STATUS, ROUTE_PAGE, false},
    {"/v1/vehicle/signals", "GET, POST", ROUTE_SIGNALS, ROUTE_SIGNALS, false},
    {"/v1/vehicle/events", "GET", ROUTE_EVENTS, ROUTE_PAGE, false},
    {"/metrics", "GET", ROUTE_METRICS, ROUTE_PAGE, false},
    {"/health", "GET", ROUTE_HEALTH, ROUTE_PAGE, true},
};

static uint32_t event_streams;

#define ONE_MODEL "/v1/models/"

static const struct route *find_route(const char *url) {
  if (strncmp(url, ONE_MODEL, sizeof ONE_MODEL - 1) == 0) url = "/v1/models";
  for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
    if (strcmp(routes[i].path, url) == 0) return &routes[i];
  return NULL;
}

static enum MHD_Result answer_text(struct exchange *exchange, uint32_t code, const char *type,
                                   struct text *text) {
  const enum MHD_Result result = answer(exchange, code, type, text->bytes, text->count, NULL, NULL);
  text_free(text);
  return result;
}

/* Who asks. NULL with an error if that is nobody we know. */
static const struct application *identify(struct exchange *exchange, struct api_error *error) {
  const char *authorization =
      MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, "Authorization");
  const struct application *application = access_by_token(http_config, authorization);
  if (application) return application;
  if (exchange->peer->is_unix && !authorization) {
    application = access_by_peer(http_config, exchange->peer->descriptor);
    if (!application)
      api_fail(error, 403, "unknown_peer", "", "no application runs as the user of this process");
  } else {
    api_fail(error, 401, "invalid_api_key", "",
             authorization ? "the bearer token is none of this service's"
                           : "a bearer token is needed: Authorization: Bearer ...");
  }
  return application;
}

/* The configuration may have been read again since the head of the request came. */
static bool find_application(struct exchange *exchange) {
  exchange->application = NULL;
  for (uint32_t i = 0; i < http_config->application_count; i++)
    if (strcmp(http_config->applications[i].name, exchange->application_name) == 0)
      exchange->application = &http_config->applications[i];
  return exchange->application || !exchange->application_name[0];
}

static enum MHD_Result refuse(struct exchange *exchange, uint32_t http, const char *code,
                              const char *sentence, const char *header, const char *value) {
  struct api_error error = {0};
  api_fail(&error, http, code, "", "%s", sentence);
  return answer_error(exchange, &error, header, value);
}

/* What can be said before the body comes. Sets *out_done if the answer is queued. */
static enum MHD_Result check_head(struct exchange *exchange, const char *url, const char *method,
                                  bool *out_done) {
  const struct route *route = find_route(url);
  const char *length =
      MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, "Content-Length");
  const bool is_get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
  struct api_error error = {0};
  char sentence[128];
  *out_done = true;
  if (!route && !page_find(url))
    return refuse(exchange, 404, "not_found", "there is no such address", NULL, NULL);
  if (route ? !strstr(route->methods, is_get ? "GET" : method) : !is_get)
    return refuse(exchange, 405, "method_not_allowed", "this address does not take this method",
                  "Allow", route ? route->methods : "GET");
  if (length && strtoull(length, NULL, 10) > http_config->body_bytes_max) {
    snprintf(sentence, sizeof sentence, "the body has more than %u bytes",
             http_config->body_bytes_max);
    return refuse(exchange, 413, "body_too_large", sentence, "Connection", "close");
  }
  if (route && !route->is_open) {
    exchange->application = identify(exchange, &error);
    if (!exchange->application)
      return answer_error(exchange, &error, error.http == 401 ? "WWW-Authenticate" : NULL,
                          "Bearer");
    snprintf(exchange->application_name, sizeof exchange->application_name, "%s",
             exchange->application->name);
  }
  *out_done = false;
  return MHD_YES;
}

/* All models, or the one that stands behind the address. */
static enum MHD_Result answer_models(struct exchange *exchange, const char *url) {
  const char *name = strlen(url) >= sizeof ONE_MODEL ? url + sizeof ONE_MODEL - 1 : NULL;
  struct text text = {0};
  uint32_t model;
  int32_t adapter;
  if (!name) {
    openai_write_models(&text, exchange->application);
  } else if (models_find(name, &model, &adapter) &&
             application_may_use(exchange->application, name)) {
    openai_write_model(&text, name);
  } else {
    return refuse(exchange, 404, "model_not_found", "there is no such model", NULL, NULL);
  }
  return answer_text(exchange, 200, "application/json", &text);
}

static enum MHD_Result answer_status(struct exchange *exchange) {
  struct text text = {0};
  text_add_string(&text, "{");
  http_hooks.write_status(&text);
  text_add_string(&text, "}");
  return answer_text(exchange, 200, "application/json", &text);
}

static enum MHD_Result answer_health(struct exchange *exchange) {
  struct text text = {0};
  const bool is_healthy = http_hooks.is_healthy() && !http_is_stopping;
  text_format(&text, "{\"status\":\"%s\"}",
              is_healthy ? "ok" : http_is_stopping ? "stopping" : "stuck");
  return answer_text(exchange, is_healthy ? 200 : 503, "application/json", &text);
}

static enum MHD_Result answer_metrics(struct exchange *exchange) {
  struct text text = {0};
  metrics_write(&text);
  http_hooks.write_metrics(&text);
  return answer_text(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", &text);
}

static enum MHD_Result answer_signals(struct exchange *exchange) {
  struct text text = {0};
  vehicle_write_state(&text);
  return answer_text(exchange, 200, "application/json", &text);
}

static enum MHD_Result feed_signals(struct exchange *exchange) {
  char message[320] = "";
  cJSON *json;
  if (!exchange->application->may_signal)
    return refuse(exchange, 403, "may_not_signal", "this application may not feed signals", NULL,
                  NULL);
  json = json_parse(exchange->body.bytes ? exchange->body.bytes : "", exchange->body.count, message,
                    sizeof message);
  if (json) vehicle_feed(json, message, sizeof message);
  cJSON_Delete(json);
  if (message[0]) return refuse(exchange, 400, "invalid_value", message, NULL, NULL);
  return answer(exchange, 200, "application/json", "{}", 2, NULL, NULL);
}

static enum MHD_Result start_events(struct exchange *exchange) {
  if (event_streams >= EVENT_STREAMS_MAX)
    return refuse(exchange, 503, "too_many_streams", "too many listen already", "Retry-After", "5");
  exchange->kind = EXCHANGE_EVENTS;
  event_streams++;
  return begin_event_stream(exchange);
}

static enum MHD_Result answer_page(struct exchange *exchange, const char *url) {
  const struct page_file *file = page_find(url);
  return answer(exchange, 200, file->type, file->text.bytes, file->text.count, NULL, NULL);
}

static enum MHD_Result dispatch(struct exchange *exchange, const char *url, const char *method) {
  const struct route *route = find_route(url);
  const bool is_post = strcmp(method, "POST") == 0;
  const enum route_id id = !route ? ROUTE_PAGE : is_post ? route->post : route->get;
  if (route && !route->is_open && !vehicle_is_open() &&
      (id == ROUTE_SIGNALS || id == ROUTE_EVENTS))
    return refuse(exchange, 404, "no_vehicle", "no vehicle is configured", NULL, NULL);
  switch (id) {
    case ROUTE_CHAT: exchange->kind = EXCHANGE_CHAT; return chat_begin(exchange);
    case ROUTE_MODELS: return answer_models(exchange, url);
    case ROUTE_STATUS: return answer_status(exchange);
    case ROUTE_HEALTH: return answer_health(exchange);
    case ROUTE_METRICS: return answer_metrics(exchange);
    case ROUTE_SIGNALS: return is_post ? feed_signals(exchange) : answer_signals(exchange);
    case ROUTE_EVENTS: return start_events(exchange);
    case ROUTE_PAGE: break;
  }
  return answer_page(exchange, url);
}

static struct exchange *begin_exchange(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  struct exchange *exchange = memory_take(1, sizeof *exchange);
  exchange->connection = connection;
  exchange->peer = info->socket_context;
  exchange->peer->exchange = exchange;
  return exchange;
}

enum MHD_Result handle(void *unused, struct MHD_Connection *connection, const char *url,
                       const char *method, const char *version, const char *upload,
                       size_t *upload_bytes, void **state) {
  struct exchange *exchange = *state;
  bool is_done = false;
  (void)unused;
  (void)version;
  if (!exchange) {
    enum MHD_Result result;
    *state = exchange = begin_exchange(connection);
    result = check_head(exchange, url, method, &is_done);
    return result;
  }
  if (exchange->is_answered) {
    *upload_bytes = 0;
    return MHD_YES;
  }
  if (*upload_bytes) {
    if (exchange->body.count + *upload_bytes > http_config->body_bytes_max) return MHD_NO;
    text_add(&exchange->body, upload, *upload_bytes);
    *upload_bytes = 0;
    return MHD_YES;
  }
  if (exchange->kind == EXCHANGE_CHAT) return chat_continue(exchange);
  if (!find_application(exchange))
    return refuse(exchange, 403, "unknown_peer", "the application is no longer configured", NULL,
                  NULL);
  return dispatch(exchange, url, method);
}

void completed(void *unused, struct MHD_Connection *connection, void **state,
               enum MHD_RequestTerminationCode code) {
  struct exchange *exchange = *state;
  char label[96];
  (void)unused;
  (void)connection;
  if (!exchange) return;
  *state = NULL;
  if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK && exchange->kind == EXCHANGE_CHAT)
    exchange->is_gone = exchange->is_gone || !exchange->is_ended ||
                        code == MHD_REQUEST_TERMINATED_CLIENT_ABORT;
  if (exchange->kind == EXCHANGE_CHAT) chat_end(exchange);
  if (exchange->kind == EXCHANGE_EVENTS) event_streams--;
  snprintf(label, sizeof label, "application=\"%s\",code=\"%u\"", exchange->application_name,
           exchange->code ? exchange->code : 499);
  metrics_add("linteld_requests_total", label, 1);
  exchange->peer->exchange = NULL;
  exchange->peer->deadline_ns = now_ns() + http_config->idle_ns;
  chat_free(&exchange->chat);
  text_free(&exchange->body);
  text_free(&exchange->records);
  text_free(&exchange->out);
  free(exchange);
}
