// The `pattern` of a string: ECMA-262 regular expressions as far as they are regular.
//
//     a  .  [a-z]  [^a-z]  \d \w \s \D \W \S  \n \t \x41 \u0041  (…)  (?:…)  a|b  *  +  ?  {2,5}
//     ^ where an alternative begins, $ where it ends; without them anything may stand around it
//
// Everything else (look-around, back-references, word borders, other places of anchors) is refused.

import LintelCore
import LintelText

package struct RegularExpression {
  package static var pointsMax: Int { 1024 }
  static var depthMax: Int { 32 }
  static var copiesMax: Int { 1000 }

  let points: Buffer<UInt32>
  let count: Int
  /// For complaints: where in the schema it stands.
  let at: Sentence

  package init(_ json: Json, _ value: Int, _ points: Buffer<UInt32>) throws(Failure) {
    self.points = points
    at = json.path(value)
    var n = 0
    var characters = json.characters(value)
    while let c = characters.next() {
      if n == points.count {
        throw Failure(
          .grammarSize, "\(at): a pattern longer than \(points.count) characters",
          needed: Int64(n + 1), available: Int64(points.count))
      }
      points[n] = c
      n += 1
    }
    count = n
  }

  private func refused(_ i: Int, _ what: StaticString) -> Failure {
    Failure(.keyword, "\(at): \(what), at character \(i) of the pattern, is not supported")
  }

  private func point(_ i: Int) -> UInt32 { i < count ? points[i] : 0 }
  private func isAt(_ i: Int, _ c: Unicode.Scalar) -> Bool { i < count && points[i] == c.value }

  /// The strings that the pattern matches, without their quotes.
  package func build(_ graph: inout Graph, _ next: Int32) throws(Failure) -> Int32 {
    let (node, end) = try alternatives(&graph, 0, 0, next)
    if end != count { throw refused(end, "a closing parenthesis without an opening one") }
    return node
  }

  private func alternatives(
    _ graph: inout Graph, _ from: Int, _ depth: Int, _ next: Int32
  ) throws(Failure) -> (Int32, Int) {
    if depth > RegularExpression.depthMax { throw refused(from, "nesting this deep") }
    var i = from
    var node = Graph.dead
    while true {
      let (one, end) = try sequence(&graph, i, depth, next)
      node = try graph.either(node, one)
      if !isAt(end, "|") { return (node, end) }
      i = end + 1
    }
  }

  private func sequence(
    _ graph: inout Graph, _ from: Int, _ depth: Int, _ next: Int32
  ) throws(Failure) -> (Int32, Int) {
    var i = from
    let start = try graph.open()
    var last = start
    var isEndBound = depth > 0
    if depth == 0 {
      if isAt(i, "^") {
        i += 1
      } else {
        let to = try graph.open()
        graph.close(last, try graph.freeCharacters(0, nil, to))
        last = to
      }
    }
    while i < count && !isAt(i, "|") && !isAt(i, ")") {
      if depth == 0 && isAt(i, "$") && (i + 1 == count || isAt(i + 1, "|")) {
        isEndBound = true
        i += 1
        break
      }
      let atomEnd = try skipAtom(i)
      let (least, most, end) = try quantifier(atomEnd)
      let to = try graph.open()
      graph.close(last, try copies(&graph, i, depth, least, most, to))
      last = to
      i = end
    }
    if isEndBound {
      graph.close(last, next)
    } else {
      graph.close(last, try graph.freeCharacters(0, nil, next))
    }
    return (start, i)
  }

  private func copies(
    _ graph: inout Graph, _ i: Int, _ depth: Int, _ least: Int, _ most: Int?, _ next: Int32
  ) throws(Failure) -> Int32 {
    var node = next
    if let most {
      for _ in least..<most {
        node = try graph.either(try atom(&graph, i, depth, node), next)
      }
    } else {
      node = try graph.open()
      graph.close(node, try atom(&graph, i, depth, node), next)
    }
    for _ in 0..<least { node = try atom(&graph, i, depth, node) }
    return node
  }

  /// How often, and the offset behind the quantifier.
  private func quantifier(_ from: Int) throws(Failure) -> (Int, Int?, Int) {
    var i = from
    var least = 1
    var most: Int? = 1
    if isAt(i, "*") || isAt(i, "+") {
      least = isAt(i, "+") ? 1 : 0
      most = nil
      i += 1
    } else if isAt(i, "?") {
      least = 0
      i += 1
    } else if isAt(i, "{"), let (a, comma) = number(i + 1) {
      least = a
      most = a
      i = comma
      if isAt(i, ",") {
        most = nil
        i += 1
        if let (b, end) = number(i) {
          most = b
          i = end
        }
      }
      if !isAt(i, "}") { throw refused(from, "this brace") }
      i += 1
      if let most, most < least { throw refused(from, "a repetition whose bounds contradict") }
      if max(least, most ?? 0) > RegularExpression.copiesMax {
        throw refused(from, "a repetition of more than 1000")
      }
    } else {
      return (1, 1, i)
    }
    if isAt(i, "?") { i += 1 }
    if isAt(i, "*") || isAt(i, "+") || isAt(i, "?") { throw refused(i, "a second quantifier") }
    return (least, most, i)
  }

  private func number(_ from: Int) -> (Int, Int)? {
    var i = from
    var n = 0
    while i < count, points[i] >= 48, points[i] <= 57 {
      n = min(n * 10 + Int(points[i]) - 48, 1 << 20)
      i += 1
    }
    return i == from ? nil : (n, i)
  }

  // MARK: Atoms

  private func skipAtom(_ from: Int) throws(Failure) -> Int {
    switch point(from) {
    case 0x28:
      var depth = 0
      var i = from
      while i < count {
        switch points[i] {
        case 0x28: depth += 1
        case 0x29:
          depth -= 1
          if depth == 0 { return i + 1 }
        case 0x5B: i = try skipClass(i) - 1
        case 0x5C: i += 1
        default: break
        }
        i += 1
      }
      throw refused(from, "a parenthesis that is not closed")
    case 0x5B: return try skipClass(from)
    case 0x5C:
      var set = CharacterSet()
      return try escape(from, &set)
    case 0x24, 0x5E: throw refused(from, "an anchor here")
    case 0x2A, 0x2B, 0x3F, 0x7B, 0x7D, 0x5D: throw refused(from, "this character unescaped")
    default: return from + 1
    }
  }

  private func skipClass(_ from: Int) throws(Failure) -> Int {
    var i = from + 1
    while i < count {
      if points[i] == 0x5D { return i + 1 }
      i += points[i] == 0x5C ? 2 : 1
    }
    throw refused(from, "a bracket that is not closed")
  }

  private func atom(
    _ graph: inout Graph, _ i: Int, _ depth: Int, _ next: Int32
  ) throws(Failure) -> Int32 {
    var set = CharacterSet()
    switch point(i) {
    case 0x28:
      var inside = i + 1
      if isAt(inside, "?") {
        if !isAt(inside + 1, ":") { throw refused(i, "this kind of group") }
        inside += 2
      }
      let (node, end) = try alternatives(&graph, inside, depth + 1, next)
      if !isAt(end, ")") { throw refused(i, "a parenthesis that is not closed") }
      return node
    case 0x5B: try readClass(i, &set)
    case 0x5C: _ = try escape(i, &set)
    case 0x2E:
      try add(&set, 10, 10, i)
      try add(&set, 13, 13, i)
      try add(&set, 0x2028, 0x2029, i)
      set.invert()
    default: try add(&set, point(i), point(i), i)
    }
    var tails = Graph.Tails(next)
    var node = Graph.dead
    for k in 0..<set.count {
      let one = try graph.spelledCharacters(set.ranges[k].0, set.ranges[k].1, &tails)
      node = try graph.either(node, one)
    }
    return node
  }

  private func add(
    _ set: inout CharacterSet, _ first: UInt32, _ last: UInt32, _ i: Int
  ) throws(Failure) {
    if !set.add(first, last) { throw refused(i, "a class of more than 128 ranges") }
  }

  private func readClass(_ from: Int, _ set: inout CharacterSet) throws(Failure) {
    var i = from + 1
    let isInverted = isAt(i, "^")
    if isInverted { i += 1 }
    while !isAt(i, "]") {
      if i >= count { throw refused(from, "a bracket that is not closed") }
      let (first, next, isSet) = try classPoint(i, &set)
      i = next
      if isSet {
        if isAt(i, "-") && !isAt(i + 1, "]") { throw refused(i, "this range") }
        continue
      }
      if isAt(i, "-") && !isAt(i + 1, "]") {
        let (last, end, isSet) = try classPoint(i + 1, &set)
        if isSet || last < first { throw refused(i, "this range") }
        try add(&set, first, last, i)
        i = end
      } else {
        try add(&set, first, first, i)
      }
    }
    if isInverted { set.invert() }
  }

  /// One character of a class, or a set that is added at once.
  private func classPoint(
    _ i: Int, _ set: inout CharacterSet
  ) throws(Failure) -> (UInt32, Int, isSet: Bool) {
    if !isAt(i, "\\") { return (point(i), i + 1, false) }
    if isAt(i + 1, "b") { return (8, i + 2, false) }
    var one = CharacterSet()
    let end = try escape(i, &one)
    if one.count == 1 && one.ranges[0].0 == one.ranges[0].1 { return (one.ranges[0].0, end, false) }
    for k in 0..<one.count { try add(&set, one.ranges[k].0, one.ranges[k].1, i) }
    return (0, end, true)
  }

  /// The set of the escape at `i`, and the offset behind it.
  private func escape(_ i: Int, _ set: inout CharacterSet) throws(Failure) -> Int {
    let c = point(i + 1)
    var end = i + 2
    switch c {
    case 0x64, 0x44: try add(&set, 48, 57, i)
    case 0x77, 0x57:
      try add(&set, 48, 57, i)
      try add(&set, 65, 90, i)
      try add(&set, 95, 95, i)
      try add(&set, 97, 122, i)
    case 0x73, 0x53:
      let blanks: InlineArray<10, (UInt32, UInt32)> = [
        (9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
        (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
      ]
      for k in 0..<10 { try add(&set, blanks[k].0, blanks[k].1, i) }
    case 0x6E: try add(&set, 10, 10, i)
    case 0x72: try add(&set, 13, 13, i)
    case 0x74: try add(&set, 9, 9, i)
    case 0x66: try add(&set, 12, 12, i)
    case 0x76: try add(&set, 11, 11, i)
    case 0x78, 0x75:
      end += c == 0x78 ? 2 : 4
      var value: UInt32 = 0
      for k in i + 2..<end {
        let p = point(k)
        guard p < 0x80, let digit = Json.hexDigit(UInt8(truncatingIfNeeded: p)) else {
          throw refused(i, "this escape")
        }
        value = value << 4 | digit
      }
      if value >= 0xD800 && value <= 0xDFFF { throw refused(i, "half of a surrogate pair") }
      try add(&set, value, value, i)
    default:
      // Punctuation stands for itself; letters and digits have meanings, which are not known here.
      let isLetter = c >= 48 && c <= 57 || c | 32 >= 97 && c | 32 <= 122 || c == 0 || c > 126
      if isLetter { throw refused(i, "this escape") }
      try add(&set, c, c, i)
    }
    if c == 0x44 || c == 0x57 || c == 0x53 { set.invert() }
    return end
  }
}

/// Ranges of characters, sorted and apart.
package struct CharacterSet {
  package static var rangesMax: Int { 128 }
  package private(set) var ranges = InlineArray<129, (UInt32, UInt32)>(repeating: (0, 0))
  package private(set) var count = 0

  package init() {}

  /// False if there is no room.
  package mutating func add(_ first: UInt32, _ last: UInt32) -> Bool {
    var low = first
    var high = last
    var i = 0
    while i < count && ranges[i].1 &+ 1 < low { i += 1 }
    var end = i
    while end < count && ranges[end].0 <= high &+ 1 {
      low = min(low, ranges[end].0)
      high = max(high, ranges[end].1)
      end += 1
    }
    let change = 1 - (end - i)
    if count + change > CharacterSet.rangesMax { return false }
    if change == 1 {
      var k = count
      while k > i {
        ranges[k] = ranges[k - 1]
        k -= 1
      }
    } else if change < 0 {
      for k in end..<max(count, end) { ranges[k + change] = ranges[k] }
    }
    ranges[i] = (low, high)
    count += change
    return true
  }

  package mutating func invert() {
    var out = CharacterSet()
    var from: UInt32 = 0
    for i in 0..<count {
      if ranges[i].0 > from {
        out.ranges[out.count] = (from, ranges[i].0 - 1)
        out.count += 1
      }
      from = ranges[i].1 + 1
    }
    if from <= 0x10FFFF {
      out.ranges[out.count] = (from, 0x10FFFF)
      out.count += 1
    }
    self = out
  }
}
