// A decimal number as JSON writes it, exactly: digits before and behind the point.

import LintelCore

package struct Decimal {
  package static var wholeMax: Int { 20 }
  package static var digitsMax: Int { 40 }

  package private(set) var isNegative = false
  /// Digits before the point, without leading zeros but at least one.
  package private(set) var whole = 1
  package private(set) var count = 1
  private var digits = InlineArray<40, UInt8>(repeating: 0)

  package init() {}

  package static var zero: Decimal { Decimal() }
  package static var one: Decimal {
    var d = Decimal()
    d.digits[0] = 1
    return d
  }

  /// Digit `i` counted from the first; zeros behind the last.
  package func digit(_ i: Int) -> UInt8 { i < count ? digits[i] : 0 }

  /// Digits behind the point, without trailing zeros.
  package var fraction: Int { count - whole }
  package var isWhole: Bool { fraction == 0 }
  package var isZero: Bool { count == 1 && digits[0] == 0 }

  /// Nil for a number beyond 20 digits before the point or 40 in all.
  package init?(_ text: Bytes) {
    var i = 0
    var negative = false
    if i < text.count && text[i] == UInt8(ascii: "-") {
      negative = true
      i += 1
    }
    var raw = InlineArray<64, UInt8>(repeating: 0)
    var n = 0
    var point = -1
    while i < text.count {
      let b = text[i]
      if b == UInt8(ascii: ".") {
        point = n
      } else if b >= 48 && b <= 57 {
        if !(n == 0 && b == 48 && point < 0) {
          if n == 64 { return nil }
          raw[n] = b - 48
          n += 1
        }
      } else {
        break
      }
      i += 1
    }
    if point < 0 { point = n }
    if i < text.count {
      var exponent = 0
      i += 1
      let isMinus = i < text.count && text[i] == UInt8(ascii: "-")
      if i < text.count && (text[i] == 43 || text[i] == 45) { i += 1 }
      while i < text.count {
        exponent = min(exponent * 10 + Int(text[i]) - 48, 100_000)
        i += 1
      }
      point += isMinus ? -exponent : exponent
    }
    while n > 0 && raw[n - 1] == 0 { n -= 1 }
    var first = 0
    while first < n && raw[first] == 0 { first += 1 }
    if first == n { return }
    // The value is 0.raw[first...] times ten to the power `point - first`.
    let power = point - first
    let leading = power <= 0 ? 1 - power : 0
    let total = leading + n - first
    if power > Decimal.wholeMax || total > Decimal.digitsMax { return nil }
    whole = max(power, 1)
    for k in first..<n { digits[leading + k - first] = raw[k] }
    count = max(total, whole)
    isNegative = negative
  }

  package var negated: Decimal {
    var d = self
    if !isZero { d.isNegative = !isNegative }
    return d
  }

  /// -1, 0 or 1.
  package static func compare(_ a: Decimal, _ b: Decimal) -> Int {
    if a.isNegative != b.isNegative { return a.isNegative ? -1 : 1 }
    let sign = a.isNegative ? -1 : 1
    if a.whole != b.whole { return a.whole < b.whole ? -sign : sign }
    for i in 0..<max(a.count, b.count) where a.digit(i) != b.digit(i) {
      return a.digit(i) < b.digit(i) ? -sign : sign
    }
    return 0
  }
}
