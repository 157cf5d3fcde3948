// Text -> token ids: special tokens are found first, what lies between is normalized if the model
// wants it, cut into pieces, and each piece is merged. Nothing grows with the text; scratch is
// 12.3 bytes (13.3 with normalization) per byte of the longest piece, which the caller declares. A
// piece is a word, a run of punctuation or of white space; a longer one is refused, never cut,
// because cutting would change the tokens.

import LintelCore

/// Where tokens go. Counts on past the end, so that a refusal can say how many there are.
package struct TokenSink {
  package let buffer: Buffer<Int32>
  package private(set) var count = 0

  package init(_ buffer: Buffer<Int32>) { self.buffer = buffer }

  @inline(__always)
  package mutating func append(_ id: Int32) {
    if count < buffer.count { buffer[count] = id }
    count += 1
  }

  package func check() throws(Failure) {
    if count > buffer.count {
      throw Failure(
        .capacity, "the text is \(count) tokens long, but there is room for \(buffer.count)",
        needed: Int64(count), available: Int64(buffer.count))
    }
  }
}

package struct Encoder {
  let merger: PieceMerger
  let window: Buffer<UInt8>

  package init(
    arena: inout Arena, vocabulary: Vocabulary, maximumPieceBytes: Int
  ) throws(Failure) {
    merger = try PieceMerger(arena: &arena, maximumPieceBytes: maximumPieceBytes)
    window = try arena.carve(
      UInt8.self, vocabulary.pre.normalizes ? maximumPieceBytes + Encoder.lookAhead : 0,
      "normalization window")
  }

  /// A piece is final once the characters behind it are known: a contraction, or one blank.
  static var lookAhead: Int { 16 }

  /// The tokens of `text`, without a beginning-of-text token. Control tokens are recognised in the
  /// text only if `parseSpecial`. Fails with utf8 (offset in `needed`), or capacity (`needed` is
  /// the number of tokens, or the length of a piece that is too long); `out` is then unspecified.
  package func encode(
    _ text: Bytes, _ vocabulary: Vocabulary, parseSpecial: Bool, into out: Buffer<Int32>
  ) throws(Failure) -> Int {
    var sink = TokenSink(out)
    try append(text, vocabulary, parseSpecial: parseSpecial, to: &sink)
    try sink.check()
    return sink.count
  }

  /// `encode` for callers that put several texts and tokens together.
  package func append(
    _ text: Bytes, _ vocabulary: Vocabulary, parseSpecial: Bool, to sink: inout TokenSink
  ) throws(Failure) {
    if let offset = Utf8.firstInvalid(text) {
      throw Failure(
        .utf8, "the text is not valid UTF-8 at byte \(offset)", needed: Int64(offset),
        available: Int64(text.count))
    }
    var from = 0
    var at = 0
    while at < text.count {
      if let (id, length) = vocabulary.special(text, at, parseSpecial: parseSpecial) {
        try appendPlain(text.slice(from, at), vocabulary, &sink)
        sink.append(id)
        at += length
        from = at
      } else {
        at += 1
      }
    }
    try appendPlain(text.slice(from, at), vocabulary, &sink)
  }

  /// A text inside our own words.
  package func append(
    before: StaticString, _ text: Bytes, after: StaticString, _ vocabulary: Vocabulary,
    to sink: inout TokenSink
  ) throws(Failure) {
    try append(Bytes(before), vocabulary, parseSpecial: true, to: &sink)
    try append(text, vocabulary, parseSpecial: false, to: &sink)
    try append(Bytes(after), vocabulary, parseSpecial: true, to: &sink)
  }

  /// Valid UTF-8 without special tokens.
  private func appendPlain(
    _ text: Bytes, _ vocabulary: Vocabulary, _ sink: inout TokenSink
  ) throws(Failure) {
    var scanner = Scanner(text)
    while scanner.start < text.count {
      let end = vocabulary.pre.pieceEnd(&scanner)
      try appendPiece(text.slice(scanner.start, end), vocabulary, &sink)
      scanner.start = end
    }
  }

  @inline(__always)
  private func appendPiece(
    _ piece: Bytes, _ vocabulary: Vocabulary, _ sink: inout TokenSink
  ) throws(Failure) {
    // Ranks from a tiktoken file: a piece that is a token as a whole is that token.
    if vocabulary.ranksById && piece.count <= vocabulary.longestTokenBytes {
      let id = vocabulary.findText(piece)
      if id >= 0 {
        sink.append(id)
        return
      }
    }
    if piece.count > merger.capacity { throw tooLong(piece.count) }
    merger.merge(piece, vocabulary, into: &sink)
  }

  func tooLong(_ length: Int) -> Failure {
    Failure(
      .capacity,
      "the text has a word or run of \(length) bytes; this configuration takes pieces of at most \(merger.capacity)",
      needed: Int64(length), available: Int64(merger.capacity))
  }
}
