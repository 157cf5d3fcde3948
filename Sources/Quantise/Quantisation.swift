// One file into another: what the result will be, then row after row.

import CPlatform
import Dispatch
import LintelCore
import LintelKernels
import LintelWeights

/// A planned conversion. Everything that can be refused without reading weights is refused by
/// `init`.
package struct Quantisation {
  package struct Tensor {
    package let source: SourceTensor
    package let choice: Mixture.Choice
    /// From the start of the data.
    let offset: Int
    package let bytes: Int
  }

  package struct Progress {
    package let tensor: Tensor
    package let index: Int
    package let doneBytes: Int
    package let totalBytes: Int
  }

  package let source: Source
  package let recipe: Recipe
  package let tensors: [Tensor]
  package let fileBytes: Int
  private let header: [UInt8]

  package init(_ source: Source, _ recipe: Recipe) throws {
    self.source = source
    self.recipe = recipe
    let choices = Mixture.choose(recipe, source.facts, source.tensors)
    let alignment = source.container.alignment
    var offset = 0
    var tensors: [Tensor] = []
    for (t, choice) in zip(source.tensors, choices) {
      let bytes = t.entry.elements / choice.format.blockElements * choice.format.blockBytes
      tensors.append(Tensor(source: t, choice: choice, offset: offset, bytes: bytes))
      // No larger than the source, whose sizes have been checked.
      offset = (offset + bytes + alignment - 1) / alignment * alignment
    }
    self.tensors = tensors
    do throws(Failure) {
      header = try Header.make(source.container, recipe, tensors)
    } catch {
      throw QuantiseError(error, file: source.path)
    }
    fileBytes = header.count + offset
  }

  /// Writes the file at `path` with `threads` threads. `progress` is called after every slab of
  /// rows, on this thread; false from it stops the work, and no file appears.
  package func run(
    to path: String, threads: Int, progress: (Progress) -> Bool
  ) throws {
    let output = try Output(path: path, bytes: fileBytes)
    try header.withUnsafeBytes { try output.write($0) }
    var done = header.count
    let columnsMax = tensors.map { $0.source.entry.ne0 }.max() ?? 0
    let encoders = (0..<threads).map { _ in Encoder(columnsMax: columnsMax) }
    for (index, tensor) in tensors.enumerated() {
      func advance(_ bytes: UnsafeRawBufferPointer) throws {
        try output.write(bytes)
        done += bytes.count
        let now = Progress(
          tensor: tensor, index: index, doneBytes: done, totalBytes: fileBytes)
        if !progress(now) { throw QuantiseError("stopped; \(path) was not written") }
      }
      if tensor.choice.format == tensor.source.entry.format {
        try advance(UnsafeRawBufferPointer(start: tensor.source.start, count: tensor.bytes))
      } else {
        try encode(tensor, encoders, advance)
      }
      let next = index + 1 < tensors.count ? tensors[index + 1].offset : fileBytes - header.count
      let padding = [UInt8](repeating: 0, count: next - tensor.offset - tensor.bytes)
      try padding.withUnsafeBytes { try output.write($0) }
      done += padding.count
    }
    try output.finish()
  }

  /// Slabs of rows, each divided among the encoders.
  private func encode(
    _ tensor: Tensor, _ encoders: [Encoder],
    _ advance: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let entry = tensor.source.entry
    let rows = entry.ne1 * entry.ne2 * entry.ne3
    let matrix = Matrix(
      start: tensor.source.start, format: entry.format, columns: entry.ne0, rows: rows)
    let rowBytes = tensor.bytes / rows
    let slab = min(rows, max(16 * encoders.count, (4 << 20) / rowBytes))
    let blocks = UnsafeMutablePointer<UInt8>.allocate(capacity: slab * rowBytes)
    defer { blocks.deallocate() }
    let work = Work(matrix, tensor.choice.format, blocks, rowBytes)
    var from = 0
    while from < rows {
      let count = min(slab, rows - from)
      work.start(from, count)
      DispatchQueue.concurrentPerform(iterations: encoders.count) { work.share(encoders[$0]) }
      if let (row, what) = work.refusal {
        throw QuantiseError(
          "\(source.path): tensor \(tensor.source.name), row \(row): \(what)")
      }
      try advance(UnsafeRawBufferPointer(start: blocks, count: count * rowBytes))
      from += count
    }
  }
}

/// The rows of one slab, handed out a few at a time.
private final class Work: @unchecked Sendable {
  private let matrix: Matrix
  private let format: BlockFormat
  private let blocks: UnsafeMutablePointer<UInt8>
  private let rowBytes: Int
  private var next: UInt32 = 0
  private var from = 0
  private var count = 0
  /// The first row found that has no place in the format. Written under `lock`.
  private(set) var refusal: (row: Int, what: String)?
  private let lock = DispatchSemaphore(value: 1)

  init(
    _ matrix: Matrix, _ format: BlockFormat, _ blocks: UnsafeMutablePointer<UInt8>, _ rowBytes: Int
  ) {
    self.matrix = matrix
    self.format = format
    self.blocks = blocks
    self.rowBytes = rowBytes
  }

  func start(_ from: Int, _ count: Int) {
    self.from = from
    self.count = count
    next = 0
  }

  func share(_ encoder: Encoder) {
    let few = 4
    while true {
      let first = few * Int(lt_add_acq_rel(&next, 1) - 1)
      if first >= count { return }
      for i in first..<min(first + few, count) {
        Dequantise.row(matrix, from + i, into: encoder.row)
        let target = blocks + i * rowBytes
        if !encoder.isFinite(columns: matrix.columns) {
          refuse(from + i, "holds NaN or infinity")
        } else if !encoder.encode(format, columns: matrix.columns, into: target) {
          refuse(from + i, "holds values too large for the half precision scales of \(format.name)")
        }
      }
    }
  }

  private func refuse(_ row: Int, _ what: String) {
    lock.wait()
    defer { lock.signal() }
    if let refusal, refusal.row <= row { return }
    refusal = (row, what)
  }
}
