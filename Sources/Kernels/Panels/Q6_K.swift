// Q6_K: 256 columns in sixteen sub-blocks of 16, each with a signed 8-bit scale.
//
//   210 bytes   q:128  h:64  s:16  d:2      w = d s[g] (q + 16 h - 32)     q 4 bits, h 2 bits
//
// For each half n of the columns, 64 bytes of q and 32 of h; with l = 0 ..< 32,
//
//   column 128 n      + l    low half of q[l],       bits 0-1 of h[l]
//   column 128 n + 32 + l    low half of q[32 + l],  bits 2-3
//   column 128 n + 64 + l    high half of q[l],      bits 4-5
//   column 128 n + 96 + l    high half of q[32 + l], bits 6-7

import CPlatform

private let nibbles: Int32 = 0x0F0F_0F0F
private let top: Int32 = 0x3030_3030

enum PanelQ6_K: PanelFormat {
  static var blockBytes: Int { 210 }
  static var blockColumns: Int { 256 }

  @inline(__always)
  static func addBlock(_ panel: lt_panel, _ b: Int, _ x: Inputs) {
    let scales = lt_rows16(panel, 192)
    half(panel, b, x, 0, lt_part0(scales), lt_part1(scales))
    half(panel, b, x, 1, lt_part2(scales), lt_part3(scales))
    let d = lt_half_high(lt_part3(lt_rows16(panel, 194)))
    var a = 0
    while a < x.count {
      let sum = x.scaledSums16(a, b, scales)
      x.accumulate(a, b, d, lt_subtract(x.integers[a], lt_times(sum, 32)))
      a &+= 1
    }
  }

  @inline(__always)
  static func addSingle(_ panel: lt_panel, _ b: Int, _ x: Inputs) {
    if lt_has_single() == 0 {
      addBlock(panel, b, x)
      return
    }
    let sum = lt_single_q6_k(panel, x.quants[0] + 256 &* b, x.sums16(0, b))
    x.accumulate(0, b, lt_half_of_rows(panel, 208), sum)
  }

  /// 128 columns, whose eight scales are the bytes of `s0` and `s1`.
  @inline(__always)
  private static func half(
    _ panel: lt_panel, _ b: Int, _ x: Inputs, _ n: Int, _ s0: lt_lanes,
    _ s1: lt_lanes
  ) {
    var qLow0 = lt_columns(), qHigh0 = lt_columns(), qLow1 = lt_columns(), qHigh1 = lt_columns()
    var hLow = lt_columns(), hHigh = lt_columns()
    lt_rows32(panel, 64 &* n, &qLow0, &qHigh0)
    lt_rows32(panel, 64 &* n &+ 32, &qLow1, &qHigh1)
    lt_rows32(panel, 128 &+ 32 &* n, &hLow, &hHigh)
    let at = 256 &* b &+ 128 &* n
    prefetch(panel, 4 &* n, of: 8)
    add(
      x, at, n == 0, six(qLow0, lt_columns_left(hLow, 4)), six(qHigh0, lt_columns_left(hHigh, 4)),
      lt_scale_signed_byte(s0, 0), lt_scale_signed_byte(s0, 8))
    prefetch(panel, 4 &* n &+ 1, of: 8)
    add(
      x, at &+ 32, false, six(qLow1, lt_columns_left(hLow, 2)), six(qHigh1, lt_columns_left(hHigh, 2)),
      lt_scale_signed_byte(s0, 16), lt_scale_signed_byte(s0, 24))
    prefetch(panel, 4 &* n &+ 2, of: 8)
    add(
      x, at &+ 64, false, six(lt_columns_right(qLow0, 4), hLow), six(lt_columns_right(qHigh0, 4), hHigh),
      lt_scale_signed_byte(s1, 0), lt_scale_signed_byte(s1, 8))
    prefetch(panel, 4 &* n &+ 3, of: 8)
    add(
      x, at &+ 96, false, six(lt_columns_right(qLow1, 4), lt_columns_right(hLow, 2)),
      six(lt_columns_right(qHigh1, 4), lt_columns_right(hHigh, 2)),
      lt_scale_signed_byte(s1, 16), lt_scale_signed_byte(s1, 24))
  }

  @inline(__always)
  private static func six(_ q: lt_columns, _ h: lt_columns) -> lt_columns {
    lt_columns_or(lt_columns_and(q, nibbles), lt_columns_and(h, top))
  }

  @inline(__always)
  private static func add(
    _ x: Inputs, _ at: Int, _ isFirst: Bool, _ low: lt_columns, _ high: lt_columns, _ scaleLow: lt_lanes,
    _ scaleHigh: lt_lanes
  ) {
    var a = 0
    while a < x.count {
      let q = x.quants[a] + at
      let sum = lt_dot16_u6_scaled(x.sum(a, isFirst: isFirst), low, q, scaleLow)
      x.integers[a] = lt_dot16_u6_scaled(sum, high, q + 16, scaleHigh)
      a &+= 1
    }
  }
}
