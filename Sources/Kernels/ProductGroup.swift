// Several products as one parallel phase: all maps of one input, or all chosen experts. The rows of
// all of them form one line, and each thread takes a contiguous stretch of about equal cost.

import CPlatform
import LintelCore

package struct ProductEntry: BitwiseCopyable {
  package var matrix: Matrix
  package var input: Activations
  /// Which rows of `input`, or nil for its first `rows` ones.
  package var inputRows: UnsafePointer<Int32>?
  package var rows: Int
  package var output: Floats
  package var outputStride: Int
  /// Where each input row's results go instead, or nil.
  package var outputs: UnsafePointer<Floats?>?
  package var mode: Product.Mode
  /// Which map this is to adapters, or nil.
  package var target: LowRankTarget?

  package init(
    matrix: Matrix, input: Activations, inputRows: UnsafePointer<Int32>? = nil, rows: Int,
    output: Floats, outputStride: Int, outputs: UnsafePointer<Floats?>? = nil,
    mode: Product.Mode = .set, target: LowRankTarget? = nil
  ) {
    self.matrix = matrix
    self.input = input
    self.inputRows = inputRows
    self.rows = rows
    self.output = output
    self.outputStride = outputStride
    self.outputs = outputs
    self.mode = mode
    self.target = target
  }

  /// Per weight row: reading its bytes once, and arithmetic with every input row.
  var rowCost: Int { matrix.rowBytes * (rows + 1) + 64 }
}

package struct ProductJob: ParallelJob {
  /// Shares begin at multiples of this many weight rows.
  static var grain: Int { 16 }

  let entries: UnsafePointer<ProductEntry>
  let count: Int
  let isFloat: Bool
  /// Adapters whose A x is at hand in the entries' targets.
  let lowRank: LowRankPass
  let cost: Int

  package init(
    _ entries: UnsafePointer<ProductEntry>, _ count: Int, isFloat: Bool,
    lowRank: LowRankPass = .none
  ) {
    self.entries = entries
    self.count = count
    self.isFloat = isFloat
    self.lowRank = lowRank
    var total = 0
    for i in 0..<count { total &+= entries[i].rowCost &* entries[i].matrix.rows }
    cost = total
  }

  package static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: ProductJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  package func run(part: Int, parts: Int) {
    var ranges = InlineArray<32, lt_range>(repeating: lt_range())
    var count = 0
    var widest = 0
    shares(part, parts) { e, rows in
      if count < 32 && !Product.isFloat(e.matrix, isFloat) {
        ranges[count] = lt_range(
          start: e.matrix.row(rows.lowerBound).assumingMemoryBound(to: UInt8.self),
          bytes: Int64(rows.count &* e.matrix.rowBytes))
        count += 1
        widest = max(widest, e.matrix.rowBytes)
      }
    }
    withUnsafePointer(to: &ranges) { ranges in
      var stream = lt_stream_over(
        UnsafeRawPointer(ranges).assumingMemoryBound(to: lt_range.self), Int64(count),
        Int64(16 &* widest))
      withUnsafeMutablePointer(to: &stream) { stream in
        shares(part, parts) { e, rows in
          Product.run(
            e.matrix, weightRows: rows, input: e.input, inputRows: e.rows,
            rowNumbers: e.inputRows, output: e.output, outputStride: e.outputStride,
            outputs: e.outputs, mode: e.mode, float: isFloat, stream: stream)
          if lowRank.count > 0 { LowRank.add(e, rows, lowRank) }
        }
      }
    }
  }

  /// The stretches of weight rows that are share `part`, in order.
  @inline(__always)
  private func shares(_ part: Int, _ parts: Int, _ body: (ProductEntry, Range<Int>) -> Void) {
    let from = cost / parts &* part
    let to = part == parts - 1 ? cost : cost / parts &* (part + 1)
    var start = 0
    for i in 0..<count {
      let e = entries[i]
      let rowCost = e.rowCost
      let end = start &+ rowCost &* e.matrix.rows
      if end > from && start < to {
        let rows = e.matrix.rows
        let first = Share.boundary(from - start, rowCost, rows, grain: ProductJob.grain)
        let last = Share.boundary(to - start, rowCost, rows, grain: ProductJob.grain)
        if first < last { body(e, first..<last) }
      }
      start = end
    }
  }
}

enum Share {
  /// The row at which a share that begins `offset` into an entry of `rows` rows starts.
  static func boundary(_ offset: Int, _ rowCost: Int, _ rows: Int, grain: Int) -> Int {
    if offset <= 0 { return 0 }
    if offset >= rowCost &* rows { return rows }
    let row = (offset / rowCost + grain / 2) / grain * grain
    return min(row, rows)
  }
}
