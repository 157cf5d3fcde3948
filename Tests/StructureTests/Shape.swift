import Foundation

/// The obvious matcher: what a schema accepts, by backtracking over the text.
indirect enum Shape {
  case null
  case boolean
  case integer(Int, Int, step: Int)
  /// Bounds and step in hundredths.
  case decimal(Int, Int, step: Int)
  case string(Int, Int)
  case literal(String)
  case array(Shape, Int, Int?)
  case object([(name: String, shape: Shape, isRequired: Bool)])
  case any([Shape])

  static func random(_ noise: inout Noise, _ depth: Int) -> Shape {
    switch noise.below(depth > 0 ? 10 : 6) {
    case 0: return noise.below(2) == 0 ? .null : .boolean
    case 1, 2:
      let low = [-250, -12, -1, 0, 1, 7, 98, 1995][noise.below(8)]
      return .integer(
        low, low + [0, 1, 9, 35, 1200][noise.below(5)], step: [1, 1, 1, 2, 7][noise.below(5)])
    case 3:
      let low = [-1050, -25, 0, 5, 130, 9975][noise.below(6)]
      return .decimal(
        low, low + [1, 25, 300, 5000][noise.below(4)], step: [1, 1, 25, 50, 10][noise.below(5)])
    case 4:
      let low = noise.below(3)
      return .string(low, low + noise.below(4))
    case 5: return .literal(["\"on\"", "\"off\"", "12", "1.50", "\"é\\\"\"", "true"][noise.below(6)])
    case 6:
      let low = noise.below(3)
      return .array(.random(&noise, depth - 1), low, noise.below(3) == 0 ? nil : low + noise.below(3))
    case 7: return .any((0...noise.below(3)).map { _ in .random(&noise, depth - 1) })
    default:
      let names = ["a", "ab", "zone", "x y"].filter { _ in noise.below(2) == 0 }
      return .object(
        names.map { ($0, .random(&noise, depth - 1), noise.below(2) == 0) })
    }
  }

  var schema: String {
    switch self {
    case .null: "{\"type\": \"null\"}"
    case .boolean: "{\"type\": \"boolean\"}"
    case .integer(let a, let b, let step):
      "{\"type\": \"integer\", \"minimum\": \(a), \"maximum\": \(b), \"multipleOf\": \(step)}"
    case .decimal(let a, let b, let step):
      """
      {"type": "number", "minimum": \(Shape.hundredths(a)), "maximum": \(Shape.hundredths(b)), \
      "multipleOf": \(Shape.hundredths(step))}
      """
    case .string(let a, let b): "{\"type\": \"string\", \"minLength\": \(a), \"maxLength\": \(b)}"
    case .literal(let text): "{\"const\": \(text)}"
    case .array(let item, let a, let b):
      "{\"type\": \"array\", \"items\": \(item.schema), \"minItems\": \(a)"
        + (b.map { ", \"maxItems\": \($0)" } ?? "") + "}"
    case .object(let members):
      "{\"type\": \"object\", \"properties\": {"
        + members.map { "\"\($0.name)\": \($0.shape.schema)" }.joined(separator: ", ")
        + "}, \"required\": ["
        + members.filter { $0.isRequired }.map { "\"\($0.name)\"" }.joined(separator: ", ")
        + "], \"additionalProperties\": false}"
    case .any(let shapes): "{\"anyOf\": [" + shapes.map { $0.schema }.joined(separator: ", ") + "]}"
    }
  }

  static func hundredths(_ n: Int) -> String {
    let m = n.magnitude
    return (n < 0 ? "-" : "") + "\(m / 100)." + String(format: "%02d", m % 100)
  }

  // MARK: Matching

  func matches(_ text: [UInt8]) -> Bool { ends(text, 0).contains(text.count) }

  /// Where a value that begins at `i` may end.
  func ends(_ text: [UInt8], _ i: Int) -> Set<Int> {
    switch self {
    case .null: return Shape.word("null", text, i)
    case .boolean: return Shape.word("true", text, i).union(Shape.word("false", text, i))
    case .literal(let word): return Shape.word(word, text, i)
    case .integer(let a, let b, let step):
      return Shape.numbers(text, i, fraction: 0) { $0 >= a * 100 && $0 <= b * 100 && $0 / 100 % step == 0 }
    case .decimal(let a, let b, let step):
      // A step allows as many digits behind the point as it has itself.
      let places = step % 100 == 0 ? 0 : step % 10 == 0 ? 1 : 2
      return Shape.numbers(text, i, fraction: places) { $0 >= a && $0 <= b && $0 % step == 0 }
    case .string(let a, let b): return Shape.strings(text, i, a, b)
    case .any(let shapes):
      return shapes.reduce(into: []) { $0.formUnion($1.ends(text, i)) }
    case .array(let item, let a, let b):
      var found = Set<Int>()
      guard i < text.count, text[i] == 0x5B else { return [] }
      var at: Set<Int> = [i + 1]
      var n = 0
      while !at.isEmpty && n <= text.count {
        if n >= a { for p in at where p < text.count && text[p] == 0x5D { found.insert(p + 1) } }
        if let b, n >= b { break }
        let starts = n == 0 ? at : Shape.separated(text, at)
        at = starts.reduce(into: []) { $0.formUnion(item.ends(text, $1)) }
        n += 1
      }
      return found
    case .object(let members):
      guard i < text.count, text[i] == 0x7B else { return [] }
      return Shape.rest(members[...], text, i + 1, isFirst: true)
    }
  }

  private static func rest(
    _ members: ArraySlice<(name: String, shape: Shape, isRequired: Bool)>, _ text: [UInt8], _ i: Int,
    isFirst: Bool
  ) -> Set<Int> {
    guard let m = members.first else {
      return i < text.count && text[i] == 0x7D ? [i + 1] : []
    }
    var found = Set<Int>()
    if !m.isRequired { found = rest(members.dropFirst(), text, i, isFirst: isFirst) }
    for start in isFirst ? [i] : separated(text, [i]) {
      for p in word("\"\(m.name)\":", text, start) {
        for value in p < text.count && text[p] == 32 ? [p, p + 1] : [p] {
          for end in m.shape.ends(text, value) {
            found.formUnion(rest(members.dropFirst(), text, end, isFirst: false))
          }
        }
      }
    }
    return found
  }

  private static func separated(_ text: [UInt8], _ at: Set<Int>) -> Set<Int> {
    var found = Set<Int>()
    for p in at where p < text.count && text[p] == 0x2C {
      found.insert(p + 1)
      if p + 1 < text.count && text[p + 1] == 32 { found.insert(p + 2) }
    }
    return found
  }

  private static func word(_ w: String, _ text: [UInt8], _ i: Int) -> Set<Int> {
    let bytes = Array(w.utf8)
    return i + bytes.count <= text.count && Array(text[i..<i + bytes.count]) == bytes
      ? [i + bytes.count] : []
  }

  private static func numbers(
    _ text: [UInt8], _ i: Int, fraction: Int, _ fits: (Int) -> Bool
  ) -> Set<Int> {
    var found = Set<Int>()
    var j = i
    while j < text.count, j - i < 12, text[j] == 45 || text[j] == 46 || (text[j] >= 48 && text[j] <= 57) {
      j += 1
      let s = String(decoding: text[i..<j], as: UTF8.self)
      guard s.range(of: "^-?(0|[1-9][0-9]*)(\\.[0-9]{1,2})?$", options: .regularExpression) != nil
      else { continue }
      let parts = s.split(separator: ".")
      let places = parts.count > 1 ? parts[1].count : 0
      if places > fraction { continue }
      let digits = s.replacingOccurrences(of: ".", with: "").replacingOccurrences(of: "-", with: "")
      guard var n = Int(digits) else { continue }
      for _ in places..<2 { n *= 10 }
      if s.hasPrefix("-") {
        if n == 0 { continue }
        n = -n
      }
      if fits(n) { found.insert(j) }
    }
    return found
  }

  private static func strings(_ text: [UInt8], _ i: Int, _ a: Int, _ b: Int) -> Set<Int> {
    guard i < text.count, text[i] == 0x22 else { return [] }
    var found = Set<Int>()
    for j in i + 1..<max(text.count, i + 1) where text[j] == 0x22 {
      let inside = Array(text[i..<j + 1])
      guard let s = String(validatingUTF8: inside.map { CChar(bitPattern: $0) } + [0]),
        s.utf8.count == inside.count,
        let value = try? JSONSerialization.jsonObject(
          with: Data(inside), options: .fragmentsAllowed) as? String
      else { continue }
      // No lone surrogates, and no pairs either: what is beyond U+FFFF stands for itself.
      if s.range(of: "\\\\u[dD][89abABcdefCDEF]", options: .regularExpression) != nil { continue }
      if value.unicodeScalars.count >= a && value.unicodeScalars.count <= b { found.insert(j + 1) }
    }
    return found
  }

  // MARK: Samples

  /// A text that fits, as far as the bounds allow one.
  func sample(_ noise: inout Noise) -> String {
    let blank = noise.below(2) == 0 ? " " : ""
    switch self {
    case .null: return "null"
    case .boolean: return noise.below(2) == 0 ? "true" : "false"
    case .literal(let w): return w
    case .integer(let a, let b, _): return "\(a + noise.below(b - a + 1))"
    case .decimal(let a, let b, _):
      let n = a + noise.below(b - a + 1)
      var s = Shape.hundredths(n)
      while noise.below(2) == 0 && s.hasSuffix("0") && !s.hasSuffix(".0") { s.removeLast() }
      if s.hasSuffix(".00") { s.removeLast(3) }
      return s
    case .string(let a, let b):
      let letters = ["a", "Z", " ", "é", "日", "😀", "\\n", "\\u00e9", "\\\"", "\\/", "{", "0"]
      return "\"" + (0..<a + noise.below(b - a + 1)).map { _ in letters[noise.below(12)] }.joined() + "\""
    case .array(let item, let a, let b):
      let n = a + noise.below((b ?? a + 3) - a + 1)
      return "[" + (0..<n).map { _ in item.sample(&noise) }.joined(separator: "," + blank) + "]"
    case .object(let members):
      return "{"
        + members.filter { $0.isRequired || noise.below(2) == 0 }.map {
          "\"\($0.name)\":\(blank)" + $0.shape.sample(&noise)
        }.joined(separator: "," + blank) + "}"
    case .any(let shapes): return shapes[noise.below(shapes.count)].sample(&noise)
    }
  }
}
