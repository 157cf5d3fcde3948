// The input of products: rows of floats and, made from them on demand, two quantised forms.
//
//   blocks of 32    int8 quants, one scale per 32 columns    for Q8_0 Q4_0 Q5_0 Q5_1 IQ4_NL weights
//   blocks of 256   int8 quants, one scale per 256 columns   for Q2_K Q3_K Q4_K Q5_K Q6_K weights
//
// scale = max |x| / 127 and quant = x / scale to the nearest, ties to even. Each form keeps the
// sums of its quants over 32 columns, the second also over 16, as int16: they stand in for the
// offsets and minimums of the weight formats. A block with an infinity or a NaN gets quants of zero
// and that scale, so its products are NaN; a block below 2^-100 counts as zero.

import CPlatform
import LintelCore

package struct Activations: BitwiseCopyable, @unchecked Sendable {
  /// A set of forms. Not an OptionSet: its array literals would drag Array into the engine.
  package struct Forms: Equatable, BitwiseCopyable, Sendable {
    package let bits: UInt8
    @inlinable package init(bits: UInt8) { self.bits = bits }
    /// No quantised form: the floats are enough.
    package static var floats: Forms { Forms(bits: 0) }
    package static var blocks32: Forms { Forms(bits: 1) }
    package static var blocks256: Forms { Forms(bits: 2) }
    package static var all: Forms { Forms(bits: 3) }

    @inlinable package func contains(_ other: Forms) -> Bool { bits & other.bits == other.bits }
    @inlinable package func union(_ other: Forms) -> Forms { Forms(bits: bits | other.bits) }
  }

  /// One quantised form.
  package struct Quantised: BitwiseCopyable {
    /// `[rows, columns]`
    package var quants: Buffer<Int8>
    /// `[rows, columns / block]`
    package var scales: Buffer<Float>
    /// `[rows, columns / 16]`; empty in the form of 32.
    package var sums16: Buffer<Int16>
    /// `[rows, columns / 32]`
    package var sums32: Buffer<Int16>
  }

  package let rowsMax: Int
  package let columnsMax: Int
  /// The current width, at most `columnsMax`. Rows of every form follow each other at this width.
  package var columns: Int
  /// `[rows, columns]`
  package private(set) var floats: Buffer<Float>
  package private(set) var form32: Quantised
  package private(set) var form256: Quantised
  /// The instruction set of products with this input; tests lower it.
  package var level: Level

  /// `forms` that will never be asked for take no memory.
  package init(
    arena: inout Arena, rowsMax: Int, columnsMax: Int, forms: Forms = .all
  ) throws(Failure) {
    self.rowsMax = rowsMax
    self.columnsMax = columnsMax
    columns = columnsMax
    level = Level.detect()
    let count = try Checked.multiply(rowsMax, columnsMax, "activations")
    // A width that is no multiple of a block has no such form, so rounding down is enough.
    floats = try arena.carve(Float.self, count, "activations")
    let count32 = forms.contains(.blocks32) ? count : 0
    form32 = Quantised(
      quants: try arena.carve(Int8.self, count32, "activations in blocks of 32"),
      scales: try arena.carve(Float.self, count32 / 32, "activation scales per 32"),
      sums16: try arena.carve(Int16.self, 0, "no sums"),
      sums32: try arena.carve(Int16.self, count32 / 32, "activation sums per 32"))
    let count256 = forms.contains(.blocks256) ? count : 0
    form256 = Quantised(
      quants: try arena.carve(Int8.self, count256, "activations in blocks of 256"),
      scales: try arena.carve(Float.self, count256 / 256, "activation scales per 256"),
      sums16: try arena.carve(Int16.self, count256 / 16, "activation sums per 16"),
      sums32: try arena.carve(Int16.self, count256 / 32, "activation sums per 32"))
  }

  /// The forms that a product with weights in `format` reads.
  package static func forms(for format: BlockFormat, float: Bool) -> Forms {
    if float { return .floats }
    switch format.blockElements {
    case 32: return .blocks32
    case 256: return .blocks256
    default: return .floats
    }
  }

  /// The same memory as rows of `columns`, beginning at row `firstRow` of that width. Forms of a view
  /// and of the whole agree where `firstRow * columns` is a multiple of their block.
  package func view(columns: Int, firstRow: Int) -> Activations {
    var v = self
    let skip = columns &* firstRow
    v.columns = columns
    v.floats = v.floats.dropping(skip)
    v.form32 = Activations.skip(form32, skip, 32)
    v.form256 = Activations.skip(form256, skip, 256)
    return v
  }

  private static func skip(_ q: Quantised, _ columns: Int, _ block: Int) -> Quantised {
    Quantised(
      quants: q.quants.dropping(columns), scales: q.scales.dropping(columns / block),
      sums16: block == 256 ? q.sums16.dropping(columns / 16) : q.sums16,
      sums32: q.sums32.dropping(columns / 32))
  }

  /// The floats of row `r`, `[columns]`.
  @inlinable package func row(_ r: Int) -> UnsafeMutablePointer<Float> { floats + r &* columns }

  /// Makes `forms` of the floats of `rows`. A form whose block does not divide `columns` is left
  /// alone: no matrix of that width can ask for it.
  package func quantise(rows: Range<Int>, forms: Forms) {
    for r in rows {
      if forms.contains(.blocks32) && columns % 32 == 0 { quantise32(r) }
      if forms.contains(.blocks256) && columns % 256 == 0 { quantise256(r) }
    }
  }

  private func quantise32(_ r: Int) {
    let x = row(r)
    let quants = form32.quants + r &* columns
    let scales = form32.scales + r &* (columns / 32)
    let sums = form32.sums32 + r &* (columns / 32)
    var b = 0
    while b < columns / 32 {
      let x0 = lt_load_floats(x + 32 &* b), x1 = lt_load_floats(x + (32 &* b &+ 16))
      let largest = lt_largest(lt_larger_magnitude(lt_larger_magnitude(lt_zero(), x0), x1))
      let (scale, inverse) = Activations.scale(largest)
      let q0 = lt_round(Activations.silenced(x0, inverse), inverse)
      let q1 = lt_round(Activations.silenced(x1, inverse), inverse)
      lt_store_bytes(quants + 32 &* b, q0)
      lt_store_bytes(quants + (32 &* b &+ 16), q1)
      scales[b] = scale
      sums[b] = Int16(truncatingIfNeeded: lt_sum(lt_add(q0, q1)))
      b &+= 1
    }
  }

  private func quantise256(_ r: Int) {
    let x = row(r)
    let quants = form256.quants + r &* columns
    let scales = form256.scales + r &* (columns / 256)
    let sums16 = form256.sums16 + r &* (columns / 16)
    let sums32 = form256.sums32 + r &* (columns / 32)
    var b = 0
    while b < columns / 256 {
      var magnitudes = lt_zero()
      var g = 16 &* b
      while g < 16 &* b &+ 16 {
        magnitudes = lt_larger_magnitude(magnitudes, lt_load_floats(x + 16 &* g))
        g &+= 1
      }
      let (scale, inverse) = Activations.scale(lt_largest(magnitudes))
      scales[b] = scale
      g = 16 &* b
      while g < 16 &* b &+ 16 {
        let v = Activations.silenced(lt_load_floats(x + 16 &* g), inverse)
        let q = lt_round(v, inverse)
        lt_store_bytes(quants + 16 &* g, q)
        sums16[g] = Int16(truncatingIfNeeded: lt_sum(q))
        g &+= 1
      }
      g = 8 &* b
      while g < 8 &* b &+ 8 {
        sums32[g] = sums16[2 &* g] &+ sums16[2 &* g &+ 1]
        g &+= 1
      }
      b &+= 1
    }
  }

  /// The scale of a block and its inverse, from the bit pattern of its largest magnitude.
  @inline(__always)
  private static func scale(_ largest: Int32) -> (Float, inverse: Float) {
    let magnitude = Float(bitPattern: UInt32(bitPattern: largest))
    if largest >= 0x7F80_0000 { return (magnitude, 0) }
    if magnitude < 0x1p-100 { return (0, 0) }
    return (magnitude / 127, 127 / magnitude)
  }

  /// Zeros where the inverse is zero: an infinity times it would be no number to round.
  @inline(__always)
  private static func silenced(_ x: lt_floats, _ inverse: Float) -> lt_floats {
    inverse == 0 ? lt_zero_floats() : x
  }
}
