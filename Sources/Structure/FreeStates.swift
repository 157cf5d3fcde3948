// For each state: may any characters of a JSON string come, and how many? Where that has a clear
// answer, the mask of the even tokens is a slice, and only odd tokens need a walk.
//
//     least   any `least` characters may come, whichever they are (15: so many or more)
//     most    never more than `most` in a row
//
// A state's answer is clear if both are the same, or if `least` is beyond every even token.

import LintelCore

struct FreeStates {
  static var many: Int8 { Int8(truncatingIfNeeded: TokenTrie.evenMax + 1) }

  /// Bytes that continue a character, and what is then missing: 0 nothing, 1 to 3 that many
  /// continuation bytes, 4 to 7 what E0, ED, F0 and F4 want.
  private struct Segment {
    var low: UInt8
    var high: UInt8
    var next: Int
  }

  let automaton: Automaton
  let least: Buffer<Int8>
  let most: Buffer<Int8>

  /// Finds the answers, with two scratch bytes per state.
  static func fill(_ automaton: Automaton, _ arena: Arena) throws(Failure) {
    var scratch = arena
    let n = automaton.states.count
    let f = FreeStates(
      automaton: automaton, least: try scratch.carve(Int8.self, n, "scratch of the grammar"),
      most: try scratch.carve(Int8.self, n, "scratch of the grammar"))
    f.least.fill(many)
    f.most.fill(0)
    f.settle(f.least, isLeast: true)
    f.settle(f.most, isLeast: false)
    for s in 0..<n {
      let isClear = f.least[s] == f.most[s] || f.least[s] == many
      automaton.states.base[s].free = isClear ? f.least[s] : -1
    }
  }

  private func settle(_ table: Buffer<Int8>, isLeast: Bool) {
    var isStable = false
    while !isStable {
      isStable = true
      var s = table.count
      while s > 0 {
        s -= 1
        if isLeast && table[s] == 0 { continue }
        let inside = answer(Int32(truncatingIfNeeded: s), 0, table, isLeast: isLeast)
        let value = inside < 0 ? 0 : min(inside + 1, FreeStates.many)
        if value != table[s] {
          table[s] = value
          isStable = false
        }
      }
    }
  }

  /// The least (or most) of what follows any character from here; -1 if a character is missing (or
  /// all are).
  private func answer(
    _ state: Int32, _ missing: Int, _ table: Buffer<Int8>, isLeast: Bool
  ) -> Int8 {
    var result: Int8 = isLeast ? .max : -1
    let edges = automaton.edgeRange(state)
    var e = edges.lowerBound
    for k in FreeStates.segments(missing) {
      let segment = FreeStates.segment(k)
      var from = Int(segment.low)
      while e < edges.upperBound && automaton.edges[e].high < segment.low { e += 1 }
      var i = e
      while i < edges.upperBound && automaton.edges[i].low <= segment.high {
        let edge = automaton.edges[i]
        if isLeast && Int(edge.low) > from { return -1 }
        let value = segment.next == 0
          ? table[Int(edge.target)]
          : answer(edge.target, segment.next, table, isLeast: isLeast)
        if isLeast {
          if value < 0 { return -1 }
          result = min(result, value)
        } else {
          result = max(result, value)
        }
        from = Int(edge.high) + 1
        i += 1
      }
      if isLeast && from <= Int(segment.high) { return -1 }
    }
    return result
  }

  private static func segments(_ missing: Int) -> Range<Int> {
    missing == 0 ? 0..<11 : 10 + missing..<11 + missing
  }

  private static func segment(_ k: Int) -> Segment {
    switch k {
    case 0: Segment(low: 0x20, high: 0x21, next: 0)
    case 1: Segment(low: 0x23, high: 0x5B, next: 0)
    case 2: Segment(low: 0x5D, high: 0x7F, next: 0)
    case 3: Segment(low: 0xC2, high: 0xDF, next: 1)
    case 4: Segment(low: 0xE0, high: 0xE0, next: 4)
    case 5: Segment(low: 0xE1, high: 0xEC, next: 2)
    case 6: Segment(low: 0xED, high: 0xED, next: 5)
    case 7: Segment(low: 0xEE, high: 0xEF, next: 2)
    case 8: Segment(low: 0xF0, high: 0xF0, next: 6)
    case 9: Segment(low: 0xF1, high: 0xF3, next: 3)
    case 10: Segment(low: 0xF4, high: 0xF4, next: 7)
    case 11: Segment(low: 0x80, high: 0xBF, next: 0)
    case 12: Segment(low: 0x80, high: 0xBF, next: 1)
    case 13: Segment(low: 0x80, high: 0xBF, next: 2)
    case 14: Segment(low: 0xA0, high: 0xBF, next: 1)
    case 15: Segment(low: 0x80, high: 0x9F, next: 1)
    case 16: Segment(low: 0x90, high: 0xBF, next: 2)
    default: Segment(low: 0x80, high: 0x8F, next: 2)
    }
  }
}
