// JSON Schema -> automaton: everything that it accepts satisfies the schema. Not all that satisfies
// the schema is accepted: properties come in the order of `properties`, numbers have no exponent,
// there is at most one blank behind a colon or a comma, given strings are spelled in one way, and
// values nest no deeper than `depthMax` where the schema leaves it open.

import LintelCore

package struct SchemaCompiler {
  package static var propertiesMax: Int { 1024 }
  package static var copiesMax: Int { 4096 }
  static var targetsMax: Int { 48 }

  let json: Json
  var graph: Graph
  let remainders: Buffer<Int32>
  let points: Buffer<UInt32>
  let spacing: Spacing
  /// How often a $ref may enter itself, and how deep free values nest.
  let depthMax: Int
  /// What "#" means.
  var documentRoot: Int
  /// The targets of the $refs that are being followed.
  private var targets = InlineArray<48, Int32>(repeating: 0)
  private var targetCount = 0
  /// Bytes of schema that may still be looked at: a bound to the time that compiling takes.
  private var workLeft = 256 << 20

  package init(
    _ json: Json, graph: Graph, remainders: Buffer<Int32>, points: Buffer<UInt32>,
    spacing: Spacing, depthMax: Int
  ) {
    self.json = json
    self.graph = graph
    self.remainders = remainders
    self.points = points
    self.spacing = spacing
    self.depthMax = depthMax
    documentRoot = json.root
  }

  package static func compile(_ c: inout SchemaCompiler) throws(Failure) -> (Int32, Graph) {
    let start = try c.schema(c.json.root, Graph.accept)
    return (start, c.graph)
  }

  // MARK: Complaints

  func broken(_ at: Int, _ expected: StaticString) -> Failure {
    Failure(.schema, "\(json.path(at)): expected \(expected)", needed: Int64(at))
  }

  func unsupported(_ at: Int, _ what: StaticString) -> Failure {
    Failure(.keyword, "\(json.path(at)): \(what)", needed: Int64(at))
  }

  func unsatisfiable(_ at: Int, _ why: StaticString) -> Failure {
    Failure(.unsatisfiable, "\(json.path(at)): \(why), so no value is valid", needed: Int64(at))
  }

  // MARK: Any schema

  /// Pays for looking at a schema once.
  mutating func pay(_ at: Int) throws(Failure) {
    workLeft -= json.end(at) - at + 32
    if workLeft < 0 {
      throw Failure(.grammarSize, "\(json.path(at)): the schema repeats itself too often")
    }
  }

  mutating func schema(_ at: Int, _ next: Int32) throws(Failure) -> Int32 {
    try pay(at)
    if json.kind(at) == .boolean {
      return json.isTrue(at) ? try anything(depthMax, next) : Graph.dead
    }
    if json.kind(at) != .object { throw broken(at, "a schema, which is an object or a boolean") }
    let k = try SchemaKeywords(json, at)
    if let ref = k[.ref] {
      try alone(k, .ref, at)
      return try reference(ref, next)
    }
    if let list = k[.anyOf] {
      try alone(k, .anyOf, at)
      return try alternatives(list, next)
    }
    if let list = k[.oneOf] {
      try alone(k, .oneOf, at)
      try checkDisjoint(list)
      return try alternatives(list, next)
    }
    if let list = k[.allOf] {
      try alone(k, .allOf, at)
      if json.kind(list) != .array { throw broken(list, "an array of schemas") }
      var parts = json.parts(list)
      guard let only = parts.next() else { throw broken(list, "an array of schemas") }
      if parts.next() != nil {
        throw unsupported(list, "allOf of more than one schema is not supported")
      }
      return try schema(only.value, next)
    }
    let types = try typeSet(k)
    if let value = k[.const] { return try values(k, value, isList: false, types, next) }
    if let list = k[.enum] { return try values(k, list, isList: true, types, next) }
    if k.set == 0 { return try anything(depthMax, next) }
    return try typed(at, k, types, next)
  }

  private func alone(_ k: SchemaKeywords, _ keyword: Keyword, _ at: Int) throws(Failure) {
    if k.hasMore(than: SchemaKeywords.bit(keyword)) {
      throw unsupported(
        k[keyword] ?? at, "beside this keyword no other one that constrains is supported")
    }
  }

  /// What `type` says, or what the other keywords imply.
  func typeSet(_ k: SchemaKeywords) throws(Failure) -> TypeSet {
    guard let at = k[.type] else {
      let implied = k.impliedTypes
      return implied.isEmpty ? .all : implied
    }
    if json.kind(at) == .string { return try type(at) }
    if json.kind(at) != .array { throw broken(at, "a type or an array of types") }
    var types = TypeSet(rawValue: 0)
    var parts = json.parts(at)
    while let part = parts.next() { types.formUnion(try type(part.value)) }
    if types.isEmpty { throw unsatisfiable(at, "no type is allowed") }
    return types
  }

  private func type(_ at: Int) throws(Failure) -> TypeSet {
    if json.equals(at, "object") { return .object }
    if json.equals(at, "array") { return .array }
    if json.equals(at, "string") { return .string }
    if json.equals(at, "number") { return .number }
    if json.equals(at, "integer") { return .integer }
    if json.equals(at, "boolean") { return .boolean }
    if json.equals(at, "null") { return .null }
    throw broken(at, "null, boolean, integer, number, string, array or object")
  }

  private mutating func typed(
    _ at: Int, _ k: SchemaKeywords, _ types: TypeSet, _ next: Int32
  ) throws(Failure) -> Int32 {
    var node = Graph.dead
    if types.contains(.null) { node = try graph.text("null", next) }
    if types.contains(.boolean) { node = try graph.either(node, try boolean(next)) }
    if types.contains(.integer) {
      let one = try number(at, k, isInteger: !types.contains(.number), next)
      node = try graph.either(node, one)
    }
    if types.contains(.string) { node = try graph.either(node, try string(at, k, next)) }
    if types.contains(.array) { node = try graph.either(node, try array(at, k, next)) }
    if types.contains(.object) { node = try graph.either(node, try object(at, k, next)) }
    return node
  }

  mutating func boolean(_ next: Int32) throws(Failure) -> Int32 {
    try graph.either(try graph.text("true", next), try graph.text("false", next))
  }

  private mutating func alternatives(_ list: Int, _ next: Int32) throws(Failure) -> Int32 {
    if json.kind(list) != .array { throw broken(list, "an array of schemas") }
    var node = Graph.dead
    var parts = json.parts(list)
    var n = 0
    while let part = parts.next() {
      node = try graph.either(node, try schema(part.value, next))
      n += 1
    }
    if n == 0 { throw unsatisfiable(list, "there is no alternative") }
    return node
  }

  // MARK: Given values

  private mutating func values(
    _ k: SchemaKeywords, _ at: Int, isList: Bool, _ types: TypeSet, _ next: Int32
  ) throws(Failure) -> Int32 {
    let keyword: Keyword = isList ? .enum : .const
    if k.hasMore(than: SchemaKeywords.bit(keyword) | SchemaKeywords.bit(.type)) {
      throw unsupported(at, "beside this keyword only type is supported")
    }
    if !isList {
      if !k.has(.type) || fits(at, types) { return try graph.literal(json, at, spacing, next) }
      throw unsatisfiable(at, "the value is not of the type that is asked for")
    }
    if json.kind(at) != .array { throw broken(at, "an array of values") }
    var node = Graph.dead
    var n = 0
    var parts = json.parts(at)
    while let part = parts.next() {
      if k.has(.type) && !fits(part.value, types) { continue }
      node = try graph.either(node, try graph.literal(json, part.value, spacing, next))
      n += 1
    }
    if n == 0 { throw unsatisfiable(at, "no value of the type that is asked for is listed") }
    return node
  }

  func typeSet(of value: Int) -> TypeSet {
    switch json.kind(value) {
    case .null: return .null
    case .boolean: return .boolean
    case .string: return .string
    case .array: return .array
    case .object: return .object
    case .number:
      guard let d = Decimal(json.bytes(value)) else { return .number }
      return d.isWhole ? .integer : TypeSet(rawValue: 8)
    }
  }

  private func fits(_ value: Int, _ types: TypeSet) -> Bool {
    types.contains(typeSet(of: value))
  }

  // MARK: Strings

  private mutating func string(
    _ at: Int, _ k: SchemaKeywords, _ next: Int32
  ) throws(Failure) -> Int32 {
    let end = try graph.byte(UInt8(ascii: "\""), next)
    var node: Int32
    if let pattern = k[.pattern] {
      if json.kind(pattern) != .string { throw broken(pattern, "a string") }
      if let other = k[.minLength] ?? k[.maxLength] {
        throw unsupported(other, "a length beside a pattern is not supported")
      }
      let expression = try RegularExpression(json, pattern, points)
      node = try expression.build(&graph, end)
    } else {
      let least = try size(k[.minLength]) ?? 0
      let most = try size(k[.maxLength])
      if let most, most < least {
        throw unsatisfiable(k[.maxLength] ?? at, "maxLength is less than minLength")
      }
      node = try graph.freeCharacters(least, most, end)
    }
    return try graph.byte(UInt8(ascii: "\""), node)
  }

  /// A number of characters or elements.
  func size(_ at: Int?) throws(Failure) -> Int? {
    guard let at else { return nil }
    guard json.kind(at) == .number, let d = Decimal(json.bytes(at)), d.isWhole, !d.isNegative else {
      throw broken(at, "a whole number from 0 on")
    }
    guard let n = json.count(at, upTo: SchemaCompiler.copiesMax) else {
      throw Failure(
        .grammarSize, "\(json.path(at)): more than \(SchemaCompiler.copiesMax) is not supported",
        needed: Int64(at), available: Int64(SchemaCompiler.copiesMax))
    }
    return n
  }

  // MARK: Numbers

  private mutating func number(
    _ at: Int, _ k: SchemaKeywords, isInteger: Bool, _ next: Int32
  ) throws(Failure) -> Int32 {
    let pattern = try numberPattern(at, k, isInteger: isInteger)
    let keywords: InlineArray<5, Keyword> = [
      .minimum, .maximum, .exclusiveMinimum, .exclusiveMaximum, .multipleOf,
    ]
    for i in 0..<5 where k.has(keywords[i]) {
      if pattern.isEmpty { throw unsatisfiable(at, "the bounds leave no number") }
      return try pattern.build(&graph, remainders, next)
    }
    return try freeNumber(isInteger: isInteger, next)
  }

  mutating func freeNumber(isInteger: Bool, _ next: Int32) throws(Failure) -> Int32 {
    var node = next
    if !isInteger {
      var tail = next
      for _ in 1..<NumberPattern.fractionDefault {
        tail = try graph.either(next, try graph.range(48, 57, tail))
      }
      tail = try graph.byte(UInt8(ascii: "."), try graph.range(48, 57, tail))
      node = try graph.either(next, tail)
    }
    let end = node
    for _ in 1..<NumberPattern.wholeDefault {
      node = try graph.either(end, try graph.range(48, 57, node))
    }
    node = try graph.either(try graph.byte(48, end), try graph.range(49, 57, node))
    return try graph.either(node, try graph.byte(UInt8(ascii: "-"), node))
  }

  func numberPattern(
    _ at: Int, _ k: SchemaKeywords, isInteger: Bool
  ) throws(Failure) -> NumberPattern {
    var p = NumberPattern()
    if let low = try decimal(k[.minimum]) { p.least = low }
    if let low = try decimal(k[.exclusiveMinimum]) {
      if p.least.map({ Decimal.compare($0, low) <= 0 }) ?? true {
        p.least = low
        p.isLeastExcluded = true
      }
    }
    if let high = try decimal(k[.maximum]) { p.most = high }
    if let high = try decimal(k[.exclusiveMaximum]) {
      if p.most.map({ Decimal.compare($0, high) >= 0 }) ?? true {
        p.most = high
        p.isMostExcluded = true
      }
    }
    p.fractionMax = isInteger ? 0 : NumberPattern.fractionDefault
    if !isInteger {
      p.fractionMax = max(p.fractionMax, max(p.least?.fraction ?? 0, p.most?.fraction ?? 0))
    }
    p.fractionWritten = p.fractionMax
    if let step = try decimal(k[.multipleOf]), let place = k[.multipleOf] {
      if step.isNegative || step.isZero { throw broken(place, "a number above 0") }
      var scaled = 0
      for i in 0..<step.count {
        scaled = scaled * 10 + Int(step.digit(i))
        if scaled > NumberPattern.remaindersMax {
          throw Failure(
            .grammarSize,
            "\(json.path(place)): a step of more than \(NumberPattern.remaindersMax) units of its last digit is not supported",
            needed: Int64(scaled), available: Int64(NumberPattern.remaindersMax))
        }
      }
      p.step = scaled
      p.fractionMax = step.fraction
      p.fractionWritten = isInteger ? 0 : step.fraction
    }
    return p
  }

  func decimal(_ at: Int?) throws(Failure) -> Decimal? {
    guard let at else { return nil }
    if json.kind(at) != .number { throw broken(at, "a number") }
    guard let d = Decimal(json.bytes(at)) else {
      throw Failure(
        .grammarSize,
        "\(json.path(at)): a number of more than \(Decimal.wholeMax) digits before the point, or \(Decimal.digitsMax) in all, is not supported",
        needed: Int64(at))
    }
    return d
  }

  // MARK: References

  private mutating func reference(_ at: Int, _ next: Int32) throws(Failure) -> Int32 {
    let target = try resolve(at)
    var inside = 0
    for i in 0..<targetCount where targets[i] == Int32(truncatingIfNeeded: target) { inside += 1 }
    // A value that would have to be nested still deeper is not among those that are accepted.
    if inside > depthMax { return Graph.dead }
    if targetCount == SchemaCompiler.targetsMax {
      throw Failure(
        .grammarSize, "\(json.path(at)): references are nested deeper than \(targetCount)",
        needed: Int64(targetCount + 1), available: Int64(targetCount))
    }
    targets[targetCount] = Int32(truncatingIfNeeded: target)
    targetCount += 1
    let node = try schema(target, next)
    targetCount -= 1
    return node
  }

  /// The schema that a $ref names: a JSON pointer into the same document.
  func resolve(_ at: Int) throws(Failure) -> Int {
    if json.kind(at) != .string { throw broken(at, "a string") }
    var c = json.characters(at)
    guard c.next() == 0x23 else { throw unsupported(at, "only references within the schema (#...) are supported") }
    var value = documentRoot
    var separator = c.next()
    while let s = separator {
      if s != 0x2F { throw unsupported(at, "only references of the form #/a/b are supported") }
      let segment = c
      var found = -1
      var parts = json.parts(value)
      let isObject = json.kind(value) == .object
      var index = 0
      if !isObject && json.kind(value) != .array { throw broken(at, "a reference to something") }
      while let part = parts.next() {
        var rest = segment
        if isObject ? matches(part.name, &rest) : matches(index: index, &rest) {
          found = part.value
          c = rest
        }
        index += 1
      }
      if found < 0 { throw broken(at, "a reference to something that is there") }
      value = found
      separator = c.next()
    }
    return value
  }

  /// Whether the pointer's next segment is this name; `rest` then stands before the next slash.
  private func matches(_ name: Int, _ rest: inout Json.Characters) -> Bool {
    var characters = json.characters(name)
    while true {
      var ahead = rest
      var c = ahead.next()
      if c == 0x2F { c = nil }
      if c == 0x7E { c = ahead.next() == 0x31 ? 0x2F : 0x7E }
      let n = characters.next()
      if n != c { return false }
      if n == nil { return true }
      rest = ahead
    }
  }

  private func matches(index: Int, _ rest: inout Json.Characters) -> Bool {
    var n = 0
    var digits = 0
    while true {
      var ahead = rest
      guard let c = ahead.next(), c >= 48, c <= 57, digits < 9 else {
        return digits > 0 && n == index
      }
      n = n * 10 + Int(c) - 48
      digits += 1
      rest = ahead
    }
  }
}
