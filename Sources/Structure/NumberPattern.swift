// Decimal numbers of a range and a step, digit by digit, as an automaton that is exact: it compares
// digits, not floats, and carries the remainder of the division by the step.
//
//     number   "-"? ("0" | [1-9] digits) ("." digits)?      no exponent, no leading zero, no "-0"

import LintelCore

package struct NumberPattern {
  /// Digits before the point where nothing bounds the number: what a double holds exactly.
  package static var wholeDefault: Int { 15 }
  package static var fractionDefault: Int { 6 }
  package static var remaindersMax: Int { 1024 }

  package var least: Decimal?
  package var isLeastExcluded = false
  package var most: Decimal?
  package var isMostExcluded = false
  /// The step is `step` / 10^`fractionMax`; 1 if there is none.
  package var step = 1
  package var fractionMax = 0
  /// Digits behind the point that may be written: fewer than `fractionMax` only for integers.
  package var fractionWritten = 0

  package init() {}

  /// Numbers that can be told from the bounds to be none. Others find out when digits run out.
  package var isEmpty: Bool {
    guard let least, let most else { return false }
    let order = Decimal.compare(least, most)
    return order > 0 || order == 0 && (isLeastExcluded || isMostExcluded)
  }

  /// Two layers of nodes: per tightness and remainder.
  package static var scratchCount: Int { 2 * 4 * remaindersMax }

  package func build(
    _ graph: inout Graph, _ scratch: Buffer<Int32>, _ next: Int32
  ) throws(Failure) -> Int32 {
    if isEmpty { return Graph.dead }
    var node = Graph.dead
    // Zero and above: [max(least, 0), most].
    if most.map({ !$0.isNegative }) ?? true {
      var part = self
      if part.least.map({ $0.isNegative }) ?? true {
        part.least = .zero
        part.isLeastExcluded = false
      }
      if !part.isEmpty { node = try part.magnitude(&graph, scratch, next) }
    }
    // Below zero, as what follows the minus: (0 or -most, -least].
    if least.map({ $0.isNegative }) ?? true {
      var part = self
      part.most = least?.negated
      part.isMostExcluded = isLeastExcluded
      part.least = .zero
      part.isLeastExcluded = true
      if let most, most.isNegative {
        part.least = most.negated
        part.isLeastExcluded = isMostExcluded
      }
      if !part.isEmpty {
        let digits = try part.magnitude(&graph, scratch, next)
        node = try graph.either(node, try graph.byte(UInt8(ascii: "-"), digits))
      }
    }
    return node
  }

  /// Numbers from `least`, which is set and not below zero, to `most`.
  private func magnitude(
    _ graph: inout Graph, _ scratch: Buffer<Int32>, _ next: Int32
  ) throws(Failure) -> Int32 {
    guard let low = least else { return Graph.dead }
    let top = most?.whole ?? max(NumberPattern.wholeDefault, low.whole)
    var node = Graph.dead
    var free = FreeDigits()
    for length in low.whole...max(top, low.whole) where length <= top {
      let one = try digits(&graph, scratch, next, length, low, &free)
      node = try graph.either(node, one)
    }
    return node
  }

  /// Where any digits may follow: nodes by how many, shared by numbers of all lengths. Only without a
  /// step, and behind the first digit.
  private struct FreeDigits {
    var nodes = InlineArray<48, Int32>(repeating: -1)
  }

  /// Numbers with `length` digits before the point, from the last digit to the first.
  private func digits(
    _ graph: inout Graph, _ scratch: Buffer<Int32>, _ next: Int32, _ length: Int, _ low: Decimal,
    _ free: inout FreeDigits
  ) throws(Failure) -> Int32 {
    var here = 0
    let startsLow = length == low.whole
    let startsHigh = most.map { $0.whole == length } ?? false
    var p = length + fractionWritten
    while p >= 0 {
      let after = here
      here = NumberPattern.scratchCount / 2 - here
      for tight in 0..<4 {
        let isLow = tight & 1 != 0
        let isHigh = tight & 2 != 0
        if isLow && !startsLow || isHigh && !startsHigh { continue }
        for r in 0..<step {
          let slot = here + tight * step + r
          let left = length + fractionWritten - p
          let isFree = tight == 0 && step == 1 && p > 0 && left < 48
          if isFree && free.nodes[left] >= 0 {
            scratch[slot] = free.nodes[left]
            continue
          }
          scratch[slot] = try self.node(
            &graph, scratch, next, length, low, p, isLow, isHigh, r, after)
          if isFree { free.nodes[left] = scratch[slot] }
        }
      }
      p -= 1
    }
    let start = (startsLow ? 1 : 0) + (startsHigh ? 2 : 0)
    return scratch[here + start * step]
  }

  private func node(
    _ graph: inout Graph, _ scratch: Buffer<Int32>, _ next: Int32, _ length: Int, _ low: Decimal,
    _ p: Int, _ isLow: Bool, _ isHigh: Bool, _ r: Int, _ after: Int
  ) throws(Failure) -> Int32 {
    var node = Graph.dead
    if p < length + fractionWritten {
      let first = p == 0 && length > 1 ? 1 : 0
      let from = max(isLow ? Int(low.digit(p)) : 0, first)
      let to = isHigh ? Int(most?.digit(p) ?? 9) : 9
      var d = from
      while d <= to {
        let staysLow = isLow && d == Int(low.digit(p))
        let staysHigh = isHigh && d == to
        // Digits strictly inside lead to the same place unless a remainder is carried.
        var last = d
        if step == 1 && !staysLow && !staysHigh { last = isHigh ? to - 1 : to }
        let tight = (staysLow ? 1 : 0) + (staysHigh ? 2 : 0)
        let target = scratch[after + tight * step + (r * 10 + d) % step]
        let one = try graph.range(
          UInt8(truncatingIfNeeded: 48 + d), UInt8(truncatingIfNeeded: 48 + last), target)
        node = try graph.either(node, one)
        d = last + 1
      }
      if p == length { node = try graph.byte(UInt8(ascii: "."), node) }
    }
    if p >= length && mayEnd(p, low, isLow, isHigh, r, length) {
      node = try graph.either(node, next)
    }
    return node
  }

  /// Whether a number may end after `p` digits: as if zeros followed.
  private func mayEnd(
    _ p: Int, _ low: Decimal, _ isLow: Bool, _ isHigh: Bool, _ r: Int, _ length: Int
  ) -> Bool {
    if isLow {
      for i in p..<max(low.count, p) where low.digit(i) != 0 { return false }
      if isLeastExcluded { return false }
    }
    if isHigh && isMostExcluded, let most {
      var rest: UInt8 = 0
      for i in p..<max(most.count, p) { rest |= most.digit(i) }
      if rest == 0 { return false }
    }
    var remainder = r
    for _ in 0..<(length + fractionMax - p) { remainder = remainder * 10 % step }
    return remainder == 0
  }
}
