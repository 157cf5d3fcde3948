/* The integer dot products of simd.h, per instruction set. Included by simd.h only.
 *
 * In all of them `q` points at int8 activations in -127 ... 127, one per column, the same for all
 * rows; weights are bytes whose range the name tells: u4 0 ... 15, u5 0 ... 31, u6 0 ... 63,
 * s8 -128 ... 127. The ranges matter where products of bytes are added in 16 bits: on AVX2 in
 * pairs, of which 8 of u4 fit, 4 of u5, 2 of u6, 1 of s8; on NEON without dot products one by one.
 * What comes from lt_high_halves counts as u4. */
#ifndef LINTEL_SIMD_DOT_H
#define LINTEL_SIMD_DOT_H

LT_INLINE int32_t lt_word(const void *p) {
  int32_t x;
  memcpy(&x, p, 4);
  return x;
}

/* A scale -32768 ... 32767 per row in the shape that the `_scaled` products want. */
LT_INLINE lt_lanes lt_scale(lt_lanes s) {
#if defined(LT_AVX2)
  return (s & 0xFFFF) | (s << 16);
#else
  return s;
#endif
}

/* The byte at bit n of every lane as a scale, unsigned or signed. */
LT_INLINE lt_lanes lt_scale_byte(lt_lanes a, int32_t n) {
  return lt_scale(lt_shift_right(a, n) & 0xFF);
}
LT_INLINE lt_lanes lt_scale_signed_byte(lt_lanes a, int32_t n) {
  return lt_scale((a << (24 - n)) >> 24);
}

/* acc + low * q[0] + high * q[1], where each lane of `pairs` is two int16. */
LT_INLINE lt_lanes lt_add_pairs(lt_lanes acc, lt_lanes pairs, const int16_t *q) {
#if defined(LT_VNNI)
  return (lt_lanes)_mm512_dpwssd_epi32((__m512i)acc, (__m512i)pairs, _mm512_set1_epi32(lt_word(q)));
#elif defined(LT_AVX2)
  __m256i x = _mm256_set1_epi32(lt_word(q));
  union {
    lt_lanes v;
    __m256i h[2];
  } a, w;
  a.v = acc, w.v = pairs;
  a.h[0] = _mm256_add_epi32(a.h[0], _mm256_madd_epi16(w.h[0], x));
  a.h[1] = _mm256_add_epi32(a.h[1], _mm256_madd_epi16(w.h[1], x));
  return a.v;
#else
  return acc + ((pairs << 16) >> 16) * (int32_t)q[0] + (pairs >> 16) * (int32_t)q[1];
#endif
}

/* How s8 weights are kept: VNNI multiplies unsigned by signed bytes, so it wants w + 128. */
LT_INLINE lt_columns lt_signed(lt_columns w) {
#if defined(LT_VNNI)
  return w ^ (int32_t)0x80808080;
#else
  return w;
#endif
}

#if defined(LT_VNNI)

LT_INLINE lt_lanes lt_dot16(lt_lanes acc, lt_columns w, const int8_t *q) {
#define LT_DP(k)                                                                               \
  acc = (lt_lanes)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)LT_PART(w, k),                    \
                                      _mm512_set1_epi32(lt_word(q + 4 * k)));
  LT_DP(0) LT_DP(1) LT_DP(2) LT_DP(3)
  return acc;
}
LT_INLINE lt_lanes lt_dot32_s8(lt_columns a, lt_columns b, const int8_t *q, int32_t sum) {
  return lt_dot16(lt_dot16((lt_lanes){0} - 128 * sum, a, q), b, q + 16);
}

#elif defined(LT_AVX2)

typedef union {
  lt_columns c;
  __m256i p[8]; /* part k, rows 0 ... 7 at 2k, rows 8 ... 15 at 2k + 1 */
} lt_pieces;
typedef union {
  lt_lanes v;
  __m256i h[2];
} lt_halves;

#define LT_BROADCAST(k) _mm256_set1_epi32(lt_word(q + 4 * (k)))

/* The 16-bit sums of 16 columns (u4, u5), and of the first and last 8 (u6). */
LT_INLINE __m256i lt_sum16_h(const lt_pieces *w, int h, const int8_t *q) {
  __m256i a = _mm256_add_epi16(_mm256_maddubs_epi16(w->p[h], LT_BROADCAST(0)),
                               _mm256_maddubs_epi16(w->p[2 + h], LT_BROADCAST(1)));
  __m256i b = _mm256_add_epi16(_mm256_maddubs_epi16(w->p[4 + h], LT_BROADCAST(2)),
                               _mm256_maddubs_epi16(w->p[6 + h], LT_BROADCAST(3)));
  return _mm256_add_epi16(a, b);
}
LT_INLINE __m256i lt_u4_h(lt_pieces *a, lt_pieces *b, int h, const int8_t *q, __m256i scale) {
  __m256i s = _mm256_add_epi16(lt_sum16_h(a, h, q), lt_sum16_h(b, h, q + 16));
  return _mm256_madd_epi16(s, scale);
}
LT_INLINE __m256i lt_u5_h(lt_pieces *a, lt_pieces *b, int h, const int8_t *q, __m256i scale) {
  return _mm256_add_epi32(_mm256_madd_epi16(lt_sum16_h(a, h, q), scale),
                          _mm256_madd_epi16(lt_sum16_h(b, h, q + 16), scale));
}
LT_INLINE __m256i lt_u6_h(lt_pieces *w, int h, const int8_t *q, __m256i scale) {
  __m256i a = _mm256_add_epi16(_mm256_maddubs_epi16(w->p[h], LT_BROADCAST(0)),
                               _mm256_maddubs_epi16(w->p[2 + h], LT_BROADCAST(1)));
  __m256i b = _mm256_add_epi16(_mm256_maddubs_epi16(w->p[4 + h], LT_BROADCAST(2)),
                               _mm256_maddubs_epi16(w->p[6 + h], LT_BROADCAST(3)));
  return _mm256_add_epi32(_mm256_madd_epi16(a, scale), _mm256_madd_epi16(b, scale));
}
LT_INLINE __m256i lt_s8_h(__m256i acc, lt_pieces *w, int h, const int8_t *q) {
  __m256i ones = _mm256_set1_epi16(1);
#define LT_SIGNED(k)                                                                           \
  {                                                                                            \
    __m256i x = w->p[2 * k + h];                                                               \
    __m256i t = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(LT_BROADCAST(k), x)); \
    acc = _mm256_add_epi32(acc, _mm256_madd_epi16(t, ones));                                   \
  }
  LT_SIGNED(0) LT_SIGNED(1) LT_SIGNED(2) LT_SIGNED(3)
  return acc;
}
LT_INLINE lt_lanes lt_dot32_s8(lt_columns a, lt_columns b, const int8_t *q, int32_t sum) {
  (void)sum;
  lt_pieces u = {a}, v = {b};
  lt_halves r;
  r.h[0] = lt_s8_h(lt_s8_h(_mm256_setzero_si256(), &u, 0, q), &v, 0, q + 16);
  r.h[1] = lt_s8_h(lt_s8_h(_mm256_setzero_si256(), &u, 1, q), &v, 1, q + 16);
  return r.v;
}

#elif defined(LT_NEON)

typedef union {
  lt_columns c;
  int8x16_t p[16]; /* part k, rows 4g ... 4g + 3 at 4k + g */
} lt_pieces;
typedef union {
  lt_lanes v;
  int32x4_t p[4];
} lt_fours;

#if defined(LT_SDOT)
LT_INLINE int32x4_t lt_dot16_4(int32x4_t acc, const lt_pieces *w, int g, const int8_t *q) {
  int8x16_t x = vld1q_s8(q);
  acc = vdotq_laneq_s32(acc, w->p[g], x, 0);
  acc = vdotq_laneq_s32(acc, w->p[4 + g], x, 1);
  acc = vdotq_laneq_s32(acc, w->p[8 + g], x, 2);
  return vdotq_laneq_s32(acc, w->p[12 + g], x, 3);
}
LT_INLINE int32x4_t lt_dot16_s8_4(int32x4_t acc, const lt_pieces *w, int g, const int8_t *q) {
  return lt_dot16_4(acc, w, g, q);
}
#else
/* Parts k ... k + 1 of rows 4g ... 4g + 3 added in 16 bits to the sums of the rows' halves. */
LT_INLINE int16x8x2_t lt_two_parts(int16x8x2_t s, const lt_pieces *w, int g, int k,
                                   const int8_t *q) {
  for (int i = k; i < k + 2; i++) {
    int8x16_t x = vreinterpretq_s8_s32(vdupq_n_s32(lt_word(q + 4 * i)));
    s.val[0] = vmlal_s8(s.val[0], vget_low_s8(w->p[4 * i + g]), vget_low_s8(x));
    s.val[1] = vmlal_high_s8(s.val[1], w->p[4 * i + g], x);
  }
  return s;
}
/* acc + the 16-bit sums, four lanes of each row next to each other. */
LT_INLINE int32x4_t lt_add_fours(int32x4_t acc, int16x8x2_t s) {
  return vaddq_s32(acc, vpaddq_s32(vpaddlq_s16(s.val[0]), vpaddlq_s16(s.val[1])));
}
/* What fits in 16 bits here: four products of u4, u5 or u6, two of s8. */
LT_INLINE int32x4_t lt_dot16_4(int32x4_t acc, const lt_pieces *w, int g, const int8_t *q) {
  int16x8x2_t zero = {{vdupq_n_s16(0), vdupq_n_s16(0)}};
  return lt_add_fours(acc, lt_two_parts(lt_two_parts(zero, w, g, 0, q), w, g, 2, q));
}
LT_INLINE int32x4_t lt_dot16_s8_4(int32x4_t acc, const lt_pieces *w, int g, const int8_t *q) {
  int16x8x2_t zero = {{vdupq_n_s16(0), vdupq_n_s16(0)}};
  acc = lt_add_fours(acc, lt_two_parts(zero, w, g, 0, q));
  return lt_add_fours(acc, lt_two_parts(zero, w, g, 2, q));
}
#endif

LT_INLINE lt_lanes lt_dot16(lt_lanes acc, lt_columns w, const int8_t *q) {
  lt_pieces u = {w};
  lt_fours r = {acc};
  for (int g = 0; g < 4; g++) r.p[g] = lt_dot16_4(r.p[g], &u, g, q);
  return r.v;
}
LT_INLINE lt_lanes lt_dot32_s8(lt_columns a, lt_columns b, const int8_t *q, int32_t sum) {
  (void)sum;
  lt_pieces u = {a}, v = {b};
  lt_fours r = {{0}};
  for (int g = 0; g < 4; g++)
    r.p[g] = lt_dot16_s8_4(lt_dot16_s8_4(r.p[g], &u, g, q), &v, g, q + 16);
  return r.v;
}

#else

LT_INLINE lt_lanes lt_dot16(lt_lanes acc, lt_columns w, const int8_t *q) {
  union {
    lt_columns c;
    int8_t b[4][16][4]; /* part, row, column */
  } u;
  u.c = w;
  for (int k = 0; k < 4; k++)
    for (int i = 0; i < 16; i++)
      for (int j = 0; j < 4; j++) acc[i] += (int32_t)u.b[k][i][j] * (int32_t)q[4 * k + j];
  return acc;
}
LT_INLINE lt_lanes lt_dot32_s8(lt_columns a, lt_columns b, const int8_t *q, int32_t sum) {
  (void)sum;
  return lt_dot16(lt_dot16((lt_lanes){0}, a, q), b, q + 16);
}

#endif

/* The high halves of the bytes of `w`, times 2^lt_high_shift(): where unsigned bytes up to 240 may
 * be multiplied they stay in their places. */
LT_INLINE lt_columns lt_high_halves(lt_columns w) {
#if defined(LT_VNNI)
  return w & (int32_t)0xF0F0F0F0;
#else
  return lt_columns_right(w, 4) & 0x0F0F0F0F;
#endif
}
LT_INLINE int32_t lt_high_shift(void) {
#if defined(LT_VNNI)
  return 4;
#else
  return 0;
#endif
}

/* start + the dot product of columns 0 ... 15 in the low halves of `w`, 16 ... 31 in the high ones.
 * */
LT_INLINE lt_lanes lt_dot32_packed4(int32_t start, lt_columns w, const int8_t *q) {
  lt_columns a = w & 0x0F0F0F0F;
#if defined(LT_VNNI)
  /* Unsigned bytes may be 16 times too large: one shift of the sum instead of four of the weights.
   * Apart from the low halves, so that neither waits for the other. */
  lt_lanes high = lt_dot16((lt_lanes){0}, lt_high_halves(w), q + 16);
  return lt_dot16((lt_lanes){0} + start, a, q) + (high >> lt_high_shift());
#elif defined(LT_AVX2)
  lt_pieces u = {a}, v = {lt_high_halves(w)};
  __m256i one = _mm256_set1_epi16(1);
  lt_halves r;
  r.h[0] = lt_u4_h(&u, &v, 0, q, one), r.h[1] = lt_u4_h(&u, &v, 1, q, one);
  return r.v + start;
#else
  lt_lanes low = lt_dot16((lt_lanes){0} + start, a, q);
  return lt_dot16(low, lt_high_halves(w), q + 16);
#endif
}

/* Columns 0 ... 31 in `a` and `b`: their dot product with q. */
LT_INLINE lt_lanes lt_dot32_u5(lt_columns a, lt_columns b, const int8_t *q) {
#if defined(LT_AVX2)
  lt_pieces u = {a}, v = {b};
  __m256i one = _mm256_set1_epi16(1);
  lt_halves r;
  r.h[0] = lt_u5_h(&u, &v, 0, q, one), r.h[1] = lt_u5_h(&u, &v, 1, q, one);
  return r.v;
#else
  return lt_dot16(lt_dot16((lt_lanes){0}, a, q), b, q + 16);
#endif
}

/* acc + scale * (dot product), with a scale from lt_scale. */
LT_INLINE lt_lanes lt_dot32_u4_scaled(lt_lanes acc, lt_columns a, lt_columns b, const int8_t *q,
                                      lt_lanes scale) {
#if defined(LT_AVX2)
  lt_pieces u = {a}, v = {b};
  lt_halves r = {acc}, s = {scale};
  r.h[0] = _mm256_add_epi32(r.h[0], lt_u4_h(&u, &v, 0, q, s.h[0]));
  r.h[1] = _mm256_add_epi32(r.h[1], lt_u4_h(&u, &v, 1, q, s.h[1]));
  return r.v;
#else
  return acc + scale * lt_dot16(lt_dot16((lt_lanes){0}, a, q), b, q + 16);
#endif
}
LT_INLINE lt_lanes lt_dot32_u5_scaled(lt_lanes acc, lt_columns a, lt_columns b, const int8_t *q,
                                      lt_lanes scale) {
#if defined(LT_AVX2)
  lt_pieces u = {a}, v = {b};
  lt_halves r = {acc}, s = {scale};
  r.h[0] = _mm256_add_epi32(r.h[0], lt_u5_h(&u, &v, 0, q, s.h[0]));
  r.h[1] = _mm256_add_epi32(r.h[1], lt_u5_h(&u, &v, 1, q, s.h[1]));
  return r.v;
#else
  return acc + scale * lt_dot16(lt_dot16((lt_lanes){0}, a, q), b, q + 16);
#endif
}
/* The same for 16 columns; u4 takes what u5 may be. */
LT_INLINE lt_lanes lt_dot16_u4_scaled(lt_lanes acc, lt_columns w, const int8_t *q, lt_lanes scale) {
#if defined(LT_AVX2)
  lt_pieces u = {w};
  lt_halves r = {acc}, s = {scale};
  r.h[0] = _mm256_add_epi32(r.h[0], _mm256_madd_epi16(lt_sum16_h(&u, 0, q), s.h[0]));
  r.h[1] = _mm256_add_epi32(r.h[1], _mm256_madd_epi16(lt_sum16_h(&u, 1, q), s.h[1]));
  return r.v;
#else
  return acc + scale * lt_dot16((lt_lanes){0}, w, q);
#endif
}
LT_INLINE lt_lanes lt_dot16_u6_scaled(lt_lanes acc, lt_columns w, const int8_t *q, lt_lanes scale) {
#if defined(LT_AVX2)
  lt_pieces u = {w};
  lt_halves r = {acc}, s = {scale};
  r.h[0] = _mm256_add_epi32(r.h[0], lt_u6_h(&u, 0, q, s.h[0]));
  r.h[1] = _mm256_add_epi32(r.h[1], lt_u6_h(&u, 1, q, s.h[1]));
  return r.v;
#else
  return acc + scale * lt_dot16((lt_lanes){0}, w, q);
#endif
}

#endif
