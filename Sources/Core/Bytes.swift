// Read-only bytes that somebody else keeps alive: a mapping, the caller's argument, a literal.

package struct Bytes: BitwiseCopyable, @unchecked Sendable {
  package let start: UnsafeRawPointer
  package let count: Int

  @inlinable package init(start: UnsafeRawPointer, count: Int) {
    self.start = start
    self.count = count
  }

  @inlinable package init(_ text: StaticString) {
    self.init(start: UnsafeRawPointer(text.utf8Start), count: text.utf8CodeUnitCount)
  }

  @inlinable package subscript(i: Int) -> UInt8 {
    start.load(fromByteOffset: i, as: UInt8.self)
  }

  /// The bytes `from ..< to`; the caller has checked the bounds.
  @inlinable package func slice(_ from: Int, _ to: Int) -> Bytes {
    Bytes(start: start + from, count: to - from)
  }

  @inlinable package func load<T: BitwiseCopyable>(_ offset: Int, as type: T.Type) -> T {
    start.loadUnaligned(fromByteOffset: offset, as: type)
  }

  package static func == (a: Bytes, b: Bytes) -> Bool {
    if a.count != b.count { return false }
    for i in 0..<a.count where a[i] != b[i] { return false }
    return true
  }

  package static func == (a: Bytes, b: StaticString) -> Bool { a == Bytes(b) }

  package func hasPrefix(_ prefix: StaticString) -> Bool {
    let n = prefix.utf8CodeUnitCount
    return count >= n && slice(0, n) == Bytes(prefix)
  }

  package func hasSuffix(_ suffix: StaticString) -> Bool {
    let n = suffix.utf8CodeUnitCount
    return count >= n && slice(count - n, count) == Bytes(suffix)
  }

  /// FNV-1a, 64 bits.
  package func hash() -> UInt64 {
    var h: UInt64 = 0xcbf2_9ce4_8422_2325
    for i in 0..<count { h = (h ^ UInt64(self[i])) &* 0x100_0000_01b3 }
    return h
  }
}

/// A bounds-checked little-endian cursor. Every failure names the byte offset.
package struct ByteReader {
  package let bytes: Bytes
  package private(set) var offset: Int

  package init(_ bytes: Bytes, at offset: Int = 0) {
    self.bytes = bytes
    self.offset = offset
  }

  package mutating func read<T: FixedWidthInteger & BitwiseCopyable>(
    _ type: T.Type, _ what: StaticString
  ) throws(Failure) -> T {
    let width = MemoryLayout<T>.size
    try need(width, what)
    let v = bytes.load(offset, as: type)
    offset += width
    return T(littleEndian: v)
  }

  package mutating func take(_ count: Int, _ what: StaticString) throws(Failure) -> Bytes {
    try need(count, what)
    let b = bytes.slice(offset, offset + count)
    offset += count
    return b
  }

  package func need(_ count: Int, _ what: StaticString) throws(Failure) {
    if count < 0 || count > bytes.count - offset {
      throw Failure(
        .truncated,
        "\(what) at byte \(offset) needs \(count) bytes, but the file ends at byte \(bytes.count)",
        needed: Int64(count), available: Int64(bytes.count - offset))
    }
  }
}
