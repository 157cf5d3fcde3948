#include "vehicle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"
#include "json.h"
#include "metrics.h"
#include "models.h"
#include "schema.h"
#include "sink.h"

#define SIGNALS_MAX 512
#define EVENTS_MAX 64
#define PATH_MAX_BYTES 160
#define WRITES_MAX 32
#define SPEED "Vehicle.Speed"

struct signal {
  char path[PATH_MAX_BYTES];
  const cJSON *rule; /* of the map: type, min, max, initial */
  cJSON *value;      /* null while it is not known */
};

static struct {
  cJSON *map;
  struct signal signals[SIGNALS_MAX];
  uint32_t signal_count;
  struct text events[EVENTS_MAX]; /* the last ones, by number */
  uint64_t event_count;
} vehicle;

static const cJSON *member(const cJSON *object, const char *name) {
  return cJSON_GetObjectItemCaseSensitive(object, name);
}

static struct signal *find(const char *path) {
  for (uint32_t i = 0; i < vehicle.signal_count; i++)
    if (strcmp(vehicle.signals[i].path, path) == 0) return &vehicle.signals[i];
  return NULL;
}

bool vehicle_is_open(void) { return vehicle.map != NULL; }

/* ---- The map ---- */

static void expand(const char *pattern, const char *place, char *path) {
  const char *star = strchr(pattern, '*');
  if (star)
    snprintf(path, PATH_MAX_BYTES, "%.*s%s%s", (int)(star - pattern), pattern, place, star + 1);
  else
    snprintf(path, PATH_MAX_BYTES, "%s", pattern);
}

static bool add_signal(struct signal *signals, uint32_t *count, const cJSON *rule,
                       const char *place, char *message, size_t size) {
  const cJSON *initial = member(rule, "initial");
  const struct signal *known;
  struct signal *signal = &signals[*count];
  if (*count == SIGNALS_MAX) {
    snprintf(message, size, "the map has more than %d signals", SIGNALS_MAX);
    return false;
  }
  expand(rule->string, place, signal->path);
  known = find(signal->path);
  signal->rule = rule;
  if (known)
    signal->value = cJSON_Duplicate(known->value, true);
  else
    signal->value = initial ? cJSON_Duplicate(initial, true) : cJSON_CreateNull();
  (*count)++;
  return true;
}

static bool read_signals(const cJSON *map, struct signal *signals, uint32_t *count, char *message,
                         size_t size) {
  const cJSON *rule, *all, *place;
  cJSON_ArrayForEach(rule, member(map, "signals")) {
    const cJSON *places = member(rule, "places");
    if (!strchr(rule->string, '*')) {
      if (!add_signal(signals, count, rule, "", message, size)) return false;
      continue;
    }
    all = cJSON_IsString(places)
              ? member(member(member(map, "places"), places->valuestring), "all")
              : NULL;
    if (!all) {
      snprintf(message, size, "signals: '%s' needs places", rule->string);
      return false;
    }
    cJSON_ArrayForEach(place, all) {
      if (!add_signal(signals, count, rule, place->valuestring, message, size)) return false;
    }
  }
  return true;
}

/* Every function and every signal that the map names must exist. */
static bool check_map(const cJSON *map, char *message, size_t size) {
  const cJSON *function, *effect, *rule;
  cJSON_ArrayForEach(function, member(map, "functions")) {
    if (!models_tool(function->string, NULL)) {
      snprintf(message, size, "functions: the tools have no '%s'", function->string);
      return false;
    }
    cJSON_ArrayForEach(effect, function) {
      const cJSON *signal = member(effect, "signal");
      if (!member(effect, "read") &&
          !(cJSON_IsString(signal) && member(member(map, "signals"), signal->valuestring))) {
        snprintf(message, size, "functions.%s names no signal of the map", function->string);
        return false;
      }
    }
  }
  cJSON_ArrayForEach(rule, member(map, "interlocks")) {
    const cJSON *name = member(rule, "function");
    if (!cJSON_IsString(name) || !models_tool(name->valuestring, NULL) ||
        !cJSON_IsNumber(member(rule, "above_kmh")) || !cJSON_IsString(member(rule, "reason"))) {
      snprintf(message, size, "an interlock needs function, above_kmh and reason");
      return false;
    }
  }
  return true;
}

static void free_signals(struct signal *signals, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) cJSON_Delete(signals[i].value);
}

bool vehicle_open(const struct config *config, char *message, size_t message_bytes) {
  struct signal *signals;
  uint32_t count = 0;
  char reason[200] = "";
  cJSON *map;
  bool done;
  if (!config->vehicle_map) return true;
  map = json_read_file(config->vehicle_map, 1u << 20, message, message_bytes);
  if (!map) return false;
  signals = memory_take(SIGNALS_MAX, sizeof *signals);
  done = check_map(map, reason, sizeof reason) &&
         read_signals(map, signals, &count, reason, sizeof reason);
  if (done) {
    free_signals(vehicle.signals, vehicle.signal_count);
    cJSON_Delete(vehicle.map);
    memcpy(vehicle.signals, signals, sizeof vehicle.signals);
    vehicle.signal_count = count;
    vehicle.map = map;
  } else {
    snprintf(message, message_bytes, "%s: %s", config->vehicle_map, reason);
    free_signals(signals, count);
    cJSON_Delete(map);
  }
  free(signals);
  return done;
}

void vehicle_close(void) {
  free_signals(vehicle.signals, vehicle.signal_count);
  cJSON_Delete(vehicle.map);
  for (uint32_t i = 0; i < EVENTS_MAX; i++) text_free(&vehicle.events[i]);
  memset(&vehicle, 0, sizeof vehicle);
}

/* ---- Events ---- */

static void add_value(struct text *out, const cJSON *value) {
  char *printed;
  if (cJSON_IsNumber(value)) {
    text_add_number(out, value->valuedouble);
    return;
  }
  printed = cJSON_PrintUnformatted(value);
  text_add_string(out, printed ? printed : "null");
  cJSON_free(printed);
}

static void add_event(const char *kind, const char *json) {
  struct text *event = &vehicle.events[vehicle.event_count % EVENTS_MAX];
  text_clear(event);
  text_format(event, "event: %s\ndata: %s\n\n", kind, json);
  vehicle.event_count++;
}

void vehicle_write_state(struct text *out) {
  text_add_string(out, "{\"signals\":{");
  for (uint32_t i = 0; i < vehicle.signal_count; i++) {
    text_format(out, i ? ",\"%s\":" : "\"%s\":", vehicle.signals[i].path);
    add_value(out, vehicle.signals[i].value);
  }
  text_add_string(out, "}}");
}

uint64_t vehicle_event_count(void) { return vehicle.event_count; }

uint64_t vehicle_write_events(uint64_t next, struct text *out) {
  if (next == 0 || vehicle.event_count - (next - 1) > EVENTS_MAX) {
    text_add_string(out, "event: state\ndata: ");
    vehicle_write_state(out);
    text_add_string(out, "\n\n");
  } else {
    for (uint64_t i = next - 1; i < vehicle.event_count; i++)
      text_add(out, vehicle.events[i % EVENTS_MAX].bytes, vehicle.events[i % EVENTS_MAX].count);
  }
  return vehicle.event_count + 1;
}

/* ---- Effects ---- */

struct write {
  struct signal *signal;
  cJSON *value;
};

struct action {
  const cJSON *arguments;
  struct write writes[WRITES_MAX];
  uint32_t write_count;
  char reason[240];
};

static bool conditions_hold(const cJSON *conditions, const cJSON *arguments) {
  const cJSON *condition;
  cJSON_ArrayForEach(condition, conditions) {
    if (!cJSON_Compare(condition, member(arguments, condition->string), true)) return false;
  }
  return true;
}

/* "$name" stands for the argument of that name; {"of": name, key: value, ...} chooses by it. */
static const cJSON *resolve(const cJSON *value, const cJSON *arguments) {
  if (cJSON_IsString(value) && value->valuestring[0] == '$')
    return member(arguments, value->valuestring + 1);
  if (cJSON_IsObject(value)) {
    const cJSON *of = member(value, "of");
    const cJSON *key = cJSON_IsString(of) ? member(arguments, of->valuestring) : NULL;
    char text[32];
    if (cJSON_IsNumber(key)) {
      snprintf(text, sizeof text, "%g", key->valuedouble);
      return member(value, text);
    }
    return cJSON_IsString(key) ? member(value, key->valuestring) : NULL;
  }
  return value;
}

static double limited(const cJSON *rule, double value) {
  const cJSON *least = member(rule, "min"), *most = member(rule, "max");
  if (least) value = fmax(value, least->valuedouble);
  if (most) value = fmin(value, most->valuedouble);
  return value;
}

/* The new value of one signal, or NULL with a reason. */
static cJSON *new_value(struct action *action, const cJSON *effect, const struct signal *signal) {
  const cJSON *step = member(effect, "add");
  const cJSON *unit = member(effect, "celsius");
  const cJSON *given = resolve(step ? step : member(effect, "value"), action->arguments);
  double number;
  if (step) {
    const cJSON *sign = resolve(member(effect, "sign"), action->arguments);
    const cJSON *otherwise = member(effect, "default");
    number = given ? given->valuedouble : otherwise ? otherwise->valuedouble : 1;
    if (sign) number *= sign->valuedouble;
    if (cJSON_IsNumber(signal->value)) number += signal->value->valuedouble;
    return cJSON_CreateNumber(limited(signal->rule, number));
  }
  if (!given) {
    snprintf(action->reason, sizeof action->reason, "no value for %s", signal->path);
    return NULL;
  }
  if (!cJSON_IsNumber(given)) return cJSON_Duplicate(given, true);
  number = given->valuedouble;
  unit = unit ? resolve(unit, action->arguments) : NULL;
  if (cJSON_IsString(unit) && strcmp(unit->valuestring, "F") == 0)
    number = round((number - 32) / 1.8 * 2) / 2;
  if (member(effect, "negative")) number = -number;
  if (limited(signal->rule, number) != number) {
    snprintf(action->reason, sizeof action->reason, "%g is out of the range of %s", number,
             signal->path);
    return NULL;
  }
  return cJSON_CreateNumber(number);
}

static bool add_write(struct action *action, const cJSON *effect, const char *place) {
  const cJSON *pattern = member(effect, "signal");
  char path[PATH_MAX_BYTES];
  struct signal *signal;
  cJSON *value;
  expand(pattern->valuestring, place, path);
  signal = find(path);
  if (!signal || action->write_count == WRITES_MAX) {
    snprintf(action->reason, sizeof action->reason, "there is no signal %s", path);
    return false;
  }
  value = new_value(action, effect, signal);
  if (!value) return false;
  action->writes[action->write_count].signal = signal;
  action->writes[action->write_count++].value = value;
  return true;
}

static bool plan_effect(struct action *action, const cJSON *effect) {
  const cJSON *pattern = member(effect, "signal"), *at = member(effect, "at"), *places, *place;
  if (!conditions_hold(member(effect, "when"), action->arguments)) return true;
  if (member(effect, "read")) return true;
  if (!strchr(pattern->valuestring, '*')) return add_write(action, effect, "");
  at = at ? resolve(at, action->arguments) : NULL;
  places = member(member(member(vehicle.map, "signals"), pattern->valuestring), "places");
  places = member(member(vehicle.map, "places"), places->valuestring);
  places = member(places, cJSON_IsString(at) ? at->valuestring : "all");
  if (!places) {
    snprintf(action->reason, sizeof action->reason, "%s has no place '%s'", pattern->valuestring,
             cJSON_IsString(at) ? at->valuestring : "all");
    return false;
  }
  cJSON_ArrayForEach(place, places) {
    if (!add_write(action, effect, place->valuestring)) return false;
  }
  return true;
}

/* The first interlock that forbids the call now, or NULL. While the speed is not known, the car is
 * taken to be moving. */
static const cJSON *interlock(const char *function, const cJSON *arguments) {
  const struct signal *speed = find(SPEED);
  const cJSON *rule;
  cJSON_ArrayForEach(rule, member(vehicle.map, "interlocks")) {
    if (strcmp(member(rule, "function")->valuestring, function) != 0 ||
        !conditions_hold(member(rule, "when"), arguments))
      continue;
    if (!speed || !cJSON_IsNumber(speed->value) ||
        speed->value->valuedouble > member(rule, "above_kmh")->valuedouble)
      return rule;
  }
  return NULL;
}

static void write_reads(const cJSON *function, const cJSON *arguments, struct text *out) {
  const cJSON *effect;
  cJSON_ArrayForEach(effect, function) {
    const cJSON *path = resolve(member(effect, "read"), arguments);
    const struct signal *signal = cJSON_IsString(path) ? find(path->valuestring) : NULL;
    if (!signal) continue;
    text_format(out, ",\"read\":{\"path\":\"%s\",\"value\":", signal->path);
    add_value(out, signal->value);
    text_add(out, "}", 1);
  }
}

static const char *carry_out(struct action *action, const char *application, struct text *signals) {
  bool done = true;
  for (uint32_t i = 0; i < action->write_count; i++) {
    struct write *write = &action->writes[i];
    struct text value = {0};
    add_value(&value, write->value);
    if (done && sink_write(write->signal->path, value.bytes, application)) {
      text_format(signals, "%s{\"path\":\"%s\",\"value\":%s}", signals->count ? "," : "",
                  write->signal->path, value.bytes);
      cJSON_Delete(write->signal->value);
      write->signal->value = write->value;
    } else {
      done = false;
      cJSON_Delete(write->value);
    }
    text_free(&value);
  }
  action->write_count = 0;
  if (!done) snprintf(action->reason, sizeof action->reason, "the signals could not be handed on");
  return done ? "done" : "failed";
}

static const char *outcome_of(struct action *action, const char *name, const cJSON *function,
                              const char *application, struct text *signals) {
  const cJSON *effect, *rule, *schema = models_tool(name, NULL);
  if (!schema) {
    snprintf(action->reason, sizeof action->reason, "there is no such function");
    return "invalid";
  }
  if (!schema_accepts(schema, action->arguments, "arguments", action->reason,
                      sizeof action->reason))
    return "invalid";
  if (strcmp(name, "refuse") == 0) {
    const cJSON *why = member(action->arguments, "reason");
    snprintf(action->reason, sizeof action->reason, "%s",
             cJSON_IsString(why) ? why->valuestring : "");
    return "declined";
  }
  if (!function) {
    snprintf(action->reason, sizeof action->reason, "this car has no such function");
    return "refused";
  }
  rule = interlock(name, action->arguments);
  if (rule) {
    snprintf(action->reason, sizeof action->reason, "%s", member(rule, "reason")->valuestring);
    return "refused";
  }
  cJSON_ArrayForEach(effect, function) {
    if (!plan_effect(action, effect)) return "refused";
  }
  return carry_out(action, application, signals);
}

void vehicle_act(const char *answer, size_t count, const char *application, struct text *outcome) {
  char reason[160] = "", label[120];
  cJSON *call = json_parse(answer, count, reason, sizeof reason);
  const cJSON *name = member(call, "name");
  struct action action = {.arguments = member(call, "arguments")};
  struct text signals = {0};
  const cJSON *function = NULL;
  const size_t start = outcome->count;
  const char *result;
  if (!cJSON_IsString(name) || !cJSON_IsObject(action.arguments)) {
    text_format(outcome, "{\"outcome\":\"invalid\",\"signals\":[],\"reason\":\"%s\"}",
                "the answer is not a call");
    metrics_add("linteld_calls_total", "function=\"\",outcome=\"invalid\"", 1);
    cJSON_Delete(call);
    return;
  }
  function = member(member(vehicle.map, "functions"), name->valuestring);
  result = outcome_of(&action, name->valuestring, function, application, &signals);
  for (uint32_t i = 0; i < action.write_count; i++) cJSON_Delete(action.writes[i].value);
  text_format(outcome, "{\"outcome\":\"%s\",\"function\":", result);
  text_add_json(outcome, name->valuestring, strlen(name->valuestring));
  text_add_string(outcome, ",\"arguments\":");
  add_value(outcome, action.arguments);
  text_format(outcome, ",\"signals\":[%s]", signals.bytes ? signals.bytes : "");
  if (strcmp(result, "done") == 0) write_reads(function, action.arguments, outcome);
  text_add_string(outcome, ",\"reason\":");
  text_add_json(outcome, action.reason, strlen(action.reason));
  text_add(outcome, "}", 1);
  snprintf(label, sizeof label, "function=\"%.48s\",outcome=\"%s\"",
           models_tool(name->valuestring, NULL) ? name->valuestring : "", result);
  metrics_add("linteld_calls_total", label, 1);
  add_event("call", outcome->bytes + start);
  text_free(&signals);
  cJSON_Delete(call);
}

/* ---- Signals from the car ---- */

static bool value_fits(const struct signal *signal, const cJSON *value, char *message,
                       size_t size) {
  const cJSON *type = member(signal->rule, "type");
  const char *name = cJSON_IsString(type) ? type->valuestring : "number";
  const bool fits = strcmp(name, "boolean") == 0  ? cJSON_IsBool(value)
                    : strcmp(name, "string") == 0 ? cJSON_IsString(value)
                                                  : cJSON_IsNumber(value);
  if (!fits)
    snprintf(message, size, "%s must be of type %s", signal->path, name);
  else if (cJSON_IsNumber(value) && limited(signal->rule, value->valuedouble) != value->valuedouble)
    snprintf(message, size, "%g is out of the range of %s", value->valuedouble, signal->path);
  return !message[0];
}

bool vehicle_feed(const cJSON *json, char *message, size_t message_bytes) {
  struct json_reader reader = json_begin(json, "request", message, message_bytes);
  const cJSON *list = json_member(&reader, "signals", cJSON_Array, true), *item;
  struct text event = {0};
  json_end(&reader);
  cJSON_ArrayForEach(item, list) {
    const cJSON *path = member(item, "path");
    const struct signal *signal = cJSON_IsString(path) ? find(path->valuestring) : NULL;
    if (!message[0] && !signal)
      snprintf(message, message_bytes, "there is no signal '%.120s'",
               cJSON_IsString(path) ? path->valuestring : "");
    if (message[0] || !value_fits(signal, member(item, "value"), message, message_bytes)) break;
  }
  if (message[0]) return false;
  text_add_string(&event, "{\"signals\":[");
  cJSON_ArrayForEach(item, list) {
    struct signal *signal = find(member(item, "path")->valuestring);
    cJSON_Delete(signal->value);
    signal->value = cJSON_Duplicate(member(item, "value"), true);
    text_format(&event, item == list->child ? "{\"path\":\"%s\",\"value\":"
                                            : ",{\"path\":\"%s\",\"value\":", signal->path);
    add_value(&event, signal->value);
    text_add(&event, "}", 1);
  }
  text_add_string(&event, "]}");
  add_event("signals", event.bytes);
  text_free(&event);
  return true;
}
