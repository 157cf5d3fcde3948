// What the formats of 256-column blocks share: scales of six bits and the last step of a block.

import CPlatform

/// Sixteen rows' scales and minimums of Q4_K and Q5_K, unpacked from their twelve bytes.
///
///     bytes 0-3   bits 0-5 scale j,     bits 6-7 the top of scale j + 4        j = 0 ..< 4
///     bytes 4-7   bits 0-5 minimum j,   bits 6-7 the top of minimum j + 4
///     bytes 8-11  bits 0-3 the bottom of scale j + 4, bits 4-7 of minimum j + 4
struct Scales6 {
  /// Four words whose bytes are the scales 0-3, 4-7 and the minimums 0-3, 4-7.
  let scales03, scales47, minimums03, minimums47: lt_lanes

  @inline(__always)
  init(_ w0: lt_lanes, _ w1: lt_lanes, _ w2: lt_lanes) {
    scales03 = lt_and(w0, 0x3F3F_3F3F)
    minimums03 = lt_and(w1, 0x3F3F_3F3F)
    scales47 = lt_or(
      lt_and(w2, 0x0F0F_0F0F), lt_and(lt_shift_right(w0, 2), 0x3030_3030))
    minimums47 = lt_or(
      lt_and(lt_shift_right(w2, 4), 0x0F0F_0F0F), lt_and(lt_shift_right(w1, 2), 0x3030_3030))
  }

  /// The sum of minimum j times the activations' sum j, j = 0 ..< 8.
  @inline(__always)
  func minimumSum(_ sums: UnsafePointer<Int16>) -> lt_lanes {
    var s = lt_add_pairs(lt_zero(), lt_pair_low(minimums03), sums)
    s = lt_add_pairs(s, lt_pair_high(minimums03), sums + 2)
    s = lt_add_pairs(s, lt_pair_low(minimums47), sums + 4)
    return lt_add_pairs(s, lt_pair_high(minimums47), sums + 6)
  }
}

extension Inputs {
  /// The block's integers times d, minus `minimums` times dMinimum, enter the result.
  @inline(__always)
  func accumulate(
    _ a: Int, _ b: Int, _ d: lt_floats, minusMinimum dMinimum: lt_floats, _ minimums: lt_lanes
  ) {
    let block = lt_fma(
      lt_negate(dMinimum), lt_to_floats(minimums), lt_multiply(d, lt_to_floats(integers[a])))
    results[a] = lt_fma_all(block, scale(a, b), results[a])
  }

  @inline(__always)
  func accumulate(_ a: Int, _ b: Int, _ d: lt_floats, _ sum: lt_lanes) {
    results[a] = lt_fma_all(lt_multiply(d, lt_to_floats(sum)), scale(a, b), results[a])
  }

  /// The sum over g of byte g of `scales`, signed, times the activations' sum g: sixteen of each.
  @inline(__always)
  func scaledSums16(_ a: Int, _ b: Int, _ scales: lt_columns) -> lt_lanes {
    let sums = sums16(a, b)
    var s = lt_zero()
    s = lt_add_pairs(s, lt_signed_pair_low(lt_part0(scales)), sums)
    s = lt_add_pairs(s, lt_signed_pair_high(lt_part0(scales)), sums + 2)
    s = lt_add_pairs(s, lt_signed_pair_low(lt_part1(scales)), sums + 4)
    s = lt_add_pairs(s, lt_signed_pair_high(lt_part1(scales)), sums + 6)
    s = lt_add_pairs(s, lt_signed_pair_low(lt_part2(scales)), sums + 8)
    s = lt_add_pairs(s, lt_signed_pair_high(lt_part2(scales)), sums + 10)
    s = lt_add_pairs(s, lt_signed_pair_low(lt_part3(scales)), sums + 12)
    return lt_add_pairs(s, lt_signed_pair_high(lt_part3(scales)), sums + 14)
  }
}
