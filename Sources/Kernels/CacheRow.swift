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
        let largest = pointwiseMax(
          pointwiseMax(CacheRows.magnitude(v0), CacheRows.magnitude(v1)),
          pointwiseMax(CacheRows.magnitude(v2), CacheRows.magnitude(v3))
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
  private static func magnitude(_ v: Lanes) -> Lanes { pointwiseMax(v, -v) }

  /// Into -bound ... bound; NaN becomes the bound.
  @inline(__always)
  private static func clamp(_ v: Lanes, _ bound: Lanes) -> Lanes {
    var r = bound
    r.replace(with: v, where: v .< bound)
    r.replace(with: -bound, where: r .< -bound)
    return r
  }

  @inline(__always)
  func scale(_ row: UnsafeMutableRawPointer, _ column: Int) -> Float {
    lt_half(row + width + column / 16)
  }

  /// <x, row p from `column`> over `count` elements.
  @inline(__always)
  func dot(_ x: ConstFloats, _ p: Int, column: Int, count: Int) -> Float {
    let row = start + p * rowBytes
    if format == .f32 {
      return CacheRows.dot(
        x, UnsafePointer((row + column * 4).assumingMemoryBound(to: Float.self)), count)
    }
    var sum = Lanes(repeating: 0)
    var b = 0
    while b < count {
      let k = row + column + b
      let t = (x.lanes(b) * lt_eight_from_bytes(k))
        .addingProduct(x.lanes(b + 8), lt_eight_from_bytes(k + 8))
      let u = (x.lanes(b + 16) * lt_eight_from_bytes(k + 16))
        .addingProduct(x.lanes(b + 24), lt_eight_from_bytes(k + 24))
      sum = sum.addingProduct(t + u, Lanes(repeating: scale(row, column + b)))
      b += 32
    }
    return sum.total()
  }

  @inline(__always)
  static func dot(_ a: ConstFloats, _ b: ConstFloats, _ count: Int) -> Float {
    var (x, y) = (Lanes(repeating: 0), Lanes(repeating: 0))
    var (z, w) = (x, x)
    var i = 0
    while i + 32 <= count {
      x = x.addingProduct(a.lanes(i), b.lanes(i))
      y = y.addingProduct(a.lanes(i + 8), b.lanes(i + 8))
      z = z.addingProduct(a.lanes(i + 16), b.lanes(i + 16))
      w = w.addingProduct(a.lanes(i + 24), b.lanes(i + 24))
      i += 32
    }
    while i < count {
      let n = count - i
      x = x.addingProduct(a.lanes(i, count: n), b.lanes(i, count: n))
      i += 8
    }
    return ((x + y) + (z + w)).total()
  }

  /// o ← o · shrink + Σ_p weights[p] · row (from + p), over `count` rows and `width` columns.
  @inline(__always)
  func accumulate(
    _ o: Floats, _ weights: borrowing InlineArray<32, Float>, from: Int, count: Int, column: Int,
    width valueWidth: Int, shrink: Float
  ) {
    var c = 0
    while c + 32 <= valueWidth {
      var a0 = o.lanes(c) * shrink
      var a1 = o.lanes(c + 8) * shrink
      var a2 = o.lanes(c + 16) * shrink
      var a3 = o.lanes(c + 24) * shrink
      if format == .f32 {
        for p in 0..<count {
          let v = UnsafePointer(
            (start + (from + p) * rowBytes + (column + c) * 4).assumingMemoryBound(to: Float.self))
          let w = Lanes(repeating: weights[p])
          a0 = a0.addingProduct(w, v.lanes(0))
          a1 = a1.addingProduct(w, v.lanes(8))
          a2 = a2.addingProduct(w, v.lanes(16))
          a3 = a3.addingProduct(w, v.lanes(24))
        }
      } else {
        for p in 0..<count {
          let row = start + (from + p) * rowBytes
          let v = row + column + c
          let w = Lanes(repeating: weights[p] * scale(row, column + c))
          a0 = a0.addingProduct(w, lt_eight_from_bytes(v))
          a1 = a1.addingProduct(w, lt_eight_from_bytes(v + 8))
          a2 = a2.addingProduct(w, lt_eight_from_bytes(v + 16))
          a3 = a3.addingProduct(w, lt_eight_from_bytes(v + 24))
        }
      }
      o.store(a0, c)
      o.store(a1, c + 8)
      o.store(a2, c + 16)
      o.store(a3, c + 24)
      c += 32
    }
    // The tail of widths that are no multiple of 32: such a cache is always of floats.
    while c < valueWidth {
      let n = valueWidth - c
      var a = o.lanes(c, count: n) * shrink
      for p in 0..<count {
        let v = UnsafePointer(
          (start + (from + p) * rowBytes + column * 4).assumingMemoryBound(to: Float.self))
        a = a.addingProduct(Lanes(repeating: weights[p]), v.lanes(c, count: n))
      }
      o.store(a, c, count: n)
      c += 8
    }
  }
}
