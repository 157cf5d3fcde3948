/* The thread that computes. It takes requests from the queue, steps up to eight of them together
 * with lintel_step_many, and saves conversations when it has nothing better to do. */
#ifndef LINTELD_ENGINE_H
#define LINTELD_ENGINE_H

#include "config.h"
#include "lintel.h"

/* Opens the deployment and the conversations, and answers the self-test. */
bool engine_open(const struct config *config, char *message, size_t message_bytes);
bool engine_start(char *message, size_t message_bytes);
/* Adapter files that changed are loaded again as soon as no request uses them. */
void engine_reload_adapters(void);
void engine_set_limits(const struct config *config);
/* All requests have ended: saves the conversations, ends the thread, closes the deployment. */
void engine_stop(void);

/* Counts up whenever the thread has done a piece of work or found that there is none: what the
 * watchdog is fed from. */
uint64_t engine_beats(void);

struct engine_figures {
  lintel_memory memory;
  uint64_t generated_tokens;
  uint32_t resident_conversations;
  uint32_t slot_count;
};
struct engine_figures engine_figures(void);

#endif
