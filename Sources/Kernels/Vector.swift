// Eight floats at a time, and the elementary functions that layers need, in plain arithmetic: the
// same instructions on every platform, so the same bits, whatever the C library.

import CPlatform
import LintelCore

package typealias Lanes = SIMD8<Float>

package typealias Floats = UnsafeMutablePointer<Float>
package typealias ConstFloats = UnsafePointer<Float>

extension UnsafeMutablePointer where Pointee == Float {
  @inline(__always) package func lanes(_ i: Int) -> Lanes {
    UnsafeRawPointer(self + i).loadUnaligned(as: Lanes.self)
  }
  @inline(__always) package func store(_ v: Lanes, _ i: Int) {
    UnsafeMutableRawPointer(self + i).storeBytes(of: v, as: Lanes.self)
  }
  /// In one move; in Embedded mode the library's update(from:count:) calls a function for every float.
  @inline(__always) package func copy(from: UnsafePointer<Float>, count: Int) {
    UnsafeMutableRawPointer(self).copyMemory(from: from, byteCount: count &* 4)
  }
  /// The first `count` (1 to 8) floats at `i`, zeros after them.
  @inline(__always) package func lanes(_ i: Int, count: Int) -> Lanes {
    if count >= 8 { return lanes(i) }
    var v = Lanes(repeating: 0)
    for j in 0..<count { v[j] = self[i + j] }
    return v
  }
  @inline(__always) package func store(_ v: Lanes, _ i: Int, count: Int) {
    if count >= 8 {
      store(v, i)
    } else {
      for j in 0..<count { self[i + j] = v[j] }
    }
  }
}

extension UnsafePointer where Pointee == Float {
  @inline(__always) package func lanes(_ i: Int) -> Lanes {
    UnsafeRawPointer(self + i).loadUnaligned(as: Lanes.self)
  }
  @inline(__always) package func lanes(_ i: Int, count: Int) -> Lanes {
    if count >= 8 { return lanes(i) }
    var v = Lanes(repeating: 0)
    for j in 0..<count { v[j] = self[i + j] }
    return v
  }
}

extension SIMD8 where Scalar == Float {
  /// Adds pairwise, always in the same order.
  @inline(__always) package func total() -> Float {
    let a = lowHalf + highHalf
    let b = a.lowHalf + a.highHalf
    return b[0] + b[1]
  }

  @inline(__always) package func greatest() -> Float {
    lt_eight_greatest(self)
  }
}

package enum Elementary {
  /// e^x. Cody-Waite reduction to |r| <= ln2/2, then a degree 6 polynomial (the minimax
  /// coefficients of Cephes' expf). Below -87.3 the result is 0, above 88.3 it saturates; NaN
  /// stays NaN. Within 2 ulp.
  @inline(__always) package static func exp(_ x: Lanes) -> Lanes {
    let top = Lanes(repeating: 88.37)
    let bottom = Lanes(repeating: -87.33)
    let v = lt_eight_where_less(x, bottom, bottom, lt_eight_where_less(top, x, top, x))
    // Round to nearest by the 1.5 * 2^23 shift; the integer is then in the low mantissa bits.
    let shift = Lanes(repeating: 12_582_912)
    let shifted = shift.addingProduct(v, Lanes(repeating: 1.442_695_04))
    let n = shifted - shift
    var r = v.addingProduct(n, Lanes(repeating: -0.693_359_375))
    r = r.addingProduct(n, Lanes(repeating: 2.121_944_4e-4))
    var p = Lanes(repeating: 1.987_569_15e-4)
    p = Lanes(repeating: 1.398_199_950_7e-3).addingProduct(p, r)
    p = Lanes(repeating: 8.333_451_907_3e-3).addingProduct(p, r)
    p = Lanes(repeating: 4.166_579_589_4e-2).addingProduct(p, r)
    p = Lanes(repeating: 1.666_666_545_9e-1).addingProduct(p, r)
    p = Lanes(repeating: 5.000_000_120_1e-1).addingProduct(p, r)
    var y = (r + 1).addingProduct(p, r * r)
    let bits = unsafeBitCast(shifted, to: SIMD8<Int32>.self) &<< 23
    y = unsafeBitCast(unsafeBitCast(y, to: SIMD8<Int32>.self) &+ bits, to: Lanes.self)
    return lt_eight_where_nan(x, x, lt_eight_where_less(x, bottom, Lanes(repeating: 0), y))
  }

  @inline(__always) package static func exp(_ x: Float) -> Float {
    exp(Lanes(repeating: x))[0]
  }

  /// log(1 + e^x). With y = e^x and u = 1 + y rounded, log(u) + (y - (u - 1)) / u; log(u) as
  /// k ln2 + log(m), m in [sqrt 1/2, sqrt 2), by the minimax coefficients of Cephes' logf. x itself
  /// above 20, where they agree to the last bit. Within 3 ulp.
  @inline(__always) package static func softplus(_ x: Lanes) -> Lanes {
    let one = Lanes(repeating: 1)
    let y = exp(x)
    let u = one + y
    var bits = unsafeBitCast(u, to: SIMD8<Int32>.self)
    // The exponent counted from sqrt 1/2.
    let offset = bits &- SIMD8<Int32>(repeating: 0x3F35_04F3)
    let k = Lanes(offset &>> 23)
    bits = bits &- (offset & SIMD8<Int32>(repeating: -0x80_0000))
    let f = unsafeBitCast(bits, to: Lanes.self) - one
    var p = Lanes(repeating: 7.037_683_629_2e-2)
    p = Lanes(repeating: -1.151_461_031_0e-1).addingProduct(p, f)
    p = Lanes(repeating: 1.167_699_874_0e-1).addingProduct(p, f)
    p = Lanes(repeating: -1.242_014_084_6e-1).addingProduct(p, f)
    p = Lanes(repeating: 1.424_932_278_7e-1).addingProduct(p, f)
    p = Lanes(repeating: -1.666_805_766_5e-1).addingProduct(p, f)
    p = Lanes(repeating: 2.000_071_476_5e-1).addingProduct(p, f)
    p = Lanes(repeating: -2.499_999_399_3e-1).addingProduct(p, f)
    p = Lanes(repeating: 3.333_333_117_4e-1).addingProduct(p, f)
    let square = f * f
    var log = p * f * square
    log = log.addingProduct(k, Lanes(repeating: -2.121_944_4e-4))
    log = log.addingProduct(square, Lanes(repeating: -0.5)) + f
    log = log.addingProduct(k, Lanes(repeating: 0.693_359_375))
    let r = log + (y - (u - one)) / u
    return lt_eight_where_nan(x, x, lt_eight_where_less(Lanes(repeating: 20), x, x, r))
  }

  @inline(__always) package static func softplus(_ x: Float) -> Float {
    softplus(Lanes(repeating: x))[0]
  }

  @inline(__always) package static func sigmoid(_ x: Lanes) -> Lanes {
    1 / (1 + exp(-x))
  }

  @inline(__always) package static func sigmoid(_ x: Float) -> Float {
    sigmoid(Lanes(repeating: x))[0]
  }

  @inline(__always) package static func silu(_ x: Lanes) -> Lanes {
    x / (1 + exp(-x))
  }
}
