// A model: one mapped file, its hyper-parameters, tensor directory and bound layers. Immutable once
// bound; sessions share it.
//
// `init` only carves, by counts that the file's header states, so a measuring arena gives the exact
// size. `bind` fills in and checks everything.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

package struct Model: BitwiseCopyable {
  package let container: Container
  package let hyperparameters: Hyperparameters
  package let directory: TensorDirectory
  package let layers: Buffer<Layer>
  package private(set) var embedding: Matrix
  package private(set) var outputNorm: Vector
  package private(set) var output: Linear
  package private(set) var vocabularyCount = 0
  package private(set) var linearCount = 0
  package private(set) var inputCount = 0
  package private(set) var dimensions = Dimensions()
  /// The multi-token-prediction block.
  package private(set) var predictor: Predictor?

  /// Layers that plain decoding runs: multi-token-prediction blocks come after them in the file.
  package static func layerCount(_ h: Hyperparameters) -> Int {
    h.blockCount - h.nextnPredictLayers
  }

  package init(
    arena: inout Arena, container: Container, hyperparameters: Hyperparameters
  ) throws(Failure) {
    self.container = container
    self.hyperparameters = hyperparameters
    directory = try TensorDirectory(arena: &arena, count: container.tensorCount)
    layers = try arena.carve(Layer.self, Model.layerCount(hyperparameters), "the layers")
    embedding = Matrix(start: container.bytes.start, format: .f32, columns: 0, rows: 0)
    outputNorm = container.bytes.start.assumingMemoryBound(to: Float.self)
    output = Linear(matrix: embedding, id: -1, input: -1)
  }

  package mutating func bind() throws(Failure) {
    try directory.index(container)
    let h = hyperparameters
    var binder = Binder(directory, h.architecture)
    let table = try binder.need(-1, "token_embd.weight")
    vocabularyCount = table.entry.ne1
    if vocabularyCount > ModelLimits.vocabulary {
      throw Failure(
        .limit,
        "tensor token_embd.weight has \(vocabularyCount) rows; the limit is \(ModelLimits.vocabulary)"
      )
    }
    if let declared = h.vocabularySize, declared != vocabularyCount {
      throw Failure(
        .shape,
        "tensor token_embd.weight has \(vocabularyCount) rows, but vocab_size is \(declared)")
    }
    if let tokens = h.tokens, tokens.count != vocabularyCount {
      throw Failure(
        .shape,
        "tokenizer.ggml.tokens has \(tokens.count) entries, but token_embd.weight has \(vocabularyCount) rows"
      )
    }
    let embed = try binder.linear(
      -1, "token_embd.weight", columns: h.embeddingLength, rows: vocabularyCount)
    embedding = embed.matrix
    outputNorm = try binder.vector(-1, "output_norm.weight", h.embeddingLength)
    if binder.has(-1, "output.weight") {
      output = try binder.linear(
        -1, "output.weight", columns: h.embeddingLength, rows: vocabularyCount)
    } else if h.architecture == .kimiLinear {
      _ = try binder.need(-1, "output.weight")
    } else {
      output = embed
    }
    try bindLayers(&binder)
    try binder.refuseUnused(
      beyond: h.nextnPredictLayers > 0 ? layers.count : ModelLimits.blocks * 1000)
    linearCount = Int(binder.nextId)
    inputCount = Int(binder.nextInput)
  }

  private mutating func bindLayers(_ binder: inout Binder) throws(Failure) {
    let h = hyperparameters
    var d = Dimensions()
    d.embedding = h.embeddingLength
    d.vocabulary = vocabularyCount
    d.inputColumns = h.embeddingLength
    for i in 0..<layers.count {
      let mixer: Mixer
      let feedForward: FeedForward
      let feedForwardNorm: Vector
      switch h.architecture {
      case .kimiLinear:
        (mixer, feedForward) = try KimiLinear.bind(h, &binder, i)
        feedForwardNorm = try binder.vector(i, "ffn_norm.weight", h.embeddingLength)
      case .polaformerLM:
        (mixer, feedForward) = try PolaformerLM.bind(h, &binder, i)
        feedForwardNorm = try binder.vector(i, "ffn_norm.weight", h.embeddingLength)
      case .qwen35, .qwen35moe, .qwen3next:
        (mixer, feedForward) = try Qwen35.bind(h, &binder, i)
        feedForwardNorm = try binder.vector(i, "post_attention_norm.weight", h.embeddingLength)
      }
      layers.base.advanced(by: i).initialize(
        to: Layer(
          mixerNorm: try binder.vector(i, "attn_norm.weight", h.embeddingLength), mixer: mixer,
          feedForwardNorm: feedForwardNorm, feedForward: feedForward,
          recurrentStart: d.recurrentFloats, historyStart: d.historyFloats,
          cacheStart: d.cacheFloats, recordStart: d.recordFloats))
      try d.include(mixer)
      d.include(feedForward)
    }
    predictor = try Model.predictor(
      h, &binder, embedding: embedding, outputNorm: outputNorm, output: output)
    if let predictor { try d.include(predictor) }
    dimensions = d
  }
}
