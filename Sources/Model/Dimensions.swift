// Sizes that follow from the layers: what a session's state holds and what a row of a pass needs.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

package struct Dimensions: BitwiseCopyable, Sendable {
  package var embedding = 0
  package var vocabulary = 0
  /// Of one session.
  package var recurrentFloats = 0
  package var historyFloats = 0
  /// Per position of one session.
  package var cacheFloats = 0
  /// The same of the multi-token-prediction block, for sessions that use it.
  package var predictorCacheFloats = 0
  /// Of one token, in all recurrent layers.
  package var recordFloats = 0
  /// Whether every cached row divides into blocks of 32, as the q8 cache needs.
  package var isCacheBlocked = true
  /// Whether attention has quantised weights: then the cache is q8 unless told otherwise.
  package var isAttentionQuantised = false
  /// Of one row of a pass: projections and intermediate results of the hungriest layer.
  package var rowFloats = 0
  /// The widest product input, in elements per row; inputs split by head or expert count whole.
  package var inputColumns = 0
  /// Chosen experts per row, over all layers; 0 for dense models.
  package var chosenMax = 0
  /// Linear maps in the hungriest list of products, those of chosen experts one by one.
  package var mapsPerRow = 1
  package var expertsMax = 0
  /// Of the hungriest recurrence on one thread: scratch, and a block of state beside its records.
  package var recurrenceFloats = 0
  package var recordBlockFloats = 0
  /// Of a block of the hungriest attention layer's keys and values.
  package var attentionFloats = 0
  /// Layers with a state of constant size, and with a cache.
  package var recurrentLayers = 0
  package var attentionLayers = 0

  package init() {}

  mutating func include(_ mixer: Mixer) throws(Failure) {
    switch mixer {
    case .delta(let m):
      recurrentLayers += 1
      recurrentFloats = try Checked.add(recurrentFloats, m.recurrentFloats, "recurrent state")
      historyFloats = try Checked.add(historyFloats, m.historyFloats, "convolution history")
      recordFloats = try Checked.add(recordFloats, m.recordFloats, "records")
      rowFloats = max(rowFloats, m.rowFloats)
      inputColumns = max(inputColumns, m.valueTotal)
      // Both low-rank maps, the second from a whole block on.
      inputColumns = max(inputColumns, m.bottleneckFloats + 256)
      let width = m.shape.keyWidth
      recurrenceFloats = max(recurrenceFloats, DeltaRuleJob.scratchFloats(keyWidth: width))
      recordBlockFloats = max(recordBlockFloats, RecordRing.blockFloats(keyWidth: width))
      mapsPerRow = max(mapsPerRow, m.projectionCount + 3)
    case .polar(let m):
      recurrentLayers += 1
      recurrentFloats = try Checked.add(recurrentFloats, m.recurrentFloats, "recurrent state")
      historyFloats = try Checked.add(historyFloats, m.historyFloats, "convolution history")
      recordFloats = try Checked.add(recordFloats, m.recordFloats, "records")
      rowFloats = max(rowFloats, m.rowFloats)
      inputColumns = max(inputColumns, m.shape.channels)
      let width = m.shape.width
      recurrenceFloats = max(recurrenceFloats, PolarRecurrenceJob.scratchFloats(width: width))
      recordBlockFloats = max(
        recordBlockFloats, PolarRecurrenceJob.recordBlockFloats(width: width))
      mapsPerRow = max(mapsPerRow, 4)
    case .latent(let m):
      attentionLayers += 1
      cacheFloats = try Checked.add(cacheFloats, m.cacheWidth, "the attention cache")
      include(m.query, blocked: m.rank % 32 == 0 && m.rope % 32 == 0)
      rowFloats = max(rowFloats, m.rowFloats)
      attentionFloats = max(
        attentionFloats,
        AttentionJob.scratchFloats(keyWidth: m.cacheWidth, valueWidth: m.rank))
      inputColumns = max(inputColumns, m.heads * roundUp(m.nope))
      inputColumns = max(inputColumns, m.heads * roundUp(m.rank))
      inputColumns = max(inputColumns, m.heads * m.value)
      mapsPerRow = max(mapsPerRow, 2)
    case .gated(let m):
      attentionLayers += 1
      cacheFloats = try Checked.add(cacheFloats, m.cacheWidth, "the attention cache")
      include(m.query, blocked: m.width % 32 == 0)
      rowFloats = max(rowFloats, m.rowFloats)
      attentionFloats = max(
        attentionFloats, AttentionJob.scratchFloats(keyWidth: m.width, valueWidth: m.width))
      inputColumns = max(inputColumns, m.heads * m.width)
      mapsPerRow = max(mapsPerRow, 3)
    }
  }

  private mutating func include(_ query: Linear, blocked: Bool) {
    if !blocked { isCacheBlocked = false }
    if query.matrix.format.blockElements > 1 { isAttentionQuantised = true }
  }

  mutating func include(_ feedForward: FeedForward) {
    switch feedForward {
    case .dense(let f):
      rowFloats = max(rowFloats, f.rowFloats)
      inputColumns = max(inputColumns, roundUp(f.width))
      mapsPerRow = max(mapsPerRow, 2)
    case .experts(let f):
      rowFloats = max(rowFloats, f.rowFloats(embedding: embedding))
      inputColumns = max(inputColumns, f.chosen * roundUp(f.width))
      if let s = f.shared { inputColumns = max(inputColumns, roundUp(s.width)) }
      chosenMax = max(chosenMax, f.chosen)
      mapsPerRow = max(mapsPerRow, 2 * f.chosen + 3)
      expertsMax = max(expertsMax, f.count)
    }
  }
}

/// Rows of intermediate buffers start on whole 64-byte lines.
@inlinable package func roundUp(_ floats: Int) -> Int { (floats + 15) & ~15 }

extension DeltaMixer {
  /// qkv | decay | beta | gate | beta and decay interleaved | two bottlenecks
  var rowFloats: Int {
    roundUp(channels) + roundUp(decayTotal) + roundUp(shape.valueHeads)
      + roundUp(valueTotal) + roundUp(2 * shape.valueHeads) + bottleneckFloats
  }

  var bottleneckFloats: Int {
    var n = 0
    if case .lowRank(let down, _) = decay { n += roundUp(down.matrix.rows) }
    if case .lowRank(let down, _) = gate { n += roundUp(down.matrix.rows) }
    return n
  }
}

extension PolarMixer {
  /// qkv | gate
  var rowFloats: Int { roundUp(qkvFloats) + roundUp(shape.channels) }
}

extension LatentMixer {
  /// queries | latent | absorbed queries | attended latents | values
  var rowFloats: Int {
    roundUp(heads * (nope + rope)) + roundUp(cacheWidth) + roundUp(heads * cacheWidth)
      + roundUp(heads * rank) + roundUp(heads * value)
  }
}

extension GatedMixer {
  /// query | gate interleaved, queries, keys, values, attended
  var rowFloats: Int {
    roundUp(2 * heads * width) + 2 * roundUp(headsKV * width) + 2 * roundUp(heads * width)
  }
}

extension DenseFeedForward {
  var rowFloats: Int { 2 * roundUp(width) }
}

extension ExpertFeedForward {
  /// router logits | gate, up and result of each chosen expert | the shared expert
  func rowFloats(embedding: Int) -> Int {
    roundUp(count) + chosen * (2 * roundUp(width) + roundUp(embedding))
      + (shared.map { 2 * roundUp($0.width) } ?? 0) + roundUp(embedding) + 16
  }
}
