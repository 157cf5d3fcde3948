/* Eight lanes of floats: choices by comparison, which Swift's masks spell out lane by lane, and the
 * way to signed bytes and back, for the attention cache. */
#ifndef LINTEL_SIMD_CACHE_H
#define LINTEL_SIMD_CACHE_H

#include <stdint.h>
#include <string.h>

typedef float lt_eight __attribute__((vector_size(32)));
typedef int8_t lt_eight_bytes __attribute__((vector_size(8)));
typedef int32_t lt_eight_words __attribute__((vector_size(32)));

/* x where a < b, else y. */
static inline __attribute__((always_inline)) lt_eight lt_eight_where_less(lt_eight a, lt_eight b,
                                                                          lt_eight x, lt_eight y) {
  lt_eight_words m = a < b;
  return (lt_eight)(((lt_eight_words)x & m) | ((lt_eight_words)y & ~m));
}

/* x where a is no number, else y. */
static inline __attribute__((always_inline)) lt_eight lt_eight_where_nan(lt_eight a, lt_eight x,
                                                                         lt_eight y) {
  lt_eight_words m = a != a;
  return (lt_eight)(((lt_eight_words)x & m) | ((lt_eight_words)y & ~m));
}

/* The larger of each pair; a where one is no number. */
static inline __attribute__((always_inline)) lt_eight lt_eight_larger(lt_eight a, lt_eight b) {
  lt_eight_words m = b >= a;
  return (lt_eight)(((lt_eight_words)b & m) | ((lt_eight_words)a & ~m));
}

/* 0 where a < 0, else a, no number among them. */
static inline __attribute__((always_inline)) lt_eight lt_eight_positive(lt_eight a) {
  lt_eight_words m = a < (lt_eight){0};
  return (lt_eight)((lt_eight_words)a & ~m);
}

static inline __attribute__((always_inline)) float lt_eight_greatest(lt_eight v) {
  v = lt_eight_larger(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 4, 5, 6, 7));
  v = lt_eight_larger(v, __builtin_shufflevector(v, v, 2, 3, 2, 3, 2, 3, 2, 3));
  return v[1] >= v[0] ? v[1] : v[0];
}

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
