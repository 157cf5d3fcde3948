// How products are judged, here and on other machines (Tests/Arm).
import CPlatform
import LintelCore

import LintelKernels

func shapes(_ f: BlockFormat) -> [(rows: Int, columns: Int)] {
  switch f.blockElements {
  case 1: [(1, 1), (3, 7), (5, 16), (17, 33), (16, 255), (33, 301), (2, 512)]
  case 32: [(1, 32), (2, 64), (5, 96), (16, 32), (17, 160), (35, 352), (11, 1024)]
  default: [(1, 256), (3, 512), (6, 256), (16, 256), (19, 768), (33, 1024)]
  }
}

/// The largest error of the products y, `[rows, stride]`, of x, `[rows, columns]`, in units of what
/// rounding the activations to int8 may change and float rounding on top of it.
func worstError(
  _ m: TestMatrix, _ x: [Float], _ y: [Float], rows: Int, quantised: Bool, stride: Int
) -> Double {
  let block = m.format.blockElements
  var worst = 0.0
  for r in 0..<rows {
    var step = [Double](repeating: 0, count: m.columns)
    if quantised {
      for b in 0..<(m.columns / block) {
        var largest = 0.0
        for j in 0..<block { largest = max(largest, Double(abs(x[r * m.columns + b * block + j]))) }
        for j in 0..<block { step[b * block + j] = largest / 127 / 2 * 1.0001 }
      }
    }
    for o in 0..<m.rows {
      var exact = 0.0, allowed = 1e-30, size = 0.0
      for j in 0..<m.columns {
        let w = m.values[o * m.columns + j]
        exact += w * Double(x[r * m.columns + j])
        allowed += abs(w) * step[j]
        size += abs(w) * (Double(abs(x[r * m.columns + j])) + step[j])
      }
      allowed += size * 2e-6
      let error = abs(Double(y[r * stride + o]) - exact)
      worst = max(worst, error.isNaN ? .infinity : error / allowed)
    }
  }
  return worst
}

/// FNV-1a over the bits of all products of a format's shapes, of its dequantised rows, and of the
/// quantised inputs.
func digest(_ f: BlockFormat, _ level: Level) throws(Failure) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  func add(_ bits: UInt32) { hash = (hash ^ UInt64(bits)) &* 0x100_0000_01B3 }
  for (rows, columns) in shapes(f) {
    let m = TestMatrix(f, rows: rows, columns: columns, seed: UInt64(rows * 1000 + columns))
    let w = Guarded(m)
    let x = try Inputs(rows: 9, columns: columns, level: level)
    var g = Generator(21)
    var values: [Float] = []
    for _ in 0..<(9 * columns) { values.append(g.normal()) }
    x.fill(values)
    if columns % 32 == 0 {
      for j in 0..<(9 * columns) { add(UInt32(UInt8(bitPattern: x.activations.form32.quants[j]))) }
    }
    for n in [1, 2, 4, 9] {
      for float in [false, true] {
        let y = product(w, x, rows: n, float: float)
        for r in 0..<n { for o in 0..<rows { add(y[r * (rows + 3) + o].bitPattern) } }
      }
    }
    var y = [Float](repeating: 0, count: columns)
    for r in 0..<rows {
      y.withUnsafeMutableBufferPointer { y in
        if let base = y.baseAddress {
          withExtendedLifetime(w) { Dequantise.row(w.matrix, r, into: base) }
        }
      }
      for v in y { add(v.bitPattern) }
    }
  }
  return hash
}

/// The digests of x86 with and without AVX-512, and of Arm with and without dot products. A change
/// that is meant: the failing test says the new ones.
let digests: [(BlockFormat, UInt64)] = [
  (.f32, 0xaf5393c3eb10d4d4),
  (.f16, 0xd25cfe7a575e15c0),
  (.bf16, 0x3de1262fd9b4d89a),
  (.q8_0, 0x8bdf09eb5512ca47),
  (.q4_0, 0x5ea94a15ab5e0e19),
  (.q5_0, 0x4941021e3b3c4299),
  (.q5_1, 0xff05c97035ee285d),
  (.iq4_nl, 0xfb50d6240b523c59),
  (.q2_k, 0x12625fe8bdfce73e),
  (.q3_k, 0x2eda58c4093b35b2),
  (.q4_k, 0xe4ed490db0a3e762),
  (.q5_k, 0xe6f9c668bb6789dd),
  (.q6_k, 0x2224b06f4350aeac),
]
