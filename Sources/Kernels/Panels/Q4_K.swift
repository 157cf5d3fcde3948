// Q4_K and Q5_K: 256 columns in eight sub-blocks of 32 with scales and minimums of six bits.
//
//   Q4_K  144 bytes   d:2  dmin:2  scales:12  q:128          w = d s[j] q - dmin m[j]
//   Q5_K  176         d:2  dmin:2  scales:12  h:32  q:128    w = d s[j] (q + 16 h) - dmin m[j]
//
// Bytes 32c ..< 32c + 32 of q hold sub-block 2c in their low halves, 2c + 1 in their high halves.
// Byte l of h holds bit 4 of column l of sub-block j in its bit j.

import CPlatform

private let nibbles: Int32 = 0x0F0F_0F0F
private let fifth: Int32 = 0x1010_1010

private struct Head {
  var d: lt_floats
  let dMinimum: lt_floats
  let scales: Scales6

  @inline(__always)
  init(_ panel: lt_panel) {
    let head = lt_rows16(panel, 0)
    d = lt_half_low(lt_part0(head))
    dMinimum = lt_half_high(lt_part0(head))
    scales = Scales6(lt_part1(head), lt_part2(head), lt_part3(head))
  }

  @inline(__always)
  func finish(_ b: Int, _ x: Inputs) {
    var a = 0
    while a < x.count {
      let minimums = scales.minimumSum(x.sums32(a, b, perBlock: 8))
      x.accumulate(a, b, d, minusMinimum: dMinimum, minimums)
      a &+= 1
    }
  }
}

enum PanelQ4_K: PanelFormat {
  static var blockBytes: Int { 144 }
  static var blockColumns: Int { 256 }

  @inline(__always)
  static func addBlock(_ panel: lt_panel, _ b: Int, _ x: Inputs) {
    var head = Head(panel)
    head.d = lt_multiply(head.d, lt_all_floats(1 / Float(1 << lt_high_shift())))
    pair(panel, b, x, 0, head.scales.scales03, 0)
    pair(panel, b, x, 1, head.scales.scales03, 16)
    pair(panel, b, x, 2, head.scales.scales47, 0)
    pair(panel, b, x, 3, head.scales.scales47, 16)
    head.finish(b, x)
  }

  @inline(__always)
  static func addSingle(_ panel: lt_panel, _ b: Int, _ x: Inputs) {
    if lt_has_single() == 0 {
      addBlock(panel, b, x)
      return
    }
    var head = Head(panel)
    head.d = lt_multiply(head.d, lt_all_floats(0.0625))
    x.integers[0] = lt_single_q4_k_16(
      panel, x.quants[0] + 256 &* b, head.scales.scales03, head.scales.scales47)
    head.finish(b, x)
  }

  /// Adds 2^lt_high_shift() times the integers of sub-blocks 2c and 2c + 1, whose scales are two
  /// bytes of `scales` from `bit` on.
  @inline(__always)
  private static func pair(
    _ panel: lt_panel, _ b: Int, _ x: Inputs, _ c: Int, _ scales: lt_lanes,
    _ bit: Int32
  ) {
    prefetch(panel, c, of: 4)
    var low = lt_columns(), high = lt_columns()
    lt_rows32(panel, 16 &+ 32 &* c, &low, &high)
    let low0 = lt_columns_and(low, nibbles), high0 = lt_columns_and(high, nibbles)
    let low1 = lt_high_halves(low), high1 = lt_high_halves(high)
    let scale0 = lt_shift_left(lt_scale_byte(scales, bit), lt_high_shift())
    let scale1 = lt_scale_byte(scales, bit &+ 8)
    var a = 0
    while a < x.count {
      let q = x.quants[a] + (256 &* b &+ 64 &* c)
      let sum = lt_dot32_u4_scaled(x.sum(a, isFirst: c == 0), low0, high0, q, scale0)
      x.integers[a] = lt_dot32_u4_scaled(sum, low1, high1, q + 32, scale1)
      a &+= 1
    }
  }
}

enum PanelQ5_K: PanelFormat {
  static var blockBytes: Int { 176 }
  static var blockColumns: Int { 256 }

  @inline(__always)
  static func addBlock(_ panel: lt_panel, _ b: Int, _ x: Inputs) {
    let head = Head(panel)
    var hLow = lt_columns(), hHigh = lt_columns()
    lt_rows32(panel, 16, &hLow, &hHigh)
    let s03 = head.scales.scales03, s47 = head.scales.scales47
    // Bit j of h moves to bit 4.
    pair(
      panel, b, x, 0, s03, 0, lt_columns_left(hLow, 4), lt_columns_left(hHigh, 4),
      lt_columns_left(hLow, 3), lt_columns_left(hHigh, 3))
    pair(
      panel, b, x, 1, s03, 16, lt_columns_left(hLow, 2), lt_columns_left(hHigh, 2),
      lt_columns_left(hLow, 1), lt_columns_left(hHigh, 1))
    pair(
      panel, b, x, 2, s47, 0, hLow, hHigh, lt_columns_right(hLow, 1),
      lt_columns_right(hHigh, 1))
    pair(
      panel, b, x, 3, s47, 16, lt_columns_right(hLow, 2), lt_columns_right(hHigh, 2),
      lt_columns_right(hLow, 3), lt_columns_right(hHigh, 3))
    head.finish(b, x)
  }

  /// Adds the integers of sub-blocks 2c and 2c + 1, whose scales are two bytes of `scales` from
  /// `bit` on; the last four arguments have their fifth bits at bit 4.
  @inline(__always)
  private static func pair(
    _ panel: lt_panel, _ b: Int, _ x: Inputs, _ c: Int, _ scales: lt_lanes,
    _ bit: Int32, _ h0Low: lt_columns, _ h0High: lt_columns, _ h1Low: lt_columns,
    _ h1High: lt_columns
  ) {
    prefetch(panel, c, of: 4)
    var low = lt_columns(), high = lt_columns()
    lt_rows32(panel, 48 &+ 32 &* c, &low, &high)
    let low0 = five(low, h0Low), high0 = five(high, h0High)
    let low1 = five(lt_columns_right(low, 4), h1Low)
    let high1 = five(lt_columns_right(high, 4), h1High)
    let scale0 = lt_scale_byte(scales, bit), scale1 = lt_scale_byte(scales, bit &+ 8)
    var a = 0
    while a < x.count {
      let q = x.quants[a] + (256 &* b &+ 64 &* c)
      let sum = lt_dot32_u5_scaled(x.sum(a, isFirst: c == 0), low0, high0, q, scale0)
      x.integers[a] = lt_dot32_u5_scaled(sum, low1, high1, q + 32, scale1)
      a &+= 1
    }
  }

  @inline(__always)
  private static func five(_ q: lt_columns, _ h: lt_columns) -> lt_columns {
    lt_columns_or(lt_columns_and(q, nibbles), lt_columns_and(h, fifth))
  }
}
