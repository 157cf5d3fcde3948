// Tensor entries and their directory: name -> where the bytes lie, what they mean.

import LintelCore

/// One tensor as the file declares it, proven to lie inside the file.
package struct TensorEntry: BitwiseCopyable {
  package let name: Bytes
  package let dimensions: Int
  /// ne0 is the contiguous one.
  package let ne0: Int
  package let ne1: Int
  package let ne2: Int
  package let ne3: Int
  package let format: BlockFormat
  package let offset: UInt64
  package let bytes: Int

  package var elements: Int { ne0 * ne1 * ne2 * ne3 }
}

package struct TensorCursor {
  var reader: ByteReader
  var left: Int

  init(bytes: Bytes, at offset: Int, count: Int) {
    reader = ByteReader(bytes, at: offset)
    left = count
  }

  package var offset: Int { reader.offset }

  package mutating func next() throws(Failure) -> TensorEntry? {
    if left == 0 { return nil }
    left -= 1
    let name = try reader.string(upTo: Container.nameBytesMax, "a tensor's name")
    if name.count == 0 { throw Failure(.format, "byte \(reader.offset): a tensor without a name") }
    let dimensions = try reader.read(UInt32.self, "a tensor's dimension count")
    if dimensions < 1 || dimensions > 4 {
      throw Failure(.format, "tensor \(name) has \(dimensions) dimensions; 1 to 4 are possible")
    }
    var ne = InlineArray<4, Int>(repeating: 1)
    var elements = 1
    for d in 0..<Int(dimensions) {
      let v = try reader.read(UInt64.self, "a tensor's dimension")
      if v == 0 || v > 1 << 40 {
        throw Failure(.format, "tensor \(name): dimension \(d) is \(v)")
      }
      ne[d] = Int(v)
      elements = try Checked.multiply(elements, ne[d], "a tensor's element count")
    }
    let raw = try reader.read(UInt32.self, "a tensor's type")
    guard let format = BlockFormat(rawValue: raw) else {
      throw Failure(
        .unsupported, "tensor \(name) is of type \(TensorCursor.typeName(raw)), which is not supported",
        needed: Int64(raw))
    }
    if ne[0] % format.blockElements != 0 {
      throw Failure(
        .shape,
        "tensor \(name): rows of \(ne[0]) elements are not whole \(format.name) blocks of \(format.blockElements)"
      )
    }
    let bytes = try Checked.multiply(
      elements / format.blockElements, format.blockBytes, "a tensor's size")
    let offset = try reader.read(UInt64.self, "a tensor's offset")
    return TensorEntry(
      name: name, dimensions: Int(dimensions), ne0: ne[0], ne1: ne[1], ne2: ne[2], ne3: ne[3],
      format: format, offset: offset, bytes: bytes)
  }

  /// Names of ggml's type numbers, for refusals.
  static func typeName(_ raw: UInt32) -> StaticString {
    switch raw {
    case 3: "Q4_1"
    case 9: "Q8_1"
    case 15: "Q8_K"
    case 16: "IQ2_XXS"
    case 17: "IQ2_XS"
    case 18: "IQ3_XXS"
    case 19: "IQ1_S"
    case 21: "IQ3_S"
    case 22: "IQ2_S"
    case 23: "IQ4_XS"
    case 24: "I8"
    case 25: "I16"
    case 26: "I32"
    case 27: "I64"
    case 28: "F64"
    case 29: "IQ1_M"
    case 34: "TQ1_0"
    case 35: "TQ2_0"
    case 39: "MXFP4"
    case 40: "NVFP4"
    default: "an unknown number"
    }
  }
}

/// All tensors of a file, sorted by name hash. Binding marks what it uses, so that a tensor which
/// nothing understands can be refused by name instead of being ignored.
package struct TensorDirectory: BitwiseCopyable {
  package struct Slot: BitwiseCopyable {
    var hash: UInt64
    package var entry: TensorEntry
    package var start: UnsafeRawPointer
    package var isUsed: Bool
    /// Its number as a linear map, and that of its input, for adapters; -1: it is no linear map.
    package var linear: Int32 = -1
    package var input: Int32 = -1
  }

  package let slots: Buffer<Slot>

  package init(arena: inout Arena, count: Int) throws(Failure) {
    slots = try arena.carve(Slot.self, count, "the tensor directory")
  }

  package func index(_ container: Container) throws(Failure) {
    var cursor = container.tensors()
    var i = 0
    while let entry = try cursor.next() {
      slots[i] = Slot(
        hash: entry.name.hash(), entry: entry, start: try container.start(of: entry),
        isUsed: false)
      i += 1
    }
    sort()
    if slots.count > 1 {
      for i in 1..<slots.count
      where slots[i].hash == slots[i - 1].hash && slots[i].entry.name == slots[i - 1].entry.name {
        throw Failure(.duplicate, "tensor \(slots[i].entry.name) occurs twice")
      }
    }
  }

  /// The tensor called `name`, marked as used; nil when there is none.
  package func find(_ name: Bytes) -> Slot? {
    guard let i = place(name) else { return nil }
    slots[i].isUsed = true
    return slots[i]
  }

  /// Where the tensor called `name` stands in `slots`.
  package func place(_ name: Bytes) -> Int? {
    let hash = name.hash()
    var low = 0
    var high = slots.count
    while low < high {
      let middle = (low + high) / 2
      if slots[middle].hash < hash { low = middle + 1 } else { high = middle }
    }
    while low < slots.count && slots[low].hash == hash {
      if slots[low].entry.name == name { return low }
      low += 1
    }
    return nil
  }

  /// Heap sort by (hash, name): in place, no recursion, n log n on any input.
  private func sort() {
    func less(_ a: Slot, _ b: Slot) -> Bool {
      if a.hash != b.hash { return a.hash < b.hash }
      let n = min(a.entry.name.count, b.entry.name.count)
      for i in 0..<n where a.entry.name[i] != b.entry.name[i] {
        return a.entry.name[i] < b.entry.name[i]
      }
      return a.entry.name.count < b.entry.name.count
    }
    func sift(_ root: Int, _ end: Int) {
      var root = root
      while root * 2 + 1 < end {
        var child = root * 2 + 1
        if child + 1 < end && less(slots[child], slots[child + 1]) { child += 1 }
        if !less(slots[root], slots[child]) { return }
        let t = slots[root]
        slots[root] = slots[child]
        slots[child] = t
        root = child
      }
    }
    let n = slots.count
    for i in stride(from: n / 2 - 1, through: 0, by: -1) { sift(i, n) }
    for end in stride(from: n - 1, to: 0, by: -1) {
      let t = slots[0]
      slots[0] = slots[end]
      slots[end] = t
      sift(0, end)
    }
  }
}
