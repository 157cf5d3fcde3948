// The ring of records of a session: the last tokens of its text, in every recurrent layer, by which
// its state can stay behind the text (RecordRing.swift). The state has read all but the last `lag`
// tokens before `position`; `lead` more records follow, of tokens that a pass has run and that are not
// part of the text unless it turns out to go on like that.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

package struct Records: BitwiseCopyable {
  package let capacity: Int
  /// All recurrent layers, each `[capacity, record]`.
  let floats: Buffer<Float>
  /// Per thread.
  let blocks: Buffer<Float>

  init(
    arena: inout Arena, dimensions d: Dimensions, capacity: Int, threads: Int
  ) throws(Failure) {
    self.capacity = capacity
    floats = try arena.carve(
      Float.self, Checked.multiply(d.recordFloats, capacity, "records"), "records")
    blocks = try arena.carve(
      Float.self, capacity == 0 ? 0 : threads * d.recordBlockFloats, "records")
  }
}

extension SessionState {
  /// Moves the cursor back by n of the last `lag` tokens. Their records stay, ahead of it.
  package mutating func retreat(_ n: Int) {
    position -= n
    lag -= n
    lead += n
  }

  /// Moves the cursor forward over a token that has been run.
  package mutating func advance() {
    position += 1
    lag += 1
    lead -= 1
  }

  /// Records ahead of the cursor are of no use any more.
  package mutating func dropLead() { lead = 0 }

  /// The state is that of `position`.
  package mutating func forgetRecords() {
    lag = 0
    lead = 0
  }
}

extension Segment {
  /// The records of one layer, or nil where all rows go into the state.
  func ring(_ layer: Layer) -> RecordRing? {
    let s = state.pointee
    let stride = layer.mixer.recordFloats
    guard s.lag > 0 || recorded > 0, stride > 0 else { return nil }
    return s.ring(layer, stride, commit: commit, recorded: recorded)
  }
}

extension SessionState {
  fileprivate func ring(
    _ layer: Layer, _ stride: Int, commit: Int, recorded: Int
  ) -> RecordRing {
    RecordRing(
      base: records.floats + layer.recordStart * records.capacity, stride: stride,
      capacity: records.capacity, position: position, lag: lag, commit: commit,
      recorded: recorded, blocks: records.blocks.base)
  }
}

extension Forward {
  /// Brings the state up to its position: all records of its text go into it, the others are dropped.
  /// Afterwards the state is what plain reading would have left. No pass is under way.
  package func settle(_ state: UnsafeMutablePointer<SessionState>) {
    let s = state.pointee
    for i in 0..<model.pointee.layers.count where s.lag > 0 {
      let layer = model.pointee.layers[i]
      let ring = s.ring(layer, layer.mixer.recordFloats, commit: s.lag, recorded: 0)
      switch layer.mixer {
      case .delta(let m):
        ShortConvolutionJob(
          x: s.history.base, stride: m.channels, rows: 0, channels: m.channels,
          history: s.history + layer.historyStart, weight: m.norm, kernel: m.kernel, ring: ring
        ).settle()
        pool.run(
          SettleJob(
            shape: m.shape, ring: ring.from(column: m.channels),
            state: s.recurrent + layer.recurrentStart))
      case .polar(let m):
        pool.run(
          PolarSettleJob(
            shape: m.shape, ring: ring, history: s.history + layer.historyStart,
            state: s.recurrent + layer.recurrentStart))
      case .latent, .gated: continue
      }
    }
    state.pointee.forgetRecords()
  }
}

extension Mixer {
  /// Of one token; 0 where there is no recurrent state.
  var recordFloats: Int {
    switch self {
    case .delta(let m): m.recordFloats
    case .polar(let m): m.recordFloats
    case .latent, .gated: 0
    }
  }
}
