// Stop strings in a stream. Text that may still turn out to be the beginning of a stop string is
// held back; everything else is passed on at once. The stop string that is complete first wins; of
// those complete at the same byte, the longest. Nothing of it is passed on.
//
// Each stop string is followed by its own Knuth-Morris-Pratt automaton. What is held back is by
// definition the beginning of the stop string that has matched furthest, so the text itself need
// not be kept. Stop strings are valid UTF-8, therefore whole characters in give whole characters
// out.

import LintelCore

package struct StopMatcher {
  package private(set) var count = 0
  private var used = 0
  private let texts: Buffer<UInt8>
  /// Per byte of `texts`: how much of the string still matches if the next byte does not.
  private let borders: Buffer<Int32>
  private let starts: Buffer<Int32>
  private let matched: Buffer<Int32>

  package struct Result {
    /// Bytes written.
    package var written = 0
    /// Bytes of the input that were read: all of them, or up to the end of the stop string.
    package var consumed = 0
    /// Which stop string was found, in the order of `add`.
    package var stop: Int?
  }

  package init(
    arena: inout Arena, maximumCount: Int, maximumBytes: Int
  ) throws(Failure) {
    texts = try arena.carve(UInt8.self, maximumBytes, "stop strings")
    borders = try arena.carve(Int32.self, maximumBytes, "stop automata")
    let ends = try Checked.add(maximumCount, 1, "stop strings")
    starts = try arena.carve(Int32.self, ends, "stop string starts")
    matched = try arena.carve(Int32.self, maximumCount, "stop matches")
  }

  package mutating func removeAll() {
    count = 0
    used = 0
  }

  package mutating func add(_ stop: Bytes) throws(Failure) {
    if stop.count == 0 { throw Failure(.argument, "stop string \(count) is empty") }
    if let offset = Utf8.firstInvalid(stop) {
      throw Failure(
        .utf8, "stop string \(count) is not valid UTF-8 at byte \(offset)", needed: Int64(offset))
    }
    if count == matched.count || stop.count > texts.count - used {
      throw Failure(
        .capacity,
        """
        stop string \(count) of \(stop.count) bytes: at most \(matched.count) strings of together \
        \(texts.count) bytes
        """,
        needed: Int64(used + stop.count), available: Int64(texts.count))
    }
    for i in 0..<stop.count { texts[used + i] = stop[i] }
    borders[used] = 0
    var border = 0
    for i in 1..<max(stop.count, 1) {
      while border > 0 && stop[i] != stop[border] { border = Int(borders[used + border - 1]) }
      if stop[i] == stop[border] { border += 1 }
      borders[used + i] = Int32(truncatingIfNeeded: border)
    }
    starts[count] = Int32(truncatingIfNeeded: used)
    matched[count] = 0
    used += stop.count
    count += 1
    starts[count] = Int32(truncatingIfNeeded: used)
  }

  /// Forgets the text, keeps the stop strings.
  package func restart() {
    for s in 0..<count { matched[s] = 0 }
  }

  /// The number of bytes held back.
  package var held: Int { count == 0 ? 0 : Int(matched[furthest]) }

  /// Passes `text` on to `out`, from `offset` on, as far as it cannot belong to a stop string.
  /// Needs room for `held + text.count` bytes. After a stop string all text is forgotten.
  package func feed(
    _ text: Bytes, into out: Buffer<UInt8>, at offset: Int = 0
  ) throws(Failure) -> Result {
    try checkRoom(held + text.count, out, offset)
    var result = Result()
    while result.consumed < text.count {
      let b = text[result.consumed]
      result.consumed += 1
      let leader = furthest
      let before = count == 0 ? 0 : Int(matched[leader])
      advance(b)
      let found = longestComplete
      let after = count == 0 ? 0 : Int(matched[found ?? furthest])
      // Of the `before` held bytes and `b`, all but the last `after` are free.
      let free = before + 1 - after
      for i in 0..<min(free, before) {
        out[offset + result.written] = texts[Int(starts[leader]) + i]
        result.written += 1
      }
      if free > before {
        out[offset + result.written] = b
        result.written += 1
      }
      if let found {
        result.stop = found
        restart()
        return result
      }
    }
    return result
  }

  /// At the end of the text: what was held back is ordinary text. Returns its bytes.
  package func finish(into out: Buffer<UInt8>, at offset: Int = 0) throws(Failure) -> Int {
    let n = held
    try checkRoom(n, out, offset)
    let leader = furthest
    for i in 0..<n { out[offset + i] = texts[Int(starts[leader]) + i] }
    restart()
    return n
  }

  private func checkRoom(
    _ needed: Int, _ out: Buffer<UInt8>, _ offset: Int
  ) throws(Failure) {
    if needed > out.count - offset {
      throw Failure(
        .capacity, "\(needed) bytes of text, but there is room for \(out.count - offset)",
        needed: Int64(needed), available: Int64(out.count - offset))
    }
  }

  private func length(_ s: Int) -> Int { Int(starts[s + 1] - starts[s]) }

  /// The stop string of which most has matched.
  private var furthest: Int {
    var best = 0
    for s in 1..<max(count, 1) where matched[s] > matched[best] { best = s }
    return best
  }

  private var longestComplete: Int? {
    var best: Int?
    for s in 0..<count where Int(matched[s]) == length(s) {
      if let b = best, matched[b] >= matched[s] { continue }
      best = s
    }
    return best
  }

  private func advance(_ b: UInt8) {
    for s in 0..<count {
      let start = Int(starts[s])
      var m = Int(matched[s])
      while m > 0 && texts[start + m] != b { m = Int(borders[start + m - 1]) }
      if texts[start + m] == b { m += 1 }
      matched[s] = Int32(truncatingIfNeeded: m)
    }
  }
}
