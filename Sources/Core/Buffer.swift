// A typed slice of an arena. Trivially copyable: the arena owns the bytes, and whoever owns the
// arena's region decides how long they live. A buffer from a measuring arena has the right count
// and must not be dereferenced.

package struct Buffer<Element: BitwiseCopyable>: BitwiseCopyable, @unchecked Sendable {
  package let base: UnsafeMutablePointer<Element>
  package let count: Int

  @inlinable package init(base: UnsafeMutablePointer<Element>, count: Int) {
    self.base = base
    self.count = count
  }

  @inlinable package subscript(i: Int) -> Element {
    get { base[i] }
    nonmutating set { base[i] = newValue }
  }

  @inlinable package static func + (b: Buffer, i: Int) -> UnsafeMutablePointer<Element> {
    b.base + i
  }

  /// What is left behind the first `n` elements; the caller has checked that there are as many.
  @inlinable package func dropping(_ n: Int) -> Buffer {
    Buffer(base: base + n, count: count - n)
  }

  package func fill(_ value: Element) {
    for i in 0..<count { base[i] = value }
  }

  package var bytes: Bytes {
    Bytes(start: UnsafeRawPointer(base), count: count * MemoryLayout<Element>.stride)
  }
}
