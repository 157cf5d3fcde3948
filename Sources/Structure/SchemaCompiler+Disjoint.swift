// oneOf is anyOf where no value can satisfy two of the schemas. That is shown by different types, by
// different given values, by bounds that do not overlap, or by a property that both objects require
// and for which one of these holds (the usual tag). Otherwise oneOf is refused.

import LintelCore

extension SchemaCompiler {
  private static var depthMax: Int { 8 }

  mutating func checkDisjoint(_ list: Int) throws(Failure) {
    if json.kind(list) != .array { throw broken(list, "an array of schemas") }
    let n = json.count(list)
    if n > 64 {
      throw Failure(
        .grammarSize, "\(json.path(list)): \(n) schemas in oneOf; at most 64 are compared",
        needed: Int64(n), available: 64)
    }
    var parts = json.parts(list)
    while let a = parts.next() {
      var others = parts
      while let b = others.next() {
        if try !disjoint(a.value, b.value, 0) {
          throw unsupported(
            b.value, "a value might satisfy this and an earlier schema of oneOf: use anyOf")
        }
      }
    }
  }

  private mutating func disjoint(_ a: Int, _ b: Int, _ depth: Int) throws(Failure) -> Bool {
    try pay(a)
    try pay(b)
    if json.isFalse(a) || json.isFalse(b) { return true }
    if depth > SchemaCompiler.depthMax || json.kind(a) != .object || json.kind(b) != .object {
      return false
    }
    let x = try SchemaKeywords(json, a)
    let y = try SchemaKeywords(json, b)
    if let ref = x[.ref] { return try disjoint(try resolve(ref), b, depth + 1) }
    if y.has(.ref) { return try disjoint(b, a, depth + 1) }
    if let list = x[.anyOf] ?? x[.oneOf] ?? x[.allOf] {
      if json.kind(list) != .array { return false }
      var parts = json.parts(list)
      while let part = parts.next() {
        if try !disjoint(part.value, b, depth + 1) { return false }
      }
      return true
    }
    if y.has(.anyOf) || y.has(.oneOf) || y.has(.allOf) { return try disjoint(b, a, depth + 1) }
    if let values = x[.const] ?? x[.enum] {
      return try valuesDiffer(values, isList: !x.has(.const), from: y)
    }
    if y.has(.const) || y.has(.enum) { return try disjoint(b, a, depth + 1) }
    let s = try typeSet(x)
    let t = try typeSet(y)
    let common = s.intersection(t)
    if common.isEmpty { return true }
    if common.isSubset(of: .number) && x.has(.type) && y.has(.type) {
      var p = try numberPattern(a, x, isInteger: false)
      let q = try numberPattern(b, y, isInteger: false)
      if let low = q.least, p.least.map({ Decimal.compare($0, low) <= 0 }) ?? true {
        p.least = low
        p.isLeastExcluded = q.isLeastExcluded || p.isLeastExcluded
      }
      if let high = q.most, p.most.map({ Decimal.compare($0, high) >= 0 }) ?? true {
        p.most = high
        p.isMostExcluded = q.isMostExcluded
      }
      p.isLeastExcluded = false
      p.isMostExcluded = false
      return p.isEmpty
    }
    if common == .object { return try tagsDiffer(x, y, depth) }
    return false
  }

  private mutating func tagsDiffer(
    _ x: SchemaKeywords, _ y: SchemaKeywords, _ depth: Int
  ) throws(Failure) -> Bool {
    guard let p = x[.properties], let q = y[.properties], let r = x[.required],
      let s = y[.required], json.kind(p) == .object, json.kind(q) == .object,
      json.kind(r) == .array, json.kind(s) == .array
    else { return false }
    var names = json.parts(r)
    while let name = names.next() {
      guard let a = member(p, name.value), let b = member(q, name.value), isListed(name.value, s)
      else { continue }
      if try disjoint(a, b, depth + 1) { return true }
    }
    return false
  }

  private func member(_ object: Int, _ name: Int) -> Int? {
    if json.kind(name) != .string { return nil }
    var parts = json.parts(object)
    while let part = parts.next() {
      if json.equals(part.name, name) { return part.value }
    }
    return nil
  }

  private func isListed(_ name: Int, _ list: Int) -> Bool {
    var parts = json.parts(list)
    while let part = parts.next() {
      if json.kind(part.value) == .string && json.equals(part.value, name) { return true }
    }
    return false
  }

  /// Whether each given value differs from all that `y` allows.
  private func valuesDiffer(
    _ values: Int, isList: Bool, from y: SchemaKeywords
  ) throws(Failure) -> Bool {
    if !isList { return try differs(values, from: y) }
    if json.kind(values) != .array { return false }
    var parts = json.parts(values)
    while let part = parts.next() {
      if try !differs(part.value, from: y) { return false }
    }
    return true
  }

  private func differs(_ value: Int, from y: SchemaKeywords) throws(Failure) -> Bool {
    if let other = y[.const] { return unequal(value, other) }
    if let list = y[.enum] {
      if json.kind(list) != .array { return false }
      var parts = json.parts(list)
      while let part = parts.next() {
        if !unequal(value, part.value) { return false }
      }
      return true
    }
    return try typeSet(y).isDisjoint(with: typeSet(of: value))
  }

  /// Certainly different; lists are not looked into.
  private func unequal(_ a: Int, _ b: Int) -> Bool {
    let kind = json.kind(a)
    if kind != json.kind(b) { return true }
    switch kind {
    case .string: return !json.equals(a, b)
    case .boolean: return json.isTrue(a) != json.isTrue(b)
    case .number:
      guard let x = Decimal(json.bytes(a)), let y = Decimal(json.bytes(b)) else { return false }
      return Decimal.compare(x, y) != 0
    default: return false
    }
  }
}
