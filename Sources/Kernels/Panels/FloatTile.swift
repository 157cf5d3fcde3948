// Up to four weight rows times some activation rows, sixteen columns at a time, sums in registers.

import CPlatform

enum FloatTile {
  /// sums[a * rows + r] += w[r, :] * x[a, from ..< from + width] for the inputs
  /// `first ..< first + count`, where row r of the weights is at `w + r * stride`.
  @inline(__always)
  static func add<S: FloatSource>(
    _ source: S.Type, _ w: UnsafeRawPointer, _ stride: Int, _ rows: Int, _ job: lt_product,
    _ first: Int, _ count: Int, _ from: Int, _ width: Int, _ sums: UnsafeMutablePointer<lt_floats>
  ) {
    @inline(__always) func input(_ a: Int) -> UnsafePointer<Float> {
      let number = job.input_rows.map { Int($0[first &+ a]) } ?? first &+ a
      return job.floats + (number &* Int(job.columns) &+ from)
    }
    var a = 0
    while a &+ 4 <= count {
      let x = (input(a), input(a &+ 1), input(a &+ 2), input(a &+ 3))
      let s = sums + a &* rows
      if rows == 4 && lt_has_32_vectors() != 0 {
        fourByFour(source, w, stride, x, width, s)
      } else {
        for r in 0..<rows { oneByFour(source, w + r &* stride, stride, x, width, s + r, rows) }
      }
      a &+= 4
    }
    while a < count {
      if rows == 4 && !(count == 1 && S.inSequence) {
        fourByOne(source, w, stride, input(a), width, sums + 4 &* a)
      } else {
        for r in 0..<rows {
          oneByOne(source, w + r &* stride, input(a), width, sums + (a &* rows &+ r))
        }
      }
      a &+= 1
    }
  }

  /// Asks for what comes after these four rows, in file order, at the rate at which they are read.
  @inline(__always)
  private static func prefetch<S: FloatSource>(
    _: S.Type, _ w: UnsafeRawPointer, _ stride: Int, _ at: Int
  ) {
    let ahead = w + (max(4 &* stride, 8192) &+ 4 &* at)
    lt_prefetch(ahead)
    lt_prefetch(ahead + 64)
    if S.bytes == 4 {
      lt_prefetch(ahead + 128)
      lt_prefetch(ahead + 192)
    }
  }

  typealias FourRows = (
    UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>
  )

  @inline(__always)
  private static func load(_ x: FourRows, _ j: Int) -> lt_floats4 {
    lt_join_floats(
      lt_load_floats(x.0 + j), lt_load_floats(x.1 + j), lt_load_floats(x.2 + j),
      lt_load_floats(x.3 + j))
  }

  @inline(__always)
  private static func loadSome(_ x: FourRows, _ j: Int, _ count: Int) -> lt_floats4 {
    lt_join_floats(
      F32.loadSome(x.0 + j, count), F32.loadSome(x.1 + j, count), F32.loadSome(x.2 + j, count),
      F32.loadSome(x.3 + j, count))
  }

  @inline(__always)
  private static func fourByFour<S: FloatSource>(
    _: S.Type, _ w: UnsafeRawPointer, _ stride: Int, _ x: FourRows, _ width: Int,
    _ sums: UnsafeMutablePointer<lt_floats>
  ) {
    let w1 = w + stride, w2 = w1 + stride, w3 = w2 + stride
    var s0 = lt_join_floats(sums[0], sums[4], sums[8], sums[12])
    var s1 = lt_join_floats(sums[1], sums[5], sums[9], sums[13])
    var s2 = lt_join_floats(sums[2], sums[6], sums[10], sums[14])
    var s3 = lt_join_floats(sums[3], sums[7], sums[11], sums[15])
    var j = 0
    while j &+ 16 <= width {
      let v = load(x, j), at = j &* S.bytes
      prefetch(S.self, w, stride, at)
      s0 = lt_fma_four(S.load(w + at), v, s0)
      s1 = lt_fma_four(S.load(w1 + at), v, s1)
      s2 = lt_fma_four(S.load(w2 + at), v, s2)
      s3 = lt_fma_four(S.load(w3 + at), v, s3)
      j &+= 16
    }
    if j < width {
      let rest = width &- j, v = loadSome(x, j, rest), at = j &* S.bytes
      s0 = lt_fma_four(S.loadSome(w + at, rest), v, s0)
      s1 = lt_fma_four(S.loadSome(w1 + at, rest), v, s1)
      s2 = lt_fma_four(S.loadSome(w2 + at, rest), v, s2)
      s3 = lt_fma_four(S.loadSome(w3 + at, rest), v, s3)
    }
    split(s0, sums, 4)
    split(s1, sums + 1, 4)
    split(s2, sums + 2, 4)
    split(s3, sums + 3, 4)
  }

  @inline(__always)
  private static func split(
    _ s: lt_floats4, _ sums: UnsafeMutablePointer<lt_floats>, _ stride: Int
  ) {
    sums[0] = lt_floats_part0(s)
    sums[stride] = lt_floats_part1(s)
    sums[2 &* stride] = lt_floats_part2(s)
    sums[3 &* stride] = lt_floats_part3(s)
  }

  @inline(__always)
  private static func oneByFour<S: FloatSource>(
    _: S.Type, _ w: UnsafeRawPointer, _ rowBytes: Int, _ x: FourRows, _ width: Int,
    _ sums: UnsafeMutablePointer<lt_floats>, _ stride: Int
  ) {
    var s = lt_join_floats(sums[0], sums[stride], sums[2 &* stride], sums[3 &* stride])
    let ahead = w + max(4 &* rowBytes, 8192)
    var j = 0
    while j &+ 16 <= width {
      lt_prefetch(ahead + j &* S.bytes)
      s = lt_fma_four(S.load(w + j &* S.bytes), load(x, j), s)
      j &+= 16
    }
    if j < width {
      let rest = width &- j
      s = lt_fma_four(S.loadSome(w + j &* S.bytes, rest), loadSome(x, j, rest), s)
    }
    split(s, sums, stride)
  }

  @inline(__always)
  private static func fourByOne<S: FloatSource>(
    _: S.Type, _ w: UnsafeRawPointer, _ stride: Int, _ x: UnsafePointer<Float>, _ width: Int,
    _ sums: UnsafeMutablePointer<lt_floats>
  ) {
    let w1 = w + stride, w2 = w1 + stride, w3 = w2 + stride
    var s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3]
    var j = 0
    while j &+ 16 <= width {
      let v = lt_load_floats(x + j), at = j &* S.bytes
      prefetch(S.self, w, stride, at)
      s0 = lt_fma(S.load(w + at), v, s0)
      s1 = lt_fma(S.load(w1 + at), v, s1)
      s2 = lt_fma(S.load(w2 + at), v, s2)
      s3 = lt_fma(S.load(w3 + at), v, s3)
      j &+= 16
    }
    if j < width {
      let rest = width &- j, v = F32.loadSome(x + j, rest), at = j &* S.bytes
      s0 = lt_fma(S.loadSome(w + at, rest), v, s0)
      s1 = lt_fma(S.loadSome(w1 + at, rest), v, s1)
      s2 = lt_fma(S.loadSome(w2 + at, rest), v, s2)
      s3 = lt_fma(S.loadSome(w3 + at, rest), v, s3)
    }
    sums[0] = s0
    sums[1] = s1
    sums[2] = s2
    sums[3] = s3
  }

  @inline(__always)
  private static func oneByOne<S: FloatSource>(
    _: S.Type, _ w: UnsafeRawPointer, _ x: UnsafePointer<Float>, _ width: Int,
    _ sums: UnsafeMutablePointer<lt_floats>
  ) {
    var s = sums[0]
    var j = 0
    while j &+ 16 <= width {
      lt_prefetch(w + (2048 &+ j &* S.bytes))
      s = lt_fma(S.load(w + j &* S.bytes), lt_load_floats(x + j), s)
      j &+= 16
    }
    if j < width {
      let rest = width &- j
      s = lt_fma(S.loadSome(w + j &* S.bytes, rest), F32.loadSome(x + j, rest), s)
    }
    sums[0] = s
  }
}
