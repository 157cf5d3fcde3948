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
