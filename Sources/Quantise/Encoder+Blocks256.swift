// Blocks of 256 columns in sub-blocks, whose scales are small integers times the block's own.
//
// First every sub-block is searched alone; the block's scale comes from the largest; then every
// sub-block takes, among the integers next to its rounded ones, those with the least error.

import CPlatform
import LintelCore

extension Encoder {
  /// Q4_K and Q5_K, integers 0 ... top: x ~ (d s) q - (e m), with s and m in 0 ... 63.
  func fourOrFive(
    _ x: UnsafePointer<Float>, _ p: UnsafeMutablePointer<UInt8>, top: Float
  ) -> Bool {
    var scales = SIMD8<Float>(), minimums = SIMD8<Float>()
    for j in 0..<8 {
      let found = Search.affine(values(x + 32 * j), vectors: 2, top: top, belowZero: true)
      scales[j] = found.d
      minimums[j] = -found.c
    }
    let d = storeHalf(scales.max() / 63, p), e = storeHalf(minimums.max() / 63, p + 2)
    var s = SIMD8<UInt8>(), m = SIMD8<UInt8>()
    for j in 0..<8 {
      let sub = values(x + 32 * j)
      let nearS = (scales[j] * inverse(d)).rounded(), nearM = (minimums[j] * inverse(e)).rounded()
      var least = Float.infinity
      for a in -1...1 {
        for b in -1...1 {
          let s1 = nearS + Float(a), m1 = nearM + Float(b)
          if s1 < 0 || s1 > 63 || m1 < 0 || m1 > 63 { continue }
          let error = affineError(sub, d: d * s1, c: -e * m1, top: top)
          if error < least {
            least = error
            s[j] = UInt8(s1)
            m[j] = UInt8(m1)
          }
        }
      }
      integers(
        sub, vectors: 2, at: 32 * j, c: -e * Float(m[j]), inverse: inverse(d * Float(s[j])),
        low: 0, high: top, offset: 0)
    }
    storeSixBits(s, m, p + 4)
    if top == 15 {
      storePairs(p + 16)
    } else {
      for l in 0..<32 {
        var bits: UInt8 = 0
        for j in 0..<8 { bits |= (quants[32 * j + l] >> 4) << UInt8(j) }
        p[16 + l] = bits
      }
      storePairs(p + 48)
    }
    return d.isFinite && e.isFinite
  }

  /// sum((d q + c - x)^2) with the nearest integers q of 0 ... top, for 32 columns.
  @inline(__always)
  private func affineError(_ x: Values, d: Float, c: Float, top: Float) -> Float {
    let inverse = inverse(d)
    var sum = lt_floats()
    for v in 0..<2 {
      let q = clamp(nearest((x[v] - c) * inverse), 0, top)
      let error = lt_fma_all(q, d, c - x[v])
      sum = lt_fma(error, error, sum)
    }
    return lt_sum_floats(sum)
  }

  /// Sub-blocks 2c and 2c + 1 share bytes: low halves and high halves.
  private func storePairs(_ p: UnsafeMutablePointer<UInt8>) {
    for c in 0..<4 {
      for l in 0..<32 {
        p[32 * c + l] = quants[64 * c + l] & 15 | (quants[64 * c + 32 + l] & 15) << 4
      }
    }
  }

  /// Eight pairs of six bits in twelve bytes: the first four as they are, the upper two bits of the
  /// last four above them.
  private func storeSixBits(
    _ s: SIMD8<UInt8>, _ m: SIMD8<UInt8>, _ p: UnsafeMutablePointer<UInt8>
  ) {
    for j in 0..<4 {
      p[j] = s[j] | (s[j + 4] >> 4) << 6
      p[j + 4] = m[j] | (m[j + 4] >> 4) << 6
      p[j + 8] = s[j + 4] & 15 | (m[j + 4] & 15) << 4
    }
  }

  /// x ~ (d s) q, with s in -128 ... 127 for each 16 columns and q in -32 ... 31.
  func q6_k(_ x: UnsafePointer<Float>, _ p: UnsafeMutablePointer<UInt8>) -> Bool {
    var scales = lt_floats()
    for j in 0..<16 { scales[j] = Search.symmetric(values(x + 16 * j), vectors: 1, n: 32) }
    let largest = -scales.min() > scales.max() ? scales.min() : scales.max()
    let d = storeHalf(largest / -128, p + 208)
    for j in 0..<16 {
      let sub = values(x + 16 * j)
      let near = (scales[j] * inverse(d)).rounded()
      var least = Float.infinity
      var s: Float = 0
      for a in -1...1 {
        let s1 = near + Float(a)
        if s1 < -128 || s1 > 127 { continue }
        let q = clamp(nearest(sub[0] * inverse(d * s1)), -32, 31)
        let error = lt_fma_all(q, d * s1, -sub[0])
        let sum = lt_sum_floats(error * error)
        if sum < least {
          least = sum
          s = s1
        }
      }
      p[192 + j] = UInt8(bitPattern: Int8(s))
      integers(
        sub, vectors: 1, at: 16 * j, inverse: inverse(d * s), low: -32, high: 31, offset: 32)
    }
    for n in 0..<2 {
      let q = quants + 128 * n
      for l in 0..<32 {
        p[64 * n + l] = q[l] & 15 | (q[64 + l] & 15) << 4
        p[64 * n + 32 + l] = q[32 + l] & 15 | (q[96 + l] & 15) << 4
        p[128 + 32 * n + l] =
          q[l] >> 4 | (q[32 + l] >> 4) << 2 | (q[64 + l] >> 4) << 4 | (q[96 + l] >> 4) << 6
      }
    }
    return d.isFinite
  }
}
