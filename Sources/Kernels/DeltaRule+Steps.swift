// The gated delta rule's way through the state: block by block of columns where several tokens
// follow one another, row by row where one is alone. See DeltaRule.swift.

import CPlatform
import LintelCore

extension DeltaRuleJob {
  /// Rows of the state for which a token's sums over a block of columns stay in registers.
  static var sweepRows: Int { 16 }

  /// Tokens `t ..< t + count`, n columns from `c`, which lie at `s`, rows `stride` apart. The next
  /// head's are `nextHead` behind them, or nobody wants them and it is 0.
  @inline(__always)
  func steps(
    _ h: Int, _ t: Int, _ count: Int, _ c: Int, _ n: Int, _ s: Floats, _ stride: Int,
    _ scratch: Floats, nextHead: Int, isRecorded: Bool
  ) {
    if n == 32 {
      steps32(h, t, count, c, s, stride, scratch, nextHead, isRecorded)
    } else {
      for i in 0..<count { step8(h, t + i, i, c, n, s, stride, scratch, isRecorded) }
    }
  }

  /// A token's vectors of `keyWidth`, and its scalars β and q·k.
  private struct Token {
    let factor, k, kDecayed, qDecayed: Floats
    let b, qk: Float
  }

  @inline(__always)
  private func token(_ i: Int, _ scratch: Floats) -> Token {
    let stride = DeltaRuleJob.block * rowFloats
    let factor = scratch + i * rowFloats
    let scalars = scratch + stride * 4 + i * 2
    return Token(
      factor: factor, k: factor + stride, kDecayed: factor + 2 * stride,
      qDecayed: factor + 3 * stride, b: scalars[0], qk: scalars[1])
  }

  /// A token's two reads of 32 columns: r = Sᵀ k̃ and w = Sᵀ q̃, as far as they have come.
  private struct Sums {
    var (r0, r1, r2, r3) = (Sums.zero, Sums.zero, Sums.zero, Sums.zero)
    var (w0, w1, w2, w3) = (Sums.zero, Sums.zero, Sums.zero, Sums.zero)
    private static var zero: Lanes { Lanes(repeating: 0) }

    /// Adds rows of the state, the first of which is at `s`, and asks for what is `ahead` of each.
    @inline(__always)
    mutating func add(
      _ token: Token, _ rows: Range<Int>, _ s: Floats, _ stride: Int, ahead: Int
    ) {
      var s = s
      for j in rows {
        lt_prefetch(s + ahead)
        lt_prefetch(s + (ahead + 16))
        let kj = Lanes(repeating: token.kDecayed[j])
        let qj = Lanes(repeating: token.qDecayed[j])
        let (s0, s1, s2, s3) = (s.lanes(0), s.lanes(8), s.lanes(16), s.lanes(24))
        r0 = r0.addingProduct(kj, s0)
        r1 = r1.addingProduct(kj, s1)
        r2 = r2.addingProduct(kj, s2)
        r3 = r3.addingProduct(kj, s3)
        w0 = w0.addingProduct(qj, s0)
        w1 = w1.addingProduct(qj, s1)
        w2 = w2.addingProduct(qj, s2)
        w3 = w3.addingProduct(qj, s3)
        s += stride
      }
    }

    @inline(__always)
    mutating func load(_ r: Floats, _ w: Floats) {
      (r0, r1, r2, r3) = (r.lanes(0), r.lanes(8), r.lanes(16), r.lanes(24))
      (w0, w1, w2, w3) = (w.lanes(0), w.lanes(8), w.lanes(16), w.lanes(24))
    }

    @inline(__always)
    func store(_ r: Floats, _ w: Floats) {
      r.store(r0, 0)
      r.store(r1, 8)
      r.store(r2, 16)
      r.store(r3, 24)
      w.store(w0, 0)
      w.store(w1, 8)
      w.store(w2, 16)
      w.store(w3, 24)
    }
  }

  /// Whether `sweep` can take a token: the sums of all columns fit where further tokens would have
  /// their e^g.
  var canSweep: Bool {
    shape.valueWidth % DeltaRuleJob.columns == 0
      && 2 * shape.valueWidth <= (DeltaRuleJob.block - 1) * rowFloats
  }

  /// The token `t` alone. As a rule its state comes from memory, so it is read and written in the
  /// order in which it lies there, sixteen rows of all columns at a time; blocks of columns, whose
  /// rows are far apart, pay only where more tokens follow. Both passes ask for the next head's
  /// state; the first head, for which nobody did, asks for its own a little ahead.
  func sweep(
    _ h: Int, _ t: Int, _ state: Floats, _ scratch: Floats, isFirst: Bool, isLast: Bool
  ) {
    let d = shape.keyWidth
    let width = shape.valueWidth
    let now = token(0, scratch)
    let reads = scratch + rowFloats
    let outputs = reads + width
    let nextHead = isLast ? 0 : d * width
    let ahead = isFirst ? DeltaRuleJob.sweepRows * width : nextHead
    var first = 0
    while first < d {
      let last = min(first + DeltaRuleJob.sweepRows, d)
      var c = 0
      while c < width {
        let (r, w) = (reads + c, outputs + c)
        var sums = Sums()
        if first > 0 { sums.load(r, w) }
        sums.add(now, first..<last, state + first * width + c, width, ahead: ahead)
        sums.store(r, w)
        c += DeltaRuleJob.columns
      }
      first = last
    }
    let v = qkv + t * qkvStride + 2 * shape.keyHeads * d + h * width
    let o = output + t * outputStride + h * width
    let q = Lanes(repeating: now.qk)
    var c = 0
    while c < width {
      let u = (v.lanes(c) - reads.lanes(c)) * now.b
      o.store(outputs.lanes(c).addingProduct(q, u), c)
      reads.store(u, c)
      c += 8
    }
    var s = state
    for j in 0..<d {
      let f = Lanes(repeating: now.factor[j])
      let kj = Lanes(repeating: now.k[j])
      c = 0
      while c < width {
        lt_prefetch(s + (c + nextHead))
        lt_prefetch(s + (c + nextHead + 16))
        s.store((s.lanes(c) * f).addingProduct(kj, reads.lanes(c)), c)
        s.store((s.lanes(c + 8) * f).addingProduct(kj, reads.lanes(c + 8)), c + 8)
        s.store((s.lanes(c + 16) * f).addingProduct(kj, reads.lanes(c + 16)), c + 16)
        s.store((s.lanes(c + 24) * f).addingProduct(kj, reads.lanes(c + 24)), c + 24)
        c += DeltaRuleJob.columns
      }
      s += width
    }
  }

  /// Tokens `t ..< t + count`, 32 columns of the state from `c`. The update with one token and the
  /// reads of the next one share their pass.
  @inline(__always)
  private func steps32(
    _ h: Int, _ t: Int, _ count: Int, _ c: Int, _ state: Floats, _ stride: Int, _ scratch: Floats,
    _ nextHead: Int, _ isRecorded: Bool
  ) {
    let d = shape.keyWidth
    let width = shape.valueWidth
    let zero = Lanes(repeating: 0)
    var now = token(0, scratch)
    // The columns to come, of this head or the next: rows are too far apart for the processor to
    // foresee them. They are asked for here and once more while the last token is written; then the
    // next head's are asked for too, which are still in memory.
    let later = c + 64 <= width ? 32 : d * stride - c
    var first = Sums()
    first.add(now, 0..<d, state, stride, ahead: later)
    var (r0, r1, r2, r3) = (first.r0, first.r1, first.r2, first.r3)
    var (w0, w1, w2, w3) = (first.w0, first.w1, first.w2, first.w3)
    var s = state
    var i = 0
    while true {
      let v = qkv + (t + i) * qkvStride + 2 * shape.keyHeads * d + h * width + c
      let u0 = (v.lanes(0) - r0) * now.b
      let u1 = (v.lanes(8) - r1) * now.b
      let u2 = (v.lanes(16) - r2) * now.b
      let u3 = (v.lanes(24) - r3) * now.b
      let q = Lanes(repeating: now.qk)
      let o = output + (t + i) * outputStride + h * width + c
      o.store(w0.addingProduct(q, u0), 0)
      o.store(w1.addingProduct(q, u1), 8)
      o.store(w2.addingProduct(q, u2), 16)
      o.store(w3.addingProduct(q, u3), 24)
      if isRecorded, let to = recordedU(h, t + i, c) {
        to.store(u0, 0)
        to.store(u1, 8)
        to.store(u2, 16)
        to.store(u3, 24)
      }
      i += 1
      s = state
      if i == count {
        for j in 0..<d {
          lt_prefetch_near(s + later)
          lt_prefetch_near(s + (later + 16))
          lt_prefetch(s + nextHead)
          lt_prefetch(s + (nextHead + 16))
          let f = Lanes(repeating: now.factor[j])
          let kj = Lanes(repeating: now.k[j])
          s.store((s.lanes(0) * f).addingProduct(kj, u0), 0)
          s.store((s.lanes(8) * f).addingProduct(kj, u1), 8)
          s.store((s.lanes(16) * f).addingProduct(kj, u2), 16)
          s.store((s.lanes(24) * f).addingProduct(kj, u3), 24)
          s += stride
        }
        return
      }
      let next = token(i, scratch)
      (r0, r1, r2, r3) = (zero, zero, zero, zero)
      (w0, w1, w2, w3) = (zero, zero, zero, zero)
      for j in 0..<d {
        let f = Lanes(repeating: now.factor[j])
        let kj = Lanes(repeating: now.k[j])
        let kNext = Lanes(repeating: next.kDecayed[j])
        let qNext = Lanes(repeating: next.qDecayed[j])
        let s0 = (s.lanes(0) * f).addingProduct(kj, u0)
        s.store(s0, 0)
        r0 = r0.addingProduct(kNext, s0)
        w0 = w0.addingProduct(qNext, s0)
        let s1 = (s.lanes(8) * f).addingProduct(kj, u1)
        s.store(s1, 8)
        r1 = r1.addingProduct(kNext, s1)
        w1 = w1.addingProduct(qNext, s1)
        let s2 = (s.lanes(16) * f).addingProduct(kj, u2)
        s.store(s2, 16)
        r2 = r2.addingProduct(kNext, s2)
        w2 = w2.addingProduct(qNext, s2)
        let s3 = (s.lanes(24) * f).addingProduct(kj, u3)
        s.store(s3, 24)
        r3 = r3.addingProduct(kNext, s3)
        w3 = w3.addingProduct(qNext, s3)
        s += stride
      }
      now = next
    }
  }

  /// One token, up to 8 columns: the tail of widths that are not multiples of 32.
  private func step8(
    _ h: Int, _ t: Int, _ i: Int, _ c: Int, _ n: Int, _ state: Floats, _ stride: Int,
    _ scratch: Floats, _ isRecorded: Bool
  ) {
    let d = shape.keyWidth
    let width = shape.valueWidth
    let token = token(i, scratch)
    var r = Lanes(repeating: 0)
    var w = r
    for j in 0..<d {
      let s = (state + j * stride).lanes(0, count: n)
      r = r.addingProduct(Lanes(repeating: token.kDecayed[j]), s)
      w = w.addingProduct(Lanes(repeating: token.qDecayed[j]), s)
    }
    let v = qkv + t * qkvStride + 2 * shape.keyHeads * d + h * width
    let u = (v.lanes(c, count: n) - r) * token.b
    let o = output + t * outputStride + h * width
    o.store(w.addingProduct(Lanes(repeating: token.qk), u), c, count: n)
    if isRecorded { recordedU(h, t, c)?.store(u, 0, count: n) }
    for j in 0..<d {
      let s = state + j * stride
      let decayed = s.lanes(0, count: n) * token.factor[j]
      s.store(decayed.addingProduct(Lanes(repeating: token.k[j]), u), 0, count: n)
    }
  }
}
