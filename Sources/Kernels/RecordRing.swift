// What a recurrence needs to read a token again, kept beside the state instead of inside it.
//
//     position   ... | in the state | recorded, not in the state | rows of the pass | ...
//                                   ^ position - lag             ^ position
//
// A record is everything by which one token changes one layer. Of the delta rule: its raw convolution
// inputs and, per head, u, k and e^g of  S ← diag(e^g) S + k uᵀ; of polarity-aware attention: v and k̂.
// None of it depends on later tokens. So a state may stay behind the text: before a pass the oldest
// records go into it (`commit`), the others are applied to blocks of it in the first-level cache, which
// are then forgotten; the pass's own rows follow there. Taking tokens back is moving a cursor.
// Operations and their order are those of the plain recurrence, therefore the bits are as well.
//
// - Shapes: record `[channels | heads · (u: d_v, k: d_k, e^g: d_k or 1)]` or `[heads · (v: d, k̂: d)]` ·
//   ring `[capacity, stride]`

import CPlatform
import LintelCore

package struct RecordRing: BitwiseCopyable {
  package var base: Floats
  package var stride: Int
  /// 0: there is no ring, and every row goes into the state.
  package var capacity: Int
  /// Of the pass's first row.
  package var position: Int
  /// Tokens before it that are not in the state.
  package var lag: Int
  /// How many of those go into the state first.
  package var commit: Int
  /// How many of the pass's last rows are recorded instead of going into the state.
  package var recorded: Int
  /// `blockFloats` per part.
  package var blocks: Floats

  package init(
    base: Floats, stride: Int, capacity: Int, position: Int, lag: Int, commit: Int, recorded: Int,
    blocks: Floats
  ) {
    self.base = base
    self.stride = stride
    self.capacity = capacity
    self.position = position
    self.lag = lag
    self.commit = commit
    self.recorded = recorded
    self.blocks = blocks
  }

  /// A block of state columns as the recurrence works on it.
  package static func blockFloats(keyWidth: Int) -> Int { keyWidth * DeltaRuleJob.columns }

  /// The record of the token at a position.
  @inline(__always)
  func record(_ position: Int) -> Floats { base + position % capacity * stride }

  /// The same ring, seen from the column `column` of its records.
  package func from(column: Int) -> RecordRing {
    var ring = self
    ring.base += column
    return ring
  }
}

extension DeltaRuleJob.Shape {
  /// u, k and e^g of one head.
  package var recordFloats: Int { valueWidth + keyWidth + (isDecayPerChannel ? keyWidth : 1) }

  /// Applies the records of positions `from ..< to` to columns `c ..< c + n` of head h, which lie at
  /// `s`, rows `stride` apart.
  func replay(
    _ ring: RecordRing, _ h: Int, _ from: Int, _ to: Int, _ c: Int, _ n: Int, _ s: Floats,
    _ stride: Int
  ) {
    var p = from
    while p < to {
      let u = ring.record(p) + h * recordFloats
      let k = u + valueWidth
      let factor = k + keyWidth
      if n == 32 {
        replay32(u + c, k, factor, s, stride)
      } else {
        let u = u.lanes(c, count: n)
        for j in 0..<keyWidth {
          let row = s + j * stride
          let decayed = row.lanes(0, count: n) * factor[isDecayPerChannel ? j : 0]
          row.store(decayed.addingProduct(Lanes(repeating: k[j]), u), 0, count: n)
        }
      }
      p += 1
    }
  }

  @inline(__always)
  private func replay32(
    _ u: Floats, _ k: Floats, _ factor: Floats, _ start: Floats, _ stride: Int
  ) {
    let (u0, u1, u2, u3) = (u.lanes(0), u.lanes(8), u.lanes(16), u.lanes(24))
    let step = isDecayPerChannel ? 1 : 0
    var s = start
    for j in 0..<keyWidth {
      let f = Lanes(repeating: factor[j * step])
      let kj = Lanes(repeating: k[j])
      s.store((s.lanes(0) * f).addingProduct(kj, u0), 0)
      s.store((s.lanes(8) * f).addingProduct(kj, u1), 8)
      s.store((s.lanes(16) * f).addingProduct(kj, u2), 16)
      s.store((s.lanes(24) * f).addingProduct(kj, u3), 24)
      s += stride
    }
  }
}

/// Brings a layer's state up to its ring's position: all records go into it.
package struct SettleJob: ParallelJob {
  var shape: DeltaRuleJob.Shape
  /// Of the heads' part of the records.
  var ring: RecordRing
  var state: Floats

  package init(shape: DeltaRuleJob.Shape, ring: RecordRing, state: Floats) {
    self.shape = shape
    self.ring = ring
    self.state = state
  }

  package static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: SettleJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  package func run(part: Int, parts: Int) {
    for h in share(shape.valueHeads, part: part, parts: parts) {
      let s = state + h * shape.keyWidth * shape.valueWidth
      DeltaRuleJob.inBlocks(shape.valueWidth) { c, n in
        shape.replay(
          ring, h, ring.position - ring.lag, ring.position, c, n, s + c, shape.valueWidth)
      }
    }
  }
}
