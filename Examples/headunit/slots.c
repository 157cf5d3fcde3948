#include "slots.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grammars.h"
#include "journal.h"
#include "metrics.h"

#define MARK "turn"

struct slot slots[SLOTS_MAX];

static struct {
  struct slot *slot;
  uint32_t model;
  int32_t adapter;
  char *system;
  bool is_read;
} prefixes[PREFIXES_MAX];
static uint32_t prefix_count;

static lintel_status set_adapter(const struct slot *slot, int32_t adapter, lintel_error *error) {
  lintel_adapter_use use = {0, 1.0f};
  if (adapter < 0) return lintel_session_set_adapters(slot->place->session, NULL, 0, error);
  use.slot = models.models[slot->place->model].adapters[adapter].slot;
  return lintel_session_set_adapters(slot->place->session, &use, 1, error);
}

static lintel_status start_over(const struct slot *slot, int32_t adapter, lintel_error *error) {
  const lintel_status status = lintel_session_reset(slot->place->session, error);
  return status ? status : set_adapter(slot, adapter, error);
}

/* Reads what was fed. */
static lintel_status read_text(const struct slot *slot, lintel_error *error) {
  lintel_status status;
  do {
    status = lintel_session_step(slot->place->session, 100000, NULL, error);
  } while (status == LINTEL_MORE);
  return status == LINTEL_DONE ? LINTEL_OK : status;
}

static bool read_prefix(uint32_t index, char *message, size_t size) {
  const struct slot *slot = prefixes[index].slot;
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_status status = start_over(slot, prefixes[index].adapter, &error);
  if (!status)
    status = lintel_session_feed_message(slot->place->session, LINTEL_ROLE_SYSTEM,
                                         prefixes[index].system, strlen(prefixes[index].system),
                                         &error);
  if (!status) status = read_text(slot, &error);
  if (!status) status = set_adapter(slot, -1, &error);
  prefixes[index].is_read = !status;
  if (status)
    snprintf(message, size, "the prefix in session '%s' cannot be read: %s", slot->place->name,
             error.message);
  return !status;
}

static bool open_prefix(const struct prefix *prefix, char *message, size_t size) {
  uint32_t i;
  for (i = 0; i < models.place_count && strcmp(models.places[i].name, prefix->session); i++) {
  }
  if (i == models.place_count) {
    snprintf(message, size, "prefixes: the deployment has no session '%s'", prefix->session);
    return false;
  }
  prefixes[prefix_count].slot = &slots[i];
  prefixes[prefix_count].system = memory_copy(prefix->system, strlen(prefix->system));
  if (!models_find(prefix->model, &prefixes[prefix_count].model, &prefixes[prefix_count].adapter) ||
      prefixes[prefix_count].model != models.places[i].model || slots[i].is_prefix) {
    prefix_count++;
    snprintf(message, size, "prefixes: '%s' is not a model of session '%s', or that is taken",
             prefix->model, prefix->session);
    return false;
  }
  slots[i].is_prefix = true;
  return read_prefix(prefix_count++, message, size);
}

bool slots_open(const struct config *config, char *message, size_t message_bytes) {
  uint32_t free_count = 0;
  for (uint32_t i = 0; i < models.place_count; i++) {
    lintel_error error = LINTEL_ERROR_INIT;
    slots[i].place = &models.places[i];
    if (lintel_session_reset(slots[i].place->session, &error) ||
        lintel_session_set_adapters(slots[i].place->session, NULL, 0, &error)) {
      snprintf(message, message_bytes, "session '%s': %s", slots[i].place->name, error.message);
      return false;
    }
  }
  for (uint32_t i = 0; i < config->prefix_count; i++)
    if (!open_prefix(&config->prefixes[i], message, message_bytes)) return false;
  for (uint32_t i = 0; i < models.place_count; i++) free_count += !slots[i].is_prefix;
  if (!free_count)
    snprintf(message, message_bytes, "prefixes take all sessions; requests need some too");
  return free_count > 0;
}

void slots_close(void) {
  for (uint32_t i = 0; i < SLOTS_MAX; i++) text_free(&slots[i].answer);
  for (uint32_t i = 0; i < prefix_count; i++) free(prefixes[i].system);
  memset(slots, 0, sizeof slots);
  memset(prefixes, 0, sizeof prefixes);
  prefix_count = 0;
}

void slots_read_prefixes(uint32_t model, int32_t adapter) {
  char message[400];
  for (uint32_t i = 0; i < prefix_count; i++)
    if (prefixes[i].model == model && prefixes[i].adapter == adapter &&
        !read_prefix(i, message, sizeof message))
      journal(JOURNAL_ERROR, "%s", message);
}

struct slot *slots_for(const struct work *work) {
  const struct conversation *known =
      work->conversation[0] ? conversations_find(work->application_name, work->conversation) : NULL;
  struct slot *best = NULL;
  if (known && known->is_active) return NULL;
  if (known && known->slot >= 0) return &slots[known->slot];
  for (uint32_t i = 0; i < models.place_count; i++) {
    struct slot *slot = &slots[i];
    if (slot->is_prefix || slot->work || slot->place->model != work->model) continue;
    if (!slot->conversation) return slot;
    if (!best || slot->conversation->used_ns < best->conversation->used_ns) best = slot;
  }
  return best;
}

static void forget(struct slot *slot) {
  if (slot->conversation) conversations_forget(slot->conversation);
  slot->conversation = NULL;
}

/* The conversation's state goes to disk; without a disk, it is forgotten. */
static void evict(struct slot *slot) {
  struct conversation *conversation = slot->conversation;
  if (!conversation) return;
  if (!conversation->is_saved && !conversations_save(conversation, slot->place->session)) {
    forget(slot);
    return;
  }
  conversation->slot = -1;
  slot->conversation = NULL;
}

/* From the beginning, or from a pinned prefix if the messages open with it. */
static lintel_status begin_plain(struct slot *slot, struct work *work, uint32_t *known,
                                 lintel_error *error) {
  lintel_status status;
  *known = 0;
  for (uint32_t i = 0; i < prefix_count; i++) {
    const size_t length = strlen(prefixes[i].system);
    if (!prefixes[i].is_read || prefixes[i].model != work->model ||
        prefixes[i].adapter != work->adapter || work->messages[0].role != LINTEL_ROLE_SYSTEM ||
        work->messages[0].bytes != length ||
        memcmp(work->messages[0].text, prefixes[i].system, length) != 0)
      continue;
    status = lintel_session_fork(prefixes[i].slot->place->session, slot->place->session, error);
    if (status) break;
    *known = 1;
    return set_adapter(slot, work->adapter, error);
  }
  return start_over(slot, work->adapter, error);
}

static bool has_answers(const struct work *work) {
  for (uint32_t i = 0; i < work->message_count; i++)
    if (work->messages[i].role == LINTEL_ROLE_ASSISTANT) return true;
  return false;
}

/* A conversation that is new, or that the client tells otherwise than it was. */
static lintel_status begin_anew(struct slot *slot, struct work *work,
                                struct conversation *conversation, uint32_t *known,
                                lintel_error *error) {
  const lintel_status status = begin_plain(slot, work, known, error);
  if (conversation->message_count) work->conversation_state = CONVERSATION_NEW;
  conversation->chain = chain_begin();
  conversation->message_count = *known;
  conversation->is_saved = false;
  if (*known)
    conversation->chain = chain_add(conversation->chain, work->messages[0].role,
                                    work->messages[0].text, work->messages[0].bytes);
  return status;
}

/* The state of the request's conversation: where it is, from disk, or none yet. */
static lintel_status begin_conversation(struct slot *slot, struct work *work, uint32_t *known,
                                        lintel_error *error) {
  struct conversation *conversation =
      conversations_find(work->application_name, work->conversation);
  lintel_status status = LINTEL_OK;
  if (conversation && conversation->model != work->model) {
    snprintf(error->message, sizeof error->message,
             "the conversation '%s' belongs to the model '%s'", conversation->id,
             models.models[conversation->model].name);
    return LINTEL_ERR_ARGUMENT;
  }
  work->conversation_state = CONVERSATION_RESIDENT;
  if (conversation && conversation->slot < 0) {
    status = lintel_session_reset(slot->place->session, error);
    if (!status) status = conversations_restore(conversation, slot->place->session, error);
    work->conversation_state = status ? CONVERSATION_LOST : CONVERSATION_RESTORED;
    if (status) {
      journal_request(JOURNAL_WARNING, work->application_name, work->id,
                      "conversation %s begins anew: %s", conversation->id, error->message);
      conversations_forget(conversation);
      conversation = NULL;
    }
  } else if (!conversation) {
    work->conversation_state = CONVERSATION_NEW;
  }
  if (!conversation) {
    conversation = conversations_add(work->application_name, work->conversation);
    if (!conversation) {
      snprintf(error->message, sizeof error->message, "all conversations are in use");
      return LINTEL_ERR_LIMIT;
    }
    conversation->model = work->model;
  }
  *known = conversations_known(conversation, work->messages, work->message_count);
  if (conversation->message_count && (*known || !has_answers(work)))
    status = set_adapter(slot, work->adapter, error);
  else
    status = begin_anew(slot, work, conversation, known, error);
  conversation->slot = (int32_t)(slot - slots);
  conversation->is_active = true;
  slot->conversation = conversation;
  slot->was_saved = conversation->is_saved;
  slot->is_marked = !status && !lintel_session_mark(slot->place->session, MARK, NULL);
  slot->is_touched = true;
  /* Without a place for the mark, the file is what a request that is given up goes back to. */
  if (!status && !slot->is_marked && !slot->was_saved && conversation->message_count)
    slot->was_saved = conversations_save(conversation, slot->place->session);
  return status;
}

static lintel_status begin_generation(const struct slot *slot, struct work *work,
                                      lintel_event_fn on_event, lintel_error *error) {
  lintel_generate_options options = slot->place->sampling;
  options.max_tokens = work->max_tokens;
  if (!isnan(work->temperature)) options.temperature = work->temperature;
  if (!isnan(work->top_p)) options.top_p = work->top_p;
  options.seed = work->seed;
  options.frequency_penalty = work->frequency_penalty;
  options.presence_penalty = work->presence_penalty;
  if (work->stop_count) {
    options.stops = (const char *const *)work->stops;
    options.stop_count = work->stop_count;
  }
  if (work->must_call && models.tools)
    options.grammar = grammars_for(work->model, work->tools ? work->tools : models_all_tools());
  if (work->ignore_end) options.flags |= LINTEL_GENERATE_IGNORE_END;
  return lintel_session_begin(slot->place->session, &options, on_event, (void *)(uintptr_t)slot,
                              error);
}

lintel_status slots_begin(struct slot *slot, struct work *work, lintel_event_fn on_event,
                          lintel_error *error) {
  lintel_session *session = slot->place->session;
  lintel_position position = {sizeof position, 0, 0, 0};
  lintel_status status;
  uint32_t known = 0, held;
  const struct conversation *present =
      work->conversation[0] ? conversations_find(work->application_name, work->conversation) : NULL;
  if (!present || present->slot != (int32_t)(slot - slots)) evict(slot);
  slot->work = work;
  slot->is_marked = slot->is_touched = false;
  text_clear(&slot->answer);
  status = work->conversation[0] ? begin_conversation(slot, work, &known, error)
                                 : begin_plain(slot, work, &known, error);
  slot->known_count = known;
  lintel_session_position(session, &position);
  held = position.tokens + position.pending_tokens;
  for (uint32_t i = known; i < work->message_count && !status; i++)
    status = lintel_session_feed_message(session, work->messages[i].role, work->messages[i].text,
                                         work->messages[i].bytes, error);
  if (!status) status = begin_generation(slot, work, on_event, error);
  lintel_session_position(session, &position);
  work->cached_tokens = held;
  work->prompt_tokens = position.tokens + position.pending_tokens;
  return status;
}

/* Back to the state before the request: the mark, the file, or nothing. */
static void go_back(struct slot *slot) {
  struct conversation *conversation = slot->conversation;
  lintel_session *session = slot->place->session;
  lintel_error error = LINTEL_ERROR_INIT;
  if (slot->is_marked && lintel_session_rewind(session, MARK, &error) == LINTEL_OK) return;
  if (slot->was_saved && conversation->number) {
    conversation->slot = -1;
    slot->conversation = NULL;
    return;
  }
  forget(slot);
}

static void keep(struct slot *slot) {
  struct conversation *conversation = slot->conversation;
  const struct work *work = slot->work;
  for (uint32_t i = slot->known_count; i < work->message_count; i++)
    conversation->chain = chain_add(conversation->chain, work->messages[i].role,
                                    work->messages[i].text, work->messages[i].bytes);
  conversation->chain = chain_add(conversation->chain, LINTEL_ROLE_ASSISTANT, slot->answer.bytes,
                                  slot->answer.count);
  conversation->message_count += work->message_count - slot->known_count + 1;
  conversation->is_saved = false;
}

void slots_end(struct slot *slot, bool is_whole) {
  struct conversation *conversation = slot->conversation;
  if (conversation) {
    conversation->is_active = false;
    conversation->used_ns = now_ns();
    if (is_whole)
      keep(slot);
    else if (slot->is_touched)
      go_back(slot);
  }
  /* An idle session uses no adapter, so that adapters can be loaded again. */
  if (lintel_session_set_adapters(slot->place->session, NULL, 0, NULL)) {
    forget(slot);
    lintel_session_reset(slot->place->session, NULL);
    lintel_session_set_adapters(slot->place->session, NULL, 0, NULL);
  }
  slot->work = NULL;
}

bool slots_use_adapter(uint32_t model, uint32_t adapter) {
  for (uint32_t i = 0; i < models.place_count; i++)
    if (slots[i].work && slots[i].work->model == model &&
        slots[i].work->adapter == (int32_t)adapter)
      return true;
  return false;
}

uint32_t slots_resident(void) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < models.place_count; i++) count += slots[i].conversation != NULL;
  return count;
}
