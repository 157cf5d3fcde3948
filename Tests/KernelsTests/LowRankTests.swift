// Products with adapters against the sum written out in doubles, and their bits against themselves.
import LintelCore
import Testing

import LintelKernels

/// An adapter of two maps that share an input, as memory that products can use.
private final class TestAdapter {
  let ranks: [Int]
  let outputs: [Int]
  let columns: Int
  let slices: Int
  let format: BlockFormat
  /// `[map][slice][rank * columns]` and `[map][slice][rows * rank]`, as stored.
  var a: [[[Double]]] = []
  var b: [[[Double]]] = []
  let alpha: Float = 12
  private var memory: [UnsafeMutableRawPointer] = []
  private let maps: UnsafeMutablePointer<LowRankMap>
  private let stacks: UnsafeMutablePointer<LowRankStack>

  init(
    ranks: [Int], outputs: [Int], columns: Int, slices: Int, format: BlockFormat, seed: UInt64
  ) {
    self.ranks = ranks
    self.outputs = outputs
    self.columns = columns
    self.slices = slices
    self.format = format
    maps = .allocate(capacity: ranks.count)
    stacks = .allocate(capacity: 1)
    var g = Generator(seed)
    let element = format.blockBytes
    let rows = ranks.reduce(0, +)
    let stackBytes = rows * columns * element
    let stack = UnsafeMutableRawPointer.allocate(byteCount: slices * stackBytes + 1, alignment: 64)
    memory.append(stack)
    stacks.initialize(
      to: LowRankStack(
        rows: Int32(rows), columns: Int32(columns), a: UnsafeRawPointer(stack),
        aStride: slices > 1 ? stackBytes : 0))
    var column = 0
    for m in ranks.indices {
      let rank = ranks[m]
      let panelBytes = LowRankPack.panelElements(rows: outputs[m], rank: rank) * element
      let panels = UnsafeMutableRawPointer.allocate(
        byteCount: slices * panelBytes + 1, alignment: 64)
      memory.append(panels)
      a.append([])
      b.append([])
      for slice in 0..<slices where rank > 0 {
        let ofA = TestMatrix(.f32, rows: rank, columns: columns, seed: g.bits())
        let ofB = TestMatrix(.f32, rows: outputs[m], columns: rank, seed: g.bits())
        let wa = Guarded(ofA), wb = Guarded(ofB)
        let toA = stack + slice * stackBytes + column * columns * element
        withExtendedLifetime((wa, wb)) {
          LowRankPack.copy(wa.matrix, rows: 0..<rank, to: toA, format)
          LowRankPack.panels(
            wb.matrix, rows: 0..<outputs[m], to: panels + slice * panelBytes, format)
        }
        a[m].append(ofA.values.map { stored($0, format) })
        b[m].append(ofB.values.map { stored($0, format) })
      }
      (maps + m).initialize(
        to: LowRankMap(
          rank: Int32(rank), column: Int32(column),
          ratio: rank == 0 ? 0 : alpha / Float(rank), b: UnsafeRawPointer(panels),
          bStride: slices > 1 ? panelBytes : 0))
      column += rank
    }
  }

  deinit {
    for p in memory { p.deallocate() }
    maps.deallocate()
    stacks.deallocate()
  }

  var adapter: LowRankAdapter {
    LowRankAdapter(maps: UnsafePointer(maps), stacks: UnsafePointer(stacks), format: format)
  }
}

private func stored(_ x: Double, _ format: BlockFormat) -> Double {
  switch format {
  case .f16: Double(Float16(x))
  case .bf16: Double(Float(bitPattern: Float(x).bitPattern & 0xFFFF_0000))
  default: x
  }
}

private struct Case {
  var base: [Guarded]
  var adapters: [(adapter: TestAdapter, scale: Float, rows: Range<Int>, rankBefore: Int)]
  var input: Inputs
  var rows: Int
  var slice: Int
  var owners: [Int32]?
  var rankMax: Int

  /// Outputs of both maps, computed in `parts` shares.
  func run(parts: Int, isFloat: Bool) -> [[Float]] {
    let width = base.count * rankMax
    var projected = [Float](repeating: .nan, count: rows * width)
    let outputs = base.map {
      let y = UnsafeMutableBufferPointer<Float>.allocate(capacity: rows * ($0.matrix.rows + 3))
      y.initialize(repeating: .nan)
      return y
    }
    defer { outputs.forEach { $0.deallocate() } }
    defer { withExtendedLifetime((base, adapters, input)) {} }
    let uses = adapters.map {
      LowRankUse(
        adapter: $0.adapter.adapter, scale: $0.scale, firstRow: $0.rows.lowerBound,
        rows: $0.rows.count, rankBefore: $0.rankBefore)
    }
    projected.withUnsafeMutableBufferPointer { projected in
      uses.withUnsafeBufferPointer { uses in
        withOwners { owners in
          var entries: [ProductEntry] = []
          for m in base.indices {
            var target = LowRankTarget(map: m, stack: 0, slice: slice, owners: owners)
            target.groupCount = base.count
            target.isLeader = m == 0
            target.projected = projected.baseAddress
            entries.append(
              ProductEntry(
                matrix: base[m].matrix, input: input.activations, rows: rows,
                output: outputs[m].baseAddress!,
                outputStride: base[m].matrix.rows + 3, target: target))
          }
          let pass = LowRankPass(uses: uses.baseAddress, count: uses.count, rankMax: rankMax)
          entries.withUnsafeBufferPointer { list in
            let down = LowRankJob(list.baseAddress!, list.count, pass)
            for part in (0..<parts).reversed() { down.run(part: part, parts: parts) }
            let job = ProductJob(
              list.baseAddress!, list.count, isFloat: isFloat, lowRank: pass)
            for part in (0..<parts).reversed() { job.run(part: part, parts: parts) }
          }
        }
      }
    }
    return outputs.map { Array($0) }
  }

  private func withOwners(_ body: (UnsafePointer<Int32>?) -> Void) {
    if let owners { owners.withUnsafeBufferPointer { body($0.baseAddress) } } else { body(nil) }
  }

  /// Without adapters, then the adapters' parts in doubles.
  func expected(_ values: [Float], isFloat: Bool) -> [[Double]] {
    base.indices.map { m in
      let w = base[m].matrix
      let plain = product(base[m], input, rows: rows, float: isFloat)
      var y = plain.map(Double.init)
      for r in 0..<rows {
        let x = values[r * w.columns..<(r + 1) * w.columns].map(Double.init)
        let owner = Int(owners?[r] ?? Int32(r))
        for u in adapters where u.rows.contains(owner) && u.adapter.ranks[m] > 0 {
          let rank = u.adapter.ranks[m]
          let a = u.adapter.a[m][slice], b = u.adapter.b[m][slice]
          let projected = (0..<rank).map { j in
            x.indices.reduce(0.0) { $0 + a[j * w.columns + $1] * x[$1] }
          }
          let factor = Double(u.adapter.alpha / Float(rank) * u.scale)
          for o in 0..<w.rows {
            let sum = (0..<rank).reduce(0.0) { $0 + b[o * rank + $1] * projected[$1] }
            y[r * (w.rows + 3) + o] += factor * sum
          }
        }
      }
      return y
    }
  }
}

@Test(arguments: [BlockFormat.f32, .f16, .bf16])
func adaptersAddToProducts(_ format: BlockFormat) throws {
  var g = Generator(99)
  for (columns, outputs) in [(32, [1, 17]), (96, [16, 5]), (160, [35, 64]), (33, [7, 48])] {
    let ofBase: BlockFormat = columns % 32 == 0 ? .q8_0 : .f32
    let base = outputs.map {
      Guarded(TestMatrix(ofBase, rows: $0, columns: columns, seed: UInt64($0)))
    }
    for rank in [1, 3, 8, 16, 64] {
      let one = TestAdapter(
        ranks: [rank, 3], outputs: outputs, columns: columns, slices: 2, format: format,
        seed: g.bits())
      let two = TestAdapter(
        ranks: [0, 5], outputs: outputs, columns: columns, slices: 2, format: format,
        seed: g.bits())
      for level in levels {
        for rows in 1...9 {
          let input = try Inputs(rows: 9, columns: columns, level: level)
          let values = (0..<(rows * columns)).map { _ in g.normal() }
          input.fill(values)
          let middle = rows / 3..<max(rows / 3 + 1, rows - 1)
          var c = Case(
            base: base,
            adapters: [
              (one, 0.5, 0..<rows, 0), (two, -1.25, 0..<rows, max(rank, 3)),
            ],
            input: input, rows: rows, slice: 1, owners: nil, rankMax: 72)
          if rows % 2 == 0 {
            // Only some rows, and rows that belong to others of the pass.
            c.adapters[1].rows = middle
            c.owners = (0..<rows).map { Int32($0 / 2 + rows / 4) }
          }
          for isFloat in [true, false] {
            let y = c.run(parts: 1, isFloat: isFloat)
            let exact = c.expected(values, isFloat: isFloat)
            for m in base.indices {
              let stride = outputs[m] + 3
              var worst = 0.0
              for r in 0..<rows {
                let size = exact[m][r * stride..<r * stride + outputs[m]].map(abs).max() ?? 0
                for o in 0..<outputs[m] {
                  let error = abs(Double(y[m][r * stride + o]) - exact[m][r * stride + o])
                  worst = max(worst, error.isNaN ? .infinity : error / (size + 1e-6))
                }
                #expect(y[m][r * stride + outputs[m]].isNaN, "wrote past the rows")
              }
              #expect(worst < 5e-5, "\(format) rank \(rank) rows \(rows) map \(m): \(worst)")
            }
            for parts in [2, 3, 7] {
              let z = c.run(parts: parts, isFloat: isFloat)
              for m in base.indices {
                #expect(z[m].map(\.bitPattern) == y[m].map(\.bitPattern), "\(parts) parts")
              }
            }
          }
        }
      }
    }
  }
}

/// A row's bits do not depend on the rows and adapters beside it, nor on the instruction set.
@Test func adaptedRowsStandAlone() throws {
  let columns = 160
  let base = [Guarded(TestMatrix(.q8_0, rows: 37, columns: columns, seed: 4))]
  let adapter = TestAdapter(
    ranks: [11], outputs: [37], columns: columns, slices: 1, format: .f16, seed: 5)
  let other = TestAdapter(
    ranks: [8], outputs: [37], columns: columns, slices: 1, format: .f16, seed: 6)
  var g = Generator(3)
  let values = (0..<(9 * columns)).map { _ in g.normal() }
  var alone: [[UInt32]] = []
  for level in levels {
    for rows in [1, 4, 5, 9] {
      let input = try Inputs(rows: 9, columns: columns, level: level)
      input.fill(values)
      let c = Case(
        base: base,
        adapters: [(other, 1, 0..<min(2, rows), 0), (adapter, 2, min(2, rows)..<rows, 0)],
        input: input, rows: rows, slice: 0, owners: nil, rankMax: 16)
      let y = c.run(parts: 2, isFloat: false)[0]
      for r in 0..<rows {
        let bits = y[r * 40..<r * 40 + 37].map(\.bitPattern)
        if alone.count <= r { alone.append(bits) }
        #expect(alone[r] == bits, "\(level) row \(r) of \(rows)")
      }
    }
  }
}

@Test func transposesAgree() {
  let m = TestMatrix(.f32, rows: 5, columns: 37, seed: 8)
  let w = Guarded(m)
  var line = [Float](repeating: .nan, count: 3 * 37)
  line.withUnsafeMutableBytes { to in
    withExtendedLifetime(w) {
      LowRankPack.transpose(w.matrix, rows: 1..<4, to: to.baseAddress!, .f32)
    }
  }
  for i in 0..<37 {
    for j in 0..<3 { #expect(Double(line[i * 3 + j]) == m.values[(j + 1) * 37 + i]) }
  }
  var panels = [Float](repeating: .nan, count: LowRankPack.panelElements(rows: 37, rank: 5))
  panels.withUnsafeMutableBytes { to in
    withExtendedLifetime(w) {
      LowRankPack.transposedPanels(w.matrix, to: to.baseAddress!, .f32)
    }
  }
  for o in 0..<48 {
    for j in 0..<5 {
      let v = panels[(o / 16 * 5 + j) * 16 + o % 16]
      #expect(Double(v) == (o < 37 ? m.values[j * 37 + o] : 0))
    }
  }
}

/// Against the conversion of the language, at every border.
@Test func halvesAreNearest() {
  var bits: [UInt32] = [0, 1, 0x3380_0000, 0x3300_0000, 0x3300_0001, 0x477F_E000, 0x3880_0000]
  for h in stride(from: UInt32(0), to: 0x7C00, by: 7) {
    let x = Float(Float16(bitPattern: UInt16(h))).bitPattern
    bits += [x, x &+ 0x1000, x &+ 0x0FFF, x &+ 0x1001]
  }
  var line = [Float](repeating: 0, count: 1)
  var out = [UInt16](repeating: 0, count: 1)
  for b in bits where Float(bitPattern: b) <= 65504 {
    for sign in [UInt32(0), 0x8000_0000] {
      line[0] = Float(bitPattern: b | sign)
      line.withUnsafeBytes { from in
        out.withUnsafeMutableBytes { to in
          LowRankPack.copy(
            Matrix(start: from.baseAddress!, format: .f32, columns: 1, rows: 1), rows: 0..<1,
            to: to.baseAddress!, .f16)
        }
      }
      #expect(out[0] == Float16(line[0]).bitPattern, "\(line[0])")
    }
  }
  let m = TestMatrix(.f32, rows: 3, columns: 300, seed: 2)
  let w = Guarded(m)
  let greatest = withExtendedLifetime(w) { LowRankPack.greatest(w.matrix) }
  #expect(Double(greatest) == m.values.map(abs).max())
}
