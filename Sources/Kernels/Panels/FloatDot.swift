// Products with float activations: F32, F16 and BF16 weights always, the quantised formats when
// exact activations are asked for.
//
// A dot product is sixteen sums, sum l over the columns l, l + 16, l + 32 ..., each a chain of
// fused multiply-adds; then the sixteen are halved four times. The order depends on the number of
// columns alone, so tiles of four weight rows and four activation rows change no bit.

import CPlatform

enum FloatDot {
  static func run(_ job: lt_product) {
    var first = 0
    let inputs = Int(job.inputs)
    while first < inputs {
      let count = min(64, inputs &- first)
      switch job.format {
      case Format.f32: direct(F32.self, job, first, count)
      case Format.f16: direct(F16.self, job, first, count)
      case Format.bf16: direct(BF16.self, job, first, count)
      default: unpacked(job, first, count)
      }
      first &+= count
    }
  }

  /// The weights go from their own format straight into the tiles, four rows at a time.
  @inline(never)
  private static func direct<S: FloatSource>(
    _ source: S.Type, _ job: lt_product, _ first: Int, _ count: Int
  ) {
    // Zeroing all sums would cost more than a small product.
    if count <= 4 {
      var sums = InlineArray<16, lt_floats>(repeating: lt_zero_floats())
      withUnsafeMutablePointer(to: &sums) { raw in
        direct(source, job, first, count, step: Int(job.columns), UnsafeMutableRawPointer(raw))
      }
    } else {
      // With many inputs the weights of a step stay in the first-level cache.
      var sums = InlineArray<256, lt_floats>(repeating: lt_zero_floats())
      withUnsafeMutablePointer(to: &sums) { raw in
        direct(source, job, first, count, step: 512, UnsafeMutableRawPointer(raw))
      }
    }
  }

  @inline(never)
  private static func direct<S: FloatSource>(
    _ source: S.Type, _ job: lt_product, _ first: Int, _ count: Int, step: Int,
    _ raw: UnsafeMutableRawPointer
  ) {
    let sums = raw.assumingMemoryBound(to: lt_floats.self)
    let columns = Int(job.columns), end = Int(job.row_end), rowBytes = Int(job.row_bytes)
    var o = Int(job.row_begin)
    if count == 1 {
      while o &+ 16 <= end {
        sixteen(source, job, o, first, sums)
        o &+= 16
      }
    }
    while o < end {
      let rows = min(4, end &- o)
      for i in 0..<(rows &* count) { sums[i] = lt_zero_floats() }
      let w = UnsafeRawPointer(job.weights + o &* rowBytes)
      var from = 0
      while from < columns {
        FloatTile.add(
          source, w + from &* S.bytes, rowBytes, rows, job, first, count, from,
          min(step, columns &- from), sums)
        from &+= step
      }
      finish(job, o, rows, first, count, sums)
      o &+= rows
    }
  }

  /// Rows `o ..< o + 16` times one input: the sums are halved together, in as many steps as of four rows.
  @inline(__always)
  private static func sixteen<S: FloatSource>(
    _ source: S.Type, _ job: lt_product, _ o: Int, _ input: Int,
    _ sums: UnsafeMutablePointer<lt_floats>
  ) {
    let columns = Int(job.columns), rowBytes = Int(job.row_bytes)
    for i in 0..<16 { sums[i] = lt_zero_floats() }
    var r = 0
    while r < 16 {
      FloatTile.add(
        source, UnsafeRawPointer(job.weights + (o &+ r) &* rowBytes), rowBytes, 4, job, input, 1, 0,
        columns, sums + r)
      r &+= 4
    }
    let y = place(job, input) + o
    var dots = lt_sums_of_16(sums)
    if job.adds != 0 { dots = lt_plus(lt_load_floats(y), dots) }
    lt_store_floats(y, dots)
  }

  /// Quantised weights: 256 columns of four rows become floats first.
  @inline(never)
  private static func unpacked(_ job: lt_product, _ first: Int, _ count: Int) {
    let columns = Int(job.columns), end = Int(job.row_end)
    var sums = InlineArray<256, lt_floats>(repeating: lt_zero_floats())
    var buffer = InlineArray<1024, Float>(repeating: 0)
    withUnsafeMutablePointer(to: &sums) { raw in
      let sums = UnsafeMutableRawPointer(raw).assumingMemoryBound(to: lt_floats.self)
      withUnsafeMutablePointer(to: &buffer) { raw in
        let buffer = UnsafeMutableRawPointer(raw).assumingMemoryBound(to: Float.self)
        var o = Int(job.row_begin)
        while o < end {
          let rows = min(4, end &- o)
          for i in 0..<(rows &* count) { sums[i] = lt_zero_floats() }
          var from = 0
          while from < columns {
            let width = min(256, columns &- from)
            for r in 0..<rows {
              let row = job.weights + (o &+ r) &* Int(job.row_bytes)
              Unpack.columns(job.format, row, from, width, buffer + 256 &* r)
            }
            FloatTile.add(
              F32.self, UnsafeRawPointer(buffer), 1024, rows, job, first, count, from, width, sums)
            from &+= 256
          }
          finish(job, o, rows, first, count, sums)
          o &+= rows
        }
      }
    }
  }

  /// sums `[count, rows]` -> the output.
  @inline(__always)
  private static func finish(
    _ job: lt_product, _ o: Int, _ rows: Int, _ first: Int, _ count: Int,
    _ sums: UnsafeMutablePointer<lt_floats>
  ) {
    for a in 0..<count {
      let y = place(job, first &+ a) + o
      for r in 0..<rows {
        let dot = lt_sum_floats(sums[a &* rows &+ r])
        y[r] = job.adds != 0 ? y[r] + dot : dot
      }
    }
  }
}

/// Weights that become sixteen floats in a load.
protocol FloatSource {
  static var bytes: Int { get }
  /// Whether one row alone, whose additions wait for each other, outruns the memory: then one input
  /// meets the rows in file order, which the processor foresees better than four at once.
  static var inSequence: Bool { get }
  static func load(_ p: UnsafeRawPointer) -> lt_floats
  static func loadOne(_ p: UnsafeRawPointer) -> Float
}

enum F32: FloatSource {
  static var bytes: Int { 4 }
  static var inSequence: Bool { true }
  @inline(__always) static func load(_ p: UnsafeRawPointer) -> lt_floats { lt_load_floats(p) }
  static func loadOne(_ p: UnsafeRawPointer) -> Float { p.loadUnaligned(as: Float.self) }
}

enum F16: FloatSource {
  static var bytes: Int { 2 }
  static var inSequence: Bool { false }
  @inline(__always) static func load(_ p: UnsafeRawPointer) -> lt_floats { lt_load_half(p) }
  static func loadOne(_ p: UnsafeRawPointer) -> Float { lt_half(p) }
}

enum BF16: FloatSource {
  static var bytes: Int { 2 }
  static var inSequence: Bool { false }
  @inline(__always) static func load(_ p: UnsafeRawPointer) -> lt_floats { lt_load_brain(p) }
  static func loadOne(_ p: UnsafeRawPointer) -> Float { lt_brain(p) }
}

extension FloatSource {
  /// `count` columns, 0 ... 15, and zeros: a row may end where its file ends.
  @inline(never)
  static func loadSome(_ p: UnsafeRawPointer, _ count: Int) -> lt_floats {
    var v = lt_zero_floats()
    for j in 0..<min(count, 15) { v[j] = loadOne(p + j &* bytes) }
    return v
  }
}
