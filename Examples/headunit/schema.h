/* Checks a call's arguments against its JSON schema: type, enum, minimum, maximum, required,
 * properties, additionalProperties, items. */
#ifndef LINTELD_SCHEMA_H
#define LINTELD_SCHEMA_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* `where` names the value in the sentence. */
bool schema_accepts(const cJSON *schema, const cJSON *value, const char *where, char *message,
                    size_t message_bytes);

#endif
