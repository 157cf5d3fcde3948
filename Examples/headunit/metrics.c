#include "metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define COUNTERS_MAX 256
#define BUCKETS 16

static const struct {
  const char *name, *help;
} known[] = {
    {"linteld_requests_total", "Requests answered, by application and HTTP status; 499 left."},
    {"linteld_prompt_tokens_total", "Tokens of prompts, cached ones left out."},
    {"linteld_cached_tokens_total", "Tokens of prompts that a state already held."},
    {"linteld_generated_tokens_total", "Tokens generated."},
    {"linteld_cancellations_total", "Requests given up, by reason."},
    {"linteld_refusals_total", "Requests refused before they were queued, by reason."},
    {"linteld_pauses_total", "Times that a generation paused for its reader."},
    {"linteld_conversations_total", "Requests with a conversation, by where its state was."},
    {"linteld_snapshots_total", "Conversations written to disk, by result."},
    {"linteld_calls_total", "Calls for the vehicle, by function and outcome."},
    {"linteld_signals_total", "Signal writes handed to the sink, by result."},
    {"linteld_reloads_total", "Reloads of the configuration, by result."},
    {"linteld_adapter_loads_total", "Adapters loaded again, by result."},
};

static const char *const histogram_names[HISTOGRAM_COUNT][2] = {
    {"linteld_queue_seconds", "From arrival to the start of the work."},
    {"linteld_first_token_seconds", "From arrival to the first token."},
    {"linteld_token_seconds", "From one token of an answer to the next."},
    {"linteld_request_seconds", "From arrival to the end of the answer."},
    {"linteld_snapshot_seconds", "Writing one conversation to disk."},
};
static const double bounds[BUCKETS] = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
                                       0.2,    0.5,   1,     2,     5,    10,   30,   60};

static struct {
  char name[48];
  char labels[96];
  uint64_t count;
} counters[COUNTERS_MAX];
static uint32_t counter_count;
static struct {
  uint64_t buckets[BUCKETS + 1];
  uint64_t sum_ns;
} histograms[HISTOGRAM_COUNT];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void metrics_add(const char *name, const char *labels, uint64_t count) {
  uint32_t i;
  pthread_mutex_lock(&mutex);
  for (i = 0; i < counter_count; i++)
    if (strcmp(counters[i].name, name) == 0 && strcmp(counters[i].labels, labels) == 0) break;
  if (i == counter_count && i < COUNTERS_MAX) {
    snprintf(counters[i].name, sizeof counters[i].name, "%s", name);
    snprintf(counters[i].labels, sizeof counters[i].labels, "%s", labels);
    counter_count++;
  }
  if (i < counter_count) counters[i].count += count;
  pthread_mutex_unlock(&mutex);
}

void metrics_observe(enum histogram histogram, uint64_t ns) {
  uint32_t i;
  pthread_mutex_lock(&mutex);
  for (i = 0; i < BUCKETS && (double)ns * 1e-9 > bounds[i]; i++) {
  }
  histograms[histogram].buckets[i]++;
  histograms[histogram].sum_ns += ns;
  pthread_mutex_unlock(&mutex);
}

static void write_counters(struct text *text) {
  for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
    bool any = false;
    text_format(text, "# HELP %s %s\n# TYPE %s counter\n", known[k].name, known[k].help,
                known[k].name);
    for (uint32_t i = 0; i < counter_count; i++) {
      if (strcmp(counters[i].name, known[k].name) != 0) continue;
      any = true;
      text_format(text, counters[i].labels[0] ? "%s{%s} %llu\n" : "%s%s %llu\n", counters[i].name,
                  counters[i].labels, (unsigned long long)counters[i].count);
    }
    if (!any) text_format(text, "%s 0\n", known[k].name);
  }
}

static void write_histogram(struct text *text, uint32_t index) {
  const char *name = histogram_names[index][0];
  uint64_t below = 0;
  text_format(text, "# HELP %s %s\n# TYPE %s histogram\n", name, histogram_names[index][1], name);
  for (uint32_t i = 0; i < BUCKETS; i++) {
    below += histograms[index].buckets[i];
    text_format(text, "%s_bucket{le=\"%g\"} %llu\n", name, bounds[i], (unsigned long long)below);
  }
  below += histograms[index].buckets[BUCKETS];
  text_format(text, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.9f\n%s_count %llu\n", name,
              (unsigned long long)below, name, (double)histograms[index].sum_ns * 1e-9, name,
              (unsigned long long)below);
}

void metrics_write(struct text *text) {
  pthread_mutex_lock(&mutex);
  write_counters(text);
  for (uint32_t i = 0; i < HISTOGRAM_COUNT; i++) write_histogram(text, i);
  pthread_mutex_unlock(&mutex);
}

void metrics_write_gauge(struct text *text, const char *name, const char *help, double value) {
  text_format(text, "# HELP %s %s\n# TYPE %s gauge\n%s ", name, help, name, name);
  text_add_number(text, value);
  text_add(text, "\n", 1);
}
