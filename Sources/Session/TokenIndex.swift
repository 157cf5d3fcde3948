// What has followed the last few tokens before: a table of fixed size, from the hash of 6, 4 or 2
// tokens to the token that came next, and how often it did in a row. It learns all text of its session
// and keeps what it has learned when the session is reset: calls of one kind resemble each other.
// Collisions and outdated entries cost wasted drafts, never a wrong token.

import LintelCore

struct TokenIndex: BitwiseCopyable {
  static var entryCount: Int { 8192 }
  static var orders: Int { 3 }
  static var confidenceMax: UInt8 { 3 }

  struct Entry: BitwiseCopyable {
    /// Of the hash; an empty entry has confidence 0.
    var tag: UInt32 = 0
    var token: Int32 = 0
    var confidence: UInt8 = 0
  }

  struct Prediction {
    var token: Int32
    /// Position among the kinds of prediction, the strongest context first.
    var kind: Int
  }

  /// Kinds of prediction: by context and confidence.
  static var kinds: Int { orders * Int(confidenceMax) }

  let entries: Buffer<Entry>

  init(_ arena: inout Arena, isUsed: Bool) throws(Failure) {
    entries = try arena.carve(Entry.self, isUsed ? TokenIndex.entryCount : 0, "draft index")
  }

  func clear() { entries.fill(Entry()) }

  private func length(_ order: Int) -> Int { 6 - 2 * order }

  /// The entry for the `order`-th context before `tokens[end]`, and its tag.
  private func place(
    _ tokens: UnsafePointer<Int32>, _ end: Int, _ order: Int
  ) -> (UnsafeMutablePointer<Entry>, UInt32) {
    var hash = UInt64(order + 1)
    for i in (end - length(order))..<end {
      hash = (hash ^ UInt64(UInt32(bitPattern: tokens[i]))) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 29
    }
    return (
      entries + Int(truncatingIfNeeded: hash % UInt64(entries.count)),
      UInt32(truncatingIfNeeded: hash >> 32)
    )
  }

  /// Learns `tokens[at]` from those before it.
  func learn(_ tokens: UnsafePointer<Int32>, _ at: Int) {
    for order in 0..<TokenIndex.orders where at >= length(order) {
      let (entry, tag) = place(tokens, at, order)
      if entry.pointee.confidence > 0 && entry.pointee.tag == tag
        && entry.pointee.token == tokens[at]
      {
        entry.pointee.confidence = min(
          entry.pointee.confidence + 1, TokenIndex.confidenceMax)
      } else if entry.pointee.confidence > 1 {
        entry.pointee.confidence -= 1
      } else {
        entry.pointee = Entry(tag: tag, token: tokens[at], confidence: 1)
      }
    }
  }

  /// What may follow the first `count` tokens.
  func next(_ tokens: UnsafePointer<Int32>, _ count: Int) -> Prediction? {
    for order in 0..<TokenIndex.orders where count >= length(order) {
      let (entry, tag) = place(tokens, count, order)
      if entry.pointee.confidence > 0 && entry.pointee.tag == tag {
        return Prediction(
          token: entry.pointee.token,
          kind: order * Int(TokenIndex.confidenceMax) + Int(entry.pointee.confidence) - 1)
      }
    }
    return nil
  }
}
