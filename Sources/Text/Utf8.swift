// UTF-8, byte by byte.

package enum Utf8 {
  /// The length that a lead byte announces; 0 for a continuation byte or one that never occurs.
  @inlinable package static func length(lead b: UInt8) -> Int {
    if b < 0x80 { return 1 }
    if b < 0xC2 { return 0 }
    if b < 0xE0 { return 2 }
    if b < 0xF0 { return 3 }
    return b < 0xF5 ? 4 : 0
  }
}
