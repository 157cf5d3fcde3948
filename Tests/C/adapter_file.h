/* Adapter files made in memory, right or wrong in any way a test asks for. */
#ifndef ADAPTER_FILE_H
#define ADAPTER_FILE_H

#include <stdint.h>
#include <string.h>

enum { ADAPTER_BYTES = 1 << 21 };

/* A GGUF file under construction. */
typedef struct adapter_file {
  unsigned char head[1 << 16], data[ADAPTER_BYTES], out[(1 << 16) + ADAPTER_BYTES];
  size_t head_bytes, data_bytes, out_bytes;
  uint64_t keys, tensors;
  uint32_t noise;
} adapter_file;

static inline void put_(adapter_file *f, const void *p, size_t n) {
  if (f->head_bytes + n > sizeof f->head) return;
  memcpy(f->head + f->head_bytes, p, n);
  f->head_bytes += n;
}

static inline void put_number_(adapter_file *f, uint64_t v, int bytes) {
  unsigned char b[8];
  for (int i = 0; i < bytes; i++) b[i] = (unsigned char)(v >> 8 * i);
  put_(f, b, (size_t)bytes);
}

static inline void put_text_(adapter_file *f, const char *text) {
  put_number_(f, strlen(text), 8);
  put_(f, text, strlen(text));
}

static inline void add_text(adapter_file *f, const char *key, const char *value) {
  put_text_(f, key);
  put_number_(f, 8, 4);
  put_text_(f, value);
  f->keys++;
}

static inline void add_float(adapter_file *f, const char *key, float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  put_text_(f, key);
  put_number_(f, 6, 4);
  put_number_(f, bits, 4);
  f->keys++;
}

/* The keys of a good adapter; more may follow, then tensors. */
static inline void begin_adapter(adapter_file *f, const char *architecture, float alpha) {
  memset(f, 0, sizeof *f);
  f->noise = 1;
  add_text(f, "general.architecture", architecture);
  add_text(f, "general.type", "adapter");
  add_text(f, "adapter.type", "lora");
  add_text(f, "general.name", "made for a test");
  add_float(f, "adapter.lora.alpha", alpha);
}

/* A tensor of F32 noise between -size and size; n2 of 1 is left out. */
static inline void add_tensor(adapter_file *f, const char *name, const char *suffix, uint64_t n0,
                              uint64_t n1, uint64_t n2, float size) {
  char whole[256];
  memset(whole, 0, sizeof whole);
  strncat(whole, name, 200);
  strncat(whole, suffix, 40);
  put_text_(f, whole);
  put_number_(f, n2 > 1 ? 3 : 2, 4);
  put_number_(f, n0, 8);
  put_number_(f, n1, 8);
  if (n2 > 1) put_number_(f, n2, 8);
  put_number_(f, 0, 4);
  put_number_(f, f->data_bytes, 8);
  f->tensors++;
  for (uint64_t i = 0; i < n0 * n1 * n2 && f->data_bytes + 4 <= sizeof f->data; i++) {
    f->noise = f->noise * 1664525u + 1013904223u;
    const float v = ((float)(f->noise >> 8) / 8388608.0f - 1.0f) * size;
    memcpy(f->data + f->data_bytes, &v, 4);
    f->data_bytes += 4;
  }
  f->data_bytes = (f->data_bytes + 31) & ~(size_t)31;
}

static inline void add_pair(adapter_file *f, const char *base, uint64_t columns, uint64_t rows,
                            uint64_t slices, uint64_t rank, float size) {
  add_tensor(f, base, ".lora_a", columns, rank, slices, 1);
  add_tensor(f, base, ".lora_b", rank, rows, slices, size);
}

/* The whole file, in f->out. */
static inline void end_adapter(adapter_file *f) {
  unsigned char *p = f->out;
  memcpy(p, "GGUF\3\0\0\0", 8);
  for (int i = 0; i < 8; i++) p[8 + i] = (unsigned char)(f->tensors >> 8 * i);
  for (int i = 0; i < 8; i++) p[16 + i] = (unsigned char)(f->keys >> 8 * i);
  memcpy(p + 24, f->head, f->head_bytes);
  f->out_bytes = (24 + f->head_bytes + 31) & ~(size_t)31;
  memcpy(p + f->out_bytes, f->data, f->data_bytes);
  f->out_bytes += f->data_bytes;
}

#endif
