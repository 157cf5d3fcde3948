// Tensor directory -> typed, shape-checked pieces of an image network. Every refusal names the tensor,
// what it is, and what was expected.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

struct ImageBinder {
  let directory: TensorDirectory

  init(_ directory: TensorDirectory) { self.directory = directory }

  /// `suffix` with `end`, of block or stage `n` unless that is negative.
  struct Name {
    var bytes = InlineArray<96, UInt8>(repeating: 0)
    var count = 0

    init(_ n: Int, _ suffix: StaticString, _ end: StaticString, isStage: Bool) {
      if n >= 0 {
        append(isStage ? "stage." : "blk.")
        if n >= 1000 { push(UInt8(48 + n / 1000 % 10)) }
        if n >= 100 { push(UInt8(48 + n / 100 % 10)) }
        if n >= 10 { push(UInt8(48 + n / 10 % 10)) }
        push(UInt8(48 + n % 10))
        append(".")
      }
      append(suffix)
      append(end)
    }

    mutating func append(_ s: StaticString) {
      for i in 0..<s.utf8CodeUnitCount { push(s.utf8Start[i]) }
    }

    mutating func push(_ b: UInt8) {
      if count < 96 {
        bytes[count] = b
        count += 1
      }
    }
  }

  private func need(
    _ n: Int, _ suffix: StaticString, _ end: StaticString, isStage: Bool
  ) throws(Failure) -> TensorDirectory.Slot {
    let name = Name(n, suffix, end, isStage: isStage)
    let slot = withUnsafeBytes(of: name.bytes) { raw -> TensorDirectory.Slot? in
      guard let base = raw.baseAddress else { return nil }
      return directory.find(Bytes(start: base, count: name.count))
    }
    if let slot { return slot }
    var s = Sentence()
    for i in 0..<name.count { s.appendByte(name.bytes[i]) }
    throw Failure(.missing, "tensor \(s) is missing; this polaformer needs it")
  }

  /// A float32 vector of `count` elements, in any arrangement of dimensions.
  func vector(
    _ n: Int, _ suffix: StaticString, end: StaticString = "", isStage: Bool = false,
    _ count: Int
  ) throws(Failure) -> ConstFloats {
    let slot = try need(n, suffix, end, isStage: isStage)
    if slot.entry.elements != count {
      throw Failure(
        .shape,
        "tensor \(slot.entry.name) has \(slot.entry.elements) elements; expected \(count)",
        needed: Int64(count), available: Int64(slot.entry.elements))
    }
    if slot.entry.format != .f32 {
      throw Failure(
        .unsupported, "tensor \(slot.entry.name) is \(slot.entry.format.name); it must be F32")
    }
    return slot.start.assumingMemoryBound(to: Float.self)
  }

  func norm(
    _ n: Int, _ suffix: StaticString, isStage: Bool = false, _ count: Int
  ) throws(Failure) -> NormWeights {
    NormWeights(
      weight: try vector(n, suffix, end: ".weight", isStage: isStage, count),
      bias: try vector(n, suffix, end: ".bias", isStage: isStage, count))
  }

  func matrix(
    _ n: Int, _ suffix: StaticString, _ end: StaticString = "", isStage: Bool = false,
    columns: Int, rows: Int
  ) throws(Failure) -> Matrix {
    let slot = try need(n, suffix, end, isStage: isStage)
    let e = slot.entry
    if e.ne0 != columns || e.ne1 != rows || e.ne2 != 1 || e.ne3 != 1 {
      throw Failure(
        .shape,
        "tensor \(e.name) is [\(e.ne0), \(e.ne1), \(e.ne2), \(e.ne3)]; expected [\(columns), \(rows)]"
      )
    }
    return Matrix(start: slot.start, format: e.format, columns: columns, rows: rows)
  }

  func affine(
    _ n: Int, _ suffix: StaticString, isStage: Bool = false, columns: Int, rows: Int,
    hasBias: Bool = true
  ) throws(Failure) -> Affine {
    Affine(
      matrix: try matrix(n, suffix, ".weight", isStage: isStage, columns: columns, rows: rows),
      bias: hasBias ? try vector(n, suffix, end: ".bias", isStage: isStage, rows) : nil)
  }

  /// Refuses the first tensor that nothing has asked for.
  func refuseUnused() throws(Failure) {
    for i in 0..<directory.slots.count where !directory.slots[i].isUsed {
      throw Failure(
        .unsupported,
        "tensor \(directory.slots[i].entry.name) is not part of a polaformer of this shape")
    }
  }
}
