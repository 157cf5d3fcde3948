/* A growing buffer of bytes, and what JSON and UTF-8 need of it. When memory runs out the process
 * ends: the service manager starts it again, and conversations resume from their snapshots. */
#ifndef LINTELD_TEXT_H
#define LINTELD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
  char *bytes; /* NUL-terminated whenever it is not NULL */
  size_t count;
  size_t capacity;
};

void text_free(struct text *text);
void text_clear(struct text *text);
void text_add(struct text *text, const char *bytes, size_t count);
void text_add_string(struct text *text, const char *string);
__attribute__((format(printf, 2, 3))) void text_format(struct text *text, const char *format, ...);

/* The bytes as a JSON string, quotes included. */
void text_add_json(struct text *text, const char *bytes, size_t count);
/* A JSON number that reads back as the same double; null for what JSON has no word for. */
void text_add_number(struct text *text, double number);

/* Whether the bytes are UTF-8; if not, *out_offset is the first byte that is wrong. */
bool text_is_utf8(const char *bytes, size_t count, size_t *out_offset);

/* Memory that is never NULL. */
void *memory_take(size_t count, size_t bytes);
char *memory_copy(const char *bytes, size_t count);

/* The whole file, at most `most` bytes. On failure `message` says why. */
bool text_read_file(struct text *text, const char *path, size_t most, char *message,
                    size_t message_bytes);
/* Temporary file, fsync, rename, fsync of the directory: the old file or the new one, never less.
 */
bool text_write_file(const char *path, const char *bytes, size_t count, char *message,
                     size_t message_bytes);

/* Nanoseconds of the monotonic clock. */
uint64_t now_ns(void);

#endif
