#include <stdio.h>
#include <string.h>

#include "http_internal.h"
#include "metrics.h"
#include "vehicle.h"

#define BLOCK_BYTES 4096

static void add_headers(struct MHD_Response *response, const char *type, const char *header,
                        const char *value) {
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
  MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
  if (strncmp(type, "text/html", 9) == 0) {
    MHD_add_response_header(response, "Content-Security-Policy",
                            "default-src 'none'; script-src 'self'; style-src 'self'; "
                            "img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
                            "form-action 'none'; frame-ancestors 'none'");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
  }
  if (header) MHD_add_response_header(response, header, value);
}

enum MHD_Result answer(struct exchange *exchange, uint32_t code, const char *type,
                       const char *bytes, size_t count, const char *header, const char *value) {
  struct MHD_Response *response = MHD_create_response_from_buffer(
      count, (void *)(uintptr_t)bytes, MHD_RESPMEM_MUST_COPY);
  enum MHD_Result result;
  if (!response) return MHD_NO;
  add_headers(response, type, header, value);
  if (exchange->kind == EXCHANGE_CHAT && exchange->chat.work)
    MHD_add_response_header(response, "X-Request-Id", exchange->chat.work->id);
  exchange->code = code;
  exchange->is_answered = exchange->is_ended = true;
  exchange->peer->deadline_ns = 0;
  result = MHD_queue_response(exchange->connection, code, response);
  MHD_destroy_response(response);
  return result;
}

enum MHD_Result answer_error(struct exchange *exchange, const struct api_error *error,
                             const char *header, const char *value) {
  struct text text = {0};
  char label[64];
  enum MHD_Result result;
  api_write_error(&text, error);
  snprintf(label, sizeof label, "reason=\"%s\"", error->code);
  if (!exchange->chat.work || !exchange->chat.work->started_ns)
    metrics_add("linteld_refusals_total", label, 1);
  result = answer(exchange, error->http, "application/json", text.bytes, text.count, header, value);
  text_free(&text);
  return result;
}

void exchange_suspend(struct exchange *exchange) {
  if (exchange->is_suspended) return;
  exchange->is_suspended = true;
  MHD_suspend_connection(exchange->connection);
}

void exchange_wake(struct exchange *exchange) {
  if (!exchange->is_suspended) return;
  exchange->is_suspended = false;
  exchange->moved_ns = now_ns();
  MHD_resume_connection(exchange->connection);
}

static void events_pump(struct exchange *exchange) {
  const uint64_t now = now_ns();
  if (http_is_stopping) {
    exchange->is_ended = true;
  } else if (exchange->next_event == 0 || exchange->next_event <= vehicle_event_count()) {
    exchange->next_event = vehicle_write_events(exchange->next_event, &exchange->out);
    exchange->beat_ns = now;
  } else if (now > exchange->beat_ns + HTTP_HEARTBEAT_NS) {
    text_add_string(&exchange->out, ": still here\n\n");
    exchange->beat_ns = now;
  }
}

/* libmicrohttpd asks for more whenever the socket takes more. */
static ssize_t read_stream(void *user, uint64_t position, char *bytes, size_t most) {
  struct exchange *exchange = user;
  size_t count;
  (void)position;
  if (exchange->is_gone) return MHD_CONTENT_READER_END_WITH_ERROR;
  exchange->moved_ns = now_ns();
  if (exchange->sent == exchange->out.count && !exchange->is_ended) {
    text_clear(&exchange->out);
    exchange->sent = 0;
    if (exchange->kind == EXCHANGE_CHAT)
      chat_pump(exchange);
    else
      events_pump(exchange);
  }
  count = exchange->out.count - exchange->sent;
  if (!count && exchange->is_ended) return MHD_CONTENT_READER_END_OF_STREAM;
  if (!count) {
    exchange_suspend(exchange);
    return 0;
  }
  if (count > most) count = most;
  memcpy(bytes, exchange->out.bytes + exchange->sent, count);
  exchange->sent += count;
  return (ssize_t)count;
}

enum MHD_Result begin_event_stream(struct exchange *exchange) {
  static const char *const states[] = {"none", "new", "resident", "restored", "lost"};
  struct MHD_Response *response = MHD_create_response_from_callback(
      MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream, exchange, NULL);
  const struct work *work = exchange->chat.work;
  enum MHD_Result result;
  if (!response) return MHD_NO;
  add_headers(response, "text/event-stream", "X-Accel-Buffering", "no");
  if (work) MHD_add_response_header(response, "X-Request-Id", work->id);
  if (work && work->conversation[0])
    MHD_add_response_header(response, "X-Lintel-Conversation-State",
                            states[work->conversation_state]);
  exchange->code = 200;
  exchange->is_answered = exchange->is_streaming = true;
  exchange->moved_ns = exchange->beat_ns = now_ns();
  exchange->peer->deadline_ns = 0;
  result = MHD_queue_response(exchange->connection, 200, response);
  MHD_destroy_response(response);
  return result;
}
