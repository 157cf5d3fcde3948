// A nondeterministic automaton over bytes, as schemas and grammars are first written down. It is
// built from its end to its beginning: every piece is told the node that follows it, and answers the
// node that it begins with. Loops begin with a node that is left open and closed later.

import LintelCore
import LintelText

package struct Graph {
  package enum Kind: UInt8 {
    /// Goes nowhere: nothing that arrives here is accepted.
    case dead = 0
    case accept = 1
    /// One byte of low...high, then `a`.
    case range = 2
    /// Both `a` and `b`, without a byte.
    case either = 3
  }

  package struct Node: BitwiseCopyable {
    var rawKind: UInt8
    package var low: UInt8
    package var high: UInt8
    package var a: Int32
    package var b: Int32
    package var kind: Kind { Kind(rawValue: rawKind) ?? .dead }
  }

  package static var dead: Int32 { 0 }
  package static var accept: Int32 { 1 }

  package let nodes: Buffer<Node>
  package private(set) var count = 0

  package init(_ nodes: Buffer<Node>) throws(Failure) {
    self.nodes = nodes
    _ = try add(.dead)
    _ = try add(.accept)
  }

  private mutating func add(
    _ kind: Kind, _ low: UInt8 = 0, _ high: UInt8 = 0, _ a: Int32 = 0, _ b: Int32 = 0
  ) throws(Failure) -> Int32 {
    if count == nodes.count {
      throw Failure(
        .grammarSize,
        "the grammar takes more than the \(nodes.count) nodes that its memory holds: make it smaller, or grammar_bytes larger",
        needed: Int64(nodes.count + 1), available: Int64(nodes.count))
    }
    nodes[count] = Node(rawKind: kind.rawValue, low: low, high: high, a: a, b: b)
    count += 1
    return Int32(truncatingIfNeeded: count - 1)
  }

  package mutating func range(
    _ low: UInt8, _ high: UInt8, _ next: Int32
  ) throws(Failure) -> Int32 {
    if next == Graph.dead { return Graph.dead }
    return try add(.range, low, high, next)
  }

  package mutating func byte(_ b: UInt8, _ next: Int32) throws(Failure) -> Int32 {
    try range(b, b, next)
  }

  package mutating func either(_ a: Int32, _ b: Int32) throws(Failure) -> Int32 {
    if a == Graph.dead { return b }
    if b == Graph.dead || a == b { return a }
    return try add(.either, 0, 0, a, b)
  }

  /// A node to be closed: until then it leads nowhere.
  package mutating func open() throws(Failure) -> Int32 { try add(.either) }

  package func close(_ node: Int32, _ a: Int32, _ b: Int32 = Graph.dead) {
    nodes[Int(node)].a = a
    nodes[Int(node)].b = b
  }

  /// A byte whose successor comes later, by `link`.
  package mutating func loose(_ b: UInt8) throws(Failure) -> Int32 { try add(.range, b, b) }

  package func link(_ node: Int32, _ next: Int32) { nodes[Int(node)].a = next }

  package mutating func text(_ t: StaticString, _ next: Int32) throws(Failure) -> Int32 {
    try text(Bytes(t), next)
  }

  package mutating func text(_ t: Bytes, _ next: Int32) throws(Failure) -> Int32 {
    var node = next
    var i = t.count
    while i > 0 {
      i -= 1
      node = try byte(t[i], node)
    }
    return node
  }

  // MARK: Characters

  /// One character of first...last as UTF-8; surrogates, which are none, are left out.
  package mutating func characters(
    _ first: UInt32, _ last: UInt32, _ next: Int32
  ) throws(Failure) -> Int32 {
    var tails = Tails(next)
    return try characters(first, min(last, 0x10FFFF), &tails)
  }

  /// What follows a lead byte when all continuation bytes are free: shared by many lead bytes.
  struct Tails {
    var nodes: InlineArray<4, Int32>
    init(_ next: Int32) { nodes = [next, -1, -1, -1] }
  }

  private mutating func tail(_ length: Int, _ tails: inout Tails) throws(Failure) -> Int32 {
    if tails.nodes[length] < 0 {
      let next = try tail(length - 1, &tails)
      tails.nodes[length] = try range(0x80, 0xBF, next)
    }
    return tails.nodes[length]
  }

  /// Several ranges can share what follows their lead bytes.
  mutating func characters(
    _ first: UInt32, _ last: UInt32, _ tails: inout Tails
  ) throws(Failure) -> Int32 {
    if first > last { return Graph.dead }
    // Ranges of one encoded length, without the surrogates.
    if first < 0xE000 && last > 0xD7FF {
      let below = first < 0xD800 ? try characters(first, 0xD7FF, &tails) : Graph.dead
      let above = last > 0xDFFF ? try characters(0xE000, last, &tails) : Graph.dead
      return try either(below, above)
    }
    let limits: InlineArray<3, UInt32> = [0x7F, 0x7FF, 0xFFFF]
    for i in 0..<3 {
      let limit = limits[i]
      if first <= limit && last > limit {
        let below = try characters(first, limit, &tails)
        return try either(below, try characters(limit + 1, last, &tails))
      }
    }
    if last < 0x80 {
      return try range(
        UInt8(truncatingIfNeeded: first), UInt8(truncatingIfNeeded: last), tails.nodes[0])
    }
    // Ranges whose continuation bytes are either one value each or, from some byte on, all.
    for k in 1..<4 {
      let mask = UInt32(1) << UInt32(6 * k) - 1
      if first & ~mask == last & ~mask || last <= mask { continue }
      if first & mask != 0 {
        let below = try characters(first, first | mask, &tails)
        return try either(below, try characters((first | mask) + 1, last, &tails))
      }
      if last & mask != mask {
        let below = try characters(first, (last & ~mask) - 1, &tails)
        return try either(below, try characters(last & ~mask, last, &tails))
      }
    }
    return try sequence(first, last, &tails)
  }

  private mutating func sequence(
    _ first: UInt32, _ last: UInt32, _ tails: inout Tails
  ) throws(Failure) -> Int32 {
    let length = first < 0x800 ? 2 : first < 0x10000 ? 3 : 4
    var free = 0
    while free < length - 1 {
      let mask = UInt32(1) << UInt32(6 * (free + 1)) - 1
      if first & mask != 0 || last & mask != mask { break }
      free += 1
    }
    var node = try tail(free, &tails)
    for k in free..<length {
      let shift = UInt32(6 * k)
      var low = first >> shift & 63 | 0x80
      var high = last >> shift & 63 | 0x80
      if k == length - 1 {
        let lead: UInt32 = length == 2 ? 0xC0 : length == 3 ? 0xE0 : 0xF0
        low = lead | first >> shift
        high = lead | last >> shift
      }
      node = try range(UInt8(truncatingIfNeeded: low), UInt8(truncatingIfNeeded: high), node)
    }
    return node
  }
}
