#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static bool bytes_are_clean(const char *bytes, size_t count, char *message, size_t size) {
  size_t offset = 0, i;
  bool in_string = false;
  if (!text_is_utf8(bytes, count, &offset)) {
    snprintf(message, size, "the text is not UTF-8 at byte %zu", offset);
    return false;
  }
  for (i = 0; i < count; i++) {
    const unsigned char byte = (unsigned char)bytes[i];
    if (byte < 0x20 && (in_string || (byte != '\t' && byte != '\n' && byte != '\r'))) {
      snprintf(message, size, "the control character %u at byte %zu is not JSON", byte, i);
      return false;
    }
    if (byte == '"') in_string = !in_string;
    if (byte == '\\' && in_string) {
      if (count - i > 5 && memcmp(bytes + i, "\\u0000", 6) == 0) {
        snprintf(message, size, "the NUL character at byte %zu is not accepted", i);
        return false;
      }
      i++;
    }
  }
  return true;
}

static bool keys_are_unique(const cJSON *value, int depth, char *message, size_t size) {
  const cJSON *child, *other;
  int members = 0;
  if (depth > 64) {
    snprintf(message, size, "the JSON is nested more than 64 deep");
    return false;
  }
  cJSON_ArrayForEach(child, value) {
    if (cJSON_IsObject(value) && ++members > 256) {
      snprintf(message, size, "an object has more than 256 members");
      return false;
    }
    if (cJSON_IsObject(value))
      for (other = value->child; other != child; other = other->next)
        if (strcmp(other->string, child->string) == 0) {
          snprintf(message, size, "the key '%.64s' occurs twice", child->string);
          return false;
        }
    if (cJSON_IsNumber(child) && !isfinite(child->valuedouble)) {
      snprintf(message, size, "a number is too large");
      return false;
    }
    if (child->child && !keys_are_unique(child, depth + 1, message, size)) return false;
  }
  return true;
}

cJSON *json_parse(const char *bytes, size_t count, char *message, size_t message_bytes) {
  const char *end = NULL;
  cJSON *value;
  if (!bytes_are_clean(bytes, count, message, message_bytes)) return NULL;
  value = cJSON_ParseWithLengthOpts(bytes, count, &end, false);
  if (!value) {
    const size_t offset = end && end >= bytes && end <= bytes + count ? (size_t)(end - bytes) : 0;
    snprintf(message, message_bytes, "the JSON is broken at byte %zu", offset);
    return NULL;
  }
  while (end < bytes + count && memchr(" \t\n\r", *end, 4)) end++;
  if (end != bytes + count) {
    snprintf(message, message_bytes, "there is more after the JSON value, at byte %zu",
             (size_t)(end - bytes));
    cJSON_Delete(value);
    return NULL;
  }
  if (!keys_are_unique(value, 0, message, message_bytes)) {
    cJSON_Delete(value);
    return NULL;
  }
  return value;
}

cJSON *json_read_file(const char *path, size_t most, char *message, size_t message_bytes) {
  struct text text = {0};
  char reason[160];
  cJSON *value = NULL;
  if (text_read_file(&text, path, most, message, message_bytes)) {
    value = json_parse(text.bytes, text.count, reason, sizeof reason);
    if (!value) snprintf(message, message_bytes, "%s: %s", path, reason);
  }
  text_free(&text);
  return value;
}

const char *json_type_name(const cJSON *value) {
  if (cJSON_IsString(value)) return "a string";
  if (cJSON_IsNumber(value)) return "a number";
  if (cJSON_IsBool(value)) return "a boolean";
  if (cJSON_IsNull(value)) return "null";
  if (cJSON_IsArray(value)) return "an array";
  return "an object";
}

static bool has_type(const cJSON *value, int type) {
  if (type == 0) return true;
  if (type == cJSON_True) return cJSON_IsBool(value);
  return (value->type & 0xFF) == type;
}

static const char *wanted_name(int type) {
  switch (type) {
    case cJSON_String: return "a string";
    case cJSON_Number: return "a number";
    case cJSON_True: return "a boolean";
    case cJSON_Array: return "an array";
    default: return "an object";
  }
}

struct json_reader json_begin(const cJSON *object, const char *where, char *message,
                              size_t message_bytes) {
  struct json_reader reader = {object, where, message, message_bytes, 0};
  if (!message[0] && !cJSON_IsObject(object))
    snprintf(message, message_bytes, "%s must be an object, not %s", where,
             object ? json_type_name(object) : "absent");
  return reader;
}

const cJSON *json_member(struct json_reader *reader, const char *name, int type, bool required) {
  const cJSON *child;
  unsigned index = 0;
  if (reader->message[0]) return NULL;
  cJSON_ArrayForEach(child, reader->object) {
    if (strcmp(child->string, name) == 0) {
      if (index < 64) reader->seen |= (uint64_t)1 << index;
      if (has_type(child, type)) return child;
      snprintf(reader->message, reader->message_bytes, "%s.%s must be %s, not %s", reader->where,
               name, wanted_name(type), json_type_name(child));
      return NULL;
    }
    index++;
  }
  if (required)
    snprintf(reader->message, reader->message_bytes, "%s lacks '%s'", reader->where, name);
  return NULL;
}

void json_string(struct json_reader *reader, const char *name, char **out, bool required) {
  const cJSON *value = json_member(reader, name, cJSON_String, required);
  if (!value) return;
  free(*out);
  *out = memory_copy(value->valuestring, strlen(value->valuestring));
}

void json_number(struct json_reader *reader, const char *name, double least, double most,
                 double *out) {
  const cJSON *value = json_member(reader, name, cJSON_Number, false);
  if (!value) return;
  if (value->valuedouble >= least && value->valuedouble <= most)
    *out = value->valuedouble;
  else
    snprintf(reader->message, reader->message_bytes, "%s.%s is %g; it must be %g to %g",
             reader->where, name, value->valuedouble, least, most);
}

void json_integer(struct json_reader *reader, const char *name, int64_t least, int64_t most,
                  int64_t *out) {
  double number = (double)*out;
  json_number(reader, name, (double)least, (double)most, &number);
  if (number != floor(number))
    snprintf(reader->message, reader->message_bytes, "%s.%s is %g; it must be a whole number",
             reader->where, name, number);
  else
    *out = (int64_t)number;
}

void json_bool(struct json_reader *reader, const char *name, bool *out) {
  const cJSON *value = json_member(reader, name, cJSON_True, false);
  if (value) *out = cJSON_IsTrue(value);
}

bool json_end(struct json_reader *reader) {
  const cJSON *child;
  unsigned index = 0;
  if (reader->message[0]) return false;
  cJSON_ArrayForEach(child, reader->object) {
    if (index >= 64 || !(reader->seen >> index & 1)) {
      snprintf(reader->message, reader->message_bytes, "%s has the unknown key '%.64s'",
               reader->where, child->string);
      return false;
    }
    index++;
  }
  return true;
}
