// Products of many rows, as images have them, with float activations: every weight format, and a bias.
//
//     y[r, o] = bias[o] + Σ_i W[o, i] x[r, i]        set, optionally gelu of it
//     y[r, o] = y[r, o] + bias[o] + Σ_i …            add
//
// Sixteen weight rows at a time become floats, 256 columns of them, in columns of sixteen; six rows of
// activations go over them with their sums in registers. Each weight is unpacked once by the thread
// that owns its rows.
//
// - Shapes: x `[rows, inputStride]`, y `[rows, outputStride]`.
// - Order:  one chain of fused multiply-adds over the columns, which begins with the bias (added to y
//           first in `add`). The same bits for any number of threads and any rows beside.
// - Memory: 16 KiB of stack a thread, 32 KiB with quantised weights.

import CPlatform
import LintelCore

package struct TiledProductJob: ParallelJob {
  package enum Result: BitwiseCopyable, Sendable {
    case set
    case gelu
    case add
  }

  let matrix: Matrix
  let bias: ConstFloats?
  let input: Floats
  let inputStride: Int
  let rows: Int
  let output: Floats
  let outputStride: Int
  let result: Result

  package init(
    _ matrix: Matrix, bias: ConstFloats?, input: Floats, inputStride: Int, rows: Int,
    output: Floats, outputStride: Int, result: Result = .set
  ) {
    self.matrix = matrix
    self.bias = bias
    self.input = input
    self.inputStride = inputStride
    self.rows = rows
    self.output = output
    self.outputStride = outputStride
    self.result = result
  }

  package static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: TiledProductJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  static var columnsMax: Int { 256 }

  /// Threads share the weight rows, or the rows of activations where those divide more evenly.
  package func run(part: Int, parts: Int) {
    let panels = (matrix.rows + 15) / 16
    let isUneven = panels % parts != 0 && panels < 8 * parts
    if isUneven && rows >= 48 * parts {
      run(0..<panels, share(rows, part: part, parts: parts, grain: 6))
    } else {
      run(share(panels, part: part, parts: parts), 0..<rows)
    }
  }

  private func run(_ panels: Range<Int>, _ tokens: Range<Int>) {
    if panels.isEmpty || tokens.isEmpty { return }
    var packed = InlineArray<256, lt_floats>(repeating: lt_zero_floats())
    withUnsafeMutablePointer(to: &packed) { raw in
      let packed = UnsafeMutableRawPointer(raw).assumingMemoryBound(to: lt_floats.self)
      for panel in panels {
        let o = 16 * panel
        let start = WeightColumns.bias(bias, o, matrix.rows)
        var from = 0
        while from < matrix.columns {
          let width = min(TiledProductJob.columnsMax, matrix.columns - from)
          WeightColumns.pack(matrix, o, from, width, packed)
          multiply(packed, tokens, o, from, width, start)
          from += width
        }
      }
    }
  }

  private func multiply(
    _ w: UnsafePointer<lt_floats>, _ tokens: Range<Int>, _ o: Int, _ from: Int, _ width: Int,
    _ start: lt_floats
  ) {
    let lanes = min(16, matrix.rows - o)
    let isFirst = from == 0
    let isLast = from + width == matrix.columns
    let adds = result == .add
    let x = input + from
    let y = output + o
    if lanes == 16 {
      var r = tokens.lowerBound
      while r < tokens.upperBound {
        let count = min(6, tokens.upperBound - r)
        TokenTile.run(
          x + r * inputStride, inputStride, w, width, y + r * outputStride, outputStride, count,
          start, reads: !isFirst || adds, begins: isFirst)
        if isLast && result == .gelu {
          for t in r..<(r + count) {
            let p = y + t * outputStride
            p.store(Elementary.gelu(p.lanes(0)), 0)
            p.store(Elementary.gelu(p.lanes(8)), 8)
          }
        }
        r += count
      }
      return
    }
    var row = InlineArray<16, Float>(repeating: 0)
    withUnsafeMutablePointer(to: &row) { raw in
      let row = UnsafeMutableRawPointer(raw).assumingMemoryBound(to: Float.self)
      for r in tokens {
        let p = y + r * outputStride
        for i in 0..<lanes { row[i] = p[i] }
        TokenTile.run(
          x + r * inputStride, inputStride, w, width, row, 16, 1, start,
          reads: !isFirst || adds, begins: isFirst)
        if isLast && result == .gelu {
          row.store(Elementary.gelu(row.lanes(0)), 0)
          row.store(Elementary.gelu(row.lanes(8)), 8)
        }
        for i in 0..<lanes { p[i] = row[i] }
      }
    }
  }
}

/// Sixteen weight rows as floats, one vector of sixteen per column.
enum WeightColumns {
  /// Elements o ..< o + 16 of a bias, zeros beyond its end.
  static func bias(_ bias: ConstFloats?, _ o: Int, _ rows: Int) -> lt_floats {
    guard let bias else { return lt_zero_floats() }
    if o + 16 <= rows { return lt_load_floats(bias + o) }
    var v = lt_zero_floats()
    for i in 0..<(rows - o) { v[i] = bias[o + i] }
    return v
  }

  /// Columns `from ..< from + width` of rows o ..< o + 16; rows beyond the last are zeros.
  static func pack(
    _ m: Matrix, _ o: Int, _ from: Int, _ width: Int, _ to: UnsafeMutablePointer<lt_floats>
  ) {
    if m.format == .f32 && o + 16 <= m.rows {
      transpose(m.row(o) + 4 * from, m.rowBytes, width, to)
      return
    }
    var floats = InlineArray<4096, Float>(repeating: 0)
    withUnsafeMutablePointer(to: &floats) { raw in
      let floats = UnsafeMutableRawPointer(raw).assumingMemoryBound(to: Float.self)
      for r in 0..<min(16, m.rows - o) {
        Unpack.columns(
          m.format.rawValue, m.row(o + r).assumingMemoryBound(to: UInt8.self), from, width,
          floats + 256 * r)
      }
      transpose(UnsafeRawPointer(floats), 1024, width, to)
    }
  }

  private static func transpose(
    _ rows: UnsafeRawPointer, _ stride: Int, _ width: Int, _ to: UnsafeMutablePointer<lt_floats>
  ) {
    let base = rows.assumingMemoryBound(to: UInt8.self)
    let panel = lt_panel(
      group0: base, group1: base + 4 * stride, group2: base + 8 * stride,
      group3: base + 12 * stride, stride: stride, ahead: base, again: base, next: base)
    var i = 0
    while i + 4 <= width {
      let columns = lt_rows16(lt_at_block(panel, 4 * i), 0)
      to[i] = unsafeBitCast(lt_part0(columns), to: lt_floats.self)
      to[i + 1] = unsafeBitCast(lt_part1(columns), to: lt_floats.self)
      to[i + 2] = unsafeBitCast(lt_part2(columns), to: lt_floats.self)
      to[i + 3] = unsafeBitCast(lt_part3(columns), to: lt_floats.self)
      i += 4
    }
    while i < width {
      var v = lt_zero_floats()
      for r in 0..<16 { v[r] = rows.loadUnaligned(fromByteOffset: r * stride + 4 * i, as: Float.self) }
      to[i] = v
      i += 1
    }
  }
}

/// One to six rows of activations over a panel; sums in registers.
enum TokenTile {
  /// `reads`: the sums go on from what is in y; `begins`: the bias is added first.
  @inline(__always)
  static func run(
    _ x: Floats, _ xs: Int, _ w: UnsafePointer<lt_floats>, _ width: Int, _ y: Floats, _ ys: Int,
    _ count: Int, _ bias: lt_floats, reads: Bool, begins: Bool
  ) {
    @inline(__always) func start(_ r: Int) -> lt_floats {
      if !reads { return bias }
      let old = lt_load_floats(y + r * ys)
      return begins ? lt_plus(old, bias) : old
    }
    if count == 6 {
      var (s0, s1, s2) = (start(0), start(1), start(2))
      var (s3, s4, s5) = (start(3), start(4), start(5))
      let x1 = x + xs, x2 = x1 + xs, x3 = x2 + xs, x4 = x3 + xs, x5 = x4 + xs
      var i = 0
      while i < width {
        let v = w[i]
        s0 = lt_fma_at(v, x + i, s0)
        s1 = lt_fma_at(v, x1 + i, s1)
        s2 = lt_fma_at(v, x2 + i, s2)
        s3 = lt_fma_at(v, x3 + i, s3)
        s4 = lt_fma_at(v, x4 + i, s4)
        s5 = lt_fma_at(v, x5 + i, s5)
        i &+= 1
      }
      lt_store_floats(y, s0)
      lt_store_floats(y + ys, s1)
      lt_store_floats(y + 2 * ys, s2)
      lt_store_floats(y + 3 * ys, s3)
      lt_store_floats(y + 4 * ys, s4)
      lt_store_floats(y + 5 * ys, s5)
      return
    }
    var r = 0
    if count >= 4 {
      var (s0, s1, s2, s3) = (start(0), start(1), start(2), start(3))
      let x1 = x + xs, x2 = x1 + xs, x3 = x2 + xs
      var i = 0
      while i < width {
        let v = w[i]
        s0 = lt_fma_at(v, x + i, s0)
        s1 = lt_fma_at(v, x1 + i, s1)
        s2 = lt_fma_at(v, x2 + i, s2)
        s3 = lt_fma_at(v, x3 + i, s3)
        i &+= 1
      }
      lt_store_floats(y, s0)
      lt_store_floats(y + ys, s1)
      lt_store_floats(y + 2 * ys, s2)
      lt_store_floats(y + 3 * ys, s3)
      r = 4
    }
    while r < count {
      var s = start(r)
      let p = x + r * xs
      var i = 0
      while i < width {
        s = lt_fma_at(w[i], p + i, s)
        i &+= 1
      }
      lt_store_floats(y + r * ys, s)
      r += 1
    }
  }
}
