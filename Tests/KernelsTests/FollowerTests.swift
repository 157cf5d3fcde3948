// What follows a product row by row: every result once, when it is final, and with the same bits as
// if it had come after the whole product.
import CPlatform
import LintelCore
import Testing

import LintelKernels

private let columns = 256

private struct Record {
  var expected: UnsafePointer<Float>
  var seen: UnsafeMutablePointer<Int32>
  var wrong: UnsafeMutablePointer<Int32>
}

private func input(_ level: Level) throws -> Inputs {
  let x = try Inputs(rows: 1, columns: columns, level: level)
  var g = Generator(17)
  x.fill((0..<columns).map { _ in g.normal() })
  return x
}

private func room<T>(_ count: Int, _ value: T) -> UnsafeMutablePointer<T> {
  let p = UnsafeMutablePointer<T>.allocate(capacity: count)
  p.initialize(repeating: value, count: count)
  return p
}

/// Runs the entries as `parts` threads would, with drawn pieces.
private func run(_ entries: [ProductEntry], isFloat: Bool = false, parts: Int) {
  var drawn = UInt32(parts - 1)
  withUnsafeMutablePointer(to: &drawn) { drawn in
    entries.withUnsafeBufferPointer { list in
      let job = ProductJob(list.baseAddress!, list.count, isFloat: isFloat, draws: drawn)
      for part in 0..<parts { job.run(part: part, parts: parts) }
    }
  }
}

@Test(arguments: levels)
func resultsAreFollowedOnceAndFinal(_ level: Level) throws {
  let x = try input(level)
  for format in [BlockFormat.q4_k, .q6_k, .q2_k, .q8_0, .q4_0, .f32] {
    for (rows, parts) in [(1, 1), (3, 2), (15, 1), (16, 1), (17, 2), (40, 1), (101, 3), (6403, 3)] {
      for isFloat in [false, true] {
        let w = Guarded(TestMatrix(format, rows: rows, columns: columns, seed: UInt64(rows)))
        let expected = product(w, x, rows: 1, float: isFloat)
        let y = room(rows + 3, Float.nan)
        let seen = room(rows, Int32(0)), wrong = room(1, Int32(0))
        defer { y.deallocate(); seen.deallocate(); wrong.deallocate() }
        expected.withUnsafeBufferPointer { expected in
          var record = Record(expected: expected.baseAddress!, seen: seen, wrong: wrong)
          withUnsafePointer(to: &record) { record in
            var entry = ProductEntry(
              matrix: w.matrix, input: x.activations, rows: 1, output: y, outputStride: rows)
            entry.follower = RowsFollower(
              { context, results, row, count in
                let r = context.assumingMemoryBound(to: Record.self).pointee
                for i in 0..<Int(count) {
                  r.seen[Int(row) + i] += 1
                  if results[i].bitPattern != r.expected[Int(row) + i].bitPattern { r.wrong[0] += 1 }
                }
              }, record)
            run([entry], isFloat: isFloat, parts: parts)
          }
        }
        #expect((0..<rows).allSatisfy { seen[$0] == 1 }, "\(format) \(rows) \(parts) \(isFloat)")
        #expect(wrong[0] == 0, "\(format) \(rows) \(parts) \(isFloat)")
      }
    }
  }
}

@Test(arguments: levels)
func convolutionsFollowTheirProducts(_ level: Level) throws {
  let x = try input(level)
  for (format, channels, parts) in [
    (BlockFormat.q4_k, 8, 1), (.q4_k, 21, 1), (.f32, 21, 1), (.q6_k, 96, 2), (.f32, 200, 2),
    (.q4_k, 4101, 3),
  ] {
    for kernel in [2, 4, 5] {
      let w = Guarded(TestMatrix(format, rows: channels, columns: columns, seed: UInt64(channels)))
      // Other channels lie beside these in the history.
      let stride = channels + 11
      var g = Generator(UInt64(kernel))
      let taps = (0..<(channels * kernel)).map { _ in g.normal() }
      let past = (0..<(stride * (kernel - 1))).map { _ in g.normal() }
      let plain = product(w, x, rows: 1)
      let results = [false, true].map { follows in
        let y = room(channels, Float.nan), history = room(past.count, Float(0))
        defer { y.deallocate(); history.deallocate() }
        for i in past.indices { history[i] = past[i] }
        taps.withUnsafeBufferPointer { taps in
          let job = ShortConvolutionJob(
            x: y, stride: stride, rows: 1, channels: channels, history: history,
            weight: taps.baseAddress!, kernel: kernel)
          if follows {
            withUnsafePointer(to: job) { job in
              var entry = ProductEntry(
                matrix: w.matrix, input: x.activations, rows: 1, output: y, outputStride: stride)
              entry.follower = RowsFollower(ShortConvolutionJob.follower, job)
              run([entry], parts: parts)
            }
          } else {
            for i in 0..<channels { y[i] = plain[i] }
            job.run(part: 0, parts: 1)
          }
        }
        return (0..<channels).map { y[$0].bitPattern } + past.indices.map { history[$0].bitPattern }
      }
      #expect(results[0] == results[1], "\(format), \(channels) channels, \(kernel) taps, \(parts) parts")
    }
  }
}
