// Drafting, verifying, taking back.
//
//     tokens    [ read | t ]                     one pending token
//     pass               t  d1 d2 d3             its row and one for each guess
//     sampler            s1 s2 ...               from row 0: s1; if that is d1, from row 1: s2; ...
//
// The cursor of the state stands behind t when the pass ends, the guesses' records and cache rows ahead
// of it. A sampled token that equals the next guess is read by moving the cursor; at the first that
// does not, the rest is forgotten. Every token is drawn as plain decoding draws it, from the same
// logits with the same random numbers: the text is the same, drafts or not, greedy or not.

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelStructure
import LintelText
import LintelWeights

extension Session {
  /// Brings the state up to the position. Whoever copies it calls this first; no pass is under way.
  package mutating func settle(_ engine: UnsafeMutablePointer<Engine>) {
    if stateCell[0].lag == 0 {
      stateCell[0].dropLead()
      return
    }
    engine.pointee.takeTurn()
    forward?.settle(stateCell.base)
    engine.pointee.endTurn()
  }

  // MARK: Reading

  /// How many of the tokens read last must stay possible to take back: what the host asked for, and
  /// what may turn out to be the beginning of a stop string.
  private var reach: Int {
    let s = drafts.settings
    if s.records == 0 { return 0 }
    let held = generation == nil ? 0 : text.heldTokens
    let needed = max(s.rewind, held)
    // Behind a prompt one more, so that its last logits can be had again.
    if needed == 0 { return isReadingPrompt ? 1 : 0 }
    return min(needed + 1, s.records)
  }

  /// How a pass of so many rows of this session is recorded.
  func recording(rows: Int) -> (recorded: Int, retained: Int) {
    let text = rows - drafts.list.count
    if reach >= text { return (rows, reach - text) }
    // Text that stays goes into the state at once.
    return (rows - text + reach, 0)
  }

  /// Guesses what follows the pending tokens and puts it behind the text; the number of guesses. At most
  /// `limit`.
  mutating func propose(limit: Int, isMeasured: Bool = true) -> Int {
    drafts.list = DraftList(countMax: 0)
    guard let g = generation, drafts.settings.tokens > 0, !g.options.drafts.isOff, limit > 0,
      pending > 0
    else { return 0 }
    let choice = g.options.drafts
    let rows = pending
    // Several tokens are pending in a prompt, whose rows are many, or where a grammar has forced them.
    if rows > 1 && g.options.grammar == nil { return 0 }
    var room = min(limit, min(choice.tokens ?? drafts.settings.tokens, drafts.settings.tokens))
    room = min(room, min(context - tokenCount, drafts.settings.records - max(reach, 1)))
    if g.options.maxTokens > 0 { room = min(room, g.options.maxTokens - g.sampled - 1) }
    var list = DraftList(countMax: max(room, 0))
    if choice.usesLookup { learn() }
    if g.options.grammar != nil {
      follow(&list, looks: choice.usesLookup)
    } else if choice.usesLookup {
      look(&list)
    }
    if !choice.isUngated && isMeasured { list.cut(to: drafts.gate.choose(list, behind: rows)) }
    // These take passes of their own: not while others wait for theirs.
    if rows == 1 && isMeasured {
      if choice.usesModel { consult(&list, isUngated: choice.isUngated) }
      if choice.usesPredictor { predict(&list, isUngated: choice.isUngated) }
    }
    for i in 0..<list.count { tokens[tokenCount + i] = list.tokens[i] }
    drafts.list = list
    figures.drafted += list.guesses
    return list.count
  }

  private mutating func learn() {
    while drafts.learned < tokenCount {
      drafts.index.learn(tokens.base, drafts.learned)
      drafts.learned += 1
    }
  }

  /// What has followed before. Guesses follow each other behind the text, where the next one's context
  /// is then read.
  private mutating func look(_ list: inout DraftList) {
    while !list.isFull, let next = lookedUp(list) {
      tokens[tokenCount + list.count] = next.token
      list.append(next.token, kind: next.kind)
    }
  }

  /// Nothing is read behind the end of a turn.
  private func lookedUp(_ list: DraftList) -> TokenIndex.Prediction? {
    guard let g = generation, let next = drafts.index.next(tokens.base, tokenCount + list.count)
    else { return nil }
    return !g.options.ignoresEnd && isEndToken(next.token, g.options) ? nil : next
  }

  /// Guesses where the grammar leaves a choice, each with all that is forced behind it. Uses the model's
  /// scratch: the caller has the engine's turn.
  private mutating func follow(_ list: inout DraftList, looks: Bool) {
    guard let g = generation, let grammar = g.options.grammar?.pointee.grammar else { return }
    var state = g.grammarState
    while !list.isFull {
      let before = list.count
      let behind = Buffer(base: tokens + tokenCount + before, count: list.countMax - before)
      if let token = likelyToken(state, into: behind) {
        list.append(token, kind: Drafts.likelyKind)
      } else if looks, let next = lookedUp(list) {
        list.append(next.token, kind: next.kind)
      } else {
        return
      }
      let token = list.tokens[before]
      behind[0] = token
      state = after(token, grammar, state)
      if state < 0 {
        list.cut(to: before)
        return
      }
      let run = forcedRun(grammar, state, into: behind.dropping(1))
      state = run.state
      // Nothing is chosen behind a complete text, and less than all that is forced leads to no choice.
      if run.isCut || grammar.automaton.edgeRange(state).isEmpty {
        list.cut(to: before)
        return
      }
      for i in 0..<run.count { list.append(behind[1 + i], kind: Drafts.forcedKind) }
    }
  }

  /// After a pass over `rows` rows, guesses included: the cursor goes back behind what is text.
  mutating func passEnded(rows: Int) {
    drafts.passRows = rows
    drafts.verified = 0
    if drafts.list.count > 0 { stateCell[0].retreat(drafts.list.count) }
    // A cancelled generation judges no guesses.
    if generation == nil { stateCell[0].dropLead() }
    let begin = position - (rows - drafts.list.count)
    if let g = generation, begin >= g.promptEnd { figures.passes += 1 }
  }

  /// If the pass before has run the pending token as a guess, reads it by moving the cursor.
  mutating func takeVerified(_ engine: UnsafeMutablePointer<Engine>) {
    guard stateCell[0].lead > 0, pending > 0, passRows == 0 else { return }
    let i = drafts.verified
    let isRight = drafts.list.tokens[i] == tokens[position]
    let kind = drafts.list.kinds[i]
    if kind != Drafts.forcedKind {
      drafts.gate.judged(kind: kind, isRight)
      if let source = Drafts.source(of: kind) { drafts.gate.judged(kind: source, isRight) }
    }
    // Where a choice comes there must be logits: the grammar forces the same again, else it is read again.
    let isKnown = drafts.list.isChoice(behind: i + 1)
    if !isRight || !isKnown && nextForced(engine) == nil {
      stateCell[0].dropLead()
      return
    }
    stateCell[0].advance()
    drafts.verified += 1
    if kind != Drafts.forcedKind { figures.accepted += 1 }
    logitRow = drafts.verified
    hasLogits = isKnown
  }

  // MARK: Taking back

  /// How many tokens can be taken back now.
  package var rewindable: Int { pending + stateCell[0].lag }

  package mutating func rewind(tokens n: Int) throws(Failure) {
    try checkIdle("take tokens back")
    if passRows > 0 {
      throw Failure(
        .state, "a pass is under way: step until the text that was fed is read, or cancel it")
    }
    if n > rewindable {
      throw Failure(
        .limit,
        "\(n) tokens cannot be taken back, only \(rewindable): \(pending) that are not read and \(stateCell[0].lag) that are recorded; raise rewind_tokens",
        needed: Int64(n), available: Int64(rewindable))
    }
    takeBack(n)
  }

  /// Takes the last n tokens back; the caller has checked that this is possible. If all that is left
  /// has been read, one more token is to be read again, where possible: for the logits behind it.
  mutating func takeBack(_ n: Int) {
    if n == 0 { return }
    for i in (tokenCount - n)..<tokenCount where isTurnEnd(tokens[i]) { isTurnOpen = true }
    let read = max(n - pending, 0)
    tokenCount -= n
    stateCell[0].retreat(read)
    if pending == 0 && stateCell[0].lag > 0 { stateCell[0].retreat(1) }
    stateCell[0].dropLead()
    hasLogits = false
    marks.forget(beyond: position)
    last = .text
    drafts.learned = min(drafts.learned, tokenCount)
    marks.forget(beyond: position)
  }

  private func isTurnEnd(_ token: Int32) -> Bool {
    loaded.pointee.vocabulary.isEnd(token) || loaded.pointee.chat?.end == token
  }

  /// After a stop string: takes back the tokens that hold nothing but its text and what follows, if
  /// the ring of records reaches that far.
  mutating func trimStop() {
    if drafts.settings.records == 0 { return }
    let n = text.heldTokens
    if n <= rewindable && n - pending < drafts.settings.records { takeBack(n) }
  }
}
