// The gated delta rule, one head at a time, all rows of one timeline.
//
//     S ← diag(e^g) S          g scalar per head (gated delta net) or per key channel (KDA)
//     u = β (v − Sᵀ k)         S ← S + k uᵀ          o = Sᵀ q / sqrt(d_k)
//     o = rms(o, w, ε) · gate(z)
//
// With k̃ = e^g k and q̃ = e^g q both reads use the state before the decay:
// u = β (v − Sᵀ k̃), o = Sᵀ q̃ + (q · k) u; one pass over S updates it with a token and reads for
// the next. Columns of S (value channels) do not depend on each other, so tokens are taken sixteen
// at a time through blocks of 32 columns that stay in the first-level cache; a token alone, not
// recorded, goes through S as it lies in memory. Each token's operations and their order are the
// same for any number of rows.
//
// - Shapes: q, k `[rows, d_k]` · v, z, output `[rows, d_v]` · state `[d_k, d_v]`, row-major,
// Float32
// - Units:  decay is raw: g = a · softplus(decay + dt), a ≤ 0; β = sigmoid(beta)
// - Source: Gated Delta Networks, arXiv 2412.06464; Kimi Linear, arXiv 2510.26692

import CPlatform
import LintelCore

package struct DeltaRuleJob: ParallelJob {
  package enum Pairing: UInt8, BitwiseCopyable {
    /// Value head j reads key head j mod key heads.
    case tiled
    /// Value head j reads key head j / (value heads / key heads).
    case grouped
  }

  package struct Shape: BitwiseCopyable {
    package var keyHeads: Int
    package var valueHeads: Int
    package var keyWidth: Int
    package var valueWidth: Int
    package var pairing: Pairing
    /// Decay per key channel (KDA) instead of per head.
    package var isDecayPerChannel: Bool
    /// The output gate is SiLU (gated delta net) instead of sigmoid (KDA).
    package var isGateSilu: Bool
    package var l2Epsilon: Float
    package var rmsEpsilon: Float

    package init(
      keyHeads: Int, valueHeads: Int, keyWidth: Int, valueWidth: Int, pairing: Pairing,
      isDecayPerChannel: Bool, isGateSilu: Bool, l2Epsilon: Float, rmsEpsilon: Float
    ) {
      self.keyHeads = keyHeads
      self.valueHeads = valueHeads
      self.keyWidth = keyWidth
      self.valueWidth = valueWidth
      self.pairing = pairing
      self.isDecayPerChannel = isDecayPerChannel
      self.isGateSilu = isGateSilu
      self.l2Epsilon = l2Epsilon
      self.rmsEpsilon = rmsEpsilon
    }
  }

  static var block: Int { 16 }
  static var columns: Int { 32 }

  package var shape: Shape
  package var rows: Int
  /// `[rows, qkvStride]`: queries of all key heads, then keys, then values.
  package var qkv: Floats
  package var qkvStride: Int
  /// `[rows, valueHeads · keyWidth]` or `[rows, valueHeads]`, with its row stride.
  package var decay: Floats
  package var decayStride: Int
  /// `[rows, valueHeads]`
  package var beta: Floats
  package var betaStride: Int
  /// `[rows, valueHeads · valueWidth]`
  package var gate: Floats
  package var gateStride: Int
  package var dt: ConstFloats
  package var a: ConstFloats
  package var norm: ConstFloats
  /// `[valueHeads, keyWidth, valueWidth]`
  package var state: Floats
  /// `[rows, valueHeads · valueWidth]`
  package var output: Floats
  package var outputStride: Int
  /// `scratchFloats` per part.
  package var scratch: Floats
  /// Of the heads' part of the records.
  package var ring: RecordRing?

  package init(
    shape: Shape, rows: Int, qkv: Floats, qkvStride: Int, decay: Floats, decayStride: Int,
    beta: Floats, betaStride: Int, gate: Floats, gateStride: Int, dt: ConstFloats,
    a: ConstFloats, norm: ConstFloats, state: Floats, output: Floats, outputStride: Int,
    scratch: Floats, ring: RecordRing? = nil
  ) {
    self.shape = shape
    self.rows = rows
    self.qkv = qkv
    self.qkvStride = qkvStride
    self.decay = decay
    self.decayStride = decayStride
    self.beta = beta
    self.betaStride = betaStride
    self.gate = gate
    self.gateStride = gateStride
    self.dt = dt
    self.a = a
    self.norm = norm
    self.state = state
    self.output = output
    self.outputStride = outputStride
    self.scratch = scratch
    self.ring = ring
  }

  /// Scratch of one part: e^g, k, k̃, q̃ of a block of tokens; β and q·k beside them.
  package static func scratchFloats(keyWidth: Int) -> Int {
    let row = (keyWidth + 7) & ~7
    return block * (4 * row + 2) + 64
  }

  package static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: DeltaRuleJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  package func run(part: Int, parts: Int) {
    let mine = scratch + part * DeltaRuleJob.scratchFloats(keyWidth: shape.keyWidth)
    let heads = share(shape.valueHeads, part: part, parts: parts)
    for h in heads { head(h, mine, part, of: heads) }
  }

  private func head(_ h: Int, _ scratch: Floats, _ part: Int, of heads: Range<Int>) {
    let width = shape.valueWidth
    let s = state + h * shape.keyWidth * width
    let inPlace = rows - (ring?.recorded ?? 0)
    var t = 0
    while t < rows {
      let isRecorded = t >= inPlace
      let count = min(DeltaRuleJob.block, (isRecorded ? rows : inPlace) - t)
      prepare(h, t, count, scratch)
      if count == 1 && !isRecorded && (ring?.commit ?? 0) == 0 && canSweep {
        sweep(h, t, s, scratch, isFirst: h == heads.lowerBound, isLast: h + 1 == heads.upperBound)
        finish(h, t)
        t += 1
        continue
      }
      let isFollowed = h + 1 < heads.upperBound && t + count == rows
      let nextHead = isFollowed ? shape.keyWidth * width : 0
      DeltaRuleJob.inBlocks(width) { c, n in
        if let ring, t == 0 && ring.commit > 0 {
          let from = ring.position - ring.lag
          shape.replay(ring, h, from, from + ring.commit, c, n, s + c, width)
        }
        if isRecorded {
          record(h, t, count, c, n, s + c, scratch, part)
        } else {
          steps(h, t, count, c, n, s + c, width, scratch, nextHead: nextHead, isRecorded: false)
        }
      }
      for i in 0..<count { finish(h, t + i) }
      if isRecorded { keep(h, t, count, scratch) }
      t += count
    }
  }

  /// Calls `body` for every 32 of `width` columns, and for every 8 of the rest.
  @inline(__always)
  static func inBlocks(_ width: Int, _ body: (_ column: Int, _ count: Int) -> Void) {
    var c = 0
    while c + columns <= width {
      body(c, columns)
      c += columns
    }
    while c < width {
      body(c, min(8, width - c))
      c += 8
    }
  }

  /// `count` tokens from `t` on a copy of n columns, which is forgotten; u is recorded.
  private func record(
    _ h: Int, _ t: Int, _ count: Int, _ c: Int, _ n: Int, _ state: Floats, _ scratch: Floats,
    _ part: Int
  ) {
    guard let ring else { return }
    let d = shape.keyWidth
    let columns = DeltaRuleJob.columns
    let copy = ring.blocks + part * RecordRing.blockFloats(keyWidth: d)
    for j in 0..<d {
      (copy + j * columns).copy(from: state + j * shape.valueWidth, count: n)
    }
    let inPlace = rows - ring.recorded
    let from = inPlace > 0 ? inPlace : ring.commit - ring.lag
    shape.replay(ring, h, ring.position + from, ring.position + t, c, n, copy, columns)
    steps(h, t, count, c, n, copy, columns, scratch, nextHead: 0, isRecorded: true)
  }

  /// Records k and e^g of `count` tokens from `t`. Comes after all columns: until then the places
  /// may hold what is still to be applied.
  private func keep(_ h: Int, _ t: Int, _ count: Int, _ scratch: Floats) {
    guard let ring else { return }
    let d = shape.keyWidth
    for i in 0..<count {
      let factor = scratch + i * rowFloats
      let to = ring.record(ring.position + t + i) + h * shape.recordFloats + shape.valueWidth
      to.copy(from: factor + DeltaRuleJob.block * rowFloats, count: d)
      (to + d).copy(from: factor, count: shape.isDecayPerChannel ? d : 1)
    }
  }

  /// Where u of token `t` is recorded, from column `c`.
  func recordedU(_ h: Int, _ t: Int, _ c: Int) -> Floats? {
    guard let ring else { return nil }
    return ring.record(ring.position + t) + h * shape.recordFloats + c
  }

  var rowFloats: Int { (shape.keyWidth + 7) & ~7 }

  /// Normalises q and k, turns raw decay into factors, for `count` tokens from `t`.
  private func prepare(_ h: Int, _ t: Int, _ count: Int, _ scratch: Floats) {
    let d = shape.keyWidth
    let row = rowFloats
    let keyHead =
      shape.pairing == .tiled
      ? h % shape.keyHeads : h / max(shape.valueHeads / shape.keyHeads, 1)
    for i in 0..<count {
      let x = qkv + (t + i) * qkvStride
      let factor = scratch + i * row
      let k = factor + DeltaRuleJob.block * row
      let kDecayed = k + DeltaRuleJob.block * row
      let qDecayed = kDecayed + DeltaRuleJob.block * row
      let scalars = scratch + DeltaRuleJob.block * row * 4 + i * 2
      Norm.l2(
        x + keyHead * d, shape.l2Epsilon, d, factor: 1 / lt_sqrtf(Float(d)), into: qDecayed)
      Norm.l2(
        x + (shape.keyHeads + keyHead) * d, shape.l2Epsilon, d, factor: 1, into: k)
      var dot = Lanes(repeating: 0)
      var j = 0
      while j < d {
        let n = d - j
        dot = dot.addingProduct(qDecayed.lanes(j, count: n), k.lanes(j, count: n))
        j += 8
      }
      scalars[0] = Elementary.sigmoid(beta[(t + i) * betaStride + h])
      scalars[1] = dot.total()
      decayFactors(h, t + i, factor)
      j = 0
      while j < d {
        let n = d - j
        let f = factor.lanes(j, count: n)
        kDecayed.store(k.lanes(j, count: n) * f, j, count: n)
        qDecayed.store(qDecayed.lanes(j, count: n) * f, j, count: n)
        j += 8
      }
    }
  }

  private func decayFactors(_ h: Int, _ t: Int, _ factor: Floats) {
    let d = shape.keyWidth
    if shape.isDecayPerChannel {
      let raw = decay + t * decayStride + h * d
      let bias = dt + h * d
      var j = 0
      while j < d {
        let n = d - j
        let g = Elementary.softplus(raw.lanes(j, count: n) + bias.lanes(j, count: n)) * a[h]
        factor.store(Elementary.exp(g), j, count: n)
        j += 8
      }
    } else {
      let g = a[h] * Elementary.softplus(decay[t * decayStride + h] + dt[h])
      let f = Elementary.exp(g)
      for j in 0..<d { factor[j] = f }
    }
  }

  /// Output norm and gate of one token.
  private func finish(_ h: Int, _ t: Int) {
    let width = shape.valueWidth
    let o = output + t * outputStride + h * width
    let z = gate + t * gateStride + h * width
    Norm.rms(o, norm, shape.rmsEpsilon, width, into: o)
    var j = 0
    while j < width {
      let n = width - j
      let x = z.lanes(j, count: n)
      let g = shape.isGateSilu ? Elementary.silu(x) : Elementary.sigmoid(x)
      o.store(o.lanes(j, count: n) * g, j, count: n)
      j += 8
    }
  }
}
