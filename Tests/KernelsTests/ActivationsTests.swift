import LintelCore
import Testing

import LintelKernels

@Test func quantsAreNearestWithTiesToEven() throws {
  let x = try Inputs(rows: 2, columns: 256, level: .baseline)
  var values = [Float](repeating: 0, count: 512)
  for j in 0..<256 { values[j] = Float(j - 127) / 2 }
  values[255] = 63.5
  // The second row's scale is 1 in every block: halves go to even.
  for j in 256..<512 { values[j] = Float(j % 32) + 0.5 }
  for b in 0..<8 { values[256 + 32 * b] = -127 }
  x.fill(values)
  let q = x.activations.form32
  for j in 1..<32 {
    #expect(Float(q.quants[256 + j]) == (Float(j) + 0.5).rounded(.toNearestOrEven))
  }
  #expect(q.scales[8] == 1)
  for r in 0..<2 {
    for b in 0..<8 {
      let from = r * 256 + b * 32
      let largest = (0..<32).map { abs(values[from + $0]) }.max() ?? 0
      #expect(q.scales[r * 8 + b] == largest / 127)
      #expect(Int(q.sums32[r * 8 + b]) == (0..<32).reduce(0) { $0 + Int(q.quants[from + $1]) })
      for j in 0..<32 {
        let back = Float(q.quants[from + j]) * q.scales[r * 8 + b]
        #expect(abs(back - values[from + j]) <= q.scales[r * 8 + b] * 0.50001)
      }
    }
    let k = x.activations.form256
    for g in 0..<16 {
      let sum = (0..<16).reduce(0) { $0 + Int(k.quants[r * 256 + 16 * g + $1]) }
      #expect(Int(k.sums16[r * 16 + g]) == sum)
    }
  }
}

@Test func narrowerRowsFollowEachOther() throws {
  let x = try Inputs(rows: 3, columns: 512, level: .baseline)
  x.activations.columns = 64
  x.fill((0..<192).map { Float($0 % 64) })
  #expect(x.activations.row(2) == x.activations.floats.base + 128)
  #expect(x.activations.form32.quants[128 + 63] == 127)
  #expect(x.activations.form32.quants[128 + 0] == 0)
}

@Test func formsFollowTheFormat() {
  #expect(Activations.forms(for: .f16, float: false) == .floats)
  #expect(Activations.forms(for: .q5_1, float: false) == .blocks32)
  #expect(Activations.forms(for: .q3_k, float: false) == .blocks256)
  #expect(Activations.forms(for: .q3_k, float: true) == .floats)
}
