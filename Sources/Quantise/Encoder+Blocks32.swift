// Blocks of 32 columns with one half precision scale.

import CPlatform
import LintelCore

extension Encoder {
  /// The integers of x, clamp(round((x - c) inverse), low, high) + offset, into `quants`.
  @inline(__always)
  func integers(
    _ x: Values, vectors: Int, at: Int = 0, c: Float = 0, inverse: Float, low: Float, high: Float,
    offset: Float
  ) {
    for v in 0..<vectors {
      let q = clamp(nearest((x[v] - c) * inverse), low, high) + offset
      for i in 0..<16 { quants[at + 16 * v + i] = UInt8(truncatingIfNeeded: Int32(q[i])) }
    }
  }

  func q8_0(_ x: UnsafePointer<Float>, _ p: UnsafeMutablePointer<UInt8>) -> Bool {
    let largest = extreme(values(x), vectors: 2).magnitude
    let d = storeHalf(largest / 127, p)
    // By the scale as stored: it may be rounded down, so that the largest is clamped.
    integers(
      values(x), vectors: 2, inverse: inverse(d), low: -127, high: 127, offset: 0)
    for j in 0..<32 { p[2 + j] = quants[j] }
    return d.isFinite
  }

  func q4_0(_ x: UnsafePointer<Float>, _ p: UnsafeMutablePointer<UInt8>) -> Bool {
    let d = storeHalf(Search.symmetric(values(x), vectors: 2, n: 8), p)
    integers(values(x), vectors: 2, inverse: inverse(d), low: -8, high: 7, offset: 8)
    storeNibbles(p + 2)
    return d.isFinite
  }

  func q5_0(_ x: UnsafePointer<Float>, _ p: UnsafeMutablePointer<UInt8>) -> Bool {
    let d = storeHalf(Search.symmetric(values(x), vectors: 2, n: 16), p)
    integers(values(x), vectors: 2, inverse: inverse(d), low: -16, high: 15, offset: 16)
    storeFifths(p + 2)
    storeNibbles(p + 6)
    return d.isFinite
  }

  func q5_1(_ x: UnsafePointer<Float>, _ p: UnsafeMutablePointer<UInt8>) -> Bool {
    let found = Search.affine(values(x), vectors: 2, top: 31, belowZero: false)
    let d = storeHalf(found.d, p)
    let c = storeHalf(found.c, p + 2)
    integers(values(x), vectors: 2, c: c, inverse: inverse(d), low: 0, high: 31, offset: 0)
    storeFifths(p + 4)
    storeNibbles(p + 8)
    return d.isFinite && c.isFinite
  }

  func iq4_nl(_ x: UnsafePointer<Float>, _ p: UnsafeMutablePointer<UInt8>) -> Bool {
    let d = storeHalf(Search.nonlinear(values(x), vectors: 2), p)
    let inverse = inverse(d)
    for j in 0..<32 { quants[j] = NonlinearTable.index(x[j] * inverse) }
    storeNibbles(p + 2)
    return d.isFinite
  }

  /// Columns 0 ... 15 in the low halves, 16 ... 31 in the high ones.
  private func storeNibbles(_ p: UnsafeMutablePointer<UInt8>) {
    for j in 0..<16 { p[j] = quants[j] & 15 | (quants[16 + j] & 15) << 4 }
  }

  /// The fifth bits, column j's at bit j.
  private func storeFifths(_ p: UnsafeMutablePointer<UInt8>) {
    for i in 0..<4 {
      var bits: UInt8 = 0
      for j in 0..<8 { bits |= (quants[8 * i + j] >> 4 & 1) << UInt8(j) }
      p[i] = bits
    }
  }
}
