// The parameters of one block with the least squared error, by a sweep over candidates: each gives
// integers by rounding, and integers give the best parameters in closed form.
//
//     x ~ d q                 d = sum(x q) / sum(q q)
//     x ~ d q + c             the line through the points (q, x) by least squares
//
// For given integers the error of the first is sum(x x) - sum(x q)^2 / sum(q q): the candidate with
// the largest quotient wins. A sweep ends in a few rounds of rounding to the parameters found.

import CPlatform

/// Sixteen values a vector; a block is one or two vectors.
typealias Values = UnsafePointer<lt_floats>

/// v to the nearest integers, ties to even, for |v| < 2^22.
@inline(__always) func nearest(_ v: lt_floats) -> lt_floats { (v + 12_582_912) - 12_582_912 }

@inline(__always) func clamp(_ v: lt_floats, _ low: Float, _ high: Float) -> lt_floats {
  let raised = v.replacing(with: low, where: v .< low)
  return raised.replacing(with: high, where: raised .> high)
}

/// The value of the largest magnitude, with its sign.
@inline(__always) func extreme(_ x: Values, vectors: Int) -> Float {
  var low: Float = 0, high: Float = 0
  for v in 0..<vectors {
    low = min(low, x[v].min())
    high = max(high, x[v].max())
  }
  return -low > high ? low : high
}

enum Search {
  /// d for integers in -n ..< n; 0 for a block of zeros.
  @inline(__always)
  static func symmetric(_ x: Values, vectors: Int, n: Float) -> Float {
    scale(x, vectors: vectors, ends: (-n, n - 1), step: 0.1) { v, inverse in
      clamp(nearest(v * inverse), -n, n - 1)
    }
  }

  /// d for the sixteen values of IQ4_NL.
  @inline(__always)
  static func nonlinear(_ x: Values, vectors: Int) -> Float {
    scale(x, vectors: vectors, ends: (-127, 113), step: 1.5) { v, inverse in
      NonlinearTable.nearest(v * inverse)
    }
  }

  /// The scale for codes between `ends`: the sweep maps the block's extreme to near each end.
  @inline(__always)
  private static func scale(
    _ x: Values, vectors: Int, ends: (Float, Float), step: Float,
    code: (lt_floats, Float) -> lt_floats
  ) -> Float {
    let largest = extreme(x, vectors: vectors)
    if largest == 0 || !(1 / largest).isFinite { return 0 }
    var bestGain: Float = 0, bestNorm: Float = 1, best: Float = 0
    func consider(_ inverse: Float) -> Bool {
      var xq = lt_floats(), qq = lt_floats()
      for v in 0..<vectors {
        let q = code(x[v], inverse)
        xq = lt_fma(x[v], q, xq)
        qq = lt_fma(q, q, qq)
      }
      let product = lt_sum_floats(xq), norm = lt_sum_floats(qq)
      if norm > 0 && product * product * bestNorm > bestGain * norm {
        bestGain = product * product
        bestNorm = norm
        best = product / norm
        return true
      }
      return false
    }
    for end in 0..<2 {
      let reach = end == 0 ? ends.0 : ends.1
      for s in -9...9 { _ = consider((reach + step * Float(s)) / largest) }
    }
    for _ in 0..<4 where best != 0 { if !consider(1 / best) { break } }
    return best
  }

  /// (d, c) for integers in 0 ... top. With `belowZero`, c is not positive.
  @inline(__always)
  static func affine(
    _ x: Values, vectors: Int, top: Float, belowZero: Bool
  ) -> (d: Float, c: Float) {
    let n = Float(16 * vectors)
    var low = x[0].min(), high = x[0].max()
    var sums = lt_floats()
    for v in 0..<vectors {
      low = min(low, x[v].min())
      high = max(high, x[v].max())
      sums += x[v]
    }
    if belowZero { low = min(low, 0) }
    if !(high > low) || !(1 / (high - low)).isFinite { return (0, low) }
    let sum = lt_sum_floats(sums)
    var best = (d: (high - low) / top, c: low), bestError = Float.infinity
    func consider(_ inverse: Float, _ start: Float) -> Bool {
      var q1 = lt_floats(), q2 = lt_floats(), xq = lt_floats()
      for v in 0..<vectors {
        let q = clamp(nearest((x[v] - start) * inverse), 0, top)
        q1 += q
        q2 = lt_fma(q, q, q2)
        xq = lt_fma(x[v], q, xq)
      }
      let sq = lt_sum_floats(q1), sqq = lt_sum_floats(q2), sxq = lt_sum_floats(xq)
      let determinant = n * sqq - sq * sq
      if !(determinant > 0) { return false }
      var d = (n * sxq - sum * sq) / determinant
      var c = (sqq * sum - sq * sxq) / determinant
      if belowZero && c > 0 {
        c = 0
        d = sxq / sqq
      }
      if !(d > 0) { return false }
      // sum((d q + c - x)^2) less sum(x x)
      let error = d * (d * sqq + 2 * (c * sq - sxq)) + c * (n * c - 2 * sum)
      if error < bestError {
        bestError = error
        best = (d, c)
        return true
      }
      return false
    }
    for s in -10...10 { _ = consider((top + 0.1 * Float(s)) / (high - low), low) }
    for _ in 0..<4 { if !consider(1 / best.d, best.c) { break } }
    return best
  }
}

/// The sixteen values of IQ4_NL, -127 ... 113.
enum NonlinearTable {
  @inline(__always)
  static func value(_ i: Int) -> Float { Float(lt_iq4nl(Int32(truncatingIfNeeded: i))) }

  /// The nearest value of the table, for every lane.
  @inline(__always)
  static func nearest(_ v: lt_floats) -> lt_floats {
    var r = lt_floats(repeating: value(0))
    for i in 1..<16 {
      let middle = (value(i - 1) + value(i)) / 2
      r.replace(with: value(i), where: v .> middle)
    }
    return r
  }

  /// The index of the nearest value.
  @inline(__always)
  static func index(_ v: Float) -> UInt8 {
    var i: UInt8 = 0
    for j in 1..<16 where v > (value(j - 1) + value(j)) / 2 { i = UInt8(truncatingIfNeeded: j) }
    return i
  }
}
