#include "queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static struct {
  pthread_mutex_t mutex;
  pthread_cond_t wake; /* for the engine's thread */
  int descriptor;      /* for the loop */
  uint32_t capacity;
  struct work *waiting; /* by priority, then by arrival */
  uint32_t waiting_count;
  struct work *active;
  struct work *changed; /* first and last of those that the loop has to look at */
  struct work **changed_end;
  uint32_t waiting_of[APPLICATIONS_MAX];
  uint32_t active_of[APPLICATIONS_MAX];
  bool poked;
} queue = {.mutex = PTHREAD_MUTEX_INITIALIZER, .descriptor = -1};

bool queue_open(uint32_t capacity, char *message, size_t message_bytes) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&queue.wake, &attributes);
  pthread_condattr_destroy(&attributes);
  queue.capacity = capacity;
  queue.changed_end = &queue.changed;
  queue.descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (queue.descriptor < 0) snprintf(message, message_bytes, "eventfd: %s", strerror(errno));
  return queue.descriptor >= 0;
}

static void lock(void) { pthread_mutex_lock(&queue.mutex); }
static void unlock(void) { pthread_mutex_unlock(&queue.mutex); }

void queue_set_capacity(uint32_t capacity) {
  lock();
  queue.capacity = capacity;
  unlock();
}

int queue_descriptor(void) { return queue.descriptor; }

struct work *work_create(void) {
  struct work *work = memory_take(1, sizeof *work);
  work->adapter = -1;
  work->references = 1;
  return work;
}

static void work_free(struct work *work) {
  for (uint32_t i = 0; i < work->message_count; i++) free(work->messages[i].text);
  for (uint32_t i = 0; i < work->stop_count; i++) free(work->stops[i]);
  free(work->messages);
  text_free(&work->output);
  free(work);
}

void work_release(struct work *work) {
  bool last;
  lock();
  last = --work->references == 0;
  unlock();
  if (last) work_free(work);
}

/* A request that is on the list of changed ones is kept by it. */
static void mark_changed(struct work *work) {
  const uint64_t one = 1;
  if (work->is_changed) return;
  work->is_changed = true;
  work->references++;
  work->next_changed = NULL;
  *queue.changed_end = work;
  queue.changed_end = &work->next_changed;
  (void)!write(queue.descriptor, &one, sizeof one);
}

static void unlink_from(struct work **list, struct work *work) {
  while (*list && *list != work) list = &(*list)->next;
  if (*list) *list = work->next;
  work->next = NULL;
}

enum queue_answer queue_add(struct work *work, uint32_t max_queued) {
  enum queue_answer answer = QUEUE_TAKEN;
  lock();
  if (queue.waiting_count >= queue.capacity) {
    answer = QUEUE_FULL;
  } else if (queue.waiting_of[work->application] >= max_queued) {
    answer = QUEUE_FULL_FOR_APPLICATION;
  } else {
    struct work **place = &queue.waiting;
    while (*place && (*place)->priority >= work->priority) place = &(*place)->next;
    work->next = *place;
    *place = work;
    work->state = WORK_WAITING;
    work->references++;
    queue.waiting_count++;
    queue.waiting_of[work->application]++;
    queue.poked = true;
    pthread_cond_signal(&queue.wake);
  }
  unlock();
  return answer;
}

struct work *queue_changed(void) {
  struct work *work;
  uint64_t count;
  lock();
  work = queue.changed;
  if (work) {
    queue.changed = work->next_changed;
    if (!queue.changed) queue.changed_end = &queue.changed;
    work->is_changed = false;
  } else {
    (void)!read(queue.descriptor, &count, sizeof count);
  }
  unlock();
  return work;
}

enum work_state queue_take(struct work *work, struct text *into) {
  enum work_state state;
  lock();
  if (work->output.count) {
    text_add(into, work->output.bytes, work->output.count);
    text_clear(&work->output);
  }
  if (work->paused) {
    queue.poked = true;
    pthread_cond_signal(&queue.wake);
  }
  state = work->state;
  unlock();
  return state;
}

/* Under the mutex. Returns true if the queue's own reference is to be released. */
static bool cancel_locked(struct work *work, enum cancel_reason reason) {
  if (work->state == WORK_FINISHED || work->cancel != CANCEL_NONE) return false;
  work->cancel = reason;
  queue.poked = true;
  pthread_cond_signal(&queue.wake);
  if (work->state == WORK_WAITING) {
    unlink_from(&queue.waiting, work);
    queue.waiting_count--;
    queue.waiting_of[work->application]--;
    work->state = WORK_FINISHED;
    work->finish = LINTEL_FINISH_CANCEL;
    work->finished_ns = now_ns();
    mark_changed(work);
    return true;
  }
  if (work->session) lintel_session_cancel(work->session);
  return false;
}

void queue_cancel(struct work *work, enum cancel_reason reason) {
  bool release;
  lock();
  release = cancel_locked(work, reason);
  unlock();
  if (release) work_release(work);
}

void queue_cancel_all(enum cancel_reason reason) {
  lock();
  for (struct work *work = queue.active; work; work = work->next) cancel_locked(work, reason);
  while (queue.waiting) {
    struct work *work = queue.waiting;
    if (cancel_locked(work, reason)) work->references--; /* the list of changed ones has another */
  }
  unlock();
}

void queue_disown(struct work *work) {
  lock();
  work->owner = NULL;
  unlock();
}

struct work *queue_next(bool (*can_start)(const struct work *work)) {
  struct work *work;
  lock();
  for (work = queue.waiting; work; work = work->next)
    if (queue.active_of[work->application] < work->max_active && can_start(work)) break;
  if (work) {
    unlink_from(&queue.waiting, work);
    queue.waiting_count--;
    queue.waiting_of[work->application]--;
    queue.active_of[work->application]++;
    work->next = queue.active;
    queue.active = work;
    work->state = WORK_ACTIVE;
    work->started_ns = now_ns();
  }
  unlock();
  return work;
}

void queue_begin(struct work *work, lintel_session *session) {
  lock();
  work->session = session;
  if (work->cancel != CANCEL_NONE) lintel_session_cancel(session);
  unlock();
}

bool queue_put(struct work *work, const struct token_record *record, const char *text) {
  bool pause;
  lock();
  text_add(&work->output, (const char *)record, sizeof *record);
  text_add(&work->output, text, record->text_bytes);
  pause = work->output.count >= WORK_OUTPUT_PAUSE && work->cancel == CANCEL_NONE;
  if (pause) {
    work->paused = true;
    work->pauses++;
  }
  mark_changed(work);
  unlock();
  return pause;
}

bool queue_may_resume(struct work *work) {
  bool may;
  lock();
  may = !work->paused || work->output.count <= WORK_OUTPUT_RESUME || work->cancel != CANCEL_NONE;
  if (may) work->paused = false;
  unlock();
  return may;
}

/* An answer that was complete before its cancellation took effect is an answer. */
static bool is_complete(const struct work *work) {
  return work->status == LINTEL_OK &&
         (work->finish == LINTEL_FINISH_END || work->finish == LINTEL_FINISH_STOP ||
          work->finish == LINTEL_FINISH_LENGTH || work->finish == LINTEL_FINISH_CONTEXT);
}

void queue_finish(struct work *work) {
  lock();
  if (is_complete(work) && work->cancel != CANCEL_GONE) work->cancel = CANCEL_NONE;
  unlink_from(&queue.active, work);
  queue.active_of[work->application]--;
  work->session = NULL;
  work->state = WORK_FINISHED;
  work->paused = false;
  work->finished_ns = now_ns();
  mark_changed(work);
  unlock();
  work_release(work);
}

void queue_wait(uint64_t most_ns) {
  const uint64_t end_ns = now_ns() + most_ns;
  const struct timespec end = {(time_t)(end_ns / 1000000000u), (long)(end_ns % 1000000000u)};
  lock();
  while (!queue.poked && pthread_cond_timedwait(&queue.wake, &queue.mutex, &end) == 0) {
  }
  queue.poked = false;
  unlock();
}

void queue_wake(void) {
  lock();
  queue.poked = true;
  pthread_cond_signal(&queue.wake);
  unlock();
}

struct queue_figures queue_figures(void) {
  struct queue_figures figures = {0};
  lock();
  for (const struct work *work = queue.waiting; work; work = work->next) {
    figures.waiting++;
    if (!figures.oldest_ns || work->arrived_ns < figures.oldest_ns)
      figures.oldest_ns = work->arrived_ns;
  }
  for (const struct work *work = queue.active; work; work = work->next) {
    figures.active++;
    figures.paused += work->paused;
  }
  unlock();
  return figures;
}
