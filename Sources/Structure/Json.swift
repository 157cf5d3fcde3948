// JSON read in place: the text stays the caller's, a value is the offset of its first byte. The whole
// text is checked once, with a limit to its depth; what walks it afterwards relies on that.

import LintelCore
import LintelText

package struct Json {
  package static var depthMax: Int { 64 }
  package static var bytesMax: Int { 1 << 20 }

  package enum Kind {
    case null
    case boolean
    case number
    case string
    case array
    case object
  }

  package let text: Bytes
  /// The offset of the outermost value.
  package private(set) var root = 0

  package init(_ text: Bytes) throws(Failure) {
    if text.count > Json.bytesMax {
      throw Failure(
        .grammarSize, "the text has \(text.count) bytes; at most \(Json.bytesMax) are read",
        needed: Int64(text.count), available: Int64(Json.bytesMax))
    }
    if let bad = Utf8.firstInvalid(text) {
      throw Failure(.schema, "byte \(bad) of the text is not UTF-8", needed: Int64(bad))
    }
    self.text = text
    root = skipSpace(0)
    let end = skipSpace(try check(root, 0))
    if end != text.count { throw broken(end, "the end of the text") }
  }

  // MARK: Checking

  private func broken(_ i: Int, _ expected: StaticString) -> Failure {
    Failure(
      .schema, "byte \(i) of the text is no JSON: expected \(expected)", needed: Int64(i))
  }

  private func byte(_ i: Int) -> UInt8 { i < text.count ? text[i] : 0 }

  package func skipSpace(_ from: Int) -> Int {
    var i = from
    while i < text.count, text[i] == 32 || text[i] == 10 || text[i] == 13 || text[i] == 9 { i += 1 }
    return i
  }

  /// Checks the value at `i` and returns the offset behind it.
  private func check(_ i: Int, _ depth: Int) throws(Failure) -> Int {
    if depth > Json.depthMax {
      throw Failure(
        .grammarSize, "byte \(i) of the text is nested deeper than \(Json.depthMax) levels",
        needed: Int64(depth), available: Int64(Json.depthMax))
    }
    switch byte(i) {
    case UInt8(ascii: "{"): return try checkList(i, UInt8(ascii: "}"), depth)
    case UInt8(ascii: "["): return try checkList(i, UInt8(ascii: "]"), depth)
    case UInt8(ascii: "\""): return try checkString(i)
    case UInt8(ascii: "t"): return try checkWord(i, "true")
    case UInt8(ascii: "f"): return try checkWord(i, "false")
    case UInt8(ascii: "n"): return try checkWord(i, "null")
    default: return try checkNumber(i)
    }
  }

  private func checkList(_ from: Int, _ close: UInt8, _ depth: Int) throws(Failure) -> Int {
    var i = skipSpace(from + 1)
    if byte(i) == close { return i + 1 }
    while true {
      if close == UInt8(ascii: "}") {
        if byte(i) != UInt8(ascii: "\"") { throw broken(i, "a name in quotes") }
        i = skipSpace(try checkString(i))
        if byte(i) != UInt8(ascii: ":") { throw broken(i, "a colon") }
        i = skipSpace(i + 1)
      }
      i = skipSpace(try check(i, depth + 1))
      if byte(i) == close { return i + 1 }
      if byte(i) != UInt8(ascii: ",") { throw broken(i, "a comma or the end of the list") }
      i = skipSpace(i + 1)
    }
  }

  private func checkWord(_ i: Int, _ word: StaticString) throws(Failure) -> Int {
    let n = word.utf8CodeUnitCount
    if text.count - i < n || !(text.slice(i, i + n) == word) { throw broken(i, "a value") }
    return i + n
  }

  private func checkNumber(_ from: Int) throws(Failure) -> Int {
    var i = from
    if byte(i) == UInt8(ascii: "-") { i += 1 }
    if !isDigit(i) { throw broken(i, "a value") }
    if byte(i) == UInt8(ascii: "0") { i += 1 } else { while isDigit(i) { i += 1 } }
    if byte(i) == UInt8(ascii: ".") {
      i += 1
      if !isDigit(i) { throw broken(i, "a digit") }
      while isDigit(i) { i += 1 }
    }
    if byte(i) | 32 == UInt8(ascii: "e") {
      i += 1
      if byte(i) == UInt8(ascii: "-") || byte(i) == UInt8(ascii: "+") { i += 1 }
      if !isDigit(i) { throw broken(i, "a digit") }
      while isDigit(i) { i += 1 }
    }
    return i
  }

  private func isDigit(_ i: Int) -> Bool { byte(i) >= 48 && byte(i) <= 57 }

  private func checkString(_ from: Int) throws(Failure) -> Int {
    var i = from + 1
    while i < text.count {
      let b = text[i]
      if b == UInt8(ascii: "\"") { return i + 1 }
      if b < 32 { throw broken(i, "no control character in a string") }
      if b != UInt8(ascii: "\\") {
        i += 1
        continue
      }
      switch byte(i + 1) {
      case UInt8(ascii: "u"):
        guard let (_, next) = escaped(i) else { throw broken(i, "a character after \\u") }
        i = next
      case 34, 47, 92, 98, 102, 110, 114, 116: i += 2
      default: throw broken(i, "an escape that JSON knows")
      }
    }
    throw broken(i, "the end of the string")
  }

  /// The character of the \u at `i`, with the second half of a pair, and the offset behind it.
  func escaped(_ i: Int) -> (UInt32, Int)? {
    guard let first = hex(i + 2) else { return nil }
    if first < 0xD800 || first > 0xDFFF { return (first, i + 6) }
    if first > 0xDBFF || byte(i + 6) != 92 || byte(i + 7) != 117 { return nil }
    guard let second = hex(i + 8), second >= 0xDC00, second <= 0xDFFF else { return nil }
    return (0x10000 + (first - 0xD800) << 10 + (second - 0xDC00), i + 12)
  }

  private func hex(_ from: Int) -> UInt32? {
    var value: UInt32 = 0
    for i in from..<from + 4 {
      guard let digit = Json.hexDigit(byte(i)) else { return nil }
      value = value << 4 | digit
    }
    return value
  }

  static func hexDigit(_ b: UInt8) -> UInt32? {
    if b >= 48 && b <= 57 { return UInt32(b) - 48 }
    let lower = b | 32
    return lower >= 97 && lower <= 102 ? UInt32(lower) - 87 : nil
  }

  // MARK: Walking what was checked

  package func kind(_ value: Int) -> Kind {
    switch byte(value) {
    case UInt8(ascii: "{"): .object
    case UInt8(ascii: "["): .array
    case UInt8(ascii: "\""): .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): .boolean
    case UInt8(ascii: "n"): .null
    default: .number
    }
  }

  package func isTrue(_ value: Int) -> Bool { byte(value) == UInt8(ascii: "t") }
  package func isFalse(_ value: Int) -> Bool { byte(value) == UInt8(ascii: "f") }

  /// The offset behind a value.
  package func end(_ value: Int) -> Int {
    var i = value
    var depth = 0
    repeat {
      switch byte(i) {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        i += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        i += 1
      case UInt8(ascii: "\""):
        i += 1
        while i < text.count && text[i] != UInt8(ascii: "\"") {
          i += text[i] == UInt8(ascii: "\\") ? 2 : 1
        }
        i += 1
      case UInt8(ascii: ","), UInt8(ascii: ":"), 32, 10, 13, 9: i += 1
      default:
        while i < text.count {
          let b = text[i]
          if b == 44 || b == 93 || b == 125 || b == 32 || b == 10 || b == 13 || b == 9 { break }
          i += 1
        }
      }
    } while depth > 0 && i < text.count
    return min(i, text.count)
  }

  package func bytes(_ value: Int) -> Bytes { text.slice(value, end(value)) }

  /// The parts of an object or array, in order.
  package struct Parts {
    let json: Json
    let isObject: Bool
    private var i: Int

    package init(_ json: Json, _ value: Int) {
      self.json = json
      isObject = json.kind(value) == .object
      i = json.skipSpace(value + 1)
    }

    /// A name (its value again, in arrays) and a value.
    package mutating func next() -> (name: Int, value: Int)? {
      if i >= json.text.count || json.text[i] == 93 || json.text[i] == 125 { return nil }
      if json.text[i] == 44 { i = json.skipSpace(i + 1) }
      let name = i
      var value = i
      if isObject {
        value = json.skipSpace(json.end(name))
        value = json.skipSpace(value + 1)
      }
      i = json.skipSpace(json.end(value))
      return (name, value)
    }
  }

  package func parts(_ value: Int) -> Parts { Parts(self, value) }

  package func count(_ value: Int) -> Int {
    var n = 0
    var p = parts(value)
    while p.next() != nil { n += 1 }
    return n
  }

  /// The member called `name`, if there is one.
  package func member(_ object: Int, _ name: StaticString) -> Int? {
    var p = parts(object)
    while let part = p.next() {
      if equals(part.name, name) { return part.value }
    }
    return nil
  }

  // MARK: Strings

  /// The characters of a string value.
  package struct Characters {
    let json: Json
    private var i: Int

    package init(_ json: Json, _ value: Int) {
      self.json = json
      i = value + 1
    }

    package mutating func next() -> UInt32? {
      let b = json.byte(i)
      if b == UInt8(ascii: "\"") || i >= json.text.count { return nil }
      if b != UInt8(ascii: "\\") {
        let (c, next) = Utf8.decode(json.text, i)
        i = next
        return c
      }
      let e = json.byte(i + 1)
      if e == UInt8(ascii: "u") {
        guard let (c, next) = json.escaped(i) else { return nil }
        i = next
        return c
      }
      i += 2
      switch e {
      case UInt8(ascii: "b"): return 8
      case UInt8(ascii: "f"): return 12
      case UInt8(ascii: "n"): return 10
      case UInt8(ascii: "r"): return 13
      case UInt8(ascii: "t"): return 9
      default: return UInt32(e)
      }
    }
  }

  package func characters(_ value: Int) -> Characters { Characters(self, value) }

  package func equals(_ value: Int, _ name: StaticString) -> Bool {
    if kind(value) != .string { return false }
    var c = characters(value)
    let p = name.utf8Start
    for i in 0..<name.utf8CodeUnitCount where c.next() != UInt32(p[i]) { return false }
    return c.next() == nil
  }

  /// Whether two strings say the same.
  package func equals(_ a: Int, _ b: Int) -> Bool {
    var x = characters(a)
    var y = characters(b)
    while true {
      let p = x.next()
      if p != y.next() { return false }
      if p == nil { return true }
    }
  }

  func hash(_ string: Int) -> UInt64 {
    var h: UInt64 = 0xcbf2_9ce4_8422_2325
    var c = characters(string)
    while let x = c.next() { h = (h ^ UInt64(x)) &* 0x100_0000_01b3 }
    return h
  }

  /// A whole number from 0 to `limit`, or nil.
  package func count(_ value: Int, upTo limit: Int) -> Int? {
    guard kind(value) == .number, let d = Decimal(bytes(value)), d.isWhole, !d.isNegative
    else { return nil }
    var n = 0
    for i in 0..<d.whole {
      n = n * 10 + Int(d.digit(i))
      if n > limit { return nil }
    }
    return n
  }

  // MARK: Paths

  /// Where `target` is, as a JSON pointer, for complaints.
  package func path(_ target: Int) -> Sentence {
    var s = Sentence()
    var value = root
    outer: while value < target {
      var p = parts(value)
      var n = 0
      while let part = p.next() {
        if target < end(part.value) && target >= part.name {
          s.append("/")
          if kind(value) == .object {
            s.append(untrusted: text.slice(part.name + 1, end(part.name) - 1), limit: 40)
          } else {
            s.append(UInt64(n))
          }
          if target == part.name { break outer }
          value = part.value
          continue outer
        }
        n += 1
      }
      break
    }
    if s.count == 0 { s.append("the top") }
    return s
  }
}
