/* One mutation of a file, from a seed and a number: the same everywhere. */
#ifndef MUTATE_H
#define MUTATE_H

#include <stdio.h>

#include "gguf_map.h"

/* How much longer than the file a mutant can be. */
enum { MUTANT_ROOM = 1 << 16 };

static uint64_t mutate_state;

/* splitmix64 */
static inline uint64_t mutate_draw(void) {
  uint64_t z = mutate_state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

static inline size_t mutate_below(size_t n) { return n ? (size_t)(mutate_draw() % n) : 0; }

/* A number that is likely to hurt, near `old` or at a border. */
static inline uint64_t mutate_number(uint64_t old) {
  static const uint64_t borders[] = {
      0, 1, 2, 3, 7, 31, 32, 63, 64, 127, 128, 255, 256, 4095, 4096, 65535, 65536, 1u << 20,
      (1u << 30) - 1, 1u << 30, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1ull << 32, 1ull << 40,
      1ull << 61, 1ull << 62, 0x7FFFFFFFFFFFFFFF, 1ull << 63, 0xFFFFFFFFFFFFFFC0,
      0xFFFFFFFFFFFFFFFF};
  switch (mutate_below(6)) {
    case 0: return borders[mutate_below(sizeof borders / sizeof *borders)];
    case 1: return old + 1;
    case 2: return old - 1;
    case 3: return old * (1 + mutate_below(300));
    case 4: return old ^ 1ull << mutate_below(64);
    default: return mutate_draw() >> mutate_below(64);
  }
}

static inline void mutate_write(unsigned char *p, unsigned width, uint64_t v) {
  for (unsigned i = 0; i < width && i < 8; i++) p[i] = (unsigned char)(v >> 8 * i);
}

/* Rewrites a field; counts, types, dimensions and offsets more often than the many texts. */
static inline void mutate_field(const gguf_map *m, unsigned char *out, char *what, size_t room) {
  static const char *const names[] = {"count", "length", "type", "dimension",
                                      "offset", "value", "text"};
  const enum field_kind wanted = (enum field_kind)mutate_below(7);
  size_t i = mutate_below(m->field_count);
  for (size_t n = 0; n < m->field_count && m->fields[i].kind != wanted; n++)
    i = i + 1 == m->field_count ? 0 : i + 1;
  const field f = m->fields[i];
  snprintf(what, room, "%s at byte %zu", names[f.kind], f.at);
  if (f.kind == TEXT) {
    const size_t k = f.at + mutate_below(f.width);
    out[k] = (unsigned char)(out[k] + (mutate_below(2) ? mutate_below(256) : 1));
    return;
  }
  uint64_t v = mutate_number(gguf_number(out + f.at, f.width < 8 ? f.width : 8));
  if (f.kind == TYPE && mutate_below(2)) v %= 42;
  if (f.kind == OFFSET && mutate_below(2)) v &= ~(uint64_t)31;
  mutate_write(out + f.at, f.width, v);
}

/* Repeats a whole entry after itself, keeping or not keeping the count. Returns the new size. */
static inline size_t mutate_repeat(const gguf_map *m, unsigned char *out, size_t size, char *what,
                                   size_t room) {
  const int is_tensor = (int)mutate_below(2);
  const entry e = is_tensor ? m->tensors[mutate_below(m->tensor_count)]
                            : m->keys[mutate_below(m->key_count)];
  if (e.bytes > MUTANT_ROOM / 2) return size;
  memmove(out + e.at + e.bytes, out + e.at, size - e.at);
  if (mutate_below(4)) {
    unsigned char *p = out + (is_tensor ? 8 : 16);
    mutate_write(p, 8, gguf_number(p, 8) + 1);
  }
  snprintf(what, room, "%s at byte %zu repeated", is_tensor ? "tensor" : "key", e.at);
  return size + e.bytes;
}

/* Leaves an entry out, count and all. */
static inline size_t mutate_remove(const gguf_map *m, unsigned char *out, size_t size, char *what,
                                   size_t room) {
  const int is_tensor = (int)mutate_below(2);
  const entry e = is_tensor ? m->tensors[mutate_below(m->tensor_count)]
                            : m->keys[mutate_below(m->key_count)];
  unsigned char *p = out + (is_tensor ? 8 : 16);
  /* Where the rest ends before the data, the gap is filled so that the data keeps its place. */
  const size_t end = is_tensor || mutate_below(2) ? m->data : size;
  memmove(out + e.at, out + e.at + e.bytes, end - e.at - e.bytes);
  mutate_write(p, 8, gguf_number(p, 8) - 1);
  snprintf(what, room, "%s at byte %zu removed", is_tensor ? "tensor" : "key", e.at);
  if (end == size) return size - e.bytes;
  memset(out + end - e.bytes, 0, e.bytes);
  return size;
}

/* Exchanges what two tensors say: their names stay. */
static inline void mutate_swap(const gguf_map *m, unsigned char *out, char *what, size_t room) {
  const entry a = m->tensors[mutate_below(m->tensor_count)];
  const entry b = m->tensors[mutate_below(m->tensor_count)];
  const size_t from_a = 8 + (size_t)gguf_number(out + a.at, 8);
  const size_t from_b = 8 + (size_t)gguf_number(out + b.at, 8);
  const size_t n = a.bytes - from_a < b.bytes - from_b ? a.bytes - from_a : b.bytes - from_b;
  for (size_t i = 0; i < n; i++) {
    const unsigned char t = out[a.at + a.bytes - n + i];
    out[a.at + a.bytes - n + i] = out[b.at + b.bytes - n + i];
    out[b.at + b.bytes - n + i] = t;
  }
  snprintf(what, room, "tensors at bytes %zu and %zu exchanged", a.at, b.at);
}

/* Writes case `number` of `seed` to `out`; says in `what` what was done. Returns its size. */
static inline size_t mutate(const gguf_map *m, const unsigned char *file, size_t size,
                            unsigned char *out, uint64_t seed, uint64_t number, char *what,
                            size_t room) {
  mutate_state = seed * 0xD1B54A32D192ED03u + number;
  (void)mutate_draw();
  memcpy(out, file, size);
  switch (mutate_below(12)) {
    case 0:
    case 1: { /* bits of the header */
      const size_t n = 1 + mutate_below(8);
      size_t last = 0;
      for (size_t i = 0; i < n; i++) {
        last = mutate_below(m->data);
        out[last] ^= (unsigned char)(1u << mutate_below(8));
      }
      snprintf(what, room, "%zu bits of the header, last at byte %zu", n, last);
      return size;
    }
    case 2: { /* bits of the data: a model of strange numbers */
      const size_t n = 1 + mutate_below(4096);
      for (size_t i = 0; i < n; i++)
        out[m->data + mutate_below(size - m->data)] ^= (unsigned char)(1u << mutate_below(8));
      snprintf(what, room, "%zu bits of the data", n);
      return size;
    }
    case 3: mutate_swap(m, out, what, room); return size;
    case 4: return mutate_repeat(m, out, size, what, room);
    case 5: return mutate_remove(m, out, size, what, room);
    case 6: /* the data cut short */
      size = m->data + mutate_below(size - m->data);
      snprintf(what, room, "cut to %zu bytes", size);
      return size;
    case 7: { /* two fields at once */
      mutate_field(m, out, what, room);
      const size_t n = strlen(what);
      if (n + 4 < room) {
        memcpy(what + n, ", ", 3);
        mutate_field(m, out, what + n + 2, room - n - 2);
      }
      return size;
    }
    default: mutate_field(m, out, what, room); return size;
  }
}

#endif
