// A weight matrix as it lies in the file: `rows` rows of `columns` elements, each row a whole
// number of blocks. A product is y[o] = sum over i of W[o, i] x[i], with o a row and i a column.

import LintelCore

package struct Matrix: BitwiseCopyable, @unchecked Sendable {
  package let start: UnsafeRawPointer
  package let format: BlockFormat
  /// Input dimension, ne0 of the file.
  package let columns: Int
  /// Output dimension, ne1 of the file.
  package let rows: Int
  package let rowBytes: Int

  /// The caller has proven that `rows * rowBytes` bytes lie at `start`, and that `columns` is a
  /// multiple of the format's block.
  package init(start: UnsafeRawPointer, format: BlockFormat, columns: Int, rows: Int) {
    self.start = start
    self.format = format
    self.columns = columns
    self.rows = rows
    rowBytes = columns / format.blockElements * format.blockBytes
  }

  @inlinable package func row(_ o: Int) -> UnsafeRawPointer { start + o * rowBytes }

  /// Slice `e` of a stack of equally shaped matrices (experts, heads), each `rows` rows long.
  @inlinable package func slice(_ e: Int) -> Matrix {
    Matrix(start: start + e * rows * rowBytes, format: format, columns: columns, rows: rows)
  }
}
