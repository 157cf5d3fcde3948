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
//
// The tables are larger than the caches, so a look-up at a time would wait for memory half a
// million times. Sixteen tokens or merges are hashed first, then all their slots are read, and
// only then are they looked at: the waits overlap. A slot that was taken stays taken, so what was
// read early remains true.

import LintelCore

extension Vocabulary {
  private static var batch: Int { 16 }

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

  // MARK: Tokens

  private func indexTokens() throws(Failure) {
    var offset = 0
    var first = 0
    while first < count {
      let n = min(Vocabulary.batch, count - first)
      var hashes = InlineArray<16, UInt64>(repeating: 0)
      var entries = InlineArray<16, UInt32>(repeating: 0)
      for k in 0..<n { hashes[k] = try readToken(first + k, &offset) }
      for k in 0..<n { entries[k] = pieces[Vocabulary.slot(hashes[k], pieces.count)] }
      for k in 0..<n where hashes[k] != 0 { try insert(first + k, hashes[k], entries[k]) }
      first += n
    }
  }

  /// Checks a token, notes all but its bytes, and returns the hash of those; 0 for an empty one.
  private func readToken(_ id: Int, _ offset: inout Int) throws(Failure) -> UInt64 {
    let (text, next) = source.tokens.element(at: offset)
    offsets[id] = UInt32(truncatingIfNeeded: offset)
    offset = next
    if text.count > Vocabulary.maximumTokenBytes { throw tooLong(id, text.count) }
    let kind = kind(id)
    var hash = PieceHash()
    var length = 0
    var last: UInt8 = 0
    var spelled = Spelling(text, isPlain: kind.isPlain)
    while let b = spelled.next() {
      hash.add(b)
      last = b
      length += 1
    }
    if spelled.hasForeign && Utf8.firstInvalid(text) != nil {
      throw Failure(.utf8, "tokenizer.ggml.tokens[\(id)] is not valid UTF-8: \(text)")
    }
    facts[0].longestTokenBytes = max(facts[0].longestTokenBytes, length)
    if length == 0 { return 0 }
    if kind == .control || kind == .userDefined {
      if length > Vocabulary.maximumSpecialBytes { throw tooLong(id, length) }
      specials[facts[0].specialCount] = UInt32(truncatingIfNeeded: id)
      facts[0].specialCount += 1
      specialLeads[Int(text[0])] |= kind == .control ? 2 : 1
    }
    if length == 1 && kind.isText && byteTokens[Int(last)] < 0 {
      byteTokens[Int(last)] = Int32(truncatingIfNeeded: id)
    }
    return max(hash.value, 1)
  }

  private func tooLong(_ id: Int, _ length: Int) -> Failure {
    Failure(
      .limit,
      """
      tokenizer.ggml.tokens[\(id)] is \(length) bytes long; the limit is \
      \(Vocabulary.maximumTokenBytes), for special tokens \(Vocabulary.maximumSpecialBytes)
      """,
      needed: Int64(length), available: Int64(Vocabulary.maximumTokenBytes))
  }

  /// `seen` is what the first slot held a moment ago.
  private func insert(_ id: Int, _ hash: UInt64, _ seen: UInt32) throws(Failure) {
    let isText = kind(id).isText
    let entry = Vocabulary.tag(hash) | (isText ? Vocabulary.textBit : 0)
      | UInt32(truncatingIfNeeded: id)
    var slot = Vocabulary.slot(hash, pieces.count)
    var found = seen == Vocabulary.emptyPiece ? pieces[slot] : seen
    var alike = 0
    for _ in 0..<Vocabulary.maximumProbe {
      if found == Vocabulary.emptyPiece {
        pieces[slot] = entry
        return
      }
      if found & Vocabulary.tagMask == entry & Vocabulary.tagMask {
        if sameBytes(Vocabulary.id(found), id) {
          // A token that text can become is never hidden by one that it cannot.
          if isText && pieces[slot] & Vocabulary.textBit == 0 { pieces[slot] = entry }
          return
        }
        // By chance this happens once in some hundred insertions.
        alike += 1
        if alike > Vocabulary.maximumAlike { break }
      }
      slot = slot + 1 == pieces.count ? 0 : slot + 1
      found = pieces[slot]
    }
    throw Failure(.format, "tokenizer.ggml.tokens[\(id)] collides with too many tokens before it")
  }

  private func sameBytes(_ id: Int, _ other: Int) -> Bool {
    var a = Spelling(spelling(id), isPlain: kind(id).isPlain)
    var b = Spelling(spelling(other), isPlain: kind(other).isPlain)
    while let x = a.next() {
      guard let y = b.next(), x == y else { return false }
    }
    return b.next() == nil
  }
}
