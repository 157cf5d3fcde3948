// GPT-2's byte-to-unicode alphabet. A vocabulary file cannot hold arbitrary bytes, so each byte is
// spelled as one printable character: 21..7E, A1..AC and AE..FF stand for themselves, and the other
// 68 bytes become U+0100..U+0143 in order. Both directions are arithmetic; nothing is stored.

import LintelCore

package enum ByteAlphabet {
  /// The code point that spells `byte`.
  package static func scalar(of byte: UInt8) -> UInt32 {
    let b = UInt32(byte)
    if b < 0x21 { return 0x100 + b }
    if b < 0x7F { return b }
    if b < 0xA1 { return 0x121 + b - 0x7F }
    return b == 0xAD ? 0x143 : b
  }

  /// The byte that a two-byte character spells, if it belongs to the alphabet.
  @inline(__always)
  static func byte(_ lead: UInt8, _ continuation: UInt8) -> UInt8? {
    if lead < 0xC2 || lead > 0xC5 || continuation & 0xC0 != 0x80 { return nil }
    let c = UInt32(lead & 31) << 6 | UInt32(continuation & 63)
    if c < 0x100 {
      return c >= 0xA1 && c != 0xAD ? UInt8(truncatingIfNeeded: c) : nil
    }
    if c < 0x121 { return UInt8(truncatingIfNeeded: c - 0x100) }
    if c < 0x143 { return UInt8(truncatingIfNeeded: c - 0x121 + 0x7F) }
    return c == 0x143 ? 0xAD : nil
  }
}

/// Walks the bytes that a token stands for. Characters outside the alphabet, and all of a token
/// that is spelled plainly (control and user-defined tokens are), stand for their own UTF-8.
struct Spelling {
  let text: Bytes
  let isPlain: Bool
  /// Whether a byte beyond ASCII stood for itself.
  var hasForeign = false
  private var i = 0

  init(_ text: Bytes, isPlain: Bool) {
    self.text = text
    self.isPlain = isPlain
  }

  @inline(__always) mutating func next() -> UInt8? {
    if i >= text.count { return nil }
    let b = text[i]
    i += 1
    if b < 0x80 { return b }
    if !isPlain && i < text.count, let spelled = ByteAlphabet.byte(b, text[i]) {
      i += 1
      return spelled
    }
    hasForeign = true
    return b
  }
}
