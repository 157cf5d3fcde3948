// The kernels of image networks against Reference.swift, on odd sizes, and their bits for any number of
// threads.

import CPlatform
import Foundation
import LintelCore
import LintelKernels
import Testing

/// Runs `body` with pointers to copies of the arrays, and answers what it left in the first.
func withCopy(_ x: [Float], _ body: (Floats) -> Void) -> [Float] {
  let p = Floats.allocate(capacity: max(x.count, 1))
  defer { p.deallocate() }
  for i in x.indices { p[i] = x[i] }
  body(p)
  return (0..<x.count).map { p[$0] }
}

func pointer(_ x: [Float], _ body: (Floats) -> Void) { _ = withCopy(x, body) }

func worst(_ a: [Float], _ b: [Double]) -> Double {
  zip(a, b).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
}

@Suite struct ImageKernels {
  @Test func elementary() {
    var generator = Generator(1)
    var worstGelu = 0.0
    var worstPower = 0.0
    for _ in 0..<20000 {
      let x = generator.unit() * 7
      let p = 1 + 2 * (generator.unit() + 1)
      worstGelu = max(
        worstGelu,
        abs(Double(Elementary.gelu(Lanes(repeating: x))[3]) - Reference.gelu(Double(x))))
      let y = Double(Elementary.signedPower(Lanes(repeating: x), Lanes(repeating: p))[5])
      let expected = pow(Double(x.magnitude), Double(p)) * (x < 0 ? -1 : 1)
      worstPower = max(worstPower, abs(y - expected) / max(abs(expected), 1e-6))
    }
    print("gelu \(worstGelu), power \(worstPower)")
    #expect(worstGelu < 2e-6)
    #expect(worstPower < 3e-6)
    for x in [Float(0), -0.0, 1e-40, -1e-40] {
      #expect(Elementary.signedPower(Lanes(repeating: x), Lanes(repeating: 2))[0] == 0)
    }
    #expect(Elementary.signedPower(Lanes(repeating: .nan), Lanes(repeating: 2))[0].isNaN)
    #expect(abs(Elementary.gelu(Lanes(repeating: 30))[0] - 30) <= Float(30).ulp)
    #expect(abs(Elementary.gelu(Lanes(repeating: -30))[0]) < 1e-5)
  }

  @Test(arguments: [1, 7, 8, 16, 48, 100])
  func layerNorm(width: Int) {
    var generator = Generator(UInt64(width))
    let x = generator.units(width, 3).map { $0 + 5 }
    let (w, b) = (generator.units(width), generator.units(width))
    let y = withCopy(x) { x in
      pointer(w) { w in pointer(b) { b in Norm.layer(x, w, b, 1e-5, width, into: x) } }
    }
    // With one element the variance is zero and everything is the bias.
    #expect(worst(y, Reference.layerNorm(x, w, b, 1e-5)) < 2e-5)
  }

  @Test(arguments: [(1, 16, 48), (5, 3, 17), (49, 40, 300), (100, 64, 64), (13, 1000, 520)])
  func product(tokens: Int, rows: Int, columns: Int) {
    var generator = Generator(UInt64(tokens * rows + columns))
    let w = generator.units(rows * columns)
    let x = generator.units(tokens * columns)
    let bias = generator.units(rows)
    let old = generator.units(tokens * rows)
    for result in [TiledProductJob.Result.set, .gelu, .add] {
      var expected: [Double] = []
      for t in 0..<tokens {
        for o in 0..<rows {
          var sum = Double(bias[o])
          for i in 0..<columns { sum += Double(w[o * columns + i]) * Double(x[t * columns + i]) }
          switch result {
          case .set: expected.append(sum)
          case .gelu: expected.append(Reference.gelu(sum))
          case .add: expected.append(sum + Double(old[t * rows + o]))
          }
        }
      }
      var first: [Float] = []
      for parts in [1, 2, 3, 7] {
        let y = withCopy(old) { y in
          pointer(w) { w in
            pointer(x) { x in
              pointer(bias) { bias in
                let m = Matrix(
                  start: UnsafeRawPointer(w), format: .f32, columns: columns, rows: rows)
                let job = TiledProductJob(
                  m, bias: bias, input: x, inputStride: columns, rows: tokens, output: y,
                  outputStride: rows, result: result)
                for part in 0..<parts { job.run(part: part, parts: parts) }
              }
            }
          }
        }
        if first.isEmpty { first = y }
        #expect(y == first, "\(parts) threads")
      }
      #expect(worst(first, expected) < 2e-5 * Double(columns).squareRoot())
    }
  }

  /// Quantised weights give what their values as floats give, to the bit.
  @Test func productFormats() {
    var generator = Generator(9)
    let (tokens, rows, columns) = (11, 37, 96)
    let x = generator.units(tokens * columns)
    for format in [BlockFormat.f16, .bf16, .q8_0, .q4_0] {
      let bytes = rows * columns / format.blockElements * format.blockBytes
      var raw = (0..<bytes).map { _ in UInt8(truncatingIfNeeded: generator.bits() >> 20) }
      // Scales and half-precision numbers of a harmless size.
      for i in stride(from: 0, to: bytes, by: format.blockBytes) {
        raw[i + 1] = (raw[i + 1] & 0x83) | 0x30
      }
      raw.withUnsafeBytes { raw in
        guard let start = raw.baseAddress else { return }
        let m = Matrix(start: start, format: format, columns: columns, rows: rows)
        var floats = [Float](repeating: 0, count: rows * columns)
        floats.withUnsafeMutableBufferPointer { f in
          guard let base = f.baseAddress else { return }
          for o in 0..<rows { Dequantise.row(m, o, into: base + o * columns) }
        }
        func run(_ m: Matrix) -> [Float] {
          withCopy([Float](repeating: 0, count: tokens * rows)) { y in
            pointer(x) { x in
              TiledProductJob(
                m, bias: nil, input: x, inputStride: columns, rows: tokens, output: y,
                outputStride: rows
              ).run(part: 0, parts: 1)
            }
          }
        }
        let direct = run(m)
        var plain: [Float] = []
        pointer(floats) {
          plain = run(
            Matrix(start: UnsafeRawPointer($0), format: .f32, columns: columns, rows: rows))
        }
        #expect(direct == plain, "\(format)")
      }
    }
  }

  @Test(arguments: [(4, 16, 1), (9, 32, 2), (70, 64, 1), (131, 48, 3)])
  func polar(tokens: Int, width: Int, heads: Int) {
    var generator = Generator(UInt64(tokens))
    let c = heads * width
    let (q, k) = (generator.units(tokens * c, 2), generator.units(tokens * c, 2))
    let v = generator.units(tokens * c)
    let p = (0..<c).map { _ in 3 + 2 * generator.unit() }
    func power(_ x: [Float]) -> [Float] {
      x.indices.map {
        Elementary.signedPower(Lanes(repeating: x[$0]), Lanes(repeating: p[$0 % c]))[0]
      }
    }
    var first: [Float] = []
    for (parts, chunk) in [(1, tokens), (3, 64), (2, 10)] {
      let o = withCopy([Float](repeating: 0, count: tokens * c)) { o in
        pointer(power(q)) { q in
          pointer(power(k)) { k in
            pointer(v) { v in
              pointer([Float](repeating: .nan, count: 2 * c * width)) { sums in
                pointer([Float](repeating: .nan, count: 2 * c)) { z in
                  var t = 0
                  while t < tokens {
                    let job = PolarSumJob(
                      keys: k + t * c, keyStride: c, values: v + t * c, valueStride: c,
                      rows: min(chunk, tokens - t), heads: heads, width: width, sums: sums,
                      normalisers: z, begins: t == 0)
                    for part in 0..<parts { job.run(part: part, parts: parts) }
                    t += chunk
                  }
                  let read = PolarRead(
                    heads: heads, width: width, sums: sums, normalisers: z, tokens: tokens)
                  for h in 0..<heads {
                    read.run(head: h, q + h * width, c, tokens, into: o + h * width, c)
                  }
                }
              }
            }
          }
        }
      }
      if first.isEmpty { first = o }
      #expect(o == first, "\(parts) threads, chunks of \(chunk)")
    }
    func head(_ x: [Float], _ h: Int) -> [[Double]] {
      (0..<tokens).map { t in (0..<width).map { Double(x[t * c + h * width + $0]) } }
    }
    for h in 0..<heads {
      let expected = Reference.polar(
        head(q, h), head(k, h), head(v, h), (0..<width).map { Double(p[h * width + $0]) })
      #expect(worst(head(first, h).flatMap { $0.map(Float.init) }, expected.flatMap { $0 }) < 1e-5)
    }
  }

  @Test(arguments: [(1, 1, 5), (3, 9, 5), (8, 17, 3), (7, 6, 7)])
  func depthwise(height: Int, width: Int, kernel: Int) {
    var generator = Generator(UInt64(height * 100 + width))
    let channels = 16
    let x = generator.units(height * width * channels)
    let w = generator.units(kernel * kernel * channels)
    let b = generator.units(channels)
    let expected = Reference.depthwise(x, height, width, channels, w, b, kernel)
    for step in [width, 4, 3] {
      let y = withCopy([Float](repeating: 0, count: x.count)) { y in
        pointer(x) { x in
          pointer(w) { w in
            pointer(b) { b in
              let d = DepthwiseConvolution(
                input: x, inputStride: channels, height: height, width: width,
                channels: channels, kernel: kernel, weights: w, bias: b)
              for r in 0..<height {
                for c in stride(from: 0, to: width, by: step) {
                  d.add(
                    row: r, c, min(c + step, width), first: 0,
                    into: y + (r * width + c) * channels, channels)
                }
              }
            }
          }
        }
      }
      #expect(worst(y, expected) < 1e-5)
    }
  }

  @Test(arguments: [(7, 7, 7, 0), (8, 12, 4, 2), (14, 14, 7, 3), (3, 6, 3, 1), (12, 12, 12, 0)])
  func windows(height: Int, width: Int, side: Int, shift: Int) {
    var generator = Generator(UInt64(height * 100 + side))
    let (heads, d) = (2, 24)
    let c = heads * d
    let edge = 2 * side - 1
    let qkv = generator.units(height * width * 3 * c, 2)
    let bias = generator.units(heads * edge * edge)
    let scratch = WindowAttentionJob.scratchFloats(side: side, headWidth: d)
    var first: [Float] = []
    for parts in [1, 3] {
      let y = withCopy([Float](repeating: 0, count: height * width * c)) { y in
        pointer(qkv) { qkv in
          pointer(bias) { bias in
            pointer([Float](repeating: .nan, count: parts * scratch)) { scratch in
              let job = WindowAttentionJob(
                input: qkv, stride: 3 * c, heads: heads, headWidth: d, height: height,
                width: width, side: side, shift: shift, bias: bias, output: y, outputStride: c,
                scratch: scratch)
              for part in 0..<parts { job.run(part: part, parts: parts) }
            }
          }
        }
      }
      if first.isEmpty { first = y }
      #expect(y == first)
    }
    #expect(
      worst(first, Reference.windows(qkv, height, width, heads, d, side, shift, bias)) < 1e-5)
  }

  @Test(arguments: [(4, 4, 4), (7, 14, 14), (7, 5, 9), (8, 1, 3), (1, 6, 2), (5, 40, 11)])
  func positions(side: Int, height: Int, width: Int) {
    var generator = Generator(UInt64(side * height))
    let channels = 24
    let grid = generator.units(side * side * channels)
    for kind in [GridResize.Kind.linear, .cubic] {
      let y = withCopy([Float](repeating: 0, count: height * width * channels)) { y in
        pointer(grid) { grid in
          let floats = GridResize.scratchFloats(side: side, channels: channels)
          pointer([Float](repeating: .nan, count: floats)) { scratch in
            let m = Matrix(
              start: UnsafeRawPointer(grid), format: .f32, columns: channels, rows: side * side)
            let resize = GridResize(m, side: side, height: height, width: width, kind: kind)
            let middle = height * width / 3
            for (a, b) in [(0, middle), (middle, height * width)] {
              resize.each(a, b, scratch) { t, v in
                for i in 0..<channels { y[t * channels + i] = v[i] }
              }
            }
          }
        }
      }
      var expected: [Double] = []
      for t in 0..<(height * width) {
        for i in 0..<channels {
          let one = (0..<side * side).map { Double(grid[$0 * channels + i]) }
          expected.append(
            Reference.sample(
              one, side, t / width, height, t % width, width, cubic: kind == .cubic))
        }
      }
      #expect(worst(y, expected) < 1e-5)
    }
  }

  @Test(arguments: [(16, 16), (5, 3), (1, 1), (40, 33), (100, 7)])
  func pictures(sourceWidth: Int, sourceHeight: Int) {
    var generator = Generator(UInt64(sourceWidth * 1000 + sourceHeight))
    let (width, height) = (16, 16)
    let stride = 3 * sourceWidth + 5
    var bytes = [UInt8](repeating: 77, count: stride * sourceHeight)
    var tight: [UInt8] = []
    for v in 0..<sourceHeight {
      for u in 0..<3 * sourceWidth {
        let b = UInt8(truncatingIfNeeded: generator.bits() >> 30)
        bytes[v * stride + u] = b
        tight.append(b)
      }
    }
    let scaleX = Double(sourceWidth) / Double(width)
    let taps = ImageResizeJob.tapsMax(scaleX)
    let pixels = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)
    let firsts = UnsafeMutablePointer<Int32>.allocate(capacity: width)
    let counts = UnsafeMutablePointer<Int32>.allocate(capacity: width)
    defer {
      pixels.deallocate()
      firsts.deallocate()
      counts.deallocate()
    }
    for i in bytes.indices { pixels[i] = bytes[i] }
    var first: [Float] = []
    for parts in [1, 3, 20] {
      let y = withCopy([Float](repeating: .nan, count: width * height * 3)) { y in
        pointer([Float](repeating: .nan, count: width * taps)) { weights in
          pointer([Float](repeating: .nan, count: parts * 3 * width)) { rows in
            let job = ImageResizeJob(
              pixels: pixels, strideBytes: stride,
              sourceWidth: sourceWidth, sourceHeight: sourceHeight, output: y, height: height,
              width: width, scaleX: scaleX, scaleY: Double(sourceHeight) / Double(height),
              startX: 0, startY: 0, mean: SIMD4(0.5, 0.25, 0, 0),
              deviation: SIMD4(0.5, 1, 2, 1), firsts: firsts, counts: counts,
              weights: weights, rows: rows)
            job.prepare()
            for part in 0..<parts { job.run(part: part, parts: parts) }
          }
        }
      }
      if first.isEmpty { first = y }
      #expect(y == first)
    }
    let mean = [0.5, 0.25, 0]
    let deviation = [0.5, 1, 2]
    var expected: [Double] = []
    for r in 0..<height {
      for c in 0..<width {
        for i in 0..<3 {
          let v = Reference.resize(
            tight, sourceWidth, sourceHeight, i, r, height, c, width)
          expected.append((v / 255 - mean[i]) / deviation[i])
        }
      }
    }
    #expect(worst(first, expected) < 1e-5)
  }
}
