// A deterministic automaton over bytes. From every state something can still be accepted, so a byte
// that can be consumed never leads into a dead end.
//
//     state   its edges, sorted by byte; whether the text may end here
//     dense   for states of many edges, the target per class of bytes (-1: none)

import LintelCore

package struct Automaton: BitwiseCopyable {
  package struct State: BitwiseCopyable {
    package var firstEdge: Int32
    package var edgeCount: Int16
    package var isAccepting: Bool
    /// See `TokenMasks`: how many characters of a string may come, or -1.
    package var free: Int8
    /// Where its row of `dense` begins, or -1.
    package var dense: Int32
    /// Its precomputed token mask, or -1.
    package var row: Int32
  }

  package typealias Edge = Determinizer.Edge

  /// States with more edges than this have a dense row.
  static var fewEdges: Int { 6 }

  package let states: Buffer<State>
  package let edges: Buffer<Edge>
  package let classes: Buffer<UInt8>
  package let dense: Buffer<Int32>
  package let classCount: Int

  package static var start: Int32 { 0 }
  package static var none: Int32 { -1 }

  @inline(__always)
  package func step(_ state: Int32, _ byte: UInt8) -> Int32 {
    let s = states[Int(state)]
    if s.dense >= 0 { return dense[Int(s.dense) + Int(classes[Int(byte)])] }
    var e = Int(s.firstEdge)
    let end = e + Int(s.edgeCount)
    while e < end {
      let edge = edges[e]
      if byte <= edge.high { return byte >= edge.low ? edge.target : -1 }
      e += 1
    }
    return -1
  }

  @inline(__always)
  package func edgeRange(_ state: Int32) -> Range<Int> {
    let first = Int(states[Int(state)].firstEdge)
    return first..<first + Int(states[Int(state)].edgeCount)
  }

  /// Where `text` leads, or `none`.
  package func run(_ state: Int32, _ text: Bytes) -> Int32 {
    var s = state
    for i in 0..<text.count {
      s = step(s, text[i])
      if s < 0 { return Automaton.none }
    }
    return s
  }

  package func accepts(_ text: Bytes) -> Bool {
    let s = run(Automaton.start, text)
    return s >= 0 && states[Int(s)].isAccepting
  }

  /// The bytes that must come next whatever is chosen, as many as `out` holds, and where they lead.
  /// Ends where there is a choice, or where the text may end.
  package func forced(
    _ state: Int32, into out: Buffer<UInt8>
  ) -> (count: Int, state: Int32) {
    var s = state
    var n = 0
    while n < out.count {
      let range = edgeRange(s)
      if states[Int(s)].isAccepting || range.count != 1 { break }
      let edge = edges[range.lowerBound]
      if edge.low != edge.high { break }
      out[n] = edge.low
      n += 1
      s = edge.target
    }
    return (n, s)
  }

  /// `forced`, and on past optional blanks, which are guessed: for drafts. Where a colon or comma may
  /// be followed by one, what follows is otherwise the same.
  package func likely(
    _ state: Int32, into out: Buffer<UInt8>, writesBlanks: Bool
  ) -> (count: Int, state: Int32) {
    var (n, s) = forced(state, into: out)
    while n < out.count, let blank = optionalBlank(s) {
      let after = edges[edgeRange(blank).lowerBound]
      if writesBlanks {
        out[n] = 32
        n += 1
        s = blank
      } else if edgeRange(blank).count == 1 && after.low == after.high {
        out[n] = after.low
        n += 1
        s = after.target
      } else {
        break
      }
      let rest = forced(s, into: out.dropping(n))
      n += rest.count
      s = rest.state
    }
    return (n, s)
  }

  /// Where a blank leads that makes no other difference.
  private func optionalBlank(_ state: Int32) -> Int32? {
    let range = edgeRange(state)
    if states[Int(state)].isAccepting || range.count < 2 { return nil }
    let blank = edges[range.lowerBound]
    if blank.low != 32 || blank.high != 32 { return nil }
    let others = edgeRange(blank.target)
    if others.count != range.count - 1 { return nil }
    for k in 0..<others.count {
      let a = edges[range.lowerBound + 1 + k]
      let b = edges[others.lowerBound + k]
      if a.low != b.low || a.high != b.high || a.target != b.target { return nil }
    }
    return blank.target
  }

  // MARK: From the determinizer

  /// Moves what `d` has found to the front of `arena`, over whatever lies there: `d`'s own buffers
  /// are behind it, in the order states, edges, and each is read before it is overwritten.
  package init(_ arena: inout Arena, moving d: inout Determinizer) throws(Failure) {
    let stateCount = d.finalStates
    let edgeCount = d.compact()
    let states = try arena.carve(State.self, stateCount, "the grammar's states")
    d.write(states)
    let edges = try arena.carve(Edge.self, edgeCount, "the grammar's edges")
    d.move(to: edges)
    let classes = try arena.carve(UInt8.self, 256, "classes of bytes")
    classCount = Automaton.classify(edges, classes)
    var wide = 0
    for i in 0..<stateCount where Int(states[i].edgeCount) > Automaton.fewEdges { wide += 1 }
    let dense = try arena.carve(
      Int32.self, Checked.multiply(wide, classCount, "dense rows"), "dense rows")
    self.states = states
    self.edges = edges
    self.classes = classes
    self.dense = dense
    fillDense()
  }

  private static func classify(_ edges: Buffer<Edge>, _ classes: Buffer<UInt8>) -> Int {
    var starts = InlineArray<257, Bool>(repeating: false)
    for e in 0..<edges.count {
      starts[Int(edges[e].low)] = true
      starts[Int(edges[e].high) + 1] = true
    }
    var c = 0
    for b in 0..<256 {
      if b > 0 && starts[b] { c += 1 }
      classes[b] = UInt8(truncatingIfNeeded: c)
    }
    return c + 1
  }

  private func fillDense() {
    dense.fill(-1)
    var next = 0
    for i in 0..<states.count where Int(states[i].edgeCount) > Automaton.fewEdges {
      states.base[i].dense = Int32(truncatingIfNeeded: next)
      for e in edgeRange(Int32(truncatingIfNeeded: i)) {
        for c in Int(classes[Int(edges[e].low)])...Int(classes[Int(edges[e].high)]) {
          dense[next + c] = edges[e].target
        }
      }
      next += classCount
    }
  }
}

extension Determinizer {
  /// Closes the gaps between the edges that are kept, and gives their targets final numbers.
  mutating func compact() -> Int {
    var n = 0
    for i in 0..<stateCount where isKept(i) {
      let first = Int(states[i].firstEdge)
      states.base[i].firstEdge = Int32(truncatingIfNeeded: n)
      for e in first..<first + Int(states[i].edgeCount) {
        let edge = edges[e]
        edges[n] = Edge(
          low: edge.low, high: edge.high, target: states[Int(edge.target)].chain)
        n += 1
      }
    }
    return n
  }

  func write(_ out: Buffer<Automaton.State>) {
    var n = 0
    for i in 0..<stateCount where isKept(i) {
      let s = states[i]
      out[n] = Automaton.State(
        firstEdge: s.firstEdge, edgeCount: Int16(truncatingIfNeeded: s.edgeCount),
        isAccepting: s.isAccepting, free: -1, dense: -1, row: -1)
      n += 1
    }
  }

  func move(to out: Buffer<Edge>) {
    for i in 0..<out.count { out[i] = edges[i] }
  }
}
