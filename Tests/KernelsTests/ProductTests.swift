import LintelCore
import Testing

import LintelKernels

private func check(
  _ m: TestMatrix, _ x: [Float], _ y: [Float], rows: Int, quantised: Bool, stride: Int,
  _ what: String
) {
  let worst = worstError(m, x, y, rows: rows, quantised: quantised, stride: stride)
  #expect(worst <= 1, "\(m.format) \(what): \(worst) times the allowed error")
}

@Test(arguments: allFormats)
func productsAgreeWithDoubles(_ f: BlockFormat) throws {
  for level in levels {
    for (rows, columns) in shapes(f) {
      let m = TestMatrix(f, rows: rows, columns: columns, seed: UInt64(rows * 1000 + columns))
      let w = Guarded(m)
      let x = try Inputs(rows: 66, columns: columns, level: level)
      var g = Generator(7)
      let values = (0..<(66 * columns)).map { _ in g.normal() }
      x.fill(values)
      for n in [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 33, 66] {
        for float in [false, true] {
          let y = product(w, x, rows: n, float: float)
          check(
            m, values, y, rows: n, quantised: !float && f.blockElements > 1, stride: rows + 3,
            "\(level) \(rows)x\(columns) n=\(n) float=\(float)")
          for r in 0..<n { #expect(y[r * (rows + 3) + rows].isNaN, "wrote past the rows") }
        }
      }
    }
  }
}

@Test(arguments: allFormats)
func bitsDependOnOneRowPairAlone(_ f: BlockFormat) throws {
  let columns = f.blockElements == 1 ? 301 : 3 * f.blockElements
  for rows in [1, 2, 3, 4, 7, 15, 16, 21, 50] {
    let m = TestMatrix(f, rows: rows, columns: columns, seed: 3)
    let w = Guarded(m)
    let stride = rows + 3
    var g = Generator(11)
    let values = (0..<(70 * columns)).map { _ in g.normal() }
    for float in [false, true] {
      var one: [[Float]] = []
      for level in levels {
        let x = try Inputs(rows: 70, columns: columns, level: level)
        x.fill(values)
        if one.isEmpty {
          one = (0..<70).map {
            Array(product(w, x, rows: 1, numbers: [Int32($0)], float: float)[0..<rows])
          }
        }
        for n in [1, 2, 3, 4, 5, 8, 9, 16, 33, 70] {
          let y = product(w, x, rows: n, float: float)
          for r in 0..<n {
            #expect(Array(y[r * stride..<r * stride + rows]) == one[r], "\(level) n=\(n)")
          }
        }
        let shuffled: [Int32] = (0..<67).map { ($0 &* 29 &+ 5) % 70 }
        let y = product(w, x, rows: 67, numbers: shuffled, float: float)
        for r in 0..<67 {
          #expect(Array(y[r * stride..<r * stride + rows]) == one[Int(shuffled[r])])
        }
        for split in [1, 5, 16] where split < rows {
          for n in [1, 3] {
            var parts = [Float](repeating: 0, count: n * stride)
            for from in starts(rows, split) {
              let y = product(
                w, x, rows: n, weightRows: from..<min(from + split, rows), float: float)
              for r in 0..<n {
                for o in 0..<rows {
                  let inside = o >= from && o < from + split
                  #expect(inside || y[r * stride + o].isNaN, "wrote outside its rows")
                  if inside { parts[r * stride + o] = y[r * stride + o] }
                }
              }
            }
            for r in 0..<n { #expect(Array(parts[r * stride..<r * stride + rows]) == one[r]) }
          }
        }
      }
    }
  }
}

@Test(arguments: digests)
func bitsAreTheSameOnEveryMachine(_ f: BlockFormat, _ expected: UInt64) throws {
  for level in levels {
    let digest = try digest(f, level)
    #expect(digest == expected, "(.\(f), 0x\(String(digest, radix: 16))) at \(level)")
  }
}

private func starts(_ end: Int, _ step: Int) -> [Int] {
  Array(Swift.stride(from: 0, to: end, by: step))
}

@Test(arguments: allFormats)
func addingAddsTheSameProduct(_ f: BlockFormat) throws {
  let columns = f.blockElements == 1 ? 40 : 2 * f.blockElements
  for level in levels {
    let m = TestMatrix(f, rows: 21, columns: columns, seed: 5)
    let w = Guarded(m)
    let x = try Inputs(rows: 4, columns: columns, level: level)
    var g = Generator(1)
    x.fill((0..<(4 * columns)).map { _ in g.normal() })
    for n in [1, 4] {
      let y = product(w, x, rows: n)
      let before = (0..<(n * 24)).map { Float($0) * 0.25 }
      let after = product(w, x, rows: n, add: before)
      for r in 0..<n {
        for o in 0..<21 { #expect(after[r * 24 + o] == before[r * 24 + o] + y[r * 24 + o]) }
        for o in 21..<24 { #expect(after[r * 24 + o] == before[r * 24 + o]) }
      }
    }
  }
}

@Test(arguments: allFormats)
func extremesStayExact(_ f: BlockFormat) throws {
  let columns = f.blockElements == 1 ? 64 : 2 * f.blockElements
  let scales: [Float16?] = [nil, 65504, -65504, 6e-8, 0, -6e-8, 6.1e-5]
  for level in levels {
    for fill in [Fill.random, .zero, .high, .low] {
      for scale in scales {
        let m = TestMatrix(f, rows: 18, columns: columns, seed: 9, fill: fill, scale: scale)
        let w = Guarded(m)
        let x = try Inputs(rows: 6, columns: columns, level: level)
        var values: [Float] = []
        for j in 0..<columns { values.append(j % 2 == 0 ? 1 : -1) }
        for _ in 0..<columns { values.append(127) }
        for _ in 0..<columns { values.append(0) }
        for j in 0..<columns { values.append(j == 5 ? 1e20 : 0) }
        for j in 0..<columns { values.append(Float(j % 255) - 127) }
        for _ in 0..<columns { values.append(-1e-20) }
        x.fill(values)
        for n in [1, 6] {
          let y = product(w, x, rows: n)
          check(
            m, values, y, rows: n, quantised: f.blockElements > 1, stride: 21,
            "\(level) \(fill) \(String(describing: scale))")
        }
      }
    }
  }
}

@Test(arguments: allFormats)
func unboundedInputsDoNotTrapAndStayInTheirRow(_ f: BlockFormat) throws {
  let columns = f.blockElements == 1 ? 64 : 2 * f.blockElements
  for level in levels {
    let w = Guarded(TestMatrix(f, rows: 18, columns: columns, seed: 2))
    let x = try Inputs(rows: 5, columns: columns, level: level)
    var g = Generator(1)
    var values = (0..<(5 * columns)).map { _ in g.normal() }
    x.fill(values)
    let clean = product(w, x, rows: 5)
    values[columns + 3] = .nan
    values[2 * columns + 4] = .infinity
    values[3 * columns + 5] = -.infinity
    x.fill(values)
    for float in [false, true] {
      let y = product(w, x, rows: 5, float: float)
      for o in 0..<18 {
        if !float {
          #expect(y[o] == clean[o])
          #expect(y[4 * 21 + o] == clean[4 * 21 + o])
        }
        for r in 1..<4 { #expect(!y[r * 21 + o].isFinite) }
      }
    }
  }
  // Any bits at all in a file: no trap, whatever comes out.
  for seed in 1..<20 {
    var g = Generator(UInt64(seed))
    let bytes = (0..<(3 * f.blockBytes * (columns / f.blockElements))).map { _ in g.byte() }
    let x = try Inputs(rows: 2, columns: columns, level: levels[levels.count - 1])
    x.fill((0..<(2 * columns)).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: g.bits())) })
    bytes.withUnsafeBytes { raw in
      guard let start = raw.baseAddress else { return }
      let m = Matrix(start: start, format: f, columns: columns, rows: 3)
      _ = product(m, x, rows: 2)
      _ = product(m, x, rows: 2, float: true)
    }
  }
}

@Test(arguments: allFormats)
func weightsMayLieAnywhere(_ f: BlockFormat) throws {
  let columns = f.blockElements == 1 ? 37 : f.blockElements
  let m = TestMatrix(f, rows: 20, columns: columns, seed: 4)
  let x = try Inputs(rows: 3, columns: columns, level: levels[levels.count - 1])
  var g = Generator(8)
  x.fill((0..<(3 * columns)).map { _ in g.normal() })
  let expected = product(Guarded(m), x, rows: 3)
  for shift in 1..<9 {
    var moved = [UInt8](repeating: 0xAA, count: shift) + m.bytes
    moved.withUnsafeMutableBytes { raw in
      guard let start = raw.baseAddress else { return }
      let y = product(
        Matrix(start: start + shift, format: f, columns: columns, rows: 20), x, rows: 3)
      for r in 0..<3 { for o in 0..<20 { #expect(y[r * 23 + o] == expected[r * 23 + o]) } }
    }
  }
}

@Test(arguments: allFormats)
func dequantisedRowsAreTheReferenceRounded(_ f: BlockFormat) {
  let columns = f.blockElements == 1 ? 300 : 3 * f.blockElements
  let m = TestMatrix(f, rows: 4, columns: columns, seed: 6)
  let w = Guarded(m)
  for r in 0..<4 {
    var y = [Float](repeating: .nan, count: columns)
    y.withUnsafeMutableBufferPointer { y in
      if let base = y.baseAddress {
        withExtendedLifetime(w) { Dequantise.row(w.matrix, r, into: base) }
      }
    }
    for j in 0..<columns {
      let exact = m.values[r * columns + j]
      #expect(abs(Double(y[j]) - exact) <= 1e-6 * max(abs(exact), 0.01))
    }
  }
}
