// Answers that must fit a grammar. Before a token is chosen the grammar's mask is laid over the
// logits; after it, the automaton moves on over the token's bytes. Where the mask leaves one token,
// that token is taken without logits, and is read in one pass with what comes before it.

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelStructure
import LintelText
import LintelWeights

/// A compiled grammar as it lies behind its header in the model's grammar memory.
package struct LoadedGrammar: BitwiseCopyable {
  package let grammar: Grammar
  package let model: UnsafePointer<LoadedModel>
  package let bytes: Int
  package let compileNs: Int64
  /// Generations that it holds for.
  package var users: UInt32
}

extension LoadedModel {
  /// Compiles a grammar into the model's memory for them. A refusal leaves nothing behind.
  package static func compile(
    _ loaded: UnsafePointer<LoadedModel>, _ options: GrammarOptions,
    _ engine: UnsafeMutablePointer<Engine>
  ) throws(Failure) -> UnsafeMutablePointer<Header> {
    let store = loaded.pointee.grammars
    guard let trie = store.trie else {
      throw Failure(
        .state, "the model was opened without memory for grammars: set grammar_bytes")
    }
    let start = lt_now_ns()
    var (index, arena) = try store.openGap()
    let object: UnsafeMutablePointer<LoadedGrammar>
    do throws(Failure) {
      object = try Layout.carve(&arena, LoadedGrammar.self)
    } catch {
      throw Failure(
        .grammarSize, "grammar_bytes has no room for another grammar", needed: error.needed,
        available: error.available)
    }
    let grammar: Grammar
    do throws(Failure) {
      grammar = try Grammar.compile(&arena, options, trie, loaded.pointee.vocabulary)
    } catch {
      if error.status != .budget { throw error }
      throw Failure(
        .grammarSize, "grammar_bytes is too small: \(error.sentence)", needed: error.needed,
        available: error.available)
    }
    object.initialize(
      to: LoadedGrammar(
        grammar: grammar, model: loaded, bytes: arena.used, compileNs: lt_now_ns() - start,
        users: 0))
    store.commit(index, bytes: arena.used)
    engine.pointee.generations += 1
    let header = store.block(index).assumingMemoryBound(to: Header.self)
    header.initialize(
      to: Header(
        kind: .grammar, address: UInt(bitPattern: header),
        generation: engine.pointee.generations, engine: engine, region: -1, busy: 0,
        isPoisoned: false, isInCallback: false, owner: 0, callback: 0, user: 0, hostMode: 0))
    return header
  }

  package static func removeGrammar(
    _ header: UnsafeMutablePointer<Header>
  ) throws(Failure) {
    let object = Layout.object(header, LoadedGrammar.self)
    let users = lt_load_acquire(&object.pointee.users)
    if users > 0 {
      throw Failure(
        .busy, "\(users) unfinished generations use the grammar", available: Int64(users))
    }
    header.pointee.kind = .none
    object.pointee.model.pointee.grammars.remove(UnsafeMutableRawPointer(header))
  }

  /// The handles of all grammars end with the model.
  func endGrammars() {
    for i in 0..<grammars.count {
      grammars.block(i).assumingMemoryBound(to: Header.self).pointee.kind = .none
    }
  }
}

extension Session {
  /// Most bytes that `forcedTokens` looks ahead.
  package static var forcedBytesMax: Int { 256 }

  func check(
    _ grammar: UnsafeMutablePointer<LoadedGrammar>, _ options: GenerateOptions
  ) throws(Failure) {
    if grammar.pointee.model != loaded {
      throw Failure(.argument, "the grammar was compiled for another model")
    }
    if options.ignoresEnd {
      throw Failure(
        .argument, "a grammar ends the text: LINTEL_GENERATE_IGNORE_END contradicts it")
    }
    if options.thinks {
      throw Failure(
        .argument, "a grammar begins with the answer: LINTEL_GENERATE_THINK contradicts it")
    }
  }

  mutating func useGrammar() {
    maskState = -1
    guard let grammar = generation?.options.grammar else { return }
    _ = lt_add_acq_rel(&grammar.pointee.users, 1)
  }

  mutating func releaseGrammar() {
    guard let grammar = generation?.options.grammar else { return }
    _ = lt_add_acq_rel(&grammar.pointee.users, .max)
    generation?.options.grammar = nil
  }

  mutating func advanceGrammar(_ g: inout Generation, _ token: Int32) throws(Failure) {
    guard let grammar = g.options.grammar else { return }
    let n = try loaded.pointee.vocabulary.copyBytes(
      token, rendersSpecial: false, into: text.bytes)
    let next = grammar.pointee.grammar.advance(g.grammarState, text.bytes.bytes.slice(0, n))
    if next < 0 {
      throw Failure(.state, "token \(token) does not fit the grammar", needed: Int64(token))
    }
    g.grammarState = next
    for i in 0..<n {
      let b = text.bytes[i]
      if g.lastByte == UInt8(ascii: ":") || g.lastByte == UInt8(ascii: ",") {
        g.writesBlanks = b == 32
      }
      g.lastByte = b
    }
  }

  /// Fills `mask` for the next token; how many it allows, or 2 for more.
  mutating func fillMask() -> Int {
    guard let g = generation, let grammar = g.options.grammar else { return 0 }
    if maskState == g.grammarState { return maskCount }
    maskState = g.grammarState
    grammar.pointee.grammar.mask(g.grammarState, into: mask)
    let isEnd = grammar.pointee.grammar.isAccepting(g.grammarState)
    let source = loaded.pointee.vocabulary.source
    allow(source.eos, isEnd)
    allow(source.eot, isEnd)
    allow(source.eom, isEnd)
    allow(loaded.pointee.chat.map { UInt32(bitPattern: $0.end) }, isEnd)
    for i in 0..<g.options.stopTokenCount {
      allow(UInt32(bitPattern: g.options.stopTokens[i]), isEnd)
    }
    var n = 0
    for i in 0..<mask.count where mask[i] != 0 {
      n += mask[i].nonzeroBitCount
      if n > 1 { break }
    }
    maskCount = min(n, 2)
    return maskCount
  }

  private func allow(_ token: UInt32?, _ isAllowed: Bool) {
    guard let token, Int(token) < mask.count * 64 else { return }
    let bit = UInt64(1) << UInt64(token & 63)
    if isAllowed {
      mask[Int(token >> 6)] |= bit
    } else {
      mask[Int(token >> 6)] &= ~bit
    }
  }

  /// Whether the grammar leaves one token, while the one before it waits to be read.
  mutating func isNextForced() -> Bool {
    guard let g = generation, g.options.grammar != nil, g.sampled > 0, pending > 0,
      stateCell[0].lead == 0, pending < loaded.pointee.options.chunk
    else { return false }
    return fillMask() == 1
  }

  /// The only token of `mask`.
  var nextForced: Int32 {
    for i in 0..<mask.count where mask[i] != 0 {
      return Int32(truncatingIfNeeded: i * 64 + mask[i].trailingZeroBitCount)
    }
    return 0
  }

  mutating func take(forced token: Int32) throws(Failure) -> Status {
    try take(Sampler.Choice(token: token, logProbability: 0))
  }

  // MARK: Looking ahead

  /// The tokens of the text that must come next, optional blanks guessed, as the tokenizer writes it;
  /// empty where there is a choice at once. The last one is left out if what follows might have become
  /// part of it. These are drafts: to be verified, not to be taken unseen.
  package mutating func forcedTokens(into out: Buffer<Int32>) throws(Failure) -> Int {
    guard let g = generation, let grammar = g.options.grammar else { return 0 }
    let (n, end) = grammar.pointee.grammar.automaton.likely(
      g.grammarState, into: forcedBytes, writesBlanks: g.writesBlanks)
    if n == 0 { return 0 }
    let m = loaded.pointee
    var sink = TokenSink(out)
    try m.encoder.append(
      forcedBytes.bytes.slice(0, n), m.vocabulary, parseSpecial: false, to: &sink)
    let count = min(sink.count, out.count)
    if sink.count > count { return count }
    let isComplete = grammar.pointee.grammar.automaton.edgeRange(end).isEmpty
    return isComplete ? count : max(count - 1, 0)
  }
}
