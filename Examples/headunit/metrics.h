/* Counters and histograms, written as Prometheus text. Any thread. */
#ifndef LINTELD_METRICS_H
#define LINTELD_METRICS_H

#include <stdint.h>

#include "text.h"

enum histogram {
  HISTOGRAM_QUEUE,       /* arrival to start, seconds */
  HISTOGRAM_FIRST_TOKEN, /* arrival to first token */
  HISTOGRAM_TOKEN,       /* from one token of an answer to the next */
  HISTOGRAM_REQUEST,     /* arrival to end */
  HISTOGRAM_SNAPSHOT,    /* writing a conversation to disk */
  HISTOGRAM_COUNT
};

/* `labels` without braces, such as `code="200"`; "" for none. */
void metrics_add(const char *name, const char *labels, uint64_t count);
void metrics_observe(enum histogram histogram, uint64_t ns);
void metrics_write(struct text *text);

/* A gauge's lines, for those who know their values only when asked. */
void metrics_write_gauge(struct text *text, const char *name, const char *help, double value);

#endif
