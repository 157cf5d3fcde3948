// The delta-rule mixer: projections, short convolution, recurrence, output.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

extension Forward {
  func run(_ m: DeltaMixer, _ layer: Layer) {
    var carver = RowCarver(next: workspace.rows.base, rows: rows)
    let channels = m.channels
    let qkv = carver.take(channels)
    let decay = carver.take(m.decayTotal)
    let beta = carver.take(m.shape.valueHeads)
    let gate = carver.take(m.valueTotal)
    let both = carver.take(2 * m.shape.valueHeads)
    var input = workspace.input
    input.columns = embeddingWidth

    var count = 0
    func add(_ l: Linear, _ to: Floats, _ stride: Int) {
      workspace.entries[count] = ProductEntry(
        l, input: input, rows: rows, output: to, outputStride: stride)
      count += 1
    }
    for i in 0..<m.projectionCount {
      add(m.projections[i].linear, qkv + m.projections[i].column, channels)
    }
    let isConvolved = convolveMeanwhile(m, layer, qkv)
    if case .withBeta = m.decay {
      add(m.beta, both, m.beta.matrix.rows)
    } else {
      add(m.beta, beta, m.beta.matrix.rows)
    }
    var decayDown: Floats?
    var gateDown: Floats?
    switch m.decay {
    case .lowRank(let down, _):
      let to = carver.take(down.matrix.rows)
      decayDown = to
      add(down, to, down.matrix.rows)
    case .perHead(let l): add(l, decay, m.decayTotal)
    case .withBeta: break
    }
    switch m.gate {
    case .lowRank(let down, _):
      let to = carver.take(down.matrix.rows)
      gateDown = to
      add(down, to, down.matrix.rows)
    case .full(let l): add(l, gate, m.valueTotal)
    }
    product(count)
    if case .withBeta = m.decay { split(m, both, beta, decay) }
    widen(m, decayDown, to: decay, gateDown, to: gate)
    // No product reads the input any more: the recurrence writes the next one straight into it.
    input.columns = m.valueTotal
    if !isConvolved {
      pool.run(
        ConvolutionsJob(
          mixer: m, layer: layer, segments: segments, count: segmentCount, qkv: qkv))
    }
    pool.run(
      RecurrencesJob(
        mixer: m, layer: layer, segments: segments, count: segmentCount, qkv: qkv, decay: decay,
        beta: beta, gate: gate, output: input.floats.base, scratch: workspace.recurrence.base))
    quantise(input, rows, forms(m.output))
    addProduct(m.output, input)
  }

  /// One map gives, per key head, [beta × r | decay × r], r value heads to a key head.
  private func split(_ m: DeltaMixer, _ both: Floats, _ beta: Floats, _ decay: Floats) {
    let heads = m.shape.valueHeads
    let r = heads / m.shape.keyHeads
    for t in 0..<rows {
      for h in 0..<heads {
        let from = both + t * 2 * heads + h / r * 2 * r + h % r
        beta[t * heads + h] = from[0]
        decay[t * heads + h] = from[r]
      }
    }
  }

  /// The second halves of the low-rank maps of decay and gate, as one phase.
  private func widen(
    _ m: DeltaMixer, _ decayDown: Floats?, to decay: Floats, _ gateDown: Floats?, to gate: Floats
  ) {
    var count = 0
    var taken = 0
    func add(_ from: Floats, _ up: Linear, _ to: Floats, _ stride: Int) {
      var input = workspace.input.view(columns: 256, firstRow: taken)
      input.columns = up.matrix.columns
      let floats = rows * input.columns
      input.floats.base.copy(from: from, count: floats)
      quantise(input, rows, forms(up))
      workspace.entries[count] = ProductEntry(
        up, input: input, rows: rows, output: to, outputStride: stride)
      count += 1
      taken += (floats + 255) / 256
    }
    if let decayDown, case .lowRank(_, let up) = m.decay {
      add(decayDown, up, decay, m.decayTotal)
    }
    if let gateDown, case .lowRank(_, let up) = m.gate {
      add(gateDown, up, gate, m.valueTotal)
    }
    if count > 0 { product(count) }
  }

  /// Has the projections, which are the first entries of the list, convolved while they are computed;
  /// false where that cannot be. One token alone waits for memory anyway, and then for nothing more.
  private func convolveMeanwhile(_ m: DeltaMixer, _ layer: Layer, _ qkv: Floats) -> Bool {
    guard rows == 1, segmentCount == 1, lowRank.count == 0, m.projectionCount == m.convolutionCount,
      let s = segments[0], s.ring(layer) == nil
    else { return false }
    for i in 0..<m.projectionCount {
      let (from, piece) = (m.projections[i], m.convolutions[i])
      if from.column != piece.column || from.linear.matrix.rows != piece.channels { return false }
      workspace.convolutions[i] = m.convolution(i, s, layer, qkv)
    }
    for i in 0..<m.projectionCount {
      workspace.entries[i].follower = RowsFollower(
        ShortConvolutionJob.follower, workspace.convolutions + i)
    }
    return true
  }
}

extension DeltaMixer {
  /// The convolution of piece `i` for a segment's rows of `qkv`.
  fileprivate func convolution(
    _ i: Int, _ s: Segment, _ layer: Layer, _ qkv: Floats
  ) -> ShortConvolutionJob {
    let piece = convolutions[i]
    return ShortConvolutionJob(
      x: qkv + s.firstRow * channels + piece.column, stride: channels, rows: s.rows,
      channels: piece.channels,
      history: s.state.pointee.history + layer.historyStart + piece.column, weight: piece.weight,
      kernel: kernel, ring: s.ring(layer)?.from(column: piece.column))
  }
}

/// The convolutions of all segments, as one phase: every thread takes its channels of each.
struct ConvolutionsJob: ParallelJob {
  var mixer: DeltaMixer
  var layer: Layer
  var segments: InlineArray<8, Segment?>
  var count: Int
  var qkv: Floats

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: ConvolutionsJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    for i in 0..<count {
      guard let s = segments[i] else { continue }
      for c in 0..<mixer.convolutionCount {
        mixer.convolution(c, s, layer, qkv).run(part: part, parts: parts)
      }
    }
  }
}

/// The recurrences of all segments, as one phase: every thread takes its heads of each.
struct RecurrencesJob: ParallelJob {
  var mixer: DeltaMixer
  var layer: Layer
  var segments: InlineArray<8, Segment?>
  var count: Int
  var qkv: Floats
  var decay: Floats
  var beta: Floats
  var gate: Floats
  var output: Floats
  var scratch: Floats

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: RecurrencesJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    let m = mixer
    for i in 0..<count {
      guard let s = segments[i] else { continue }
      DeltaRuleJob(
        shape: m.shape, rows: s.rows, qkv: qkv + s.firstRow * m.channels, qkvStride: m.channels,
        decay: decay + s.firstRow * m.decayTotal, decayStride: m.decayTotal,
        beta: beta + s.firstRow * m.shape.valueHeads, betaStride: m.shape.valueHeads,
        gate: gate + s.firstRow * m.valueTotal, gateStride: m.valueTotal, dt: m.dt, a: m.a,
        norm: m.norm, state: s.state.pointee.recurrent + layer.recurrentStart,
        output: output + s.firstRow * m.valueTotal, outputStride: m.valueTotal,
        scratch: scratch, ring: s.ring(layer)?.from(column: m.channels)
      ).run(part: part, parts: parts)
    }
  }
}
