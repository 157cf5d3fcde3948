// What the product tests stand on: inputs in an arena, matrices at the end of readable memory.
import CPlatform
import LintelCore

import LintelKernels

/// Activations that own their memory.
final class Inputs {
  var activations: Activations
  private let memory: UnsafeMutableRawPointer

  init(rows: Int, columns: Int, level: Level) throws(Failure) {
    var measuring = Arena.measuring()
    _ = try Activations(arena: &measuring, rowsMax: rows, columnsMax: columns)
    memory = .allocate(byteCount: measuring.used, alignment: 64)
    var arena = Arena(memory: memory, bytes: measuring.used)
    activations = try Activations(arena: &arena, rowsMax: rows, columnsMax: columns)
    activations.level = level
  }

  deinit { memory.deallocate() }

  func fill(_ values: [Float]) {
    for (i, v) in values.enumerated() { activations.floats[i] = v }
    activations.quantise(
      rows: 0..<(values.count / activations.columns), forms: .all)
  }
}

/// A copy of a matrix whose last byte is the last one before an unmapped page.
final class Guarded {
  let matrix: Matrix
  private let mapping: UnsafeMutableRawPointer
  private let length: Int

  init(_ m: TestMatrix) {
    let page = Int(lt_page_bytes())
    let readable = (m.bytes.count + page - 1) / page * page
    length = readable + page
    mapping = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    precondition(mprotect(mapping + readable, page, PROT_NONE) == 0)
    let start = mapping + (readable - m.bytes.count)
    start.copyMemory(from: m.bytes, byteCount: m.bytes.count)
    matrix = Matrix(start: start, format: m.format, columns: m.columns, rows: m.rows)
  }

  deinit { munmap(mapping, length) }
}

/// The levels this machine can run.
let levels: [Level] = Level.detect() == .wide ? [.baseline, .wide] : [.baseline]

func product(
  _ matrix: Matrix, _ x: Inputs, rows: Int, weightRows: Range<Int>? = nil,
  numbers: [Int32]? = nil, float: Bool = false, add: [Float]? = nil
) -> [Float] {
  let stride = matrix.rows + 3
  var y = add ?? [Float](repeating: .nan, count: rows * stride)
  y.withUnsafeMutableBufferPointer { y in
    guard let base = y.baseAddress else { return }
    func run(_ n: UnsafePointer<Int32>?) {
      Product.run(
        matrix, weightRows: weightRows ?? 0..<matrix.rows, input: x.activations, inputRows: rows,
        rowNumbers: n, output: base, outputStride: stride, mode: add == nil ? .set : .add,
        float: float)
    }
    if let numbers { numbers.withUnsafeBufferPointer { run($0.baseAddress) } } else { run(nil) }
  }
  return y
}

/// The same with the matrix kept alive by its owner.
func product(
  _ w: Guarded, _ x: Inputs, rows: Int, weightRows: Range<Int>? = nil, numbers: [Int32]? = nil,
  float: Bool = false, add: [Float]? = nil
) -> [Float] {
  withExtendedLifetime(w) {
    product(
      w.matrix, x, rows: rows, weightRows: weightRows, numbers: numbers, float: float, add: add)
  }
}
