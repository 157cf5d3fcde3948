// Phases whose pieces are drawn: whoever computes them, every output is there once and has the same bits.
import LintelCore
import Testing

import LintelKernels

@Test(arguments: [1, 2, 3])
func drawnPiecesMakeTheSameProducts(_ parts: Int) throws {
  let columns = 256
  let sizes = [(BlockFormat.q4_k, 4101), (.q6_k, 2603), (.q8_0, 130), (.f32, 17)]
  let weights = sizes.enumerated().map { i, s in
    Guarded(TestMatrix(s.0, rows: s.1, columns: columns, seed: UInt64(i + 5)))
  }
  let x = try Inputs(rows: 9, columns: columns, level: Level.detect())
  var g = Generator(3)
  x.fill((0..<(9 * columns)).map { _ in g.normal() })
  for rows in [1, 9] {
    let expected = weights.map { product($0, x, rows: rows) }
    // The thread that begins draws everything that is left; another one may come before or after it.
    for order in [Array(0..<parts), Array((0..<parts).reversed())] {
      let outputs = weights.map {
        let y = UnsafeMutableBufferPointer<Float>.allocate(capacity: rows * ($0.matrix.rows + 3))
        y.initialize(repeating: .nan)
        return y
      }
      defer { outputs.forEach { $0.deallocate() } }
      let entries = weights.indices.map {
        ProductEntry(
          matrix: weights[$0].matrix, input: x.activations, rows: rows,
          output: outputs[$0].baseAddress!, outputStride: weights[$0].matrix.rows + 3)
      }
      var drawn = UInt32(parts - 1)
      withUnsafeMutablePointer(to: &drawn) { drawn in
        entries.withUnsafeBufferPointer { list in
          let job = ProductJob(list.baseAddress!, list.count, isFloat: false, draws: drawn)
          for part in order { job.run(part: part, parts: parts) }
        }
      }
      if parts > 1 { #expect(drawn >= UInt32(parts), "nothing was drawn") }
      for (y, e) in zip(outputs, expected) {
        #expect(y.map(\.bitPattern) == e.map(\.bitPattern))
      }
    }
  }
  withExtendedLifetime(weights) {}
}
