// Text -> token ids: special tokens are found first, what lies between is normalized if the model
// wants it, cut into pieces, and each piece is merged. Nothing grows with the text; scratch is
// 14.3 bytes per byte of the longest piece, which the caller declares. A piece is a word, a run of
// punctuation or of white space; a longer one is refused, never cut, because cutting would change
// the tokens.

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
  package let merger: PieceMerger
  let window: Buffer<UInt8>

  package init(
    arena: inout Arena, maximumPieceBytes: Int
  ) throws(Failure) {
    merger = try PieceMerger(arena: &arena, maximumPieceBytes: maximumPieceBytes)
    // White space is looked through to its end before it is cut, into at most two pieces.
    let width = try Checked.add(
      Checked.multiply(maximumPieceBytes, 2, "normalization window"), Encoder.lookAhead,
      "normalization window")
    window = try arena.carve(UInt8.self, width, "normalization window")
  }

  /// A piece is final once the characters behind it are known: a contraction, or one blank.
  private static var lookAhead: Int { 16 }

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

  /// `encode` for callers that put several texts and tokens together. `before` and `after` are our
  /// own words around the text, without special tokens; they may share a piece with it.
  package func append(
    before: StaticString = "", _ text: Bytes, after: StaticString = "", _ vocabulary: Vocabulary,
    parseSpecial: Bool, to sink: inout TokenSink
  ) throws(Failure) {
    if let offset = Utf8.firstInvalid(text) {
      throw Failure(
        .utf8, "the text is not valid UTF-8 at byte \(offset)", needed: Int64(offset),
        available: Int64(text.count))
    }
    var before = Bytes(before)
    var from = 0
    var at = 0
    while at < text.count {
      if let (id, length) = vocabulary.special(text, at, parseSpecial: parseSpecial) {
        try appendPlain(before, text.slice(from, at), Bytes(""), vocabulary, &sink)
        before = Bytes("")
        sink.append(id)
        at += length
        from = at
      } else {
        at += 1
      }
    }
    try appendPlain(before, text.slice(from, at), Bytes(after), vocabulary, &sink)
  }

  /// Valid UTF-8 without special tokens. A single text that needs no normalization is cut where it
  /// lies.
  private func appendPlain(
    _ before: Bytes, _ text: Bytes, _ after: Bytes, _ vocabulary: Vocabulary,
    _ sink: inout TokenSink
  ) throws(Failure) {
    let isActive = vocabulary.pre.normalizes && !Normalization.isCertainlyNormal(text)
    if isActive || before.count + after.count > 0 {
      var normalizer = Normalizer(TextParts(before, text, after), isActive: isActive)
      try appendWindowed(&normalizer, vocabulary, &sink)
      return
    }
    var scanner = Scanner(text)
    while scanner.start < text.count {
      let end = vocabulary.pre.pieceEnd(&scanner)
      try appendPiece(text.slice(scanner.start, end), vocabulary, &sink)
      scanner.start = end
    }
  }

  /// Normalized text passes through the window; a piece is taken once the scanner has seen its end
  /// without reaching the end of the window.
  private func appendWindowed(
    _ normalizer: inout Normalizer, _ vocabulary: Vocabulary, _ sink: inout TokenSink
  ) throws(Failure) {
    var filled = 0
    while true {
      while filled + 4 <= window.count, let scalar = normalizer.next() {
        filled += Utf8.encode(scalar, into: window, at: filled)
      }
      var scanner = Scanner(window.bytes.slice(0, filled))
      while scanner.start < filled {
        scanner.sawEnd = false
        let end = vocabulary.pre.pieceEnd(&scanner)
        if scanner.sawEnd && !normalizer.isAtEnd { break }
        try appendPiece(scanner.text.slice(scanner.start, end), vocabulary, &sink)
        scanner.start = end
      }
      if scanner.start == filled && normalizer.isAtEnd { return }
      if scanner.start == 0 { throw tooLong(filled) }
      for i in scanner.start..<filled { window[i - scanner.start] = window[i] }
      filled -= scanner.start
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
      """
      the text has a word or run of \(length) bytes; this configuration takes pieces of at most \
      \(merger.capacity)
      """,
      needed: Int64(length), available: Int64(merger.capacity))
  }
}
