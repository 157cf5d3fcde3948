/* libcjson, as the system has it. */
#include <cjson/cJSON.h>
