// Polarity-aware linear attention (PolaFormer, arXiv 2501.15061), all tokens of an image at once.
//
//     k̂ = sign(k) |k|^p     q̂ likewise          (the maps of k and q are divided by softplus(scale))
//     S[i, +] = Σ_t max(k̂[t, i], 0) v[t]         S[i, -] = Σ_t max(-k̂[t, i], 0) v[t]
//     z[i, ±] = Σ_t max(±k̂[t, i], 0)
//     o[t, j] = Σ_i |q̂[t, i]| S[i, s][j] / (Σ_i |q̂[t, i]| z[i, s] + ε n)
//
// where s is the sign of q̂[t, i] in the first half of a head's values (the same-sign stream) and the
// opposite one in the second half. Each channel of q and k has one sign, so half of the features that
// the stacked form would multiply are zeros, and reading costs d · d a token and head, not 2 d · d.
//
// The second halves of S are kept under the opposite sign, so that a reader takes one row per channel:
//
//     sums `[heads, width (i), 2 (s: +, -), width (j)]`      normalisers `[2 (sign), heads * width]`
//
// - Order: every element of S and z is one chain over the tokens in order; o is one chain over i.

import CPlatform
import LintelCore

/// Adds the tokens of a chunk to S and z.
package struct PolarSumJob: ParallelJob {
  static var channels: Int { 16 }
  static var block: Int { 64 }

  /// k̂ `[rows, keyStride]`
  let keys: Floats
  let keyStride: Int
  /// `[rows, valueStride]`
  let values: Floats
  let valueStride: Int
  let rows: Int
  let heads: Int
  /// Of a head; a multiple of 16.
  let width: Int
  let sums: Floats
  let normalisers: Floats
  /// The first chunk: S and z begin at zero.
  let begins: Bool

  package init(
    keys: Floats, keyStride: Int, values: Floats, valueStride: Int, rows: Int, heads: Int,
    width: Int, sums: Floats, normalisers: Floats, begins: Bool
  ) {
    self.keys = keys
    self.keyStride = keyStride
    self.values = values
    self.valueStride = valueStride
    self.rows = rows
    self.heads = heads
    self.width = width
    self.sums = sums
    self.normalisers = normalisers
    self.begins = begins
  }

  package static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: PolarSumJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  package func run(part: Int, parts: Int) {
    let groups = width / PolarSumJob.channels
    for item in share(heads * groups, part: part, parts: parts) {
      run(head: item / groups, channel: item % groups * PolarSumJob.channels)
    }
  }

  private func run(head: Int, channel: Int) {
    let s = sums + (head * width + channel) * 2 * width
    let c = head * width + channel
    if begins {
      for i in 0..<(PolarSumJob.channels * 2 * width) { s[i] = 0 }
      for i in 0..<PolarSumJob.channels {
        normalisers[c + i] = 0
        normalisers[heads * width + c + i] = 0
      }
    }
    normalise(c)
    var t = 0
    while t < rows {
      let count = min(PolarSumJob.block, rows - t)
      let k = keys + t * keyStride + c
      let v = values + t * valueStride + head * width
      var i = 0
      while i < PolarSumJob.channels {
        var j = 0
        while j < width {
          add(k + i, v + j, count, s + i * 2 * width + j, j >= width / 2 ? width : 0)
          j += 8
        }
        i += 4
      }
      t += count
    }
  }

  private func normalise(_ c: Int) {
    var i = 0
    while i < PolarSumJob.channels {
      let plus = normalisers + c + i
      let minus = plus + heads * width
      var (p, m) = (plus.lanes(0), minus.lanes(0))
      for t in 0..<rows {
        let k = (keys + t * keyStride + c + i).lanes(0)
        let positive = lt_eight_positive(k)
        p += positive
        m += positive - k
      }
      plus.store(p, 0)
      minus.store(m, 0)
      i += 8
    }
  }

  /// Four channels of both signs, eight columns. `swap` is `width` in columns of the second half.
  @inline(__always)
  private func add(_ k: Floats, _ v: Floats, _ count: Int, _ s: Floats, _ swap: Int) {
    let other = width - swap
    let row = 2 * width
    var (a0, b0) = (s.lanes(swap), s.lanes(other))
    var (a1, b1) = (s.lanes(row + swap), s.lanes(row + other))
    var (a2, b2) = (s.lanes(2 * row + swap), s.lanes(2 * row + other))
    var (a3, b3) = (s.lanes(3 * row + swap), s.lanes(3 * row + other))
    var k = k
    var v = v
    for _ in 0..<count {
      let x = v.lanes(0)
      let k0 = Lanes(repeating: k[0]), k1 = Lanes(repeating: k[1])
      let k2 = Lanes(repeating: k[2]), k3 = Lanes(repeating: k[3])
      let p0 = lt_eight_positive(k0), p1 = lt_eight_positive(k1)
      let p2 = lt_eight_positive(k2), p3 = lt_eight_positive(k3)
      a0 = a0.addingProduct(p0, x)
      a1 = a1.addingProduct(p1, x)
      a2 = a2.addingProduct(p2, x)
      a3 = a3.addingProduct(p3, x)
      b0 = b0.addingProduct(p0 - k0, x)
      b1 = b1.addingProduct(p1 - k1, x)
      b2 = b2.addingProduct(p2 - k2, x)
      b3 = b3.addingProduct(p3 - k3, x)
      k += keyStride
      v += valueStride
    }
    s.store(a0, swap)
    s.store(a1, row + swap)
    s.store(a2, 2 * row + swap)
    s.store(a3, 3 * row + swap)
    s.store(b0, other)
    s.store(b1, row + other)
    s.store(b2, 2 * row + other)
    s.store(b3, 3 * row + other)
  }
}

/// o of tokens, for the job that mixes.
package struct PolarRead: BitwiseCopyable {
  let heads: Int
  let width: Int
  let sums: Floats
  let normalisers: Floats
  /// ε n
  let epsilon: Float

  package init(heads: Int, width: Int, sums: Floats, normalisers: Floats, tokens: Int) {
    self.heads = heads
    self.width = width
    self.sums = sums
    self.normalisers = normalisers
    epsilon = 1e-6 * Float(tokens)
  }

  /// `count` tokens of head h: q̂ at `q`, o to `o`.
  package func run(
    head h: Int, _ q: Floats, _ queryStride: Int, _ count: Int, into o: Floats,
    _ outputStride: Int
  ) {
    let s = sums + h * width * 2 * width
    var t = 0
    while t < count {
      let pair = width == 32 ? min(2, count - t) : 1
      let q0 = q + t * queryStride
      let o0 = o + t * outputStride
      if width == 64 {
        eight(s, q0, q0, o0, o0 + 32)
      } else if pair == 2 {
        eight(s, q0, q0 + queryStride, o0, o0 + outputStride)
      } else {
        var j = 0
        while j < width {
          two(s + j, q0, o0 + j)
          j += 16
        }
      }
      for r in 0..<pair { divide(h, q0 + r * queryStride, o0 + r * outputStride) }
      t += pair
    }
  }

  /// The row of S for a channel: the second one where the sign bit is set.
  @inline(__always)
  private func row(_ s: Floats, _ i: Int, _ q: Float) -> Floats {
    s + (2 &* i &+ Int(truncatingIfNeeded: q.bitPattern >> 31)) &* width
  }

  /// Eight vectors of sums: 64 columns of one token (q0 and q1 are the same then), or 32 of two.
  @inline(__always)
  private func eight(_ s: Floats, _ q0: Floats, _ q1: Floats, _ o0: Floats, _ o1: Floats) {
    let skip = width == 64 ? 32 : 0
    var (a0, a1) = (Lanes(repeating: 0), Lanes(repeating: 0))
    var (a2, a3, b0, b1) = (a0, a0, a0, a0)
    var (b2, b3) = (a0, a0)
    for i in 0..<width {
      let (x, y) = (q0[i], q1[i])
      let (p, r) = (Lanes(repeating: x.magnitude), Lanes(repeating: y.magnitude))
      let u = row(s, i, x)
      let v = row(s, i, y) + skip
      a0 = a0.addingProduct(p, u.lanes(0))
      a1 = a1.addingProduct(p, u.lanes(8))
      a2 = a2.addingProduct(p, u.lanes(16))
      a3 = a3.addingProduct(p, u.lanes(24))
      b0 = b0.addingProduct(r, v.lanes(0))
      b1 = b1.addingProduct(r, v.lanes(8))
      b2 = b2.addingProduct(r, v.lanes(16))
      b3 = b3.addingProduct(r, v.lanes(24))
    }
    o0.store(a0, 0)
    o0.store(a1, 8)
    o0.store(a2, 16)
    o0.store(a3, 24)
    o1.store(b0, 0)
    o1.store(b1, 8)
    o1.store(b2, 16)
    o1.store(b3, 24)
  }

  @inline(__always)
  private func two(_ s: Floats, _ q: Floats, _ o: Floats) {
    var (a, b) = (Lanes(repeating: 0), Lanes(repeating: 0))
    for i in 0..<width {
      let p = Lanes(repeating: q[i].magnitude)
      let u = row(s, i, q[i])
      a = a.addingProduct(p, u.lanes(0))
      b = b.addingProduct(p, u.lanes(8))
    }
    o.store(a, 0)
    o.store(b, 8)
  }

  @inline(__always)
  private func divide(_ h: Int, _ q: Floats, _ o: Floats) {
    let plus = normalisers + h * width
    let minus = plus + heads * width
    let zero = Lanes(repeating: 0)
    var (same, opposite) = (zero, zero)
    var i = 0
    while i < width {
      let k = q.lanes(i)
      let p = lt_eight_positive(k)
      let n = p - k
      let (u, v) = (plus.lanes(i), minus.lanes(i))
      same = same.addingProduct(p, u).addingProduct(n, v)
      opposite = opposite.addingProduct(p, v).addingProduct(n, u)
      i += 8
    }
    let a = 1 / (same.total() + epsilon)
    let b = 1 / (opposite.total() + epsilon)
    var j = 0
    while j < width / 2 {
      o.store(o.lanes(j) * a, j)
      o.store(o.lanes(width / 2 + j) * b, width / 2 + j)
      j += 8
    }
  }
}
