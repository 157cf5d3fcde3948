// Blocks back to floats, one row at a time: the embedding lookup and the float path.
//
// Every value is computed as the reference does, product by product in single precision without
// fused operations, so the floats are equal to gguf-py's `dequantize`. Layouts: Blocks32.swift,
// Q4_K.swift, Q6_K.swift, Q2_K.swift.

import CPlatform

enum Unpack {
  /// Block at `p` of the 32-column format `f` -> 32 floats.
  static func block32(_ f: UInt32, _ p: UnsafePointer<UInt8>, _ y: UnsafeMutablePointer<Float>) {
    let d = lt_half(p)
    switch f {
    case Format.q8_0:
      for j in 0..<32 { y[j] = d * Float(Int8(bitPattern: p[2 &+ j])) }
    case Format.q4_0:
      for j in 0..<16 {
        y[j] = d * Float(Int(p[2 &+ j] & 15) &- 8)
        y[j &+ 16] = d * Float(Int(p[2 &+ j] >> 4) &- 8)
      }
    case Format.iq4_nl:
      for j in 0..<16 {
        y[j] = d * Float(lt_iq4nl(Int32(p[2 &+ j] & 15)))
        y[j &+ 16] = d * Float(lt_iq4nl(Int32(p[2 &+ j] >> 4)))
      }
    case Format.q5_0:
      let h = UnsafeRawPointer(p + 2).loadUnaligned(as: UInt32.self)
      for j in 0..<16 {
        y[j] = d * Float(Int(fifth(h, j) | p[6 &+ j] & 15) &- 16)
        y[j &+ 16] = d * Float(Int(fifth(h, j &+ 16) | p[6 &+ j] >> 4) &- 16)
      }
    default:  // Q5_1
      let m = lt_half(p + 2)
      let h = UnsafeRawPointer(p + 4).loadUnaligned(as: UInt32.self)
      for j in 0..<16 {
        y[j] = d * Float(fifth(h, j) | p[8 &+ j] & 15) + m
        y[j &+ 16] = d * Float(fifth(h, j &+ 16) | p[8 &+ j] >> 4) + m
      }
    }
  }

  @inline(__always)
  private static func fifth(_ h: UInt32, _ j: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: (h &>> UInt32(truncatingIfNeeded: j)) & 1) << 4
  }

  /// Block at `p` of the 256-column format `f` -> 256 floats.
  static func block256(_ f: UInt32, _ p: UnsafePointer<UInt8>, _ y: UnsafeMutablePointer<Float>) {
    switch f {
    case Format.q4_k: q45(p, p + 16, nil, y)
    case Format.q5_k: q45(p, p + 48, p + 16, y)
    case Format.q6_k: q6(p, y)
    case Format.q2_k: q2(p, y)
    default: q3(p, y)
    }
  }

  private static func q45(
    _ p: UnsafePointer<UInt8>, _ q: UnsafePointer<UInt8>, _ h: UnsafePointer<UInt8>?,
    _ y: UnsafeMutablePointer<Float>
  ) {
    let d = lt_half(p), dMinimum = lt_half(p + 2)
    let s = p + 4
    for j in 0..<8 {
      let scale: UInt8
      let minimum: UInt8
      if j < 4 {
        scale = s[j] & 63
        minimum = s[j &+ 4] & 63
      } else {
        scale = s[j &+ 4] & 15 | (s[j &- 4] >> 6) << 4
        minimum = s[j &+ 4] >> 4 | (s[j] >> 6) << 4
      }
      let factor = d * Float(scale), bias = dMinimum * Float(minimum)
      let from = q + 32 &* (j >> 1)
      let shift = UInt8(truncatingIfNeeded: 4 &* (j & 1))
      for l in 0..<32 {
        var v = (from[l] &>> shift) & 15
        if let h { v |= ((h[l] &>> UInt8(truncatingIfNeeded: j)) & 1) << 4 }
        y[32 &* j &+ l] = factor * Float(v) - bias
      }
    }
  }

  private static func q6(_ p: UnsafePointer<UInt8>, _ y: UnsafeMutablePointer<Float>) {
    let d = lt_half(p + 208)
    for n in 0..<2 {
      let q = p + 64 &* n, h = p + (128 &+ 32 &* n), s = p + (192 &+ 8 &* n)
      for j in 0..<4 {
        let shift = UInt8(truncatingIfNeeded: 4 &* (j >> 1))
        let from = q + 32 &* (j & 1)
        for l in 0..<32 {
          let scale = d * Float(Int8(bitPattern: s[2 &* j &+ (l >> 4)]))
          let bits = (h[l] &>> UInt8(truncatingIfNeeded: 2 &* j)) & 3
          let v = Int((from[l] &>> shift) & 15 | bits << 4) &- 32
          y[128 &* n &+ 32 &* j &+ l] = scale * Float(v)
        }
      }
    }
  }

  private static func q2(_ p: UnsafePointer<UInt8>, _ y: UnsafeMutablePointer<Float>) {
    let d = lt_half(p + 80), dMinimum = lt_half(p + 82)
    for g in 0..<16 {
      let scale = d * Float(p[g] & 15), bias = dMinimum * Float(p[g] >> 4)
      let from = p + (16 &+ 32 &* (g >> 3) &+ 16 &* (g & 1))
      let shift = UInt8(truncatingIfNeeded: g & 6)
      for l in 0..<16 { y[16 &* g &+ l] = scale * Float((from[l] &>> shift) & 3) - bias }
    }
  }

  private static func q3(_ p: UnsafePointer<UInt8>, _ y: UnsafeMutablePointer<Float>) {
    let d = lt_half(p + 108)
    let s = p + 96
    for g in 0..<16 {
      let bottom = (s[g & 7] &>> UInt8(truncatingIfNeeded: 4 &* (g >> 3))) & 15
      let top = (s[8 &+ (g & 3)] &>> UInt8(truncatingIfNeeded: 2 &* (g >> 2))) & 3
      let scale = d * Float(Int(bottom | top << 4) &- 32)
      let n = g >> 3, j = (g & 7) >> 1, half = 16 &* (g & 1)
      let from = p + (32 &+ 32 &* n &+ half), h = p + half
      for l in 0..<16 {
        let bits = (from[l] &>> UInt8(truncatingIfNeeded: 2 &* j)) & 3
        let third = (h[l] &>> UInt8(truncatingIfNeeded: 4 &* n &+ j)) & 1
        y[16 &* g &+ l] = scale * Float(Int(bits | third << 2) &- 4)
      }
    }
  }
}

extension Unpack {
  /// Columns `from ..< from + width` of a row, with `from` a multiple of 256 and `width` one of the
  /// format's block.
  static func columns(
    _ format: UInt32, _ row: UnsafePointer<UInt8>, _ from: Int, _ width: Int,
    _ y: UnsafeMutablePointer<Float>
  ) {
    switch format {
    case Format.f32: memcpy(y, row + 4 &* from, 4 &* width)
    case Format.f16, Format.bf16:
      let isHalf = format == Format.f16
      let p = row + 2 &* from
      var j = 0
      while j &+ 16 <= width {
        let v = isHalf ? lt_load_half(p + 2 &* j) : lt_load_brain(p + 2 &* j)
        lt_store_floats(y + j, v)
        j &+= 16
      }
      while j < width {
        y[j] = isHalf ? lt_half(p + 2 &* j) : lt_brain(p + 2 &* j)
        j &+= 1
      }
    case Format.q4_0, Format.q5_0, Format.q5_1, Format.q8_0, Format.iq4_nl:
      let bytes = blockBytes32(format)
      var j = 0
      while j < width {
        block32(format, row + ((from &+ j) / 32) &* bytes, y + j)
        j &+= 32
      }
    default:
      block256(format, row + (from / 256) &* blockBytes256(format), y)
    }
  }

  private static func blockBytes32(_ format: UInt32) -> Int {
    switch format {
    case Format.q8_0: PanelQ8_0.blockBytes
    case Format.q5_0: PanelQ5_0.blockBytes
    case Format.q5_1: PanelQ5_1.blockBytes
    default: PanelQ4_0.blockBytes
    }
  }

  private static func blockBytes256(_ format: UInt32) -> Int {
    switch format {
    case Format.q2_k: PanelQ2_K.blockBytes
    case Format.q3_k: PanelQ3_K.blockBytes
    case Format.q4_k: PanelQ4_K.blockBytes
    case Format.q5_k: PanelQ5_K.blockBytes
    default: PanelQ6_K.blockBytes
    }
  }
}

/// The GGUF type numbers; the table with names and sizes is Core's BlockFormat.
enum Format {
  static var f32: UInt32 { 0 }
  static var f16: UInt32 { 1 }
  static var q4_0: UInt32 { 2 }
  static var q5_0: UInt32 { 6 }
  static var q5_1: UInt32 { 7 }
  static var q8_0: UInt32 { 8 }
  static var q2_k: UInt32 { 10 }
  static var q3_k: UInt32 { 11 }
  static var q4_k: UInt32 { 12 }
  static var q5_k: UInt32 { 13 }
  static var q6_k: UInt32 { 14 }
  static var iq4_nl: UInt32 { 20 }
  static var bf16: UInt32 { 30 }
}
