// Reading the file's tokens and merges once, into the tables that `init` carved.
//
// What a broken file gets:
//   a token longer than 4096 bytes, a special one longer than 256          limit
//   a token that is not UTF-8                                              utf8
//   no token for a byte that UTF-8 text can contain                        missing
//   a merge that is not two tokens separated by a space, or that names a
//   part or a result which is not in the vocabulary                        format
//   texts chosen to collide in the hash tables                             format
// What is accepted: empty and repeated tokens (the lowest id is found), repeated merges (the first
// counts), and merges that involve a control or unused token (left out: plain text cannot become
// such a token).

import LintelCore

extension Vocabulary {
  package func index() throws(Failure) {
    pieces.fill(Vocabulary.emptyPiece)
    pairs.fill(Vocabulary.emptyPair)
    byteTokens.fill(-1)
    specialLeads.fill(0)
    facts[0] = Facts()
    try indexTokens()
    for b in 0..<256 where byteTokens[b] < 0 {
      // C0, C1 and F5..FF occur in no UTF-8 text.
      if b != 0xC0 && b != 0xC1 && b < 0xF5 {
        throw Failure(.missing, "tokenizer.ggml.tokens has no token for the byte \(b)")
      }
    }
    try indexMerges()
    sortSpecials()
  }

  private func indexTokens() throws(Failure) {
    var offset = 0
    var special = 0
    var longest = 0
    for id in 0..<count {
      let (text, next) = source.tokens.element(at: offset)
      offsets[id] = UInt32(truncatingIfNeeded: offset)
      offset = next
      let kind = kind(id)
      if text.count > Vocabulary.maximumTokenBytes { throw tooLong(id, text.count) }
      var hash = PieceHash()
      var length = 0
      var last: UInt8 = 0
      var spelled = Spelling(text, isPlain: kind.isPlain)
      while let b = spelled.next() {
        hash.add(b)
        last = b
        length += 1
      }
      if Utf8.firstInvalid(text) != nil {
        throw Failure(.utf8, "tokenizer.ggml.tokens[\(id)] is not valid UTF-8: \(text)")
      }
      longest = max(longest, length)
      if length == 0 { continue }
      if kind == .control || kind == .userDefined {
        if length > Vocabulary.maximumSpecialBytes { throw tooLong(id, length) }
        specials[special] = UInt32(truncatingIfNeeded: id)
        special += 1
        specialLeads[Int(text[0])] |= kind == .control ? 2 : 1
      }
      if length == 1 && kind.isText && byteTokens[Int(last)] < 0 {
        byteTokens[Int(last)] = Int32(truncatingIfNeeded: id)
      }
      try insert(id, text, kind, hash.value)
    }
    facts[0].longestTokenBytes = longest
    facts[0].specialCount = special
  }

  private func tooLong(_ id: Int, _ length: Int) -> Failure {
    Failure(
      .limit,
      "tokenizer.ggml.tokens[\(id)] is \(length) bytes long; the limit is \(Vocabulary.maximumTokenBytes), for special tokens \(Vocabulary.maximumSpecialBytes)",
      needed: Int64(length), available: Int64(Vocabulary.maximumTokenBytes))
  }

  private func insert(
    _ id: Int, _ text: Bytes, _ kind: TokenKind, _ hash: UInt64
  ) throws(Failure) {
    var slot = Vocabulary.slot(hash, pieces.count)
    let entry = Vocabulary.tag(hash) << 21 | UInt32(truncatingIfNeeded: id)
    for _ in 0..<Vocabulary.maximumProbe {
      let found = pieces[slot]
      if found == Vocabulary.emptyPiece {
        pieces[slot] = entry
        return
      }
      if found >> 21 == Vocabulary.tag(hash) {
        let other = Int(found & 0x1F_FFFF)
        if sameBytes(other, text, kind) {
          // A token that text can become is never hidden by one that it cannot.
          if kind.isText && !self.kind(other).isText { pieces[slot] = entry }
          return
        }
      }
      slot = slot + 1 == pieces.count ? 0 : slot + 1
    }
    throw Failure(
      .format, "tokenizer.ggml.tokens[\(id)]: more than \(Vocabulary.maximumProbe) tokens collide")
  }

  private func sameBytes(_ id: Int, _ text: Bytes, _ kind: TokenKind) -> Bool {
    var a = Spelling(spelling(id), isPlain: self.kind(id).isPlain)
    var b = Spelling(text, isPlain: kind.isPlain)
    while let x = a.next() {
      guard let y = b.next(), x == y else { return false }
    }
    return b.next() == nil
  }

  // MARK: Merges

  private func indexMerges() throws(Failure) {
    var offset = 0
    // Trained vocabularies number their tokens in the order of the merges, so the result of one
    // merge is nearly always the token after the result of the merge before: no look-up needed.
    var expected = 0
    for rank in 0..<source.merges.count {
      let (text, next) = source.merges.element(at: offset)
      offset = next
      if text.count > 2 * Vocabulary.maximumTokenBytes + 1 {
        throw Failure(.limit, "tokenizer.ggml.merges[\(rank)] is \(text.count) bytes long")
      }
      var space = 1
      while space < text.count && text[space] != 0x20 { space += 1 }
      if space + 1 >= text.count {
        throw Failure(
          .format, "tokenizer.ggml.merges[\(rank)] is not two tokens with a space between: \(text)")
      }
      let first = text.slice(0, space)
      let second = text.slice(space + 1, text.count)
      let nothing = text.slice(0, 0)
      let left = findSpelled(first, nothing)
      let right = findSpelled(second, nothing)
      var result = expected
      if expected >= count || !isSpelled(expected, first, second) {
        result = Int(findSpelled(first, second))
      }
      if left < 0 || right < 0 || result < 0 {
        throw Failure(
          .format,
          "tokenizer.ggml.merges[\(rank)] names a token that is not in tokenizer.ggml.tokens: \(text)")
      }
      expected = result + 1
      merged[rank] = UInt32(truncatingIfNeeded: result)
      if kind(Int(left)).isText && kind(Int(right)).isText && kind(result).isText {
        try insert(left, right, rank)
      }
    }
  }

  private func insert(_ left: Int32, _ right: Int32, _ rank: Int) throws(Failure) {
    let key = Vocabulary.pairKey(left, right)
    var slot = Vocabulary.slot(Vocabulary.pairHash(key), pairs.count)
    for _ in 0..<Vocabulary.maximumProbe {
      let entry = pairs[slot]
      if entry == Vocabulary.emptyPair {
        pairs[slot] = key << 21 | UInt64(truncatingIfNeeded: rank)
        return
      }
      if entry >> 21 == key { return }
      slot = slot + 1 == pairs.count ? 0 : slot + 1
    }
    throw Failure(
      .format, "tokenizer.ggml.merges[\(rank)]: more than \(Vocabulary.maximumProbe) merges collide")
  }

  /// The token spelled `a` followed by `b`, or -1.
  private func findSpelled(_ a: Bytes, _ b: Bytes) -> Int32 {
    var hash = PieceHash()
    var spelled = Spelling(a, isPlain: false)
    while let x = spelled.next() { hash.add(x) }
    spelled = Spelling(b, isPlain: false)
    while let x = spelled.next() { hash.add(x) }
    let h = hash.value
    var slot = Vocabulary.slot(h, pieces.count)
    for _ in 0..<Vocabulary.maximumProbe {
      let entry = pieces[slot]
      if entry == Vocabulary.emptyPiece { return -1 }
      if entry >> 21 == Vocabulary.tag(h) {
        let id = Int(entry & 0x1F_FFFF)
        if isSpelled(id, a, b) { return Int32(truncatingIfNeeded: id) }
      }
      slot = slot + 1 == pieces.count ? 0 : slot + 1
    }
    return -1
  }

  private func isSpelled(_ id: Int, _ a: Bytes, _ b: Bytes) -> Bool {
    let text = spelling(id)
    if text.count != a.count + b.count { return false }
    for i in 0..<a.count where text[i] != a[i] { return false }
    for i in 0..<b.count where text[a.count + i] != b[i] { return false }
    return true
  }
}
