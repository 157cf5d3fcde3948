// Measure, carve, seal. An arena hands out 64-byte aligned slices of one block, in order.
//
// A measuring arena has no block: the same initialisers run over it and only add up sizes. The
// memory plan is therefore the code that carves, and cannot drift from it.

package struct Arena {
  package static var alignment: Int { 64 }

  let base: UnsafeMutableRawPointer?
  package let capacity: Int
  package private(set) var used = 0
  private var isSealed = false

  /// Carves from `memory`, which must be 64-byte aligned.
  package init(memory: UnsafeMutableRawPointer, bytes: Int) {
    base = memory
    capacity = bytes
  }

  private init() {
    base = nil
    capacity = Int.max / 2
  }

  package static func measuring() -> Arena { Arena() }

  package var isMeasuring: Bool { base == nil }

  package mutating func carve<T: BitwiseCopyable>(
    _ type: T.Type, _ count: Int, _ what: StaticString
  ) throws(Failure) -> Buffer<T> {
    let bytes = try Checked.multiply(count, MemoryLayout<T>.stride, what)
    let rounded = try Checked.alignUp(bytes, Arena.alignment, what)
    let end = try Checked.add(used, rounded, what)
    if isSealed || end > capacity {
      throw Failure(
        .budget, "\(what) needs \(rounded) bytes, but only \(capacity - used) are left",
        needed: Int64(rounded), available: Int64(capacity - used))
    }
    let start: UnsafeMutableRawPointer
    if let base {
      start = base + used
    } else if let nowhere = UnsafeMutableRawPointer(bitPattern: Arena.alignment) {
      start = nowhere
    } else {
      throw Failure(.state, "unreachable: a non-zero bit pattern is a pointer")
    }
    used = end
    return Buffer(base: start.bindMemory(to: T.self, capacity: count), count: count)
  }

  /// No more carving: a later `carve` is refused.
  package mutating func seal() { isSealed = true }
}
