/* Names for SIMD operations: one name, up to five bodies (AVX-512 VNNI, AVX2, NEON with and without
 * dot products, plain C).
 * Kernels are written in Swift over these; they inline to the instructions they name.
 *
 * The unit is a panel of sixteen weight rows. A vector `lt_i16x` has one 32-bit lane per row, so a
 * product needs no horizontal sums. Vectors are 64 bytes whatever the machine: the compiler splits
 * what the hardware lacks, and only the integer dot products are written out per instruction set.
 * All integer results are exact, and floats are fused multiply-adds in a fixed order, so every body
 * of a name gives the same bits.
 *
 * LINTEL_SCALAR_ONLY selects the plain C bodies, for tests. */
#ifndef LINTEL_SIMD_H
#define LINTEL_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(LINTEL_SCALAR_ONLY)
#define LT_SCALAR 1
#elif defined(__AVX512VNNI__) && defined(__AVX512VBMI__) && defined(__GFNI__)
#define LT_VNNI 1
#include <immintrin.h>
#elif defined(__AVX2__)
#define LT_AVX2 1
#include <immintrin.h>
#elif defined(__ARM_NEON)
#define LT_NEON 1
#if defined(__ARM_FEATURE_DOTPROD)
#define LT_SDOT 1
#endif
#include <arm_neon.h>
#else
#define LT_SCALAR 1
#endif

#define LT_INLINE static inline __attribute__((always_inline))

/* One 32-bit lane for each of sixteen rows: a number, a pair of int16, or four packed columns. */
typedef int32_t lt_lanes __attribute__((vector_size(64)));
typedef float lt_floats __attribute__((vector_size(64)));
/* Four `lt_lanes`: sixteen columns of sixteen rows, one byte each. */
typedef int32_t lt_columns __attribute__((vector_size(256)));

typedef int32_t lt_quad __attribute__((vector_size(16)));
typedef int32_t lt_octo __attribute__((vector_size(32)));

#pragma clang assume_nonnull begin
/* Where sixteen rows lie: four groups of four, `stride` bytes from row to row within a group. */
typedef struct {
  const uint8_t *group0, *group1, *group2, *group3;
  ptrdiff_t stride;
  const uint8_t *ahead; /* what later panels will want, for this block's share of time */
  const uint8_t *again; /* the same, asked for a little before */
  const uint8_t *next;  /* what the rest of this panel or the next one will want */
} lt_panel;

/* What a thread will read, in order: the stretches of one or more products. Three places move along
 * it before the kernels and across the seams between products, at distances that are fixed but for
 * whole panels at a seam: `far` for asking the memory early, `again` for what it has not answered,
 * and `near`, a panel or less ahead, for bringing it into the first-level cache. */
typedef struct {
  const uint8_t *_Nullable start;
  int64_t bytes;
} lt_range;
typedef struct {
  const uint8_t *_Nullable at; /* in the current stretch, of which `left` bytes have not been asked for */
  int64_t left;
  const lt_range *_Nullable next; /* the stretches after it */
  int64_t count;
} lt_cursor;
typedef struct {
  lt_cursor far, again, near;
} lt_stream;

/* What is done with results as soon as they are there: `results` are those of weight rows
 * `row ..< row + count`, a panel at most with quantised weights. */
typedef void (*lt_rows_fn)(const void *context, float *results, int64_t row, int64_t count);

/* One product, as the panel kernels take it. The input is either floats or one quantised form. */
typedef struct {
  const uint8_t *weights;
  int64_t row_bytes, rows, columns;
  int64_t row_begin, row_end;
  const float *floats;    /* [.., columns] */
  const int8_t *quants;   /* [.., columns] */
  const float *scales;    /* [.., columns / 32] or [.., columns / 256] */
  const int16_t *sums16;  /* [.., columns / 16], only with 256-blocks */
  const int16_t *sums32;  /* [.., columns / 32] */
  const int32_t *_Nullable input_rows; /* row numbers, or NULL for 0, 1, 2.. */
  int64_t inputs;
  float *output; /* [inputs, output_stride] */
  int64_t output_stride;
  float *_Nullable const *_Nullable outputs; /* where each input's row goes instead, or NULL */
  uint32_t format;
  uint8_t adds;       /* output += instead of output = */
  uint8_t use_floats; /* the float path for quantised weights */
  lt_stream *_Nullable stream; /* has this product's weights and what follows; NULL: these alone */
  lt_rows_fn _Nullable after;  /* only with one input, and not on the float path */
  const void *_Nullable after_context;
} lt_product;

/* The kernels compiled for AVX-512 with VNNI, or NEON dot products; only where lt_has_wide(). */
void lt_product_wide(const lt_product *job);
#pragma clang assume_nonnull end

#if defined(__x86_64__)
#include <cpuid.h>
/* Whether this processor and its operating system run the AVX-512 kernels. */
LT_INLINE int32_t lt_has_wide(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & 0xE6) != 0xE6) return 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  unsigned needed = bit_AVX512F | bit_AVX512DQ | bit_AVX512CD | bit_AVX512BW | bit_AVX512VL;
  return (b & needed) == needed && (c & bit_AVX512VNNI) && (c & bit_AVX512VBMI) && (c & bit_GFNI);
}
#elif defined(__aarch64__)
#include <sys/auxv.h>
/* Whether this processor has the instructions that multiply and add four bytes at once. */
LT_INLINE int32_t lt_has_wide(void) { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }
#endif

/* Asks for a cache line soon to be read; any address is allowed. Into the second-level cache only:
 * the few miss buffers of the first level would halve the rate (10 against 22 GB/s on Zen 4). */
LT_INLINE void lt_prefetch(const void *p) { __builtin_prefetch(p, 0, 2); }

/* The last request, into the first-level cache. An x86 core drops software prefetches while its
 * miss buffers are full, so one request leaves gaps that cost a third of the rate; further ones,
 * when most lines have come, find room for the rest. Arm cores queue theirs. */
LT_INLINE void lt_prefetch_near(const void *p) {
#if defined(__x86_64__)
  __builtin_prefetch(p, 0, 3);
#else
  (void)p;
#endif
}

/* The one between the two, into the second-level cache. */
LT_INLINE void lt_prefetch_again(const void *p) {
#if defined(__x86_64__)
  lt_prefetch(p);
#else
  (void)p;
#endif
}

/* Asks for one of `parts` shares of the bytes that a later panel has in place of this block, once
 * more for those asked for a little before, and into the nearest cache for bytes wanted soon. */
LT_INLINE void lt_prefetch_part(lt_panel p, int64_t block_bytes, int64_t part, int64_t parts) {
  /* rounded up: a share may start within a line */
  int64_t lines = (16 * block_bytes + 63) / 64;
  for (int64_t i = lines * part / parts; i < lines * (part + 1) / parts; i++) {
    lt_prefetch(p.ahead + 64 * i);
    lt_prefetch_again(p.again + 64 * i);
    lt_prefetch_near(p.next + 64 * i);
  }
}

/* How far ahead: a kernel reads all rows of a panel at once, so the whole next panel must be there
 * when it comes to it. More than half a first-level cache beyond that costs rate again. */
LT_INLINE int64_t lt_lead(int64_t panel_bytes) {
  int64_t lead = panel_bytes + 16384;
  return lead > 262144 ? 262144 : lead;
}

/* How far the first request is before the one that repeats it. */
#define LT_AGAIN 8192

/* How far ahead the last request goes: a panel, or half of one that takes much of the first-level
 * cache, where two would push each other out (25 against 29 GB/s for Q6_K of 3584 columns on Zen
 * 4). */
LT_INLINE int64_t lt_near_lead(int64_t panel_bytes) {
  return panel_bytes > 16384 ? panel_bytes / 2 : panel_bytes;
}

/* The next `bytes` to ask for, roughly; NULL when everything has been. */
LT_INLINE const uint8_t *_Nullable lt_cursor_take(lt_cursor *_Nonnull c, int64_t bytes) {
  while (c->left <= 0) {
    if (c->count == 0) return 0;
    c->at = c->next->start;
    c->left = c->next->bytes;
    c->next++;
    c->count--;
  }
  const uint8_t *at = c->at;
  c->at += bytes;
  c->left -= bytes;
  return at;
}

/* `bytes` or a little more, a multiple of `panel`: the far place then crosses a seam with the
 * kernels. */
LT_INLINE int64_t lt_in_panels(int64_t bytes, int64_t panel) {
  return panel > 0 ? (bytes + panel - 1) / panel * panel : 0;
}

/* A stream over `count` stretches, the first one in panels of `first`, none in wider ones than
 * `widest`; asks for the beginning. */
LT_INLINE lt_stream lt_stream_over(
    const lt_range *_Nonnull ranges, int64_t count, int64_t first, int64_t widest) {
  lt_cursor start = {0, 0, ranges, count};
  lt_stream s = {start, start, start};
  int64_t lead = lt_in_panels(lt_lead(widest), first);
  for (int64_t done = 0; done < lead; done += first) {
    const uint8_t *p = lt_cursor_take(&s.far, first);
    if (!p) break;
    for (int64_t i = 0; i < first; i += 64) lt_prefetch(p + i);
  }
  if (lead > LT_AGAIN) lt_cursor_take(&s.again, lead - LT_AGAIN);
  lt_cursor_take(&s.near, lt_near_lead(widest));
  return s;
}

/* Asks for the beginning of what is left, as much as fits into the miss buffers several times. */
LT_INLINE void lt_stream_rest(lt_stream *_Nonnull s) {
  for (int i = 0; i < 256; i++) {
    const uint8_t *p = lt_cursor_take(&s->far, 64);
    if (!p) break;
    lt_prefetch(p);
  }
}

/* Gives a panel of `bytes` its places to ask for; at the end of the stream it keeps its own. */
LT_INLINE void lt_stream_take(lt_stream *_Nonnull s, int64_t bytes, lt_panel *_Nonnull panel) {
  const uint8_t *far = lt_cursor_take(&s->far, bytes);
  const uint8_t *again = lt_cursor_take(&s->again, bytes);
  const uint8_t *near = lt_cursor_take(&s->near, bytes);
  if (far) panel->ahead = far;
  if (again) panel->again = again;
  if (near) panel->next = near;
}

/* ---- lanes ---- */

LT_INLINE lt_lanes lt_zero(void) { return (lt_lanes){0}; }
LT_INLINE lt_floats lt_zero_floats(void) { return (lt_floats){0}; }
LT_INLINE lt_lanes lt_all(int32_t x) { return (lt_lanes){0} + x; }
LT_INLINE lt_lanes lt_and(lt_lanes a, int32_t mask) { return a & mask; }
LT_INLINE lt_lanes lt_or(lt_lanes a, lt_lanes b) { return a | b; }
LT_INLINE lt_lanes lt_shift_left(lt_lanes a, int32_t n) { return a << n; }
LT_INLINE lt_lanes lt_shift_right(lt_lanes a, int32_t n) {
  typedef uint32_t u __attribute__((vector_size(64)));
  return (lt_lanes)((u)a >> (uint32_t)n);
}
/* Arithmetic: the sign comes along. */
LT_INLINE lt_lanes lt_shift_right_signed(lt_lanes a, int32_t n) { return a >> n; }
LT_INLINE lt_lanes lt_add(lt_lanes a, lt_lanes b) { return a + b; }
LT_INLINE lt_lanes lt_subtract(lt_lanes a, lt_lanes b) { return a - b; }
LT_INLINE lt_lanes lt_flip(lt_lanes a, int32_t bits) { return a ^ bits; }
LT_INLINE lt_lanes lt_times(lt_lanes a, int32_t x) { return a * x; }

LT_INLINE lt_columns lt_columns_and(lt_columns a, int32_t mask) { return a & mask; }
LT_INLINE lt_columns lt_columns_or(lt_columns a, lt_columns b) { return a | b; }
LT_INLINE lt_columns lt_columns_left(lt_columns a, int32_t n) { return a << n; }
LT_INLINE lt_columns lt_columns_right(lt_columns a, int32_t n) {
  typedef uint32_t u __attribute__((vector_size(256)));
  return (lt_columns)((u)a >> (uint32_t)n);
}

#define LT_PART(a, k)                                                                          \
  __builtin_shufflevector(a, a, 16 * k, 16 * k + 1, 16 * k + 2, 16 * k + 3, 16 * k + 4,        \
                          16 * k + 5, 16 * k + 6, 16 * k + 7, 16 * k + 8, 16 * k + 9,          \
                          16 * k + 10, 16 * k + 11, 16 * k + 12, 16 * k + 13, 16 * k + 14,     \
                          16 * k + 15)
LT_INLINE lt_lanes lt_part0(lt_columns a) { return LT_PART(a, 0); }
LT_INLINE lt_lanes lt_part1(lt_columns a) { return LT_PART(a, 1); }
LT_INLINE lt_lanes lt_part2(lt_columns a) { return LT_PART(a, 2); }
LT_INLINE lt_lanes lt_part3(lt_columns a) { return LT_PART(a, 3); }

#define LT_16(f)                                                                               \
  f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9), f(10), f(11), f(12), f(13),      \
      f(14), f(15)
LT_INLINE lt_columns lt_join(lt_lanes a, lt_lanes b, lt_lanes c, lt_lanes d) {
#define LT_I(i) i
#define LT_I16(i) 16 + i
#define LT_I32(i) 32 + i
#define LT_I48(i) 48 + i
  typedef int32_t half __attribute__((vector_size(128)));
  half lo = __builtin_shufflevector(a, b, LT_16(LT_I), LT_16(LT_I16));
  half hi = __builtin_shufflevector(c, d, LT_16(LT_I), LT_16(LT_I16));
  return __builtin_shufflevector(lo, hi, LT_16(LT_I), LT_16(LT_I16), LT_16(LT_I32), LT_16(LT_I48));
}

/* ---- floats ---- */

LT_INLINE lt_floats lt_load_floats(const void *p) {
  lt_floats v;
  memcpy(&v, p, sizeof v);
  return v;
}
LT_INLINE void lt_store_floats(void *p, lt_floats v) { memcpy(p, &v, sizeof v); }
LT_INLINE lt_floats lt_to_floats(lt_lanes a) { return __builtin_convertvector(a, lt_floats); }
LT_INLINE lt_floats lt_all_floats(float x) { return (lt_floats){0} + x; }
LT_INLINE lt_floats lt_multiply(lt_floats a, lt_floats b) { return a * b; }
LT_INLINE lt_floats lt_plus(lt_floats a, lt_floats b) { return a + b; }
/* a * b + c, rounded once. */
LT_INLINE lt_floats lt_fma(lt_floats a, lt_floats b, lt_floats c) {
  return __builtin_elementwise_fma(a, b, c);
}
LT_INLINE lt_floats lt_fma_all(lt_floats a, float b, lt_floats c) {
  return __builtin_elementwise_fma(a, (lt_floats){0} + b, c);
}
/* a * *b + c: one number from memory to all lanes, without the addition of zero that a splat of a
 * number makes above, which costs two instructions in an inner loop. */
LT_INLINE lt_floats lt_fma_at(lt_floats a, const float *b, lt_floats c) {
  float x = *b;
  return __builtin_elementwise_fma(
      a, (lt_floats){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}, c);
}
LT_INLINE lt_floats lt_negate(lt_floats a) { return -a; }

/* The sum of sixteen floats, always halved in the same order. */
LT_INLINE float lt_sum_floats(lt_floats a) {
  typedef float f8 __attribute__((vector_size(32)));
  typedef float f4 __attribute__((vector_size(16)));
  f8 b = __builtin_shufflevector(a, a, 0, 1, 2, 3, 4, 5, 6, 7) +
         __builtin_shufflevector(a, a, 8, 9, 10, 11, 12, 13, 14, 15);
  f4 c = __builtin_shufflevector(b, b, 0, 1, 2, 3) + __builtin_shufflevector(b, b, 4, 5, 6, 7);
  return (c[0] + c[2]) + (c[1] + c[3]);
}

/* The sums of sixteen vectors, at any address, each in the order of lt_sum_floats. */
LT_INLINE lt_floats lt_sums_of_16(const void *sums) {
  lt_floats s[16];
  memcpy(s, sums, sizeof s);
  lt_floats fours[4];
  for (int i = 0; i < 4; i++) {
#define LT_HALVES(a, b)                                                                        \
  (__builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +     \
   __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
    lt_floats ab = LT_HALVES(s[i], s[4 + i]), cd = LT_HALVES(s[8 + i], s[12 + i]);
    fours[i] =
        __builtin_shufflevector(ab, cd, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
        __builtin_shufflevector(ab, cd, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  }
#define LT_TWO_OF_FOUR(a, b)                                                                   \
  (__builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +   \
   __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
  lt_floats ab = LT_TWO_OF_FOUR(fours[0], fours[1]), cd = LT_TWO_OF_FOUR(fours[2], fours[3]);
  return __builtin_shufflevector(ab, cd, 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30) +
         __builtin_shufflevector(ab, cd, 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31);
}

typedef uint16_t lt_u16x16 __attribute__((vector_size(32)));

/* Half precision to single, exactly, whatever the denormal mode. */
LT_INLINE lt_floats lt_from_half16(lt_u16x16 h) {
#if defined(LT_VNNI)
  return (lt_floats)_mm512_cvtph_ps((__m256i)h);
#elif defined(LT_AVX2)
  __m256 lo = _mm256_cvtph_ps(_mm256_castsi256_si128((__m256i)h));
  __m256 hi = _mm256_cvtph_ps(_mm256_extracti128_si256((__m256i)h, 1));
  return __builtin_shufflevector(lo, hi, LT_16(LT_I));
#else
  lt_lanes x = __builtin_convertvector(h, lt_lanes);
  lt_lanes sign = (x & 0x8000) << 16, exponent = (x >> 10) & 31, mantissa = x & 1023;
  lt_lanes normal = ((exponent + 112) << 23) | (mantissa << 13);
  lt_lanes special = 0x7F800000 | (mantissa << 13);
  /* mantissa * 2^-24, which no flush to zero can touch */
  lt_lanes tiny = (lt_lanes)(__builtin_convertvector(mantissa, lt_floats) * 5.9604644775390625e-8f);
  lt_lanes is_tiny = exponent == 0, is_special = exponent == 31;
  lt_lanes r = (normal & ~is_tiny & ~is_special) | (tiny & is_tiny) | (special & is_special);
  return (lt_floats)(r | sign);
#endif
}
/* The low, or the high, sixteen bits of every lane, as half precision numbers. */
LT_INLINE lt_floats lt_half_low(lt_lanes a) {
  return lt_from_half16(__builtin_convertvector(a, lt_u16x16));
}
LT_INLINE lt_floats lt_half_high(lt_lanes a) {
  return lt_from_half16(__builtin_convertvector(lt_shift_right(a, 16), lt_u16x16));
}
LT_INLINE lt_floats lt_load_half(const void *p) {
  lt_u16x16 h;
  memcpy(&h, p, sizeof h);
  return lt_from_half16(h);
}
LT_INLINE lt_floats lt_load_brain(const void *p) {
  lt_u16x16 h;
  memcpy(&h, p, sizeof h);
  return (lt_floats)(__builtin_convertvector(h, lt_lanes) << 16);
}
LT_INLINE float lt_half(const void *p) {
  uint16_t h;
  memcpy(&h, p, 2);
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = (h >> 10) & 31, mantissa = h & 1023;
  uint32_t bits;
  if (exponent == 0) {
    float tiny = (float)mantissa * 5.9604644775390625e-8f;
    memcpy(&bits, &tiny, 4);
  } else {
    bits = (exponent == 31 ? 0x7F800000u : (exponent + 112) << 23) | mantissa << 13;
  }
  bits |= sign;
  float r;
  memcpy(&r, &bits, 4);
  return r;
}

/* The nearest half precision number, ties to even, for magnitudes up to 65504. */
LT_INLINE uint16_t lt_to_half(float x) {
#if defined(LT_AVX2)
  return (uint16_t)_mm_extract_epi16(_mm_cvtps_ph(_mm_set_ss(x), 0), 0);
#else
  uint32_t bits;
  memcpy(&bits, &x, 4);
  uint32_t sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7FFFFFFF;
  if (magnitude >= 0x38800000) {
    uint32_t rounded = magnitude + 0xFFF + ((magnitude >> 13) & 1);
    return (uint16_t)(sign | ((rounded - 0x38000000) >> 13));
  }
  /* Below 2^-14 the result counts units of 2^-24. */
  if (magnitude < 0x33000000) return (uint16_t)sign;
  uint32_t mantissa = (magnitude & 0x7FFFFF) | 0x800000, shift = 126 - (magnitude >> 23);
  uint32_t half = 1u << (shift - 1), odd = (mantissa >> shift) & 1;
  return (uint16_t)(sign | ((mantissa + half - 1 + odd) >> shift));
#endif
}

LT_INLINE float lt_brain(const void *p) {
  uint16_t h;
  memcpy(&h, p, 2);
  uint32_t bits = (uint32_t)h << 16;
  float r;
  memcpy(&r, &bits, 4);
  return r;
}

/* Four `lt_floats`, for sums of one weight row with four activation rows. */
typedef float lt_floats4 __attribute__((vector_size(256)));

LT_INLINE lt_floats4 lt_join_floats(lt_floats a, lt_floats b, lt_floats c, lt_floats d) {
  return (lt_floats4)lt_join((lt_lanes)a, (lt_lanes)b, (lt_lanes)c, (lt_lanes)d);
}
LT_INLINE lt_floats lt_floats_part0(lt_floats4 a) { return LT_PART(a, 0); }
LT_INLINE lt_floats lt_floats_part1(lt_floats4 a) { return LT_PART(a, 1); }
LT_INLINE lt_floats lt_floats_part2(lt_floats4 a) { return LT_PART(a, 2); }
LT_INLINE lt_floats lt_floats_part3(lt_floats4 a) { return LT_PART(a, 3); }
/* a * b + c for each of the four parts of b and c. */
LT_INLINE lt_floats4 lt_fma_four(lt_floats a, lt_floats4 b, lt_floats4 c) {
  return __builtin_elementwise_fma(lt_join_floats(a, a, a, a), b, c);
}
/* Whether the machine keeps sixteen sums of sixteen floats in registers. */
LT_INLINE int32_t lt_has_32_vectors(void) {
#if defined(LT_VNNI)
  return 1;
#else
  return 0;
#endif
}

/* ---- rounding floats to bytes ---- */

/* The largest magnitude as its bit pattern: above every finite one for infinity and NaN. */
LT_INLINE lt_lanes lt_larger_magnitude(lt_lanes a, lt_floats b) {
  return __builtin_elementwise_max(a, (lt_lanes)b & 0x7FFFFFFF);
}
LT_INLINE int32_t lt_largest(lt_lanes a) { return __builtin_reduce_max(a); }
/* a * b to the nearest integer, ties to even, for |a * b| < 2^22; other inputs give any integer. */
LT_INLINE lt_lanes lt_round(lt_floats a, float b) {
  lt_floats shifted = lt_fma_all(a, b, (lt_floats){0} + 12582912.0f);
  return (lt_lanes)((lt_lanes)shifted - 0x4B400000);
}
LT_INLINE int32_t lt_sum(lt_lanes a) { return __builtin_reduce_add(a); }
LT_INLINE void lt_store_bytes(void *p, lt_lanes a) {
  typedef int8_t b16 __attribute__((vector_size(16)));
  b16 v = __builtin_convertvector(a, b16);
  memcpy(p, &v, sizeof v);
}

#include "simd_rows.h"
#include "simd_dot.h"
#include "simd_single.h"

#endif
