// The bytes of all tokens that are text, as a tree in preorder: a walk that meets a dead end skips a
// subtree by one addition.
//
//     node   byte 8 | depth 8 | size of the subtree 21 | token + 1, 22 | subtree has odd tokens 1
//
// A token is even if it is 1 to 14 whole characters that stand for themselves in a JSON string.
// `slices` holds, for n = 0 ... 14, the mask of the even tokens of at most n characters: where a
// string is free to go on, these are known without a walk.

import LintelCore
import LintelText

package struct TokenTrie: BitwiseCopyable {
  /// Longer tokens are never allowed.
  package static var bytesMax: Int { 255 }
  package static var nodesMax: Int { 1 << 21 - 1 }
  package static var evenMax: Int { 14 }

  package let nodes: Buffer<UInt64>
  /// Where the nodes of each first byte begin, and the end.
  package let roots: Buffer<UInt32>
  package let slices: Buffer<UInt64>
  package let tokenCount: Int
  /// How many nodes a walk looks at that goes everywhere but skips even subtrees.
  package let oddVisits: Int

  package var words: Int { (tokenCount + 63) / 64 }

  private struct Entry: BitwiseCopyable {
    /// The first eight bytes, the first one highest.
    var key: UInt64
    var id: UInt32
  }

  @inline(__always) static func size(_ n: UInt64) -> Int { Int(n >> 16 & 0x1F_FFFF) }
  @inline(__always) static func depth(_ n: UInt64) -> Int { Int(n >> 8 & 0xFF) }
  @inline(__always) static func token(_ n: UInt64) -> Int { Int(n >> 37 & 0x3F_FFFF) - 1 }
  @inline(__always) static func isOdd(_ n: UInt64) -> Bool { n >> 59 & 1 != 0 }
  static var oddBit: UInt64 { 1 << 59 }

  /// Builds the tree at the front of `arena`; sorting needs 16 bytes per token behind it, for a while.
  package init(_ arena: inout Arena, _ vocabulary: Vocabulary) throws(Failure) {
    tokenCount = vocabulary.count
    let words = (vocabulary.count + 63) / 64
    roots = try arena.carve(UInt32.self, 257, "the token tree's roots")
    slices = try arena.carve(UInt64.self, (TokenTrie.evenMax + 1) * words, "token slices")
    var builder = Builder(vocabulary)
    let entries = builder.countEntries()
    // The entries lie at the end, the nodes grow from the front: count them first.
    let entryBytes = (entries * MemoryLayout<Entry>.stride + 63) & ~63
    var behind = arena
    let all = try behind.carve(
      UInt8.self, max(arena.capacity - arena.used - 63, 0) & ~63, "the token tree")
    if all.count < entryBytes {
      throw TokenTrie.tooSmall(arena.used + entryBytes + builder.bytesTotal * 8, arena.capacity)
    }
    let start = UnsafeMutableRawPointer(all.base) + (all.count - entryBytes)
    let list = Buffer(
      base: start.bindMemory(to: Entry.self, capacity: entries), count: entries)
    builder.fill(list)
    TokenTrie.sort(list, vocabulary)
    let room = (all.count - entryBytes) / 8
    let capacity = Buffer(
      base: UnsafeMutableRawPointer(all.base).bindMemory(to: UInt64.self, capacity: room),
      count: room)
    let count = builder.build(list, capacity, roots, slices, words)
    if count > TokenTrie.nodesMax {
      throw Failure(
        .limit, "the tokens' tree has \(count) nodes, more than \(TokenTrie.nodesMax)",
        needed: Int64(count), available: Int64(TokenTrie.nodesMax))
    }
    if count > room {
      throw TokenTrie.tooSmall(arena.used + entryBytes + count * 8 + 128, arena.capacity)
    }
    nodes = try arena.carve(UInt64.self, count, "the token tree")
    var visits = 0
    var i = 0
    while i < count {
      visits += 1
      i += TokenTrie.isOdd(nodes[i]) ? 1 : TokenTrie.size(nodes[i])
    }
    oddVisits = visits
  }

  static func tooSmall(_ needed: Int, _ available: Int) -> Failure {
    Failure(
      .grammarSize,
      "the vocabulary's tree needs \(needed) bytes of grammar_bytes, which are \(available); grammars need some more",
      needed: Int64(needed), available: Int64(available))
  }

  // MARK: Building

  private struct Builder {
    let vocabulary: Vocabulary
    var bytesTotal = 0
    private var bytes = InlineArray<256, UInt8>(repeating: 0)
    private var path = InlineArray<256, UInt8>(repeating: 0)
    private var open = InlineArray<256, Int32>(repeating: 0)
    private var odd = InlineArray<256, Bool>(repeating: false)

    init(_ vocabulary: Vocabulary) { self.vocabulary = vocabulary }

    /// The bytes of `id`; 0 if it is no text or too long.
    private mutating func read(_ id: Int) -> Int {
      vocabulary.textBytes(Int32(truncatingIfNeeded: id), &bytes)
    }

    mutating func countEntries() -> Int {
      var n = 0
      for id in 0..<vocabulary.count {
        let length = read(id)
        if length == 0 { continue }
        n += 1
        bytesTotal += length
      }
      return n
    }

    mutating func fill(_ list: Buffer<Entry>) {
      var n = 0
      for id in 0..<vocabulary.count {
        let length = read(id)
        if length == 0 || n == list.count { continue }
        var key: UInt64 = 0
        for i in 0..<8 { key = key << 8 | (i < length ? UInt64(bytes[i]) : 0) }
        list[n] = Entry(key: key, id: UInt32(truncatingIfNeeded: id))
        n += 1
      }
    }

    /// The number of nodes, written as far as there is room.
    mutating func build(
      _ list: Buffer<Entry>, _ nodes: Buffer<UInt64>, _ roots: Buffer<UInt32>,
      _ slices: Buffer<UInt64>, _ words: Int
    ) -> Int {
      slices.fill(0)
      var count = 0
      var depth = 0
      var nextRoot = 0
      for e in 0..<list.count {
        let id = Int(list[e].id)
        let length = read(id)
        var common = 0
        while common < min(depth, length) && path[common] == bytes[common] { common += 1 }
        // A token of the same bytes becomes a sibling.
        if common == length { common = length - 1 }
        close(&depth, to: common, nodes, count)
        if common == 0 {
          while nextRoot <= Int(bytes[0]) {
            roots[nextRoot] = UInt32(truncatingIfNeeded: count)
            nextRoot += 1
          }
        }
        while depth < length {
          path[depth] = bytes[depth]
          open[depth] = Int32(truncatingIfNeeded: count)
          odd[depth] = false
          depth += 1
          if count < nodes.count {
            nodes[count] = UInt64(bytes[depth - 1]) | UInt64(depth) << 8
          }
          count += 1
        }
        if count <= nodes.count { nodes[count - 1] |= UInt64(id + 1) << 37 }
        let characters = plainCharacters(length)
        if characters == 0 { odd[depth - 1] = true }
        for n in max(characters, 1)...TokenTrie.evenMax where characters > 0 {
          slices[n * words + id / 64] |= 1 << UInt64(id % 64)
        }
      }
      close(&depth, to: 0, nodes, count)
      while nextRoot <= 256 {
        roots[nextRoot] = UInt32(truncatingIfNeeded: count)
        nextRoot += 1
      }
      return count
    }

    private mutating func close(
      _ depth: inout Int, to common: Int, _ nodes: Buffer<UInt64>, _ count: Int
    ) {
      while depth > common {
        depth -= 1
        let node = Int(open[depth])
        if node < nodes.count {
          nodes[node] |= (UInt64(count - node) & 0x1F_FFFF) << 16
          if odd[depth] { nodes[node] |= TokenTrie.oddBit }
        }
        if depth > 0 && odd[depth] { odd[depth - 1] = true }
      }
    }

    /// How many characters the token is, if it is even; else 0.
    private func plainCharacters(_ length: Int) -> Int {
      var i = 0
      var n = 0
      while i < length {
        let b = bytes[i]
        let width = Utf8.length(lead: b)
        if b < 0x20 || b == 0x22 || b == 0x5C || width == 0 || i + width > length { return 0 }
        if width > 1 {
          let (low, high) = Utf8.second(after: b)
          if bytes[i + 1] < low || bytes[i + 1] > high { return 0 }
          for k in 2..<max(width, 2) where bytes[i + k] & 0xC0 != 0x80 { return 0 }
        }
        i += width
        n += 1
      }
      return n <= TokenTrie.evenMax ? n : 0
    }
  }

  /// Heap sort: in place, and no order of tokens makes it slow.
  private static func sort(_ list: Buffer<Entry>, _ vocabulary: Vocabulary) {
    var root = list.count / 2
    while root > 0 {
      root -= 1
      sift(list, root, list.count, vocabulary)
    }
    var end = list.count
    while end > 1 {
      end -= 1
      let top = list[0]
      list[0] = list[end]
      list[end] = top
      sift(list, 0, end, vocabulary)
    }
  }

  private static func sift(
    _ list: Buffer<Entry>, _ from: Int, _ end: Int, _ vocabulary: Vocabulary
  ) {
    var hole = from
    let x = list[from]
    while 2 * hole + 1 < end {
      var child = 2 * hole + 1
      if child + 1 < end && isBefore(list[child], list[child + 1], vocabulary) { child += 1 }
      if !isBefore(x, list[child], vocabulary) { break }
      list[hole] = list[child]
      hole = child
    }
    list[hole] = x
  }

  @inline(__always)
  private static func isBefore(_ a: Entry, _ b: Entry, _ vocabulary: Vocabulary) -> Bool {
    if a.key != b.key { return a.key < b.key }
    return vocabulary.isTextBefore(a.id, b.id)
  }

  // MARK: Walking

  /// Whether a token begins with `text` and goes on with what `automaton` can consume from `state`.
  func reaches(beyond text: Bytes, _ automaton: Automaton, _ state: Int32) -> Bool {
    if text.count >= TokenTrie.bytesMax { return false }
    var i = Int(roots[Int(text[0])])
    let end = Int(roots[Int(text[0]) + 1])
    while i < end {
      let n = nodes[i]
      let depth = TokenTrie.depth(n)
      if UInt8(truncatingIfNeeded: n) != text[depth - 1] {
        i += TokenTrie.size(n)
      } else if depth < text.count {
        i += 1
      } else {
        if continues(i, automaton, state) { return true }
        i += TokenTrie.size(n)
      }
    }
    return false
  }

  /// Whether a token of the subtree of node `root` goes on behind it with what `automaton` can consume
  /// from `state`.
  private func continues(_ root: Int, _ automaton: Automaton, _ state: Int32) -> Bool {
    var stack = InlineArray<256, Int32>(repeating: state)
    var i = root + 1
    let end = root + TokenTrie.size(nodes[root])
    while i < end {
      let n = nodes[i]
      let depth = TokenTrie.depth(n)
      let target = automaton.step(stack[depth - 1], UInt8(truncatingIfNeeded: n))
      if target < 0 {
        i += TokenTrie.size(n)
        continue
      }
      if TokenTrie.token(n) >= 0 { return true }
      stack[depth] = target
      i += 1
    }
    return false
  }

  /// Sets the bits of the tokens that `automaton` can consume from `state`, and says how many nodes
  /// were looked at. Gives up beyond `limit` nodes, with a number above it.
  @inline(__always)
  func walk(
    _ automaton: Automaton, _ state: Int32, skipsEven: Bool, limit: Int = .max,
    _ found: (Int) -> Void
  ) -> Int {
    var stack = InlineArray<256, Int32>(repeating: state)
    var visits = 0
    for e in automaton.edgeRange(state) {
      let edge = automaton.edges[e]
      var i = Int(roots[Int(edge.low)])
      let end = Int(roots[Int(edge.high) + 1])
      while i < end {
        let n = nodes[i]
        visits += 1
        if skipsEven && !TokenTrie.isOdd(n) {
          i += TokenTrie.size(n)
          continue
        }
        let depth = TokenTrie.depth(n)
        let target = automaton.step(stack[depth - 1], UInt8(truncatingIfNeeded: n))
        if target < 0 {
          i += TokenTrie.size(n)
          continue
        }
        stack[depth] = target
        let token = TokenTrie.token(n)
        if token >= 0 { found(token) }
        i += 1
      }
      if visits > limit { return visits }
    }
    return visits
  }
}
