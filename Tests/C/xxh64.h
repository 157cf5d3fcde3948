/* XXH64 of bytes that are all there, by its specification: the checksum of snapshots. */
#ifndef XXH64_H
#define XXH64_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const uint64_t xxh_p1 = 0x9E3779B185EBCA87u, xxh_p2 = 0xC2B2AE3D27D4EB4Fu,
                      xxh_p3 = 0x165667B19E3779F9u, xxh_p4 = 0x85EBCA77C2B2AE63u,
                      xxh_p5 = 0x27D4EB2F165667C5u;

static inline uint64_t xxh_rotate(uint64_t x, int n) { return x << n | x >> (64 - n); }

static inline uint64_t xxh_round(uint64_t lane, uint64_t word) {
  return xxh_rotate(lane + word * xxh_p2, 31) * xxh_p1;
}

static inline uint64_t xxh_word(const unsigned char *p, unsigned bytes) {
  uint64_t v = 0;
  for (unsigned i = 0; i < bytes; i++) v |= (uint64_t)p[i] << 8 * i;
  return v;
}

static inline uint64_t xxh64(const void *bytes, size_t count) {
  const unsigned char *p = bytes, *const end = p + count;
  uint64_t h = xxh_p5;
  if (count >= 32) {
    uint64_t lane[4] = {xxh_p1 + xxh_p2, xxh_p2, 0, 0 - xxh_p1};
    for (; end - p >= 32; p += 32)
      for (int i = 0; i < 4; i++) lane[i] = xxh_round(lane[i], xxh_word(p + 8 * i, 8));
    h = xxh_rotate(lane[0], 1) + xxh_rotate(lane[1], 7) + xxh_rotate(lane[2], 12) +
        xxh_rotate(lane[3], 18);
    for (int i = 0; i < 4; i++) h = (h ^ xxh_round(0, lane[i])) * xxh_p1 + xxh_p4;
  }
  h += count;
  for (; end - p >= 8; p += 8) h = xxh_rotate(h ^ xxh_round(0, xxh_word(p, 8)), 27) * xxh_p1 + xxh_p4;
  for (; end - p >= 4; p += 4) h = xxh_rotate(h ^ xxh_word(p, 4) * xxh_p1, 23) * xxh_p2 + xxh_p3;
  for (; p < end; p++) h = xxh_rotate(h ^ *p * xxh_p5, 11) * xxh_p1;
  h = (h ^ h >> 33) * xxh_p2;
  h = (h ^ h >> 29) * xxh_p3;
  return h ^ h >> 32;
}

#endif
