// The records of causal polarity-aware attention: v and k̂ of each head (RecordRing.swift).

import CPlatform
import LintelCore

extension Float {
  /// 1 where the sign bit is set.
  @inline(__always) var side: Int { Int(truncatingIfNeeded: bitPattern >> 31) }
}

extension PolarRecurrenceJob.Shape {
  /// k̂ of a head, recorded for a position.
  func key(_ ring: RecordRing, _ h: Int, _ position: Int) -> Floats {
    ring.record(position) + h * recordFloats + width
  }

  /// The value i tokens behind the oldest one in the history, of head h: there, or in a record.
  func value(_ i: Int, _ history: Floats, _ ring: RecordRing?, _ h: Int) -> Floats {
    let before = kernel - 1
    guard i >= before, let ring else { return history + i * channels + h * width }
    return ring.record(ring.position - ring.lag + i - before) + h * recordFloats
  }

  /// Moves the history of head h forward by n tokens of the ring.
  func advance(_ history: Floats, _ ring: RecordRing, _ n: Int, _ h: Int) {
    for j in 0..<(kernel - 1) {
      (history + j * channels + h * width).update(
        from: value(j + n, history, ring, h), count: width)
    }
  }

  /// z ← z + |k̂|
  func add(_ k: Floats, to z: Floats) {
    let zero = Lanes(repeating: 0)
    var i = 0
    while i < width {
      let n = width - i
      let x = k.lanes(i, count: n)
      let plus = x.replacing(with: zero, where: x .< zero)
      z.store(z.lanes(i, count: n) + plus, i, count: n)
      (z + width).store((z + width).lanes(i, count: n) + (plus - x), i, count: n)
      i += 8
    }
  }

  /// Applies the records of positions `from ..< to` to columns `c ..< c + n` of head h, which lie at
  /// `s`, rows `stride` apart.
  func replay(
    _ ring: RecordRing, _ h: Int, _ from: Int, _ to: Int, _ c: Int, _ n: Int, _ s: Floats,
    _ stride: Int
  ) {
    for position in from..<to {
      let k = key(ring, h, position)
      let v = k - width + c
      var pair = s
      if n == 32 {
        let (v0, v1, v2, v3) = (v.lanes(0), v.lanes(8), v.lanes(16), v.lanes(24))
        for j in 0..<width {
          let row = pair + k[j].side &* stride
          let kj = Lanes(repeating: k[j].magnitude)
          row.store(row.lanes(0).addingProduct(kj, v0), 0)
          row.store(row.lanes(8).addingProduct(kj, v1), 8)
          row.store(row.lanes(16).addingProduct(kj, v2), 16)
          row.store(row.lanes(24).addingProduct(kj, v3), 24)
          pair += 2 &* stride
        }
      } else {
        let x = v.lanes(0, count: n)
        for j in 0..<width {
          let row = pair + k[j].side * stride
          let sum = row.lanes(0, count: n).addingProduct(Lanes(repeating: k[j].magnitude), x)
          row.store(sum, 0, count: n)
          pair += 2 * stride
        }
      }
    }
  }
}

/// Brings a layer's state and history up to its ring's position: all records go into them.
package struct PolarSettleJob: ParallelJob {
  var shape: PolarRecurrenceJob.Shape
  var ring: RecordRing
  var history: Floats
  var state: Floats

  package init(
    shape: PolarRecurrenceJob.Shape, ring: RecordRing, history: Floats, state: Floats
  ) {
    self.shape = shape
    self.ring = ring
    self.history = history
    self.state = state
  }

  package static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: PolarSettleJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  package func run(part: Int, parts: Int) {
    let from = ring.position - ring.lag
    for h in share(shape.heads, part: part, parts: parts) {
      let s = state + h * shape.stateFloats
      for p in from..<ring.position {
        shape.add(shape.key(ring, h, p), to: s + 2 * shape.width * shape.width)
      }
      PolarRecurrenceJob.inBlocks(shape.width) { c, n, _ in
        shape.replay(ring, h, from, ring.position, c, n, s + c, shape.width)
      }
      shape.advance(history, ring, ring.lag, h)
    }
  }
}
