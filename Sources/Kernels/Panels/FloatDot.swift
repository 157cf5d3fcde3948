// Products with float activations: F32, F16 and BF16 weights always, the quantised formats when
// exact activations are asked for.
//
// Weights become floats 256 columns at a time. A dot product is sixteen sums, sum l over the columns
// l, l + 16, l + 32 ..., each a chain of fused multiply-adds; then the sixteen are halved four times.
// The order depends on the number of columns alone.

import CPlatform

enum FloatDot {
  static func run(_ job: lt_product) {
    var first = 0
    let inputs = Int(job.inputs)
    while first < inputs {
      let count = min(64, inputs &- first)
      pass(job, first, count)
      first &+= count
    }
  }

  private static func pass(_ job: lt_product, _ first: Int, _ count: Int) {
    var numbers = InlineArray<64, Int>(repeating: 0)
    for a in 0..<count { numbers[a] = job.input_rows.map { Int($0[first &+ a]) } ?? first &+ a }
    var sums = InlineArray<64, lt_floats>(repeating: lt_zero_floats())
    var weights = InlineArray<256, Float>(repeating: 0)
    let columns = Int(job.columns)
    withUnsafeMutablePointer(to: &weights) { raw in
      let buffer = UnsafeMutableRawPointer(raw).assumingMemoryBound(to: Float.self)
      var o = Int(job.row_begin)
      while o < Int(job.row_end) {
        let row = job.weights + o &* Int(job.row_bytes)
        for a in 0..<count { sums[a] = lt_zero_floats() }
        var from = 0
        while from < columns {
          let width = min(256, columns &- from)
          let w = chunk(job.format, row, from, width, buffer)
          for a in 0..<count {
            let x = job.floats + (numbers[a] &* columns &+ from)
            sums[a] = add(sums[a], w, x, width)
          }
          from &+= 256
        }
        for a in 0..<count {
          let y = job.output + ((first &+ a) &* Int(job.output_stride) &+ o)
          let dot = lt_sum_floats(sums[a])
          y[0] = job.adds != 0 ? y[0] + dot : dot
        }
        o &+= 1
      }
    }
  }

  /// sums + w * x over `width` columns; the last few are padded with zeros.
  @inline(__always)
  private static func add(
    _ sums: lt_floats, _ w: UnsafeRawPointer, _ x: UnsafePointer<Float>, _ width: Int
  ) -> lt_floats {
    var s = sums
    var j = 0
    while j &+ 16 <= width {
      s = lt_fma(lt_load_floats(w + 4 &* j), lt_load_floats(x + j), s)
      j &+= 16
    }
    if j < width {
      s = lt_fma(
        lt_load_some_floats(w + 4 &* j, width &- j), lt_load_some_floats(x + j, width &- j), s)
    }
    return s
  }

  /// Columns `from ..< from + width` of a row as floats: in place if they are, else in `buffer`.
  @inline(__always)
  private static func chunk(
    _ format: UInt32, _ row: UnsafePointer<UInt8>, _ from: Int, _ width: Int,
    _ buffer: UnsafeMutablePointer<Float>
  ) -> UnsafeRawPointer {
    if format == Format.f32 { return UnsafeRawPointer(row + 4 &* from) }
    Unpack.columns(format, row, from, width, buffer)
    return UnsafeRawPointer(buffer)
  }
}

extension Unpack {
  /// Columns `from ..< from + width` of a row, with `from` a multiple of 256 and `width` one of the
  /// format's block.
  static func columns(
    _ format: UInt32, _ row: UnsafePointer<UInt8>, _ from: Int, _ width: Int,
    _ y: UnsafeMutablePointer<Float>
  ) {
    switch format {
    case Format.f32: memcpy(y, row + 4 &* from, 4 &* width)
    case Format.f16, Format.bf16:
      let isHalf = format == Format.f16
      let p = row + 2 &* from
      var j = 0
      while j &+ 16 <= width {
        let v = isHalf ? lt_load_half(p + 2 &* j) : lt_load_brain(p + 2 &* j)
        lt_store_floats(y + j, v)
        j &+= 16
      }
      while j < width {
        y[j] = isHalf ? lt_half(p + 2 &* j) : lt_brain(p + 2 &* j)
        j &+= 1
      }
    case Format.q4_0, Format.q5_0, Format.q5_1, Format.q8_0, Format.iq4_nl:
      let bytes = blockBytes32(format)
      var j = 0
      while j < width {
        block32(format, row + ((from &+ j) / 32) &* bytes, y + j)
        j &+= 32
      }
    default:
      block256(format, row + (from / 256) &* blockBytes256(format), y)
    }
  }

  private static func blockBytes32(_ format: UInt32) -> Int {
    switch format {
    case Format.q8_0: PanelQ8_0.blockBytes
    case Format.q5_0: PanelQ5_0.blockBytes
    case Format.q5_1: PanelQ5_1.blockBytes
    default: PanelQ4_0.blockBytes
    }
  }

  private static func blockBytes256(_ format: UInt32) -> Int {
    switch format {
    case Format.q2_k: PanelQ2_K.blockBytes
    case Format.q3_k: PanelQ3_K.blockBytes
    case Format.q4_k: PanelQ4_K.blockBytes
    case Format.q5_k: PanelQ5_K.blockBytes
    default: PanelQ6_K.blockBytes
    }
  }
}
