#include "openai.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "models.h"

/* How much text may stand before a call's arguments. */
#define CALL_HEAD_MAX 160

static const char *error_type(uint32_t http) {
  switch (http) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 429: return "rate_limit_error";
    default: return http >= 500 ? "server_error" : "invalid_request_error";
  }
}

void api_fail(struct api_error *error, uint32_t http, const char *code, const char *parameter,
              const char *format, ...) {
  va_list arguments;
  error->http = http;
  error->type = error_type(http);
  error->code = code;
  snprintf(error->parameter, sizeof error->parameter, "%s", parameter);
  va_start(arguments, format);
  vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
}

void api_write_error(struct text *text, const struct api_error *error) {
  size_t whole = strlen(error->message), offset = 0;
  /* A sentence that was cut in the middle of a character loses that character. */
  if (!text_is_utf8(error->message, whole, &offset)) whole = offset;
  text_add_string(text, "{\"error\":{\"message\":");
  text_add_json(text, error->message, whole);
  text_format(text, ",\"type\":\"%s\",\"param\":", error->type);
  if (error->parameter[0])
    text_add_json(text, error->parameter, strlen(error->parameter));
  else
    text_add_string(text, "null");
  text_format(text, ",\"code\":\"%s\"}}", error->code);
}

bool openai_failed(const struct work *work, struct api_error *error) {
  const double waited = (double)(work->finished_ns - work->arrived_ns) * 1e-9;
  const char *const where = work->started_ns ? "while the answer was written" : "in the queue";
  switch (work->cancel) {
    case CANCEL_NONE: break;
    case CANCEL_DEADLINE:
      api_fail(error, 504, work->started_ns ? "deadline_exceeded" : "queue_timeout", "",
               "the deadline passed after %.1f s %s", waited, where);
      return true;
    case CANCEL_STOPPING:
      api_fail(error, 503, "shutting_down", "", "the service is shutting down");
      return true;
    case CANCEL_STALLED:
      api_fail(error, 408, "reader_stalled", "", "the answer was not read for too long");
      return true;
    case CANCEL_GONE:
      api_fail(error, 408, "client_gone", "", "the client went away");
      return true;
  }
  if (work->status == LINTEL_ERR_CONTEXT_FULL)
    api_fail(error, 400, "context_length_exceeded", "messages", "%s", work->sentence);
  else if (work->status == LINTEL_ERR_ARGUMENT || work->status == LINTEL_ERR_UTF8 ||
           work->status == LINTEL_ERR_CAPACITY)
    api_fail(error, 400, "invalid_value", "", "%s", work->sentence);
  else if (work->status == LINTEL_ERR_LIMIT)
    api_fail(error, 503, "overloaded", "", "%s", work->sentence);
  else if (work->status < 0)
    api_fail(error, 500, "engine_error", "", "%s: %s", lintel_status_name(work->status),
             work->sentence);
  return work->status < 0;
}

void chat_free(struct chat *chat) {
  free(chat->model);
  text_free(&chat->answer);
  text_free(&chat->logprobs);
  if (chat->work) work_release(chat->work);
  memset(chat, 0, sizeof *chat);
}

/* ---- Answers ---- */

static const char *finish_reason(const struct chat *chat) {
  if (chat->call == CALL_FOUND) return "tool_calls";
  if (chat->work->finish == LINTEL_FINISH_LENGTH || chat->work->finish == LINTEL_FINISH_CONTEXT)
    return "length";
  return "stop";
}

static size_t skip_space(const char *text, size_t at, size_t count) {
  while (at < count && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t')) at++;
  return at;
}

/* 1: `word` stands at *at, which moves behind it; 0: the text ends too early; -1: something else.
 */
static int expect(const struct text *text, size_t *at, const char *word) {
  size_t i;
  *at = skip_space(text->bytes, *at, text->count);
  for (i = 0; word[i]; i++) {
    if (*at + i == text->count) return 0;
    if (text->bytes[*at + i] != word[i]) return -1;
  }
  *at += i;
  return 1;
}

/* Looks for {"name": "...", "arguments": in what there is so far. */
static void find_call(struct chat *chat) {
  const struct text *text = &chat->answer;
  const char *const head[] = {"{", "\"name\"", ":", "\""};
  const char *const tail[] = {",", "\"arguments\"", ":"};
  size_t at = 0, name, length;
  uint32_t index = 0;
  int found = 1;
  for (size_t i = 0; i < 4 && found == 1; i++) found = expect(text, &at, head[i]);
  name = at;
  while (found == 1 && at < text->count && text->bytes[at] != '"') at++;
  if (found == 1 && at == text->count) found = 0;
  length = at - name;
  at++;
  for (size_t i = 0; i < 3 && found == 1; i++) found = expect(text, &at, tail[i]);
  if (found == 1) {
    at = skip_space(text->bytes, at, text->count);
    if (at == text->count)
      found = 0;
    else if (text->bytes[at] != '{')
      found = -1;
  }
  if (found == 1 && length < sizeof chat->call_name) {
    memcpy(chat->call_name, text->bytes + name, length);
    chat->call_name[length] = 0;
    if (models_tool(chat->call_name, &index) &&
        (!chat->work->tools || chat->work->tools >> index & 1)) {
      chat->call = CALL_FOUND;
      chat->arguments_start = chat->arguments_sent = at;
      snprintf(chat->call_id, sizeof chat->call_id, "call_%.20s", chat->work->id + 9);
      return;
    }
  }
  if (found != 0 || text->count > CALL_HEAD_MAX) chat->call = CALL_NONE;
}

/* Where the arguments end, as far as they are there. */
static size_t arguments_end(const struct chat *chat) {
  const char *bytes = chat->answer.bytes;
  bool in_string = false;
  int depth = 0;
  size_t at;
  for (at = chat->arguments_start; at < chat->answer.count; at++) {
    if (in_string) {
      if (bytes[at] == '\\') at++;
      if (bytes[at] == '"') in_string = false;
    } else if (bytes[at] == '"') {
      in_string = true;
    } else if (bytes[at] == '{' || bytes[at] == '[') {
      depth++;
    } else if (bytes[at] == '}' || bytes[at] == ']') {
      if (--depth == 0) return at + 1;
    }
  }
  return chat->answer.count;
}

static void begin_chunk(struct chat *chat, struct text *out) {
  text_format(out, "data: {\"id\":\"%s\",\"object\":\"chat.completion.chunk\",\"created\":%lld,"
              "\"model\":", chat->work->id, (long long)chat->created);
  text_add_json(out, chat->model, strlen(chat->model));
  text_add_string(out, ",\"choices\":[");
}

static void begin_delta(struct chat *chat, struct text *out) {
  begin_chunk(chat, out);
  text_add_string(out, "{\"index\":0,\"delta\":{");
  if (!chat->has_begun) text_add_string(out, "\"role\":\"assistant\",");
  chat->has_begun = true;
}

static void end_delta(struct text *out, const char *logprobs, const char *reason) {
  text_add_string(out, "},\"logprobs\":");
  if (logprobs)
    text_format(out, "{\"content\":[%s],\"refusal\":null}", logprobs);
  else
    text_add_string(out, "null");
  text_format(out, reason ? ",\"finish_reason\":\"%s\"}]}\n\n" : ",\"finish_reason\":null}]}\n\n",
              reason);
}

static void add_logprob(const struct chat *chat, const struct token_record *record,
                        struct text *out) {
  char bytes[256];
  size_t count = 0, offset = 0;
  if (lintel_model_token_bytes(models.models[chat->work->model].model, record->token, bytes,
                               sizeof bytes, &count) ||
      count > sizeof bytes)
    count = 0;
  text_add_string(out, "{\"token\":");
  /* A token may be a part of a character only: then its bytes say what it is. */
  if (text_is_utf8(bytes, count, &offset))
    text_add_json(out, bytes, count);
  else
    text_add_json(out, "\xEF\xBF\xBD", 3);
  text_add_string(out, ",\"logprob\":");
  text_add_number(out, (double)record->log_probability);
  text_add_string(out, ",\"bytes\":[");
  for (size_t i = 0; i < count; i++)
    text_format(out, i ? ",%u" : "%u", (unsigned)(unsigned char)bytes[i]);
  text_add_string(out, "],\"top_logprobs\":[]}");
}

static void add_call_delta(struct chat *chat, struct text *out) {
  const size_t end = arguments_end(chat);
  if (chat->arguments_sent == chat->arguments_start && end > chat->arguments_start) {
    text_format(out, "\"tool_calls\":[{\"index\":0,\"id\":\"%s\",\"type\":\"function\","
                "\"function\":{\"name\":\"%s\",\"arguments\":", chat->call_id, chat->call_name);
  } else {
    text_add_string(out, "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":");
  }
  text_add_json(out, chat->answer.bytes + chat->arguments_sent, end - chat->arguments_sent);
  text_add_string(out, "}}]");
  chat->arguments_sent = end;
}

/* One chunk: `text` is what the record adds to the answer. */
static void add_chunk(struct chat *chat, const struct token_record *record, const char *text,
                      struct text *out) {
  struct text logprobs = {0};
  size_t from = chat->answer.count - record->text_bytes;
  const bool was_undecided = chat->call == CALL_UNDECIDED;
  if (was_undecided) find_call(chat);
  if (chat->wants_logprobs && record->token >= 0) add_logprob(chat, record, &logprobs);
  if (was_undecided && chat->call == CALL_NONE) from = 0; /* what was held back until now */
  if (chat->call == CALL_FOUND && arguments_end(chat) > chat->arguments_sent) {
    begin_delta(chat, out);
    add_call_delta(chat, out);
    end_delta(out, logprobs.bytes, NULL);
  } else if (chat->call == CALL_NONE && chat->answer.count > from) {
    begin_delta(chat, out);
    text_add_string(out, "\"content\":");
    text_add_json(out, chat->answer.bytes + from, chat->answer.count - from);
    end_delta(out, logprobs.bytes, NULL);
  } else if (logprobs.count) {
    begin_delta(chat, out);
    text_add_string(out, "\"content\":\"\"");
    end_delta(out, logprobs.bytes, NULL);
  }
  (void)text;
  text_free(&logprobs);
}

void openai_add_records(struct chat *chat, const struct text *records, struct text *out) {
  size_t at = 0;
  while (at + sizeof(struct token_record) <= records->count) {
    struct token_record record;
    const char *text = records->bytes + at + sizeof record;
    memcpy(&record, records->bytes + at, sizeof record);
    at += sizeof record + record.text_bytes;
    text_add(&chat->answer, text, record.text_bytes);
    if (chat->is_stream) {
      add_chunk(chat, &record, text, out);
    } else if (chat->wants_logprobs && record.token >= 0) {
      if (chat->logprobs.count) text_add(&chat->logprobs, ",", 1);
      add_logprob(chat, &record, &chat->logprobs);
    }
  }
}

static void add_usage(const struct work *work, struct text *out) {
  text_format(out, "\"usage\":{\"prompt_tokens\":%u,\"completion_tokens\":%u,\"total_tokens\":%u,"
              "\"prompt_tokens_details\":{\"cached_tokens\":%u}}", work->prompt_tokens,
              work->generated_tokens, work->prompt_tokens + work->generated_tokens,
              work->cached_tokens);
}

static void finish_stream(struct chat *chat, const char *extension, struct text *out) {
  if (chat->call == CALL_UNDECIDED) { /* too short to be a call */
    const struct token_record all = {(uint32_t)chat->answer.count, -1, 0};
    chat->call = CALL_NONE;
    add_chunk(chat, &all, chat->answer.bytes, out);
  }
  begin_delta(chat, out);
  /* A delta that still has the role may not end in a comma. */
  if (out->bytes[out->count - 1] == ',') text_add_string(out, "\"content\":\"\"");
  end_delta(out, NULL, finish_reason(chat));
  if (chat->wants_usage || extension) {
    begin_chunk(chat, out);
    text_add_string(out, "],");
    if (chat->wants_usage) add_usage(chat->work, out);
    if (chat->wants_usage && extension) text_add(out, ",", 1);
    if (extension) text_format(out, "\"lintel\":%s", extension);
    text_add_string(out, "}\n\n");
  }
  text_add_string(out, "data: [DONE]\n\n");
}

void openai_finish(struct chat *chat, const char *extension, struct text *out) {
  if (chat->is_stream) {
    finish_stream(chat, extension, out);
    return;
  }
  if (chat->call == CALL_UNDECIDED) find_call(chat);
  text_format(out, "{\"id\":\"%s\",\"object\":\"chat.completion\",\"created\":%lld,\"model\":",
              chat->work->id, (long long)chat->created);
  text_add_json(out, chat->model, strlen(chat->model));
  text_add_string(out, ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                       "\"content\":");
  if (chat->call == CALL_FOUND) {
    text_format(out, "null,\"tool_calls\":[{\"id\":\"%s\",\"type\":\"function\",\"function\":"
                "{\"name\":\"%s\",\"arguments\":", chat->call_id, chat->call_name);
    text_add_json(out, chat->answer.bytes + chat->arguments_start,
                  arguments_end(chat) - chat->arguments_start);
    text_add_string(out, "}}]");
  } else {
    text_add_json(out, chat->answer.bytes, chat->answer.count);
  }
  text_add_string(out, ",\"refusal\":null},\"logprobs\":");
  if (chat->wants_logprobs)
    text_format(out, "{\"content\":[%s],\"refusal\":null}",
                chat->logprobs.bytes ? chat->logprobs.bytes : "");
  else
    text_add_string(out, "null");
  text_format(out, ",\"finish_reason\":\"%s\"}],", finish_reason(chat));
  add_usage(chat->work, out);
  if (extension) text_format(out, ",\"lintel\":%s", extension);
  text_add(out, "}", 1);
}

/* ---- Models ---- */

bool application_may_use(const struct application *application, const char *model) {
  if (!application->model_count) return true;
  for (uint32_t i = 0; i < application->model_count; i++)
    if (strcmp(application->models[i], model) == 0) return true;
  return false;
}

void openai_write_model(struct text *out, const char *name) {
  text_format(out, "{\"id\":\"%s\",\"object\":\"model\",\"created\":0,\"owned_by\":\"lintel\"}",
              name);
}

static void write_model(struct text *out, const struct application *application,
                        const char *name) {
  if (!application_may_use(application, name)) return;
  if (out->bytes[out->count - 1] != '[') text_add(out, ",", 1);
  openai_write_model(out, name);
}

void openai_write_models(struct text *out, const struct application *application) {
  text_add_string(out, "{\"object\":\"list\",\"data\":[");
  for (uint32_t i = 0; i < models.model_count; i++) {
    const struct model *model = &models.models[i];
    struct text name = {0};
    write_model(out, application, model->name);
    for (uint32_t j = 0; j < model->adapter_count; j++) {
      text_clear(&name);
      text_format(&name, "%s:%s", model->name, model->adapters[j].name);
      write_model(out, application, name.bytes);
    }
    text_free(&name);
  }
  text_add_string(out, "]}");
}
