// Guesses by a second, smaller model: another session of the same engine, lent to this one. It reads
// the same tokens, goes on alone for a few, and takes back what was wrong by its own ring of records.

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelText
import LintelWeights

extension Session {
  /// Lends `header`'s session, which its caller has entered, to this one.
  package mutating func lend(_ header: UnsafeMutablePointer<Header>) throws(Failure) {
    let other = Layout.object(header, Session.self)
    try checkIdle("change the draft session")
    if drafts.settings.tokens == 0 {
      throw Failure(.argument, "the session was created without draft_tokens")
    }
    if other.pointee.generation != nil || other.pointee.passRows > 0 {
      throw Failure(.state, "the draft session has an unfinished generation or pass")
    }
    if other.pointee.drafts.lender != nil {
      throw Failure(.argument, "the draft session has a draft session itself")
    }
    if other.pointee.drafts.settings.rewind < drafts.settings.tokens {
      throw Failure(
        .argument,
        "the draft session has rewind_tokens \(other.pointee.drafts.settings.rewind); \(drafts.settings.tokens) guesses need as many",
        needed: Int64(drafts.settings.tokens),
        available: Int64(other.pointee.drafts.settings.rewind))
    }
    if !loaded.pointee.vocabulary.isEqual(to: other.pointee.loaded.pointee.vocabulary) {
      throw Failure(.unsupported, "the draft session's model has another vocabulary")
    }
    giveBack()
    var greedy = SamplerOptions()
    greedy.temperature = 0
    try other.pointee.sampler.configure(greedy)
    other.pointee.sampler.restart()
    header.pointee.owner = 0
    header.pointee.isLent = true
    drafts.lender = header
  }

  /// Ends the loan.
  package mutating func giveBack() {
    guard let header = drafts.lender else { return }
    drafts.lender = nil
    header.pointee.isLent = false
    lt_store_release(&header.pointee.busy, 0)
  }

  private var lent: UnsafeMutablePointer<Session>? {
    drafts.lender.map { Layout.object($0, Session.self) }
  }

  /// One unit of the draft session's reading, if it is far behind; whether there was one.
  mutating func readDraftUnit() -> Bool {
    guard passRows == 0, pending == 1, let g = generation, !g.options.drafts.isOff,
      g.options.drafts.usesModel, let lent, agree(lent)
    else { return false }
    if lent.pointee.passRows == 0 && lent.pointee.pending <= DraftSettings.tokensMax + 1 {
      return false
    }
    lent.pointee.readUnit()
    return true
  }

  /// Gives the draft session the text of this one; false if it has no room for it.
  private func agree(_ lent: UnsafeMutablePointer<Session>) -> Bool {
    if tokenCount + drafts.settings.tokens > lent.pointee.context { return false }
    let common = min(lent.pointee.tokenCount, tokenCount)
    var equal = 0
    while equal < common && lent.pointee.tokens[equal] == tokens[equal] { equal += 1 }
    if equal < lent.pointee.position + lent.pointee.passRows {
      if lent.pointee.passRows > 0 {
        lent.pointee.reset()
        equal = 0
      } else {
        let read = lent.pointee.position - equal
        if read <= lent.pointee.stateCell[0].lag {
          lent.pointee.stateCell[0].retreat(read)
          lent.pointee.stateCell[0].dropLead()
        } else {
          lent.pointee.reset()
          equal = 0
        }
      }
    }
    lent.pointee.marks.forget(beyond: equal)
    for i in equal..<tokenCount { lent.pointee.tokens[i] = tokens[i] }
    lent.pointee.tokenCount = tokenCount
    // The logits behind the last token are wanted, also if it was read as a guess.
    if lent.pointee.pending == 0 && lent.pointee.stateCell[0].lag > 0 {
      lent.pointee.stateCell[0].retreat(1)
      lent.pointee.stateCell[0].dropLead()
    }
    return lent.pointee.pending > 0
  }

  /// Lets the draft session go on alone for some tokens.
  mutating func consult(_ list: inout DraftList, isUngated: Bool) {
    guard let lent, list.count == 0, !list.isFull else { return }
    var wanted = list.countMax
    if !isUngated {
      wanted = drafts.gate.choose(
        DraftList(wanted, of: Drafts.modelKind), behind: 1, each: drafts.gate.each(drafts.modelNs))
    }
    if wanted == 0 || !agree(lent) { return }
    let start = lt_now_ns()
    var chance: Float = 1
    while list.count < wanted {
      while lent.pointee.pending > 0 { lent.pointee.readUnit() }
      guard
        let choice = try? lent.pointee.sampler.sample(
          logits: lent.pointee.logits, step: 0)
      else { break }
      lent.pointee.hasLogits = false
      if generation.map({ !$0.options.ignoresEnd && isEndToken(choice.token, $0.options) })
        ?? true
      {
        break
      }
      let probability = LintelKernels.Elementary.exp(choice.logProbability)
      list.append(choice.token, kind: Drafts.modelKind(probability))
      chance *= probability
      if list.count == wanted || (!isUngated && chance < 0.2) { break }
      lent.pointee.tokens[lent.pointee.tokenCount] = choice.token
      lent.pointee.tokenCount += 1
    }
    let ns = lt_now_ns() - start
    drafts.passNs -= ns
    if list.count > 0 {
      let each = Float(ns) / Float(list.count)
      drafts.modelNs += (drafts.modelNs == 0 ? each : (each - drafts.modelNs) / 8)
    }
  }
}
