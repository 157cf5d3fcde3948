// Sixteen weight rows at a time: one 32-bit lane per row.
//
// A panel's blocks are loaded row by row, transposed while still packed, and unpacked so that one
// vector holds four columns of sixteen rows. An activation's four bytes are broadcast and meet all
// sixteen rows in one instruction; nothing is ever summed across lanes, and a block is unpacked
// once for all activation rows. With sum(b) the exact integer of block b,
//
//     y[o] = fma(x scale[b], weight scale[o, b] * Float(sum(b)), y[o])    b = 0, 1, 2 ...
//
// so a result depends on its weight row and its activation row alone: not on the number of
// activation rows, the partition of weight rows, or the instruction set.
//
// This folder is compiled twice: in Kernels for AVX2 or NEON, in KernelsWide for AVX-512 with VNNI
// or NEON with dot products.
// It imports nothing but the shim, so that the two copies share no code.

import CPlatform

/// The activation rows of one pass over the weights, and what has been summed for them.
struct Inputs {
  /// How many rows. Never a constant: the compiler would unroll the loops over them and gather the
  /// requests for memory in bursts, which costs a third of the rate at one row.
  let count: Int
  /// `[count]`, the first quant of each row.
  let quants: UnsafePointer<UnsafePointer<Int8>>
  /// `[count]`, row numbers for the other arrays.
  let numbers: UnsafePointer<Int>
  /// `[_, blocks]`
  let scales: UnsafePointer<Float>
  /// `[_, columns / 16]`, only for 256-blocks.
  let sums16: UnsafePointer<Int16>
  /// `[_, columns / 32]`
  let sums32: UnsafePointer<Int16>
  let blocks: Int
  /// `[count]`, the integers of the current block.
  let integers: UnsafeMutablePointer<lt_lanes>
  /// `[count]`, the results so far.
  let results: UnsafeMutablePointer<lt_floats>

  @inline(__always) func scale(_ a: Int, _ b: Int) -> Float { scales[numbers[a] &* blocks &+ b] }

  /// The sums of block `b`, `perBlock` of them.
  @inline(__always) func sums16(_ a: Int, _ b: Int) -> UnsafePointer<Int16> {
    sums16 + (numbers[a] &* blocks &+ b) &* 16
  }

  @inline(__always) func sums32(_ a: Int, _ b: Int, perBlock: Int) -> UnsafePointer<Int16> {
    sums32 + (numbers[a] &* blocks &+ b) &* perBlock
  }

  /// The sum that the first or a further piece of a block starts from. A piece that knows that it is
  /// the first writes without reading; clearing all sums beforehand would cost a pass of its own.
  @inline(__always) func sum(_ a: Int, isFirst: Bool) -> lt_lanes {
    isFirst ? lt_zero() : integers[a]
  }
}

/// A weight format as the panel kernels see it.
protocol PanelFormat {
  static var blockBytes: Int { get }
  static var blockColumns: Int { get }
  /// Adds block `b`, which starts at the panel's pointers, to every input's result.
  static func addBlock(_ panel: lt_panel, _ b: Int, _ x: Inputs)
  /// The same where there is one input, and no other code for it to be in the way of.
  static func addSingle(_ panel: lt_panel, _ b: Int, _ x: Inputs)
}

extension PanelFormat {
  @inline(__always)
  static func addSingle(_ panel: lt_panel, _ b: Int, _ x: Inputs) { addBlock(panel, b, x) }

  /// Asks for a share of a later block's weights. Sixteen rows at once are too many streams for the
  /// processor to foresee; in file order and spread over the block's work, the requests fill the time
  /// that the arithmetic takes.
  @inline(__always)
  static func prefetch(_ panel: lt_panel, _ part: Int, of parts: Int) {
    lt_prefetch_part(panel, Int64(blockBytes), Int64(part), Int64(parts))
  }
}

enum Panel {
  @inline(__always)
  static func run<F: PanelFormat>(_ format: F.Type, _ job: lt_product) {
    if job.inputs == 1 {
      PanelPasses<1>.run(format, job)
    } else if job.inputs <= 8 {
      PanelPasses<8>.run(format, job)
    } else {
      PanelPasses<64>.run(format, job)
    }
  }

  /// All weight rows of the job times the inputs `first ..< first + x.count`.
  @inline(__always)
  static func rows<F: PanelFormat>(
    _: F.Type, _ job: lt_product, _ x: Inputs, first: Int, isSingle: Bool
  ) {
    let end = Int(job.row_end)
    var o = Int(job.row_begin)
    let panelBytes = 16 &* job.row_bytes
    while o < end {
      let placement = Placement(job, o)
      var a = 0
      while a < x.count {
        x.results[a] = lt_zero_floats()
        a &+= 1
      }
      var b = 0
      var offset = 0
      var panel = placement.panel
      // Only the first pass over the weights asks for them; later ones find them in a cache.
      if first == 0, let stream = job.stream { lt_stream_take(stream, panelBytes, &panel) }
      while b < x.blocks {
        if isSingle {
          F.addSingle(lt_at_block(panel, offset), b, x)
        } else {
          F.addBlock(lt_at_block(panel, offset), b, x)
        }
        b &+= 1
        offset &+= F.blockBytes
        panel.ahead += 16 &* F.blockBytes
        panel.again += 16 &* F.blockBytes
        panel.next += 16 &* F.blockBytes
      }
      let count = min(placement.rowsEnd, end) &- o
      a = 0
      while a < x.count {
        let output = place(job, first &+ a) + o
        if count == 16 {
          var y = x.results[a]
          if job.adds != 0 { y = lt_plus(lt_load_floats(output), y) }
          lt_store_floats(output, y)
        } else {
          store(x.results[a], placement, o, count, output, job.adds != 0)
        }
        a &+= 1
      }
      if isSingle, let after = job.after, let context = job.after_context {
        after(context, place(job, 0) + o, Int64(o), Int64(count))
      }
      o &+= count
    }
  }

  /// Fewer than sixteen rows: lane by lane.
  @inline(never)
  static func store(
    _ y: lt_floats, _ placement: Placement, _ o: Int, _ count: Int,
    _ output: UnsafeMutablePointer<Float>, _ adds: Bool
  ) {
    for i in 0..<count {
      let v = y[placement.lane(o &+ i) & 15]
      output[i] = adds ? output[i] + v : v
    }
  }
}

/// Several activation rows, up to n in a pass over the weights; 64 rows' quants stay in the
/// second-level cache. Clearing the room for 64 would cost more than a small product,
/// such as an expert's.
enum PanelPasses<let n: Int> {
  @inline(never)
  static func run<F: PanelFormat>(_ format: F.Type, _ job: lt_product) {
    let columns = Int(job.columns)
    let blocks = columns / F.blockColumns
    var numbers = InlineArray<n, Int>(repeating: 0)
    var quants = InlineArray<n, UnsafePointer<Int8>>(repeating: job.quants)
    var integers = InlineArray<n, lt_lanes>(repeating: lt_zero())
    var results = InlineArray<n, lt_floats>(repeating: lt_zero_floats())
    var first = 0
    let inputs = Int(job.inputs)
    while first < inputs {
      let count = n == 1 ? 1 : min(n, inputs &- first)
      for a in 0..<count {
        let number = job.input_rows.map { Int($0[first &+ a]) } ?? first &+ a
        numbers[a] = number
        quants[a] = job.quants + number &* columns
      }
      withUnsafePointer(to: &numbers) { numbers in
        withUnsafePointer(to: &quants) { quants in
          withUnsafeMutablePointer(to: &integers) { integers in
            withUnsafeMutablePointer(to: &results) { results in
              let x = Inputs(
                count: count,
                quants: UnsafeRawPointer(quants).assumingMemoryBound(
                  to: UnsafePointer<Int8>.self),
                numbers: UnsafeRawPointer(numbers).assumingMemoryBound(to: Int.self),
                scales: job.scales, sums16: job.sums16, sums32: job.sums32, blocks: blocks,
                integers: UnsafeMutableRawPointer(integers).assumingMemoryBound(
                  to: lt_lanes.self),
                results: UnsafeMutableRawPointer(results).assumingMemoryBound(
                  to: lt_floats.self))
              Panel.rows(format, job, x, first: first, isSingle: n == 1)
            }
          }
        }
      }
      first &+= count
    }
  }
}

/// Where the results of input `a` go.
@inline(__always)
func place(_ job: lt_product, _ a: Int) -> UnsafeMutablePointer<Float> {
  if let own = job.outputs?[a] { return own }
  return job.output + a &* Int(job.output_stride)
}

/// Which rows the sixteen lanes hold. A panel never leaves its matrix: near the end it is moved
/// back, in a matrix of fewer than sixteen rows some rows are there twice.
struct Placement {
  let panel: lt_panel
  /// One past the last row that this panel holds in order.
  let rowsEnd: Int
  private let start: Int
  private let rows: Int

  @inline(__always)
  init(_ job: lt_product, _ o: Int) {
    rows = Int(job.rows)
    let rowBytes = Int(job.row_bytes)
    if rows >= 16 {
      start = min(o, rows &- 16)
      rowsEnd = start &+ 16
      let base = job.weights + start &* rowBytes
      panel = lt_panel(
        group0: base, group1: base + 4 &* rowBytes, group2: base + 8 &* rowBytes,
        group3: base + 12 &* rowBytes, stride: rowBytes, ahead: base, again: base, next: base)
    } else {
      start = 0
      rowsEnd = rows
      let w = job.weights
      if rows >= 4 {
        let last = rows &- 4
        panel = lt_panel(
          group0: w, group1: w + min(4, last) &* rowBytes, group2: w + min(8, last) &* rowBytes,
          group3: w + last &* rowBytes, stride: rowBytes, ahead: w, again: w, next: w)
      } else {
        let last = rows &- 1
        panel = lt_panel(
          group0: w, group1: w + min(1, last) &* rowBytes, group2: w + min(2, last) &* rowBytes,
          group3: w + last &* rowBytes, stride: 0, ahead: w, again: w, next: w)
      }
    }
  }

  func lane(_ row: Int) -> Int {
    if rows >= 16 { return row &- start }
    if rows < 4 { return 4 &* row }
    let group = row / 4
    return 4 &* group &+ row &- min(4 &* group, rows &- 4)
  }
}
