// Latent attention, absorbed: the query is carried into the latent space, attends over cached
// latents there, and the result is carried out again. One cached row serves all heads.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

extension Forward {
  func run(_ m: LatentMixer, _ layer: Layer) {
    let keyWidth = m.nope + m.rope
    let width = m.cacheWidth
    var carver = RowCarver(next: workspace.rows.base, rows: rows)
    let query = carver.take(m.heads * keyWidth)
    let latent = carver.take(width)
    let absorbed = carver.take(m.heads * width)
    let attended = carver.take(m.heads * m.rank)
    let values = carver.take(m.heads * m.value)
    var input = workspace.input
    input.columns = embeddingWidth
    workspace.entries[0] = ProductEntry(
      m.query, input: input, rows: rows, output: query, outputStride: m.heads * keyWidth)
    workspace.entries[1] = ProductEntry(
      m.down, input: input, rows: rows, output: latent, outputStride: width)
    product(2)

    for i in 0..<segmentCount {
      guard let s = segments[i] else { continue }
      let cache = cacheRows(s, layer, width)
      for t in 0..<s.rows {
        let row = latent + (s.firstRow + t) * width
        Norm.rms(row, m.norm, m.normEpsilon, m.rank, into: row)
        cache.store(row, s.state.pointee.position + t, column: 0, count: width)
      }
    }
    pool.run(
      LatentQueryJob(
        mixer: m, rows: rows, query: query, absorbed: absorbed, input: workspace.input,
        isFloat: isFloat, lowRank: lowRank))
    for i in 0..<segmentCount {
      guard let s = segments[i] else { continue }
      pool.run(
        AttentionJob(
          queries: absorbed + s.firstRow * m.heads * width, queryStride: m.heads * width,
          heads: m.heads, headsPerGroup: m.heads, keyWidth: width, valueWidth: m.rank,
          cache: cacheRows(s, layer, width), keyGroupStride: 0, valueColumn: 0,
          valueGroupStride: 0, scale: 1 / lt_sqrtf(Float(keyWidth)), rows: s.rows,
          position: s.state.pointee.position, output: attended + s.firstRow * m.heads * m.rank,
          outputStride: m.heads * m.rank, scratch: workspace.attention.base))
    }
    pool.run(
      LatentValueJob(
        mixer: m, rows: rows, attended: attended, values: values, input: workspace.input,
        isFloat: isFloat, lowRank: lowRank))

    input.columns = m.heads * m.value
    input.floats.base.copy(from: values, count: rows * input.columns)
    quantise(input, rows, forms(m.output))
    addProduct(m.output, input)
  }

  func cacheRows(_ s: Segment, _ layer: Layer, _ width: Int) -> CacheRows {
    let state = s.state.pointee
    let start = state.cacheFormat.rowBytes(layer.cacheStart) * state.context
    return CacheRows(
      start: UnsafeMutableRawPointer(state.cache + start), width: width,
      format: state.cacheFormat)
  }
}

/// absorbed[t, h] = [ k_b[h] · q_nope[t, h] | q_rope[t, h] ]
struct LatentQueryJob: ParallelJob {
  var mixer: LatentMixer
  var rows: Int
  var query: Floats
  var absorbed: Floats
  var input: Activations
  var isFloat: Bool
  var lowRank: LowRankPass

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: LatentQueryJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    for h in share(mixer.heads, part: part, parts: parts) { head(h) }
  }

  private func head(_ h: Int) {
    let m = mixer
    let keyWidth = m.nope + m.rope
    let width = m.cacheWidth
    for t in 0..<rows {
      let q = query + (t * m.heads + h) * keyWidth
      (absorbed + (t * m.heads + h) * width + m.rank).copy(from: q + m.nope, count: m.rope)
    }
    switch m.keyValue {
    case .split(let key, _):
      // Rows of head h lie together: h · rows + t.
      var mine = input.view(columns: ownColumns, firstRow: h * rows)
      mine.columns = m.nope
      for t in 0..<rows {
        (mine.floats + t * m.nope).update(
          from: query + (t * m.heads + h) * keyWidth, count: m.nope)
      }
      mine.quantise(
        rows: 0..<rows, forms: Activations.forms(for: key.matrix.format, float: isFloat))
      Product.run(
        key.matrix.slice(h), weightRows: 0..<m.rank, input: mine, inputRows: rows,
        output: absorbed + h * width, outputStride: m.heads * width, mode: .set, float: isFloat)
    case .joint(let joint):
      // Legacy files hold the rows [nope | value] of each head; the transposed product sums rows.
      let line = input.view(columns: ownColumns, firstRow: h * rows).floats.base
      for t in 0..<rows {
        let to = absorbed + (t * m.heads + h) * width
        for j in 0..<m.rank { to[j] = 0 }
      }
      for n in 0..<m.nope {
        Dequantise.row(joint.matrix, h * (m.nope + m.value) + n, into: line)
        for t in 0..<rows {
          let q = query + (t * m.heads + h) * keyWidth
          Gate.addScaled(absorbed + (t * m.heads + h) * width, line, q[n], m.rank)
        }
      }
    }
    if lowRank.count > 0 { adapt(h) }
  }

  /// Of the product input, per row and head.
  private var ownColumns: Int {
    switch mixer.keyValue {
    case .split: roundUp(mixer.nope)
    case .joint: roundUp(max(mixer.nope, mixer.rank))
    }
  }

  /// absorbed[t, h] += the adapters' part.
  private func adapt(_ h: Int) {
    let m = mixer
    var mine = input.view(columns: ownColumns, firstRow: h * rows)
    mine.columns = m.nope
    for t in 0..<rows {
      mine.row(t).copy(from: query + (t * m.heads + h) * (m.nope + m.rope), count: m.nope)
    }
    LowRank.apply(
      lowRank,
      LowRankTarget(
        map: Int(m.keyNumbers.id), stack: Int(m.keyNumbers.input), slice: h, owners: nil),
      matrixRows: m.rank, input: mine, rows: rows, output: absorbed + h * m.cacheWidth,
      outputStride: m.heads * m.cacheWidth)
  }
}

/// values[t, h] = v_b[h] · attended[t, h]
struct LatentValueJob: ParallelJob {
  var mixer: LatentMixer
  var rows: Int
  var attended: Floats
  var values: Floats
  var input: Activations
  var isFloat: Bool
  var lowRank: LowRankPass

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: LatentValueJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    let m = mixer
    for h in share(m.heads, part: part, parts: parts) {
      var mine = input.view(columns: roundUp(m.rank), firstRow: h * rows)
      mine.columns = m.rank
      for t in 0..<rows {
        (mine.floats + t * m.rank).update(
          from: attended + (t * m.heads + h) * m.rank, count: m.rank)
      }
      let matrix: Matrix
      switch m.keyValue {
      case .split(_, let value): matrix = value.matrix.slice(h)
      case .joint(let joint):
        matrix = Matrix(
          start: joint.matrix.row(h * (m.nope + m.value) + m.nope), format: joint.matrix.format,
          columns: m.rank, rows: m.value)
      }
      mine.quantise(
        rows: 0..<rows, forms: Activations.forms(for: matrix.format, float: isFloat))
      Product.run(
        matrix, weightRows: 0..<m.value, input: mine, inputRows: rows,
        output: values + h * m.value, outputStride: m.heads * m.value, mode: .set,
        float: isFloat)
      if lowRank.count > 0 {
        LowRank.apply(
          lowRank,
          LowRankTarget(
            map: Int(m.valueNumbers.id), stack: Int(m.valueNumbers.input), slice: h, owners: nil),
          matrixRows: m.value, input: mine, rows: rows, output: values + h * m.value,
          outputStride: m.heads * m.value)
      }
    }
  }
}
