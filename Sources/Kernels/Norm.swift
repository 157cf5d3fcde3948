// Root-mean-square and L2 normalisation of rows.
//
//     rms(x, w, ε) = x / sqrt(mean(x²) + ε) · w        l2(x, ε) = x / sqrt(Σ x² + ε)
//
// Float32 throughout; sums run over eight interleaved accumulators in index order.

import CPlatform
import LintelCore

package enum Norm {
  static func sumOfSquares(_ x: ConstFloats, _ count: Int) -> Float {
    var a = Lanes(repeating: 0)
    var b = Lanes(repeating: 0)
    var i = 0
    while i + 16 <= count {
      let u = x.lanes(i)
      let v = x.lanes(i + 8)
      a = a.addingProduct(u, u)
      b = b.addingProduct(v, v)
      i += 16
    }
    while i < count {
      let u = x.lanes(i, count: count - i)
      a = a.addingProduct(u, u)
      i += 8
    }
    return (a + b).total()
  }

  package static func rms(
    _ x: ConstFloats, _ weight: ConstFloats, _ epsilon: Float, _ count: Int, into y: Floats
  ) {
    let scale = 1 / lt_sqrtf(sumOfSquares(x, count) / Float(count) + epsilon)
    var i = 0
    while i < count {
      let n = count - i
      y.store(x.lanes(i, count: n) * scale * weight.lanes(i, count: n), i, count: n)
      i += 8
    }
  }

  /// `factor` scales the result: 1 / sqrt(d) for queries, 1 for keys.
  static func l2(
    _ x: ConstFloats, _ epsilon: Float, _ count: Int, factor: Float, into y: Floats
  ) {
    let scale = factor / lt_sqrtf(sumOfSquares(x, count) + epsilon)
    var i = 0
    while i < count {
      let n = count - i
      y.store(x.lanes(i, count: n) * scale, i, count: n)
      i += 8
    }
  }
}
