/* Eight lanes between floats and signed bytes, for the attention cache. */
#ifndef LINTEL_SIMD_CACHE_H
#define LINTEL_SIMD_CACHE_H

#include <stdint.h>
#include <string.h>

typedef float lt_eight __attribute__((vector_size(32)));
typedef int8_t lt_eight_bytes __attribute__((vector_size(8)));
typedef int32_t lt_eight_words __attribute__((vector_size(32)));

static inline __attribute__((always_inline)) lt_eight lt_eight_from_bytes(const void *p) {
  lt_eight_bytes b;
  memcpy(&b, p, sizeof b);
  return __builtin_convertvector(b, lt_eight);
}

/* Rounds to the nearest, ties to even; the magnitudes are below 2^22. */
static inline __attribute__((always_inline)) void lt_eight_to_bytes(void *p, lt_eight v) {
  const lt_eight shift = {12582912.f, 12582912.f, 12582912.f, 12582912.f,
                          12582912.f, 12582912.f, 12582912.f, 12582912.f};
  lt_eight_words w = __builtin_convertvector((v + shift) - shift, lt_eight_words);
  lt_eight_bytes b = __builtin_convertvector(w, lt_eight_bytes);
  memcpy(p, &b, sizeof b);
}

#endif
