#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "http_internal.h"
#include "journal.h"
#include "metrics.h"
#include "vehicle.h"

static const char *header(const struct exchange *exchange, const char *name) {
  return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

/* The request's headers that are not OpenAI's. */
static void read_headers(struct exchange *exchange, struct api_error *error) {
  const char *conversation = header(exchange, "X-Lintel-Conversation");
  const char *deadline = header(exchange, "X-Lintel-Deadline-Ms");
  const char *act = header(exchange, "X-Lintel-Act");
  struct work *work = exchange->chat.work;
  if (conversation) {
    const size_t length = strlen(conversation);
    if (!http_config->conversation_max)
      api_fail(error, 400, "conversations_off", "X-Lintel-Conversation",
               "this service keeps no conversations");
    else if (!length || length > CONVERSATION_ID_MAX ||
             strspn(conversation, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_-") != length)
      api_fail(error, 400, "invalid_value", "X-Lintel-Conversation",
               "X-Lintel-Conversation must be 1 to %d of A-Z, a-z, 0-9, '_' and '-'",
               CONVERSATION_ID_MAX);
    else
      memcpy(work->conversation, conversation, length + 1);
  }
  if (deadline) {
    char *end = NULL;
    const unsigned long long ms = strtoull(deadline, &end, 10);
    if (*end || end == deadline || deadline[0] == '-' || ms < 1 || ms > 3600000)
      api_fail(error, 400, "invalid_value", "X-Lintel-Deadline-Ms",
               "X-Lintel-Deadline-Ms must be 1 to 3600000");
    else if (work->arrived_ns + ms * 1000000u < work->deadline_ns)
      work->deadline_ns = work->arrived_ns + ms * 1000000u;
  }
  if (act && strcmp(act, "1") != 0)
    api_fail(error, 400, "invalid_value", "X-Lintel-Act", "X-Lintel-Act must be 1");
  else if (act && !(exchange->application->may_act && vehicle_is_open()))
    api_fail(error, 403, "may_not_act", "X-Lintel-Act",
             "the application '%s' may not act in the vehicle", exchange->application->name);
  exchange->may_act = act != NULL && !error->http;
  if (exchange->may_act) work->must_call = true;
}

enum MHD_Result chat_begin(struct exchange *exchange) {
  const struct application *application = exchange->application;
  struct api_error error = {0};
  char seconds[16] = "1";
  uint32_t wait = 1;
  struct work *work;
  const bool is_read =
      openai_parse(exchange->body.bytes ? exchange->body.bytes : "", exchange->body.count,
                   application, http_config, &exchange->chat, &error);
  text_free(&exchange->body);
  if (!is_read) return answer_error(exchange, &error, NULL, NULL);
  work = exchange->chat.work;
  work->arrived_ns = now_ns();
  work->deadline_ns = work->arrived_ns + application->deadline_ns;
  work->application = (uint32_t)(application - http_config->applications);
  snprintf(work->application_name, sizeof work->application_name, "%s", application->name);
  work->priority = application->priority;
  work->max_active = application->max_active;
  work->owner = exchange;
  read_headers(exchange, &error);
  if (error.http) return answer_error(exchange, &error, NULL, NULL);
  if (!access_take(http_config, application, &wait)) {
    snprintf(seconds, sizeof seconds, "%u", wait);
    api_fail(&error, 429, "rate_limit_exceeded", "", "the application '%s' may make %u requests a "
             "minute; the next one in %u s", application->name, application->requests_per_minute,
             wait);
    return answer_error(exchange, &error, "Retry-After", seconds);
  }
  if (http_is_stopping) {
    api_fail(&error, 503, "shutting_down", "", "the service is shutting down");
    return answer_error(exchange, &error, "Retry-After", seconds);
  }
  switch (queue_add(work, application->max_queued)) {
    case QUEUE_TAKEN: break;
    case QUEUE_FULL:
      api_fail(&error, 503, "queue_full", "", "%u requests are waiting already",
               http_config->queue_max);
      return answer_error(exchange, &error, "Retry-After", seconds);
    case QUEUE_FULL_FOR_APPLICATION:
      api_fail(&error, 429, "too_many_requests", "",
               "%u requests of the application '%s' are waiting already", application->max_queued,
               application->name);
      return answer_error(exchange, &error, "Retry-After", seconds);
  }
  exchange->peer->deadline_ns = 0;
  exchange_suspend(exchange);
  return MHD_YES;
}

static bool is_whole(const struct work *work) {
  return work->finish == LINTEL_FINISH_END || work->finish == LINTEL_FINISH_STOP;
}

/* The end of the answer goes to exchange->out. */
static void write_end(struct exchange *exchange) {
  struct chat *chat = &exchange->chat;
  struct api_error error = {0};
  struct text act = {0};
  exchange->is_ended = true;
  if (openai_failed(chat->work, &error)) {
    text_add_string(&exchange->out, "data: ");
    api_write_error(&exchange->out, &error);
    text_add_string(&exchange->out, "\n\n");
    return;
  }
  if (exchange->may_act && is_whole(chat->work)) {
    text_add_string(&act, "{\"act\":");
    vehicle_act(chat->answer.bytes ? chat->answer.bytes : "", chat->answer.count,
                chat->work->application_name, &act);
    text_add(&act, "}", 1);
  }
  openai_finish(chat, act.bytes, &exchange->out);
  text_free(&act);
}

void chat_pump(struct exchange *exchange) {
  const enum work_state state = queue_take(exchange->chat.work, &exchange->records);
  openai_add_records(&exchange->chat, &exchange->records, &exchange->out);
  text_clear(&exchange->records);
  if (state == WORK_FINISHED) write_end(exchange);
}

enum MHD_Result chat_continue(struct exchange *exchange) {
  static const char *const states[] = {"none", "new", "resident", "restored", "lost"};
  struct chat *chat = &exchange->chat;
  struct work *work = chat->work;
  struct api_error error = {0};
  enum work_state state;
  if (exchange->is_gone) return MHD_NO;
  state = queue_take(work, &exchange->records);
  if (state == WORK_FINISHED && openai_failed(work, &error) &&
      !(chat->is_stream && exchange->records.count))
    return answer_error(exchange, &error, error.http == 503 ? "Retry-After" : NULL, "1");
  if (chat->is_stream && exchange->records.count) {
    openai_add_records(chat, &exchange->records, &exchange->out);
    text_clear(&exchange->records);
  } else if (!chat->is_stream) {
    openai_add_records(chat, &exchange->records, &exchange->out);
    text_clear(&exchange->records);
  }
  if (chat->is_stream && (exchange->out.count || state == WORK_FINISHED)) {
    if (state == WORK_FINISHED) write_end(exchange);
    return begin_event_stream(exchange);
  }
  if (state == WORK_FINISHED) {
    write_end(exchange);
    return answer(exchange, 200, "application/json", exchange->out.bytes, exchange->out.count,
                  work->conversation[0] ? "X-Lintel-Conversation-State" : NULL,
                  states[work->conversation_state]);
  }
  exchange_suspend(exchange);
  return MHD_YES;
}

/* The connection is done with the request, or gone. */
void chat_end(struct exchange *exchange) {
  static const char *const reasons[] = {"none", "gone", "deadline", "stalled", "stopping"};
  struct work *work = exchange->chat.work;
  char label[96];
  if (!work) return;
  if (!exchange->is_ended || exchange->is_gone) queue_cancel(work, CANCEL_GONE);
  queue_disown(work);
  if (exchange->is_gone) exchange->code = 499;
  if (work->cancel != CANCEL_NONE) {
    snprintf(label, sizeof label, "reason=\"%s\"", reasons[work->cancel]);
    metrics_add("linteld_cancellations_total", label, 1);
  }
  if (work->finished_ns) metrics_observe(HISTOGRAM_REQUEST, work->finished_ns - work->arrived_ns);
  if (work->started_ns)
    journal_request(JOURNAL_INFO, work->application_name, work->id,
                    "%u after %.1f ms: %u + %u tokens", exchange->code,
                    (double)(now_ns() - work->arrived_ns) * 1e-6,
                    work->prompt_tokens - work->cached_tokens, work->generated_tokens);
}
