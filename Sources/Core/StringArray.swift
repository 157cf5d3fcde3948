// A GGUF array of strings, in place: each element is a little-endian u64 length and its bytes.
// Whoever makes one has proven that every element lies inside `bytes`; Weights does, on opening.

package struct StringArray: BitwiseCopyable, Sendable {
  package let bytes: Bytes
  package let count: Int

  package init(proven bytes: Bytes, count: Int) {
    self.bytes = bytes
    self.count = count
  }

  /// The element whose length word is at `offset`, and the offset of the next one.
  @inlinable package func element(at offset: Int) -> (Bytes, next: Int) {
    let length = Int(truncatingIfNeeded: UInt64(littleEndian: bytes.load(offset, as: UInt64.self)))
    let start = offset + 8
    return (bytes.slice(start, start + length), start + length)
  }
}
