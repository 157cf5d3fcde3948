// What a pre-tokenizer needs to know about a character: one of twelve classes, each a bit, so that
// a set of classes is a mask. The regexes of the models are written in general categories
// (L, Lu, Ll, M, N), White_Space and the script Han. Tables: Unicode 16.0, 10 KB, three steps.

package enum CharacterClass {
  package static var other: UInt16 { 1 << 0 }
  /// CR and LF.
  package static var newline: UInt16 { 1 << 1 }
  /// White_Space without CR and LF.
  package static var blank: UInt16 { 1 << 2 }
  /// Lu and Lt.
  package static var upper: UInt16 { 1 << 3 }
  package static var lower: UInt16 { 1 << 4 }
  /// Lm and Lo outside Han.
  package static var caseless: UInt16 { 1 << 5 }
  package static var mark: UInt16 { 1 << 6 }
  package static var number: UInt16 { 1 << 7 }
  package static var hanOther: UInt16 { 1 << 8 }
  package static var hanLetter: UInt16 { 1 << 9 }
  package static var hanMark: UInt16 { 1 << 10 }
  package static var hanNumber: UInt16 { 1 << 11 }
  /// No character: the end of the text. Member of no other set.
  package static var end: UInt16 { 1 << 15 }

  package static var space: UInt16 { newline | blank }
  package static var letter: UInt16 { upper | lower | caseless | hanLetter }
  package static var anyMark: UInt16 { mark | hanMark }
  package static var anyNumber: UInt16 { number | hanNumber }
  package static var han: UInt16 { hanOther | hanLetter | hanMark | hanNumber }

  package static func of(_ scalar: UInt32) -> UInt16 {
    if scalar >= 0x32400 {
      // Variation selectors are the only classified characters up there.
      return scalar >= 0xE0100 && scalar <= 0xE01EF ? mark : other
    }
    let c = Int(scalar)
    let page = Int(field(unicodeClassPages[c >> 12], (c >> 9) & 7, 8))
    let middle = page << 4 | (c >> 5) & 15
    let block = Int(field(unicodeClassBlocks[middle >> 2], middle & 3, 16))
    let leaf = block << 1 | (c >> 4) & 1
    return 1 << UInt16(truncatingIfNeeded: field(unicodeClassNibbles[leaf], c & 15, 4))
  }

  /// Field `index` of a word of `bits`-wide fields, lowest first.
  @inline(__always) static func field(_ word: UInt64, _ index: Int, _ bits: Int) -> UInt64 {
    word &>> UInt64(index &* bits) & (1 &<< UInt64(bits) &- 1)
  }
}
