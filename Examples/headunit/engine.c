#include "engine.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "conversations.h"
#include "grammars.h"
#include "journal.h"
#include "metrics.h"
#include "models.h"
#include "queue.h"
#include "slots.h"

#define SLICE_US 2000           /* requests that arrive wait no longer than this and one round */
#define IDLE_WAIT_NS 500000000u /* between two looks around when there is nothing to do */

static struct {
  pthread_t thread;
  atomic_bool stop, reload;
  atomic_uint active_max;
  atomic_ullong save_ns;
  atomic_ullong beats, generated;
  atomic_uint resident;
  uint64_t idle_since_ns;
  uint32_t active;
  lintel_memory memory;
} engine;

static int32_t on_event(void *user, const lintel_event *event) {
  struct slot *slot = user;
  struct work *work = slot->work;
  const struct token_record record = {(uint32_t)event->text_bytes, event->token,
                                      event->log_probability};
  const uint64_t now = now_ns();
  bool pause;
  text_add(&slot->answer, event->text, event->text_bytes);
  if (event->kind == LINTEL_EVENT_END) {
    work->finish = event->finish;
    if (event->text_bytes) queue_put(work, &record, event->text);
    return LINTEL_CONTINUE;
  }
  if (work->generated_tokens++ == 0) {
    work->first_token_ns = now;
    metrics_observe(HISTOGRAM_FIRST_TOKEN, now - work->arrived_ns);
  } else {
    metrics_observe(HISTOGRAM_TOKEN, now - work->last_token_ns);
  }
  work->last_token_ns = now;
  atomic_fetch_add(&engine.generated, 1);
  pause = queue_put(work, &record, event->text);
  return pause ? LINTEL_PAUSE : LINTEL_CONTINUE;
}

static void finish(struct slot *slot, lintel_status status, const lintel_error *error) {
  static const char *const states[] = {"none", "new", "resident", "restored", "lost"};
  struct work *work = slot->work;
  char label[64];
  const bool is_whole = status == LINTEL_DONE && work->finish != LINTEL_FINISH_CANCEL &&
                        work->finish != LINTEL_FINISH_ERROR;
  work->status = status < 0 ? status : LINTEL_OK;
  if (status < 0) {
    work->finish = LINTEL_FINISH_ERROR;
    snprintf(work->sentence, sizeof work->sentence, "%s", error->message);
  }
  if (work->conversation[0]) {
    snprintf(label, sizeof label, "state=\"%s\"", states[work->conversation_state]);
    metrics_add("linteld_conversations_total", label, 1);
  }
  metrics_add("linteld_prompt_tokens_total", "", work->prompt_tokens - work->cached_tokens);
  metrics_add("linteld_cached_tokens_total", "", work->cached_tokens);
  metrics_add("linteld_generated_tokens_total", "", work->generated_tokens);
  metrics_add("linteld_pauses_total", "", work->pauses);
  slots_end(slot, is_whole);
  atomic_store(&engine.resident, slots_resident());
  engine.active--;
  engine.idle_since_ns = now_ns();
  queue_finish(work);
}

static bool can_start(const struct work *work) {
  if (work->adapter >= 0 &&
      models.models[work->model].adapters[work->adapter].is_waiting)
    return false;
  return slots_for(work) != NULL;
}

static void start_waiting(void) {
  while (engine.active < atomic_load(&engine.active_max)) {
    struct work *work = queue_next(can_start);
    struct slot *slot;
    lintel_error error = LINTEL_ERROR_INIT;
    lintel_status status;
    if (!work) return;
    slot = slots_for(work);
    engine.active++;
    metrics_observe(HISTOGRAM_QUEUE, work->started_ns - work->arrived_ns);
    status = slots_begin(slot, work, on_event, &error);
    if (status)
      finish(slot, status, &error);
    else
      queue_begin(work, slot->place->session);
  }
}

static void load_adapters(void) {
  if (atomic_exchange(&engine.reload, false)) models_mark_changed_adapters();
  for (uint32_t i = 0; i < models.model_count; i++)
    for (uint32_t j = 0; j < models.models[i].adapter_count; j++)
      if (models.models[i].adapters[j].is_waiting && !slots_use_adapter(i, j)) {
        models_load_adapter(i, j);
        slots_read_prefixes(i, (int32_t)j);
      }
}

/* The runnable requests of one model, those of higher priority first. */
static size_t runnable(uint32_t model, struct slot **chosen) {
  size_t count = 0;
  for (uint32_t i = 0; i < models.place_count; i++) {
    struct slot *slot = &slots[i];
    size_t place;
    if (!slot->work || slot->place->model != model || !queue_may_resume(slot->work)) continue;
    if (count == LINTEL_STEP_MANY_MAX) break;
    for (place = count++; place > 0; place--) {
      if (chosen[place - 1]->work->priority >= slot->work->priority) break;
      chosen[place] = chosen[place - 1];
    }
    chosen[place] = slot;
  }
  return count;
}

static bool step(uint32_t model) {
  struct slot *chosen[LINTEL_STEP_MANY_MAX];
  lintel_session *sessions[LINTEL_STEP_MANY_MAX];
  lintel_status statuses[LINTEL_STEP_MANY_MAX] = {0}, status;
  lintel_error error = LINTEL_ERROR_INIT;
  const size_t count = runnable(model, chosen);
  if (!count) return false;
  for (size_t i = 0; i < count; i++) sessions[i] = chosen[i]->place->session;
  status = lintel_step_many(sessions, count, SLICE_US, statuses, &error);
  for (size_t i = 0; i < count; i++) {
    const lintel_status own = status < 0 ? status : statuses[i];
    if (own == LINTEL_DONE || own == LINTEL_CANCELLED || own < 0) finish(chosen[i], own, &error);
  }
  return true;
}

static void save_one(void) {
  struct conversation *conversation = conversations_next_unsaved();
  if (!conversation) return;
  if (!conversations_save(conversation, slots[conversation->slot].place->session))
    conversation->is_saved = true; /* not again before it changes */
}

static void *run(void *unused) {
  (void)unused;
  pthread_setname_np(pthread_self(), "engine");
  while (!atomic_load(&engine.stop) || engine.active) {
    bool worked = false;
    load_adapters();
    start_waiting();
    for (uint32_t i = 0; i < models.model_count; i++) worked = step(i) || worked;
    atomic_fetch_add(&engine.beats, 1);
    if (worked) continue;
    if (!engine.active && conversations_next_unsaved()) {
      const uint64_t idle_ns = now_ns() - engine.idle_since_ns;
      const uint64_t save_ns = atomic_load(&engine.save_ns);
      if (idle_ns >= save_ns)
        save_one();
      else
        queue_wait(save_ns - idle_ns);
    } else {
      queue_wait(IDLE_WAIT_NS);
    }
  }
  while (conversations_next_unsaved()) save_one();
  return NULL;
}

static int32_t count_token(void *user, const lintel_event *event) {
  uint32_t *tokens = user;
  *tokens += event->kind == LINTEL_EVENT_TOKEN;
  return LINTEL_CONTINUE;
}

/* One answer of a free session: the file, the kernels and the memory work here and now. */
static bool self_test(const struct config *config, char *message, size_t size) {
  struct work *work = work_create();
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_generate_options options = LINTEL_GENERATE_OPTIONS_INIT;
  lintel_status status = LINTEL_ERR_MISSING;
  uint32_t tokens = 0;
  const struct slot *slot = NULL;
  snprintf(error.message, sizeof error.message, "there is no model '%s' with a free session",
           config->self_test_model);
  options.max_tokens = 64;
  if (models_find(config->self_test_model, &work->model, &work->adapter)) slot = slots_for(work);
  if (slot) {
    lintel_session *session = slot->place->session;
    lintel_adapter_use use = {0, 1.0f};
    if (work->adapter >= 0) use.slot = models.models[work->model].adapters[work->adapter].slot;
    status = lintel_session_set_adapters(session, &use, work->adapter >= 0, &error);
    if (!status)
      status = lintel_session_feed_message(session, LINTEL_ROLE_USER, config->self_test_prompt,
                                           strlen(config->self_test_prompt), &error);
    if (!status)
      status = lintel_session_generate(session, &options, count_token, &tokens, NULL, &error);
    lintel_session_reset(session, NULL);
    lintel_session_set_adapters(session, NULL, 0, NULL);
  }
  work_release(work);
  if (status == LINTEL_DONE && tokens) return true;
  snprintf(message, size, "the self-test failed: %s",
           status < 0 ? error.message : "the model said nothing");
  return false;
}

bool engine_open(const struct config *config, char *message, size_t message_bytes) {
  uint32_t limit = config->conversation_max;
  engine_set_limits(config);
  engine.memory.struct_size = sizeof engine.memory;
  if (!models_open(config->deployment, message, message_bytes)) return false;
  if (limit && limit < models.place_count) limit = models.place_count;
  if (!slots_open(config, message, message_bytes) ||
      !conversations_open(config->conversation_directory, limit, message, message_bytes) ||
      !self_test(config, message, message_bytes))
    return false;
  lintel_deployment_memory(models.deployment, &engine.memory);
  return true;
}

void engine_set_limits(const struct config *config) {
  atomic_store(&engine.active_max, config->active_max);
  atomic_store(&engine.save_ns, config->conversation_save_ns);
}

bool engine_start(char *message, size_t message_bytes) {
  const int failure = pthread_create(&engine.thread, NULL, run, NULL);
  if (failure) snprintf(message, message_bytes, "pthread_create: %s", strerror(failure));
  return failure == 0;
}

void engine_reload_adapters(void) {
  atomic_store(&engine.reload, true);
  queue_wake();
}

void engine_stop(void) {
  atomic_store(&engine.stop, true);
  queue_wake();
  pthread_join(engine.thread, NULL);
  slots_close();
  conversations_close();
  grammars_forget();
  models_close();
}

uint64_t engine_beats(void) { return atomic_load(&engine.beats); }

struct engine_figures engine_figures(void) {
  struct engine_figures figures = {.memory = engine.memory,
                                   .generated_tokens = atomic_load(&engine.generated),
                                   .resident_conversations = atomic_load(&engine.resident),
                                   .slot_count = models.place_count};
  return figures;
}
