// Text without a heap: a fixed-size UTF-8 buffer that Swift's own interpolation fills.
//
//     throw Failure(.shape, "tensor \(name) is [\(a), \(b)], expected [\(c), \(d)]")
//
// Literals arrive as StaticString, numbers are written digit by digit, and bytes from files are
// escaped, so a hostile name cannot smuggle control characters into a log. Text that does not fit
// is cut and ends in "...".

package struct Sentence: ExpressibleByStringInterpolation, Sendable {
  package typealias StringLiteralType = StaticString
  package static var capacity: Int { 320 }

  package var bytes: InlineArray<320, UInt8>
  package var count: Int
  package var isCut: Bool

  package init() {
    bytes = InlineArray(repeating: 0)
    count = 0
    isCut = false
  }

  package init(stringLiteral value: StaticString) {
    self.init()
    append(value)
  }

  package init(stringInterpolation: Interpolation) { self = stringInterpolation.sentence }

  package mutating func append(_ text: StaticString) {
    if text.hasPointerRepresentation {
      let p = text.utf8Start
      for i in 0..<text.utf8CodeUnitCount { appendByte(p[i]) }
    } else {
      appendByte(UInt8(truncatingIfNeeded: text.unicodeScalar.value))
    }
  }

  /// Appends bytes that came from outside: printable ASCII as it is, the rest as \xNN.
  package mutating func append(untrusted bytes: Bytes, limit: Int = 64) {
    let n = min(bytes.count, limit)
    for i in 0..<n {
      let b = bytes[i]
      if b >= 0x20 && b < 0x7F {
        appendByte(b)
      } else {
        append("\\x")
        appendByte(Sentence.hex(b >> 4))
        appendByte(Sentence.hex(b & 15))
      }
    }
    if bytes.count > limit { append("...") }
  }

  package mutating func append(_ value: UInt64) {
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var n = 0
    var v = value
    repeat {
      digits[n] = UInt8(truncatingIfNeeded: v % 10) + 48
      v /= 10
      n += 1
    } while v > 0
    while n > 0 {
      n -= 1
      appendByte(digits[n])
    }
  }

  /// Sixteen digits.
  package mutating func append(hex value: UInt64) {
    for i in 0..<16 {
      appendByte(Sentence.hex(UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * i) & 15)))
    }
  }

  package mutating func append(_ value: Int64) {
    if value < 0 { appendByte(45) }
    append(value.magnitude)
  }

  package mutating func appendByte(_ b: UInt8) {
    if count < Sentence.capacity - 1 {
      bytes[count] = b
      count += 1
    } else if !isCut {
      isCut = true
      for i in 1...3 { bytes[count - i] = 46 }
    }
  }

  static func hex(_ v: UInt8) -> UInt8 { v < 10 ? 48 + v : 87 + v }

  package struct Interpolation: StringInterpolationProtocol {
    package typealias StringLiteralType = StaticString
    package var sentence = Sentence()
    package init(literalCapacity: Int, interpolationCount: Int) {}
    package mutating func appendLiteral(_ literal: StaticString) { sentence.append(literal) }
    package mutating func appendInterpolation(_ v: Int) { sentence.append(Int64(v)) }
    package mutating func appendInterpolation(_ v: Int32) { sentence.append(Int64(v)) }
    package mutating func appendInterpolation(_ v: Int64) { sentence.append(v) }
    package mutating func appendInterpolation(_ v: UInt32) { sentence.append(UInt64(v)) }
    package mutating func appendInterpolation(_ v: UInt64) { sentence.append(v) }
    package mutating func appendInterpolation(hex v: UInt64) { sentence.append(hex: v) }
    package mutating func appendInterpolation(_ v: StaticString) { sentence.append(v) }
    package mutating func appendInterpolation(_ v: Bytes) { sentence.append(untrusted: v) }
    package mutating func appendInterpolation(_ v: Sentence) {
      for i in 0..<v.count { sentence.appendByte(v.bytes[i]) }
    }
  }
}
