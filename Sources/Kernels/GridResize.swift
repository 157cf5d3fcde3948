// Learned positions, one vector for each place of a square grid, read for a grid of another size: sampled
// at the centres of its places, linearly or by the cubic kernel with a = -3/4, without smoothing and with
// the grid's edge continued beyond it (PyTorch's `interpolate`, align_corners false).
//
// One row of the new grid at a time: the rows above and below are weighed into a scratch row first.

import CPlatform
import LintelCore

package struct GridResize: BitwiseCopyable {
  package enum Kind: BitwiseCopyable, Sendable {
    case linear
    case cubic
  }

  /// `[side * side, channels]`, in any format.
  let grid: Matrix
  let side: Int
  let height: Int
  let width: Int
  let kind: Kind

  /// The positions of `side * side` places, for a grid of height * width.
  package init(_ grid: Matrix, side: Int, height: Int, width: Int, kind: Kind) {
    self.grid = grid
    self.side = side
    self.height = height
    self.width = width
    self.kind = kind
  }

  /// A row of the old grid, and one vector.
  package static func scratchFloats(side: Int, channels: Int) -> Int { (side + 1) * channels }

  private var isSame: Bool { side == height && side == width }

  /// Calls `body` with the vector of each token `from ..< to`, in order.
  @inline(__always)
  package func each(
    _ from: Int, _ to: Int, _ scratch: Floats, _ body: (_ token: Int, _ vector: Floats) -> Void
  ) {
    let channels = grid.columns
    let vector = scratch + side * channels
    var row = -1
    for t in from..<to {
      if isSame {
        Dequantise.row(grid, t, into: vector)
      } else {
        if t / width != row {
          row = t / width
          blendRows(row, scratch, vector)
        }
        blend(t % width, scratch, vector)
      }
      body(t, vector)
    }
  }

  /// The places and weights that sample `i` of `count` is made of.
  private func taps(_ i: Int, _ count: Int) -> (at: SIMD4<Int>, weight: SIMD4<Float>) {
    let x = Float(side) / Float(count) * (Float(i) + 0.5) - 0.5
    if kind == .linear {
      let place = max(x, 0)
      let first = min(Int(place), side - 1)
      let t = place - Float(first)
      return (SIMD4(first, min(first + 1, side - 1), 0, 0), SIMD4(1 - t, t, 0, 0))
    }
    let floor = x.rounded(.down)
    let t = x - floor
    let first = Int(floor)
    var at = SIMD4<Int>(repeating: 0)
    for k in 0..<4 { at[k] = min(max(first + k - 1, 0), side - 1) }
    return (
      at,
      SIMD4(
        GridResize.far(t + 1), GridResize.near(t), GridResize.near(1 - t),
        GridResize.far(2 - t))
    )
  }

  private var tapCount: Int { kind == .linear ? 2 : 4 }
  private static var a: Float { -0.75 }
  /// The cubic kernel at 0 ... 1, and at 1 ... 2.
  private static func near(_ x: Float) -> Float { ((a + 2) * x - (a + 3)) * x * x + 1 }
  private static func far(_ x: Float) -> Float { ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }

  private func blendRows(_ y: Int, _ row: Floats, _ vector: Floats) {
    let (at, weight) = taps(y, height)
    let channels = grid.columns
    for i in 0..<(side * channels) { row[i] = 0 }
    for k in 0..<tapCount {
      for c in 0..<side {
        Dequantise.row(grid, at[k] * side + c, into: vector)
        Gate.addScaled(row + c * channels, vector, weight[k], channels)
      }
    }
  }

  private func blend(_ x: Int, _ row: Floats, _ vector: Floats) {
    let (at, weight) = taps(x, width)
    let channels = grid.columns
    for i in 0..<channels { vector[i] = 0 }
    for k in 0..<tapCount {
      Gate.addScaled(vector, row + at[k] * channels, weight[k], channels)
    }
  }
}
