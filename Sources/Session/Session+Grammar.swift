// Answers that must fit a grammar. Before a token is chosen the grammar's mask is laid over the
// logits; after it, the automaton moves on over the token's bytes. Where the grammar leaves no choice
// about the text, it is taken as the tokenizer writes it, without logits, and is read in one pass with
// what comes before it.

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
    forced.forget()
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

  // MARK: What is forced

  /// The token that must come next, if the grammar leaves no choice about the text.
  mutating func nextForced(_ engine: UnsafeMutablePointer<Engine>) -> Int32? {
    guard generation?.options.grammar != nil, pending < loaded.pointee.options.chunk else { return nil }
    if forced.next == forced.count {
      if forced.isNone(generation?.grammarState ?? -1) { return nil }
      engine.pointee.takeTurn()
      findForced()
      engine.pointee.endTurn()
      if forced.count == 0 { return nil }
    }
    return forced.tokens[forced.next]
  }

  mutating func take(forced token: Int32) throws(Failure) -> Status {
    forced.next += 1
    return try take(Sampler.Choice(token: token, logProbability: 0))
  }

  private mutating func findForced() {
    guard let g = generation, let grammar = g.options.grammar?.pointee.grammar else { return }
    let state = g.grammarState
    var n = forcedRun(grammar, state, into: forced.tokens).count
    if n == 0 && grammar.automaton.edgeRange(state).isEmpty && fillMask() == 1 {
      // Nothing but the end of the turn.
      forced.tokens[0] = onlyAllowed
      n = 1
    }
    forced.set(n, at: state)
  }

  /// The only token of `mask`.
  private var onlyAllowed: Int32 {
    for i in 0..<mask.count where mask[i] != 0 {
      return Int32(truncatingIfNeeded: i * 64 + mask[i].trailingZeroBitCount)
    }
    return 0
  }

  /// The text that must come in `state`, as the tokenizer writes it, without tokens that what follows
  /// may become part of; where it leads, and whether `out` was too small for it.
  mutating func forcedRun(
    _ grammar: Grammar, _ state: Int32, into out: Buffer<Int32>
  ) -> (count: Int, state: Int32, isCut: Bool) {
    let (bytes, end) = grammar.automaton.forced(state, into: forcedBytes)
    if bytes == 0 { return (0, state, false) }
    let m = loaded.pointee
    var sink = TokenSink(out)
    guard
      (try? m.encoder.append(
        forcedBytes.bytes.slice(0, bytes), m.vocabulary, parseSpecial: false, to: &sink)) != nil
    else { return (0, state, true) }
    let count = min(sink.count, out.count)
    // There may be more than there is room for.
    let isWhole = bytes < forcedBytes.count
    var next = state
    var from = 0
    for i in 0..<count {
      if !isUsable(out[i]) || grammar.isOpen(forcedBytes.bytes.slice(from, bytes), end)
        || !isWhole && i + 1 == sink.count
      {
        return (i, next, false)
      }
      let n = (try? m.vocabulary.copyBytes(out[i], rendersSpecial: false, into: text.bytes)) ?? 0
      next = grammar.advance(next, text.bytes.bytes.slice(0, n))
      from += n
      if n == 0 || next < 0 || from > bytes { return (0, state, true) }
    }
    return (count, next, sink.count > count)
  }

  /// Whether a token may be taken without asking the sampler: it neither ends a turn nor has a bias.
  private func isUsable(_ token: Int32) -> Bool {
    if sampler.hasBias(token) { return false }
    return generation.map { !isEndToken(token, $0.options) } ?? false
  }

  /// Where `token` leads; below 0 if it does not fit.
  func after(_ token: Int32, _ grammar: Grammar, _ state: Int32) -> Int32 {
    guard
      let n = try? loaded.pointee.vocabulary.copyBytes(
        token, rendersSpecial: false, into: text.bytes), n > 0
    else { return -1 }
    return grammar.advance(state, text.bytes.bytes.slice(0, n))
  }

  /// The first token of the text that must come next if an optional blank is written as before, or
  /// that must come anyway, but may be split in another way. `out` is overwritten.
  mutating func likelyToken(_ state: Int32, into out: Buffer<Int32>) -> Int32? {
    guard let g = generation, let grammar = g.options.grammar else { return nil }
    let n = grammar.pointee.grammar.automaton.likely(
      state, into: forcedBytes, writesBlanks: g.writesBlanks
    ).count
    if n == 0 { return nil }
    let m = loaded.pointee
    var sink = TokenSink(out)
    guard
      (try? m.encoder.append(
        forcedBytes.bytes.slice(0, n), m.vocabulary, parseSpecial: false, to: &sink)) != nil,
      sink.count > 0
    else { return nil }
    return isEndToken(out[0], g.options) ? nil : out[0]
  }
}

/// Tokens that the grammar has forced and that are not taken yet.
struct ForcedRun {
  let tokens: Buffer<Int32>
  var next = 0
  private(set) var count = 0
  /// A state of the grammar in which nothing is forced.
  private var none: Int32 = -1

  init(_ arena: inout Arena, isUsed: Bool) throws(Failure) {
    tokens = try arena.carve(Int32.self, isUsed ? Session.forcedBytesMax : 0, "forced text")
  }

  func isNone(_ state: Int32) -> Bool { none == state }

  mutating func set(_ n: Int, at state: Int32) {
    next = 0
    count = n
    none = n == 0 ? state : -1
  }

  mutating func forget() { set(0, at: -1) }
}
