// Layer normalisation of rows, and the elementary functions that image networks need beside those of
// Vector.swift.
//
//     y = (x - mean) / sqrt(variance + ε) · w + b
//
// Two passes, so that a large mean costs no precision; sums over eight interleaved accumulators.

import CPlatform
import LintelCore

extension Norm {
  /// `into` may be `x`.
  package static func layer(
    _ x: Floats, _ weight: ConstFloats, _ bias: ConstFloats, _ epsilon: Float, _ count: Int,
    into y: Floats
  ) {
    // Whole vectors first: with a width of 8 n nothing asks how many are left.
    let whole = count & ~7
    var sum = Lanes(repeating: 0)
    var i = 0
    while i < whole {
      sum += x.lanes(i)
      i &+= 8
    }
    if i < count { sum += x.lanes(i, count: count &- i) }
    let mean = sum.total() / Float(count)
    var squares = Lanes(repeating: 0)
    i = 0
    while i < whole {
      let d = x.lanes(i) - mean
      squares = squares.addingProduct(d, d)
      i &+= 8
    }
    var square = squares.total()
    while i < count {
      let d = x[i] - mean
      square += d * d
      i &+= 1
    }
    let scale = 1 / lt_sqrtf(square / Float(count) + epsilon)
    i = 0
    while i < whole {
      let v = (x.lanes(i) - mean) * scale
      y.store(bias.lanes(i).addingProduct(v, weight.lanes(i)), i)
      i &+= 8
    }
    if i < count {
      let n = count &- i
      let v = (x.lanes(i, count: n) - mean) * scale
      y.store(bias.lanes(i, count: n).addingProduct(v, weight.lanes(i, count: n)), i, count: n)
    }
  }
}

extension Elementary {
  /// x · Φ(x) = x / 2 · (1 + erf(x / √2)). erf as an odd rational function, fitted to the least largest
  /// error on |x| < 3.92, beyond which erf is 1 to the last bit: within 3e-7 of erf.
  @inline(__always) package static func gelu(_ x: Lanes) -> Lanes {
    let limit = Lanes(repeating: 3.92)
    var v = x * 0.707_106_77
    v = lt_eight_where_less(limit, v, limit, lt_eight_where_less(v, -limit, -limit, v))
    let u = v * v
    var p = Lanes(repeating: 2.034_720_2e-6)
    p = Lanes(repeating: 2.874_805e-4).addingProduct(p, u)
    p = Lanes(repeating: 3.868_390_3e-3).addingProduct(p, u)
    p = Lanes(repeating: 5.306_067_7e-2).addingProduct(p, u)
    p = Lanes(repeating: 1.927_655_6e-1).addingProduct(p, u)
    p = Lanes(repeating: 1.128_379).addingProduct(p, u)
    var q = Lanes(repeating: 3.807_055e-5)
    q = Lanes(repeating: 1.188_129_9e-3).addingProduct(q, u)
    q = Lanes(repeating: 1.517_242_3e-2).addingProduct(q, u)
    q = Lanes(repeating: 1.150_852_4e-1).addingProduct(q, u)
    q = Lanes(repeating: 5.041_657e-1).addingProduct(q, u)
    q = Lanes(repeating: 1).addingProduct(q, u)
    let half = x * 0.5
    return half.addingProduct(half, v * p / q)
  }

  /// log x of positive normal x: k ln2 + log(m), m in [sqrt 1/2, sqrt 2), by the minimax coefficients of
  /// Cephes' logf. Other x give some number.
  @inline(__always) package static func log(_ x: Lanes) -> Lanes {
    let bits = unsafeBitCast(x, to: SIMD8<Int32>.self)
    let offset = bits &- SIMD8<Int32>(repeating: 0x3F35_04F3)
    let k = Lanes(offset &>> 23)
    let m = bits &- (offset & SIMD8<Int32>(repeating: -0x80_0000))
    let f = unsafeBitCast(m, to: Lanes.self) - 1
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
    return log.addingProduct(k, Lanes(repeating: 0.693_359_375))
  }

  /// sign(x) |x|^p, 0 for zeros and denormal x; NaN stays NaN. The relative error grows with the size
  /// of the exponent, to about 2e-6 where the result is 1e±9.
  @inline(__always) package static func signedPower(_ x: Lanes, _ p: Lanes) -> Lanes {
    let bits = unsafeBitCast(x, to: SIMD8<Int32>.self)
    let magnitude = bits & SIMD8<Int32>(repeating: 0x7FFF_FFFF)
    let a = unsafeBitCast(magnitude, to: Lanes.self)
    var y = exp(p * log(a))
    y = lt_eight_where_less(a, Lanes(repeating: 1.2e-38), Lanes(repeating: 0), y)
    y = lt_eight_where_nan(a, a, y)
    let sign = bits & SIMD8<Int32>(repeating: Int32.min)
    return unsafeBitCast(unsafeBitCast(y, to: SIMD8<Int32>.self) | sign, to: Lanes.self)
  }
}

// The same over rows, here rather than where they are used: a call with vectors as arguments, as one from
// another module would be, costs as much as the arithmetic.
extension Elementary {
  /// x = sign(x) |x|^p; `count` is a multiple of 8.
  package static func signedPowers(_ x: Floats, _ power: ConstFloats, _ count: Int) {
    var i = 0
    while i < count {
      x.store(signedPower(x.lanes(i), power.lanes(i)), i)
      i &+= 8
    }
  }

  /// x = sign(x + a) |x + a|^p; `count` is a multiple of 8.
  package static func signedPowers(
    _ x: Floats, adding a: ConstFloats, _ power: ConstFloats, _ count: Int
  ) {
    var i = 0
    while i < count {
      x.store(signedPower(x.lanes(i) + a.lanes(i), power.lanes(i)), i)
      i &+= 8
    }
  }

  /// x = gelu(x)
  package static func gelu(_ x: Floats, _ count: Int) {
    var i = 0
    while i &+ 8 <= count {
      x.store(gelu(x.lanes(i)), i)
      i &+= 8
    }
    if i < count { x.store(gelu(x.lanes(i, count: count &- i)), i, count: count &- i) }
  }
}

extension Gate {
  /// y = y + x
  package static func add(_ y: Floats, _ x: ConstFloats, _ count: Int) {
    var i = 0
    while i &+ 8 <= count {
      y.store(y.lanes(i) + x.lanes(i), i)
      i &+= 8
    }
    while i < count {
      y[i] += x[i]
      i &+= 1
    }
  }

  /// y = y · x; `count` is a multiple of 8.
  package static func multiply(_ y: Floats, _ x: ConstFloats, _ count: Int) {
    var i = 0
    while i < count {
      y.store(y.lanes(i) * x.lanes(i), i)
      i &+= 8
    }
  }
}
