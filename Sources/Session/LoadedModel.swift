// What `lintel_model_open` builds in its region: the bound model, its vocabulary, and the scratch
// that its sessions share.

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelStructure
import LintelText
import LintelWeights

package struct LoadedModel {
  /// Longest word that can be tokenized; a word is a run without spaces.
  package static var pieceBytesMax: Int { 16 << 10 }
  package static var chunkDefault: Int { 128 }
  package static var chunkMax: Int { 1024 }

  package struct Options {
    package var chunk: Int
    package var threads: Int
    package var isFloat: Bool
    package var isVocabularyOnly: Bool
    package var adapters: AdapterOptions
    /// Memory for grammars; 0 for none.
    package var grammarBytes: Int
    package init(
      chunk: Int, threads: Int, isFloat: Bool, isVocabularyOnly: Bool,
      adapters: AdapterOptions = AdapterOptions(), grammarBytes: Int = 0
    ) {
      self.chunk = chunk
      self.threads = threads
      self.isFloat = isFloat
      self.isVocabularyOnly = isVocabularyOnly
      self.adapters = adapters
      self.grammarBytes = grammarBytes
    }
  }

  package var region: MappedRegion
  let cell: Buffer<Model>
  package var model: Model { cell[0] }
  package let vocabulary: Vocabulary
  package var chat: ChatFormat?
  package let options: Options
  package private(set) var encoder: Encoder
  package private(set) var workspace: Workspace
  package let adapters: AdapterSlots
  package let grammars: GrammarStore
  /// Whether the identity is known, and the identity.
  private let identityCell: Buffer<UInt64>

  /// The parts whose size the file's header alone decides. Only carves.
  package static func directory(
    _ arena: inout Arena, _ region: MappedRegion, _ options: Options
  ) throws(Failure) -> (Model, Buffer<Model>) {
    let container = try Container(region.bytes)
    var hyperparameters = try Hyperparameters(
      container, vocabularyOnly: options.isVocabularyOnly)
    if options.isVocabularyOnly {
      hyperparameters.blockCount = 0
      hyperparameters.nextnPredictLayers = 0
    }
    let cell = try arena.carve(Model.self, 1, "the model")
    return (
      try Model(arena: &arena, container: container, hyperparameters: hyperparameters), cell
    )
  }

  /// The parts whose size follows from the bound layers. Only carves.
  package init(
    _ arena: inout Arena, _ region: MappedRegion, bound cell: Buffer<Model>,
    _ options: Options, report: inout MemoryReport
  ) throws(Failure) {
    self.region = region
    self.cell = cell
    let model = cell[0]
    self.options = options
    vocabulary = try Vocabulary(
      arena: &arena, source: LoadedModel.source(model.hyperparameters))
    encoder = try Encoder(arena: &arena, maximumPieceBytes: LoadedModel.pieceBytesMax)
    let before = arena.used
    adapters = try AdapterSlots(
      arena: &arena, model: model, rowsMax: options.chunk, options: options.adapters)
    let middle = arena.used
    workspace = try Workspace(
      arena: &arena, dimensions: model.dimensions, layers: model.layers.count,
      rowsMax: options.chunk, threads: options.threads, lowRank: adapters.scratch)
    report.adapters = middle - before
    report.scratch = arena.used - middle
    let end = arena.used
    grammars = try GrammarStore(arena: &arena, bytes: options.grammarBytes)
    report.grammars = arena.used - end
    identityCell = try arena.carve(UInt64.self, 2, "the model's identity")
    chat = nil
  }

  /// Fills the vocabulary's index.
  package mutating func index() throws(Failure) {
    adapters.clear()
    workspace.foresight.clear()
    identityCell.fill(0)
    try vocabulary.index()
    try grammars.prepare(vocabulary)
    do throws(Failure) {
      chat = try ChatFormat(vocabulary)
    } catch {
      // A model without chat tokens still completes text.
      if error.status != .unsupported { throw error }
    }
  }

  /// By what snapshots know the model; worked out when it is first asked for.
  package func identity(_ engine: UnsafeMutablePointer<Engine>) -> UInt64 {
    engine.pointee.takeTurn()
    defer { engine.pointee.endTurn() }
    if identityCell[0] == 0 {
      identityCell[1] = cell.base.pointee.identity()
      identityCell[0] = 1
    }
    return identityCell[1]
  }

  private static func source(_ h: Hyperparameters) throws(Failure) -> VocabularySource {
    guard let kind = h.tokenizerModel, let tokens = h.tokens else {
      throw Failure(
        .missing, "keys tokenizer.ggml.model and tokenizer.ggml.tokens are needed to read text")
    }
    var source = VocabularySource(
      tokens: tokens, merges: h.merges ?? StringArray(proven: Bytes(""), count: 0), model: kind,
      pre: h.tokenizerPre)
    if let types = h.tokenTypes {
      if types.type != .int32 && types.type != .uint32 {
        throw Failure(.format, "key tokenizer.ggml.token_type must be an array of i32")
      }
      source.types = types.bytes
    }
    source.bos = h.bosId.map { UInt32(truncatingIfNeeded: $0) }
    source.eos = h.eosId.map { UInt32(truncatingIfNeeded: $0) }
    source.eot = h.eotId.map { UInt32(truncatingIfNeeded: $0) }
    source.addBos = h.addBos
    source.chatTemplate = h.chatTemplate
    return source
  }
}
