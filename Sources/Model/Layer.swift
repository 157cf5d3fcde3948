// What a layer is made of: descriptors that point into the mapped file. An architecture's file
// composes these; the forward pass interprets them. Shapes are ne order, ne0 first.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

/// A linear map: its weights, and the numbers by which adapters address it and its input. Maps of one
/// input are products of one list, side by side.
package struct Linear: BitwiseCopyable {
  package var matrix: Matrix
  package var id: Int32
  package var input: Int32
}

/// A float32 vector in the file.
package typealias Vector = UnsafePointer<Float>

/// Several linear maps of one input whose outputs lie side by side in one row.
package struct Projection: BitwiseCopyable {
  package var linear: Linear
  package var column: Int
}

package struct ConvolutionPiece: BitwiseCopyable {
  /// `[channels, kernel]`
  package var weight: Vector
  package var column: Int
  package var channels: Int
}

/// Gated delta rule: KDA and the gated delta net.
package struct DeltaMixer: BitwiseCopyable {
  package enum Decay: BitwiseCopyable {
    /// Per key channel, through a bottleneck: up(down(y)).
    case lowRank(down: Linear, up: Linear)
    /// Per value head.
    case perHead(Linear)
    /// Per value head, interleaved with beta in one map: per key head [beta × r | decay × r].
    case withBeta
  }

  package enum Gate: BitwiseCopyable {
    case lowRank(down: Linear, up: Linear)
    case full(Linear)
  }

  static var projectionsMax: Int { 3 }

  package var shape: DeltaRuleJob.Shape
  package var kernel: Int
  /// q | k | v, as one to three maps.
  package var projections: InlineArray<3, Projection>
  package var projectionCount: Int
  package var convolutions: InlineArray<3, ConvolutionPiece>
  package var convolutionCount: Int
  package var decay: Decay
  package var beta: Linear
  package var gate: Gate
  package var dt: Vector
  package var a: Vector
  package var norm: Vector
  package var output: Linear

  package var keyTotal: Int { shape.keyHeads * shape.keyWidth }
  package var valueTotal: Int { shape.valueHeads * shape.valueWidth }
  package var channels: Int { 2 * keyTotal + valueTotal }
  package var decayTotal: Int {
    shape.isDecayPerChannel ? shape.valueHeads * shape.keyWidth : shape.valueHeads
  }
  package var recurrentFloats: Int { shape.valueHeads * shape.keyWidth * shape.valueWidth }
  package var historyFloats: Int { (kernel - 1) * channels }
  /// Of one token: convolution inputs, then what the heads need.
  package var recordFloats: Int { channels + shape.valueHeads * shape.recordFloats }
}

/// Causal polarity-aware linear attention.
package struct PolarMixer: BitwiseCopyable {
  package var shape: PolarRecurrenceJob.Shape
  package var query: Linear
  package var key: Linear
  package var value: Linear
  package var gate: Linear
  package var power: Vector
  package var taps: Vector
  package var output: Linear

  /// A row of queries, keys and values.
  package var qkvFloats: Int { 3 * shape.channels }
  package var recurrentFloats: Int { shape.heads * shape.stateFloats }
  package var historyFloats: Int { (shape.kernel - 1) * shape.channels }
  package var recordFloats: Int { shape.heads * shape.recordFloats }
}

/// Latent attention (MLA) in absorbed form, without rotation.
package struct LatentMixer: BitwiseCopyable {
  package enum KeyValue: BitwiseCopyable {
    /// `attn_k_b` [nope, rank, heads] and `attn_v_b` [rank, value, heads].
    case split(key: Linear, value: Linear)
    /// Legacy `attn_kv_b` [rank, heads · (nope + value)]. Its numbers are those of the key half; the
    /// value half has the next ones.
    case joint(Linear)
  }

  package var heads: Int
  /// Width of a head's query part that meets the latent, and of the part used as it is.
  package var nope: Int
  package var rope: Int
  package var rank: Int
  package var value: Int
  package var query: Linear
  package var down: Linear
  package var norm: Vector
  package var normEpsilon: Float
  package var keyValue: KeyValue
  package var output: Linear

  package var cacheWidth: Int { rank + rope }

  /// The numbers of the maps of each head: nope -> rank, and rank -> value.
  package var keyNumbers: (id: Int32, input: Int32) {
    switch keyValue {
    case .split(let key, _): (key.id, key.input)
    case .joint(let joint): (joint.id, joint.input)
    }
  }
  package var valueNumbers: (id: Int32, input: Int32) {
    switch keyValue {
    case .split(_, let value): (value.id, value.input)
    case .joint(let joint): (joint.id + 1, joint.input + 1)
    }
  }
}

/// Softmax attention with grouped heads, rotary positions and an output gate.
package struct GatedMixer: BitwiseCopyable {
  package var heads: Int
  package var headsKV: Int
  package var width: Int
  package var rotary: Int
  package var frequencyBase: Float
  package var epsilon: Float
  /// Per head [query | gate].
  package var query: Linear
  package var key: Linear
  package var value: Linear
  package var queryNorm: Vector
  package var keyNorm: Vector
  package var output: Linear

  package var cacheWidth: Int { 2 * headsKV * width }
}

package enum Mixer: BitwiseCopyable {
  case delta(DeltaMixer)
  case polar(PolarMixer)
  case latent(LatentMixer)
  case gated(GatedMixer)
}

package struct DenseFeedForward: BitwiseCopyable {
  package var gate: Linear
  package var up: Linear
  package var down: Linear
  package var width: Int { gate.matrix.rows }
}

package struct ExpertFeedForward: BitwiseCopyable {
  package var router: Linear
  package var bias: Vector?
  package var scoring: Router.Scoring
  package var scale: Float
  package var count: Int
  package var chosen: Int
  /// Stacks of `count` matrices.
  package var gate: Linear
  package var up: Linear
  package var down: Linear
  package var width: Int { gate.matrix.rows }
  package var shared: DenseFeedForward?
  /// The shared expert's own sigmoid gate, one row.
  package var sharedGate: Linear?
}

package enum FeedForward: BitwiseCopyable {
  case dense(DenseFeedForward)
  case experts(ExpertFeedForward)
}

package struct Layer: BitwiseCopyable {
  package var mixerNorm: Vector
  package var mixer: Mixer
  package var feedForwardNorm: Vector
  package var feedForward: FeedForward
  /// Where this layer's part begins in a session's buffers, in floats; the cache's in floats per
  /// position, so that it is the same for every context length.
  package var recurrentStart: Int
  package var historyStart: Int
  package var cacheStart: Int
  /// In floats per record, so that it is the same for every number of records.
  package var recordStart: Int
}
