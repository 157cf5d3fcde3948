// Several products as one parallel phase: all maps of one input, or all chosen experts. The rows of
// all of them form one line, which is cut into pieces by cost.

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
  /// What is done with the results meanwhile. Only with one row, and without adapters.
  package var follower: RowsFollower?

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
  /// Pieces begin at multiples of this many weight rows.
  static var grain: Int { 16 }
  /// Stretches of weights that one thread can foresee in a phase.
  static var rangesMax: Int { 48 }

  let entries: UnsafePointer<ProductEntry>
  let count: Int
  let isFloat: Bool
  /// Adapters whose A x is at hand in the entries' targets.
  let lowRank: LowRankPass
  /// Where the threads draw the numbers of the pieces after their first ones; nil: one piece each.
  let draws: UnsafeMutablePointer<UInt32>?
  let cost: Int
  /// Weight rows of all entries.
  let weightRows: Int
  let panelBytes: Int
  let foresight: Foresight.Phase

  package init(
    _ entries: UnsafePointer<ProductEntry>, _ count: Int, isFloat: Bool,
    lowRank: LowRankPass = .none, draws: UnsafeMutablePointer<UInt32>? = nil,
    foresight: Foresight.Phase = .none
  ) {
    self.foresight = foresight
    self.entries = entries
    self.count = count
    self.isFloat = isFloat
    self.lowRank = lowRank
    self.draws = draws
    var total = 0
    var rows = 0
    var widest = 0
    for i in 0..<count {
      let matrix = entries[i].matrix
      total &+= entries[i].rowCost &* matrix.rows
      rows &+= matrix.rows
      if !Product.isFloat(matrix, isFloat) { widest = max(widest, matrix.rowBytes) }
    }
    cost = total
    weightRows = rows
    panelBytes = 16 &* widest
  }

  package static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: ProductJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  private func pieces(_ parts: Int) -> Pieces {
    Pieces(cost, parts, isDrawn: draws != nil && weightRows >= Pieces.rowsMin &* parts)
  }

  package func run(part: Int, parts: Int) {
    let pieces = pieces(parts)
    foresight.learn(part, beginning(pieces, part))
    var ranges = InlineArray<48, lt_range>(repeating: lt_range())
    withUnsafeMutablePointer(to: &ranges) { ranges in
      let ranges = UnsafeMutableRawPointer(ranges).assumingMemoryBound(to: lt_range.self)
      // A thread always holds the piece after the one it works on: its weights are asked for early.
      var piece = part
      var next = draw(pieces)
      var panel = 0
      var foreseen = foresee(pieces, piece, part, ranges, 0, &panel)
      foreseen = foresee(pieces, next, part, ranges, foreseen, &panel)
      var stream = lt_stream_over(
        ranges, Int64(foreseen), Int64(panel), Int64(panelBytes))
      withUnsafeMutablePointer(to: &stream) { stream in
        while piece < pieces.count {
          stretch(pieces.start(piece), pieces.start(piece &+ 1)) { e, rows in
            Product.run(
              e.matrix, weightRows: rows, input: e.input, inputRows: e.rows,
              rowNumbers: e.inputRows, output: e.output, outputStride: e.outputStride,
              outputs: e.outputs, mode: e.mode, float: isFloat, stream: stream,
              follower: e.follower)
            if lowRank.count > 0 { LowRank.add(e, rows, lowRank) }
          }
          piece = next
          if piece >= pieces.count { break }
          next = draw(pieces)
          let more = foresee(pieces, next, part, ranges, foreseen, &panel) &- foreseen
          stream.pointee.far.count += Int64(more)
          stream.pointee.again.count += Int64(more)
          stream.pointee.near.count += Int64(more)
          foreseen &+= more
        }
        // Kernels that ask for their weights themselves have left what comes next.
        if panel == 0 { lt_stream_rest(stream) }
      }
    }
  }

  @inline(__always)
  private func draw(_ pieces: Pieces) -> Int {
    guard pieces.isDrawn, let draws else { return pieces.count }
    return Int(lt_add_acq_rel(draws, 1))
  }

  /// Where the first piece of a thread begins.
  private func beginning(_ pieces: Pieces, _ part: Int) -> lt_range {
    var first = lt_range()
    stretch(pieces.start(part), pieces.start(part &+ 1)) { e, rows in
      if first.start != nil { return }
      first = lt_range(
        start: e.matrix.row(rows.lowerBound).assumingMemoryBound(to: UInt8.self),
        bytes: min(Int64(rows.count &* e.matrix.rowBytes), lt_lead(Int64(16 &* e.matrix.rowBytes))))
    }
    return first
  }

  /// Says what each thread will begin with to the phase before this one, which has yet to run.
  package func foretell(_ phase: Foresight.Phase, parts: Int) {
    let pieces = pieces(parts)
    for part in 0..<parts { phase.tell(part, beginning(pieces, part)) }
  }

  /// Appends the weights of a piece to the first `count` of `ranges`, or after the last piece what the
  /// thread will want in the next phase; the new count. `panel` becomes the bytes of a panel of the
  /// very first one.
  private func foresee(
    _ pieces: Pieces, _ piece: Int, _ part: Int, _ ranges: UnsafeMutablePointer<lt_range>,
    _ count: Int, _ panel: inout Int
  ) -> Int {
    if piece >= pieces.count {
      guard let next = foresight.next(part), count < ProductJob.rangesMax else { return count }
      ranges[count] = next
      return count &+ 1
    }
    var count = count
    stretch(pieces.start(piece), pieces.start(piece &+ 1)) { e, rows in
      if count < ProductJob.rangesMax && !Product.isFloat(e.matrix, isFloat) {
        if count == 0 { panel = 16 &* e.matrix.rowBytes }
        ranges[count] = lt_range(
          start: e.matrix.row(rows.lowerBound).assumingMemoryBound(to: UInt8.self),
          bytes: Int64(rows.count &* e.matrix.rowBytes))
        count &+= 1
      }
    }
    return count
  }

  /// The stretches of weight rows between two points of the line of costs, in order.
  @inline(__always)
  private func stretch(_ from: Int, _ to: Int, _ body: (ProductEntry, Range<Int>) -> Void) {
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

/// How the work of a phase is cut: a large piece for every thread, then small ones for whoever is free,
/// so that a slow or interrupted thread holds nobody up. What a piece yields does not depend on who
/// computes it.
struct Pieces {
  /// Below so many weight rows to a thread, small pieces would be a few panels, and beginning one costs
  /// more than waiting.
  static var rowsMin: Int { 2048 }

  let cost: Int
  let parts: Int
  let isDrawn: Bool

  init(_ cost: Int, _ parts: Int, isDrawn: Bool) {
    self.cost = cost
    self.parts = parts
    self.isDrawn = isDrawn && parts > 1
  }

  var count: Int { isDrawn ? 5 &* parts : parts }

  /// Where piece k starts; the last one ends at start(count).
  func start(_ k: Int) -> Int {
    if k >= count { return cost }
    if !isDrawn { return cost / parts &* k }
    let large = cost / 4 &* 3
    if k < parts { return large / parts &* k }
    return large &+ (cost &- large) / (4 &* parts) &* (k &- parts)
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
