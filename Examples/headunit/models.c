#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "journal.h"
#include "json.h"
#include "metrics.h"
#include "text.h"

#define DEPLOYMENT_BYTES_MAX (1u << 20)
#define TOOLS_MAX 64

struct models models;

static uint64_t file_stamp(const char *path) {
  struct stat status;
  uint64_t stamp;
  if (!path || stat(path, &status)) return 0;
  stamp = (uint64_t)status.st_size * 0x9E3779B97F4A7C15u ^ (uint64_t)status.st_ino;
  stamp = stamp * 0x9E3779B97F4A7C15u ^ (uint64_t)status.st_mtim.tv_sec;
  return stamp * 0x9E3779B97F4A7C15u ^ (uint64_t)status.st_mtim.tv_nsec;
}

/* The deployment keeps no paths: a reload takes them from the file again. */
static char *adapter_path(const cJSON *json, const char *file, const char *model,
                          const char *adapter) {
  const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, "models");
  const char *slash = strrchr(file, '/');
  struct text path = {0};
  value = cJSON_GetObjectItemCaseSensitive(value, model);
  value = cJSON_GetObjectItemCaseSensitive(value, "adapters");
  value = cJSON_GetObjectItemCaseSensitive(value, adapter);
  value = cJSON_GetObjectItemCaseSensitive(value, "path");
  if (!cJSON_IsString(value)) return NULL;
  if (value->valuestring[0] != '/' && slash) text_add(&path, file, (size_t)(slash - file) + 1);
  text_add_string(&path, value->valuestring);
  return path.bytes;
}

static const char *session_model(const cJSON *json, const char *session) {
  const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, "sessions");
  value = cJSON_GetObjectItemCaseSensitive(value, session);
  value = cJSON_GetObjectItemCaseSensitive(value, "model");
  return cJSON_IsString(value) ? value->valuestring : "";
}

static bool fill_models(const cJSON *json, const char *path, uint32_t adapter_count,
                        char *message, size_t size) {
  for (uint32_t i = 0; i < models.model_count; i++) {
    struct model *model = &models.models[i];
    lintel_deployment_model_at(models.deployment, i, &model->name, &model->model);
    model->info.struct_size = sizeof model->info;
    lintel_model_get_info(model->model, &model->info);
    if (!model->info.chat) {
      snprintf(message, size, "%s: the model '%s' has no chat format", path, model->name);
      return false;
    }
  }
  for (uint32_t i = 0; i < adapter_count; i++) {
    lintel_deployment_adapter found = {sizeof found, 0, NULL, NULL};
    lintel_deployment_adapter_at(models.deployment, i, &found);
    for (uint32_t j = 0; j < models.model_count; j++) {
      struct model *model = &models.models[j];
      struct adapter *adapter = &model->adapters[model->adapter_count];
      if (model->model != found.model || model->adapter_count == ADAPTERS_MAX) continue;
      adapter->name = found.name;
      adapter->slot = found.slot;
      adapter->path = adapter_path(json, path, model->name, found.name);
      adapter->stamp = file_stamp(adapter->path);
      model->adapter_count++;
    }
  }
  return true;
}

static bool fill_places(const cJSON *json, char *message, size_t size) {
  lintel_error error = LINTEL_ERROR_INIT;
  const char *bytes = NULL;
  size_t count = 0;
  for (uint32_t i = 0; i < models.place_count; i++) {
    struct place *place = &models.places[i];
    const lintel_generate_options none = LINTEL_GENERATE_OPTIONS_INIT;
    const char *model;
    lintel_deployment_session_at(models.deployment, i, &place->name, &place->session);
    place->sampling = none;
    lintel_deployment_generate_options(models.deployment, place->name, &place->sampling, &error);
    model = session_model(json, place->name);
    for (uint32_t j = 0; j < models.model_count; j++)
      if (strcmp(models.models[j].name, model) == 0) place->model = j;
    if (!bytes) lintel_deployment_tools(models.deployment, place->name, &bytes, &count, &error);
  }
  if (!bytes) return true;
  models.tools = json_parse(bytes, count, message, size);
  if (models.tools && cJSON_GetArraySize(models.tools) > TOOLS_MAX)
    snprintf(message, size, "there are more than %d tools", TOOLS_MAX);
  return models.tools && !message[0];
}

bool models_open(const char *path, char *message, size_t message_bytes) {
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_deployment_info info = {0};
  struct text text = {0};
  cJSON *json;
  bool done;
  message[0] = 0;
  if (lintel_deployment_open(path, NULL, &models.deployment, &error)) {
    snprintf(message, message_bytes, "%s: %s", path, error.message);
    return false;
  }
  if (!text_read_file(&text, path, DEPLOYMENT_BYTES_MAX, message, message_bytes)) return false;
  json = cJSON_Parse(text.bytes);
  models.text = text.bytes;
  info.struct_size = sizeof info;
  lintel_deployment_get_info(models.deployment, &info);
  models.model_count = info.model_count;
  models.place_count = info.session_count;
  if (info.model_count > MODELS_MAX || info.session_count > SLOTS_MAX || !info.session_count) {
    snprintf(message, message_bytes,
             "%s has %u models and %u sessions; this service takes 1 to %d and 1 to %d", path,
             info.model_count, info.session_count, MODELS_MAX, SLOTS_MAX);
    models.model_count = models.place_count = 0;
    done = false;
  } else {
    done = fill_models(json, path, info.adapter_count, message, message_bytes) &&
           fill_places(json, message, message_bytes);
  }
  cJSON_Delete(json);
  return done;
}

void models_close(void) {
  for (uint32_t i = 0; i < models.model_count; i++)
    for (uint32_t j = 0; j < models.models[i].adapter_count; j++)
      free(models.models[i].adapters[j].path);
  lintel_deployment_close(models.deployment);
  cJSON_Delete(models.tools);
  free(models.text);
  memset(&models, 0, sizeof models);
}

bool models_find(const char *name, uint32_t *out_model, int32_t *out_adapter) {
  const char *colon = strchr(name, ':');
  const size_t length = colon ? (size_t)(colon - name) : strlen(name);
  for (uint32_t i = 0; i < models.model_count; i++) {
    const struct model *model = &models.models[i];
    if (strlen(model->name) != length || memcmp(model->name, name, length) != 0) continue;
    *out_model = i;
    *out_adapter = -1;
    if (!colon) return true;
    for (uint32_t j = 0; j < model->adapter_count; j++)
      if (strcmp(model->adapters[j].name, colon + 1) == 0) {
        *out_adapter = (int32_t)j;
        return true;
      }
  }
  return false;
}

void models_mark_changed_adapters(void) {
  for (uint32_t i = 0; i < models.model_count; i++)
    for (uint32_t j = 0; j < models.models[i].adapter_count; j++) {
      struct adapter *adapter = &models.models[i].adapters[j];
      const uint64_t stamp = file_stamp(adapter->path);
      if (stamp && stamp != adapter->stamp) adapter->is_waiting = true;
    }
}

void models_load_adapter(uint32_t model, uint32_t adapter) {
  struct adapter *which = &models.models[model].adapters[adapter];
  lintel_error error = LINTEL_ERROR_INIT;
  const uint64_t stamp = file_stamp(which->path);
  const lintel_status status = lintel_adapter_load(models.models[model].model, which->slot,
                                                   which->path, which->name, &error);
  which->is_waiting = false;
  which->stamp = stamp;
  metrics_add("linteld_adapter_loads_total",
              status ? "result=\"refused\"" : "result=\"loaded\"", 1);
  if (status)
    journal(JOURNAL_ERROR, "adapter %s:%s is kept as it was: %s", models.models[model].name,
            which->name, error.message);
  else
    journal(JOURNAL_NOTICE, "adapter %s:%s is loaded again", models.models[model].name,
            which->name);
}

bool models_are_from(const char *path) {
  struct text text = {0};
  char message[256];
  const bool same = text_read_file(&text, path, DEPLOYMENT_BYTES_MAX, message, sizeof message) &&
                    models.text && strcmp(text.bytes, models.text) == 0;
  text_free(&text);
  return same;
}

const cJSON *models_tool(const char *name, uint32_t *out_index) {
  const cJSON *tool;
  uint32_t index = 0;
  cJSON_ArrayForEach(tool, models.tools) {
    const cJSON *function = cJSON_GetObjectItemCaseSensitive(tool, "function");
    const cJSON *called = cJSON_GetObjectItemCaseSensitive(function, "name");
    if (cJSON_IsString(called) && strcmp(called->valuestring, name) == 0) {
      if (out_index) *out_index = index;
      return cJSON_GetObjectItemCaseSensitive(function, "parameters");
    }
    index++;
  }
  return NULL;
}

uint64_t models_all_tools(void) {
  const int count = cJSON_GetArraySize(models.tools);
  return count == 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1;
}
