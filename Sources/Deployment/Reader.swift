// The values of a configuration, checked: each function reports what is wrong with an item and
// answers nil, so that reading goes on.

import CPlatform
import CcJSON
import LintelCore

struct Reader {
  var specification: Specification
  var problems: Problems
  /// Of the configuration's path, with its last slash: what paths in it are relative to.
  let directory: Bytes

  init(_ specification: Specification, _ problems: Problems, directory: Bytes) {
    self.specification = specification
    self.problems = problems
    self.directory = directory
  }

  /// Whether the item is of this kind.
  mutating func expect(_ item: JsonItem, _ kind: JsonKind, _ place: Place) -> Bool {
    if item.kind == kind { return true }
    problems.report(place, .value, "expected \(kind.name), found \(item.kind.name)")
    return false
  }

  /// Whether the item is an object; keys that occur twice are reported.
  mutating func object(_ item: JsonItem, _ place: Place) -> Bool {
    if !expect(item, .object, place) { return false }
    var member = item.child
    while let m = member {
      var earlier = item.child
      while let e = earlier, e != m {
        if e.key == m.key {
          problems.report(
            place.key(m.key, line: m.line), .duplicate,
            "the key occurs twice: first on line \(e.line)")
          break
        }
        earlier = e.next
      }
      member = m.next
    }
    return true
  }

  mutating func unknown(_ place: Place, _ known: StaticString) {
    problems.report(place, .key, "there is no such key here; there are \(known)")
  }

  /// The key of a model, an adapter or a session, which is its name.
  mutating func name(_ item: JsonItem, _ place: Place) {
    if !Place.isPlain(item.key) {
      problems.report(
        place, .value, "a name has 1 to 63 letters, digits, '_', '-' or '$' and nothing else")
    }
  }

  mutating func text(_ item: JsonItem, _ place: Place, upTo limit: Int) -> Bytes? {
    if !expect(item, .string, place) { return nil }
    let text = item.text
    if text.count == 0 || text.count > limit {
      problems.report(
        place, .value, "the text has \(text.count) bytes; 1 to \(limit) are possible")
      return nil
    }
    return text
  }

  mutating func flag(_ item: JsonItem, _ place: Place) -> Bool? {
    expect(item, .flag, place) ? item.isTrue : nil
  }

  mutating func integer(_ item: JsonItem, _ place: Place, _ low: Int, _ high: Int) -> Int? {
    if !expect(item, .number, place) { return nil }
    let value = item.number
    // Written so that a NaN fails; beyond 2^53 not every whole number is one of JSON's.
    if !(value >= Double(low) && value <= Double(high)) || value != value.rounded(.towardZero) {
      problems.report(
        place, .value, "expected a whole number from \(low) to \(high), found \(shown(value))")
      return nil
    }
    return Int(value)
  }

  mutating func number(
    _ item: JsonItem, _ place: Place, _ low: Double, _ high: Double
  ) -> Float? {
    if !expect(item, .number, place) { return nil }
    let value = item.number
    if !(value >= low && value <= high) {
      problems.report(
        place, .value,
        "expected a number from \(shown(low)) to \(shown(high)), found \(shown(value))")
      return nil
    }
    return Float(value)
  }

  /// Which of three words the item is.
  mutating func choice(
    _ item: JsonItem, _ place: Place, _ a: StaticString, _ b: StaticString, _ c: StaticString
  ) -> Int? {
    if !expect(item, .string, place) { return nil }
    let text = item.text
    if text == a { return 0 }
    if text == b { return 1 }
    if text == c { return 2 }
    problems.report(place, .value, "'\(text)' is none of \(a), \(b) and \(c)")
    return nil
  }

  /// Bytes: a whole number, or one with a unit such as "96 MiB".
  mutating func size(_ item: JsonItem, _ place: Place) -> Int? {
    if item.kind == .number { return integer(item, place, 1, Size.bytesMax) }
    if item.kind != .string {
      problems.report(
        place, .value,
        "expected bytes, such as 1048576 or \"96 MiB\", found \(item.kind.name)")
      return nil
    }
    if let bytes = Size.bytes(item.text) { return bytes }
    problems.report(
      place, .value,
      "'\(item.text)' is no size from 1 byte to 256 TiB; write a whole number and B, KiB, MiB, GiB, kB, MB or GB, such as \"96 MiB\""
    )
    return nil
  }

  /// The SHA-256 of a file, in hexadecimal.
  mutating func hash(_ item: JsonItem, _ place: Place) -> Sha256.Digest? {
    if !expect(item, .string, place) { return nil }
    let text = item.text
    var digest = Sha256.Digest(repeating: 0)
    for i in 0..<min(text.count, 64) {
      guard let digit = Hexadecimal.value(text[i]) else {
        problems.report(place, .value, "a SHA-256 is 64 hexadecimal digits")
        return nil
      }
      digest[i >> 1] = digest[i >> 1] << 4 | digit
    }
    if text.count != 64 {
      problems.report(
        place, .value, "a SHA-256 is 64 hexadecimal digits; this text has \(text.count)")
      return nil
    }
    return digest
  }

  /// A file's path, absolute or below the configuration's directory, NUL-terminated.
  mutating func path(_ item: JsonItem, _ place: Place) -> Bytes? {
    guard let text = text(item, place, upTo: Limits.pathBytes) else { return nil }
    let isAbsolute = text[0] == 0x2F
    let prefix = isAbsolute ? 0 : directory.count
    let room = specification.paths
    let start = specification.pathBytes
    let end = start + prefix + text.count
    if prefix + text.count > Limits.pathBytes || end >= room.count {
      problems.report(
        place, .limit,
        "with the configuration's directory the path has \(prefix + text.count) bytes; at most \(Limits.pathBytes) are possible"
      )
      return nil
    }
    for i in 0..<prefix { room[start + i] = directory[i] }
    for i in 0..<text.count { room[start + prefix + i] = text[i] }
    room[end] = 0
    specification.pathBytes = end + 1
    return Bytes(start: UnsafeRawPointer(room + start), count: prefix + text.count)
  }

  /// A number in a sentence; three decimals are enough for a complaint.
  private func shown(_ value: Double) -> Sentence {
    var s = Sentence()
    if value < 0 { s.append("-") }
    let magnitude = value.magnitude
    if !(magnitude < 9e15) {
      s.append("more than 9*10^15")
      return s
    }
    let whole = magnitude.rounded(.towardZero)
    s.append(UInt64(whole))
    var rest = UInt64(((magnitude - whole) * 1000).rounded(.towardZero))
    if magnitude == whole { return s }
    if rest == 0 {
      s.append(".000...")
      return s
    }
    s.append(".")
    var unit: UInt64 = 100
    while unit > 0 && rest > 0 {
      s.appendByte(48 + UInt8(truncatingIfNeeded: rest / unit))
      rest %= unit
      unit /= 10
    }
    return s
  }
}

/// "96 MiB"
enum Size {
  static var bytesMax: Int { 1 << 48 }

  static func bytes(_ text: Bytes) -> Int? {
    var value = 0
    var at = 0
    while at < text.count, at < 15, text[at] >= 0x30, text[at] <= 0x39 {
      value = value * 10 + Int(text[at] - 0x30)
      at += 1
    }
    if at == 0 { return nil }
    if at < text.count, text[at] == 0x20 { at += 1 }
    guard let unit = unit(text.slice(at, text.count)) else { return nil }
    let (bytes, overflow) = value.multipliedReportingOverflow(by: unit)
    return overflow || bytes < 1 || bytes > bytesMax ? nil : bytes
  }

  private static func unit(_ name: Bytes) -> Int? {
    if name == "B" { return 1 }
    if name == "KiB" { return 1 << 10 }
    if name == "MiB" { return 1 << 20 }
    if name == "GiB" { return 1 << 30 }
    if name == "kB" { return 1000 }
    if name == "MB" { return 1_000_000 }
    if name == "GB" { return 1_000_000_000 }
    return nil
  }
}
