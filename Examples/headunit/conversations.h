/* What the service remembers of conversations: which session holds one's state now, which file did
 * last, and a chain of hashes over the messages that it has read, so that a client may send either
 * what is new or all of it. Belongs to the engine's thread.
 *
 * Files, per conversation: a snapshot whose name carries a number, and a record that names it. The
 * snapshot is whole on disk before the record is replaced, and the old one goes last: whenever the
 * process is killed, the record names a whole snapshot. */
#ifndef LINTELD_CONVERSATIONS_H
#define LINTELD_CONVERSATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "queue.h"

struct conversation {
  char application[33];
  char id[CONVERSATION_ID_MAX + 1];
  uint32_t model;
  int32_t slot;           /* the session that holds it; -1: none */
  uint32_t message_count; /* messages read, answers included */
  uint64_t chain;         /* over those */
  uint64_t number;        /* of the newest snapshot; 0: none */
  bool is_saved;          /* the newest snapshot is the present state */
  bool is_active;         /* a request is under way in it */
  uint64_t used_ns;
};

/* Reads the records in `directory` (NULL: nothing is kept on disk). */
bool conversations_open(const char *directory, uint32_t limit, char *message,
                        size_t message_bytes);
void conversations_close(void);

struct conversation *conversations_find(const char *application, const char *id);
/* A new one; the one that was used longest ago is forgotten if there are too many. NULL if all are
 * active. */
struct conversation *conversations_add(const char *application, const char *id);
void conversations_forget(struct conversation *conversation);

/* Saves the state to disk. */
bool conversations_save(struct conversation *conversation, lintel_session *session);
/* Reads it back into a session that was reset. */
lintel_status conversations_restore(struct conversation *conversation, lintel_session *session,
                                    lintel_error *error);
/* The next one that is not saved and not active, or NULL. */
struct conversation *conversations_next_unsaved(void);
bool conversations_are_kept(void);

uint64_t chain_begin(void);
uint64_t chain_add(uint64_t chain, int32_t role, const char *text, size_t bytes);
/* How many of the messages the conversation has read already: all it knows, or none. */
uint32_t conversations_known(const struct conversation *conversation,
                             const struct message *messages, uint32_t count);

#endif
