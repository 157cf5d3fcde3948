// Softmax attention over a cache, with a running maximum so that no score row is ever stored whole.
//
//     o[t, h] = Σ_p softmax_p( scale · <q[t, h], K[p]> ) V[p]        p ≤ position of t
//
// Serves latent attention (one cached row for all heads, its first part doubling as the value) and
// grouped attention (one key and one value per group of heads).
//
// - Shapes: queries `[rows, heads, keyWidth]` · output `[rows, heads, valueWidth]`
//           cache `[positions, width]`: keys of head group g from g · keyGroupStride, values likewise
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
  package var cache: CacheRows
  /// Where head group g's key and value begin in a row: column + g · group stride.
  package var keyGroupStride: Int
  package var valueColumn: Int
  package var valueGroupStride: Int
  package var scale: Float
  package var rows: Int
  /// Position of the first row; row t sees positions 0 ... position + t.
  package var position: Int
  package var output: Floats
  package var outputStride: Int

  package init(
    queries: Floats, queryStride: Int, heads: Int, headsPerGroup: Int, keyWidth: Int,
    valueWidth: Int, cache: CacheRows, keyGroupStride: Int, valueColumn: Int,
    valueGroupStride: Int, scale: Float, rows: Int, position: Int, output: Floats,
    outputStride: Int
  ) {
    self.queries = queries
    self.queryStride = queryStride
    self.heads = heads
    self.headsPerGroup = headsPerGroup
    self.keyWidth = keyWidth
    self.valueWidth = valueWidth
    self.cache = cache
    self.keyGroupStride = keyGroupStride
    self.valueColumn = valueColumn
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
        let s =
          cache.dot(q, from + p, column: group * keyGroupStride, count: keyWidth) * scale
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
      cache.accumulate(
        o, scores, from: from, count: count, column: valueColumn + group * valueGroupStride,
        width: valueWidth, shrink: shrink)
      top = newTop
      from += count
    }
    let inverse = 1 / sum
    for j in 0..<valueWidth { o[j] *= inverse }
  }
}
