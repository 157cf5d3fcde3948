// Phases remember what came after them: every thread's first weights, unless the pass chooses them.
import CPlatform
import LintelCore
import Testing

import LintelKernels

@Test(arguments: [1, 2, 3])
func phasesRememberWhatFollows(_ parts: Int) throws {
  let (columns, layers) = (256, 2)
  var measuring = Arena.measuring()
  _ = try Foresight(arena: &measuring, layers: layers, threads: parts)
  let memory = UnsafeMutableRawPointer.allocate(byteCount: measuring.used, alignment: 64)
  defer { memory.deallocate() }
  memory.initializeMemory(as: UInt8.self, repeating: 0xA5, count: measuring.used)
  var arena = Arena(memory: memory, bytes: measuring.used)
  let foresight = try Foresight(arena: &arena, layers: layers, threads: parts)
  #expect(arena.used == measuring.used)
  foresight.clear()

  // A routed phase lies between the second and the last.
  let sizes = [(BlockFormat.q4_k, 160), (.f32, 96), (.q6_k, 64), (.q8_0, 1040)]
  let weights = sizes.enumerated().map { i, s in
    Guarded(TestMatrix(s.0, rows: s.1, columns: columns, seed: UInt64(i + 9)))
  }
  let x = try Inputs(rows: 1, columns: columns, level: Level.detect())
  x.fill((0..<columns).map { Float($0 % 7) - 3 })
  let expected = weights.map { product($0, x, rows: 1) }
  let routed = 2
  // Where each thread's first output of each phase is.
  var firstRows = weights.map { _ in [Int](repeating: 0, count: parts) }
  for pass in 0..<3 {
    foresight.enter(layer: 1)
    for k in weights.indices {
      let rows = weights[k].matrix.rows
      let y = UnsafeMutableBufferPointer<Float>.allocate(capacity: rows)
      defer { y.deallocate() }
      y.initialize(repeating: .nan)
      let entry = ProductEntry(
        matrix: weights[k].matrix, input: x.activations, rows: 1, output: y.baseAddress!,
        outputStride: rows)
      let phase = foresight.step(isRouted: k == routed)
      withUnsafePointer(to: entry) { entry in
        let job = ProductJob(entry, 1, isFloat: false, foresight: phase)
        for part in 0..<parts {
          let before = y.map(\.isNaN)
          job.run(part: part, parts: parts)
          firstRows[k][part] = zip(before, y).enumerated().first { $1.0 && !$1.1.isNaN }?.offset ?? -1
        }
      }
      let isEqual = zip(y, expected[k]).allSatisfy { $0.bitPattern == $1.bitPattern }
      #expect(isEqual, "phase \(k) of pass \(pass)")
      let next = (k + 1) % weights.count
      for part in 0..<parts {
        let known = phase.next(part)
        if pass == 0 || next == routed {
          #expect(known == nil)
          continue
        }
        let matrix = weights[next].matrix
        let range = try #require(known)
        let start = try #require(range.start)
        let row = (UnsafeRawPointer(start) - matrix.start) / matrix.rowBytes
        #expect((UnsafeRawPointer(start) - matrix.start) % matrix.rowBytes == 0)
        #expect((part == 0) == (row == 0))
        if pass > 1 { #expect(row == firstRows[next][part]) }
        #expect(range.bytes > 0)
        #expect(row * matrix.rowBytes + Int(range.bytes) <= matrix.rows * matrix.rowBytes)
      }
    }
  }

  // What has been told holds for the phase that comes.
  foresight.enter(layer: 0)
  let phase = foresight.step(isRouted: false)
  let entry = ProductEntry(
    matrix: weights[3].matrix, input: x.activations, rows: 1,
    output: UnsafeMutablePointer<Float>(bitPattern: 64)!, outputStride: 1)
  withUnsafePointer(to: entry) { entry in
    ProductJob(entry, 1, isFloat: false).foretell(phase, parts: parts)
  }
  #expect(phase.next(0)?.start == UnsafePointer(weights[3].matrix.start.assumingMemoryBound(to: UInt8.self)))

  // Far more phases than a layer has, and the ones behind the last layer, stay in bounds.
  for layer in [0, layers] {
    foresight.enter(layer: layer)
    for _ in 0..<100 { _ = foresight.step(isRouted: false).next(parts - 1) }
  }
  withExtendedLifetime(weights) {}
}
