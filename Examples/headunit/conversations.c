#include "conversations.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal.h"
#include "json.h"
#include "metrics.h"
#include "models.h"

static struct {
  struct conversation *all;
  uint32_t count;
  uint32_t limit;
  char *directory;
} table;

uint64_t chain_begin(void) { return 0xCBF29CE484222325u; }

static uint64_t chain_bytes(uint64_t chain, const char *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) chain = (chain ^ (unsigned char)bytes[i]) * 0x100000001B3u;
  return chain;
}

uint64_t chain_add(uint64_t chain, int32_t role, const char *text, size_t bytes) {
  const uint64_t length = bytes;
  char head[sizeof role + sizeof length];
  memcpy(head, &role, sizeof role);
  memcpy(head + sizeof role, &length, sizeof length);
  return chain_bytes(chain_bytes(chain, head, sizeof head), text, bytes);
}

uint32_t conversations_known(const struct conversation *conversation,
                             const struct message *messages, uint32_t count) {
  uint64_t chain = chain_begin();
  if (count <= conversation->message_count) return 0;
  for (uint32_t i = 0; i < conversation->message_count; i++)
    chain = chain_add(chain, messages[i].role, messages[i].text, messages[i].bytes);
  return chain == conversation->chain ? conversation->message_count : 0;
}

/* Application and id are made of characters that need no escape in a file name; an application has
 * no dot, so that the first one ends it. */
static void record_path(const struct conversation *conversation, struct text *path) {
  text_format(path, "%s/%s.%s.json", table.directory, conversation->application, conversation->id);
}

static void snapshot_path(const struct conversation *conversation, struct text *path) {
  text_format(path, "%s/%s.%s.%" PRIu64 ".snapshot", table.directory, conversation->application,
              conversation->id, conversation->number);
}

static void remove_file(void (*path_of)(const struct conversation *, struct text *),
                        const struct conversation *conversation) {
  struct text path = {0};
  if (!table.directory) return;
  path_of(conversation, &path);
  unlink(path.bytes);
  text_free(&path);
}

static bool read_record(const char *path, struct conversation *out) {
  char message[320] = "";
  char *application = NULL, *id = NULL, *model = NULL, *chain = NULL;
  int64_t number = 0, count = 0;
  int32_t adapter;
  cJSON *json = json_read_file(path, 4096, message, sizeof message);
  struct json_reader reader;
  bool done;
  if (!json) {
    journal(JOURNAL_WARNING, "%s", message);
    return false;
  }
  reader = json_begin(json, "record", message, sizeof message);
  json_string(&reader, "application", &application, true);
  json_string(&reader, "id", &id, true);
  json_string(&reader, "model", &model, true);
  json_string(&reader, "chain", &chain, true);
  json_integer(&reader, "number", 1, INT64_C(1) << 52, &number);
  json_integer(&reader, "messages", 0, INT32_MAX, &count);
  done = json_end(&reader) && models_find(model, &out->model, &adapter) &&
         strlen(application) < sizeof out->application && strlen(id) < sizeof out->id;
  if (done) {
    strcpy(out->application, application);
    strcpy(out->id, id);
    out->slot = -1;
    out->message_count = (uint32_t)count;
    out->chain = strtoull(chain, NULL, 16);
    out->number = (uint64_t)number;
    out->is_saved = true;
    out->used_ns = now_ns();
  } else {
    journal(JOURNAL_WARNING, "%s is not used: %s", path, message[0] ? message : "unknown model");
  }
  free(application);
  free(id);
  free(model);
  free(chain);
  cJSON_Delete(json);
  return done;
}

static bool has_suffix(const char *name, const char *suffix) {
  const size_t length = strlen(name), end = strlen(suffix);
  return length > end && strcmp(name + length - end, suffix) == 0;
}

/* Files that no record names are what a killed process left behind. */
static void remove_strays(void) {
  DIR *directory = opendir(table.directory);
  const struct dirent *entry;
  if (!directory) return;
  while ((entry = readdir(directory))) {
    struct text path = {0}, named = {0};
    bool is_named = !strstr(entry->d_name, ".snapshot") && !has_suffix(entry->d_name, ".new");
    text_format(&path, "%s/%s", table.directory, entry->d_name);
    for (uint32_t i = 0; i < table.count && !is_named; i++) {
      text_clear(&named);
      snapshot_path(&table.all[i], &named);
      is_named = strcmp(named.bytes, path.bytes) == 0;
    }
    if (!is_named) unlink(path.bytes);
    text_free(&path);
    text_free(&named);
  }
  closedir(directory);
}

bool conversations_open(const char *path, uint32_t limit, char *message, size_t message_bytes) {
  DIR *directory;
  const struct dirent *entry;
  table.limit = limit;
  table.all = memory_take(limit, sizeof *table.all);
  if (!path || !limit) return true;
  if ((mkdir(path, 0700) && errno != EEXIST) || !(directory = opendir(path))) {
    snprintf(message, message_bytes, "conversations.directory %s: %s", path, strerror(errno));
    return false;
  }
  table.directory = memory_copy(path, strlen(path));
  while ((entry = readdir(directory)) && table.count < table.limit) {
    struct text file = {0};
    if (!has_suffix(entry->d_name, ".json")) continue;
    text_format(&file, "%s/%s", path, entry->d_name);
    memset(&table.all[table.count], 0, sizeof *table.all);
    if (read_record(file.bytes, &table.all[table.count])) table.count++;
    text_free(&file);
  }
  closedir(directory);
  remove_strays();
  return true;
}

void conversations_close(void) {
  free(table.all);
  free(table.directory);
  memset(&table, 0, sizeof table);
}

bool conversations_are_kept(void) { return table.directory != NULL; }

struct conversation *conversations_find(const char *application, const char *id) {
  for (uint32_t i = 0; i < table.count; i++)
    if (strcmp(table.all[i].application, application) == 0 && strcmp(table.all[i].id, id) == 0)
      return &table.all[i];
  return NULL;
}

/* The entry stays where it is, because others are pointed to: it is emptied. */
void conversations_forget(struct conversation *conversation) {
  if (conversation->number) {
    remove_file(record_path, conversation);
    remove_file(snapshot_path, conversation);
  }
  memset(conversation, 0, sizeof *conversation);
  conversation->slot = -1;
}

struct conversation *conversations_add(const char *application, const char *id) {
  struct conversation *place = NULL;
  for (uint32_t i = 0; i < table.count && !(place && !place->id[0]); i++) {
    struct conversation *entry = &table.all[i];
    if (!entry->id[0] ||
        (!entry->is_active && entry->slot < 0 && (!place || entry->used_ns < place->used_ns)))
      place = entry;
  }
  if (!(place && !place->id[0]) && table.count < table.limit)
    place = &table.all[table.count++];
  else if (place && place->id[0])
    conversations_forget(place);
  if (!place) return NULL;
  memset(place, 0, sizeof *place);
  snprintf(place->application, sizeof place->application, "%s", application);
  snprintf(place->id, sizeof place->id, "%s", id);
  place->slot = -1;
  place->chain = chain_begin();
  return place;
}

static bool write_record(const struct conversation *conversation, char *message, size_t size) {
  struct text path = {0}, record = {0};
  bool done;
  record_path(conversation, &path);
  text_format(&record,
              "{\"application\":\"%s\",\"id\":\"%s\",\"model\":\"%s\",\"number\":%" PRIu64
              ",\"messages\":%u,\"chain\":\"%016" PRIx64 "\"}\n",
              conversation->application, conversation->id,
              models.models[conversation->model].name, conversation->number,
              conversation->message_count, conversation->chain);
  done = text_write_file(path.bytes, record.bytes, record.count, message, size);
  text_free(&path);
  text_free(&record);
  return done;
}

bool conversations_save(struct conversation *conversation, lintel_session *session) {
  struct conversation next = *conversation;
  lintel_error error = LINTEL_ERROR_INIT;
  struct text path = {0};
  char message[320] = "";
  const uint64_t start = now_ns();
  bool done;
  if (!table.directory) return false;
  next.number++;
  snapshot_path(&next, &path);
  done = lintel_session_save_file(session, path.bytes, &error) == LINTEL_OK &&
         write_record(&next, message, sizeof message);
  if (done) {
    if (conversation->number) remove_file(snapshot_path, conversation);
    conversation->number = next.number;
    conversation->is_saved = true;
    metrics_observe(HISTOGRAM_SNAPSHOT, now_ns() - start);
  } else {
    unlink(path.bytes);
    journal(JOURNAL_ERROR, "conversation %s is not saved: %s", conversation->id,
            message[0] ? message : error.message);
  }
  metrics_add("linteld_snapshots_total", done ? "result=\"saved\"" : "result=\"failed\"", 1);
  text_free(&path);
  return done;
}

lintel_status conversations_restore(struct conversation *conversation, lintel_session *session,
                                    lintel_error *error) {
  struct text path = {0};
  lintel_status status;
  snapshot_path(conversation, &path);
  status = lintel_session_restore_file(session, path.bytes, error);
  text_free(&path);
  return status;
}

struct conversation *conversations_next_unsaved(void) {
  struct conversation *oldest = NULL;
  if (!table.directory) return NULL;
  for (uint32_t i = 0; i < table.count; i++) {
    struct conversation *entry = &table.all[i];
    if (entry->id[0] && !entry->is_saved && !entry->is_active && entry->slot >= 0 &&
        (!oldest || entry->used_ns < oldest->used_ns))
      oldest = entry;
  }
  return oldest;
}
