/* Where the numbers of a well-formed GGUF file lie, so that a mutation can aim at them. */
#ifndef GGUF_MAP_H
#define GGUF_MAP_H

#include <stdint.h>
#include <string.h>

enum { FIELDS_MAX = 1 << 16, ENTRIES_MAX = 4096 };

enum field_kind { COUNT, LENGTH, TYPE, DIMENSION, OFFSET, VALUE, TEXT };

typedef struct field {
  size_t at;
  unsigned width; /* 1 to 8 bytes; of TEXT its length */
  enum field_kind kind;
} field;

/* One metadata or tensor entry, whole. */
typedef struct entry {
  size_t at, bytes;
} entry;

typedef struct gguf_map {
  field fields[FIELDS_MAX];
  entry keys[ENTRIES_MAX], tensors[ENTRIES_MAX];
  size_t field_count, key_count, tensor_count;
  size_t data; /* where the tensor data begins */
} gguf_map;

static inline uint64_t gguf_number(const unsigned char *p, unsigned width) {
  uint64_t v = 0;
  for (unsigned i = 0; i < width; i++) v |= (uint64_t)p[i] << 8 * i;
  return v;
}

static inline uint64_t gguf_field(gguf_map *m, const unsigned char *file, size_t *at,
                                  unsigned width, enum field_kind kind) {
  const uint64_t v = gguf_number(file + *at, width < 8 ? width : 8);
  if (m->field_count < FIELDS_MAX) {
    m->fields[m->field_count].at = *at;
    m->fields[m->field_count].width = width;
    m->fields[m->field_count++].kind = kind;
  }
  *at += width;
  return v;
}

static inline void gguf_string(gguf_map *m, const unsigned char *file, size_t *at) {
  const uint64_t n = gguf_field(m, file, at, 8, LENGTH);
  if (n > 0) gguf_field(m, file, at, (unsigned)n, TEXT);
}

/* Of a file that is known to be good: checks nothing but the magic. */
static inline int gguf_read(gguf_map *m, const unsigned char *file, size_t size) {
  static const unsigned char widths[13] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  size_t at = 4, alignment = 32;
  memset(m, 0, sizeof *m);
  if (size < 24 || memcmp(file, "GGUF", 4)) return 0;
  gguf_field(m, file, &at, 4, VALUE);
  m->tensor_count = gguf_field(m, file, &at, 8, COUNT);
  m->key_count = gguf_field(m, file, &at, 8, COUNT);
  if (m->tensor_count > ENTRIES_MAX || m->key_count > ENTRIES_MAX) return 0;
  for (size_t i = 0; i < m->key_count; i++) {
    m->keys[i].at = at;
    gguf_string(m, file, &at);
    uint64_t type = gguf_field(m, file, &at, 4, TYPE), n = 1;
    if (type == 9) {
      type = gguf_field(m, file, &at, 4, TYPE);
      n = gguf_field(m, file, &at, 8, COUNT);
    }
    for (uint64_t k = 0; k < n; k++) {
      if (type == 8) gguf_string(m, file, &at);
      else gguf_field(m, file, &at, widths[type], VALUE);
    }
    m->keys[i].bytes = at - m->keys[i].at;
  }
  for (size_t i = 0; i < m->tensor_count; i++) {
    m->tensors[i].at = at;
    gguf_string(m, file, &at);
    const uint64_t dimensions = gguf_field(m, file, &at, 4, COUNT);
    for (uint64_t d = 0; d < dimensions; d++) gguf_field(m, file, &at, 8, DIMENSION);
    gguf_field(m, file, &at, 4, TYPE);
    gguf_field(m, file, &at, 8, OFFSET);
    m->tensors[i].bytes = at - m->tensors[i].at;
  }
  m->data = (at + alignment - 1) & ~(alignment - 1);
  return m->data < size;
}

#endif
