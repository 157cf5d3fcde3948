// Slow and obvious: a weight format decoded one element at a time in Double, from its definition.
import LintelCore

struct Generator {
  var state: UInt64
  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }
  mutating func bits() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
  mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: bits() >> 24) }
  /// -1 ..< 1
  mutating func unit() -> Float { Float(Int64(bits() >> 40) - (1 << 23)) / Float(1 << 23) }
  /// Roughly normal.
  mutating func normal() -> Float { (0..<6).reduce(Float(0)) { s, _ in s + unit() } }
}

func half(_ b: [UInt8], _ at: Int) -> Double {
  Double(Float16(bitPattern: UInt16(b[at]) | UInt16(b[at + 1]) << 8))
}

func word(_ b: [UInt8], _ at: Int) -> UInt32 {
  (0..<4).reduce(0) { $0 | UInt32(b[at + $1]) << UInt32(8 * $1) }
}

/// Element `j` of the block `b`.
func element(_ f: BlockFormat, _ b: [UInt8], _ j: Int) -> Double {
  switch f {
  case .f32: return Double(Float(bitPattern: word(b, 0)))
  case .f16: return half(b, 0)
  case .bf16: return Double(Float(bitPattern: (UInt32(b[0]) | UInt32(b[1]) << 8) << 16))
  case .q8_0: return half(b, 0) * Double(Int8(bitPattern: b[2 + j]))
  case .q4_0: return half(b, 0) * Double(nibble(b, 2, j) - 8)
  case .iq4_nl:
    let table = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
    return half(b, 0) * Double(table[nibble(b, 2, j)])
  case .q5_0:
    let fifth = Int(word(b, 2) >> UInt32(j) & 1)
    return half(b, 0) * Double(nibble(b, 6, j) + 16 * fifth - 16)
  case .q5_1:
    let fifth = Int(word(b, 4) >> UInt32(j) & 1)
    return half(b, 0) * Double(nibble(b, 8, j) + 16 * fifth) + half(b, 2)
  case .q4_k, .q5_k:
    let (s, m) = sixBit(b, j / 32)
    var q = Int(b[(f == .q4_k ? 16 : 48) + j / 64 * 32 + j % 32])
    q = j % 64 < 32 ? q & 15 : q >> 4
    if f == .q5_k { q += Int(b[16 + j % 32] >> UInt8(j / 32) & 1) * 16 }
    return half(b, 0) * Double(s) * Double(q) - half(b, 2) * Double(m)
  case .q6_k:
    let n = j / 128, k = j % 128 / 32, l = j % 32
    let byte = Int(b[64 * n + 32 * (k % 2) + l])
    let low = k < 2 ? byte & 15 : byte >> 4
    let high = Int(b[128 + 32 * n + l] >> UInt8(2 * k) & 3)
    return half(b, 208) * Double(Int8(bitPattern: b[192 + j / 16])) * Double(low + 16 * high - 32)
  case .q2_k:
    let n = j / 128, k = j % 128 / 32, l = j % 32
    let q = Int(b[16 + 32 * n + l] >> UInt8(2 * k) & 3)
    let s = Int(b[j / 16])
    return half(b, 80) * Double(s & 15) * Double(q) - half(b, 82) * Double(s >> 4)
  case .q3_k:
    let n = j / 128, k = j % 128 / 32, l = j % 32, g = j / 16
    let q = Int(b[32 + 32 * n + l] >> UInt8(2 * k) & 3)
    let third = Int(b[l] >> UInt8(4 * n + k) & 1)
    let low = g < 8 ? b[96 + g] & 15 : b[96 + g - 8] >> 4
    let high = b[104 + g % 4] >> UInt8(2 * (g / 4)) & 3
    return half(b, 108) * Double(Int(low | high << 4) - 32) * Double(q + 4 * third - 4)
  }
}

private func nibble(_ b: [UInt8], _ at: Int, _ j: Int) -> Int {
  Int(j < 16 ? b[at + j] & 15 : b[at + j - 16] >> 4)
}

private func sixBit(_ b: [UInt8], _ g: Int) -> (Int, Int) {
  let s = Array(b[4..<16])
  if g < 4 { return (Int(s[g] & 63), Int(s[g + 4] & 63)) }
  return (Int(s[g + 4] & 15 | (s[g - 4] >> 6) << 4), Int(s[g + 4] >> 4 | (s[g] >> 6) << 4))
}

/// Where the half precision scales of a block are.
func scaleOffsets(_ f: BlockFormat) -> [Int] {
  switch f {
  case .f32, .f16, .bf16: []
  case .q8_0, .q4_0, .iq4_nl, .q5_0: [0]
  case .q5_1, .q4_k, .q5_k: [0, 2]
  case .q6_k: [208]
  case .q2_k: [80, 82]
  case .q3_k: [108]
  }
}

enum Fill { case random, zero, high, low }

/// One block of random bits with sensible, or given, scales.
func block(_ f: BlockFormat, _ g: inout Generator, _ fill: Fill, scale: Float16?) -> [UInt8] {
  switch f {
  case .f32:
    let v = (fill == .zero ? 0 : g.normal()).bitPattern
    return (0..<4).map { UInt8(truncatingIfNeeded: v >> UInt32(8 * $0)) }
  case .f16:
    let v = (scale ?? Float16(fill == .zero ? 0 : g.normal())).bitPattern
    return [UInt8(truncatingIfNeeded: v), UInt8(v >> 8)]
  case .bf16:
    let v = UInt16((fill == .zero ? 0 : g.normal()).bitPattern >> 16)
    return [UInt8(truncatingIfNeeded: v), UInt8(v >> 8)]
  default:
    var b = (0..<f.blockBytes).map { _ in
      switch fill {
      case .random: g.byte()
      case .zero: UInt8(0)
      case .high: UInt8(f == .q8_0 ? 0x7F : 0xFF)
      case .low: UInt8(f == .q8_0 || f == .q6_k ? 0x80 : 0)
      }
    }
    for at in scaleOffsets(f) {
      let v = (scale ?? Float16(g.unit() * 0.01)).bitPattern
      b[at] = UInt8(truncatingIfNeeded: v)
      b[at + 1] = UInt8(v >> 8)
    }
    return b
  }
}

struct TestMatrix {
  let format: BlockFormat
  let rows: Int, columns: Int
  let bytes: [UInt8]
  /// `[rows, columns]`
  let values: [Double]

  init(
    _ format: BlockFormat, rows: Int, columns: Int, seed: UInt64, fill: Fill = .random,
    scale: Float16? = nil
  ) {
    self.format = format
    self.rows = rows
    self.columns = columns
    var g = Generator(seed)
    var bytes: [UInt8] = []
    var values: [Double] = []
    for _ in 0..<(rows * columns / format.blockElements) {
      let b = block(format, &g, fill, scale: scale)
      bytes += b
      for j in 0..<format.blockElements { values.append(element(format, b, j)) }
    }
    self.bytes = bytes
    self.values = values
  }
}

let allFormats: [BlockFormat] = [
  .f32, .f16, .bf16, .q8_0, .q4_0, .q5_0, .q5_1, .iq4_nl, .q2_k, .q3_k, .q4_k, .q5_k, .q6_k,
]
