// A byte-level BPE vocabulary, indexed in place: the token texts stay in the mapped file.
//
//     index                      entry                                       bytes per entry
//     offsets  [tokens]          where the token lies in the file            4
//     pieces   [1.6 x tokens]    hash tag and id, open addressing            6.4
//     pairs    [1.6 x merges]    left << 42 | right << 21 | rank             12.8
//     merged   [merges]          the token that the merge of this rank makes 4
//     specials [control + user]  ids sorted by their text                    4
//
// 248,320 tokens with 247,587 merges take 6.8 MB. `init` only carves, and the sizes depend on the
// file's counts and token types alone; `index` reads every token and merge once.
//
// A file without merges is accepted for kimi-k2 only: there a token's id is its rank (tiktoken),
// and two neighbours merge when their joined text is a token.

import LintelCore

package struct Vocabulary {
  package static var maximumTokens: Int { (1 << 21) - 1 }
  package static var maximumTokenBytes: Int { 4096 }
  package static var maximumSpecialBytes: Int { 256 }
  package static var maximumSpecials: Int { 1 << 16 }

  package let source: VocabularySource
  package let pre: PreTokenizer
  package var count: Int { source.tokens.count }

  let offsets: Buffer<UInt32>
  let pieces: Buffer<UInt32>
  let pairs: Buffer<UInt64>
  package let merged: Buffer<UInt32>
  let specials: Buffer<UInt32>
  /// Per byte value: the token of that single byte, or -1 (only for bytes that UTF-8 never uses).
  package let byteTokens: Buffer<Int32>
  /// Per byte value: bit 0 = a user-defined token begins with it, bit 1 = a control token does.
  let specialLeads: Buffer<UInt8>
  let facts: Buffer<Facts>

  struct Facts: BitwiseCopyable {
    var longestTokenBytes = 0
    /// How many entries of `specials` are in use: no empty texts, no repeated ones.
    var specialCount = 0
  }

  package init(arena: inout Arena, source: VocabularySource) throws(Failure) {
    guard source.model == "gpt2" else {
      throw Failure(
        .unsupported,
        "tokenizer.ggml.model is \(source.model); only gpt2 (byte-level BPE) is supported")
    }
    pre = try PreTokenizer(named: source.pre)
    self.source = source
    let tokens = source.tokens.count
    let merges = source.merges.count
    try Vocabulary.check(source)
    offsets = try arena.carve(UInt32.self, tokens, "token offsets")
    pieces = try arena.carve(UInt32.self, tokens + tokens / 8 * 5 + 8, "token index")
    pairs = try arena.carve(UInt64.self, merges + merges / 8 * 5 + 8, "merge index")
    merged = try arena.carve(UInt32.self, merges, "merge results")
    var special = 0
    for id in 0..<tokens where try Vocabulary.isSpecial(source, id) { special += 1 }
    if special > Vocabulary.maximumSpecials {
      throw Failure(
        .limit, "tokenizer.ggml.token_type marks \(special) tokens as control or user-defined",
        needed: Int64(special), available: Int64(Vocabulary.maximumSpecials))
    }
    specials = try arena.carve(UInt32.self, special, "special tokens")
    byteTokens = try arena.carve(Int32.self, 256, "byte tokens")
    specialLeads = try arena.carve(UInt8.self, 256, "special token leads")
    facts = try arena.carve(Facts.self, 1, "vocabulary facts")
  }

  /// There are no merges: ids are ranks.
  var ranksById: Bool { merged.count == 0 }

  /// Length in bytes of the longest token; known after `index`.
  package var longestTokenBytes: Int { facts[0].longestTokenBytes }

  /// Whether both give all ids the same texts.
  package func isEqual(to other: Vocabulary) -> Bool {
    if count != other.count { return false }
    var (a, b) = (0, 0)
    for _ in 0..<count {
      let (x, nextA) = source.tokens.element(at: a)
      let (y, nextB) = other.source.tokens.element(at: b)
      if !(x == y) { return false }
      (a, b) = (nextA, nextB)
    }
    return true
  }

  package func contains(_ id: Int32) -> Bool { id >= 0 && Int(id) < count }

  /// Whether generation ends with this token: the file's end ids.
  package func isEnd(_ id: Int32) -> Bool {
    guard id >= 0 else { return false }
    let id = UInt32(id)
    return id == source.eos || id == source.eot || id == source.eom
  }

  // MARK: Checks that need no index

  private static func check(_ source: VocabularySource) throws(Failure) {
    let tokens = source.tokens.count
    if tokens == 0 { throw Failure(.missing, "tokenizer.ggml.tokens is empty") }
    if tokens > maximumTokens || source.merges.count > maximumTokens {
      throw Failure(
        .limit,
        """
        tokenizer.ggml.tokens has \(tokens) elements and tokenizer.ggml.merges \
        \(source.merges.count); the limit is \(maximumTokens)
        """,
        needed: Int64(max(tokens, source.merges.count)), available: Int64(maximumTokens))
    }
    if source.tokens.bytes.count > Int(UInt32.max) {
      throw Failure(.limit, "tokenizer.ggml.tokens is \(source.tokens.bytes.count) bytes long")
    }
    if let types = source.types, types.count != tokens * 4 {
      throw Failure(
        .shape, "tokenizer.ggml.token_type has \(types.count / 4) elements for \(tokens) tokens",
        needed: Int64(tokens), available: Int64(types.count / 4))
    }
    if source.merges.count == 0 && !(source.pre == "kimi-k2") {
      throw Failure(.missing, "tokenizer.ggml.merges is absent or empty")
    }
    try check(source.bos, tokens, "tokenizer.ggml.bos_token_id")
    try check(source.eos, tokens, "tokenizer.ggml.eos_token_id")
    try check(source.eot, tokens, "tokenizer.ggml.eot_token_id")
    try check(source.eom, tokens, "tokenizer.ggml.eom_token_id")
    try check(source.padding, tokens, "tokenizer.ggml.padding_token_id")
    if source.addBos && source.bos == nil {
      throw Failure(
        .missing,
        "tokenizer.ggml.add_bos_token is set, but there is no tokenizer.ggml.bos_token_id")
    }
  }

  private static func check(
    _ id: UInt32?, _ tokens: Int, _ key: StaticString
  ) throws(Failure) {
    if let id, Int(id) >= tokens {
      throw Failure(
        .format, "\(key) is \(id), but there are \(tokens) tokens", needed: Int64(id),
        available: Int64(tokens))
    }
  }

  static func kind(_ source: VocabularySource, _ id: Int) throws(Failure) -> TokenKind {
    guard let types = source.types else { return .normal }
    let raw = Int32(littleEndian: types.load(id * 4, as: Int32.self))
    // 0, "undefined", is how converters mark tokens that they know nothing about.
    if raw == 0 { return .normal }
    if raw > 0 && raw <= 6, let kind = TokenKind(rawValue: UInt8(truncatingIfNeeded: raw)) {
      return kind
    }
    throw Failure(.format, "tokenizer.ggml.token_type[\(id)] is \(raw), expected 0 to 6")
  }

  private static func isSpecial(_ source: VocabularySource, _ id: Int) throws(Failure) -> Bool {
    let kind = try kind(source, id)
    return kind == .control || kind == .userDefined
  }

  /// The kind of a token that `init` has already checked.
  package func kind(_ id: Int) -> TokenKind {
    guard let types = source.types else { return .normal }
    return TokenKind(rawValue: types[id * 4]) ?? .normal
  }

  /// The token's text as the file spells it.
  func spelling(_ id: Int) -> Bytes {
    source.tokens.element(at: Int(offsets[id])).0
  }
}
