// Objects, arrays, and values about which a schema says nothing.

import LintelCore

extension SchemaCompiler {
  // MARK: Arrays

  mutating func array(
    _ at: Int, _ k: SchemaKeywords, _ next: Int32
  ) throws(Failure) -> Int32 {
    if let unique = k[.uniqueItems], !json.isFalse(unique) {
      throw unsupported(unique, "uniqueItems is not supported")
    }
    let least = try size(k[.minItems]) ?? 0
    var most = try size(k[.maxItems])
    if let most, most < least {
      throw unsatisfiable(k[.maxItems] ?? at, "maxItems is less than minItems")
    }
    var first = 0
    if let list = k[.prefixItems] {
      if json.kind(list) != .array { throw broken(list, "an array of schemas") }
      first = json.count(list)
      if first > SchemaCompiler.propertiesMax { throw tooMany(list, first) }
    }
    let items = k[.items]
    let isClosed = items.map { json.isFalse($0) } ?? (first > 0)
    if isClosed {
      most = min(most ?? first, first)
      if first < least { throw unsatisfiable(at, "minItems is more than there may be") }
    }
    let end = try graph.byte(UInt8(ascii: "]"), next)
    // From the end: `node` is where the array stands after `n` elements.
    var n: Int
    var node: Int32
    if let most {
      n = most
      node = end
    } else {
      n = max(max(least, first), 1)
      node = try graph.open()
      let more = try element(k, n, first, node)
      graph.close(node, end, more)
    }
    while n > 0 {
      n -= 1
      let one = try element(k, n, first, node)
      node = n >= least ? try graph.either(end, one) : one
    }
    return try graph.byte(UInt8(ascii: "["), node)
  }

  /// Element `n`, with the comma before it.
  private mutating func element(
    _ k: SchemaKeywords, _ n: Int, _ first: Int, _ next: Int32
  ) throws(Failure) -> Int32 {
    var node: Int32
    if n < first, let list = k[.prefixItems] {
      var parts = json.parts(list)
      var part = parts.next()
      for _ in 0..<n { part = parts.next() }
      node = try schema(part?.value ?? list, next)
    } else if let items = k[.items] {
      node = try schema(items, next)
    } else {
      node = try anything(depthMax - 1, next)
    }
    if n > 0 {
      node = try graph.byte(UInt8(ascii: ","), try graph.blank(spacing, node))
    }
    return node
  }

  func tooMany(_ at: Int, _ n: Int) -> Failure {
    Failure(
      .grammarSize,
      "\(json.path(at)): \(n) entries; at most \(SchemaCompiler.propertiesMax) are supported",
      needed: Int64(n), available: Int64(SchemaCompiler.propertiesMax))
  }

  // MARK: Objects

  mutating func object(
    _ at: Int, _ k: SchemaKeywords, _ next: Int32
  ) throws(Failure) -> Int32 {
    let properties = k[.properties]
    if let properties {
      if json.kind(properties) != .object { throw broken(properties, "an object of schemas") }
      try checkNames(properties)
    }
    if let list = k[.required] { try checkRequired(list) }
    var requiredLeft = k[.required].map { json.count($0) } ?? 0
    let more = k[.additionalProperties]
    let isOpen = more.map { !json.isFalse($0) } ?? (properties == nil)
    let end = try graph.byte(UInt8(ascii: "}"), next)
    // Where the object stands between properties: before any was written, and after one was.
    let start = try graph.open()
    var none = start
    var some = try graph.open()
    if let properties {
      var parts = json.parts(properties)
      while let part = parts.next() {
        let noneAfter = try graph.open()
        let someAfter = try graph.open()
        let name = try property(part.name, part.value, someAfter)
        let comma = try graph.byte(UInt8(ascii: ","), try graph.blank(spacing, name))
        let isOptional = !isRequired(part.name, k)
        if !isOptional { requiredLeft -= 1 }
        graph.close(none, name, isOptional ? noneAfter : Graph.dead)
        graph.close(some, comma, isOptional ? someAfter : Graph.dead)
        none = noneAfter
        some = someAfter
      }
    }
    if requiredLeft > 0, let list = k[.required] { throw missing(list, k) }
    if isOpen {
      let value: Int32
      if let more, json.kind(more) == .object {
        value = try schema(more, some)
      } else {
        value = try anything(depthMax - 1, some)
      }
      let colon = try graph.byte(UInt8(ascii: ":"), try graph.blank(spacing, value))
      let name = try otherName(properties, colon)
      let comma = try graph.byte(UInt8(ascii: ","), try graph.blank(spacing, name))
      graph.close(none, name, end)
      graph.close(some, comma, end)
    } else {
      graph.close(none, end)
      graph.close(some, end)
    }
    return try graph.byte(UInt8(ascii: "{"), start)
  }

  private mutating func property(
    _ name: Int, _ value: Int, _ next: Int32
  ) throws(Failure) -> Int32 {
    let node = try schema(value, next)
    let colon = try graph.byte(UInt8(ascii: ":"), try graph.blank(spacing, node))
    return try graph.literal(json, string: name, colon)
  }

  private func isRequired(_ name: Int, _ k: SchemaKeywords) -> Bool {
    guard let list = k[.required] else { return false }
    var parts = json.parts(list)
    while let part = parts.next() {
      if json.equals(part.value, name) { return true }
    }
    return false
  }

  /// Refuses a name that is there twice.
  private func checkNames(_ properties: Int) throws(Failure) {
    let n = json.count(properties)
    if n > SchemaCompiler.propertiesMax { throw tooMany(properties, n) }
    var parts = json.parts(properties)
    var i = 0
    while let part = parts.next() {
      points[i] = UInt32(truncatingIfNeeded: json.hash(part.name))
      for k in 0..<i where points[k] == points[i] {
        var others = json.parts(properties)
        for _ in 0..<k { _ = others.next() }
        if let other = others.next(), json.equals(part.name, other.name) {
          throw Failure(
            .schema, "\(json.path(part.name)): the property is there twice",
            needed: Int64(part.name))
        }
      }
      i += 1
    }
  }

  private func checkRequired(_ list: Int) throws(Failure) {
    if json.kind(list) != .array { throw broken(list, "an array of names") }
    let n = json.count(list)
    if n > SchemaCompiler.propertiesMax { throw tooMany(list, n) }
    var parts = json.parts(list)
    while let part = parts.next() {
      if json.kind(part.value) != .string { throw broken(part.value, "a name") }
    }
  }

  /// Fewer properties are required than names are listed.
  private func missing(_ list: Int, _ k: SchemaKeywords) -> Failure {
    var parts = json.parts(list)
    while let part = parts.next() {
      if let properties = k[.properties], has(properties, part.value) { continue }
      if k[.additionalProperties].map({ json.isFalse($0) }) ?? false {
        return unsatisfiable(part.value, "a property is required, but not allowed")
      }
      return unsupported(part.value, "a required property that properties does not describe")
    }
    return Failure(.schema, "\(json.path(list)): a name is there twice", needed: Int64(list))
  }

  private func has(_ object: Int, _ name: Int) -> Bool {
    var parts = json.parts(object)
    while let part = parts.next() {
      if json.equals(part.name, name) { return true }
    }
    return false
  }

  // MARK: Names that are not among the properties

  static var namesMax: Int { 128 }
  static var nameLengthMax: Int { 64 }

  /// A name of characters that need no escape, unlike each of `properties`.
  private mutating func otherName(_ properties: Int?, _ next: Int32) throws(Failure) -> Int32 {
    let end = try graph.byte(UInt8(ascii: "\""), next)
    let free = try graph.open()
    graph.close(free, try graph.plainCharacter(free), end)
    guard let properties else { return try graph.byte(UInt8(ascii: "\""), free) }
    let n = json.count(properties)
    if n > SchemaCompiler.namesMax {
      throw Failure(
        .grammarSize,
        "\(json.path(properties)): \(n) properties beside additional ones; at most \(SchemaCompiler.namesMax) are supported",
        needed: Int64(n), available: Int64(SchemaCompiler.namesMax))
    }
    let node = try unlike(properties, -1, 0, free, end)
    return try graph.byte(UInt8(ascii: "\""), node)
  }

  /// What may follow the first `length` characters of the property name `like`.
  private mutating func unlike(
    _ properties: Int, _ like: Int, _ length: Int, _ free: Int32, _ end: Int32
  ) throws(Failure) -> Int32 {
    if length > SchemaCompiler.nameLengthMax {
      throw Failure(
        .grammarSize,
        "\(json.path(like)): beside additional properties, names have at most \(SchemaCompiler.nameLengthMax) characters",
        needed: Int64(length), available: Int64(SchemaCompiler.nameLengthMax))
    }
    var next = CharacterSet()
    var isName = false
    var node = Graph.dead
    var parts = json.parts(properties)
    while let part = parts.next() {
      guard let after = rest(part.name, like, length) else { continue }
      guard let c = after else {
        isName = true
        continue
      }
      var isNew = true
      for i in 0..<next.count where next.ranges[i].0 <= c && c <= next.ranges[i].1 { isNew = false }
      if !isNew { continue }
      if !next.add(c, c) {
        throw unsupported(properties, "names that differ in this many characters")
      }
      if c < 0x20 || c == 0x22 || c == 0x5C { continue }
      let deeper = try unlike(properties, part.name, length + 1, free, end)
      node = try graph.either(node, try graph.characters(c, c, deeper))
    }
    if !next.add(0x22, 0x22) || !next.add(0x5C, 0x5C) || !next.add(0, 0x1F) {
      throw unsupported(properties, "names that differ in this many characters")
    }
    next.invert()
    var tails = Graph.Tails(free)
    for i in 0..<next.count {
      let one = try graph.characters(next.ranges[i].0, next.ranges[i].1, &tails)
      node = try graph.either(node, one)
    }
    return isName ? node : try graph.either(node, end)
  }

  /// The character after the first `length` ones of `name` (nil within: it ends there), if these are
  /// the same as those of `like`.
  private func rest(_ name: Int, _ like: Int, _ length: Int) -> UInt32?? {
    var a = json.characters(name)
    if length > 0 {
      var b = json.characters(like)
      for _ in 0..<length {
        guard let x = a.next(), x == b.next() else { return nil }
      }
    }
    return .some(a.next())
  }

  // MARK: Anything

  /// Any JSON value whose lists nest at most `depth` deep.
  mutating func anything(_ depth: Int, _ next: Int32) throws(Failure) -> Int32 {
    var node = try graph.text("null", next)
    node = try graph.either(node, try boolean(next))
    node = try graph.either(node, try freeNumber(isInteger: false, next))
    node = try graph.either(node, try freeString(next))
    if depth <= 0 { return node }
    let listEnd = try graph.byte(UInt8(ascii: "]"), next)
    let list = try graph.open()
    let element = try anything(depth - 1, list)
    let more = try graph.byte(UInt8(ascii: ","), try graph.blank(spacing, element))
    graph.close(list, more, listEnd)
    let elements = try graph.either(element, listEnd)
    node = try graph.either(node, try graph.byte(UInt8(ascii: "["), elements))
    let end = try graph.byte(UInt8(ascii: "}"), next)
    let members = try graph.open()
    let value = try anything(depth - 1, members)
    let colon = try graph.byte(UInt8(ascii: ":"), try graph.blank(spacing, value))
    let name = try freeString(colon)
    let comma = try graph.byte(UInt8(ascii: ","), try graph.blank(spacing, name))
    graph.close(members, comma, end)
    let first = try graph.either(name, end)
    return try graph.either(node, try graph.byte(UInt8(ascii: "{"), first))
  }

  private mutating func freeString(_ next: Int32) throws(Failure) -> Int32 {
    let end = try graph.byte(UInt8(ascii: "\""), next)
    let inside = try graph.freeCharacters(0, nil, end)
    return try graph.byte(UInt8(ascii: "\""), inside)
  }
}
