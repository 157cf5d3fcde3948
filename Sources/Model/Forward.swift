// The forward pass: rows in, logits out. Prefill is many rows of one session, decode one row, several
// sessions together one row each.
//
//     embed -> for each layer { mix, feed forward } -> norm -> output
//
// Rows of one session are a segment, in order. Products treat all rows alike; what looks back in
// time (convolution, delta rule, attention) walks the segments. A pass can rest between layers.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

package struct Segment: BitwiseCopyable {
  package var state: UnsafeMutablePointer<SessionState>
  package var adapters: UnsafePointer<AdapterSet>?
  package var firstRow: Int
  package var rows: Int
  /// How many of the state's records go into it first.
  var commit = 0
  /// How many of the last rows are recorded instead of going into the state.
  var recorded = 0
  /// How many of the last rows are to have outputs.
  var outputs: Int
  /// How many of the first rows have none any more.
  var dropped = 0

  package init(
    state: UnsafeMutablePointer<SessionState>, adapters: UnsafePointer<AdapterSet>?,
    firstRow: Int, rows: Int
  ) {
    self.state = state
    self.adapters = adapters
    self.firstRow = firstRow
    self.rows = rows
    outputs = rows
  }
}

package struct Forward {
  package static var segmentsMax: Int { 8 }
  /// Rows of a pass that can have logits.
  package static var placesMax: Int { 64 }

  let model: UnsafePointer<Model>
  let workspace: Workspace
  let pool: WorkerPool
  /// Weights are expanded to floats instead of activations rounded to 8 bits.
  let isFloat: Bool
  /// The residual stream, `[rows, embedding]`.
  let hidden: Floats
  package internal(set) var rows = 0
  var segments: InlineArray<8, Segment?>
  var segmentCount = 0
  package private(set) var nextLayer = 0
  /// The adapters of the rows, during `runLayer`.
  var lowRank = LowRankPass.none

  package init(
    model: UnsafePointer<Model>, workspace: Workspace, pool: WorkerPool, isFloat: Bool,
    hidden: Floats
  ) {
    self.model = model
    self.workspace = workspace
    self.pool = pool
    self.isFloat = isFloat
    self.hidden = hidden
    segments = InlineArray(repeating: nil)
  }

  package var isAtEnd: Bool { nextLayer == model.pointee.layers.count }
  var embeddingWidth: Int { model.pointee.dimensions.embedding }

  /// Adds `tokens`, which follow what `state` has read. The ids are below the vocabulary's count and
  /// the rows fit: the caller has checked. `adapters` stays as it is until `finish`. The last
  /// `recorded` tokens can be taken back afterwards; if those are all, so can `retained` before them,
  /// as far as there is room.
  package mutating func add(
    _ state: UnsafeMutablePointer<SessionState>, adapters: UnsafePointer<AdapterSet>?,
    _ tokens: UnsafePointer<Int32>, _ count: Int, recorded: Int = 0, retained: Int = 0
  ) {
    let width = embeddingWidth
    for t in 0..<count {
      Dequantise.row(
        model.pointee.embedding, Int(tokens[t]), into: hidden + (rows + t) * width)
    }
    var segment = Segment(state: state, adapters: adapters, firstRow: rows, rows: count)
    state.pointee.dropLead()
    let (lag, capacity) = (state.pointee.lag, state.pointee.records.capacity)
    segment.recorded = min(recorded, min(count, capacity))
    segment.commit =
      segment.recorded < count ? lag : max(0, max(lag - retained, lag + count - capacity))
    segments[segmentCount] = segment
    segmentCount += 1
    rows += count
  }

  /// Says that only the last `count` rows of a segment need outputs of the model: the last layer leaves
  /// out what only the others would need. Comes before that layer, or has no effect.
  package mutating func want(outputs count: Int, of segment: Int) {
    if isAtEnd { return }
    guard let rows = segments[segment]?.rows else { return }
    segments[segment]?.outputs = min(count, rows)
  }

  /// How many of a segment's last rows have outputs, after the last layer.
  package func outputs(of segment: Int) -> Int { segments[segment]?.outputs ?? 0 }

  /// Behind the last layer's mixer, which all rows go through for the state's sake.
  private mutating func dropRows() {
    var to = 0
    for i in 0..<segmentCount {
      guard var s = segments[i] else { continue }
      s.dropped = s.rows - s.outputs
      let from = hidden + (s.firstRow + s.dropped) * embeddingWidth
      if s.firstRow + s.dropped > to {
        (hidden + to * embeddingWidth).copy(from: from, count: s.outputs * embeddingWidth)
      }
      s.firstRow = to
      s.rows = s.outputs
      to += s.rows
      segments[i] = s
    }
    rows = to
    lowRank = adaptersOfRows()
  }

  /// Runs the next layer.
  package mutating func runLayer() {
    let layer = model.pointee.layers + nextLayer
    workspace.foresight.enter(layer: nextLayer)
    lowRank = adaptersOfRows()
    normalise(layer.pointee.mixerNorm, Forward.forms(layer.pointee.mixer, isFloat))
    switch layer.pointee.mixer {
    case .delta(let m): run(m, layer.pointee)
    case .polar(let m): run(m, layer.pointee)
    case .latent(let m): run(m, layer.pointee)
    case .gated(let m): run(m, layer.pointee)
    }
    nextLayer += 1
    if isAtEnd { dropRows() }
    if rows == 0 { return }
    normalise(layer.pointee.feedForwardNorm, Forward.forms(layer.pointee.feedForward, isFloat))
    switch layer.pointee.feedForward {
    case .dense(let f): run(f)
    case .experts(let f): run(f)
    }
  }

  /// Which adapters the rows have: other passes may have used the list since the last layer.
  func adaptersOfRows() -> LowRankPass {
    let scratch = workspace.lowRank
    var count = 0
    for i in 0..<segmentCount {
      guard let s = segments[i], let set = s.adapters else { continue }
      var rank = 0
      for k in 0..<set.pointee.count {
        guard let use = set.pointee[k] else { continue }
        scratch.uses[count] = LowRankUse(
          adapter: use.adapter, scale: use.scale, firstRow: s.firstRow, rows: s.rows,
          rankBefore: rank)
        rank += use.rank
        count += 1
      }
    }
    return LowRankPass(
      uses: UnsafePointer(scratch.uses.base), count: count, rankMax: scratch.rankMax)
  }

  /// Ends the pass: the states have read the rows. The pass can be filled again.
  package mutating func finish() {
    for i in 0..<segmentCount {
      if let s = segments[i] {
        s.state.pointee.position += s.rows + s.dropped
        s.state.pointee.lag += s.recorded - s.commit
      }
      segments[i] = nil
    }
    segmentCount = 0
    rows = 0
    nextLayer = 0
  }

  /// Logits of `row` of a pass of one segment, `[vocabulary]`. Valid after the last layer, before
  /// `finish`, for rows with outputs.
  package func logits(row: Int, into logits: Floats) {
    workspace.places[0] = logits
    normaliseOutput(row - (segments[0]?.dropped ?? 0), 0)
    outputProduct(1)
  }

  /// Where the logits of a segment's last rows go: one place after the other, `stride` floats apart.
  /// At most 32 rows.
  package struct Place: BitwiseCopyable {
    package var first: Floats
    package var rows: Int
    package var stride: Int
    /// Bit k: row k is to have logits.
    package var wanted: UInt32

    package init(first: Floats, rows: Int = 1, stride: Int = 0, wanted: UInt32 = .max) {
      self.first = first
      self.rows = rows
      self.stride = stride
      self.wanted = wanted
    }
  }

  /// Logits of the last rows of each segment whose place is not nil, all in one product; `places` has
  /// one for each segment, of `placesMax` rows together at most.
  package func logits(into places: borrowing InlineArray<8, Place?>) {
    var count = 0
    for i in 0..<segmentCount {
      guard let s = segments[i], let place = places[i] else { continue }
      for k in 0..<place.rows where place.wanted >> UInt32(k) & 1 != 0 {
        workspace.places[count] = place.first + k * place.stride
        normaliseOutput(s.firstRow + s.rows - place.rows + k, count)
        count += 1
      }
    }
    if count > 0 { outputProduct(count) }
  }

  private func normaliseOutput(_ row: Int, _ to: Int) {
    let m = model.pointee
    workspace.placeRows[to] = Int32(truncatingIfNeeded: row)
    let width = embeddingWidth
    Norm.rms(
      hidden + row * width, m.outputNorm, m.hyperparameters.rmsEpsilon, width,
      into: workspace.input.floats + to * width)
  }

  /// The output layer over the first `count` rows of the product input, into `places`.
  private func outputProduct(_ count: Int) {
    let m = model.pointee
    var input = workspace.input
    input.columns = embeddingWidth
    input.quantise(
      rows: 0..<count, forms: Activations.forms(for: m.output.matrix.format, float: isFloat))
    guard let first = workspace.places[0] else { return }
    workspace.entries[0] = ProductEntry(
      m.output, input: input, owners: UnsafePointer(workspace.placeRows.base), rows: count,
      output: first, outputStride: m.dimensions.vocabulary,
      outputs: UnsafePointer(workspace.places.base))
    workspace.foresight.enter(layer: m.layers.count)
    product(0, 1, adaptersOfRows())
  }

  /// rms(hidden) into the product input, in the forms that the next products want.
  func normalise(_ weight: Vector, _ forms: Activations.Forms) {
    var input = workspace.input
    input.columns = embeddingWidth
    let job = NormJob(
      x: hidden, weight: weight, epsilon: model.pointee.hyperparameters.rmsEpsilon, rows: rows,
      input: input, forms: forms)
    if rows < 2 * pool.threads { job.run(part: 0, parts: 1) } else { pool.run(job) }
  }

  /// Quantises rows that are already in the product input.
  func quantise(_ input: Activations, _ rows: Int, _ forms: Activations.Forms) {
    let job = QuantiseJob(input: input, rows: rows, forms: forms)
    if rows < 2 * pool.threads { job.run(part: 0, parts: 1) } else { pool.run(job) }
  }

  /// Runs the first `count` entries of the list.
  func product(_ count: Int) { product(0, count, lowRank) }

  /// Runs the first `count` entries, whose weights this pass has chosen, then what `between` does, then
  /// the next `following` entries.
  func product(routed count: Int, _ between: () -> Void, following: Int) {
    product(0, count, lowRank, isRouted: true, following: following)
    between()
    product(count, following, lowRank, isRouted: true)
  }

  private func product(
    _ first: Int, _ count: Int, _ adapters: LowRankPass, isRouted: Bool = false,
    following: Int = 0
  ) {
    let entries = workspace.entries.base + first
    if adapters.count > 0 { project(entries, count, adapters) }
    var phase = Foresight.Phase.none
    if rows <= Foresight.rowsMax {
      phase = workspace.foresight.step(isRouted: isRouted)
      if following > 0 {
        ProductJob(entries + count, following, isFloat: isFloat, draws: pool.draws)
          .foretell(phase, parts: pool.threads)
      }
    }
    pool.run(
      ProductJob(
        entries, count, isFloat: isFloat, lowRank: adapters, draws: pool.draws, foresight: phase))
  }

  /// A x of the adapters of all maps in the list.
  private func project(
    _ entries: UnsafeMutablePointer<ProductEntry>, _ count: Int, _ adapters: LowRankPass
  ) {
    var next = workspace.lowRank.projected.base
    var i = 0
    while i < count {
      guard let first = entries[i].target else {
        i += 1
        continue
      }
      var size = 1
      while i + size < count, let other = entries[i + size].target,
        other.stack == first.stack && other.slice == first.slice
      {
        size += 1
      }
      for k in i..<(i + size) {
        entries[k].target?.groupCount = size
        entries[k].target?.isLeader = k == i
        entries[k].target?.projected = next
      }
      next += entries[i].rows * size * adapters.rankMax
      i += size
    }
    let job = LowRankJob(entries, count, adapters)
    if job.cost == 0 { return }
    if job.cost < Forward.projectAlone { job.run(part: 0, parts: 1) } else { pool.run(job) }
  }

  /// Below so many multiplications a phase of its own would cost more than it gains.
  private static var projectAlone: Int { 1 << 15 }

  /// hidden += linear(input)
  func addProduct(_ linear: Linear, _ input: Activations) {
    workspace.entries[0] = ProductEntry(
      linear, input: input, rows: rows, output: hidden, outputStride: embeddingWidth, mode: .add)
    product(1)
  }

  func forms(_ linear: Linear) -> Activations.Forms {
    Activations.forms(for: linear.matrix.format, float: isFloat)
  }

  static func forms(_ mixer: Mixer, _ isFloat: Bool) -> Activations.Forms {
    func f(_ l: Linear) -> Activations.Forms {
      Activations.forms(for: l.matrix.format, float: isFloat)
    }
    switch mixer {
    case .delta(let m):
      var forms = f(m.beta)
      for i in 0..<m.projectionCount { forms = forms.union(f(m.projections[i].linear)) }
      switch m.decay {
      case .lowRank(let down, _): forms = forms.union(f(down))
      case .perHead(let l): forms = forms.union(f(l))
      case .withBeta: break
      }
      switch m.gate {
      case .lowRank(let down, _): forms = forms.union(f(down))
      case .full(let l): forms = forms.union(f(l))
      }
      return forms
    case .polar(let m):
      return f(m.query).union(f(m.key)).union(f(m.value)).union(f(m.gate))
    case .latent(let m): return f(m.query).union(f(m.down))
    case .gated(let m): return f(m.query).union(f(m.key)).union(f(m.value))
    }
  }

  static func forms(_ feedForward: FeedForward, _ isFloat: Bool) -> Activations.Forms {
    func f(_ l: Linear) -> Activations.Forms {
      Activations.forms(for: l.matrix.format, float: isFloat)
    }
    switch feedForward {
    case .dense(let d): return f(d.gate).union(f(d.up))
    case .experts(let x):
      var forms = f(x.router).union(f(x.gate)).union(f(x.up))
      if let s = x.shared { forms = forms.union(f(s.gate).union(f(s.up))) }
      if let g = x.sharedGate { forms = forms.union(f(g)) }
      return forms
    }
  }
}

extension ProductEntry {
  /// The product with slice `slice` of `linear`. `owners` are the pass's rows where they are not
  /// those of the entry.
  init(
    _ linear: Linear, slice: Int = 0, input: Activations,
    inputRows: UnsafePointer<Int32>? = nil, owners: UnsafePointer<Int32>? = nil, rows: Int,
    output: Floats, outputStride: Int, outputs: UnsafePointer<Floats?>? = nil,
    mode: Product.Mode = .set
  ) {
    self.init(
      matrix: linear.matrix.slice(slice), input: input, inputRows: inputRows, rows: rows,
      output: output, outputStride: outputStride, outputs: outputs, mode: mode,
      target: LowRankTarget(
        map: Int(linear.id), stack: Int(linear.input), slice: slice, owners: owners))
  }
}

/// Root-mean-square norm of rows into the product input, and its quantised forms.
struct NormJob: ParallelJob {
  var x: Floats
  var weight: Vector
  var epsilon: Float
  var rows: Int
  var input: Activations
  var forms: Activations.Forms

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: NormJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    let width = input.columns
    let mine = share(rows, part: part, parts: parts)
    for t in mine {
      Norm.rms(x + t * width, weight, epsilon, width, into: input.floats + t * width)
    }
    input.quantise(rows: mine, forms: forms)
  }
}

struct QuantiseJob: ParallelJob {
  var input: Activations
  var rows: Int
  var forms: Activations.Forms

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: QuantiseJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    input.quantise(rows: share(rows, part: part, parts: parts), forms: forms)
  }
}
