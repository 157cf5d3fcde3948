// UTF-8, byte by byte.

import LintelCore

package enum Utf8 {
  /// The length that a lead byte announces; 0 for a continuation byte or one that never occurs.
  @inlinable package static func length(lead b: UInt8) -> Int {
    if b < 0x80 { return 1 }
    if b < 0xC2 { return 0 }
    if b < 0xE0 { return 2 }
    if b < 0xF0 { return 3 }
    return b < 0xF5 ? 4 : 0
  }

  /// The values that the byte after `lead` may take: shorter for E0 and F0 (overlong forms), ED
  /// (surrogates) and F4 (beyond U+10FFFF).
  package static func second(after lead: UInt8) -> (low: UInt8, high: UInt8) {
    switch lead {
    case 0xE0: (0xA0, 0xBF)
    case 0xED: (0x80, 0x9F)
    case 0xF0: (0x90, 0xBF)
    case 0xF4: (0x80, 0x8F)
    default: (0x80, 0xBF)
    }
  }

  /// The offset of the first byte that does not belong to a whole, valid character.
  package static func firstInvalid(_ text: Bytes) -> Int? {
    var i = 0
    while i < text.count {
      if i + 8 <= text.count && text.load(i, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
        i += 8
        continue
      }
      let n = length(lead: text[i])
      if n == 0 || n > text.count - i { return i }
      if n > 1 {
        let (low, high) = second(after: text[i])
        if text[i + 1] < low || text[i + 1] > high { return i }
        for k in 2..<max(n, 2) where text[i + k] & 0xC0 != 0x80 { return i }
      }
      i += n
    }
    return nil
  }

  /// The character at `i` of valid UTF-8, and the offset of the next. Never reads past the end.
  @inline(__always)
  package static func decode(_ text: Bytes, _ i: Int) -> (scalar: UInt32, next: Int) {
    let b = UInt32(text[i])
    if b < 0x80 { return (b, i + 1) }
    let n = length(lead: text[i])
    if n < 2 || n > text.count - i { return (0xFFFD, i + 1) }
    let c = UInt32(text[i + 1]) & 63
    if n == 2 { return ((b & 31) << 6 | c, i + 2) }
    let d = UInt32(text[i + 2]) & 63
    if n == 3 { return ((b & 15) << 12 | c << 6 | d, i + 3) }
    return ((b & 7) << 18 | c << 12 | d << 6 | UInt32(text[i + 3]) & 63, i + 4)
  }

  /// Writes a character at `at` and returns its length; the caller has left room for four bytes.
  package static func encode(_ c: UInt32, into out: Buffer<UInt8>, at: Int) -> Int {
    if c < 0x80 {
      out[at] = UInt8(truncatingIfNeeded: c)
      return 1
    }
    if c < 0x800 {
      out[at] = UInt8(truncatingIfNeeded: 0xC0 | c >> 6)
      out[at + 1] = UInt8(truncatingIfNeeded: 0x80 | c & 63)
      return 2
    }
    if c < 0x10000 {
      out[at] = UInt8(truncatingIfNeeded: 0xE0 | c >> 12)
      out[at + 1] = UInt8(truncatingIfNeeded: 0x80 | c >> 6 & 63)
      out[at + 2] = UInt8(truncatingIfNeeded: 0x80 | c & 63)
      return 3
    }
    out[at] = UInt8(truncatingIfNeeded: 0xF0 | c >> 18 & 7)
    out[at + 1] = UInt8(truncatingIfNeeded: 0x80 | c >> 12 & 63)
    out[at + 2] = UInt8(truncatingIfNeeded: 0x80 | c >> 6 & 63)
    out[at + 3] = UInt8(truncatingIfNeeded: 0x80 | c & 63)
    return 4
  }
}
