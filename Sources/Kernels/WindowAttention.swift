// Softmax attention inside square windows of a grid of tokens, with a learned bias for every relative
// position (Swin, arXiv 2103.14030). Windows may be shifted: the grid is rolled up and to the left by
// `shift`, and tokens that only the rolling made neighbours see each other with -100.
//
//     o[t] = Σ_u softmax_u( scale <q[t], k[u]> + bias[h, y(u) - y(t), x(u) - x(t)] + mask ) v[u]
//
// - Shapes: q, k, v in rows `[height * width, stride]` with q first, k and v `heads * head width` on;
//           bias `[heads, 2 side - 1, 2 side - 1]`, indexed by key minus query; o `[.., outputStride]`
// - Order:  a score is one chain over the head's channels; a sum of weights eight lanes over the keys;
//           a value one chain over the keys.

import CPlatform
import LintelCore

package struct WindowAttentionJob: ParallelJob {
  let input: Floats
  let stride: Int
  let heads: Int
  let headWidth: Int
  let height: Int
  let width: Int
  /// Tokens along a window's edge; divides height and width.
  let side: Int
  let shift: Int
  let bias: ConstFloats
  let output: Floats
  let outputStride: Int
  /// `scratchFloats` per part.
  let scratch: Floats

  package init(
    input: Floats, stride: Int, heads: Int, headWidth: Int, height: Int, width: Int, side: Int,
    shift: Int, bias: ConstFloats, output: Floats, outputStride: Int, scratch: Floats
  ) {
    self.input = input
    self.stride = stride
    self.heads = heads
    self.headWidth = headWidth
    self.height = height
    self.width = width
    self.side = side
    self.shift = shift
    self.bias = bias
    self.output = output
    self.outputStride = outputStride
    self.scratch = scratch
  }

  /// Keys transposed, and one row of scores.
  package static func scratchFloats(side: Int, headWidth: Int) -> Int {
    (headWidth + 1) * ((side * side + 7) & ~7)
  }

  package static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: WindowAttentionJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  package func run(part: Int, parts: Int) {
    let across = width / side
    let windows = height / side * across
    let own =
      scratch + part
      * WindowAttentionJob.scratchFloats(side: side, headWidth: headWidth)
    for item in share(windows * heads, part: part, parts: parts) {
      let window = item / heads
      run(top: window / across * side, left: window % across * side, item % heads, own)
    }
  }

  /// The token at a place of the rolled grid.
  @inline(__always)
  private func token(_ y: Int, _ x: Int) -> Int {
    var (r, c) = (y + shift, x + shift)
    if r >= height { r -= height }
    if c >= width { c -= width }
    return r * width + c
  }

  /// Which part of the unrolled grid a place of the rolled one comes from.
  @inline(__always)
  private func part(_ place: Int, _ extent: Int) -> Int {
    place < extent - side ? 0 : place < extent - shift ? 1 : 2
  }

  private func run(top: Int, left: Int, _ h: Int, _ keys: Floats) {
    let count = side * side
    let padded = (count + 7) & ~7
    let scores = keys + headWidth * padded
    let model = heads * headWidth
    for u in 0..<count {
      let k = input + token(top + u / side, left + u % side) * stride + model + h * headWidth
      for i in 0..<headWidth { keys[i * padded + u] = k[i] }
    }
    for i in 0..<headWidth { for u in count..<padded { keys[i * padded + u] = 0 } }
    let scale = 1 / lt_sqrtf(Float(headWidth))
    for t in 0..<count {
      let at = token(top + t / side, left + t % side)
      let q = input + at * stride + h * headWidth
      score(q, scale, keys, padded, scores)
      place(top, left, h, t, scores)
      for u in count..<padded { scores[u] = -.infinity }
      let inverse = soften(scores, padded)
      mix(top, left, h, count, scores, inverse, output + at * outputStride + h * headWidth)
    }
  }

  @inline(__always)
  private func score(
    _ q: Floats, _ scale: Float, _ keys: Floats, _ padded: Int, _ scores: Floats
  ) {
    var u = 0
    while u < padded {
      let n = min(32, padded - u)
      var (a, b) = (Lanes(repeating: 0), Lanes(repeating: 0))
      var (c, d) = (a, b)
      var k = keys + u
      for i in 0..<headWidth {
        let x = Lanes(repeating: q[i] * scale)
        a = a.addingProduct(x, k.lanes(0))
        if n > 8 { b = b.addingProduct(x, k.lanes(8)) }
        if n > 16 { c = c.addingProduct(x, k.lanes(16)) }
        if n > 24 { d = d.addingProduct(x, k.lanes(24)) }
        k += padded
      }
      scores.store(a, u)
      if n > 8 { scores.store(b, u + 8) }
      if n > 16 { scores.store(c, u + 16) }
      if n > 24 { scores.store(d, u + 24) }
      u += 32
    }
  }

  /// Adds bias and mask to the scores of token t of the window.
  @inline(__always)
  private func place(_ top: Int, _ left: Int, _ h: Int, _ t: Int, _ scores: Floats) {
    let edge = 2 * side - 1
    let (y, x) = (t / side, t % side)
    for v in 0..<side {
      let b = bias + (h * edge + v - y + side - 1) * edge + side - 1 - x
      let s = scores + v * side
      for u in 0..<side { s[u] += b[u] }
    }
    if shift == 0 { return }
    let mine = (part(top + y, height), part(left + x, width))
    for v in 0..<side {
      let rows = part(top + v, height)
      for u in 0..<side where rows != mine.0 || part(left + u, width) != mine.1 {
        scores[v * side + u] -= 100
      }
    }
  }

  /// Scores to weights; answers 1 over their sum.
  @inline(__always)
  private func soften(_ scores: Floats, _ padded: Int) -> Float {
    var top = -Float.infinity
    for u in 0..<padded { top = scores[u] > top ? scores[u] : top }
    var sum = Lanes(repeating: 0)
    var u = 0
    while u < padded {
      let e = Elementary.exp(scores.lanes(u) - top)
      scores.store(e, u)
      sum += e
      u += 8
    }
    return 1 / sum.total()
  }

  @inline(__always)
  private func mix(
    _ top: Int, _ left: Int, _ h: Int, _ count: Int, _ scores: Floats, _ inverse: Float,
    _ o: Floats
  ) {
    let first = 2 * heads * headWidth + h * headWidth
    var i = 0
    while i < headWidth {
      let isPair = i + 16 <= headWidth
      var (a, b) = (Lanes(repeating: 0), Lanes(repeating: 0))
      for v in 0..<side {
        for u in 0..<side {
          let x = input + token(top + v, left + u) * stride + first + i
          let w = Lanes(repeating: scores[v * side + u])
          a = a.addingProduct(w, x.lanes(0))
          if isPair { b = b.addingProduct(w, x.lanes(8)) }
        }
      }
      o.store(a * inverse, i)
      if isPair { o.store(b * inverse, i + 8) }
      i += 16
    }
  }
}
