// Guesses by the model's own multi-token-prediction block, where its file has one.

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelText
import LintelWeights

/// What a session keeps for the block.
struct Prediction {
  /// Its cache; empty if the block is not used.
  let cell: Buffer<SessionState>
  /// The model's outputs for the last rows read, `[1 + drafts, embedding]`, and one row more.
  let outputs: Buffer<Float>
  /// Tokens whose rows are in the cache.
  var end = 0
  /// Which tokens `outputs` are of.
  var saved = 0..<0
  /// What a guess takes.
  var ns: Float = 0

  init(
    _ arena: inout Arena, _ model: Model, context: Int, _ format: CacheFormat,
    _ settings: DraftSettings, report: inout MemoryReport
  ) throws(Failure) {
    let isUsed = settings.tokens > 0 && model.predictor != nil
    var d = Dimensions()
    d.cacheFloats = model.dimensions.predictorCacheFloats
    cell = try arena.carve(SessionState.self, isUsed ? 1 : 0, "the prediction block's cache")
    outputs = try arena.carve(
      Float.self,
      isUsed
        ? Checked.multiply(settings.tokens + 2, model.dimensions.embedding, "outputs of rows") : 0,
      "outputs of rows")
    if !isUsed { return }
    let before = arena.used
    let state = try SessionState(
      arena: &arena, dimensions: d, context: context, cacheFormat: format, records: 0, threads: 0)
    report.cache += arena.used - before
    if !arena.isMeasuring { cell.base.initialize(to: state) }
  }

  var isUsed: Bool { cell.count > 0 }
}

extension Session {
  private var width: Int { loaded.pointee.model.dimensions.embedding }

  private func output(_ position: Int) -> Floats? {
    prediction.saved.contains(position)
      ? prediction.outputs + (position - prediction.saved.lowerBound) * width : nil
  }

  /// Reads the rows of the pass into the block's cache; the last thing before the pass is finished.
  mutating func readPredictor() {
    guard prediction.isUsed, let p = loaded.pointee.model.predictor else { return }
    let (from, to) = (position, position + passRows)
    if from == 0 {
      prediction.end = 0
      prediction.saved = 0..<0
    }
    // A pass without this has read what comes before: nothing is known any more.
    if from > prediction.end { return }
    let spare = prediction.outputs + (drafts.settings.tokens + 1) * width
    let before = output(from - 1)
    if let before { spare.update(from: before, count: width) }
    let kept = min(passRows, drafts.settings.tokens + 1)
    for i in 0..<kept {
      forward?.output(row: passRows - kept + i, into: prediction.outputs + i * width)
    }
    prediction.saved = (to - kept)..<to
    forward?.readPredictor(
      p, prediction.cell.base, tokens + from, before: before == nil ? nil : UnsafePointer(spare))
    prediction.end = to
  }

  /// Lets the block guess what follows the pending token.
  mutating func predict(_ list: inout DraftList, isUngated: Bool) {
    guard prediction.isUsed, list.count == 0, !list.isFull, position > 0,
      position <= prediction.end, let p = loaded.pointee.model.predictor,
      let output = output(position - 1)
    else { return }
    var wanted = list.countMax
    if !isUngated {
      wanted = drafts.gate.choose(
        DraftList(wanted, of: Drafts.predictorKind), behind: 1,
        each: drafts.gate.each(prediction.ns))
    }
    if wanted == 0 { return }
    let start = lt_now_ns()
    let spare = prediction.outputs + (drafts.settings.tokens + 1) * width
    spare.update(from: output, count: width)
    var token = tokens[position]
    var chance: Float = 1
    var asked = 0
    prediction.cell.base.pointee.position = position - 1
    logitRow = 0
    let (to, adapters) = (logits.base, UnsafePointer(adapterCell.base))
    while list.count < wanted {
      forward?.predict(
        p, prediction.cell.base, adapters: adapters, token, before: UnsafePointer(spare),
        after: spare, logits: to)
      asked += 1
      guard let choice = try? sampler.likeliest(logits) else { break }
      if generation.map({ !$0.options.ignoresEnd && isEndToken(choice.token, $0.options) })
        ?? true
      {
        break
      }
      let probability = LintelKernels.Elementary.exp(choice.logProbability)
      list.append(choice.token, kind: Drafts.predictorKind(probability))
      chance *= probability
      token = choice.token
      if !isUngated && chance < 0.2 { break }
    }
    let ns = lt_now_ns() - start
    drafts.passNs -= ns
    let each = Float(ns) / Float(max(asked, 1))
    prediction.ns += prediction.ns == 0 ? each : (each - prediction.ns) / 8
  }

  /// The block's logits for what follows the pending token and `depth` of its own guesses. For tests.
  package mutating func predictorLogits(depth: Int) throws(Failure) -> Buffer<Float>? {
    guard let p = loaded.pointee.model.predictor, position > 0, pending == 1,
      position <= prediction.end, let output = output(position - 1)
    else { return nil }
    let spare = prediction.outputs + (drafts.settings.tokens + 1) * width
    spare.update(from: output, count: width)
    prediction.cell.base.pointee.position = position - 1
    var token = tokens[position]
    let (to, adapters) = (logits.base, UnsafePointer(adapterCell.base))
    for i in 0...depth {
      if i > 0 { token = try sampler.likeliest(logits).token }
      forward?.predict(
        p, prediction.cell.base, adapters: adapters, token, before: UnsafePointer(spare),
        after: spare, logits: to)
    }
    return logits
  }
}
