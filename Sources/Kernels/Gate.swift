// Elementwise steps between products: SwiGLU, output gates, weighted sums.

import CPlatform
import LintelCore

package enum Gate {
  /// y = silu(gate) · up
  package static func swiglu(_ gate: Floats, _ up: ConstFloats, _ count: Int, into y: Floats) {
    var i = 0
    while i < count {
      let n = count - i
      y.store(Elementary.silu(gate.lanes(i, count: n)) * up.lanes(i, count: n), i, count: n)
      i += 8
    }
  }

  /// x ← x · sigmoid(gate)
  package static func sigmoid(_ x: Floats, _ gate: ConstFloats, _ count: Int) {
    var i = 0
    while i < count {
      let n = count - i
      x.store(x.lanes(i, count: n) * Elementary.sigmoid(gate.lanes(i, count: n)), i, count: n)
      i += 8
    }
  }

  /// y ← y + factor · x
  package static func addScaled(_ y: Floats, _ x: ConstFloats, _ factor: Float, _ count: Int) {
    var i = 0
    let f = Lanes(repeating: factor)
    while i < count {
      let n = count - i
      y.store(y.lanes(i, count: n).addingProduct(f, x.lanes(i, count: n)), i, count: n)
      i += 8
    }
  }
}
