import Glibc
import LintelCore
import Testing

import LintelKernels

/// One attention layer's rows: random queries over a random cache.
private struct Case {
  var rows: Int
  var position: Int
  var heads: Int
  var perGroup: Int
  var key: Int
  var value: Int
  /// One cached row for all heads, whose first part is the value.
  var isLatent: Bool
  var format: CacheFormat

  var groups: Int { heads / perGroup }
  var width: Int { isLatent ? key : groups * (key + value) }
}

/// The cache as floats, and the output of every (row, head).
private func run(_ c: Case, seed: UInt64, splits: [(Int, Int)]) throws -> (
  cache: [Float], queries: [Float], outputs: [[Float]]
) {
  var random = Generator(seed)
  let positions = c.position + c.rows
  var cache = [Float](repeating: 0, count: positions * c.width)
  let bytes = UnsafeMutableRawPointer.allocate(
    byteCount: positions * c.format.rowBytes(c.width), alignment: 64)
  defer { bytes.deallocate() }
  let rows = CacheRows(start: bytes, width: c.width, format: c.format)
  for p in 0..<positions {
    var row = (0..<c.width).map { _ in random.normal() }
    rows.store(&row, p, column: 0, count: c.width)
    if c.format == .q8 {
      var back = [Float](repeating: 0, count: c.width)
      rows.load(p, column: 0, count: c.width, into: &back)
      row = back
    }
    cache.replaceSubrange(p * c.width..<(p + 1) * c.width, with: row)
  }
  var queries = (0..<c.rows * c.heads * c.key).map { _ in random.normal() }
  var outputs: [[Float]] = []
  for (parts, step) in splits {
    let scratch = AttentionJob.scratchFloats(keyWidth: c.key, valueWidth: c.value)
    var room = [Float](repeating: .nan, count: parts * scratch)
    var output = [Float](repeating: .nan, count: c.rows * c.heads * c.value)
    queries.withUnsafeMutableBufferPointer { q in
      room.withUnsafeMutableBufferPointer { room in
        output.withUnsafeMutableBufferPointer { o in
          var t = 0
          while t < c.rows {
            let n = min(step, c.rows - t)
            let job = AttentionJob(
              queries: q.baseAddress! + t * c.heads * c.key, queryStride: c.heads * c.key,
              heads: c.heads, headsPerGroup: c.perGroup, keyWidth: c.key, valueWidth: c.value,
              cache: rows, keyGroupStride: c.isLatent ? 0 : c.key,
              valueColumn: c.isLatent ? 0 : c.groups * c.key,
              valueGroupStride: c.isLatent ? 0 : c.value, scale: 0.3, rows: n,
              position: c.position + t, output: o.baseAddress! + t * c.heads * c.value,
              outputStride: c.heads * c.value, scratch: room.baseAddress!)
            for part in 0..<parts { job.run(part: part, parts: parts) }
            t += n
          }
        }
      }
    }
    outputs.append(output)
  }
  return (cache, queries, outputs)
}

/// In doubles, one position after the other.
private func reference(_ c: Case, _ cache: [Float], _ queries: [Float], _ t: Int, _ h: Int) -> [Double] {
  let group = h / c.perGroup
  let keyAt = c.isLatent ? 0 : group * c.key
  let valueAt = c.isLatent ? 0 : c.groups * c.key + group * c.value
  let scores = (0...c.position + t).map { p in
    (0..<c.key).reduce(0.0) {
      $0 + Double(queries[(t * c.heads + h) * c.key + $1]) * Double(cache[p * c.width + keyAt + $1])
    } * Double(Float(0.3))
  }
  let top = scores.max()!
  let weights = scores.map { exp($0 - top) }
  let sum = weights.reduce(0, +)
  return (0..<c.value).map { j in
    zip(weights, 0...).reduce(0.0) { $0 + $1.0 * Double(cache[$1.1 * c.width + valueAt + j]) } / sum
  }
}

private let cases = [
  Case(rows: 1, position: 0, heads: 1, perGroup: 1, key: 8, value: 8, isLatent: false, format: .f32),
  Case(rows: 3, position: 30, heads: 4, perGroup: 2, key: 7, value: 5, isLatent: false, format: .f32),
  Case(rows: 1, position: 100, heads: 6, perGroup: 3, key: 64, value: 96, isLatent: false, format: .q8),
  Case(rows: 37, position: 5, heads: 2, perGroup: 2, key: 40, value: 33, isLatent: false, format: .f32),
  Case(rows: 9, position: 60, heads: 5, perGroup: 5, key: 96, value: 64, isLatent: true, format: .q8),
  Case(rows: 70, position: 0, heads: 3, perGroup: 3, key: 96, value: 64, isLatent: true, format: .f32),
  Case(rows: 33, position: 31, heads: 8, perGroup: 4, key: 32, value: 32, isLatent: false, format: .q8),
]

@Test(arguments: 0..<cases.count) func attentionIsTheDefinition(_ i: Int) throws {
  let c = cases[i]
  let splits = [(1, c.rows), (2, c.rows), (3, 4), (1, 1), (5, 16)]
  let (cache, queries, outputs) = try run(c, seed: UInt64(i + 1), splits: splits)
  for t in 0..<c.rows {
    for h in 0..<c.heads {
      let wanted = reference(c, cache, queries, t, h)
      for j in 0..<c.value {
        #expect(abs(Double(outputs[0][(t * c.heads + h) * c.value + j]) - wanted[j]) < 2e-5)
      }
    }
  }
  // Not a bit depends on the threads or on how the rows come.
  for o in outputs { #expect(o.map(\.bitPattern) == outputs[0].map(\.bitPattern)) }
}

@Test func softplusIsLogOfOnePlusExp() {
  for i in -4000...4000 {
    let x = Float(i) / 40
    let wanted = x > 40 ? Double(x) : log1p(exp(Double(x)))
    let got = Double(Elementary.softplus(x))
    #expect(abs(got - wanted) <= max(wanted * 4e-7, 2e-38))
  }
  #expect(Elementary.softplus(Float.infinity) == .infinity)
  #expect(Elementary.softplus(-Float.infinity) == 0)
  #expect(Elementary.softplus(Float.nan).isNaN)
}
