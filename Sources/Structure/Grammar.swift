// A compiled grammar: the automaton, and the token masks of the states whose walk would take long.
//
//     [ states | edges | classes | dense | masks ]      in one block of the model's grammar memory

import LintelCore
import LintelText

package enum GrammarKind: UInt32, Sendable {
  case jsonSchema = 1
  case tools = 2
  case gbnf = 3
}

package struct GrammarOptions {
  package static var statesDefault: Int { 1 << 16 }
  package static var statesMax: Int { 1 << 20 }
  package static var depthDefault: Int { 3 }
  package static var depthMax: Int { 16 }

  package var kind: GrammarKind
  package var text: Bytes
  package var spacing: Spacing = .free
  package var states = GrammarOptions.statesDefault
  package var depth = GrammarOptions.depthDefault

  package init(kind: GrammarKind, text: Bytes) {
    self.kind = kind
    self.text = text
  }
}

package struct Grammar: BitwiseCopyable {
  /// Nodes of the token tree that a step may look at; a state that would need more has its mask
  /// computed beforehand. At about 5 ns each this is a quarter of the time that a step may take.
  package static var visitsMax: Int { 48 << 10 }
  /// Beyond this many, a mask is kept if there is room for it.
  package static var visitsFew: Int { 4 << 10 }

  package let automaton: Automaton
  package let trie: TokenTrie
  /// Masks of `trie.words` words, one after the other.
  package let rows: Buffer<UInt64>

  // MARK: Compiling

  /// Compiles into the front of `arena`; what is behind serves as scratch.
  package static func compile(
    _ arena: inout Arena, _ options: GrammarOptions, _ trie: TokenTrie, _ vocabulary: Vocabulary
  ) throws(Failure) -> Grammar {
    let automaton = try Automaton.compile(&arena, options)
    try checkBytes(automaton, vocabulary)
    try FreeStates.fill(automaton, arena)
    let rows = try fillRows(&arena, automaton, trie)
    return Grammar(automaton: automaton, trie: trie, rows: rows)
  }

  /// Every byte must be a token of its own, so that no mask is ever empty.
  private static func checkBytes(
    _ automaton: Automaton, _ vocabulary: Vocabulary
  ) throws(Failure) {
    for e in 0..<automaton.edges.count {
      for b in Int(automaton.edges[e].low)...Int(automaton.edges[e].high)
      where vocabulary.byteTokens[b] < 0 {
        throw Failure(
          .missing, "the grammar wants the byte \(b), for which the vocabulary has no token",
          needed: Int64(b))
      }
    }
  }

  private static func fillRows(
    _ arena: inout Arena, _ automaton: Automaton, _ trie: TokenTrie
  ) throws(Failure) -> Buffer<UInt64> {
    let words = trie.words
    let room = max(arena.capacity - arena.used - 64, 0) & ~63
    var whole = arena
    let space = try whole.carve(UInt64.self, room / 8, "token masks")
    var count = 0
    let grammar = Grammar(automaton: automaton, trie: trie, rows: space)
    for pass in 0..<2 {
      for s in 0..<automaton.states.count where automaton.states[s].row < 0 {
        let state = Int32(truncatingIfNeeded: s)
        let limit = pass == 0 ? visitsMax : visitsFew
        let visits = grammar.visits(state, limit: limit)
        if visits <= limit { continue }
        if (count + 1) * words > (pass == 0 ? space.count : space.count / 4) {
          if pass == 1 { break }
          throw Failure(
            .grammarSize,
            "the grammar's token masks need more than the \(space.count * 8) bytes that are left of grammar_bytes",
            needed: Int64((count + 1) * words * 8), available: Int64(space.count * 8))
        }
        let row = Buffer(base: space + count * words, count: words)
        grammar.compute(state, row)
        var same = 0
        while same < count && !isSame(space + same * words, row) { same += 1 }
        automaton.states.base[s].row = Int32(truncatingIfNeeded: same)
        if same == count { count += 1 }
      }
    }
    return try arena.carve(UInt64.self, count * words, "token masks")
  }

  private static func isSame(_ a: UnsafeMutablePointer<UInt64>, _ b: Buffer<UInt64>) -> Bool {
    for i in 0..<b.count where a[i] != b[i] { return false }
    return true
  }

  private func visits(_ state: Int32, limit: Int) -> Int {
    let free = automaton.states[Int(state)].free
    // Walks of odd tokens are at most this long; one through free strings is worth keeping anyway.
    if free > 0 && free < FreeStates.many && trie.oddVisits <= limit { return 0 }
    return trie.walk(automaton, state, skipsEven: free >= 0, limit: limit) { _ in }
  }

  // MARK: Masks

  /// The tokens that may come in `state`, end-of-turn tokens aside.
  package func mask(_ state: Int32, into mask: Buffer<UInt64>) {
    let row = Int(automaton.states[Int(state)].row)
    if row < 0 {
      compute(state, mask)
    } else {
      mask.base.update(from: rows + row * trie.words, count: trie.words)
    }
  }

  private func compute(_ state: Int32, _ mask: Buffer<UInt64>) {
    let free = Int(automaton.states[Int(state)].free)
    if free > 0 {
      let slice = trie.slices + min(free, TokenTrie.evenMax) * trie.words
      mask.base.update(from: slice, count: trie.words)
    } else {
      mask.base.update(repeating: 0, count: trie.words)
    }
    _ = trie.walk(automaton, state, skipsEven: free >= 0) { token in
      mask.base[token >> 6] |= 1 << UInt64(token & 63)
    }
  }

  package func isAccepting(_ state: Int32) -> Bool { automaton.states[Int(state)].isAccepting }

  /// The bytes that must come next, as many as `out` holds.
  package func forced(_ state: Int32, into out: Buffer<UInt8>) -> Int {
    automaton.forced(state, into: out).count
  }

  package func advance(_ state: Int32, _ text: Bytes) -> Int32 { automaton.run(state, text) }

  /// Whether a token can begin with `text`, which leads into `state`, and end behind it.
  package func isOpen(_ text: Bytes, _ state: Int32) -> Bool {
    text.count > 0 && trie.reaches(beyond: text, automaton, state)
  }
}

extension Automaton {
  /// Compiles into the front of `arena`; what is behind serves as scratch.
  package static func compile(
    _ arena: inout Arena, _ options: GrammarOptions
  ) throws(Failure) -> Automaton {
    let room = max(arena.capacity - arena.used - 4096, 0)
    var scratch = arena
    let remainders = try scratch.carve(
      Int32.self, NumberPattern.scratchCount, "scratch of the grammar")
    let points = try scratch.carve(
      UInt32.self, RegularExpression.pointsMax, "scratch of the grammar")
    let rules = try scratch.carve(
      GrammarText.Rule.self, GrammarText.rulesMax, "scratch of the grammar")
    let nodes = try scratch.carve(
      Graph.Node.self, room / 3 / MemoryLayout<Graph.Node>.stride, "nodes of the grammar")
    let empty = try Graph(nodes)
    let (start, graph) = try build(options, empty, remainders, points, rules)
    // Only the nodes in use stay; the subset construction works behind them.
    scratch = arena
    let skipped = UnsafeRawPointer(nodes.base + graph.count) - UnsafeRawPointer(remainders.base)
    _ = try scratch.carve(UInt8.self, skipped, "nodes of the grammar")
    var determinizer = try Determinizer(&scratch, graph, statesMax: options.states)
    try determinizer.build(from: start)
    if try !determinizer.reduce() {
      throw Failure(.unsatisfiable, "nothing satisfies the grammar")
    }
    return try Automaton(&arena, moving: &determinizer)
  }

  private static func build(
    _ options: GrammarOptions, _ graph: Graph, _ remainders: Buffer<Int32>,
    _ points: Buffer<UInt32>, _ rules: Buffer<GrammarText.Rule>
  ) throws(Failure) -> (Int32, Graph) {
    if options.kind == .gbnf {
      return try GrammarText.compile(options.text, graph, rules, depthMax: options.depth)
    }
    let json = try Json(options.text)
    var compiler = SchemaCompiler(
      json, graph: graph, remainders: remainders, points: points, spacing: options.spacing,
      depthMax: options.depth)
    return options.kind == .tools
      ? try SchemaCompiler.compileTools(&compiler) : try SchemaCompiler.compile(&compiler)
  }
}
