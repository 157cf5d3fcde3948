// How values are written: what a string may hold and how it is spelled, the blanks between tokens.

import LintelCore
import LintelText

/// The blank behind a colon or a comma. There is none anywhere else.
package enum Spacing: UInt32, Sendable {
  /// One or none, as the model likes.
  case free = 0
  case none = 1
  case one = 2
}

extension Graph {
  mutating func blank(_ spacing: Spacing, _ next: Int32) throws(Failure) -> Int32 {
    switch spacing {
    case .none: return next
    case .one: return try byte(32, next)
    case .free: return try either(next, try byte(32, next))
    }
  }

  // MARK: Free strings

  /// A character that stands for itself in a JSON string.
  mutating func plainCharacter(_ next: Int32) throws(Failure) -> Int32 {
    var tails = Tails(next)
    let a = try characters(0x20, 0x21, &tails)
    let b = try characters(0x23, 0x5B, &tails)
    let c = try characters(0x5D, 0x10FFFF, &tails)
    return try either(a, try either(b, c))
  }

  /// Any character of a JSON string: itself, or escaped. Halves of surrogate pairs are none.
  mutating func freeCharacter(_ next: Int32) throws(Failure) -> Int32 {
    var after = try shortEscape(next)
    let two = try hex(try hex(next))
    let three = try hex(two)
    var first = try range(0x30, 0x39, three)
    first = try either(first, try range(0x41, 0x43, three))
    first = try either(first, try range(0x45, 0x46, three))
    first = try either(first, try range(0x61, 0x63, three))
    first = try either(first, try range(0x65, 0x66, three))
    let low = try range(0x30, 0x37, two)
    first = try either(first, try either(try byte(0x44, low), try byte(0x64, low)))
    after = try either(after, try byte(UInt8(ascii: "u"), first))
    return try either(try plainCharacter(next), try byte(UInt8(ascii: "\\"), after))
  }

  private mutating func shortEscape(_ next: Int32) throws(Failure) -> Int32 {
    var node = Graph.dead
    let letters: StaticString = "\"\\/bfnrt"
    for i in 0..<letters.utf8CodeUnitCount {
      node = try either(node, try byte(letters.utf8Start[i], next))
    }
    return node
  }

  private mutating func hex(_ next: Int32) throws(Failure) -> Int32 {
    let digit = try range(0x30, 0x39, next)
    let upper = try range(0x41, 0x46, next)
    return try either(digit, try either(upper, try range(0x61, 0x66, next)))
  }

  /// What a string holds between its quotes, `least` to `most` characters (nil: any number).
  mutating func freeCharacters(
    _ least: Int, _ most: Int?, _ next: Int32
  ) throws(Failure) -> Int32 {
    var node = next
    if let most {
      for _ in least..<max(most, least) { node = try either(try freeCharacter(node), next) }
    } else {
      node = try open()
      close(node, try freeCharacter(node), next)
    }
    for _ in 0..<least { node = try freeCharacter(node) }
    return node
  }

  // MARK: Given characters

  /// Characters first...last inside a string, each spelled in one way: itself, or its shortest escape.
  mutating func spelledCharacters(
    _ first: UInt32, _ last: UInt32, _ tails: inout Tails
  ) throws(Failure) -> Int32 {
    if first > last { return Graph.dead }
    var node = Graph.dead
    let next = tails.nodes[0]
    for c in 0..<0x60 where (c < 0x20 || c == 0x22 || c == 0x5C) && c >= first && c <= last {
      node = try either(node, try escape(UInt32(c), next))
    }
    let parts: InlineArray<3, (UInt32, UInt32)> = [(0x20, 0x21), (0x23, 0x5B), (0x5D, 0x10FFFF)]
    for i in 0..<3 {
      let one = try characters(max(first, parts[i].0), min(last, parts[i].1), &tails)
      node = try either(node, one)
    }
    return node
  }

  /// The shortest escape of a character that needs one.
  private mutating func escape(_ c: UInt32, _ next: Int32) throws(Failure) -> Int32 {
    if let letter = Graph.escapeLetter(c) {
      return try byte(UInt8(ascii: "\\"), try byte(letter, next))
    }
    let last = try byte(Graph.hexDigit(c & 15), next)
    return try text("\\u00", try byte(Graph.hexDigit(c >> 4), last))
  }

  static func escapeLetter(_ c: UInt32) -> UInt8? {
    switch c {
    case 8: UInt8(ascii: "b")
    case 9: UInt8(ascii: "t")
    case 10: UInt8(ascii: "n")
    case 12: UInt8(ascii: "f")
    case 13: UInt8(ascii: "r")
    case 0x22, 0x5C: UInt8(truncatingIfNeeded: c)
    default: nil
    }
  }

  static func hexDigit(_ v: UInt32) -> UInt8 {
    UInt8(truncatingIfNeeded: v < 10 ? 48 + v : 87 + v)
  }

  /// A value as it stands in the schema, spelled in one way, with this spacing.
  mutating func literal(
    _ json: Json, _ value: Int, _ spacing: Spacing, _ next: Int32
  ) throws(Failure) -> Int32 {
    switch json.kind(value) {
    case .string: return try literal(json, string: value, next)
    case .array, .object:
      let isObject = json.kind(value) == .object
      let close = try byte(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"), next)
      let start = try open()
      var from = start
      var parts = json.parts(value)
      var isFirst = true
      while let part = parts.next() {
        let to = try open()
        var node = try literal(json, part.value, spacing, to)
        if isObject {
          node = try byte(UInt8(ascii: ":"), try blank(spacing, node))
          node = try literal(json, string: part.name, node)
        }
        if !isFirst { node = try byte(UInt8(ascii: ","), try blank(spacing, node)) }
        self.close(from, node)
        from = to
        isFirst = false
      }
      self.close(from, close)
      return try byte(isObject ? UInt8(ascii: "{") : UInt8(ascii: "["), start)
    default: return try text(json.bytes(value), next)
    }
  }

  mutating func literal(
    _ json: Json, string value: Int, _ next: Int32
  ) throws(Failure) -> Int32 {
    let start = try loose(UInt8(ascii: "\""))
    var last = start
    var characters = json.characters(value)
    while let c = characters.next() {
      if c < 0x20 || c == 0x22 || c == 0x5C {
        let to = try open()
        link(last, try escape(c, to))
        last = to
        continue
      }
      let length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4
      for k in 0..<length {
        let shift = UInt32(6 * (length - 1 - k))
        let leads: InlineArray<4, UInt32> = [0, 0xC0, 0xE0, 0xF0]
        let b = k == 0 ? leads[length - 1] | c >> shift : 0x80 | c >> shift & 63
        let node = try loose(UInt8(truncatingIfNeeded: b))
        link(last, node)
        last = node
      }
    }
    link(last, try byte(UInt8(ascii: "\""), next))
    return start
  }
}
