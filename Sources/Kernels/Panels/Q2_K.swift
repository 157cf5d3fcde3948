// Q2_K and Q3_K: 256 columns in sixteen sub-blocks of 16.
//
//   Q2_K   84 bytes   s:16  q:64  d:2  dmin:2         w = d (s & 15) q - dmin (s >> 4)
//   Q3_K  110         h:32  q:64  s:12  d:2           w = d (s - 32) (q + 4 h - 4)
//
// For each half n of the columns, 32 bytes of q: bits 2j, 2j + 1 of byte l are column
// 128 n + 32 j + l, and bit 4 n + j of h[l] is its third bit. The scales of Q3_K have six bits,
//
//   bytes 0-7   low halves: bottoms of scales 0-7, high halves: of scales 8-15
//   bytes 8-11  bits 2k, 2k + 1 of byte i: the top of scale 4 k + i

import CPlatform

private let nibbles: Int32 = 0x0F0F_0F0F
private let pairs: Int32 = 0x0303_0303
private let third: Int32 = 0x0404_0404

/// 32 columns, two scales.
@inline(__always)
private func add(
  _ x: Inputs, _ at: Int, _ isFirst: Bool, _ low: lt_columns, _ high: lt_columns, _ scaleLow: lt_lanes,
  _ scaleHigh: lt_lanes
) {
  var a = 0
  while a < x.count {
    let q = x.quants[a] + at
    let sum = lt_dot16_u4_scaled(x.sum(a, isFirst: isFirst), low, q, scaleLow)
    x.integers[a] = lt_dot16_u4_scaled(sum, high, q + 16, scaleHigh)
    a &+= 1
  }
}

enum PanelQ2_K: PanelFormat {
  static var blockBytes: Int { 84 }
  static var blockColumns: Int { 256 }

  @inline(__always)
  static func addBlock(_ panel: lt_panel, _ b: Int, _ x: Inputs) {
    let packed = lt_rows16(panel, 0)
    let scales = lt_columns_and(packed, nibbles)
    let minimums = lt_columns_and(lt_columns_right(packed, 4), nibbles)
    half(panel, b, x, 0, lt_part0(scales), lt_part1(scales))
    half(panel, b, x, 1, lt_part2(scales), lt_part3(scales))
    let tail = lt_part3(lt_rows16(panel, 68))
    let d = lt_half_low(tail), dMinimum = lt_half_high(tail)
    var a = 0
    while a < x.count {
      x.accumulate(a, b, d, minusMinimum: dMinimum, x.scaledSums16(a, b, minimums))
      a &+= 1
    }
  }

  @inline(__always)
  private static func half(
    _ panel: lt_panel, _ b: Int, _ x: Inputs, _ n: Int, _ s0: lt_lanes,
    _ s1: lt_lanes
  ) {
    prefetch(panel, n, of: 2)
    var low = lt_columns(), high = lt_columns()
    lt_rows32(panel, 16 &+ 32 &* n, &low, &high)
    let at = 256 &* b &+ 128 &* n
    add(
      x, at, n == 0, lt_columns_and(low, pairs), lt_columns_and(high, pairs), lt_scale_byte(s0, 0),
      lt_scale_byte(s0, 8))
    add(
      x, at &+ 32, false, lt_columns_and(lt_columns_right(low, 2), pairs),
      lt_columns_and(lt_columns_right(high, 2), pairs), lt_scale_byte(s0, 16),
      lt_scale_byte(s0, 24))
    add(
      x, at &+ 64, false, lt_columns_and(lt_columns_right(low, 4), pairs),
      lt_columns_and(lt_columns_right(high, 4), pairs), lt_scale_byte(s1, 0),
      lt_scale_byte(s1, 8))
    add(
      x, at &+ 96, false, lt_columns_and(lt_columns_right(low, 6), pairs),
      lt_columns_and(lt_columns_right(high, 6), pairs), lt_scale_byte(s1, 16),
      lt_scale_byte(s1, 24))
  }
}

enum PanelQ3_K: PanelFormat {
  static var blockBytes: Int { 110 }
  static var blockColumns: Int { 256 }

  @inline(__always)
  static func addBlock(_ panel: lt_panel, _ b: Int, _ x: Inputs) {
    // The twelve bytes start two bytes into these sixteen, d is the last two.
    let tail = lt_rows16(panel, 94)
    let t0 = lt_part0(tail), t1 = lt_part1(tail), t2 = lt_part2(tail), t3 = lt_part3(tail)
    let d = lt_half_high(t3)
    let w0 = lt_or(lt_shift_right(t0, 16), lt_shift_left(t1, 16))
    let w1 = lt_or(lt_shift_right(t1, 16), lt_shift_left(t2, 16))
    let w2 = lt_or(lt_shift_right(t2, 16), lt_shift_left(t3, 16))
    let scales = lt_join(
      scale(w0, lt_shift_left(w2, 4)), scale(w1, lt_shift_left(w2, 2)),
      scale(lt_shift_right(w0, 4), w2), scale(lt_shift_right(w1, 4), lt_shift_right(w2, 2)))
    var hLow = lt_columns(), hHigh = lt_columns()
    lt_rows32(panel, 0, &hLow, &hHigh)
    half(panel, b, x, 0, lt_part0(scales), lt_part1(scales), hLow, hHigh)
    half(
      panel, b, x, 1, lt_part2(scales), lt_part3(scales), lt_columns_right(hLow, 4),
      lt_columns_right(hHigh, 4))
    var a = 0
    while a < x.count {
      let sum = x.scaledSums16(a, b, scales)
      x.accumulate(a, b, d, lt_subtract(x.integers[a], lt_times(sum, 4)))
      a &+= 1
    }
  }

  /// Four scales as signed bytes: s - 32 is s + 96 with the top bit flipped, without borrows.
  @inline(__always)
  private static func scale(_ bottom: lt_lanes, _ top: lt_lanes) -> lt_lanes {
    let s = lt_or(lt_and(bottom, nibbles), lt_and(top, 0x3030_3030))
    return lt_flip(lt_add(s, lt_all(0x6060_6060)), Int32(bitPattern: 0x8080_8080))
  }

  /// Bits 0 ... 3 of h's bytes are the third bits of this half's four groups of 32 columns.
  @inline(__always)
  private static func half(
    _ panel: lt_panel, _ b: Int, _ x: Inputs, _ n: Int, _ s0: lt_lanes,
    _ s1: lt_lanes, _ hLow: lt_columns, _ hHigh: lt_columns
  ) {
    prefetch(panel, n, of: 2)
    var low = lt_columns(), high = lt_columns()
    lt_rows32(panel, 32 &+ 32 &* n, &low, &high)
    let at = 256 &* b &+ 128 &* n
    add(
      x, at, n == 0, three(low, lt_columns_left(hLow, 2)), three(high, lt_columns_left(hHigh, 2)),
      lt_scale_signed_byte(s0, 0), lt_scale_signed_byte(s0, 8))
    add(
      x, at &+ 32, false, three(lt_columns_right(low, 2), lt_columns_left(hLow, 1)),
      three(lt_columns_right(high, 2), lt_columns_left(hHigh, 1)),
      lt_scale_signed_byte(s0, 16), lt_scale_signed_byte(s0, 24))
    add(
      x, at &+ 64, false, three(lt_columns_right(low, 4), hLow), three(lt_columns_right(high, 4), hHigh),
      lt_scale_signed_byte(s1, 0), lt_scale_signed_byte(s1, 8))
    add(
      x, at &+ 96, false, three(lt_columns_right(low, 6), lt_columns_right(hLow, 1)),
      three(lt_columns_right(high, 6), lt_columns_right(hHigh, 1)),
      lt_scale_signed_byte(s1, 16), lt_scale_signed_byte(s1, 24))
  }

  @inline(__always)
  private static func three(_ q: lt_columns, _ h: lt_columns) -> lt_columns {
    lt_columns_or(lt_columns_and(q, pairs), lt_columns_and(h, third))
  }
}
