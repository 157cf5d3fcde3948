// Softmax attention over a cache, with a running maximum so that no score row is ever stored whole.
//
//     o[t, h] = Σ_p softmax_p( scale · <q[t, h], K[p]> ) V[p]        p ≤ position of t
//
// Serves latent attention (one cached row for all heads, its first part doubling as the value) and
// grouped attention (one key and one value per group of heads).
//
// - Shapes: queries `[rows, heads, keyWidth]` · output `[rows, heads, valueWidth]`
//           keys, values: row p starts at p · stride, head group g at g · groupStride within it
// - Order:  positions in blocks of 32, oldest first, whatever the number of rows or threads

import CPlatform
import LintelCore

package struct AttentionJob: ParallelJob {
  static var block: Int { 32 }

  package var queries: Floats
  package var queryStride: Int
  package var heads: Int
  package var headsPerGroup: Int
  package var keyWidth: Int
  package var valueWidth: Int
  package var keys: Floats
  package var keyStride: Int
  package var keyGroupStride: Int
  package var values: Floats
  package var valueStride: Int
  package var valueGroupStride: Int
  package var scale: Float
  package var rows: Int
  /// Position of the first row; row t sees positions 0 ... position + t.
  package var position: Int
  package var output: Floats
  package var outputStride: Int

  package init(
    queries: Floats, queryStride: Int, heads: Int, headsPerGroup: Int, keyWidth: Int,
    valueWidth: Int, keys: Floats, keyStride: Int, keyGroupStride: Int, values: Floats,
    valueStride: Int, valueGroupStride: Int, scale: Float, rows: Int, position: Int,
    output: Floats, outputStride: Int
  ) {
    self.queries = queries
    self.queryStride = queryStride
    self.heads = heads
    self.headsPerGroup = headsPerGroup
    self.keyWidth = keyWidth
    self.valueWidth = valueWidth
    self.keys = keys
    self.keyStride = keyStride
    self.keyGroupStride = keyGroupStride
    self.values = values
    self.valueStride = valueStride
    self.valueGroupStride = valueGroupStride
    self.scale = scale
    self.rows = rows
    self.position = position
    self.output = output
    self.outputStride = outputStride
  }

  package static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: AttentionJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  package func run(part: Int, parts: Int) {
    for item in share(heads * rows, part: part, parts: parts) {
      attend(item / rows, item % rows)
    }
  }

  private func attend(_ h: Int, _ t: Int) {
    let group = h / headsPerGroup
    let q = queries + t * queryStride + h * keyWidth
    let o = output + t * outputStride + h * valueWidth
    for j in 0..<valueWidth { o[j] = 0 }
    let end = position + t + 1
    var top = -Float.infinity
    var sum: Float = 0
    var scores = InlineArray<32, Float>(repeating: 0)
    var from = 0
    while from < end {
      let count = min(AttentionJob.block, end - from)
      var best = -Float.infinity
      for p in 0..<count {
        let k = keys + (from + p) * keyStride + group * keyGroupStride
        let s = AttentionJob.dot(q, k, keyWidth) * scale
        scores[p] = s
        best = max(best, s)
      }
      let newTop = max(top, best)
      let shrink = top == -.infinity ? 0 : Elementary.exp(top - newTop)
      sum *= shrink
      var p = 0
      while p < AttentionJob.block {
        var v = Lanes(repeating: -.infinity)
        for i in 0..<8 where p + i < count { v[i] = scores[p + i] - newTop }
        let e = Elementary.exp(v)
        for i in 0..<8 where p + i < count {
          scores[p + i] = e[i]
          sum += e[i]
        }
        p += 8
      }
      accumulate(o, scores, from, count, group, shrink)
      top = newTop
      from += count
    }
    let inverse = 1 / sum
    for j in 0..<valueWidth { o[j] *= inverse }
  }

  @inline(__always)
  static func dot(_ a: ConstFloats, _ b: ConstFloats, _ count: Int) -> Float {
    var (x, y) = (Lanes(repeating: 0), Lanes(repeating: 0))
    var (z, w) = (x, x)
    var i = 0
    while i + 32 <= count {
      x = x.addingProduct(a.lanes(i), b.lanes(i))
      y = y.addingProduct(a.lanes(i + 8), b.lanes(i + 8))
      z = z.addingProduct(a.lanes(i + 16), b.lanes(i + 16))
      w = w.addingProduct(a.lanes(i + 24), b.lanes(i + 24))
      i += 32
    }
    while i < count {
      let n = count - i
      x = x.addingProduct(a.lanes(i, count: n), b.lanes(i, count: n))
      i += 8
    }
    return ((x + y) + (z + w)).total()
  }

  @inline(__always)
  private func accumulate(
    _ o: Floats, _ weights: borrowing InlineArray<32, Float>, _ from: Int, _ count: Int,
    _ group: Int, _ shrink: Float
  ) {
    let first = values + from * valueStride + group * valueGroupStride
    var c = 0
    while c + 32 <= valueWidth {
      var a0 = o.lanes(c) * shrink
      var a1 = o.lanes(c + 8) * shrink
      var a2 = o.lanes(c + 16) * shrink
      var a3 = o.lanes(c + 24) * shrink
      for p in 0..<count {
        let v = first + p * valueStride + c
        let w = Lanes(repeating: weights[p])
        a0 = a0.addingProduct(w, v.lanes(0))
        a1 = a1.addingProduct(w, v.lanes(8))
        a2 = a2.addingProduct(w, v.lanes(16))
        a3 = a3.addingProduct(w, v.lanes(24))
      }
      o.store(a0, c)
      o.store(a1, c + 8)
      o.store(a2, c + 16)
      o.store(a3, c + 24)
      c += 32
    }
    while c < valueWidth {
      let n = valueWidth - c
      var a = o.lanes(c, count: n) * shrink
      for p in 0..<count {
        let v = first + p * valueStride
        a = a.addingProduct(Lanes(repeating: weights[p]), v.lanes(c, count: n))
      }
      o.store(a, c, count: n)
      c += 8
    }
  }
}
