// Reading the merges. Each is two spelled tokens with a space between; its place is its rank.

import LintelCore

extension Vocabulary {
  private static var batch: Int { 16 }

  /// One of the two tokens of a merge, what its first slot holds, and where that token lies.
  private struct Part: BitwiseCopyable {
    var from = 0
    var length = 0
    var hash: UInt64 = 0
    var entry: UInt32 = 0
    var candidate: UInt32 = 0
    var candidateLength: UInt64 = .max
  }

  func indexMerges() throws(Failure) {
    let merges = source.merges
    var offset = 0
    // Trained vocabularies number their tokens in the order of the merges, so the result of one
    // merge is nearly always the token after the result of the merge before: no look-up needed.
    var expected = 0
    var first = 0
    while first < merges.count {
      let n = min(Vocabulary.batch, merges.count - first)
      var parts = InlineArray<32, Part>(repeating: Part())
      var keys = InlineArray<16, UInt64>(repeating: Vocabulary.emptyPair)
      var entries = InlineArray<16, UInt64>(repeating: 0)
      for k in 0..<n {
        let (text, next) = merges.element(at: offset)
        let space = try space(text, first + k)
        let from = offset + 8
        parts[2 * k] = part(from, space)
        parts[2 * k + 1] = part(from + space + 1, text.count - space - 1)
        offset = next
      }
      for k in 0..<2 * n {
        parts[k].entry = pieces[Vocabulary.slot(parts[k].hash, pieces.count)]
      }
      for k in 0..<2 * n where isCandidate(parts[k]) {
        parts[k].candidate = offsets[Vocabulary.id(parts[k].entry)]
      }
      for k in 0..<2 * n where isCandidate(parts[k]) {
        let length = source.tokens.bytes.load(Int(parts[k].candidate), as: UInt64.self)
        parts[k].candidateLength = UInt64(littleEndian: length)
      }
      for k in 0..<n {
        keys[k] = try readMerge(first + k, parts[2 * k], parts[2 * k + 1], &expected)
      }
      for k in 0..<n where keys[k] != Vocabulary.emptyPair {
        entries[k] = pairs[Vocabulary.slot(Vocabulary.pairHash(keys[k]), pairs.count)]
      }
      for k in 0..<n where keys[k] != Vocabulary.emptyPair {
        try insert(keys[k], first + k, entries[k])
      }
      first += n
    }
  }

  private func space(_ text: Bytes, _ rank: Int) throws(Failure) -> Int {
    if text.count > 2 * Vocabulary.maximumTokenBytes + 1 {
      throw Failure(.limit, "tokenizer.ggml.merges[\(rank)] is \(text.count) bytes long")
    }
    var space = 1
    while space < text.count && text[space] != 0x20 { space += 1 }
    if space + 1 >= text.count {
      throw Failure(
        .format, "tokenizer.ggml.merges[\(rank)] is not two tokens with a space between: \(text)")
    }
    return space
  }

  private func part(_ from: Int, _ length: Int) -> Part {
    let text = source.merges.bytes.slice(from, from + length)
    return Part(from: from, length: length, hash: hash(text, text.slice(0, 0)))
  }

  private func isCandidate(_ part: Part) -> Bool {
    part.entry != Vocabulary.emptyPiece
      && part.entry & Vocabulary.tagMask == Vocabulary.tag(part.hash)
  }

  private func find(_ part: Part) -> UInt32 {
    let text = text(part)
    if part.candidateLength == UInt64(truncatingIfNeeded: part.length) {
      let from = Int(part.candidate) + 8
      if source.tokens.bytes.slice(from, from + part.length) == text { return part.entry }
    }
    return find(text, text.slice(0, 0), part.hash, part.entry)
  }

  private func text(_ part: Part) -> Bytes {
    source.merges.bytes.slice(part.from, part.from + part.length)
  }

  /// Notes the result of the merge and returns its key, or `emptyPair` if text never needs it.
  private func readMerge(
    _ rank: Int, _ first: Part, _ second: Part, _ expected: inout Int
  ) throws(Failure) -> UInt64 {
    let a = text(first)
    let b = text(second)
    let left = find(first)
    let right = find(second)
    var result = UInt32(truncatingIfNeeded: expected)
    if expected < count && isSpelled(expected, a, b) {
      if kind(expected).isText { result |= Vocabulary.textBit }
    } else {
      let h = hash(a, b)
      result = find(a, b, h, pieces[Vocabulary.slot(h, pieces.count)])
    }
    // A merge of or into something that is no token can never be taken: cut-down vocabularies have
    // them.
    if left == Vocabulary.emptyPiece || right == Vocabulary.emptyPiece
      || result == Vocabulary.emptyPiece
    {
      merged[rank] = 0
      return Vocabulary.emptyPair
    }
    expected = Vocabulary.id(result) + 1
    merged[rank] = UInt32(truncatingIfNeeded: Vocabulary.id(result))
    if left & right & result & Vocabulary.textBit == 0 { return Vocabulary.emptyPair }
    return Vocabulary.pairKey(
      Int32(truncatingIfNeeded: Vocabulary.id(left)),
      Int32(truncatingIfNeeded: Vocabulary.id(right)))
  }

  private func insert(_ key: UInt64, _ rank: Int, _ seen: UInt64) throws(Failure) {
    var slot = Vocabulary.slot(Vocabulary.pairHash(key), pairs.count)
    var found = seen == Vocabulary.emptyPair ? pairs[slot] : seen
    for _ in 0..<Vocabulary.maximumProbe {
      if found == Vocabulary.emptyPair {
        pairs[slot] = key << 21 | UInt64(truncatingIfNeeded: rank)
        return
      }
      if found >> 21 == key { return }
      slot = slot + 1 == pairs.count ? 0 : slot + 1
      found = pairs[slot]
    }
    throw Failure(.format, "tokenizer.ggml.merges[\(rank)] collides with too many merges before it")
  }

  // MARK: Spelled texts

  /// The hash of the bytes that `a` followed by `b` spell.
  private func hash(_ a: Bytes, _ b: Bytes) -> UInt64 {
    var hash = PieceHash()
    var spelled = Spelling(a, isPlain: false)
    while let x = spelled.next() { hash.add(x) }
    spelled = Spelling(b, isPlain: false)
    while let x = spelled.next() { hash.add(x) }
    return max(hash.value, 1)
  }

  /// The entry of the token spelled `a` followed by `b`, or `emptyPiece`.
  private func find(_ a: Bytes, _ b: Bytes, _ hash: UInt64, _ seen: UInt32) -> UInt32 {
    var slot = Vocabulary.slot(hash, pieces.count)
    var entry = seen
    for _ in 0..<Vocabulary.maximumProbe {
      if entry == Vocabulary.emptyPiece { return entry }
      if entry & Vocabulary.tagMask == Vocabulary.tag(hash)
        && isSpelled(Vocabulary.id(entry), a, b)
      {
        return entry
      }
      slot = slot + 1 == pieces.count ? 0 : slot + 1
      entry = pieces[slot]
    }
    return Vocabulary.emptyPiece
  }

  private func isSpelled(_ id: Int, _ a: Bytes, _ b: Bytes) -> Bool {
    let text = spelling(id)
    if text.count != a.count + b.count { return false }
    for i in 0..<a.count where text[i] != a[i] { return false }
    for i in 0..<b.count where text[a.count + i] != b[i] { return false }
    return true
  }
}
