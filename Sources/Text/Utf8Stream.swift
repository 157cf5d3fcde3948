// Bytes of tokens -> whole characters. A token may end inside a character; what is unfinished waits
// here for the next token. Bytes that can never become a character are replaced by U+FFFD, one for
// each maximal part of a character (Unicode, 3.9, the practice of the WHATWG decoder). Whatever a
// model produces, what comes out is valid UTF-8.

import LintelCore

package struct Utf8Stream: Sendable {
  private var pending = InlineArray<4, UInt8>(repeating: 0)
  private var count = 0
  /// Continuation bytes still missing; 0 = between characters.
  private var missing = 0
  private var low: UInt8 = 0x80
  private var high: UInt8 = 0xBF

  package init() {}

  /// Output for `count` bytes of input never exceeds this.
  package static func maximumOutput(_ count: Int) -> Int { 3 * (count + 1) }

  /// Whether a character has begun and not ended.
  package var isInsideCharacter: Bool { missing > 0 }

  /// Writes the characters that `input` completes to `out` from `offset` on; returns their bytes.
  package mutating func feed(
    _ input: Bytes, into out: Buffer<UInt8>, at offset: Int = 0
  ) throws(Failure) -> Int {
    let room = Utf8Stream.maximumOutput(input.count)
    if room > out.count - offset {
      throw Failure(
        .capacity, "text of \(input.count) bytes may need \(room), there are \(out.count - offset)",
        needed: Int64(room), available: Int64(out.count - offset))
    }
    var n = offset
    for i in 0..<input.count { feed(input[i], out, &n) }
    return n - offset
  }

  /// At the end of the text: a character that has begun becomes U+FFFD. Needs 3 bytes.
  package mutating func finish(
    into out: Buffer<UInt8>, at offset: Int = 0
  ) throws(Failure) -> Int {
    if missing == 0 { return 0 }
    if out.count - offset < 3 {
      throw Failure(.capacity, "the end of the text needs 3 bytes", needed: 3)
    }
    var n = offset
    replace(out, &n)
    return n - offset
  }

  private mutating func feed(_ b: UInt8, _ out: Buffer<UInt8>, _ n: inout Int) {
    if missing > 0 {
      if b >= low && b <= high {
        pending[count] = b
        count += 1
        missing -= 1
        low = 0x80
        high = 0xBF
        if missing == 0 {
          for i in 0..<count { out[n + i] = pending[i] }
          n += count
        }
        return
      }
      replace(out, &n)
    }
    let length = Utf8.length(lead: b)
    switch length {
    case 0: replace(out, &n)
    case 1:
      out[n] = b
      n += 1
    default:
      pending[0] = b
      count = 1
      missing = length - 1
      (low, high) = Utf8.second(after: b)
    }
  }

  private mutating func replace(_ out: Buffer<UInt8>, _ n: inout Int) {
    missing = 0
    out[n] = 0xEF
    out[n + 1] = 0xBF
    out[n + 2] = 0xBD
    n += 3
  }
}
