#include "grammars.h"

#include <string.h>

#include "journal.h"
#include "models.h"
#include "text.h"

#define KEPT_MAX 8

static struct entry {
  lintel_grammar *grammar;
  uint32_t model;
  uint64_t tools;
  uint64_t used_ns;
  bool is_known; /* also of one that could not be compiled: it is not tried again */
} entries[KEPT_MAX];

static void write_tools(uint64_t tools, struct text *out) {
  const cJSON *tool;
  uint32_t index = 0;
  text_add(out, "[", 1);
  cJSON_ArrayForEach(tool, models.tools) {
    if (tools >> index++ & 1) {
      char *printed = cJSON_PrintUnformatted(tool);
      if (out->count > 1) text_add(out, ",", 1);
      text_add_string(out, printed ? printed : "");
      cJSON_free(printed);
    }
  }
  text_add(out, "]", 1);
}

static void compile(struct entry *entry) {
  lintel_grammar_options options = LINTEL_GRAMMAR_OPTIONS_INIT;
  lintel_error error = LINTEL_ERROR_INIT;
  struct text text = {0};
  write_tools(entry->tools, &text);
  options.kind = LINTEL_GRAMMAR_TOOLS;
  options.text = text.bytes;
  options.text_bytes = text.count;
  if (lintel_grammar_compile(models.models[entry->model].model, &options, &entry->grammar, &error))
    journal(JOURNAL_WARNING, "answers of %s are not held to its tools: %s",
            models.models[entry->model].name, error.message);
  text_free(&text);
}

/* A free entry, or the one that was used longest ago of those that no generation uses. */
static struct entry *take_entry(void) {
  for (uint32_t tries = 0; tries < KEPT_MAX; tries++) {
    struct entry *oldest = &entries[0];
    for (uint32_t i = 0; i < KEPT_MAX; i++) {
      if (!entries[i].is_known) return &entries[i];
      if (entries[i].used_ns < oldest->used_ns) oldest = &entries[i];
    }
    if (lintel_grammar_destroy(oldest->grammar) == LINTEL_OK) {
      memset(oldest, 0, sizeof *oldest);
      return oldest;
    }
    oldest->used_ns = now_ns();
  }
  return NULL;
}

const lintel_grammar *grammars_for(uint32_t model, uint64_t tools) {
  struct entry *entry = NULL;
  for (uint32_t i = 0; i < KEPT_MAX && !entry; i++)
    if (entries[i].is_known && entries[i].model == model && entries[i].tools == tools)
      entry = &entries[i];
  if (!entry) {
    entry = take_entry();
    if (!entry) return NULL;
    entry->is_known = true;
    entry->model = model;
    entry->tools = tools;
    compile(entry);
  }
  entry->used_ns = now_ns();
  return entry->grammar;
}

void grammars_forget(void) { memset(entries, 0, sizeof entries); }
