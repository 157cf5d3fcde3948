// The multi-token-prediction block of Qwen3.5 files: one more layer, which guesses the token after the
// next one. h_i is the model's output for token i, after the output norm.
//
//     x = projection [ rms(embedding(t_i), embeddingNorm) | rms(h_(i-1), hiddenNorm) ]
//     x ← x + attention(rms(x));  x ← x + ffn(rms(x));  m = rms(x, norm);  logits of token i+1 = output m
//
// To go on guessing, m takes the place of h_i and the guess that of the token. The block has an
// attention cache of its own; token i is its row i - 1, since nothing comes before the first token.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

package struct Predictor: BitwiseCopyable {
  package var embedding: Matrix
  package var embeddingNorm: Vector
  package var hiddenNorm: Vector
  package var projection: Linear
  package var mixer: GatedMixer
  package var layer: Layer
  package var norm: Vector
  package var output: Linear
}

extension Model {
  /// The file's block, if it has one.
  static func predictor(
    _ h: Hyperparameters, _ b: inout Binder, embedding: Matrix, outputNorm: Vector, output: Linear
  ) throws(Failure) -> Predictor? {
    let block = Model.layerCount(h)
    let e = h.embeddingLength
    guard h.nextnPredictLayers > 0, h.architecture.mayPredict,
      b.has(block, "nextn.eh_proj.weight"), b.has(block, "nextn.enorm.weight"),
      b.has(block, "nextn.hnorm.weight"), b.has(block, "attn_q.weight")
    else { return nil }
    let (mixer, feedForward) = try Qwen35.predictor(h, &b, block)
    var p = Predictor(
      embedding: embedding, embeddingNorm: try b.vector(block, "nextn.enorm.weight", e),
      hiddenNorm: try b.vector(block, "nextn.hnorm.weight", e),
      projection: try b.linear(
        block, "nextn.eh_proj.weight", columns: Checked.multiply(2, e, "embeddings"), rows: e),
      mixer: mixer,
      layer: Layer(
        mixerNorm: try b.vector(block, "attn_norm.weight", e), mixer: .gated(mixer),
        feedForwardNorm: try b.vector(block, "post_attention_norm.weight", e),
        feedForward: feedForward, recurrentStart: 0, historyStart: 0, cacheStart: 0,
        recordStart: 0),
      norm: outputNorm, output: output)
    if b.has(block, "nextn.shared_head_norm.weight") {
      p.norm = try b.vector(block, "nextn.shared_head_norm.weight", e)
    }
    if b.has(block, "nextn.shared_head_head.weight") {
      p.output = try b.linear(
        block, "nextn.shared_head_head.weight", columns: e, rows: output.matrix.rows)
    }
    if b.has(block, "nextn.embed_tokens.weight") {
      p.embedding = try b.linear(
        block, "nextn.embed_tokens.weight", columns: e, rows: embedding.rows).matrix
    }
    return p
  }
}

extension Dimensions {
  /// What a pass needs for the block; what it takes of a session is not part of `cacheFloats`.
  mutating func include(_ p: Predictor) throws(Failure) {
    var with = self
    try with.include(p.layer.mixer)
    with.include(p.layer.feedForward)
    rowFloats = with.rowFloats
    inputColumns = max(with.inputColumns, 2 * embedding)
    attentionFloats = with.attentionFloats
    chosenMax = with.chosenMax
    mapsPerRow = with.mapsPerRow
    expertsMax = with.expertsMax
    predictorCacheFloats = p.mixer.cacheWidth
  }
}

extension Forward {
  /// The model's output for `row`, after the output norm. Valid after the last layer.
  package func output(row: Int, into to: Floats) {
    let m = model.pointee
    Norm.rms(
      hidden + row * embeddingWidth, m.outputNorm, m.hyperparameters.rmsEpsilon, embeddingWidth,
      into: to)
  }

  /// Puts keys and values of the pass's rows, which are those of one session, into the block's cache:
  /// the last thing before `finish`, since it takes the place of the residual stream. `before` is the
  /// output for the token before the first one.
  package mutating func readPredictor(
    _ p: Predictor, _ state: UnsafeMutablePointer<SessionState>, _ tokens: UnsafePointer<Int32>,
    before: ConstFloats?
  ) {
    guard let s = segments[0] else { return }
    let first = s.state.pointee.position - 1
    let row = workspace.rows.base
    for t in 0..<rows {
      if t > 0 {
        output(row: t - 1, into: row)
        combine(p, tokens[t], UnsafePointer(row), t)
      } else {
        combine(p, tokens[t], before, t)
      }
    }
    lowRank = adaptersOfRows()
    project(p)
    let m = p.mixer
    let total = m.headsKV * m.width
    normalise(p.layer.mixerNorm, forms(m.key).union(forms(m.value)))
    var carver = RowCarver(next: workspace.rows.base, rows: rows)
    let keys = carver.take(total)
    let values = carver.take(total)
    var input = workspace.input
    input.columns = embeddingWidth
    workspace.entries[0] = ProductEntry(
      m.key, input: input, rows: rows, output: keys, outputStride: total)
    workspace.entries[1] = ProductEntry(
      m.value, input: input, rows: rows, output: values, outputStride: total)
    product(2)
    var segment = s
    segment.state = state
    GatedPrepareJob(
      mixer: m, rows: rows, position: first, both: keys, keys: keys, values: values,
      queries: keys, cache: cacheRows(segment, p.layer, m.cacheWidth), isKeysOnly: true
    ).run(part: 0, parts: 1)
  }

  /// Guesses what follows `token`, whose row in the block's cache is the state's position. No pass is
  /// under way. `after` receives m; it may be `before` itself.
  package mutating func predict(
    _ p: Predictor, _ state: UnsafeMutablePointer<SessionState>,
    adapters: UnsafePointer<AdapterSet>?, _ token: Int32, before: ConstFloats, after: Floats,
    logits: Floats
  ) {
    segments[0] = Segment(state: state, adapters: adapters, firstRow: 0, rows: 1)
    segmentCount = 1
    rows = 1
    lowRank = adaptersOfRows()
    combine(p, token, before, 0)
    project(p)
    normalise(p.layer.mixerNorm, Forward.forms(p.layer.mixer, isFloat))
    run(p.mixer, p.layer)
    normalise(p.layer.feedForwardNorm, Forward.forms(p.layer.feedForward, isFloat))
    switch p.layer.feedForward {
    case .dense(let f): run(f)
    case .experts(let f): run(f)
    }
    let width = embeddingWidth
    var input = workspace.input
    input.columns = width
    Norm.rms(hidden, p.norm, model.pointee.hyperparameters.rmsEpsilon, width, into: after)
    input.floats.base.copy(from: after, count: width)
    input.quantise(rows: 0..<1, forms: forms(p.output))
    workspace.entries[0] = ProductEntry(
      p.output, input: input, rows: 1, output: logits, outputStride: p.output.matrix.rows)
    product(1)
    finish()
  }

  /// Row t of the projection's input.
  private func combine(_ p: Predictor, _ token: Int32, _ before: ConstFloats?, _ t: Int) {
    let width = embeddingWidth
    let epsilon = model.pointee.hyperparameters.rmsEpsilon
    let x = workspace.input.floats.base + t * 2 * width
    Dequantise.row(p.embedding, Int(token), into: x)
    Norm.rms(x, p.embeddingNorm, epsilon, width, into: x)
    if let before {
      Norm.rms(before, p.hiddenNorm, epsilon, width, into: x + width)
    } else {
      for i in 0..<width { x[width + i] = 0 }
    }
  }

  private func project(_ p: Predictor) {
    var input = workspace.input
    input.columns = 2 * embeddingWidth
    quantise(input, rows, forms(p.projection))
    workspace.entries[0] = ProductEntry(
      p.projection, input: input, rows: rows, output: hidden, outputStride: embeddingWidth)
    product(1)
  }
}
