// Refusing rules that can begin with themselves: which rules may be nothing at all, and what each can
// begin with.

import LintelCore

extension GrammarText {
  /// Refuses rules that can begin with themselves.
  mutating func checkLeft() throws(Failure) {
    var isStable = false
    while !isStable {
      isStable = true
      for r in 0..<ruleCount where !rules[r].isNullable {
        workLeft -= 16
        if try isNullable(Int(rules[r].body), 0).0 {
          rules.base[r].isNullable = true
          isStable = false
        }
      }
    }
    for r in 0..<ruleCount where rules[r].colour == 0 { try look(r, 0) }
  }

  /// Whether nothing at all is an alternative, and where they end.
  private mutating func isNullable(
    _ from: Int, _ level: Int
  ) throws(Failure) -> (Bool, Int) {
    var i = from
    var some = false
    while true {
      var all = true
      while !endsSequence(i) {
        let (least, _, end) = try repetition(skipSpace(try skipItem(i, 0)))
        try pay(end - i)
        if least > 0 {
          let isNothing = try isItemNullable(i, level)
          all = all && isNothing
        }
        i = end
      }
      some = some || all
      if byte(i) != UInt8(ascii: "|") { return (some, i) }
      i = skipSpace(i + 1)
    }
  }

  private mutating func isItemNullable(_ i: Int, _ level: Int) throws(Failure) -> Bool {
    switch byte(i) {
    case UInt8(ascii: "\""): return byte(i + 1) == UInt8(ascii: "\"")
    case UInt8(ascii: "["), UInt8(ascii: "."): return false
    case UInt8(ascii: "("): return try isNullable(skipSpace(i + 1), level + 1).0
    default: return find(text.slice(i, nameEnd(i))).map { rules[$0].isNullable } ?? false
    }
  }

  /// Follows what a rule can begin with.
  private mutating func look(_ rule: Int, _ level: Int) throws(Failure) {
    if level > GrammarText.levelsMax { throw tooDeep(level) }
    rules.base[rule].colour = 1
    _ = try lookLeft(Int(rules[rule].body), level)
    rules.base[rule].colour = 2
  }

  private mutating func lookLeft(_ from: Int, _ level: Int) throws(Failure) -> Int {
    if level > GrammarText.levelsMax { throw tooDeep(level) }
    var i = from
    while true {
      var isLeft = true
      while !endsSequence(i) {
        let (least, most, end) = try repetition(skipSpace(try skipItem(i, 0)))
        try pay(end - i)
        if isLeft && most != 0 {
          if byte(i) == UInt8(ascii: "(") {
            _ = try lookLeft(skipSpace(i + 1), level + 1)
          } else if let rule = find(text.slice(i, nameEnd(i))) {
            if rules[rule].colour == 1 {
              throw broken(i, "a rule can begin with itself: turn this left recursion around")
            }
            if rules[rule].colour == 0 { try look(rule, level + 1) }
          }
        }
        if least > 0, try !isItemNullable(i, level) { isLeft = false }
        i = end
      }
      if byte(i) != UInt8(ascii: "|") { return i }
      i = skipSpace(i + 1)
    }
  }
}
