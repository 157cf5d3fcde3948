// Cutting text into the pieces inside which merging happens. Each model was trained with a regex;
// these are hand-written scanners that give the same pieces in one pass and without backtracking.
// `PreTokenizer+Kimi.swift` and `PreTokenizer+Qwen.swift` hold the two families.

import LintelCore

// (Raw values here and elsewhere: a bare enum brings a hash function that needs random numbers.)
package enum PreTokenizer: UInt8, Sendable {
  case kimiK2
  case qwen2
  case qwen35

  /// `name` is the value of tokenizer.ggml.pre.
  package init(named name: Bytes) throws(Failure) {
    if name == "kimi-k2" {
      self = .kimiK2
    } else if name == "qwen35" {
      self = .qwen35
    } else if name == "qwen2" {
      self = .qwen2
    } else {
      throw Failure(
        .unsupported,
        "tokenizer.ggml.pre is \(name); supported are kimi-k2, qwen35 and qwen2")
    }
  }

  /// The text is brought to Normalization Form C first.
  package var normalizes: Bool { self != .kimiK2 }

  /// The end of the piece that starts at `scanner.start`, which is not the end of the text.
  package func pieceEnd(_ scanner: inout Scanner) -> Int {
    switch self {
    case .kimiK2: scanner.kimiPiece()
    case .qwen2: scanner.qwenPiece(marks: 0)
    case .qwen35: scanner.qwenPiece(marks: CharacterClass.anyMark)
    }
  }
}

/// Looks at the characters of valid UTF-8. `sawEnd` tells whether the answer could change if more
/// text followed.
package struct Scanner {
  let text: Bytes
  package var start = 0
  package var sawEnd = false

  package init(_ text: Bytes) { self.text = text }

  /// Class and length of the character at `i`; class `end` behind the last one.
  @inline(__always)
  mutating func look(_ i: Int) -> (kind: UInt16, next: Int) {
    if i >= text.count {
      sawEnd = true
      return (CharacterClass.end, i)
    }
    let (scalar, next) = Utf8.decode(text, i)
    return (CharacterClass.of(scalar), next)
  }

  /// The end of the longest run of characters of `set` from `i` on.
  @inline(__always)
  mutating func run(_ i: Int, _ set: UInt16) -> Int {
    var i = i
    while true {
      let (kind, next) = look(i)
      if kind & set == 0 { return i }
      i = next
    }
  }

  mutating func byte(_ i: Int) -> UInt8 {
    if i < text.count { return text[i] }
    sawEnd = true
    return 0
  }

  /// The end of an English contraction at `i` - 's 't 're 've 'm 'll 'd, in any case - or `i`.
  mutating func contraction(_ i: Int) -> Int {
    if byte(i) != 0x27 { return i }
    let a = byte(i + 1) | 0x20
    switch a {
    case 0x73, 0x74, 0x6D, 0x64:  // s t m d
      return i + 2
    case 0x72, 0x76:  // re ve
      return byte(i + 2) | 0x20 == 0x65 ? i + 3 : i
    case 0x6C:  // ll
      return byte(i + 2) | 0x20 == 0x6C ? i + 3 : i
    default:
      // U+017F, the long s, is an s to a case-insensitive regex.
      return byte(i + 1) == 0xC5 && byte(i + 2) == 0xBF ? i + 3 : i
    }
  }

  /// ` ?[^\s\p{L}\p{N}]+[\r\n]*`, with `set` the characters of the middle; or `i`.
  mutating func punctuation(_ i: Int, _ set: UInt16) -> Int {
    let from = byte(i) == 0x20 ? i + 1 : i
    let end = run(from, set)
    return end == from ? i : run(end, CharacterClass.newline)
  }

  /// `\s*[\r\n]+|\s+(?!\S)|\s+` at a white-space character.
  mutating func whiteSpace(_ i: Int) -> Int {
    var end = i
    var afterNewline = i
    var last = i
    while true {
      let (kind, next) = look(end)
      if kind & CharacterClass.space == 0 {
        if afterNewline > i { return afterNewline }
        // The last blank stays with the word that follows, unless it is the only one.
        return kind == CharacterClass.end || last == i ? end : last
      }
      if kind == CharacterClass.newline { afterNewline = next }
      last = end
      end = next
    }
  }
}
