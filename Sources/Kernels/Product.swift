// Matrix products: y[r, o] = sum over i of W[o, i] x[r, i].

import CPlatform
import LintelCore

/// What is done with the results of one input row while the product goes on: with those of a panel as
/// soon as they are there, while the memory fetches the next weights; on the float path with those of
/// a thread's whole stretch. Every result once, on the thread that computed it.
package struct RowsFollower: BitwiseCopyable, @unchecked Sendable {
  package var call: lt_rows_fn
  package var context: UnsafeRawPointer

  package init(_ call: lt_rows_fn, _ context: UnsafeRawPointer) {
    self.call = call
    self.context = context
  }
}

package enum Product {
  package enum Mode: BitwiseCopyable, Sendable {
    /// output = product
    case set
    /// output = output + product
    case add
  }

  /// Whether this product takes floats, so that its kernel asks for its weights itself.
  static func isFloat(_ matrix: Matrix, _ float: Bool) -> Bool {
    Activations.forms(for: matrix.format, float: float) == .floats
  }

  /// Rows `weightRows` of `matrix` times `inputRows` activation rows.
  ///
  ///     output[r * outputStride + o] = sum over i of W[o, i] x[row(r), i]     o in weightRows
  ///
  /// - Shapes: output `[inputRows, outputStride]`, input `[_, matrix.columns]`.
  /// - Input: row(r) is `rowNumbers[r]`, or r without them. Unless `float`, the caller has made the
  ///   form of `Activations.forms(for: matrix.format, float: false)` for these rows.
  /// - Output: with `outputs`, the row of input r begins at `outputs[r]` instead.
  /// - Precision: with quantised weights, exact integers per block and one rounding per block and
  ///   step; with `float`, and for F32, F16 and BF16 weights always, float activations.
  /// - Follower: only with one input row and without `outputs`.
  /// - Order: the bits of one output depend on its weight row and activation row alone.
  /// - Memory: reads only bytes of the matrix, at any alignment. Panels have sixteen rows: other
  ///   partitions than at multiples of sixteen cost time.
  package static func run(
    _ matrix: Matrix, weightRows: Range<Int>, input: Activations, inputRows: Int,
    rowNumbers: UnsafePointer<Int32>? = nil, output: UnsafeMutablePointer<Float>,
    outputStride: Int, outputs: UnsafePointer<Floats?>? = nil, mode: Mode = .set,
    float: Bool = false, stream: UnsafeMutablePointer<lt_stream>? = nil,
    follower: RowsFollower? = nil
  ) {
    if weightRows.isEmpty || inputRows <= 0 { return }
    let forms = Activations.forms(for: matrix.format, float: float)
    let form = forms.contains(.blocks32) ? input.form32 : input.form256
    var job = lt_product(
      weights: matrix.start.assumingMemoryBound(to: UInt8.self),
      row_bytes: Int64(matrix.rowBytes), rows: Int64(matrix.rows), columns: Int64(matrix.columns),
      row_begin: Int64(weightRows.lowerBound), row_end: Int64(weightRows.upperBound),
      floats: input.floats.base, quants: form.quants.base, scales: form.scales.base,
      sums16: form.sums16.base, sums32: form.sums32.base, input_rows: rowNumbers,
      inputs: Int64(inputRows), output: output, output_stride: Int64(outputStride),
      outputs: outputs, format: matrix.format.rawValue, adds: mode == .add ? 1 : 0,
      use_floats: forms == .floats ? 1 : 0, stream: nil, after: nil, after_context: nil)
    if forms != .floats, let follower {
      job.after = follower.call
      job.after_context = follower.context
    }
    if let stream {
      job.stream = stream
      run(&job, input.level)
    } else {
      var range = lt_range(
        start: job.weights + weightRows.lowerBound &* matrix.rowBytes,
        bytes: Int64(weightRows.count &* matrix.rowBytes))
      withUnsafePointer(to: &range) { range in
        var own = lt_stream_over(range, 1, 16 &* job.row_bytes, 16 &* job.row_bytes)
        withUnsafeMutablePointer(to: &own) { own in
          job.stream = own
          run(&job, input.level)
        }
      }
    }
    if forms == .floats, let follower {
      follower.call(
        follower.context, output + weightRows.lowerBound, Int64(weightRows.lowerBound),
        Int64(weightRows.count))
    }
  }

  private static func run(_ job: inout lt_product, _ level: Level) {
    #if arch(x86_64) || arch(arm64)
      if level == .wide {
        lt_product_wide(&job)
        return
      }
    #endif
    Dispatch.run(job)
  }
}

package enum Dequantise {
  /// Row `row` of `matrix` as floats, `[columns]`: the embedding lookup. Equal to gguf-py's values.
  package static func row(_ matrix: Matrix, _ row: Int, into y: UnsafeMutablePointer<Float>) {
    let start = matrix.row(row).assumingMemoryBound(to: UInt8.self)
    var from = 0
    while from < matrix.columns {
      Unpack.columns(
        matrix.format.rawValue, start, from, min(256, matrix.columns &- from), y + from)
      from &+= 256
    }
  }
}
