/* Strict JSON over libcjson: what the parser lets pass (bytes after the value, duplicate keys, NUL
 * and control characters, broken UTF-8) is refused here, and unknown keys by the readers below. */
#ifndef LINTELD_JSON_H
#define LINTELD_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL on failure, with the reason in `message`. */
cJSON *json_parse(const char *bytes, size_t count, char *message, size_t message_bytes);
cJSON *json_read_file(const char *path, size_t most, char *message, size_t message_bytes);

/* Reads the members of one object one by one. The first thing that is wrong is kept as a sentence;
 * later reads then do nothing. json_end refuses members that nobody asked for. */
struct json_reader {
  const cJSON *object;
  const char *where; /* names the object in sentences */
  char *message;     /* empty while nothing is wrong */
  size_t message_bytes;
  uint64_t seen; /* a bit for each of the first 64 members */
};

struct json_reader json_begin(const cJSON *object, const char *where, char *message,
                              size_t message_bytes);
/* NULL if absent. `type` is a cJSON_... type, or 0 for any. */
const cJSON *json_member(struct json_reader *reader, const char *name, int type, bool required);
/* These leave *out unchanged if the member is absent. Strings are copies. */
void json_string(struct json_reader *reader, const char *name, char **out, bool required);
void json_integer(struct json_reader *reader, const char *name, int64_t least, int64_t most,
                  int64_t *out);
void json_number(struct json_reader *reader, const char *name, double least, double most,
                 double *out);
void json_bool(struct json_reader *reader, const char *name, bool *out);
bool json_end(struct json_reader *reader);

/* "a string", "a number", ... */
const char *json_type_name(const cJSON *value);

#endif
