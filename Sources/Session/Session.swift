// One conversation: what the model has read of it, what is still to be read, and the generation
// under way. One mutable timeline, driven in units of bounded work.
//
//     tokens   [ read by every layer | pending ... ]
//              0                     position      tokenCount           context
//
// A pass takes up to a chunk of pending tokens through the layers, one layer a unit. When the last
// pending token has been read its logits are at hand, and a generation samples the next one.

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelStructure
import LintelText
import LintelWeights

/// How a session's attention cache is kept.
package enum CacheChoice: UInt32, Sendable {
  /// q8 beside quantised weights, else f32.
  case automatic = 0
  case f32 = 1
  case q8 = 2

  func format(_ d: Dimensions, isFloat: Bool) -> CacheFormat {
    switch self {
    case .f32: .f32
    case .q8: d.isCacheBlocked ? .q8 : .f32
    case .automatic: d.isAttentionQuantised && d.isCacheBlocked && !isFloat ? .q8 : .f32
    }
  }
}

/// What a session is created with.
package struct SessionOptions {
  /// nil: the default, or the model's own if that is shorter.
  package var context: Int?
  package var cache = CacheChoice.automatic
  package var priority = 0
  /// Places for marks.
  package var marks = 0
  package var drafts = DraftSettings()

  package init() {}
}

package struct Session {
  package static var contextDefault: Int { 2048 }
  package static var penaltyTokensMax: Int { 1024 }
  package static var biasesMax: Int { 64 }
  package static var priorityMax: Int { 7 }

  package let loaded: UnsafePointer<LoadedModel>
  package let context: Int
  /// Whose prompt `JointSessions` reads first; higher is sooner.
  package let priority: Int
  /// In the session's region, since passes point at it.
  let stateCell: Buffer<SessionState>
  /// Also in the region, for the same reason.
  let adapterCell: Buffer<AdapterSet>
  let tokens: Buffer<Int32>
  package internal(set) var tokenCount = 0
  /// `[1 + drafts, logitStride]`: after the last token read, and after each guess behind it.
  let logitRows: Buffer<Float>
  /// Which of them is next.
  var logitRow = 0
  /// The logits are those after the last token read, untouched.
  var hasLogits = false
  let hidden: Buffer<Float>
  var forward: Forward?
  var passRows = 0
  var sampler: Sampler
  var text: TextStage
  var drafts: Drafts
  var prediction: Prediction
  var generation: Generation?
  package internal(set) var last: Fed = .nothing
  /// The assistant's turn was opened and not ended by the model.
  var isTurnOpen = false
  package internal(set) var figures = Figures()
  let marks: Marks
  /// Set by `cancel` from any thread, taken by the stepping one.
  package let cancelFlag: Buffer<UInt32>
  /// The tokens that the grammar allows next; empty if the model has no memory for grammars.
  let mask: Buffer<UInt64>
  let forcedBytes: Buffer<UInt8>
  /// The state of the grammar that `mask` is for, and how many tokens it allows (2: more).
  var maskState: Int32 = -1
  var maskCount = 0
  var forced: ForcedRun

  package enum Fed: UInt32, BitwiseCopyable {
    case nothing = 0
    case text = 1
    case message = 2
  }

  /// Figures of the current or last generation.
  package struct Figures {
    package var promptTokens = 0
    package var generatedTokens = 0
    package var promptNs: Int64 = 0
    package var generateNs: Int64 = 0
    package var firstTokenNs: Int64 = 0
    package var longestUnitNs: Int64 = 0
    /// Passes after the first token, and guesses that they ran and that were right.
    package var passes = 0
    package var drafted = 0
    package var accepted = 0
    package var finish = Finish.none
  }

  /// Only carves; `start` makes it usable. `report` receives what state and cache took.
  package init(
    _ arena: inout Arena, _ loaded: UnsafePointer<LoadedModel>, _ options: SessionOptions,
    report: inout MemoryReport
  ) throws(Failure) {
    let m = loaded.pointee
    let d = m.model.dimensions
    self.loaded = loaded
    context = try MemoryPlan.contextTokens(options.context, m.model)
    priority = options.priority
    let before = arena.used
    let state = try SessionState(
      arena: &arena, dimensions: d, context: context,
      cacheFormat: options.cache.format(d, isFloat: m.options.isFloat),
      records: options.drafts.records, threads: m.options.threads)
    let cacheBytes = try Checked.alignUp(
      state.cache.bytes.count, Arena.alignment, "the attention cache")
    report.cache = cacheBytes
    report.state = arena.used - before - cacheBytes
    stateCell = try arena.carve(SessionState.self, 1, "session state")
    adapterCell = try arena.carve(AdapterSet.self, 1, "the session's adapters")
    tokens = try arena.carve(Int32.self, context, "the session's tokens")
    logitRows = try arena.carve(
      Float.self,
      Checked.multiply(options.drafts.tokens, Session.logitStride(d), "logits") + d.vocabulary, "logits")
    hidden = try arena.carve(
      Float.self, Checked.multiply(m.options.chunk, d.embedding, "hidden rows"), "hidden rows")
    cancelFlag = try arena.carve(UInt32.self, 1, "the cancel flag")
    let words = m.grammars.isThere ? (d.vocabulary + 63) / 64 : 0
    mask = try arena.carve(UInt64.self, words, "the token mask")
    forcedBytes = try arena.carve(
      UInt8.self, words == 0 ? 0 : Session.forcedBytesMax, "forced text")
    forced = try ForcedRun(&arena, isUsed: words > 0)
    sampler = try Sampler(
      arena: &arena, vocabularyCount: d.vocabulary, maximumWindow: Session.penaltyTokensMax,
      maximumBiases: Session.biasesMax)
    text = try TextStage(&arena, tokens: options.drafts.records)
    prediction = try Prediction(
      &arena, m.model, context: context, state.cacheFormat, options.drafts, report: &report)
    drafts = try Drafts(&arena, options.drafts)
    marks = try Marks(&arena, d, context: context, count: options.marks)
    if !arena.isMeasuring {
      stateCell.base.initialize(to: state)
      adapterCell.base.initialize(to: AdapterSet())
    }
  }

  static func logitStride(_ d: Dimensions) -> Int { (d.vocabulary + 15) & ~15 }

  var logitStride: Int { Session.logitStride(loaded.pointee.model.dimensions) }

  /// The logits from which the next token is sampled.
  var logits: Buffer<Float> {
    Buffer(
      base: logitRows + logitRow * logitStride, count: loaded.pointee.model.dimensions.vocabulary)
  }

  package var state: SessionState { stateCell[0] }
  /// Memory that is free between two tokens.
  package var scratch: Buffer<UInt8> { sampler.scratch }
  package var position: Int { stateCell[0].position }
  package var pending: Int { tokenCount - position }

  package mutating func start(pool: WorkerPool) {
    forward = Forward(
      model: UnsafePointer(loaded.pointee.cell.base),
      workspace: loaded.pointee.workspace, pool: pool, isFloat: loaded.pointee.options.isFloat,
      hidden: hidden.base)
    drafts.index.clear()
    marks.clear()
    reset()
  }

  /// Back to the state before any text. The adapters stay, the marks do not.
  package mutating func reset() {
    forward?.finish()
    stateCell[0].reset()
    tokenCount = 0
    passRows = 0
    hasLogits = false
    logitRow = 0
    drafts.list = DraftList(countMax: 0)
    drafts.learned = 0
    releaseGrammar()
    generation = nil
    last = .nothing
    isTurnOpen = false
    figures = Figures()
    text.restart()
    sampler.restart()
    marks.forget(beyond: -1)
    lt_store_release(cancelFlag.base, 0)
  }
}
