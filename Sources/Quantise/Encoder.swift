// Floats to blocks. What a format's bytes mean is drawn in Kernels/Panels.

import CPlatform
import LintelCore

/// One worker's memory: a row of floats and the integers of a block. Used by one thread at a time.
package final class Encoder: @unchecked Sendable {
  /// `[columnsMax]`, aligned for vectors; the caller fills it.
  package let row: UnsafeMutablePointer<Float>
  /// `[256]`
  let quants: UnsafeMutablePointer<UInt8>

  package init(columnsMax: Int) {
    let floats = (columnsMax + 15) / 16 * 16
    row = .aligned(floats)
    row.initialize(repeating: 0, count: floats)
    quants = .allocate(capacity: 256)
  }

  deinit {
    row.deallocate()
    quants.deallocate()
  }

  /// Whether the row's first `columns` floats are numbers.
  package func isFinite(columns: Int) -> Bool {
    for j in 0..<columns where !row[j].isFinite { return false }
    return true
  }

  /// Encodes `columns` floats of `row`, whole blocks, as `format` at `p`. The floats are finite.
  /// False when a scale, or in F16 a value, is beyond half precision.
  package func encode(
    _ format: BlockFormat, columns: Int, into p: UnsafeMutablePointer<UInt8>
  ) -> Bool {
    var from = 0
    var at = p
    while from < columns {
      let x = row + from
      let fits =
        switch format {
        case .q8_0: q8_0(x, at)
        case .q4_0: q4_0(x, at)
        case .q5_0: q5_0(x, at)
        case .q5_1: q5_1(x, at)
        case .iq4_nl: iq4_nl(x, at)
        case .q4_k: fourOrFive(x, at, top: 15)
        case .q5_k: fourOrFive(x, at, top: 31)
        case .q6_k: q6_k(x, at)
        case .f16: storeHalf(x[0], at).isFinite
        default: false
        }
      if !fits { return false }
      from += format.blockElements
      at += format.blockBytes
    }
    return true
  }
}

extension UnsafeMutablePointer {
  /// Memory for `count` elements on a boundary of 64 bytes.
  static func aligned(_ count: Int) -> Self {
    UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<Pointee>.stride, alignment: 64)
      .bindMemory(to: Pointee.self, capacity: count)
  }
}

/// v rounded to half precision, and its bytes at `p`, little-endian.
@inline(__always) func storeHalf(_ v: Float, _ p: UnsafeMutablePointer<UInt8>) -> Float {
  let h = Float16(v)
  p[0] = UInt8(truncatingIfNeeded: h.bitPattern)
  p[1] = UInt8(truncatingIfNeeded: h.bitPattern >> 8)
  return Float(h)
}

@inline(__always) func values(_ x: UnsafePointer<Float>) -> Values {
  UnsafeRawPointer(x).assumingMemoryBound(to: lt_floats.self)
}

/// The reciprocal, or 0 for 0: then every integer is the code of zero.
@inline(__always) func inverse(_ d: Float) -> Float { d == 0 ? 0 : 1 / d }
