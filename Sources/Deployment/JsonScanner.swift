// Strict JSON (RFC 8259), before libcjson sees it: libcjson takes more than the standard allows,
// and knows neither lines nor limits. What passes here is a text that libcjson reads as it is meant,
// in a known number of bytes.
//
// The same walk, with the tree that libcjson built, notes each item's line in it.

import CPlatform
import CcJSON
import LintelCore
import LintelText

struct JsonScanner {
  static var valuesMax: Int { 16384 }
  static var membersMax: Int { 1024 }
  /// libcjson reads numbers of up to 63 characters.
  static var numberBytesMax: Int { 60 }

  let text: Bytes
  let levelsMax: Int
  private(set) var at = 0
  private(set) var line = 1
  private var lineStart = 0
  private var values = 0
  /// At least what libcjson allocates for the tree.
  private(set) var heapBytes = 0

  init(_ text: Bytes, levelsMax: Int) {
    self.text = text
    self.levelsMax = levelsMax
  }

  /// Walks the whole text, and with it the tree below `root`, if there is one. On failure `line` is
  /// where it was found.
  mutating func scan(_ root: UnsafeMutablePointer<cJSON>?) throws(Failure) {
    if let offset = Utf8.firstInvalid(text) {
      for i in 0..<offset where text[i] == 0x0A { newLine(after: i) }
      throw Failure(
        .utf8, "column \(offset - lineStart + 1): the text is not UTF-8", needed: Int64(offset))
    }
    if text.hasPrefix("\u{FEFF}") { throw wrong("a byte order mark is not JSON: remove it") }
    skipSpace()
    try value(root, level: 0)
    skipSpace()
    if at < text.count { throw unexpected("the end of the text") }
  }

  private mutating func newLine(after i: Int) {
    line += 1
    lineStart = i + 1
  }

  private mutating func skipSpace() {
    while at < text.count {
      switch text[at] {
      case 0x0A: newLine(after: at)
      case 0x20, 0x09, 0x0D: break
      default: return
      }
      at += 1
    }
  }

  private mutating func value(
    _ item: UnsafeMutablePointer<cJSON>?, level: Int
  ) throws(Failure) {
    values += 1
    if values > JsonScanner.valuesMax {
      throw limit("there are more than \(JsonScanner.valuesMax) values", JsonScanner.valuesMax)
    }
    if level > levelsMax {
      throw limit("values are nested more than \(levelsMax) levels deep", levelsMax)
    }
    heapBytes += MemoryLayout<cJSON>.stride
    item?.pointee.valueint = Int32(truncatingIfNeeded: line)
    if at == text.count { throw unexpected("a value") }
    switch text[at] {
    case 0x7B: try object(item, level)
    case 0x5B: try array(item, level)
    case 0x22: try string()
    case 0x2D, 0x30...0x39: try number()
    case 0x74: try word("true")
    case 0x66: try word("false")
    case 0x6E: try word("null")
    default: throw unexpected("a value")
    }
  }

  private mutating func object(
    _ item: UnsafeMutablePointer<cJSON>?, _ level: Int
  ) throws(Failure) {
    at += 1
    skipSpace()
    if take(0x7D) { return }
    var child = item?.pointee.child
    var members = 0
    while true {
      members += 1
      if members > JsonScanner.membersMax {
        throw limit(
          "an object has more than \(JsonScanner.membersMax) keys", JsonScanner.membersMax)
      }
      let keyLine = line
      if at == text.count || text[at] != 0x22 { throw unexpected("a key in quotes") }
      try string()
      skipSpace()
      if !take(0x3A) { throw unexpected("a colon after the key") }
      skipSpace()
      try value(child, level: level + 1)
      child?.pointee.valueint = Int32(truncatingIfNeeded: keyLine)
      child = child?.pointee.next
      skipSpace()
      if take(0x7D) { return }
      if !take(0x2C) { throw unexpected("a comma or }") }
      skipSpace()
    }
  }

  private mutating func array(
    _ item: UnsafeMutablePointer<cJSON>?, _ level: Int
  ) throws(Failure) {
    at += 1
    skipSpace()
    if take(0x5D) { return }
    var child = item?.pointee.child
    while true {
      try value(child, level: level + 1)
      child = child?.pointee.next
      skipSpace()
      if take(0x5D) { return }
      if !take(0x2C) { throw unexpected("a comma or ]") }
      skipSpace()
    }
  }

  private mutating func string() throws(Failure) {
    let start = at
    at += 1
    while true {
      if at == text.count { throw wrong("the text ends inside a string") }
      let byte = text[at]
      if byte == 0x22 { break }
      if byte < 0x20 { throw wrong("a control character inside a string must be written as \\u") }
      at += 1
      if byte == 0x5C { try escape() }
    }
    at += 1
    heapBytes += at - start
  }

  private mutating func escape() throws(Failure) {
    if at == text.count { throw wrong("the text ends inside a string") }
    let byte = text[at]
    at += 1
    switch byte {
    case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: return
    case 0x75: break
    default:
      at -= 1
      throw unexpected("an escape that JSON has")
    }
    let first = try unit()
    if first == 0 { throw wrong("a string must not contain NUL") }
    if first & 0xF800 != 0xD800 { return }
    if first & 0xFC00 == 0xD800, at + 1 < text.count, text[at] == 0x5C, text[at + 1] == 0x75 {
      at += 2
      if try unit() & 0xFC00 == 0xDC00 { return }
    }
    throw wrong("half of a surrogate pair is no character")
  }

  /// Four hexadecimal digits.
  private mutating func unit() throws(Failure) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard at < text.count, let digit = Hexadecimal.value(text[at]) else {
        throw unexpected("four hexadecimal digits after \\u")
      }
      value = value << 4 | UInt32(digit)
      at += 1
    }
    return value
  }

  private mutating func number() throws(Failure) {
    let start = at
    _ = take(0x2D)
    if !take(0x30) {
      if digits() == 0 { throw unexpected("a digit") }
    }
    if take(0x2E), digits() == 0 { throw unexpected("a digit after the point") }
    if at < text.count, text[at] | 0x20 == 0x65 {
      at += 1
      if at < text.count, text[at] == 0x2B || text[at] == 0x2D { at += 1 }
      if digits() == 0 { throw unexpected("a digit of the exponent") }
    }
    if at - start > JsonScanner.numberBytesMax {
      throw limit(
        "a number has \(at - start) characters; at most \(JsonScanner.numberBytesMax) are read",
        JsonScanner.numberBytesMax)
    }
  }

  private mutating func digits() -> Int {
    let start = at
    while at < text.count, text[at] >= 0x30, text[at] <= 0x39 { at += 1 }
    return at - start
  }

  private mutating func word(_ word: StaticString) throws(Failure) {
    let end = at + word.utf8CodeUnitCount
    if end > text.count || !(text.slice(at, end) == word) { throw unexpected("a value") }
    at = end
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    if at == text.count || text[at] != byte { return false }
    at += 1
    return true
  }

  private var column: Int { at - lineStart + 1 }

  private func wrong(_ what: StaticString) -> Failure {
    Failure(.json, "column \(column): \(what)")
  }

  private func limit(_ what: Sentence, _ limit: Int) -> Failure {
    Failure(.limit, "column \(column): \(what)", available: Int64(limit))
  }

  private func unexpected(_ expected: StaticString) -> Failure {
    if at >= text.count {
      return Failure(.json, "column \(column): expected \(expected), but the text ends")
    }
    return Failure(
      .json, "column \(column): expected \(expected), found '\(text.slice(at, at + 1))'")
  }
}

enum Hexadecimal {
  static func value(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }
}
