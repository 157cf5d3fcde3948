// Causal depthwise convolution over time, then SiLU, in place.
//
//     y[t, c] = silu( Σ_{j < K} w[c, j] · x[t - (K-1) + j, c] )      the last tap meets the newest x
//
// The history holds the K-1 rows before the first one, raw (before convolution and activation),
// oldest first; it is updated to the last K-1 raw rows of this call. With a ring of records the history
// may lie behind; the raw rows between it and the first one are then in the ring, and rows that are
// recorded go there instead of into the history.

import CPlatform
import LintelCore

package struct ShortConvolutionJob: ParallelJob {
  /// `[rows, stride]`, raw projections in, activated convolution out; `channels` of each row.
  var x: Floats
  var stride: Int
  var rows: Int
  var channels: Int
  /// `[K-1, stride]`, the same channels.
  var history: Floats
  /// `[channels, K]`
  var weight: ConstFloats
  var kernel: Int
  /// Of the same channels.
  var ring: RecordRing?

  package static var kernelMax: Int { 8 }

  package init(
    x: Floats, stride: Int, rows: Int, channels: Int, history: Floats, weight: ConstFloats,
    kernel: Int, ring: RecordRing? = nil
  ) {
    self.x = x
    self.stride = stride
    self.rows = rows
    self.channels = channels
    self.history = history
    self.weight = weight
    self.kernel = kernel
    self.ring = ring
  }

  package static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: ShortConvolutionJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  package func run(part: Int, parts: Int) {
    convolve(share(channels, part: part, parts: parts, grain: 8))
  }

  // Its windows would give every panel's call of the follower a large frame.
  @inline(never)
  private func convolve(_ channels: Range<Int>) {
    var c = channels.lowerBound
    if kernel == 4 && ring == nil {
      while c &+ 8 <= channels.upperBound {
        fourTaps(c)
        c &+= 8
      }
    }
    while c < channels.upperBound {
      column(c, min(8, channels.upperBound - c))
      c += 8
    }
  }

  /// Convolves channels of one row as soon as a product has made them; `context` is the job, which has no
  /// ring.
  package static var follower: lt_rows_fn {
    { context, _, channel, count in
      let job = context.assumingMemoryBound(to: ShortConvolutionJob.self)
      var c = Int(channel)
      let end = c + Int(count)
      if job.pointee.kernel == 4 {
        while c &+ 16 <= end {
          job.pointee.sixteen(c)
          c &+= 16
        }
      }
      if c < end { job.pointee.convolve(c..<end) }
    }
  }

  /// Sixteen channels of one row, four taps.
  @inline(__always)
  private func sixteen(_ c: Int) {
    // Those of a later panel, perhaps behind the last one.
    let later = c &+ 128
    for j in 0..<4 { lt_prefetch(weight + (4 &* later &+ 16 &* j)) }
    for j in 0..<3 { lt_prefetch(history + (j &* stride &+ later)) }
    fourTaps(c)
    fourTaps(c &+ 8)
  }

  /// As `column`, for eight channels of four taps without a ring.
  @inline(__always)
  private func fourTaps(_ c: Int) {
    // Dealt out by shuffles.
    let all = UnsafeRawPointer(weight + c &* 4).loadUnaligned(as: SIMD32<Float>.self)
    let w0 = all.evenHalf.evenHalf
    let w1 = all.oddHalf.evenHalf
    let w2 = all.evenHalf.oddHalf
    let w3 = all.oddHalf.oddHalf
    let past = history + c
    var h0 = past.lanes(0)
    var h1 = (past + stride).lanes(0)
    var h2 = (past + 2 &* stride).lanes(0)
    var row = x + c
    for _ in 0..<rows {
      let new = row.lanes(0)
      let y = (w0 * h0).addingProduct(w1, h1).addingProduct(w2, h2).addingProduct(w3, new)
      row.store(Elementary.silu(y), 0)
      h0 = h1
      h1 = h2
      h2 = new
      row += stride
    }
    past.store(h0, 0)
    (past + stride).store(h1, 0)
    (past + 2 &* stride).store(h2, 0)
  }

  /// Eight channels (or the last few) through all rows; the window lives in registers.
  private func column(_ c: Int, _ count: Int) {
    let taps = kernel
    let w = ShortConvolutionJob.taps(weight + c * taps, taps, count: count)
    let inPlace = rows - (ring?.recorded ?? 0)
    var window = InlineArray<8, Lanes>(repeating: Lanes(repeating: 0))
    for j in 0..<(taps - 1) { window[j] = before(j, ring?.lag ?? 0, c, count) }
    if let ring, ring.commit > 0 { settle(ring.commit, c, count) }
    if taps == 4 {
      var (h0, h1, h2) = (window[0], window[1], window[2])
      let (w0, w1, w2, w3) = (w[0], w[1], w[2], w[3])
      for t in 0..<rows {
        let row = x + t * stride
        let new = row.lanes(c, count: count)
        if t >= inPlace {
          if t == inPlace && t > 0 {
            (window[0], window[1], window[2]) = (h0, h1, h2)
            remember(window, c, count)
          }
          record(new, t, c, count)
        }
        let y = (w0 * h0).addingProduct(w1, h1).addingProduct(w2, h2).addingProduct(w3, new)
        row.store(Elementary.silu(y), c, count: count)
        h0 = h1
        h1 = h2
        h2 = new
      }
      window[0] = h0
      window[1] = h1
      window[2] = h2
    } else {
      for t in 0..<rows {
        let row = x + t * stride
        window[taps - 1] = row.lanes(c, count: count)
        if t >= inPlace {
          if t == inPlace && t > 0 { remember(window, c, count) }
          record(window[taps - 1], t, c, count)
        }
        var y = w[0] * window[0]
        for j in 1..<taps { y = y.addingProduct(w[j], window[j]) }
        row.store(Elementary.silu(y), c, count: count)
        for j in 1..<taps { window[j - 1] = window[j] }
      }
    }
    if inPlace == rows { remember(window, c, count) }
  }

  /// The taps of `count` channels from `weight`, a vector of channels for each tap.
  @inline(__always)
  static func taps(_ weight: ConstFloats, _ taps: Int, count: Int) -> InlineArray<8, Lanes> {
    var w = InlineArray<8, Lanes>(repeating: Lanes(repeating: 0))
    if taps == 4 && count == 8 {
      // Eight channels of four taps, dealt out by shuffles.
      let all = UnsafeRawPointer(weight).loadUnaligned(as: SIMD32<Float>.self)
      w[0] = all.evenHalf.evenHalf
      w[1] = all.oddHalf.evenHalf
      w[2] = all.evenHalf.oddHalf
      w[3] = all.oddHalf.oddHalf
    } else {
      for i in 0..<count {
        for j in 0..<taps { w[j][i] = weight[i * taps + j] }
      }
    }
    return w
  }

  /// Row j of the K-1 that come before the token `lag` tokens after the history's end.
  @inline(__always)
  private func before(_ j: Int, _ lag: Int, _ c: Int, _ count: Int) -> Lanes {
    let i = j + lag
    if i < kernel - 1 { return (history + i * stride).lanes(c, count: count) }
    guard let ring else { return Lanes(repeating: 0) }
    return ring.record(ring.position - ring.lag + i - (kernel - 1)).lanes(c, count: count)
  }

  private func remember(_ window: borrowing InlineArray<8, Lanes>, _ c: Int, _ count: Int) {
    for j in 0..<(kernel - 1) { (history + j * stride).store(window[j], c, count: count) }
  }

  private func record(_ row: Lanes, _ t: Int, _ c: Int, _ count: Int) {
    if let ring { ring.record(ring.position + t).store(row, c, count: count) }
  }

  /// Moves the history forward by n tokens of the ring.
  private func settle(_ n: Int, _ c: Int, _ count: Int) {
    for j in 0..<(kernel - 1) {
      (history + j * stride).store(before(j, n, c, count), c, count: count)
    }
  }

  /// Moves the history forward to the ring's position.
  package func settle() {
    guard let ring else { return }
    var c = 0
    while c < channels {
      settle(ring.lag, c, min(8, channels - c))
      c += 8
    }
  }
}
