/* Reading a chat request. Everything that cannot be done as asked is refused by name. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "json.h"
#include "models.h"
#include "openai.h"

#define MESSAGES_MAX 256
#define STOP_BYTES_MAX 128

struct request {
  struct chat *chat;
  struct work *work;
  const struct config *config;
  struct json_reader reader;
  char sentence[400];
  struct api_error *error;
};

/* The parameter that was just read is the one that a new sentence is about. */
static bool failed(struct request *request, const char *parameter) {
  if (request->error->http) return true;
  if (!request->sentence[0]) return false;
  api_fail(request->error, 400, "invalid_value", parameter, "%s", request->sentence);
  return true;
}

static void number(struct request *request, const char *name, double least, double most,
                   float *out) {
  double value = (double)*out;
  json_number(&request->reader, name, least, most, &value);
  if (!failed(request, name)) *out = (float)value;
}

static void boolean(struct request *request, const char *name, bool *out) {
  json_bool(&request->reader, name, out);
  failed(request, name);
}

/* A parameter of which only one value can be served. */
static void only(struct request *request, const char *name, double value) {
  const cJSON *given = json_member(&request->reader, name, 0, false);
  if (failed(request, name) || !given) return;
  if ((cJSON_IsNumber(given) && given->valuedouble == value) ||
      (cJSON_IsBool(given) && (double)cJSON_IsTrue(given) == value))
    return;
  api_fail(request->error, 400, "unsupported_value", name, "%s is not supported here", name);
}

static int32_t role_of(const char *name) {
  if (strcmp(name, "system") == 0 || strcmp(name, "developer") == 0) return LINTEL_ROLE_SYSTEM;
  if (strcmp(name, "user") == 0) return LINTEL_ROLE_USER;
  if (strcmp(name, "assistant") == 0) return LINTEL_ROLE_ASSISTANT;
  if (strcmp(name, "tool") == 0) return LINTEL_ROLE_TOOL;
  return -1;
}

/* A string, or parts of which each is a text. */
static bool read_content(const cJSON *content, struct text *text) {
  const cJSON *part;
  if (cJSON_IsString(content)) {
    text_add_string(text, content->valuestring);
    return true;
  }
  if (!cJSON_IsArray(content) || !content->child) return false;
  cJSON_ArrayForEach(part, content) {
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(part, "type");
    const cJSON *words = cJSON_GetObjectItemCaseSensitive(part, "text");
    if (!cJSON_IsString(type) || strcmp(type->valuestring, "text") != 0 || !cJSON_IsString(words))
      return false;
    text_add_string(text, words->valuestring);
  }
  return true;
}

/* A call in a message is given to the model in the form in which it writes one. */
static bool read_calls(const cJSON *calls, struct text *text) {
  const cJSON *call;
  if (!cJSON_IsArray(calls) || !calls->child) return false;
  cJSON_ArrayForEach(call, calls) {
    const cJSON *function = cJSON_GetObjectItemCaseSensitive(call, "function");
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(function, "name");
    const cJSON *arguments = cJSON_GetObjectItemCaseSensitive(function, "arguments");
    if (!cJSON_IsString(name) || !cJSON_IsString(arguments)) return false;
    if (text->count) text_add(text, "\n", 1);
    text_format(text, "{\"name\": \"%s\", \"arguments\": %s}", name->valuestring,
                arguments->valuestring);
  }
  return true;
}

static void read_message(struct request *request, const cJSON *item, uint32_t index) {
  struct work *work = request->work;
  struct text text = {0};
  char where[32], *role = NULL, *unused = NULL;
  struct json_reader reader;
  const cJSON *content, *calls;
  int32_t number_of_role = -1;
  bool is_read;
  snprintf(where, sizeof where, "messages[%u]", index);
  reader = json_begin(item, where, request->sentence, sizeof request->sentence);
  json_string(&reader, "role", &role, true);
  content = json_member(&reader, "content", 0, false);
  calls = json_member(&reader, "tool_calls", 0, false);
  json_string(&reader, "name", &unused, false);
  json_string(&reader, "tool_call_id", &unused, false);
  json_member(&reader, "refusal", cJSON_NULL, false);
  json_member(&reader, "annotations", 0, false);
  json_member(&reader, "audio", cJSON_NULL, false);
  json_member(&reader, "function_call", cJSON_NULL, false);
  json_end(&reader);
  if (!request->sentence[0]) {
    number_of_role = role_of(role);
    if (number_of_role < 0)
      snprintf(request->sentence, sizeof request->sentence,
               "%s.role is '%.40s'; it must be system, developer, user, assistant or tool", where,
               role);
  }
  if (!request->sentence[0]) {
    if (calls && !cJSON_IsNull(calls))
      is_read = number_of_role == LINTEL_ROLE_ASSISTANT && read_calls(calls, &text);
    else
      is_read = content && read_content(content, &text);
    if (!is_read)
      snprintf(request->sentence, sizeof request->sentence,
               "%s needs content that is a string or a list of text parts", where);
  }
  free(role);
  free(unused);
  if (failed(request, where)) {
    text_free(&text);
    return;
  }
  work->messages[work->message_count].role = number_of_role;
  work->messages[work->message_count].bytes = text.count;
  work->messages[work->message_count].text = text.bytes ? text.bytes : memory_copy("", 0);
  work->message_count++;
}

static void read_messages(struct request *request) {
  const cJSON *list = json_member(&request->reader, "messages", cJSON_Array, true), *item;
  const int count = cJSON_GetArraySize(list);
  uint32_t index = 0;
  if (failed(request, "messages")) return;
  if (count < 1 || count > MESSAGES_MAX) {
    api_fail(request->error, 400, "invalid_value", "messages",
             "messages has %d entries; it must have 1 to %d", count, MESSAGES_MAX);
    return;
  }
  request->work->messages = memory_take((size_t)count, sizeof *request->work->messages);
  cJSON_ArrayForEach(item, list) {
    read_message(request, item, index++);
    if (request->error->http) return;
  }
  item = NULL;
  if (request->work->messages[count - 1].role != LINTEL_ROLE_USER &&
      request->work->messages[count - 1].role != LINTEL_ROLE_TOOL)
    api_fail(request->error, 400, "invalid_value", "messages",
             "the last message must be the user's or a tool's");
}

static void read_model(struct request *request, const struct application *application) {
  json_string(&request->reader, "model", &request->chat->model, true);
  if (failed(request, "model")) return;
  if (!models_find(request->chat->model, &request->work->model, &request->work->adapter))
    api_fail(request->error, 404, "model_not_found", "model", "there is no model '%.100s'",
             request->chat->model);
  else if (!application_may_use(application, request->chat->model))
    api_fail(request->error, 403, "model_not_allowed", "model",
             "the application '%s' may not use the model '%.100s'", application->name,
             request->chat->model);
}

static void read_max_tokens(struct request *request) {
  static const char *const names[] = {"max_tokens", "max_completion_tokens"};
  int64_t most = request->config->max_tokens;
  for (size_t i = 0; i < 2; i++) {
    json_integer(&request->reader, names[i], 1, request->config->max_tokens, &most);
    if (failed(request, names[i])) return;
  }
  request->work->max_tokens = (uint32_t)most;
}

static void read_stops(struct request *request) {
  const cJSON *stop = json_member(&request->reader, "stop", 0, false), *item;
  const cJSON *first = cJSON_IsArray(stop) ? stop->child : stop;
  if (failed(request, "stop") || !stop) return;
  for (item = first; item; item = cJSON_IsArray(stop) ? item->next : NULL) {
    struct work *work = request->work;
    const size_t bytes = cJSON_IsString(item) ? strlen(item->valuestring) : 0;
    if (!bytes || bytes > STOP_BYTES_MAX || work->stop_count == WORK_STOPS_MAX) {
      api_fail(request->error, 400, "invalid_value", "stop",
               "stop must be a string or at most %d strings, of 1 to %d bytes each",
               WORK_STOPS_MAX, STOP_BYTES_MAX);
      return;
    }
    work->stops[work->stop_count++] = memory_copy(item->valuestring, bytes);
  }
}

static void read_seed(struct request *request) {
  const cJSON *seed = json_member(&request->reader, "seed", cJSON_Number, false);
  if (failed(request, "seed")) return;
  if (!seed) {
    if (getrandom(&request->work->seed, sizeof request->work->seed, 0) < 0)
      request->work->seed = now_ns();
  } else if (seed->valuedouble != floor(seed->valuedouble) || fabs(seed->valuedouble) > 9e15) {
    api_fail(request->error, 400, "invalid_value", "seed", "seed must be a whole number");
  } else {
    request->work->seed = (uint64_t)(int64_t)seed->valuedouble;
  }
}

static void read_stream(struct request *request) {
  const cJSON *options;
  boolean(request, "stream", &request->chat->is_stream);
  options = json_member(&request->reader, "stream_options", cJSON_Object, false);
  if (failed(request, "stream_options") || !options) return;
  if (!request->chat->is_stream) {
    api_fail(request->error, 400, "invalid_value", "stream_options",
             "stream_options needs stream to be true");
    return;
  }
  struct json_reader reader = json_begin(options, "stream_options", request->sentence,
                                         sizeof request->sentence);
  json_bool(&reader, "include_usage", &request->chat->wants_usage);
  json_end(&reader);
  failed(request, "stream_options");
}

static void read_tool(struct request *request, const cJSON *tool, uint32_t place) {
  const cJSON *type = cJSON_GetObjectItemCaseSensitive(tool, "type");
  const cJSON *function = cJSON_GetObjectItemCaseSensitive(tool, "function");
  const cJSON *name = cJSON_GetObjectItemCaseSensitive(function, "name");
  char where[32];
  uint32_t index = 0;
  snprintf(where, sizeof where, "tools[%u]", place);
  if (!cJSON_IsString(type) || strcmp(type->valuestring, "function") != 0 || !cJSON_IsString(name))
    api_fail(request->error, 400, "invalid_value", where, "%s must be a function with a name",
             where);
  else if (!models_tool(name->valuestring, &index))
    api_fail(request->error, 400, "unknown_function", where,
             "the models here know no function '%.64s'", name->valuestring);
  else
    request->work->tools |= (uint64_t)1 << index;
}

/* "none", "auto", "required" or one function. */
static void read_tool_choice(struct request *request) {
  const cJSON *choice = json_member(&request->reader, "tool_choice", 0, false), *name;
  uint32_t index = 0;
  if (failed(request, "tool_choice") || !choice) return;
  if (!request->work->tools) {
    api_fail(request->error, 400, "invalid_value", "tool_choice", "tool_choice needs tools");
    return;
  }
  if (cJSON_IsString(choice)) {
    if (strcmp(choice->valuestring, "none") == 0) request->work->wants_call = false;
    if (strcmp(choice->valuestring, "required") == 0) request->work->must_call = true;
    if (strcmp(choice->valuestring, "none") == 0 || strcmp(choice->valuestring, "auto") == 0 ||
        strcmp(choice->valuestring, "required") == 0)
      return;
  }
  name = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(choice, "function"),
                                          "name");
  if (cJSON_IsString(name) && models_tool(name->valuestring, &index) &&
      request->work->tools >> index & 1) {
    request->work->tools = (uint64_t)1 << index;
    request->work->must_call = true;
    return;
  }
  api_fail(request->error, 400, "invalid_value", "tool_choice",
           "tool_choice must be none, auto, required, or a function of tools");
}

static void read_tools(struct request *request) {
  const cJSON *list = json_member(&request->reader, "tools", cJSON_Array, false), *tool;
  uint32_t place = 0;
  bool parallel = false;
  if (failed(request, "tools")) return;
  cJSON_ArrayForEach(tool, list) {
    read_tool(request, tool, place++);
    if (request->error->http) return;
  }
  request->work->wants_call = request->work->tools != 0;
  read_tool_choice(request);
  boolean(request, "parallel_tool_calls", &parallel);
  request->chat->call = request->work->wants_call ? CALL_UNDECIDED : CALL_NONE;
}

static void read_format(struct request *request) {
  const cJSON *format = json_member(&request->reader, "response_format", cJSON_Object, false);
  const cJSON *type = cJSON_GetObjectItemCaseSensitive(format, "type");
  if (failed(request, "response_format") || !format) return;
  if (!cJSON_IsString(type) || strcmp(type->valuestring, "text") != 0)
    api_fail(request->error, 400, "unsupported_value", "response_format",
             "response_format must be text; for a call, name tools");
}

static void read_the_rest(struct request *request) {
  char *user = NULL;
  number(request, "temperature", 0, 2, &request->work->temperature);
  number(request, "top_p", 0.0001, 1, &request->work->top_p);
  number(request, "frequency_penalty", -2, 2, &request->work->frequency_penalty);
  number(request, "presence_penalty", -2, 2, &request->work->presence_penalty);
  boolean(request, "logprobs", &request->chat->wants_logprobs);
  boolean(request, "ignore_eos", &request->work->ignore_end);
  only(request, "top_logprobs", 0);
  only(request, "n", 1);
  only(request, "store", 0);
  json_string(&request->reader, "user", &user, false);
  failed(request, "user");
  free(user);
  if (request->error->http) return;
  if (!json_end(&request->reader)) {
    const char *quote = strrchr(request->sentence, '\'');
    const char *name = strchr(request->sentence, '\'');
    char parameter[64] = "";
    if (name && quote > name)
      snprintf(parameter, sizeof parameter, "%.*s", (int)(quote - name - 1), name + 1);
    api_fail(request->error, 400, "unknown_parameter", parameter, "%s", request->sentence);
  }
}

/* A parameter that is null is one that is absent. */
static void drop_nulls(cJSON *object) {
  cJSON *child = object->child;
  while (child) {
    cJSON *next = child->next;
    if (cJSON_IsNull(child)) cJSON_Delete(cJSON_DetachItemViaPointer(object, child));
    child = next;
  }
}

static void make_id(struct work *work) {
  uint64_t random[2] = {now_ns(), 0};
  if (getrandom(random, sizeof random, 0) < 0) random[1] = (uint64_t)time(NULL);
  snprintf(work->id, sizeof work->id, "chatcmpl-%016llx%08llx", (unsigned long long)random[0],
           (unsigned long long)(random[1] & 0xFFFFFFFFu));
}

bool openai_parse(const char *body, size_t count, const struct application *application,
                  const struct config *config, struct chat *chat, struct api_error *error) {
  struct request request = {.chat = chat, .config = config, .error = error};
  cJSON *json;
  memset(chat, 0, sizeof *chat);
  chat->work = request.work = work_create();
  chat->created = (int64_t)time(NULL);
  make_id(request.work);
  request.work->temperature = request.work->top_p = NAN;
  json = json_parse(body, count, request.sentence, sizeof request.sentence);
  if (!json) {
    api_fail(error, 400, "invalid_json", "", "%s", request.sentence);
    return false;
  }
  if (cJSON_IsObject(json)) drop_nulls(json);
  request.reader = json_begin(json, "request", request.sentence, sizeof request.sentence);
  if (!failed(&request, "")) read_model(&request, application);
  if (!error->http) read_messages(&request);
  if (!error->http) read_max_tokens(&request);
  if (!error->http) read_stops(&request);
  if (!error->http) read_seed(&request);
  if (!error->http) read_stream(&request);
  if (!error->http) read_tools(&request);
  if (!error->http) read_format(&request);
  if (!error->http) read_the_rest(&request);
  cJSON_Delete(json);
  return error->http == 0;
}
