import LintelCore
import Testing

import LintelKernels

@Test func dequantisedRowsEqualGgufPython() throws {
  for v in ggufVectors {
    let digits = Array(v.blocks.utf8)
    let bytes = stride(from: 0, to: digits.count, by: 2).map { i in
      UInt8(hex(digits[i]) * 16 + hex(digits[i + 1]))
    }
    let columns = bytes.count / v.format.blockBytes * v.format.blockElements
    var y = [Float](repeating: .nan, count: columns)
    bytes.withUnsafeBytes { raw in
      y.withUnsafeMutableBufferPointer { y in
        guard let start = raw.baseAddress, let base = y.baseAddress else { return }
        Dequantise.row(
          Matrix(start: start, format: v.format, columns: columns, rows: 1), 0, into: base)
      }
    }
    let hash = y.withUnsafeBytes { raw in
      raw.baseAddress.map { Bytes(start: $0, count: raw.count).hash() }
    }
    #expect(hash == v.hash, "\(v.format)")
  }
}

private func hex(_ c: UInt8) -> Int { c < 58 ? Int(c) - 48 : Int(c) - 87 }
