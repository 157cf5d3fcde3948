#include "schema.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

static bool type_fits(const char *type, const cJSON *value) {
  if (strcmp(type, "string") == 0) return cJSON_IsString(value);
  if (strcmp(type, "number") == 0) return cJSON_IsNumber(value);
  if (strcmp(type, "integer") == 0)
    return cJSON_IsNumber(value) && value->valuedouble == floor(value->valuedouble);
  if (strcmp(type, "boolean") == 0) return cJSON_IsBool(value);
  if (strcmp(type, "object") == 0) return cJSON_IsObject(value);
  if (strcmp(type, "array") == 0) return cJSON_IsArray(value);
  return strcmp(type, "null") == 0 && cJSON_IsNull(value);
}

static bool members_fit(const cJSON *schema, const cJSON *value, const char *where, char *message,
                        size_t size) {
  const cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
  const cJSON *required = cJSON_GetObjectItemCaseSensitive(schema, "required");
  const cJSON *more = cJSON_GetObjectItemCaseSensitive(schema, "additionalProperties");
  const cJSON *item;
  char inner[128];
  cJSON_ArrayForEach(item, required) {
    if (cJSON_IsString(item) && !cJSON_GetObjectItemCaseSensitive(value, item->valuestring)) {
      snprintf(message, size, "%s lacks '%s'", where, item->valuestring);
      return false;
    }
  }
  cJSON_ArrayForEach(item, value) {
    const cJSON *property = cJSON_GetObjectItemCaseSensitive(properties, item->string);
    if (!property && cJSON_IsFalse(more)) {
      snprintf(message, size, "%s has the unknown member '%.64s'", where, item->string);
      return false;
    }
    snprintf(inner, sizeof inner, "%.60s.%.60s", where, item->string);
    if (property && !schema_accepts(property, item, inner, message, size)) return false;
  }
  return true;
}

bool schema_accepts(const cJSON *schema, const cJSON *value, const char *where, char *message,
                    size_t message_bytes) {
  const cJSON *type = cJSON_GetObjectItemCaseSensitive(schema, "type");
  const cJSON *among = cJSON_GetObjectItemCaseSensitive(schema, "enum");
  const cJSON *least = cJSON_GetObjectItemCaseSensitive(schema, "minimum");
  const cJSON *most = cJSON_GetObjectItemCaseSensitive(schema, "maximum");
  const cJSON *items = cJSON_GetObjectItemCaseSensitive(schema, "items"), *item;
  if (cJSON_IsString(type) && !type_fits(type->valuestring, value)) {
    snprintf(message, message_bytes, "%s is %s; it must be of type %s", where,
             json_type_name(value), type->valuestring);
    return false;
  }
  if (among) {
    cJSON_ArrayForEach(item, among) {
      if (cJSON_Compare(item, value, true)) break;
    }
    if (!item) {
      snprintf(message, message_bytes, "%s is not one of the values that it may have", where);
      return false;
    }
  }
  if (cJSON_IsNumber(value) && ((least && value->valuedouble < least->valuedouble) ||
                                (most && value->valuedouble > most->valuedouble))) {
    snprintf(message, message_bytes, "%s is %g; it must be %g to %g", where, value->valuedouble,
             least ? least->valuedouble : -INFINITY, most ? most->valuedouble : INFINITY);
    return false;
  }
  if (cJSON_IsArray(value) && items)
    cJSON_ArrayForEach(item, value) {
      if (!schema_accepts(items, item, where, message, message_bytes)) return false;
    }
  return !cJSON_IsObject(value) || members_fit(schema, value, where, message, message_bytes);
}
