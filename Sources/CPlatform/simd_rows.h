/* Sixteen weight rows on their way from the file into vectors: loads, transposition, bit fields.
 * Included by simd.h only. */
#ifndef LINTEL_SIMD_ROWS_H
#define LINTEL_SIMD_ROWS_H

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
  lt_lanes ab_lo = __builtin_shufflevector(a, b, LT_LOW);                                      \
  lt_lanes ab_hi = __builtin_shufflevector(a, b, LT_HIGH);                                     \
  lt_lanes cd_lo = __builtin_shufflevector(c, d, LT_LOW);                                      \
  lt_lanes cd_hi = __builtin_shufflevector(c, d, LT_HIGH);                                     \
  lt_lanes t0 = __builtin_shufflevector(ab_lo, cd_lo, LT_LOW2);                                \
  lt_lanes t1 = __builtin_shufflevector(ab_lo, cd_lo, LT_HIGH2);                               \
  lt_lanes t2 = __builtin_shufflevector(ab_hi, cd_hi, LT_LOW2);                                \
  lt_lanes t3 = __builtin_shufflevector(ab_hi, cd_hi, LT_HIGH2);
#define LT_LOW 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define LT_HIGH 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define LT_LOW2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define LT_HIGH2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31

LT_INLINE int16_t lt_short(const uint8_t *p) {
  int16_t x;
  memcpy(&x, p, 2);
  return x;
}

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

/* The 16-bit word at `at` of sixteen rows, as half precision numbers. With AVX-512 only
 * those words are read, which takes fewer shuffles than the other bodies' transposition of sixteen bytes. */
LT_INLINE lt_floats lt_half_of_rows(lt_panel p, ptrdiff_t at) {
#if defined(LT_VNNI)
#define LT_W(g, i) lt_short(p.group##g + at + i * p.stride)
  __m128i a = _mm_setr_epi16(LT_W(0, 0), LT_W(0, 1), LT_W(0, 2), LT_W(0, 3), LT_W(1, 0), LT_W(1, 1),
                             LT_W(1, 2), LT_W(1, 3));
  __m128i b = _mm_setr_epi16(LT_W(2, 0), LT_W(2, 1), LT_W(2, 2), LT_W(2, 3), LT_W(3, 0), LT_W(3, 1),
                             LT_W(3, 2), LT_W(3, 3));
  return (lt_floats)_mm512_cvtph_ps(_mm256_set_m128i(b, a));
#else
  return lt_half_low(lt_part0(lt_rows16(p, at)));
#endif
}

LT_INLINE lt_lanes lt_pair_of_groups(const uint8_t *a, const uint8_t *b, ptrdiff_t at) {
  return __builtin_shufflevector(lt_load32(a + at), lt_load32(b + at), LT_16(LT_I));
}
/* Lanes a, b, c, d with bytes offset ..< offset + 32 of rows 0, 1, 2, 3 of two groups. */
#define LT_PAIRS(g, h, offset)                                                                 \
  lt_lanes a = lt_pair_of_groups(g, h, offset);                                                \
  lt_lanes b = lt_pair_of_groups(g, h, offset + p.stride);                                     \
  lt_lanes c = lt_pair_of_groups(g, h, offset + 2 * p.stride);                                 \
  lt_lanes d = lt_pair_of_groups(g, h, offset + 3 * p.stride);
/* The first, or the last, sixteen bytes' columns of sixteen rows: `even` has groups 0 and 1, transposed
 * in quarters, `odd` 2 and 3. */
#define LT_Q02 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27
#define LT_Q13 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31
#define LT_CROSS(q)                                                                            \
  lt_join(__builtin_shufflevector(even[0], odd[0], q),                                         \
          __builtin_shufflevector(even[1], odd[1], q),                                         \
          __builtin_shufflevector(even[2], odd[2], q),                                         \
          __builtin_shufflevector(even[3], odd[3], q))
/* Bytes offset ..< offset + 32 of sixteen rows; `low` gets the first sixteen bytes' columns. */
LT_INLINE void lt_rows32(lt_panel p, ptrdiff_t offset, void *low, void *high) {
  lt_lanes even[4], odd[4];
  {
    LT_PAIRS(p.group0, p.group1, offset)
    LT_TRANSPOSE(a, b, c, d)
    even[0] = t0, even[1] = t1, even[2] = t2, even[3] = t3;
  }
  {
    LT_PAIRS(p.group2, p.group3, offset)
    LT_TRANSPOSE(a, b, c, d)
    odd[0] = t0, odd[1] = t1, odd[2] = t2, odd[3] = t3;
  }
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

/* Bits n ... n + 3 of every lane, n a multiple of 4, each as bit 4 of one of the lane's bytes. */
LT_INLINE lt_lanes lt_spread_bits(lt_lanes h, int32_t n) {
#if defined(LT_VNNI)
  /* byte j gets the eight bits of its 64-bit word from bit n + j - 4 on, around the end if need be */
  int64_t from = ((int64_t)((n - 4) & 63)) * 0x01010101 + 0x03020100;
  int64_t from_odd = ((int64_t)((n + 28) & 63)) * 0x01010101 + 0x03020100;
  __m512i at = _mm512_set1_epi64((from & 0x3F3F3F3F) | (from_odd & 0x3F3F3F3F) << 32);
  return (lt_lanes)_mm512_multishift_epi64_epi8(at, (__m512i)h) & 0x10101010;
#elif defined(LT_AVX2)
  /* the byte that holds the bits, four times; then one bit of each */
  __m256i copy = _mm256_add_epi8(
      _mm256_set1_epi8((char)(n / 8)),
      _mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0C0C0C0C, 0, 0x04040404, 0x08080808,
                        0x0C0C0C0C));
  __m256i bits = _mm256_set1_epi32(n % 8 ? (int32_t)0x80402010 : 0x08040201);
  union {
    lt_lanes v;
    __m256i h[2];
  } u;
  u.v = h;
  for (int i = 0; i < 2; i++) {
    __m256i x = _mm256_and_si256(_mm256_shuffle_epi8(u.h[i], copy), bits);
    u.h[i] = _mm256_and_si256(_mm256_cmpeq_epi8(x, bits), _mm256_set1_epi8(16));
  }
  return u.v;
#else
  lt_lanes x = lt_shift_right(h, n) & 15;
  /* copies of x at bits 0, 7, 14 and 21 put bit j of copy j at bit 8j */
  return ((x * 0x00204081) & 0x01010101) << 4;
#endif
}

/* Bytes 0 and 1, or 2 and 3, of every lane as two int16; and the same for signed bytes. */
LT_INLINE lt_lanes lt_pair_low(lt_lanes a) { return (a & 0xFF) | ((a & 0xFF00) << 8); }
LT_INLINE lt_lanes lt_pair_high(lt_lanes a) { return lt_pair_low(lt_shift_right(a, 16)); }
LT_INLINE lt_lanes lt_signed_pair_low(lt_lanes a) {
  typedef int16_t s16x32 __attribute__((vector_size(64)));
  return (lt_lanes)(((s16x32)lt_pair_low(a) << 8) >> 8);
}
LT_INLINE lt_lanes lt_signed_pair_high(lt_lanes a) {
  return lt_signed_pair_low(lt_shift_right(a, 16));
}

#endif
