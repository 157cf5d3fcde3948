// Low-rank updates of linear maps (LoRA): y += factor · B (A x), on the rows of a pass that belong to
// sessions with adapters.
//
// The A's of maps that share an input lie one under another, so that one product gives A x for all of
// them: `LowRankJob`, a phase of its own before that of the maps. B lies in panels of sixteen rows,
// `[rows / 16, rank, 16]`, the last one filled up with zeros. Whoever has computed some rows of a map's
// own product adds B (A x) to them at once, so B costs no phase.
//
// Order: (A x)[j] is summed as `Product` sums floats, B's part over j = 0, 1, 2 ... with fused
// multiply-adds, then y = fma(factor, sum, y), adapter by adapter. The bits of an output depend on its
// rows of W, A, B and x alone.

import CPlatform
import LintelCore

/// What an adapter does to one linear map, or to each slice of a stack of them.
package struct LowRankMap: BitwiseCopyable {
  /// 0: nothing.
  package var rank: Int32
  /// Where its rows begin in the stack of A's.
  package var column: Int32
  /// alpha / rank.
  package var ratio: Float
  package var b: UnsafeRawPointer?
  /// From one slice's B to the next; 0 where all slices share one.
  package var bStride: Int

  package init(rank: Int32, column: Int32, ratio: Float, b: UnsafeRawPointer?, bStride: Int) {
    self.rank = rank
    self.column = column
    self.ratio = ratio
    self.b = b
    self.bStride = bStride
  }

  package static var none: LowRankMap {
    LowRankMap(rank: 0, column: 0, ratio: 0, b: nil, bStride: 0)
  }
}

/// The A's of maps that share an input, `[rows, columns]`, or of each slice of them.
package struct LowRankStack: BitwiseCopyable {
  /// The sum of the ranks; 0: none of the maps is changed.
  package var rows: Int32
  package var columns: Int32
  package var a: UnsafeRawPointer?
  package var aStride: Int

  package init(rows: Int32, columns: Int32, a: UnsafeRawPointer?, aStride: Int) {
    self.rows = rows
    self.columns = columns
    self.a = a
    self.aStride = aStride
  }

  package static var none: LowRankStack { LowRankStack(rows: 0, columns: 0, a: nil, aStride: 0) }
}

/// An adapter in memory: its maps by the model's numbers of linear maps, its stacks by those of inputs.
package struct LowRankAdapter: BitwiseCopyable {
  package var maps: UnsafePointer<LowRankMap>
  package var stacks: UnsafePointer<LowRankStack>
  /// Of A and B: f32, f16 or bf16.
  package var format: BlockFormat

  package init(
    maps: UnsafePointer<LowRankMap>, stacks: UnsafePointer<LowRankStack>, format: BlockFormat
  ) {
    self.maps = maps
    self.stacks = stacks
    self.format = format
  }
}

/// An adapter on some rows of a pass.
package struct LowRankUse: BitwiseCopyable {
  package var adapter: LowRankAdapter
  package var scale: Float
  package var firstRow: Int
  package var rows: Int
  /// The ranks of the adapters that the same rows have before this one.
  package var rankBefore: Int

  package init(
    adapter: LowRankAdapter, scale: Float, firstRow: Int, rows: Int, rankBefore: Int
  ) {
    self.adapter = adapter
    self.scale = scale
    self.firstRow = firstRow
    self.rows = rows
    self.rankBefore = rankBefore
  }
}

/// The adapters of a pass; those of one row follow each other in the order of its session.
package struct LowRankPass: BitwiseCopyable {
  package var uses: UnsafePointer<LowRankUse>?
  package var count: Int
  /// The ranks of a row's adapters add up to no more.
  package var rankMax: Int

  package init(uses: UnsafePointer<LowRankUse>?, count: Int, rankMax: Int) {
    self.uses = uses
    self.count = count
    self.rankMax = rankMax
  }

  package static var none: LowRankPass { LowRankPass(uses: nil, count: 0, rankMax: 0) }
}

/// What a product needs to know to be updated.
package struct LowRankTarget: BitwiseCopyable {
  package var map: Int
  package var stack: Int
  package var slice: Int
  /// The pass's row of each of the product's rows, ascending; nil: they are the same.
  package var owners: UnsafePointer<Int32>?
  /// Products of the list that share the stack. The first of them leads.
  package var groupCount = 1
  package var isLeader = true
  /// A x of the product's rows, `[rows, groupCount · rankMax]`: of each row, one adapter after another.
  package var projected: Floats?

  package init(map: Int, stack: Int, slice: Int, owners: UnsafePointer<Int32>?) {
    self.map = map
    self.stack = stack
    self.slice = slice
    self.owners = owners
  }

  /// Which of `count` rows belong to `use`.
  func rows(of use: LowRankUse, _ count: Int) -> Range<Int> {
    let end = use.firstRow &+ use.rows
    guard let owners else {
      let from = min(use.firstRow, count)
      return from..<max(from, min(end, count))
    }
    var from = 0
    while from < count && Int(owners[from]) < use.firstRow { from &+= 1 }
    var to = from
    while to < count && Int(owners[to]) < end { to &+= 1 }
    return from..<to
  }
}

/// A x for every stack that the products of a list name.
package struct LowRankJob: ParallelJob {
  static var grain: Int { 4 }

  let entries: UnsafePointer<ProductEntry>
  let count: Int
  let pass: LowRankPass
  /// In multiplications, about; 0: there is nothing to do.
  package let cost: Int

  package init(_ entries: UnsafePointer<ProductEntry>, _ count: Int, _ pass: LowRankPass) {
    self.entries = entries
    self.count = count
    self.pass = pass
    var total = 0
    LowRankJob.walk(entries, count, pass) { _, _, _, stack, _, rowCost in
      total &+= rowCost &* Int(stack.rows)
    }
    cost = total
  }

  package static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: LowRankJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  package func run(part: Int, parts: Int) {
    let from = cost / parts &* part
    let to = part == parts - 1 ? cost : cost / parts &* (part + 1)
    var start = 0
    LowRankJob.walk(entries, count, pass) { e, target, use, stack, rows, rowCost in
      let all = Int(stack.rows)
      let first = Share.boundary(from &- start, rowCost, all, grain: LowRankJob.grain)
      let last = Share.boundary(to &- start, rowCost, all, grain: LowRankJob.grain)
      start &+= rowCost &* all
      if first < last {
        LowRank.project(e, target, use, stack, rows, first..<last, pass.rankMax)
      }
    }
  }

  /// Calls `body` for every leader and use that meet: with the stack, the product's rows that are
  /// meant, and what a row of the stack costs.
  @inline(__always)
  private static func walk(
    _ entries: UnsafePointer<ProductEntry>, _ count: Int, _ pass: LowRankPass,
    _ body: (ProductEntry, LowRankTarget, LowRankUse, LowRankStack, Range<Int>, Int) -> Void
  ) {
    guard let uses = pass.uses else { return }
    for i in 0..<count {
      guard let target = entries[i].target, target.isLeader else { continue }
      for u in 0..<pass.count {
        let stack = uses[u].adapter.stacks[target.stack]
        if stack.rows == 0 { continue }
        let rows = target.rows(of: uses[u], entries[i].rows)
        if rows.isEmpty { continue }
        body(entries[i], target, uses[u], stack, rows, Int(stack.columns) &* (rows.count &+ 1))
      }
    }
  }
}

package enum LowRank {
  /// Rows `stackRows` of A times the input rows `rows` of `e`.
  static func project(
    _ e: ProductEntry, _ target: LowRankTarget, _ use: LowRankUse, _ stack: LowRankStack,
    _ rows: Range<Int>, _ stackRows: Range<Int>, _ rankMax: Int
  ) {
    guard let a = stack.a, let projected = target.projected else { return }
    let width = target.groupCount &* rankMax
    let to = projected + (rows.lowerBound &* width &+ target.groupCount &* use.rankBefore)
    let matrix = Matrix(
      start: a + target.slice &* stack.aStride, format: use.adapter.format,
      columns: Int(stack.columns), rows: Int(stack.rows))
    var input = e.input
    if e.inputRows == nil {
      input = input.view(columns: input.columns, firstRow: rows.lowerBound)
    }
    Product.run(
      matrix, weightRows: stackRows, input: input, inputRows: rows.count,
      rowNumbers: e.inputRows.map { $0 + rows.lowerBound }, output: to, outputStride: width,
      float: true)
  }

  /// Adds every adapter's part to rows `weightRows` of the product `e`, a stretch that begins at a
  /// multiple of sixteen and ends at one or at the last row.
  static func add(_ e: ProductEntry, _ weightRows: Range<Int>, _ pass: LowRankPass) {
    guard let uses = pass.uses, let target = e.target, let projected = target.projected else {
      return
    }
    let width = target.groupCount &* pass.rankMax
    for u in 0..<pass.count {
      let use = uses[u]
      let map = use.adapter.maps[target.map]
      if map.rank == 0 { continue }
      let rows = target.rows(of: use, e.rows)
      if rows.isEmpty { continue }
      let column = target.groupCount &* use.rankBefore &+ Int(map.column)
      expand(
        map, use, slice: target.slice, weightRows: weightRows, matrixRows: e.matrix.rows,
        projected: projected + (rows.lowerBound &* width &+ column), projectedStride: width,
        rows: rows, output: e.output, outputStride: e.outputStride, outputs: e.outputs)
    }
  }

  /// A whole update of some rows by one thread: output[t, :] += factor · B (A input[t, :]), for the
  /// rows of a pass whose inputs and outputs lie `inputStride` and `outputStride` apart.
  package static func apply(
    _ pass: LowRankPass, _ target: LowRankTarget, matrixRows: Int, input: Activations, rows: Int,
    output: Floats, outputStride: Int
  ) {
    guard let uses = pass.uses else { return }
    for u in 0..<pass.count {
      let use = uses[u]
      let map = use.adapter.maps[target.map]
      let stack = use.adapter.stacks[target.stack]
      guard map.rank > 0, let a = stack.a else { continue }
      let matrix = Matrix(
        start: a + target.slice &* stack.aStride, format: use.adapter.format,
        columns: Int(stack.columns), rows: Int(stack.rows))
      var line = InlineArray<256, Float>(repeating: 0)
      withUnsafeMutablePointer(to: &line) { raw in
        let line = UnsafeMutableRawPointer(raw).assumingMemoryBound(to: Float.self)
        for t in target.rows(of: use, rows) {
          Product.run(
            matrix, weightRows: 0..<matrix.rows,
            input: input.view(columns: input.columns, firstRow: t), inputRows: 1, output: line,
            outputStride: matrix.rows, float: true)
          expand(
            map, use, slice: target.slice, weightRows: 0..<matrixRows, matrixRows: matrixRows,
            projected: line, projectedStride: 0, rows: t..<(t &+ 1), output: output,
            outputStride: outputStride, outputs: nil)
        }
      }
    }
  }

  /// The greatest rank of one map, and the greatest sum of a session's.
  package static var rankMax: Int { 256 }

  private static func expand(
    _ map: LowRankMap, _ use: LowRankUse, slice: Int, weightRows: Range<Int>, matrixRows: Int,
    projected: Floats, projectedStride: Int, rows: Range<Int>, output: Floats, outputStride: Int,
    outputs: UnsafePointer<Floats?>?
  ) {
    guard let b = map.b else { return }
    let job = Expansion(
      b: b + slice &* map.bStride, rank: Int(map.rank), factor: map.ratio * use.scale,
      projected: projected, projectedStride: projectedStride, rows: rows,
      weightRows: weightRows.lowerBound..<min(weightRows.upperBound, matrixRows), output: output,
      outputStride: outputStride, outputs: outputs)
    switch use.adapter.format {
    case .f16: job.run(F16.self)
    case .bf16: job.run(BF16.self)
    default: job.run(F32.self)
    }
  }
}

/// output[t, o] += factor · sum over j of B[o, j] projected[t, j]
struct Expansion {
  let b: UnsafeRawPointer
  let rank: Int
  let factor: Float
  let projected: Floats
  let projectedStride: Int
  let rows: Range<Int>
  let weightRows: Range<Int>
  let output: Floats
  let outputStride: Int
  let outputs: UnsafePointer<Floats?>?

  @inline(__always)
  private func place(_ t: Int) -> Floats {
    outputs?[t] ?? output + t &* outputStride
  }

  @inline(never)
  func run<S: FloatSource>(_ source: S.Type) {
    var o = weightRows.lowerBound
    while o < weightRows.upperBound {
      let panel = b + (o / 16) &* rank &* 16 &* S.bytes
      let count = min(16, weightRows.upperBound &- o)
      var t = rows.lowerBound
      var u = projected
      while t &+ 4 <= rows.upperBound {
        four(source, panel, u, t, o, count)
        u += 4 &* projectedStride
        t &+= 4
      }
      while t < rows.upperBound {
        var sum = lt_zero_floats()
        var j = 0
        while j < rank {
          sum = lt_fma_all(S.load(panel + 16 &* j &* S.bytes), u[j], sum)
          j &+= 1
        }
        add(sum, place(t) + o, count)
        u += projectedStride
        t &+= 1
      }
      o &+= 16
    }
  }

  /// Four rows to a load of B.
  @inline(__always)
  private func four<S: FloatSource>(
    _ source: S.Type, _ panel: UnsafeRawPointer, _ u: Floats, _ t: Int, _ o: Int, _ count: Int
  ) {
    let u1 = u + projectedStride, u2 = u1 + projectedStride, u3 = u2 + projectedStride
    var s0 = lt_zero_floats(), s1 = s0, s2 = s0, s3 = s0
    var j = 0
    while j < rank {
      let w = S.load(panel + 16 &* j &* S.bytes)
      s0 = lt_fma_all(w, u[j], s0)
      s1 = lt_fma_all(w, u1[j], s1)
      s2 = lt_fma_all(w, u2[j], s2)
      s3 = lt_fma_all(w, u3[j], s3)
      j &+= 1
    }
    add(s0, place(t) + o, count)
    add(s1, place(t &+ 1) + o, count)
    add(s2, place(t &+ 2) + o, count)
    add(s3, place(t &+ 3) + o, count)
  }

  @inline(__always)
  private func add(_ sum: lt_floats, _ y: Floats, _ count: Int) {
    if count == 16 {
      lt_store_floats(y, lt_fma_all(sum, factor, lt_load_floats(y)))
    } else {
      var v = lt_zero_floats()
      for i in 0..<count { v[i] = y[i] }
      v = lt_fma_all(sum, factor, v)
      for i in 0..<count { y[i] = v[i] }
    }
  }
}
