/* Names for SIMD operations: one name, up to four bodies (AVX-512 VNNI, AVX2, NEON, plain C).
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
#elif defined(__AVX512VNNI__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#define LT_VNNI 1
#include <immintrin.h>
#elif defined(__AVX2__)
#define LT_AVX2 1
#include <immintrin.h>
#elif defined(__ARM_NEON) && defined(__ARM_FEATURE_DOTPROD)
#define LT_NEON 1
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
  const uint8_t *ahead; /* what the next panel will want, for this block's share of time */
} lt_panel;

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
  uint32_t format;
  uint8_t adds;       /* output += instead of output = */
  uint8_t use_floats; /* the float path for quantised weights */
} lt_product;

#if defined(__x86_64__)
/* The kernels compiled for AVX-512 with VNNI; only where lt_has_wide(). */
void lt_product_wide(const lt_product *job);
#endif
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
  return (b & needed) == needed && (c & bit_AVX512VNNI) && (c & bit_AVX512VBMI);
}
#endif

/* Asks for a cache line soon to be read; any address is allowed. */
LT_INLINE void lt_prefetch(const void *p) { __builtin_prefetch(p, 0, 2); }

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
LT_INLINE lt_floats lt_multiply(lt_floats a, lt_floats b) { return a * b; }
LT_INLINE lt_floats lt_plus(lt_floats a, lt_floats b) { return a + b; }
/* a * b + c, rounded once. */
LT_INLINE lt_floats lt_fma(lt_floats a, lt_floats b, lt_floats c) {
  return __builtin_elementwise_fma(a, b, c);
}
LT_INLINE lt_floats lt_fma_all(lt_floats a, float b, lt_floats c) {
  return __builtin_elementwise_fma(a, (lt_floats){0} + b, c);
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

/* ---- sixteen rows from the file: loads and a transposition ---- */

/* The panel `offset` bytes on. The compiler must not see where the pointers come from: it would
 * keep one induction variable per row, and spill them all. */
LT_INLINE lt_panel lt_at_block(lt_panel p, ptrdiff_t offset) {
  p.group0 += offset, p.group1 += offset, p.group2 += offset, p.group3 += offset;
  __asm__("" : "+r"(p.group0), "+r"(p.group1), "+r"(p.group2), "+r"(p.group3));
  return p;
}

LT_INLINE lt_quad lt_load16(const uint8_t *p) {
  lt_quad v;
  memcpy(&v, p, sizeof v);
  return v;
}
LT_INLINE lt_octo lt_load32(const uint8_t *p) {
  lt_octo v;
  memcpy(&v, p, sizeof v);
  return v;
}
/* 4x4 transposition of 32-bit words inside every 128-bit quarter of a, b, c, d. */
#define LT_TRANSPOSE(a, b, c, d)                                                               \
  lt_lanes ab_lo = __builtin_shufflevector(a, b, LT_LOW), ab_hi = __builtin_shufflevector(a, b, LT_HIGH); \
  lt_lanes cd_lo = __builtin_shufflevector(c, d, LT_LOW), cd_hi = __builtin_shufflevector(c, d, LT_HIGH); \
  lt_lanes t0 = __builtin_shufflevector(ab_lo, cd_lo, LT_LOW2);                                \
  lt_lanes t1 = __builtin_shufflevector(ab_lo, cd_lo, LT_HIGH2);                               \
  lt_lanes t2 = __builtin_shufflevector(ab_hi, cd_hi, LT_LOW2);                                \
  lt_lanes t3 = __builtin_shufflevector(ab_hi, cd_hi, LT_HIGH2);
#define LT_LOW 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define LT_HIGH 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define LT_LOW2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define LT_HIGH2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31

LT_INLINE lt_lanes lt_row_of_groups(lt_panel p, ptrdiff_t at) {
  lt_octo lo = __builtin_shufflevector(lt_load16(p.group0 + at), lt_load16(p.group1 + at), 0, 1, 2,
                                       3, 4, 5, 6, 7);
  lt_octo hi = __builtin_shufflevector(lt_load16(p.group2 + at), lt_load16(p.group3 + at), 0, 1, 2,
                                       3, 4, 5, 6, 7);
  return __builtin_shufflevector(lo, hi, LT_16(LT_I));
}
/* Bytes offset ..< offset + 16 of sixteen rows: part k holds bytes 4k ..< 4k + 4 of every row. */
LT_INLINE lt_columns lt_rows16(lt_panel p, ptrdiff_t offset) {
  lt_lanes a = lt_row_of_groups(p, offset);
  lt_lanes b = lt_row_of_groups(p, offset + p.stride);
  lt_lanes c = lt_row_of_groups(p, offset + 2 * p.stride);
  lt_lanes d = lt_row_of_groups(p, offset + 3 * p.stride);
  LT_TRANSPOSE(a, b, c, d)
  return lt_join(t0, t1, t2, t3);
}

LT_INLINE lt_lanes lt_pair_of_groups(const uint8_t *a, const uint8_t *b, ptrdiff_t at) {
  return __builtin_shufflevector(lt_load32(a + at), lt_load32(b + at), LT_16(LT_I));
}
/* Bytes offset ..< offset + 32 of sixteen rows; `low` gets the first sixteen bytes' columns. */
LT_INLINE void lt_rows32(lt_panel p, ptrdiff_t offset, void *low, void *high) {
  lt_lanes even[4], odd[4];
  {
    lt_lanes a = lt_pair_of_groups(p.group0, p.group1, offset);
    lt_lanes b = lt_pair_of_groups(p.group0, p.group1, offset + p.stride);
    lt_lanes c = lt_pair_of_groups(p.group0, p.group1, offset + 2 * p.stride);
    lt_lanes d = lt_pair_of_groups(p.group0, p.group1, offset + 3 * p.stride);
    LT_TRANSPOSE(a, b, c, d)
    even[0] = t0, even[1] = t1, even[2] = t2, even[3] = t3;
  }
  {
    lt_lanes a = lt_pair_of_groups(p.group2, p.group3, offset);
    lt_lanes b = lt_pair_of_groups(p.group2, p.group3, offset + p.stride);
    lt_lanes c = lt_pair_of_groups(p.group2, p.group3, offset + 2 * p.stride);
    lt_lanes d = lt_pair_of_groups(p.group2, p.group3, offset + 3 * p.stride);
    LT_TRANSPOSE(a, b, c, d)
    odd[0] = t0, odd[1] = t1, odd[2] = t2, odd[3] = t3;
  }
#define LT_Q02 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27
#define LT_Q13 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31
#define LT_CROSS(q)                                                                            \
  lt_join(__builtin_shufflevector(even[0], odd[0], q), __builtin_shufflevector(even[1], odd[1], q), \
          __builtin_shufflevector(even[2], odd[2], q), __builtin_shufflevector(even[3], odd[3], q))
  lt_columns l = LT_CROSS(LT_Q02), h = LT_CROSS(LT_Q13);
  memcpy(low, &l, sizeof l);
  memcpy(high, &h, sizeof h);
}

/* ---- sixteen-entry table ---- */

/* Every byte of `a`, 0 ... 15, replaced by that entry of `table`. */
LT_INLINE lt_columns lt_lookup(lt_columns a, const int8_t *table) {
#if defined(LT_VNNI)
  __m512i t = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
#define LT_L(k) (lt_lanes)_mm512_shuffle_epi8(t, (__m512i)LT_PART(a, k))
  return lt_join(LT_L(0), LT_L(1), LT_L(2), LT_L(3));
#elif defined(LT_AVX2)
  __m256i t = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
  union {
    lt_columns c;
    __m256i p[8];
  } u;
  u.c = a;
  u.p[0] = _mm256_shuffle_epi8(t, u.p[0]), u.p[1] = _mm256_shuffle_epi8(t, u.p[1]);
  u.p[2] = _mm256_shuffle_epi8(t, u.p[2]), u.p[3] = _mm256_shuffle_epi8(t, u.p[3]);
  u.p[4] = _mm256_shuffle_epi8(t, u.p[4]), u.p[5] = _mm256_shuffle_epi8(t, u.p[5]);
  u.p[6] = _mm256_shuffle_epi8(t, u.p[6]), u.p[7] = _mm256_shuffle_epi8(t, u.p[7]);
  return u.c;
#elif defined(LT_NEON)
  int8x16_t t = vld1q_s8(table);
  union {
    lt_columns c;
    uint8x16_t p[16];
  } u;
  u.c = a;
  for (int i = 0; i < 16; i++) u.p[i] = vreinterpretq_u8_s8(vqtbl1q_s8(t, u.p[i]));
  return u.c;
#else
  union {
    lt_columns c;
    int8_t b[256];
  } u;
  u.c = a;
  for (int i = 0; i < 256; i++) u.b[i] = table[u.b[i] & 15];
  return u.c;
#endif
}

/* The values of IQ4_NL. */
LT_INLINE int8_t lt_iq4nl(int i) {
  static const int8_t values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                    1,    13,   25,  38,  53,  69,  89,  113};
  return values[i & 15];
}
LT_INLINE lt_columns lt_lookup_iq4nl(lt_columns a) {
  static const int8_t values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                    1,    13,   25,  38,  53,  69,  89,  113};
  return lt_lookup(a, values);
}

/* Bits n ... n + 3 of every lane, each as bit 4 of one of the lane's bytes. */
LT_INLINE lt_lanes lt_spread_bits(lt_lanes h, int32_t n) {
  lt_lanes x = lt_shift_right(h, n) & 15;
  /* copies of x at bits 0, 7, 14 and 21 put bit j of copy j at bit 8j */
  return ((x * 0x00204081) & 0x01010101) << 4;
}

/* Bytes 0 and 1, or 2 and 3, of every lane as two int16; and the same for signed bytes. */
LT_INLINE lt_lanes lt_pair_low(lt_lanes a) { return (a & 0xFF) | ((a & 0xFF00) << 8); }
LT_INLINE lt_lanes lt_pair_high(lt_lanes a) { return lt_pair_low(lt_shift_right(a, 16)); }
LT_INLINE lt_lanes lt_signed_pair_low(lt_lanes a) {
  typedef int16_t s16x32 __attribute__((vector_size(64)));
  return (lt_lanes)(((s16x32)lt_pair_low(a) << 8) >> 8);
}
LT_INLINE lt_lanes lt_signed_pair_high(lt_lanes a) { return lt_signed_pair_low(lt_shift_right(a, 16)); }

#include "simd_dot.h"

#endif
