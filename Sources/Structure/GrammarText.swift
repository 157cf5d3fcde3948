// GBNF, the grammars of llama.cpp, as a second way to say what may be written.
//
//     root  ::= "say " greeting ("!" | "?")*      # comment
//     greeting ::= [a-zA-Z]+ | "\x41" | [^"\n] | . | digit{1,3}
//
// `root` is where it begins. A rule may enter itself `depthMax` times; what would nest deeper is not
// accepted. A rule that can begin with itself is refused.

import LintelCore
import LintelText

package struct GrammarText {
  package struct Rule: BitwiseCopyable {
    var name: Int32
    var nameEnd: Int32
    var body: Int32
    /// Entered and not left.
    var active: Int32
    /// May be nothing at all.
    var isNullable: Bool
    /// 0 not looked at, 1 being looked at, 2 found to begin with other rules.
    var colour: UInt8
  }

  package static var rulesMax: Int { 512 }
  static var levelsMax: Int { 96 }
  static var copiesMax: Int { 4096 }

  let text: Bytes
  var graph: Graph
  let rules: Buffer<Rule>
  let depthMax: Int
  var ruleCount = 0
  var workLeft = 64 << 20

  package static func compile(
    _ text: Bytes, _ graph: Graph, _ rules: Buffer<Rule>, depthMax: Int
  ) throws(Failure) -> (Int32, Graph) {
    var g = try GrammarText(text, graph, rules, depthMax)
    try g.readRules()
    guard let root = g.find(Bytes("root")) else {
      throw Failure(.schema, "the grammar has no rule called root")
    }
    try g.checkLeft()
    let start = try g.enter(root, 0, Graph.accept)
    return (start, g.graph)
  }

  private init(
    _ text: Bytes, _ graph: Graph, _ rules: Buffer<Rule>, _ depthMax: Int
  ) throws(Failure) {
    if text.count > Json.bytesMax {
      throw Failure(
        .grammarSize, "the text has \(text.count) bytes; at most \(Json.bytesMax) are read",
        needed: Int64(text.count), available: Int64(Json.bytesMax))
    }
    if let bad = Utf8.firstInvalid(text) {
      throw Failure(.schema, "byte \(bad) of the text is not UTF-8", needed: Int64(bad))
    }
    self.text = text
    self.graph = graph
    self.rules = rules
    self.depthMax = depthMax
  }

  func broken(_ i: Int, _ what: StaticString) -> Failure {
    var line = 1
    for k in 0..<min(i, text.count) where text[k] == 10 { line += 1 }
    return Failure(.schema, "line \(line) of the grammar: \(what)", needed: Int64(i))
  }

  func byte(_ i: Int) -> UInt8 { i < text.count ? text[i] : 0 }

  func skipSpace(_ from: Int) -> Int {
    var i = from
    while i < text.count {
      let b = text[i]
      if b == UInt8(ascii: "#") {
        while i < text.count && text[i] != 10 { i += 1 }
      } else if b == 32 || b == 9 || b == 10 || b == 13 {
        i += 1
      } else {
        break
      }
    }
    return i
  }

  private static func isName(_ b: UInt8) -> Bool {
    b | 32 >= 97 && b | 32 <= 122 || b >= 48 && b <= 57 || b == 45 || b == 95
  }

  func nameEnd(_ from: Int) -> Int {
    var i = from
    while i < text.count && GrammarText.isName(text[i]) { i += 1 }
    return i
  }

  /// Whether a definition begins at `i`: a name and ::=.
  private func definition(_ i: Int) -> Int? {
    let end = nameEnd(i)
    if end == i { return nil }
    let k = skipSpace(end)
    return byte(k) == 58 && byte(k + 1) == 58 && byte(k + 2) == 61 ? k + 3 : nil
  }

  // MARK: Rules

  /// Finds all rules and checks their form.
  private mutating func readRules() throws(Failure) {
    var i = skipSpace(0)
    while i < text.count {
      guard let body = definition(i) else { throw broken(i, "expected NAME ::=") }
      let name = text.slice(i, nameEnd(i))
      if find(name) != nil { throw broken(i, "a rule of this name is there already") }
      if ruleCount == rules.count {
        throw Failure(
          .grammarSize, "the grammar has more than \(rules.count) rules",
          needed: Int64(ruleCount + 1), available: Int64(rules.count))
      }
      rules[ruleCount] = Rule(
        name: Int32(truncatingIfNeeded: i), nameEnd: Int32(truncatingIfNeeded: nameEnd(i)),
        body: Int32(truncatingIfNeeded: skipSpace(body)), active: 0, isNullable: false, colour: 0)
      ruleCount += 1
      i = try skipAlternatives(skipSpace(body), 0)
      if i < text.count && definition(i) == nil { throw broken(i, "expected another rule") }
    }
    for r in 0..<ruleCount { try checkNames(Int(rules[r].body)) }
  }

  func find(_ name: Bytes) -> Int? {
    for r in 0..<ruleCount
    where text.slice(Int(rules[r].name), Int(rules[r].nameEnd)) == name { return r }
    return nil
  }

  /// Every rule that is named must be there.
  private func checkNames(_ from: Int) throws(Failure) {
    var i = from
    while i < text.count && definition(i) == nil {
      if GrammarText.isName(text[i]) {
        if find(text.slice(i, nameEnd(i))) == nil { throw broken(i, "no rule has this name") }
        i = skipSpace(nameEnd(i))
      } else if text[i] == UInt8(ascii: "{") {
        while i < text.count && text[i] != UInt8(ascii: "}") { i += 1 }
      } else if text[i] == UInt8(ascii: "\"") || text[i] == UInt8(ascii: "[") {
        i = skipSpace(try skipItem(i, 0))
      } else {
        i = skipSpace(i + 1)
      }
    }
  }

  // MARK: Form

  private func skipAlternatives(_ from: Int, _ level: Int) throws(Failure) -> Int {
    if level > GrammarText.levelsMax { throw broken(from, "groups are nested too deep") }
    var i = from
    while true {
      while !endsSequence(i) {
        i = skipSpace(try skipItem(i, level))
        i = try repetition(i).end
      }
      if byte(i) != UInt8(ascii: "|") { return i }
      i = skipSpace(i + 1)
    }
  }

  func endsSequence(_ i: Int) -> Bool {
    i >= text.count || text[i] == UInt8(ascii: "|") || text[i] == UInt8(ascii: ")")
      || definition(i) != nil
  }

  func skipItem(_ i: Int, _ level: Int) throws(Failure) -> Int {
    switch byte(i) {
    case UInt8(ascii: "\""), UInt8(ascii: "["):
      let close = byte(i) == UInt8(ascii: "[") ? UInt8(ascii: "]") : UInt8(ascii: "\"")
      var k = i + 1
      while byte(k) != close {
        if k >= text.count || text[k] == 10 { throw broken(i, "a quote or bracket is not closed") }
        k = try character(k).end
      }
      return k + 1
    case UInt8(ascii: "("):
      let k = try skipAlternatives(skipSpace(i + 1), level + 1)
      if byte(k) != UInt8(ascii: ")") { throw broken(i, "a parenthesis is not closed") }
      return k + 1
    case UInt8(ascii: "."): return i + 1
    default:
      let k = nameEnd(i)
      if k == i { throw broken(i, "expected a rule, a literal, a class or a group") }
      return k
    }
  }

  /// How often the item before `from` comes, and the offset behind.
  func repetition(_ from: Int) throws(Failure) -> (least: Int, most: Int?, end: Int) {
    var i = from
    switch byte(i) {
    case UInt8(ascii: "*"): return (0, nil, skipSpace(i + 1))
    case UInt8(ascii: "+"): return (1, nil, skipSpace(i + 1))
    case UInt8(ascii: "?"): return (0, 1, skipSpace(i + 1))
    case UInt8(ascii: "{"): i = skipSpace(i + 1)
    default: return (1, 1, i)
    }
    var least = 0
    var most: Int?
    let (a, afterA) = number(i)
    least = a ?? 0
    i = skipSpace(afterA)
    if byte(i) == UInt8(ascii: ",") {
      let (b, afterB) = number(skipSpace(i + 1))
      most = b
      i = skipSpace(afterB)
    } else {
      if a == nil { throw broken(from, "expected a number in braces") }
      most = a
    }
    if byte(i) != UInt8(ascii: "}") { throw broken(from, "a brace is not closed") }
    if let most, most < least { throw broken(from, "the bounds in braces contradict") }
    if max(least, most ?? 0) > GrammarText.copiesMax {
      throw Failure(
        .grammarSize, "a repetition of more than \(GrammarText.copiesMax) is not supported",
        needed: Int64(max(least, most ?? 0)), available: Int64(GrammarText.copiesMax))
    }
    return (least, most, skipSpace(i + 1))
  }

  private func number(_ from: Int) -> (Int?, Int) {
    var i = from
    var n = 0
    while i < text.count, text[i] >= 48, text[i] <= 57 {
      n = min(n * 10 + Int(text[i]) - 48, 1 << 20)
      i += 1
    }
    return (i == from ? nil : n, i)
  }

  /// One character of a literal or class.
  private func character(_ i: Int) throws(Failure) -> (value: UInt32, end: Int) {
    if byte(i) != UInt8(ascii: "\\") {
      if i >= text.count { throw broken(i, "a character is missing") }
      let (c, end) = Utf8.decode(text, i)
      return (c, end)
    }
    var digits = 0
    switch byte(i + 1) {
    case UInt8(ascii: "n"): return (10, i + 2)
    case UInt8(ascii: "r"): return (13, i + 2)
    case UInt8(ascii: "t"): return (9, i + 2)
    case UInt8(ascii: "x"): digits = 2
    case UInt8(ascii: "u"): digits = 4
    case UInt8(ascii: "U"): digits = 8
    case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "["), UInt8(ascii: "]"),
      UInt8(ascii: "-"), UInt8(ascii: "^"):
      return (UInt32(byte(i + 1)), i + 2)
    default: throw broken(i, "this escape is not known")
    }
    var value: UInt32 = 0
    for k in i + 2..<i + 2 + digits {
      guard let digit = Json.hexDigit(byte(k)) else { throw broken(i, "hexadecimal digits expected") }
      value = value << 4 | digit
    }
    if value > 0x10FFFF || value >= 0xD800 && value <= 0xDFFF {
      throw broken(i, "no character has this number")
    }
    return (value, i + 2 + digits)
  }

  // MARK: Building

  private mutating func enter(
    _ rule: Int, _ level: Int, _ next: Int32
  ) throws(Failure) -> Int32 {
    if Int(rules[rule].active) > depthMax { return Graph.dead }
    if level > GrammarText.levelsMax { throw tooDeep(level) }
    rules.base[rule].active += 1
    let node = try alternatives(Int(rules[rule].body), level, next).0
    rules.base[rule].active -= 1
    return node
  }

  func tooDeep(_ level: Int) -> Failure {
    Failure(
      .grammarSize, "rules and groups are nested deeper than \(GrammarText.levelsMax)",
      needed: Int64(level), available: Int64(GrammarText.levelsMax))
  }

  private mutating func alternatives(
    _ from: Int, _ level: Int, _ next: Int32
  ) throws(Failure) -> (Int32, Int) {
    var i = from
    var node = Graph.dead
    while true {
      let start = try graph.open()
      var last = start
      while !endsSequence(i) {
        let (least, most, end) = try repetition(skipSpace(try skipItem(i, 0)))
        try pay(end - i)
        let to = try graph.open()
        graph.close(last, try copies(i, level, least, most, to))
        last = to
        i = end
      }
      graph.close(last, next)
      node = try graph.either(node, start)
      if byte(i) != UInt8(ascii: "|") { return (node, i) }
      i = skipSpace(i + 1)
    }
  }

  private mutating func copies(
    _ i: Int, _ level: Int, _ least: Int, _ most: Int?, _ next: Int32
  ) throws(Failure) -> Int32 {
    var node = next
    if let most {
      for _ in least..<most { node = try graph.either(try item(i, level, node), next) }
    } else {
      node = try graph.open()
      graph.close(node, try item(i, level, node), next)
    }
    for _ in 0..<least { node = try item(i, level, node) }
    return node
  }

  private mutating func item(_ i: Int, _ level: Int, _ next: Int32) throws(Failure) -> Int32 {
    switch byte(i) {
    case UInt8(ascii: "\""): return try literal(i, next)
    case UInt8(ascii: "["): return try characterClass(i, next)
    case UInt8(ascii: "."): return try graph.characters(0, 0x10FFFF, next)
    case UInt8(ascii: "("): return try alternatives(skipSpace(i + 1), level + 1, next).0
    default:
      guard let rule = find(text.slice(i, nameEnd(i))) else {
        throw broken(i, "no rule has this name")
      }
      return try enter(rule, level + 1, next)
    }
  }

  private mutating func literal(_ from: Int, _ next: Int32) throws(Failure) -> Int32 {
    let start = try graph.open()
    var last = start
    var i = from + 1
    while byte(i) != UInt8(ascii: "\"") {
      let (c, end) = try character(i)
      let to = try graph.open()
      graph.close(last, try graph.characters(c, c, to))
      last = to
      i = end
    }
    graph.close(last, next)
    return start
  }

  private mutating func characterClass(_ from: Int, _ next: Int32) throws(Failure) -> Int32 {
    var set = CharacterSet()
    var i = from + 1
    let isInverted = byte(i) == UInt8(ascii: "^")
    if isInverted { i += 1 }
    while byte(i) != UInt8(ascii: "]") {
      let (first, end) = try character(i)
      var last = first
      i = end
      if byte(i) == UInt8(ascii: "-") && byte(i + 1) != UInt8(ascii: "]") {
        (last, i) = try character(i + 1)
        if last < first { throw broken(from, "a range of characters runs backwards") }
      }
      if !set.add(first, last) { throw broken(from, "a class has more than 128 ranges") }
    }
    if isInverted { set.invert() }
    var tails = Graph.Tails(next)
    var node = Graph.dead
    for k in 0..<set.count {
      let one = try graph.characters(set.ranges[k].0, set.ranges[k].1, &tails)
      node = try graph.either(node, one)
    }
    return node
  }

  /// A bound to the time that compiling takes, in bytes looked at.
  mutating func pay(_ bytes: Int) throws(Failure) {
    workLeft -= bytes + 16
    if workLeft < 0 { throw Failure(.grammarSize, "the grammar repeats itself too often") }
  }
}
