// Grouped softmax attention with normalised queries and keys, rotary positions, and a sigmoid gate on
// its output.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

extension Forward {
  func run(_ m: GatedMixer, _ layer: Layer) {
    let keyTotal = m.headsKV * m.width
    let queryTotal = m.heads * m.width
    var carver = RowCarver(next: workspace.rows.base, rows: rows)
    let both = carver.take(2 * queryTotal)
    let keys = carver.take(keyTotal)
    let values = carver.take(keyTotal)
    let queries = carver.take(queryTotal)
    let attended = carver.take(queryTotal)
    var input = workspace.input
    input.columns = embeddingWidth
    workspace.entries[0] = ProductEntry(
      m.query, input: input, rows: rows, output: both, outputStride: 2 * queryTotal)
    workspace.entries[1] = ProductEntry(
      m.key, input: input, rows: rows, output: keys, outputStride: keyTotal)
    workspace.entries[2] = ProductEntry(
      m.value, input: input, rows: rows, output: values, outputStride: keyTotal)
    product(3)

    for i in 0..<segmentCount {
      guard let s = segments[i] else { continue }
      let cache = cacheRows(s, layer, m.cacheWidth)
      let position = s.state.pointee.position
      let job = GatedPrepareJob(
        mixer: m, rows: s.rows, position: position, both: both + s.firstRow * 2 * queryTotal,
        keys: keys + s.firstRow * keyTotal, values: values + s.firstRow * keyTotal,
        queries: queries + s.firstRow * queryTotal, cache: cache)
      if s.rows < 2 * pool.threads { job.run(part: 0, parts: 1) } else { pool.run(job) }
      pool.run(
        AttentionJob(
          queries: queries + s.firstRow * queryTotal, queryStride: queryTotal, heads: m.heads,
          headsPerGroup: m.heads / m.headsKV, keyWidth: m.width, valueWidth: m.width,
          cache: cache, keyGroupStride: m.width, valueColumn: keyTotal,
          valueGroupStride: m.width,
          scale: 1 / lt_sqrtf(Float(m.width)), rows: s.rows, position: position,
          output: attended + s.firstRow * queryTotal, outputStride: queryTotal,
          scratch: workspace.attention.base))
    }

    input.columns = queryTotal
    for t in 0..<rows {
      for h in 0..<m.heads {
        let o = attended + t * queryTotal + h * m.width
        Gate.sigmoid(o, both + t * 2 * queryTotal + (2 * h + 1) * m.width, m.width)
      }
      (input.floats + t * queryTotal).copy(from: attended + t * queryTotal, count: queryTotal)
    }
    quantise(input, rows, forms(m.output))
    addProduct(m.output, input)
  }
}

/// Norms and turns queries and keys of rows; keys and values go to the cache.
struct GatedPrepareJob: ParallelJob {
  var mixer: GatedMixer
  var rows: Int
  var position: Int
  var both: Floats
  var keys: Floats
  var values: Floats
  var queries: Floats
  var cache: CacheRows
  /// No queries, and no rows before position 0.
  var isKeysOnly = false

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: GatedPrepareJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    var table = InlineArray<512, Float>(repeating: 0)
    withUnsafeMutablePointer(to: &table) { table in
      let floats = UnsafeMutableRawPointer(table).assumingMemoryBound(to: Float.self)
      for t in share(rows, part: part, parts: parts) where position + t >= 0 { row(t, floats) }
    }
  }

  private func row(_ t: Int, _ table: Floats) {
    let m = mixer
    let keyTotal = m.headsKV * m.width
    let rotary = Rotary(
      position: position + t, width: m.rotary, base: m.frequencyBase, table: table)
    for h in 0..<(isKeysOnly ? 0 : m.heads) {
      let q = queries + (t * m.heads + h) * m.width
      Norm.rms(
        both + (t * m.heads + h) * 2 * m.width, m.queryNorm, m.epsilon, m.width, into: q)
      rotary.turn(q)
    }
    for h in 0..<m.headsKV {
      let k = keys + t * keyTotal + h * m.width
      Norm.rms(k, m.keyNorm, m.epsilon, m.width, into: k)
      rotary.turn(k)
    }
    cache.store(keys + t * keyTotal, position + t, column: 0, count: keyTotal)
    cache.store(values + t * keyTotal, position + t, column: keyTotal, count: keyTotal)
  }
}
