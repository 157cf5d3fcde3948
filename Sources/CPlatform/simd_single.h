/* One activation row: whole blocks of sixteen weight rows. Included by simd.h only.
 *
 * All sums are exact integers, so the results are those of the panel kernels. What differs is that
 * nothing is kept for further activation rows, and that the requests for later weights are dealt
 * out evenly: from memory the best that a core can do is to have its miss buffers full and never
 * overfull, and requests for nine lines in a row lose some of them. */
#ifndef LINTEL_SIMD_SINGLE_H
#define LINTEL_SIMD_SINGLE_H

/* Whether this machine's body has the functions below; callers use the panel kernels elsewhere. */
LT_INLINE int32_t lt_has_single(void) {
#if defined(LT_VNNI)
  return 1;
#else
  return 0;
#endif
}

#if defined(LT_VNNI)

/* Lanes of two rows, halved: a's at even, b's at odd places of every quarter. */
LT_INLINE __m512i lt_merge1(__m512i a, __m512i b) {
  return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}
LT_INLINE __m512i lt_merge2(__m512i ab, __m512i cd) {
  return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}
/* Quarters of two groups of rows, halved. */
LT_INLINE __m512i lt_merge4(__m512i a, __m512i b) {
  return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xDD));
}

/* acc + the products of 16-bit words, added in pairs. The compiler would part this instruction into
 * a multiplication and an addition. */
LT_INLINE __m512i lt_add_words(__m512i acc, __m512i a, __m512i b) {
  __asm__("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
  return acc;
}

/* ---- Q6_K ----
 *
 * With several activation rows the transposition of a panel pays, because a block is unpacked once
 * for all of them. With one it is most of the work: here a row's bytes are multiplied where they
 * lie, and only the sums of the sixteen rows are transposed, sixteen vectors into one. */

typedef struct {
  __m512i x0, x1, x2, x3;     /* 256 activations */
  __m512i at0, at1, at2, at3; /* which scale each pair of them has */
  __m512i sums;               /* -16 times their sums of sixteen, twice: minus 32 times the sums */
} lt_q6_k;

/* A matrix for _mm512_gf2p8affine_epi64_epi8 that moves bits n and n + 1 of a byte to 4 and 5 and
 * clears the others: its byte 7 - i says which bits bit i is the sum of. */
#define LT_TO_4(n) (1LL << (n + 24) | 1LL << (n + 17))
/* The first 32 bytes by one matrix, the others by another. */
#define LT_MATRICES(n, m)                                                                      \
  _mm512_setr_epi64(LT_TO_4(n), LT_TO_4(n), LT_TO_4(n), LT_TO_4(n), LT_TO_4(m), LT_TO_4(m),    \
                    LT_TO_4(m), LT_TO_4(m))

/* The block of one row, whose layout is told in Q6_K.swift: sixteen sums that add up to its
 * integer, less 32 times the scaled activations. */
LT_INLINE __m512i lt_q6_k_row(const uint8_t *w, const lt_q6_k *c) {
  const __m512i nibbles = _mm512_set1_epi8(0x0F);
  const __m512i low = LT_MATRICES(0, 2), high = LT_MATRICES(4, 6);
  __m512i scales = _mm512_cvtepi8_epi16(
      _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(w + 192))));
  __m512i s = lt_add_words(_mm512_setzero_si512(), scales, c->sums);
  __m512i q = _mm512_loadu_si512(w);
  __m512i h = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(w + 128)));
#define LT_SIX(q, h, matrices)                                                                 \
  _mm512_ternarylogic_epi64(q, nibbles, _mm512_gf2p8affine_epi64_epi8(h, matrices, 0), 0xEA)
#define LT_SCALED(w6, k)                                                                       \
  s = lt_add_words(s, _mm512_maddubs_epi16(w6, c->x##k), _mm512_permutexvar_epi16(c->at##k, scales));
  LT_SCALED(LT_SIX(q, h, low), 0)
  LT_SCALED(LT_SIX(_mm512_srli_epi16(q, 4), h, high), 1)
  q = _mm512_loadu_si512(w + 64);
  h = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(w + 160)));
  LT_SCALED(LT_SIX(q, h, low), 2)
  LT_SCALED(LT_SIX(_mm512_srli_epi16(q, 4), h, high), 3)
  return s;
}

/* The integers of a block of sixteen rows times the activations `q`, whose sums of sixteen are
 * `sums16`. Asks for later weights on the way. */
LT_INLINE lt_lanes lt_single_q6_k(lt_panel p, const int8_t *q, const int16_t *sums16) {
#define LT_AT(g) ((int64_t)(g) * 0x0001000100010001)
#define LT_ATS(g)                                                                              \
  _mm512_setr_epi64(LT_AT(g), LT_AT(g), LT_AT(g + 1), LT_AT(g + 1), LT_AT(g + 2), LT_AT(g + 2), \
                    LT_AT(g + 3), LT_AT(g + 3))
  lt_q6_k c = {.at0 = LT_ATS(0), .at1 = LT_ATS(4), .at2 = LT_ATS(8), .at3 = LT_ATS(12)};
  c.x0 = _mm512_loadu_si512(q), c.x1 = _mm512_loadu_si512(q + 64);
  c.x2 = _mm512_loadu_si512(q + 128), c.x3 = _mm512_loadu_si512(q + 192);
  __m512i sums = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)sums16));
  c.sums = _mm512_sub_epi16(_mm512_setzero_si512(), _mm512_slli_epi16(sums, 4));
  const uint8_t *groups[4] = {p.group0, p.group1, p.group2, p.group3};
  __m512i fours[4], pairs[2], rows[2];
#pragma clang loop unroll(full)
  for (int r = 0; r < 16; r++) {
    lt_prefetch_part(p, 210, r, 16);
    rows[r & 1] = lt_q6_k_row(groups[r / 4] + (r & 3) * p.stride, &c);
    if (r & 1) pairs[(r >> 1) & 1] = lt_merge1(rows[0], rows[1]);
    if ((r & 3) == 3) fours[r / 4] = lt_merge2(pairs[0], pairs[1]);
  }
  return (lt_lanes)lt_merge4(lt_merge4(fours[0], fours[1]), lt_merge4(fours[2], fours[3]));
}

/* ---- Q4_K ---- */

/* 16 times the integers of a block of sixteen rows times the activations `q`; `scales03` and
 * `scales47` have the scales of the sub-blocks in their bytes. Halves of bytes stay in their
 * places, so that no vector of weights is shifted: the high ones count 16 times, and the scales of
 * the others do. */
LT_INLINE lt_lanes lt_single_q4_k_16(lt_panel p, const int8_t *q, lt_lanes scales03,
                                     lt_lanes scales47) {
  lt_lanes sum = lt_zero();
#pragma clang loop unroll(full)
  for (int part = 0; part < 4; part++) {
    const int8_t *x = q + 64 * part;
    lt_lanes even[4], odd[4], scales = part < 2 ? scales03 : scales47;
    {
      LT_PAIRS(p.group0, p.group1, 16 + 32 * part)
      LT_TRANSPOSE(a, b, c, d)
      even[0] = t0, even[1] = t1, even[2] = t2, even[3] = t3;
    }
    lt_prefetch_part(p, 144, 4 * part, 16);
    {
      LT_PAIRS(p.group2, p.group3, 16 + 32 * part)
      LT_TRANSPOSE(a, b, c, d)
      odd[0] = t0, odd[1] = t1, odd[2] = t2, odd[3] = t3;
    }
    lt_prefetch_part(p, 144, 4 * part + 1, 16);
    lt_columns low = LT_CROSS(LT_Q02), high = LT_CROSS(LT_Q13);
    lt_lanes scale = (part & 1 ? lt_shift_right(scales, 12) : scales << 4) & 0xFF0;
    sum += scale * lt_dot16(lt_dot16(lt_zero(), low & 0x0F0F0F0F, x), high & 0x0F0F0F0F, x + 16);
    lt_prefetch_part(p, 144, 4 * part + 2, 16);
    scale = lt_shift_right(scales, part & 1 ? 24 : 8) & 0xFF;
    const int32_t in_place = (int32_t)0xF0F0F0F0;
    sum += scale * lt_dot16(lt_dot16(lt_zero(), low & in_place, x + 32), high & in_place, x + 48);
    lt_prefetch_part(p, 144, 4 * part + 3, 16);
    /* The compiler would gather the loads of all quarters at the beginning. */
    __asm__ volatile("" : "+v"(sum));
  }
  return sum;
}

#else

LT_INLINE lt_lanes lt_single_q6_k(lt_panel p, const int8_t *q, const int16_t *sums16) {
  (void)p, (void)q, (void)sums16;
  return lt_zero();
}

LT_INLINE lt_lanes lt_single_q4_k_16(lt_panel p, const int8_t *q, lt_lanes scales03,
                                     lt_lanes scales47) {
  (void)p, (void)q, (void)scales03, (void)scales47;
  return lt_zero();
}

#endif

#endif
