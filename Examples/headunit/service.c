#include "service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "engine.h"
#include "http.h"
#include "journal.h"
#include "json.h"
#include "metrics.h"
#include "models.h"
#include "notify.h"
#include "page.h"
#include "plan.h"
#include "queue.h"
#include "sink.h"
#include "vehicle.h"

#define STUCK_NS 10000000000u /* without a watchdog that says otherwise */
#define LINGER_NS 2000000000u /* for answers to be sent after the last request has ended */

static struct {
  struct config *config;
  struct plan plan;
  int poll, signals;
  uint64_t watchdog_ns, check_ns;
  uint64_t beats, beat_ns;     /* the engine's count, and when it was seen to change */
  bool has_beaten;             /* since the watchdog was fed last */
  uint32_t blocked_checks;     /* looks in a row that found requests waiting and none active */
  bool is_stopping, has_cancelled;
  uint64_t stop_ns;
  char last_reload[400];
} service = {.poll = -1, .signals = -1};

static char signals_mark, queue_mark; /* their addresses tell events apart */

/* ---- Health ---- */

static bool is_healthy(void) {
  const uint64_t limit = service.watchdog_ns ? service.watchdog_ns : STUCK_NS;
  return now_ns() < service.beat_ns + limit && service.blocked_checks < 4;
}

static uint64_t health_interval(void) {
  return service.watchdog_ns ? service.watchdog_ns / 4 : 1000000000u;
}

/* The watchdog is fed only if the engine's thread has done something, or seen that there is nothing
 * to do, since the last time, and no request waits in front of an idle engine. */
static void check_health(uint64_t now) {
  const uint64_t interval = health_interval();
  const uint64_t beats = engine_beats();
  struct queue_figures figures;
  if (beats != service.beats) {
    service.beats = beats;
    service.beat_ns = now;
    service.has_beaten = true;
  }
  if (now < service.check_ns + interval) return;
  service.check_ns = now;
  figures = queue_figures();
  if (figures.waiting && !figures.active)
    service.blocked_checks++;
  else
    service.blocked_checks = 0;
  if (service.watchdog_ns && service.has_beaten && service.blocked_checks < 2) {
    notify("WATCHDOG=1\nSTATUS=%u answering, %u waiting, %llu tokens so far", figures.active,
           figures.waiting, (unsigned long long)engine_figures().generated_tokens);
    service.has_beaten = false;
  }
}

static void write_status(struct text *out) {
  const struct engine_figures engine = engine_figures();
  const struct queue_figures queue = queue_figures();
  text_format(out, "\"healthy\":%s,\"active\":%u,\"waiting\":%u,\"paused\":%u,"
              "\"generated_tokens\":%llu,\"resident_conversations\":%u,\"sessions\":%u,",
              is_healthy() ? "true" : "false", queue.active, queue.waiting, queue.paused,
              (unsigned long long)engine.generated_tokens, engine.resident_conversations,
              engine.slot_count);
  text_format(out, "\"memory\":{\"engine_bytes\":%llu,\"budget_bytes\":%llu,"
              "\"private_bytes\":%llu,\"private_limit_bytes\":%llu,\"weights_bytes\":%llu},",
              (unsigned long long)engine.memory.total_bytes,
              (unsigned long long)engine.memory.budget_bytes,
              (unsigned long long)plan_private_now(),
              (unsigned long long)service.plan.private_bytes,
              (unsigned long long)engine.memory.weights_bytes);
  text_add_string(out, "\"last_reload\":");
  text_add_json(out, service.last_reload, strlen(service.last_reload));
}

static void write_metrics(struct text *out) {
  const struct engine_figures engine = engine_figures();
  const struct queue_figures queue = queue_figures();
  const lintel_memory *memory = &engine.memory;
  const struct {
    const char *category;
    uint64_t bytes;
  } parts[] = {{"engine", memory->engine_bytes},   {"model", memory->model_bytes},
               {"scratch", memory->scratch_bytes}, {"state", memory->state_bytes},
               {"cache", memory->cache_bytes},     {"session", memory->session_bytes},
               {"adapter", memory->adapter_bytes}, {"grammar", memory->grammar_bytes},
               {"deployment", memory->deployment_bytes}};
  metrics_write_gauge(out, "linteld_queue_waiting", "Requests that wait.", queue.waiting);
  metrics_write_gauge(out, "linteld_queue_active", "Requests being answered.", queue.active);
  metrics_write_gauge(out, "linteld_queue_paused", "Of these, paused for their reader.",
                      queue.paused);
  metrics_write_gauge(out, "linteld_queue_oldest_seconds", "Age of the oldest waiting request.",
                      queue.oldest_ns ? (double)(now_ns() - queue.oldest_ns) * 1e-9 : 0);
  metrics_write_gauge(out, "linteld_resident_conversations", "Conversations held in sessions.",
                      engine.resident_conversations);
  text_add_string(out, "# HELP linteld_engine_memory_bytes The engine's block, by category.\n"
                       "# TYPE linteld_engine_memory_bytes gauge\n");
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    text_format(out, "linteld_engine_memory_bytes{category=\"%s\"} %llu\n", parts[i].category,
                (unsigned long long)parts[i].bytes);
  metrics_write_gauge(out, "linteld_budget_bytes", "The engine's block.",
                      (double)memory->budget_bytes);
  metrics_write_gauge(out, "linteld_private_bytes", "Anonymous memory of the process.",
                      (double)plan_private_now());
  metrics_write_gauge(out, "linteld_private_limit_bytes", "What the plan allows for it.",
                      (double)service.plan.private_bytes);
  metrics_write_gauge(out, "linteld_weights_bytes", "Weights mapped read-only.",
                      (double)memory->weights_bytes);
}

/* ---- Signals ---- */

/* What a running service cannot change. */
static const char *fixed_difference(const struct config *old, const struct config *new) {
  if (strcmp(old->deployment, new->deployment) != 0 || !models_are_from(new->deployment))
    return "the deployment changed: it is used after a restart";
  if (new->prefix_count != old->prefix_count)
    return "prefixes changed: they are used after a restart";
  if ((old->unix_path == NULL) != (new->unix_path == NULL) ||
      (old->unix_path && strcmp(old->unix_path, new->unix_path) != 0) ||
      (old->tcp_address == NULL) != (new->tcp_address == NULL) || old->tcp_port != new->tcp_port)
    return "listen changed: it is used after a restart";
  return NULL;
}

static void reload(void) {
  char message[400] = "";
  struct config *config = config_read(service.config->path, message, sizeof message);
  const char *fixed = config ? fixed_difference(service.config, config) : NULL;
  struct text problems = {0};
  notify("RELOADING=1");
  if (fixed) {
    snprintf(message, sizeof message, "%s", fixed);
    if (!plan_make(config, &(struct plan){0}, &problems))
      snprintf(message, sizeof message, "%s: %s", config->deployment, problems.bytes);
    text_free(&problems);
  }
  if (config && !message[0] && vehicle_open(config, message, sizeof message) &&
      page_open(config->page, message, sizeof message)) {
    sink_close();
    sink_open(config, message, sizeof message);
  }
  if (message[0]) {
    journal(JOURNAL_ERROR, "the new configuration is not used: %s", message);
    metrics_add("linteld_reloads_total", "result=\"refused\"", 1);
    snprintf(service.last_reload, sizeof service.last_reload, "refused: %.380s", message);
    config_free(config);
  } else {
    http_set_config(config);
    queue_set_capacity(config->queue_max);
    engine_set_limits(config);
    config_free(service.config);
    service.config = config;
    journal(JOURNAL_NOTICE, "the configuration is read again");
    metrics_add("linteld_reloads_total", "result=\"used\"", 1);
    snprintf(service.last_reload, sizeof service.last_reload, "used");
  }
  engine_reload_adapters();
  notify("READY=1");
}

static void stop(uint64_t now) {
  if (service.is_stopping) {
    service.stop_ns = now; /* asked again: no grace */
    return;
  }
  journal(JOURNAL_NOTICE, "ending; requests under way have %.1f s",
          (double)service.config->grace_ns * 1e-9);
  notify("STOPPING=1");
  service.is_stopping = true;
  service.stop_ns = now + service.config->grace_ns;
  http_stop_accepting();
}

static void take_signals(uint64_t now) {
  struct signalfd_siginfo info;
  while (read(service.signals, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGHUP)
      reload();
    else
      stop(now);
  }
}

/* ---- The loop ---- */

static bool open_poll(char *message, size_t size) {
  struct epoll_event event = {.events = EPOLLIN};
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  sigprocmask(SIG_BLOCK, &set, NULL); /* before there are threads, which inherit it */
  signal(SIGPIPE, SIG_IGN);
  service.signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  service.poll = epoll_create1(EPOLL_CLOEXEC);
  if (!queue_open(service.config->queue_max, message, size)) return false;
  event.data.ptr = &signals_mark;
  if (service.poll >= 0 && service.signals >= 0 &&
      epoll_ctl(service.poll, EPOLL_CTL_ADD, service.signals, &event) == 0) {
    event.data.ptr = &queue_mark;
    if (epoll_ctl(service.poll, EPOLL_CTL_ADD, queue_descriptor(), &event) == 0) return true;
  }
  snprintf(message, size, "epoll: %s", strerror(errno));
  return false;
}

static bool open_all(char *message, size_t size) {
  const struct http_hooks hooks = {is_healthy, write_status, write_metrics};
  struct config *config = service.config;
  struct text problems = {0};
  bool is_planned;
  if (!open_poll(message, size)) return false;
  is_planned = plan_make(config, &service.plan, &problems);
  if (!is_planned) snprintf(message, size, "%s: %s", config->deployment, problems.bytes);
  text_free(&problems);
  return is_planned && engine_open(config, message, size) && vehicle_open(config, message, size) &&
         sink_open(config, message, size) && page_open(config->page, message, size) &&
         engine_start(message, size) &&
         http_open(config, service.poll, &hooks, message, size);
}

/* Whether all is said and done. */
static bool has_ended(uint64_t now) {
  if (!service.is_stopping) return false;
  if (!http_open_requests()) return true;
  if (now >= service.stop_ns && !service.has_cancelled) {
    service.has_cancelled = true;
    queue_cancel_all(CANCEL_STOPPING);
  }
  return now >= service.stop_ns + LINGER_NS;
}

/* The loop sleeps until something happens or has to be looked at. */
static int timeout_ms(void) {
  const int health = (int)(health_interval() / 1000000u) + 1, http = http_timeout_ms();
  const int least = health < http ? health : http;
  return service.is_stopping && least > 20 ? 20 : least;
}

static void loop(void) {
  struct epoll_event events[64];
  while (!has_ended(now_ns())) {
    const int count = epoll_wait(service.poll, events, 64, timeout_ms());
    const uint64_t now = now_ns();
    for (int i = 0; i < count; i++) {
      void *pointer = events[i].data.ptr;
      if (pointer == &signals_mark)
        take_signals(now);
      else if (pointer && pointer != &queue_mark)
        http_peer_event(pointer);
    }
    http_run();
    check_health(now);
  }
}

int service_run(struct config *config) {
  char message[600] = "";
  const uint64_t start = now_ns();
  service.config = config;
  if (!open_all(message, sizeof message)) {
    journal(JOURNAL_ERROR, "%s", message);
    notify("STATUS=%s", message);
    return EXIT_FAILURE;
  }
  service.watchdog_ns = notify_watchdog_ns();
  service.beat_ns = now_ns();
  journal(JOURNAL_NOTICE, "ready after %.0f ms; private memory at most %.1f MiB",
          (double)(now_ns() - start) * 1e-6, (double)service.plan.private_bytes / 1048576.0);
  notify("READY=1\nSTATUS=ready");
  loop();
  queue_cancel_all(CANCEL_STOPPING);
  http_end_streams();
  http_run();
  engine_stop(); /* saves the conversations */
  http_close();
  sink_close();
  vehicle_close();
  page_close();
  config_free(service.config);
  journal(JOURNAL_NOTICE, "ended");
  return EXIT_SUCCESS;
}
