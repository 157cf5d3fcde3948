// The formats of 32-column blocks with a half precision scale d:
//
//   Q8_0    34 bytes   d:2  q:32             w = d * q                  q signed
//   Q4_0    18         d:2  q:16             w = d * (q - 8)            q 4 bits
//   IQ4_NL  18         d:2  q:16             w = d * table[q]           q 4 bits
//   Q5_0    22         d:2  h:4  q:16        w = d * (q + 16 h - 16)    q 4 bits, h 1 bit
//   Q5_1    24         d:2  m:2  h:4  q:16   w = d * (q + 16 h) + m
//
// Byte j of a 16-byte q holds column j in its low half and column j + 16 in its high half; bit j of
// the little-endian h belongs to column j.

import CPlatform

private let nibbles: Int32 = 0x0F0F_0F0F

/// d * integers, added with the activations' scale.
@inline(__always)
private func accumulate(_ x: Inputs, _ a: Int, _ b: Int, _ d: lt_floats, _ integers: lt_lanes) {
  x.results[a] = lt_fma_all(
    lt_multiply(d, lt_to_floats(integers)), x.scale(a, b), x.results[a])
}

enum PanelQ8_0: PanelFormat {
  static var blockBytes: Int { 34 }
  static var blockColumns: Int { 32 }

  @inline(__always)
  static func addBlock(_ panel: lt_panel, _ b: Int, _ x: Inputs) {
    let d = lt_half_of_rows(panel, 0)
    var low = lt_columns(), high = lt_columns()
    lt_rows32(panel, 2, &low, &high)
    low = lt_signed(low)
    high = lt_signed(high)
    prefetch(panel, 0, of: 1)
    var a = 0
    while a < x.count {
      let sum = Int32(x.sums32(a, b, perBlock: 1)[0])
      accumulate(x, a, b, d, lt_dot32_s8(low, high, x.quants[a] + 32 &* b, sum))
      a &+= 1
    }
  }
}

enum PanelQ4_0: PanelFormat {
  static var blockBytes: Int { 18 }
  static var blockColumns: Int { 32 }

  @inline(__always)
  static func addBlock(_ panel: lt_panel, _ b: Int, _ x: Inputs) {
    let d = lt_half_of_rows(panel, 0)
    prefetch(panel, 0, of: 2)
    let packed = lt_rows16(panel, 2)
    prefetch(panel, 1, of: 2)
    var a = 0
    while a < x.count {
      let sum = Int32(x.sums32(a, b, perBlock: 1)[0])
      accumulate(x, a, b, d, lt_dot32_packed4(-8 &* sum, packed, x.quants[a] + 32 &* b))
      a &+= 1
    }
  }
}

enum PanelIQ4_NL: PanelFormat {
  static var blockBytes: Int { 18 }
  static var blockColumns: Int { 32 }

  @inline(__always)
  static func addBlock(_ panel: lt_panel, _ b: Int, _ x: Inputs) {
    let d = lt_half_of_rows(panel, 0)
    let packed = lt_rows16(panel, 2)
    let low = lt_signed(lt_lookup_iq4nl(lt_columns_and(packed, nibbles)))
    let high = lt_signed(lt_lookup_iq4nl(lt_columns_and(lt_columns_right(packed, 4), nibbles)))
    prefetch(panel, 0, of: 1)
    var a = 0
    while a < x.count {
      let sum = Int32(x.sums32(a, b, perBlock: 1)[0])
      accumulate(x, a, b, d, lt_dot32_s8(low, high, x.quants[a] + 32 &* b, sum))
      a &+= 1
    }
  }
}

/// Columns 0 ..< 16 and 16 ..< 32 of a Q5_0 or Q5_1 block, each 0 ... 31.
@inline(__always)
private func fiveBits(_ packed: lt_columns, _ h: lt_lanes) -> (lt_columns, lt_columns) {
  // Bits 4k ..< 4k + 4 of h belong to part k: spread them to bit 4 of four bytes.
  let low = lt_join(
    lt_spread_bits(h, 0), lt_spread_bits(h, 4), lt_spread_bits(h, 8), lt_spread_bits(h, 12))
  let high = lt_join(
    lt_spread_bits(h, 16), lt_spread_bits(h, 20), lt_spread_bits(h, 24), lt_spread_bits(h, 28))
  return (
    lt_columns_or(lt_columns_and(packed, nibbles), low),
    lt_columns_or(lt_columns_and(lt_columns_right(packed, 4), nibbles), high)
  )
}

enum PanelQ5_0: PanelFormat {
  static var blockBytes: Int { 22 }
  static var blockColumns: Int { 32 }

  @inline(__always)
  static func addBlock(_ panel: lt_panel, _ b: Int, _ x: Inputs) {
    let head = lt_rows16(panel, 0)
    let d = lt_half_low(lt_part0(head))
    let h = lt_or(lt_shift_right(lt_part0(head), 16), lt_shift_left(lt_part1(head), 16))
    let (low, high) = fiveBits(lt_rows16(panel, 6), h)
    prefetch(panel, 0, of: 1)
    var a = 0
    while a < x.count {
      let sum = Int32(x.sums32(a, b, perBlock: 1)[0])
      let dot = lt_dot32_u5(low, high, x.quants[a] + 32 &* b)
      accumulate(x, a, b, d, lt_subtract(dot, lt_all(16 &* sum)))
      a &+= 1
    }
  }
}

enum PanelQ5_1: PanelFormat {
  static var blockBytes: Int { 24 }
  static var blockColumns: Int { 32 }

  @inline(__always)
  static func addBlock(_ panel: lt_panel, _ b: Int, _ x: Inputs) {
    let head = lt_rows16(panel, 0)
    let d = lt_half_low(lt_part0(head))
    let m = lt_half_high(lt_part0(head))
    let (low, high) = fiveBits(lt_rows16(panel, 8), lt_part1(head))
    prefetch(panel, 0, of: 1)
    var a = 0
    while a < x.count {
      let sum = Int32(x.sums32(a, b, perBlock: 1)[0])
      let dot = lt_dot32_u5(low, high, x.quants[a] + 32 &* b)
      let block = lt_fma_all(m, Float(sum), lt_multiply(d, lt_to_floats(dot)))
      x.results[a] = lt_fma_all(block, x.scale(a, b), x.results[a])
      a &+= 1
    }
  }
}
