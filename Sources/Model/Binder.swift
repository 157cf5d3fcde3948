// Tensor directory -> typed, shape-checked pieces of layers. Every refusal names the tensor, what it
// is, and what was expected.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

package struct Binder {
  let directory: TensorDirectory
  let architecture: Architecture
  var nextId: Int32 = 0
  var nextInput: Int32 = 0

  init(_ directory: TensorDirectory, _ architecture: Architecture) {
    self.directory = directory
    self.architecture = architecture
  }

  /// `suffix`, or `blk.<block>.<suffix>` when `block` is not negative.
  struct Name {
    var bytes = InlineArray<96, UInt8>(repeating: 0)
    var count = 0

    init(_ block: Int, _ suffix: StaticString) {
      if block >= 0 {
        append("blk.")
        var digits = InlineArray<8, UInt8>(repeating: 0)
        var n = 0
        var v = block
        repeat {
          digits[n] = UInt8(truncatingIfNeeded: v % 10) + 48
          v /= 10
          n += 1
        } while v > 0 && n < 8
        while n > 0 {
          n -= 1
          push(digits[n])
        }
        append(".")
      }
      append(suffix)
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

    var sentence: Sentence {
      var s = Sentence()
      for i in 0..<count { s.appendByte(bytes[i]) }
      return s
    }
  }

  func find(_ block: Int, _ suffix: StaticString) -> TensorDirectory.Slot? {
    let name = Name(block, suffix)
    return withUnsafeBytes(of: name.bytes) { raw -> TensorDirectory.Slot? in
      guard let base = raw.baseAddress else { return nil }
      return directory.find(Bytes(start: base, count: name.count))
    }
  }

  func need(_ block: Int, _ suffix: StaticString) throws(Failure) -> TensorDirectory.Slot {
    guard let slot = find(block, suffix) else {
      throw Failure(
        .missing, "tensor \(Name(block, suffix).sentence) is missing; \(architecture.name) needs it")
    }
    return slot
  }

  func has(_ block: Int, _ suffix: StaticString) -> Bool { find(block, suffix) != nil }

  /// Refuses a tensor that stands for a known arrangement which this engine does not have.
  func refuse(
    _ block: Int, _ suffix: StaticString, _ arrangement: StaticString
  ) throws(Failure) {
    if let slot = find(block, suffix) {
      throw Failure(.unsupported, "tensor \(slot.entry.name) is \(arrangement), which is not supported")
    }
  }

  /// N of a name `blk.N.…`
  static func block(_ name: Bytes) -> Int? {
    if !name.hasPrefix("blk.") { return nil }
    var n = 0
    var i = 4
    while i < name.count && name[i] >= 48 && name[i] <= 57 && n < 1_000_000 {
      n = n * 10 + Int(name[i] - 48)
      i += 1
    }
    return i > 4 && i < name.count && name[i] == 46 ? n : nil
  }

  /// A float32 vector of `count` elements, in any arrangement of dimensions.
  func vector(_ block: Int, _ suffix: StaticString, _ count: Int) throws(Failure) -> Vector {
    let slot = try need(block, suffix)
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

  /// A number for an input that several maps share.
  mutating func sharedInput() -> Int32 {
    nextInput += 1
    return nextInput - 1
  }

  /// A matrix [columns, rows], or a stack of `stack` of them. Without `input` it has one of its own.
  mutating func linear(
    _ block: Int, _ suffix: StaticString, input: Int32? = nil, columns: Int, rows: Int,
    stack: Int = 1
  ) throws(Failure) -> Linear {
    let slot = try need(block, suffix)
    let e = slot.entry
    if e.ne0 != columns || e.ne1 != rows || e.ne2 != stack || e.ne3 != 1 {
      throw Failure(
        .shape,
        "tensor \(e.name) is [\(e.ne0), \(e.ne1), \(e.ne2), \(e.ne3)]; expected [\(columns), \(rows), \(stack)]"
      )
    }
    let l = Linear(
      matrix: Matrix(start: slot.start, format: e.format, columns: columns, rows: rows),
      id: nextId, input: input ?? sharedInput())
    nextId += 1
    if let i = directory.place(e.name) {
      directory.slots.base[i].linear = l.id
      directory.slots.base[i].input = l.input
    }
    return l
  }

  /// The width that a tensor's own shape declares: its ne1.
  func rows(of suffix: StaticString, _ block: Int) throws(Failure) -> Int {
    let slot = try need(block, suffix)
    if slot.entry.ne1 > ModelLimits.width {
      throw Failure(.limit, "tensor \(slot.entry.name) has \(slot.entry.ne1) rows")
    }
    return slot.entry.ne1
  }

  func need(_ value: Int?, _ key: StaticString) throws(Failure) -> Int {
    guard let value, value > 0 else {
      throw Failure(.missing, "key \(architecture.name).\(key) is missing or zero")
    }
    return value
  }

  mutating func dense(
    _ block: Int, _ embedding: Int, input: Int32? = nil, gate: StaticString, up: StaticString,
    down: StaticString
  ) throws(Failure) -> DenseFeedForward {
    let width = try rows(of: gate, block)
    let x = input ?? sharedInput()
    return DenseFeedForward(
      gate: try linear(block, gate, input: x, columns: embedding, rows: width),
      up: try linear(block, up, input: x, columns: embedding, rows: width),
      down: try linear(block, down, columns: width, rows: embedding))
  }

  /// Refuses the first tensor that nothing has asked for. Blocks from `layers` on are
  /// multi-token-prediction blocks, which plain decoding leaves alone.
  func refuseUnused(beyond layers: Int) throws(Failure) {
    for i in 0..<directory.slots.count where !directory.slots[i].isUsed {
      let name = directory.slots[i].entry.name
      if let block = Binder.block(name), block >= layers { continue }
      if name.hasPrefix("v.") || name.hasPrefix("mm.") {
        throw Failure(
          .unsupported, "tensor \(name) belongs to a vision tower; only text models are supported")
      }
      throw Failure(
        .unsupported,
        "tensor \(name) is not part of a \(architecture.name) text model")
    }
  }
}
