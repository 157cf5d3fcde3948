/* What the deployment holds: models and their adapters by the names that requests use ("cabin",
 * "cabin:navigation"), sessions, and the tools that the models' calls may name. */
#ifndef LINTELD_MODELS_H
#define LINTELD_MODELS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lintel.h"

#define MODELS_MAX 4
#define ADAPTERS_MAX 16
#define SLOTS_MAX 16

struct adapter {
  const char *name;
  uint32_t slot;
  char *path;
  uint64_t stamp;  /* of the file when it was loaded: size, time and inode */
  bool is_waiting; /* for its requests to end, to be loaded again */
};

struct model {
  const char *name;
  lintel_model *model;
  lintel_model_info info;
  struct adapter adapters[ADAPTERS_MAX];
  uint32_t adapter_count;
};

/* A session of the deployment. */
struct place {
  const char *name;
  lintel_session *session;
  uint32_t model;
  lintel_generate_options sampling;
};

struct models {
  lintel_deployment *deployment;
  struct model models[MODELS_MAX];
  uint32_t model_count;
  struct place places[SLOTS_MAX];
  uint32_t place_count;
  cJSON *tools;    /* an array of functions; NULL: the models call nothing */
  char *text;      /* of the deployment file, to see whether it changed */
};

extern struct models models;

/* Opens the deployment at `path`. */
bool models_open(const char *path, char *message, size_t message_bytes);
void models_close(void);

/* "cabin" or "cabin:navigation". */
bool models_find(const char *name, uint32_t *out_model, int32_t *out_adapter);

/* Looks for adapter files that are not the ones that were loaded, and marks them as waiting. */
void models_mark_changed_adapters(void);
/* Loads a waiting adapter again; nothing may use it. A file that is refused leaves the old one. */
void models_load_adapter(uint32_t model, uint32_t adapter);

/* Whether the file at `path` is what was opened, adapters' contents aside. */
bool models_are_from(const char *path);

/* The parameters' schema of a function; NULL if there is none of that name. */
const cJSON *models_tool(const char *name, uint32_t *out_index);

/* A bit for each tool. */
uint64_t models_all_tools(void);

#endif
