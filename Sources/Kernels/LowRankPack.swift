// An adapter's matrices in the layout that LowRank.swift computes with. Slow and plain: it runs once,
// when an adapter is loaded.

import CPlatform
import LintelCore

package enum LowRankPack {
  /// Rows of B's panels.
  package static var panelRows: Int { 16 }

  /// Elements that B of `rows` rows takes.
  package static func panelElements(rows: Int, rank: Int) -> Int {
    (rows + panelRows - 1) / panelRows * panelRows * rank
  }

  /// Copies rows `rows` of `matrix` to `to`, row after row, as elements of `format`.
  package static func copy(
    _ matrix: Matrix, rows: Range<Int>, to: UnsafeMutableRawPointer, _ format: BlockFormat
  ) {
    var at = 0
    scan(matrix, rows: rows) { _, _, values, count in
      for i in 0..<count { store(values[i], to, at + i, format) }
      at += count
    }
  }

  /// Panels of the rows `rows` of `matrix`.
  package static func panels(
    _ matrix: Matrix, rows: Range<Int>, to: UnsafeMutableRawPointer, _ format: BlockFormat
  ) {
    let rank = matrix.columns
    clear(to, panelElements(rows: rows.count, rank: rank), format)
    scan(matrix, rows: rows) { row, from, values, count in
      let o = row - rows.lowerBound
      for i in 0..<count {
        store(values[i], to, (o / 16 * rank + from + i) * 16 + o % 16, format)
      }
    }
  }

  /// The rows `rows` of `matrix` as columns: `[columns, rows]`.
  package static func transpose(
    _ matrix: Matrix, rows: Range<Int>, to: UnsafeMutableRawPointer, _ format: BlockFormat
  ) {
    scan(matrix, rows: rows) { row, from, values, count in
      for i in 0..<count {
        store(values[i], to, (from + i) * rows.count + row - rows.lowerBound, format)
      }
    }
  }

  /// Panels of the transpose of `matrix`: its columns are the rows, its rows the rank.
  package static func transposedPanels(
    _ matrix: Matrix, to: UnsafeMutableRawPointer, _ format: BlockFormat
  ) {
    let rank = matrix.rows
    clear(to, panelElements(rows: matrix.columns, rank: rank), format)
    scan(matrix, rows: 0..<rank) { row, from, values, count in
      for i in 0..<count {
        let o = from + i
        store(values[i], to, (o / 16 * rank + row) * 16 + o % 16, format)
      }
    }
  }

  /// The greatest magnitude in `matrix`; infinite where an element is no finite number.
  package static func greatest(_ matrix: Matrix) -> Float {
    var bits = lt_zero()
    scan(matrix, rows: 0..<matrix.rows) { _, _, values, count in
      // Beyond `count` the buffer holds zeros or what was seen before.
      var i = 0
      while i < count {
        bits = lt_larger_magnitude(bits, lt_load_floats(values + i))
        i += 16
      }
    }
    let largest = lt_largest(bits)
    return largest >= 0x7F80_0000 ? .infinity : Float(bitPattern: UInt32(bitPattern: largest))
  }

  /// Calls `body(row, from, values, count)` for pieces of up to 256 elements of each row, in order.
  @inline(__always)
  private static func scan(
    _ matrix: Matrix, rows: Range<Int>, _ body: (Int, Int, Floats, Int) -> Void
  ) {
    var line = InlineArray<256, Float>(repeating: 0)
    withUnsafeMutablePointer(to: &line) { raw in
      let line = UnsafeMutableRawPointer(raw).assumingMemoryBound(to: Float.self)
      for row in rows {
        let start = matrix.row(row).assumingMemoryBound(to: UInt8.self)
        var from = 0
        while from < matrix.columns {
          let width = min(256, matrix.columns - from)
          Unpack.columns(matrix.format.rawValue, start, from, width, line)
          body(row, from, line, width)
          from += 256
        }
      }
    }
  }

  private static func clear(
    _ to: UnsafeMutableRawPointer, _ elements: Int, _ format: BlockFormat
  ) {
    let bytes = to.assumingMemoryBound(to: UInt8.self)
    for i in 0..<(elements * format.blockBytes) { bytes[i] = 0 }
  }

  @inline(__always)
  private static func store(
    _ value: Float, _ to: UnsafeMutableRawPointer, _ index: Int, _ format: BlockFormat
  ) {
    switch format {
    case .f16: to.storeBytes(of: lt_to_half(value), toByteOffset: 2 * index, as: UInt16.self)
    case .bf16:
      // Only ever from bf16, whose low bits are zero.
      to.storeBytes(
        of: UInt16(truncatingIfNeeded: value.bitPattern >> 16), toByteOffset: 2 * index,
        as: UInt16.self)
    default: to.storeBytes(of: value, toByteOffset: 4 * index, as: Float.self)
    }
  }
}
