// Token -> bytes. A token may hold part of a character: `Utf8Stream` puts characters together.

import LintelCore

extension Vocabulary {
  /// Appends the bytes of `id` to `out` at `offset` and returns their number. Control, unknown and
  /// unused tokens have no bytes unless `rendersSpecial`; user-defined tokens always have.
  package func copyBytes(
    _ id: Int32, rendersSpecial: Bool, into out: Buffer<UInt8>, at offset: Int = 0
  ) throws(Failure) -> Int {
    guard contains(id) else {
      throw Failure(
        .token, "token \(id) is not one of the \(count) of this vocabulary", needed: Int64(id),
        available: Int64(count))
    }
    let kind = kind(Int(id))
    if !kind.isText && !rendersSpecial { return 0 }
    var spelled = Spelling(spelling(Int(id)), isPlain: kind.isPlain)
    var n = 0
    while let b = spelled.next() {
      if offset + n >= out.count {
        throw Failure(
          .capacity, "the text of token \(id) does not fit: there are \(out.count - offset) bytes",
          needed: Int64(longestTokenBytes), available: Int64(out.count - offset))
      }
      out[offset + n] = b
      n += 1
    }
    return n
  }

  /// The number of bytes of `id`, special or not; 0 for an id that does not exist.
  package func byteCount(_ id: Int32) -> Int {
    guard contains(id) else { return 0 }
    var spelled = Spelling(spelling(Int(id)), isPlain: kind(Int(id)).isPlain)
    var n = 0
    while spelled.next() != nil { n += 1 }
    return n
  }
}

// For the tree of all tokens.
extension Vocabulary {
  /// The bytes of a token that text may become; 0 for one that it may not, and beyond 255 bytes.
  package func textBytes(_ id: Int32, _ out: inout InlineArray<256, UInt8>) -> Int {
    let kind = kind(Int(id))
    if !kind.isText { return 0 }
    var spelled = Spelling(spelling(Int(id)), isPlain: kind.isPlain)
    var n = 0
    while let b = spelled.next() {
      if n == 255 { return 0 }
      out[n] = b
      n += 1
    }
    return n
  }

  /// Whether the bytes of one token come before those of another; its id, if they are the same.
  package func isTextBefore(_ a: UInt32, _ b: UInt32) -> Bool {
    var x = Spelling(spelling(Int(a)), isPlain: kind(Int(a)).isPlain)
    var y = Spelling(spelling(Int(b)), isPlain: kind(Int(b)).isPlain)
    while true {
      guard let p = x.next() else { return y.next() != nil || a < b }
      guard let q = y.next() else { return false }
      if p != q { return p < q }
    }
  }
}
