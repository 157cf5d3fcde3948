#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void *memory_take(size_t count, size_t bytes) {
  void *memory = calloc(count ? count : 1, bytes ? bytes : 1);
  if (!memory) {
    static const char sentence[] = "<2>linteld: out of memory\n";
    (void)!write(STDERR_FILENO, sentence, sizeof sentence - 1);
    abort();
  }
  return memory;
}

char *memory_copy(const char *bytes, size_t count) {
  char *copy = memory_take(count + 1, 1);
  if (count) memcpy(copy, bytes, count);
  return copy;
}

void text_free(struct text *text) {
  free(text->bytes);
  *text = (struct text){0};
}

void text_clear(struct text *text) {
  text->count = 0;
  if (text->bytes) text->bytes[0] = 0;
}

static void reserve(struct text *text, size_t more) {
  const size_t needed = text->count + more + 1;
  size_t capacity = text->capacity ? text->capacity : 64;
  char *bytes;
  if (needed <= text->capacity) return;
  while (capacity < needed) capacity *= 2;
  bytes = memory_take(capacity, 1);
  if (text->count) memcpy(bytes, text->bytes, text->count);
  free(text->bytes);
  text->bytes = bytes;
  text->capacity = capacity;
}

void text_add(struct text *text, const char *bytes, size_t count) {
  reserve(text, count);
  if (count) memcpy(text->bytes + text->count, bytes, count);
  text->count += count;
  text->bytes[text->count] = 0;
}

void text_add_string(struct text *text, const char *string) {
  text_add(text, string, strlen(string));
}

void text_format(struct text *text, const char *format, ...) {
  va_list arguments;
  char none[1];
  int count;
  va_start(arguments, format);
  count = vsnprintf(none, sizeof none, format, arguments);
  va_end(arguments);
  if (count <= 0) return;
  reserve(text, (size_t)count);
  va_start(arguments, format);
  vsnprintf(text->bytes + text->count, (size_t)count + 1, format, arguments);
  va_end(arguments);
  text->count += (size_t)count;
}

void text_add_json(struct text *text, const char *bytes, size_t count) {
  size_t start = 0, i;
  text_add(text, "\"", 1);
  for (i = 0; i < count; i++) {
    const unsigned char byte = (unsigned char)bytes[i];
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    text_add(text, bytes + start, i - start);
    start = i + 1;
    switch (byte) {
      case '"': text_add(text, "\\\"", 2); break;
      case '\\': text_add(text, "\\\\", 2); break;
      case '\n': text_add(text, "\\n", 2); break;
      case '\r': text_add(text, "\\r", 2); break;
      case '\t': text_add(text, "\\t", 2); break;
      default: text_format(text, "\\u%04x", byte);
    }
  }
  text_add(text, bytes + start, count - start);
  text_add(text, "\"", 1);
}

void text_add_number(struct text *text, double number) {
  char digits[40];
  int precision;
  if (!isfinite(number)) {
    text_add_string(text, "null");
    return;
  }
  for (precision = 6; precision <= 17; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, number);
    if (strtod(digits, NULL) == number) break;
  }
  text_add_string(text, digits);
}

bool text_is_utf8(const char *bytes, size_t count, size_t *out_offset) {
  size_t i = 0;
  while (i < count) {
    const unsigned char first = (unsigned char)bytes[i];
    size_t length, j;
    uint32_t scalar;
    *out_offset = i;
    if (first < 0x80) {
      i++;
      continue;
    }
    if (first >= 0xC2 && first <= 0xDF) {
      length = 2;
      scalar = first & 0x1Fu;
    } else if (first >= 0xE0 && first <= 0xEF) {
      length = 3;
      scalar = first & 0x0Fu;
    } else if (first >= 0xF0 && first <= 0xF4) {
      length = 4;
      scalar = first & 0x07u;
    } else {
      return false;
    }
    if (count - i < length) return false;
    for (j = 1; j < length; j++) {
      const unsigned char next = (unsigned char)bytes[i + j];
      if ((next & 0xC0) != 0x80) return false;
      scalar = (scalar << 6) | (next & 0x3Fu);
    }
    if ((length == 3 && scalar < 0x800) || (length == 4 && scalar < 0x10000) ||
        scalar > 0x10FFFF || (scalar >= 0xD800 && scalar <= 0xDFFF))
      return false;
    i += length;
  }
  return true;
}

bool text_read_file(struct text *text, const char *path, size_t most, char *message,
                    size_t message_bytes) {
  char block[4096];
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got;
  text_clear(text);
  if (file < 0) {
    snprintf(message, message_bytes, "cannot open %s: %s", path, strerror(errno));
    return false;
  }
  text_add(text, "", 0);
  while ((got = read(file, block, sizeof block)) > 0) {
    if ((size_t)got > most - text->count) {
      snprintf(message, message_bytes, "%s has more than %zu bytes", path, most);
      close(file);
      return false;
    }
    text_add(text, block, (size_t)got);
  }
  if (got < 0) snprintf(message, message_bytes, "cannot read %s: %s", path, strerror(errno));
  close(file);
  return got == 0;
}

static bool sync_directory(const char *path) {
  char *copy = memory_copy(path, strlen(path));
  char *slash = strrchr(copy, '/');
  int directory, result;
  if (slash) slash[slash == copy ? 1 : 0] = 0;
  directory = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  free(copy);
  if (directory < 0) return false;
  result = fsync(directory);
  close(directory);
  return result == 0;
}

bool text_write_file(const char *path, const char *bytes, size_t count, char *message,
                     size_t message_bytes) {
  struct text temporary = {0};
  size_t written = 0;
  bool done = false;
  int file;
  text_format(&temporary, "%s.new", path);
  file = open(temporary.bytes, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file >= 0) {
    ssize_t put = 0;
    while (written < count && (put = write(file, bytes + written, count - written)) > 0)
      written += (size_t)put;
    done = written == count && fsync(file) == 0;
    done = close(file) == 0 && done;
  }
  done = done && rename(temporary.bytes, path) == 0 && sync_directory(path);
  if (!done) snprintf(message, message_bytes, "cannot write %s: %s", path, strerror(errno));
  text_free(&temporary);
  return done;
}

uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}
