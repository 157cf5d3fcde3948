// What a session remembers of its text: recurrent states and convolution histories, whose size does
// not depend on the text, and the attention cache, bounded by the declared context.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

package struct SessionState: BitwiseCopyable {
  package let context: Int
  /// Tokens that have passed through every layer.
  package var position = 0
  /// Tokens before `position` that are in `records` and not in `recurrent` and `history` yet.
  package internal(set) var lag = 0
  /// Tokens behind `position` that are in `records`.
  package internal(set) var lead = 0
  /// All recurrent layers, Float32 always: of the delta rule each `[heads, d_k, d_v]`, of
  /// polarity-aware attention S and z of each head.
  package let recurrent: Buffer<Float>
  /// All recurrent layers, each `[kernel - 1, channels]`, raw projections, oldest first.
  package let history: Buffer<Float>
  /// All attention layers, each `[context, width]` in `cacheFormat`.
  package let cache: Buffer<UInt8>
  package let cacheFormat: CacheFormat
  package let records: Records

  package init(
    arena: inout Arena, dimensions d: Dimensions, context: Int, cacheFormat: CacheFormat,
    records count: Int, threads: Int
  ) throws(Failure) {
    self.context = context
    self.cacheFormat = cacheFormat
    recurrent = try arena.carve(Float.self, d.recurrentFloats, "recurrent state")
    history = try arena.carve(Float.self, d.historyFloats, "convolution history")
    records = try Records(arena: &arena, dimensions: d, capacity: count, threads: threads)
    cache = try arena.carve(
      UInt8.self,
      Checked.multiply(cacheFormat.rowBytes(d.cacheFloats), context, "the attention cache"),
      "the attention cache")
  }

  /// Asks for large pages where the recurrent states are: a token goes through all of them, and in small
  /// pages the address cache misses at each. Comes before the first touch; pages that an earlier owner
  /// has touched stay as they are.
  package func adviseLarge() {
    lt_advise_huge(recurrent.base, recurrent.count * MemoryLayout<Float>.stride)
  }

  /// The state before any text. The cache needs no clearing: only positions below `position` are
  /// ever read.
  package mutating func reset() {
    recurrent.fill(0)
    history.fill(0)
    position = 0
    lag = 0
    lead = 0
  }
}
