// Causal polarity-aware linear attention (PolaFormer, arXiv 2501.15061), one head at a time, all rows
// of one timeline.
//
//     k̂ = sign(k) |k|^p        q̂ likewise
//     S[i, s] ← S[i, s] + |k̂[i]| v      z[i, s] ← z[i, s] + |k̂[i]|      s the sign of k̂[i]
//     o[j] = Σ_i |q̂[i]| S[i, s'][j] / (Σ_i |q̂[i]| z[i, s'] + 1e-6)
//     y = (o + Σ_{j < K} w[j] v[t - (K-1) + j]) · gate
//
// where s' is the sign of q̂[i] in the first half of a head's values (the same-sign stream) and the
// opposite one in the second half. A channel of k has one sign, so a token writes one row of S per
// channel and reads one: d · d each, whatever the number of signs. Nothing decays, and nothing is
// subtracted: each stream is a weighted mean of what was read.
//
// Columns of S do not depend on each other: sixteen tokens at a time go through blocks of 32 columns
// that stay in the first-level cache. Each token's operations and their order are the same for any
// number of rows.
//
// - Shapes: q, k, v, gate, output `[rows, heads · d]` · w `[heads · d, K]` · state of a head
//   `[d, 2 (sign: +, -), d]`, then z `[2, d]`, Float32 · history `[K - 1, heads · d]`, oldest first

import CPlatform
import LintelCore

package struct PolarRecurrenceJob: ParallelJob {
  package struct Shape: BitwiseCopyable {
    package var heads: Int
    /// Of a head's queries, keys and values; even.
    package var width: Int
    /// Taps of the convolution.
    package var kernel: Int

    package init(heads: Int, width: Int, kernel: Int) {
      self.heads = heads
      self.width = width
      self.kernel = kernel
    }

    /// Of all heads.
    package var channels: Int { heads * width }
    /// S and z of one head.
    package var stateFloats: Int { 2 * width * (width + 1) }
    /// v and k̂ of one head.
    package var recordFloats: Int { 2 * width }
  }

  static var block: Int { 16 }
  static var columns: Int { 32 }
  static var epsilon: Float { 1e-6 }

  package var shape: Shape
  package var rows: Int
  /// `[rows, qkvStride]`: queries of all heads, then keys, then values.
  package var qkv: Floats
  package var qkvStride: Int
  package var gate: Floats
  package var gateStride: Int
  /// `[heads · d]`
  package var power: ConstFloats
  package var taps: ConstFloats
  package var history: Floats
  package var state: Floats
  package var output: Floats
  package var outputStride: Int
  /// `scratchFloats` per part.
  package var scratch: Floats
  package var ring: RecordRing?

  package init(
    shape: Shape, rows: Int, qkv: Floats, qkvStride: Int, gate: Floats, gateStride: Int,
    power: ConstFloats, taps: ConstFloats, history: Floats, state: Floats, output: Floats,
    outputStride: Int, scratch: Floats, ring: RecordRing? = nil
  ) {
    self.shape = shape
    self.rows = rows
    self.qkv = qkv
    self.qkvStride = qkvStride
    self.gate = gate
    self.gateStride = gateStride
    self.power = power
    self.taps = taps
    self.history = history
    self.state = state
    self.output = output
    self.outputStride = outputStride
    self.scratch = scratch
    self.ring = ring
  }

  /// Scratch of one part: q̂ and k̂ of a block of tokens, the values before the pass, z, and what each
  /// token's streams are divided by.
  package static func scratchFloats(width: Int) -> Int {
    let row = (width + 7) & ~7
    return row * (2 * block + ShortConvolutionJob.kernelMax - 1) + 2 * width + 2 * block + 64
  }

  /// A block of state columns of both signs, as records are applied to it.
  package static func recordBlockFloats(width: Int) -> Int { 2 * width * columns }

  package static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: PolarRecurrenceJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  package func run(part: Int, parts: Int) {
    let scratch = Scratch(
      scratch + part * PolarRecurrenceJob.scratchFloats(width: shape.width), shape)
    for h in share(shape.heads, part: part, parts: parts) { head(h, scratch, part) }
  }

  /// One part's scratch.
  private struct Scratch {
    /// Floats from a token to the next one; zeros behind the width.
    let row: Int
    let q, k, before, normaliser, inverse: Floats

    init(_ start: Floats, _ shape: Shape) {
      row = (shape.width + 7) & ~7
      q = start
      k = q + PolarRecurrenceJob.block * row
      before = k + PolarRecurrenceJob.block * row
      normaliser = before + (ShortConvolutionJob.kernelMax - 1) * row
      inverse = normaliser + 2 * shape.width
    }
  }

  private func head(_ h: Int, _ scratch: Scratch, _ part: Int) {
    let width = shape.width
    let s = state + h * shape.stateFloats
    let inPlace = rows - (ring?.recorded ?? 0)
    look(back: h, inPlace, scratch)
    var t = 0
    while t < rows {
      let isRecorded = t >= inPlace
      let count = min(PolarRecurrenceJob.block, (isRecorded ? rows : inPlace) - t)
      prepare(h, t, count, scratch)
      normalise(h, t, count, s + 2 * width * width, scratch, isRecorded: isRecorded)
      PolarRecurrenceJob.inBlocks(width) { c, n, opposite in
        if let ring, t == 0 && ring.commit > 0 {
          let from = ring.position - ring.lag
          shape.replay(ring, h, from, from + ring.commit, c, n, s + c, width)
        }
        if isRecorded {
          onCopy(h, t, count, c, n, opposite, s + c, scratch, part)
        } else {
          steps(h, t, count, c, n, opposite, s + c, width, scratch)
        }
      }
      finish(h, t, count, scratch)
      if isRecorded { keep(h, t, count, scratch) }
      t += count
    }
  }

  /// Calls `body` for every 32 columns of each half, and for every 8 of the rest; `opposite` is 0 in
  /// the first half and 1 in the second.
  @inline(__always)
  static func inBlocks(
    _ width: Int, _ body: (_ column: Int, _ count: Int, _ opposite: Int) -> Void
  ) {
    for half in 0..<2 {
      var c = half * (width / 2)
      let end = c + width / 2
      while c + columns <= end {
        body(c, columns, half)
        c += columns
      }
      while c < end {
        body(c, min(8, end - c), half)
        c += 8
      }
    }
  }

  /// The values of the K - 1 tokens before the pass, and the history as the pass leaves it: behind
  /// the rows that go into the state. Records are overwritten only later.
  private func look(back h: Int, _ inPlace: Int, _ scratch: Scratch) {
    let width = shape.width
    let before = shape.kernel - 1
    for j in 0..<before {
      (scratch.before + j * scratch.row).update(
        from: shape.value(j + (ring?.lag ?? 0), history, ring, h), count: width)
    }
    let values = qkv + 2 * shape.channels + h * width
    let own = history + h * width
    if inPlace > 0 {
      for j in 0..<before {
        let t = inPlace - before + j
        (own + j * shape.channels).update(
          from: t >= 0 ? values + t * qkvStride : scratch.before + (t + before) * scratch.row,
          count: width)
      }
    } else if let ring, ring.commit > 0 {
      shape.advance(history, ring, ring.commit, h)
    }
  }

  /// q̂ and k̂ of `count` tokens from `t`.
  private func prepare(_ h: Int, _ t: Int, _ count: Int, _ scratch: Scratch) {
    let d = shape.width
    let p = power + h * d
    for i in 0..<count {
      let x = qkv + (t + i) * qkvStride + h * d
      var j = 0
      while j < d {
        let n = d - j
        let exponent = p.lanes(j, count: n)
        (scratch.q + i * scratch.row).store(
          Elementary.signedPower(x.lanes(j, count: n), exponent), j)
        (scratch.k + i * scratch.row).store(
          Elementary.signedPower((x + shape.channels).lanes(j, count: n), exponent), j)
        j += 8
      }
    }
  }

  /// z with `count` tokens from `t`, and one over what divides the streams of each. Recorded tokens
  /// are added to a copy.
  private func normalise(
    _ h: Int, _ t: Int, _ count: Int, _ state: Floats, _ scratch: Scratch, isRecorded: Bool
  ) {
    let d = shape.width
    if let ring, t == 0 && ring.commit > 0 {
      let from = ring.position - ring.lag
      for p in from..<(from + ring.commit) { shape.add(shape.key(ring, h, p), to: state) }
    }
    var z = state
    if isRecorded, let ring {
      z = scratch.normaliser
      z.copy(from: state, count: 2 * d)
      for p in (ring.position + firstRecord(ring))..<(ring.position + t) {
        shape.add(shape.key(ring, h, p), to: z)
      }
    }
    for i in 0..<count {
      shape.add(scratch.k + i * scratch.row, to: z)
      let q = scratch.q + i * scratch.row
      let zero = Lanes(repeating: 0)
      var (same, opposite) = (zero, zero)
      var j = 0
      while j < d {
        let n = d - j
        let x = q.lanes(j)
        let plus = x.replacing(with: zero, where: x .< zero)
        let minus = plus - x
        let (u, v) = (z.lanes(j, count: n), (z + d).lanes(j, count: n))
        same = same.addingProduct(plus, u).addingProduct(minus, v)
        opposite = opposite.addingProduct(plus, v).addingProduct(minus, u)
        j += 8
      }
      scratch.inverse[2 * i] = 1 / (same.total() + PolarRecurrenceJob.epsilon)
      scratch.inverse[2 * i + 1] = 1 / (opposite.total() + PolarRecurrenceJob.epsilon)
    }
  }

  /// The first record that the state lacks, from the pass's first row on.
  private func firstRecord(_ ring: RecordRing) -> Int {
    let inPlace = rows - ring.recorded
    return inPlace > 0 ? inPlace : ring.commit - ring.lag
  }

  /// `count` tokens from `t` on a copy of n columns, which is forgotten.
  private func onCopy(
    _ h: Int, _ t: Int, _ count: Int, _ c: Int, _ n: Int, _ opposite: Int, _ state: Floats,
    _ scratch: Scratch, _ part: Int
  ) {
    guard let ring else { return }
    let columns = PolarRecurrenceJob.columns
    let copy =
      ring.blocks + part * PolarRecurrenceJob.recordBlockFloats(width: shape.width)
    for j in 0..<(2 * shape.width) {
      (copy + j * columns).copy(from: state + j * shape.width, count: n)
    }
    shape.replay(
      ring, h, ring.position + firstRecord(ring), ring.position + t, c, n, copy, columns)
    steps(h, t, count, c, n, opposite, copy, columns, scratch)
  }

  /// Records v and k̂ of `count` tokens from `t`. Comes after all columns: until then the places may
  /// hold what is still to be applied.
  private func keep(_ h: Int, _ t: Int, _ count: Int, _ scratch: Scratch) {
    guard let ring else { return }
    let d = shape.width
    for i in 0..<count {
      let to = ring.record(ring.position + t + i) + h * shape.recordFloats
      to.copy(from: qkv + (t + i) * qkvStride + 2 * shape.channels + h * d, count: d)
      (to + d).copy(from: scratch.k + i * scratch.row, count: d)
    }
  }

  /// Tokens `t ..< t + count`, n columns from `c`, which lie at `s`, rows `stride` apart.
  @inline(__always)
  private func steps(
    _ h: Int, _ t: Int, _ count: Int, _ c: Int, _ n: Int, _ opposite: Int, _ s: Floats,
    _ stride: Int, _ scratch: Scratch
  ) {
    for i in 0..<count {
      let v = qkv + (t + i) * qkvStride + 2 * shape.channels + h * shape.width + c
      let o = output + (t + i) * outputStride + h * shape.width + c
      let k = scratch.k + i * scratch.row
      let q = scratch.q + i * scratch.row
      let inverse = scratch.inverse[2 * i + opposite]
      if n == 32 {
        step32(k, q, v, s, stride, opposite, inverse, o)
      } else {
        step8(k, q, v, s, stride, opposite, inverse, o, n)
      }
    }
  }

  @inline(__always)
  private func step32(
    _ k: Floats, _ q: Floats, _ v: Floats, _ s: Floats, _ stride: Int, _ opposite: Int,
    _ inverse: Float, _ o: Floats
  ) {
    let zero = Lanes(repeating: 0)
    var (a0, a1, a2, a3) = (zero, zero, zero, zero)
    let (v0, v1, v2, v3) = (v.lanes(0), v.lanes(8), v.lanes(16), v.lanes(24))
    var pair = s
    for j in 0..<shape.width {
      let written = pair + k[j].side &* stride
      let kj = Lanes(repeating: k[j].magnitude)
      written.store(written.lanes(0).addingProduct(kj, v0), 0)
      written.store(written.lanes(8).addingProduct(kj, v1), 8)
      written.store(written.lanes(16).addingProduct(kj, v2), 16)
      written.store(written.lanes(24).addingProduct(kj, v3), 24)
      let read = pair + (q[j].side ^ opposite) &* stride
      let qj = Lanes(repeating: q[j].magnitude)
      a0 = a0.addingProduct(qj, read.lanes(0))
      a1 = a1.addingProduct(qj, read.lanes(8))
      a2 = a2.addingProduct(qj, read.lanes(16))
      a3 = a3.addingProduct(qj, read.lanes(24))
      pair += 2 &* stride
    }
    o.store(a0 * inverse, 0)
    o.store(a1 * inverse, 8)
    o.store(a2 * inverse, 16)
    o.store(a3 * inverse, 24)
  }

  /// Up to 8 columns: what 32 do not divide.
  private func step8(
    _ k: Floats, _ q: Floats, _ v: Floats, _ s: Floats, _ stride: Int, _ opposite: Int,
    _ inverse: Float, _ o: Floats, _ n: Int
  ) {
    var a = Lanes(repeating: 0)
    let x = v.lanes(0, count: n)
    var pair = s
    for j in 0..<shape.width {
      let written = pair + k[j].side * stride
      let sum = written.lanes(0, count: n).addingProduct(Lanes(repeating: k[j].magnitude), x)
      written.store(sum, 0, count: n)
      let read = pair + (q[j].side ^ opposite) * stride
      a = a.addingProduct(Lanes(repeating: q[j].magnitude), read.lanes(0, count: n))
      pair += 2 * stride
    }
    o.store(a * inverse, 0, count: n)
  }

  /// The convolution and the gate of `count` tokens from `t`.
  private func finish(_ h: Int, _ t: Int, _ count: Int, _ scratch: Scratch) {
    let width = shape.width
    let last = shape.kernel - 1
    let values = qkv + 2 * shape.channels + h * width
    var c = 0
    while c < width {
      let n = min(8, width - c)
      let w = ShortConvolutionJob.taps(
        taps + (h * width + c) * shape.kernel, shape.kernel, count: n)
      for i in t..<(t + count) {
        func row(_ j: Int) -> Lanes {
          let from = i - last + j
          return from >= 0
            ? (values + from * qkvStride).lanes(c, count: n)
            : (scratch.before + (from + last) * scratch.row).lanes(c, count: n)
        }
        var y = w[0] * row(0)
        for j in 1...last { y = y.addingProduct(w[j], row(j)) }
        let o = output + i * outputStride + h * width
        let g = gate + i * gateStride + h * width
        o.store((o.lanes(c, count: n) + y) * g.lanes(c, count: n), c, count: n)
      }
      c += 8
    }
  }
}
