// Graph -> deterministic automaton, by the subset construction; states from which nothing can be
// accepted are left out, states that accept the same from here on become one where that is easily
// seen. All within buffers whose sizes are the limits.

import LintelCore

/// The automaton's parts while they grow.
package struct Determinizer {
  package struct State: BitwiseCopyable {
    var set: Int32
    var setCount: Int32
    var firstEdge: Int32
    var edgeCount: Int32
    /// The next state of the same hash.
    var chain: Int32
    var hash: UInt32
    /// What it was merged into, or its final number.
    var name: Int32
    var isAccepting: Bool
    var isAlive: Bool
  }

  package struct Edge: BitwiseCopyable {
    package var low: UInt8
    package var high: UInt8
    package var target: Int32
  }

  let graph: Graph
  /// Members of all sets, one after the other.
  let members: Buffer<Int32>
  package let states: Buffer<State>
  package let edges: Buffer<Edge>
  let heads: Buffer<Int32>
  /// Per node: in which closure it was last seen.
  let marks: Buffer<UInt32>
  let stack: Buffer<Int32>
  let statesMax: Int
  private var memberCount = 0
  package private(set) var stateCount = 0
  private var edgeCount = 0
  private var round: UInt32 = 0
  private var workLeft = 300_000_000

  /// Carves from what is left: half for sets, the rest for states and edges.
  package init(
    _ arena: inout Arena, _ graph: Graph, statesMax: Int
  ) throws(Failure) {
    self.graph = graph
    self.statesMax = statesMax
    marks = try arena.carve(UInt32.self, graph.count, "marks of the grammar's nodes")
    stack = try arena.carve(Int32.self, graph.count + 256, "the stack of the grammar's nodes")
    let room = max(arena.capacity - arena.used - 1024, 0)
    let stateRoom = min(room / 4 / MemoryLayout<State>.stride, statesMax)
    states = try arena.carve(State.self, stateRoom, "states")
    var size = 64
    while size < stateRoom { size *= 2 }
    heads = try arena.carve(Int32.self, size, "the index of states")
    let left = max(arena.capacity - arena.used - 256, 0)
    edges = try arena.carve(Edge.self, left / 2 / MemoryLayout<Edge>.stride, "edges")
    members = try arena.carve(Int32.self, left / 2 / 4, "sets of nodes")
    heads.fill(-1)
    marks.fill(0)
  }

  private func full(_ what: StaticString, _ n: Int) -> Failure {
    Failure(
      .grammarSize,
      "the grammar takes more than \(n) \(what), which is what its limits or memory allow: make it smaller, or raise states_max and grammar_bytes",
      needed: Int64(n + 1), available: Int64(n))
  }

  private mutating func pay(_ n: Int) throws(Failure) {
    workLeft -= n
    if workLeft < 0 {
      throw Failure(.grammarSize, "the grammar takes too long to compile: make it smaller")
    }
  }

  // MARK: Subsets

  package mutating func build(from start: Int32) throws(Failure) {
    round = 1
    try close(over: start)
    _ = try state()
    var i = 0
    while i < stateCount {
      try expand(i)
      i += 1
    }
  }

  /// Adds what follows from `node` without a byte to the set that is being collected.
  private mutating func close(over node: Int32) throws(Failure) {
    var depth = 0
    var next = node
    while true {
      if marks[Int(next)] != round {
        marks[Int(next)] = round
        try pay(1)
        let n = graph.nodes[Int(next)]
        switch n.kind {
        case .either:
          stack[depth] = n.b
          depth += 1
          next = n.a
          continue
        case .range, .accept:
          if pending == members.count { throw full("entries in sets of nodes", members.count) }
          members[pending] = next
          pending += 1
        case .dead: break
        }
      }
      if depth == 0 { return }
      depth -= 1
      next = stack[depth]
    }
  }

  /// The end of the set that is being collected; it begins at `memberCount`.
  private var pending = 0

  /// The state of the collected set, new or known.
  private mutating func state() throws(Failure) -> Int32 {
    let set = Buffer(base: members + memberCount, count: pending - memberCount)
    Determinizer.sort(set)
    var hash: UInt32 = 2_166_136_261
    var isAccepting = false
    for i in 0..<set.count {
      hash = (hash ^ UInt32(bitPattern: set[i])) &* 16_777_619
      hash ^= hash >> 15
      if set[i] == Graph.accept { isAccepting = true }
    }
    try pay(set.count * 4 + 8)
    let slot = Int(hash) & (heads.count - 1)
    var s = heads[slot]
    while s >= 0 {
      if states[Int(s)].hash == hash && isSame(Int(s), set) {
        pending = memberCount
        return s
      }
      try pay(1)
      s = states[Int(s)].chain
    }
    if stateCount == states.count { throw full("states", states.count) }
    states[stateCount] = State(
      set: Int32(truncatingIfNeeded: memberCount), setCount: Int32(truncatingIfNeeded: set.count),
      firstEdge: 0, edgeCount: 0, chain: heads[slot], hash: hash, name: 0,
      isAccepting: isAccepting, isAlive: isAccepting)
    heads[slot] = Int32(truncatingIfNeeded: stateCount)
    memberCount = pending
    stateCount += 1
    return Int32(truncatingIfNeeded: stateCount - 1)
  }

  private func isSame(_ s: Int, _ set: Buffer<Int32>) -> Bool {
    let state = states[s]
    if Int(state.setCount) != set.count { return false }
    for i in 0..<set.count where members[Int(state.set) + i] != set[i] { return false }
    return true
  }

  /// Shell sort.
  static func sort(_ set: Buffer<Int32>) {
    var gap = 1
    while gap < set.count { gap = gap * 3 + 1 }
    while gap > 0 {
      for i in 0..<set.count {
        let x = set[i]
        var k = i
        while k >= gap && set[k - gap] > x {
          set[k] = set[k - gap]
          k -= gap
        }
        set[k] = x
      }
      gap /= 3
    }
  }

  /// The edges of state `i`: one for each stretch of bytes in which the same nodes can move.
  private mutating func expand(_ i: Int) throws(Failure) {
    let from = Int(states[i].set)
    let end = from + Int(states[i].setCount)
    var starts = InlineArray<257, Bool>(repeating: false)
    for m in from..<end {
      let n = graph.nodes[Int(members[m])]
      if n.kind != .range { continue }
      starts[Int(n.low)] = true
      starts[Int(n.high) + 1] = true
    }
    states.base[i].firstEdge = Int32(truncatingIfNeeded: edgeCount)
    let first = edgeCount
    var low = 0
    while low < 256 {
      if !starts[low] && low > 0 {
        low += 1
        continue
      }
      var high = low
      while high < 255 && !starts[high + 1] { high += 1 }
      round &+= 1
      pending = memberCount
      for m in from..<end {
        let n = graph.nodes[Int(members[m])]
        if n.kind == .range && Int(n.low) <= low && low <= Int(n.high) { try close(over: n.a) }
      }
      try pay(end - from)
      if pending > memberCount { try add(low, high, try state(), first) }
      low = high + 1
    }
    states.base[i].edgeCount = Int32(truncatingIfNeeded: edgeCount - first)
  }

  private mutating func add(
    _ low: Int, _ high: Int, _ target: Int32, _ first: Int
  ) throws(Failure) {
    if edgeCount > first, edges[edgeCount - 1].target == target,
      Int(edges[edgeCount - 1].high) + 1 == low
    {
      edges.base[edgeCount - 1].high = UInt8(truncatingIfNeeded: high)
      return
    }
    if edgeCount == edges.count { throw full("edges", edges.count) }
    edges[edgeCount] = Edge(
      low: UInt8(truncatingIfNeeded: low), high: UInt8(truncatingIfNeeded: high), target: target)
    edgeCount += 1
  }

  // MARK: Making it small

  /// Leaves out what accepts nothing, merges what is alike, and numbers what is left. False if
  /// nothing is left.
  package mutating func reduce() throws(Failure) -> Bool {
    try findAlive()
    if !states[0].isAlive { return false }
    for i in 0..<stateCount { states.base[i].name = Int32(truncatingIfNeeded: i) }
    var isStable = false
    while !isStable { isStable = try mergeOnce() }
    number()
    return true
  }

  private mutating func findAlive() throws(Failure) {
    var isStable = false
    while !isStable {
      isStable = true
      try pay(edgeCount)
      var i = stateCount
      while i > 0 {
        i -= 1
        if states[i].isAlive { continue }
        for e in edgeRange(i) where states[Int(edges[e].target)].isAlive {
          states.base[i].isAlive = true
          isStable = false
          break
        }
      }
    }
  }

  private func edgeRange(_ i: Int) -> Range<Int> {
    let first = Int(states[i].firstEdge)
    return first..<first + Int(states[i].edgeCount)
  }

  private func name(_ i: Int32) -> Int32 {
    var n = i
    while states[Int(n)].name != n { n = states[Int(n)].name }
    return n
  }

  /// One round over all states, the last found first, so that ends are merged before what leads to
  /// them. True if nothing changed.
  private mutating func mergeOnce() throws(Failure) -> Bool {
    heads.fill(-1)
    try pay(edgeCount * 4 + heads.count)
    var isStable = true
    var i = stateCount
    while i > 0 {
      i -= 1
      if !states[i].isAlive || states[i].name != Int32(truncatingIfNeeded: i) { continue }
      rename(i)
      var hash: UInt32 = states[i].isAccepting ? 77 : 78
      for e in edgeRange(i) {
        hash = (hash ^ UInt32(edges[e].low) << 8 ^ UInt32(edges[e].high)) &* 16_777_619
        hash = (hash ^ UInt32(bitPattern: edges[e].target)) &* 16_777_619
        hash ^= hash >> 15
      }
      let slot = Int(hash) & (heads.count - 1)
      var s = heads[slot]
      while s >= 0 && !(states[Int(s)].hash == hash && isAlike(i, Int(s))) {
        try pay(1)
        s = states[Int(s)].chain
      }
      if s >= 0 {
        // The start keeps its number.
        let keep = i == 0 ? 0 : Int(s)
        let drop = i == 0 ? Int(s) : i
        states.base[drop].name = Int32(truncatingIfNeeded: keep)
        isStable = false
        if keep != 0 { continue }
      }
      states.base[i].hash = hash
      states.base[i].chain = heads[slot]
      heads[slot] = Int32(truncatingIfNeeded: i)
    }
    return isStable
  }

  /// Lets the edges of `i` lead to the names of their targets, without dead ones.
  private mutating func rename(_ i: Int) {
    let range = edgeRange(i)
    var n = range.lowerBound
    for e in range {
      let edge = edges[e]
      if !states[Int(edge.target)].isAlive { continue }
      let target = name(edge.target)
      if n > range.lowerBound, edges[n - 1].target == target,
        Int(edges[n - 1].high) + 1 == Int(edge.low)
      {
        edges.base[n - 1].high = edge.high
      } else {
        edges[n] = Edge(low: edge.low, high: edge.high, target: target)
        n += 1
      }
    }
    states.base[i].edgeCount = Int32(truncatingIfNeeded: n - range.lowerBound)
  }

  private func isAlike(_ a: Int, _ b: Int) -> Bool {
    if states[a].isAccepting != states[b].isAccepting || states[a].edgeCount != states[b].edgeCount {
      return false
    }
    var e = Int(states[a].firstEdge)
    for f in edgeRange(b) {
      if edges[e].low != edges[f].low || edges[e].high != edges[f].high
        || edges[e].target != edges[f].target
      {
        return false
      }
      e += 1
    }
    return true
  }

  package private(set) var finalStates = 0
  package private(set) var finalEdges = 0

  /// Numbers the states that are left, in their order; `chain` becomes the number.
  private mutating func number() {
    for i in 0..<stateCount where isKept(i) {
      rename(i)
      states.base[i].chain = Int32(truncatingIfNeeded: finalStates)
      finalStates += 1
      finalEdges += Int(states[i].edgeCount)
    }
  }

  package func isKept(_ i: Int) -> Bool {
    states[i].isAlive && states[i].name == Int32(truncatingIfNeeded: i)
  }
}
