// Rows of the attention cache: as floats, or as signed bytes with one half-precision scale per 32.
//
//     f32   float[width]
//     q8    int8[width] · half[width / 32]      1.0625 bytes an element, a quarter of the floats
//
// q8 takes about half the bytes of a half-precision cache; it is the default beside quantised
// weights, whose activations are rounded in the same way.

import CPlatform
import LintelCore

package enum CacheFormat: UInt8, BitwiseCopyable, Sendable {
  case f32
  case q8

  package static var block: Int { 32 }

  /// Bytes of a row of `width` elements; `width` is a multiple of 32 in q8.
  package func rowBytes(_ width: Int) -> Int {
    switch self {
    case .f32: width * 4
    case .q8: width + width / 16
    }
  }
}

package struct CacheRows: BitwiseCopyable {
  package let start: UnsafeMutableRawPointer
  package let width: Int
  package let format: CacheFormat
  package let rowBytes: Int

  package init(start: UnsafeMutableRawPointer, width: Int, format: CacheFormat) {
    self.start = start
    self.width = width
    self.format = format
    rowBytes = format.rowBytes(width)
  }

  /// Writes `count` elements at `column` of row `p`; both are multiples of 32 in q8.
  package func store(_ x: ConstFloats, _ p: Int, column: Int, count: Int) {
    let row = start + p * rowBytes
    switch format {
    case .f32:
      (row + column * 4).copyMemory(from: x, byteCount: count * 4)
    case .q8:
      var b = 0
      while b < count {
        let v0 = x.lanes(b)
        let v1 = x.lanes(b + 8)
        let v2 = x.lanes(b + 16)
        let v3 = x.lanes(b + 24)
        let largest = lt_eight_larger(
          lt_eight_larger(CacheRows.magnitude(v0), CacheRows.magnitude(v1)),
          lt_eight_larger(CacheRows.magnitude(v2), CacheRows.magnitude(v3))
        ).greatest()
        let scale = Float16(largest / 127)
        // The rounded scale is the one that counts; infinities and NaN give zeros.
        let inverse = scale > 0 && scale.isFinite ? 1 / Float(scale) : 0
        let to = row + column + b
        let bound = Lanes(repeating: 127)
        lt_eight_to_bytes(to, CacheRows.clamp(v0 * inverse, bound))
        lt_eight_to_bytes(to + 8, CacheRows.clamp(v1 * inverse, bound))
        lt_eight_to_bytes(to + 16, CacheRows.clamp(v2 * inverse, bound))
        lt_eight_to_bytes(to + 24, CacheRows.clamp(v3 * inverse, bound))
        (row + width + (column + b) / 16).storeBytes(of: scale.bitPattern, as: UInt16.self)
        b += 32
      }
    }
  }

  @inline(__always)
  private static func magnitude(_ v: Lanes) -> Lanes { lt_eight_larger(v, -v) }

  /// Into -bound ... bound; NaN becomes the bound.
  @inline(__always)
  private static func clamp(_ v: Lanes, _ bound: Lanes) -> Lanes {
    let r = lt_eight_where_less(v, bound, v, bound)
    return lt_eight_where_less(r, -bound, -bound, r)
  }

  @inline(__always)
  private func scale(_ row: UnsafeMutableRawPointer, _ column: Int) -> Float {
    lt_half(row + width + column / 16)
  }

  /// Asks for what `load` will read of row p.
  @inline(__always)
  package func ask(_ p: Int, column: Int, count: Int) {
    let row = start + p * rowBytes
    var b = 0
    while b < count + 63 {
      lt_prefetch(row + column + min(b, count - 1))
      b += 64
    }
    lt_prefetch(row + width + column / 16)
    lt_prefetch(row + width + (column + count - 1) / 16)
  }

  /// `count` elements at `column` of row p as floats; only in q8, both multiples of 32.
  package func load(_ p: Int, column: Int, count: Int, into y: Floats) {
    let row = start + p * rowBytes
    var b = 0
    while b < count {
      let k = row + column + b
      let s = scale(row, column + b)
      y.store(lt_eight_from_bytes(k) * s, b)
      y.store(lt_eight_from_bytes(k + 8) * s, b + 8)
      y.store(lt_eight_from_bytes(k + 16) * s, b + 16)
      y.store(lt_eight_from_bytes(k + 24) * s, b + 24)
      b += 32
    }
  }
}
