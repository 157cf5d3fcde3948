// Several sessions in one pass: each weight is read once for all of them. Products give a row the same
// bits whatever rows are beside it, and everything that looks back in time walks one segment, so a
// session's results are those it would have had alone.

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelText
import LintelWeights

/// The sessions of one `lintel_step_many`, in the caller's order. All are of one model.
package struct JointSessions {
  package static var countMax: Int { Forward.segmentsMax }
  /// Most prompt rows of a session in a pass beside one that is served first.
  package static var rowsBeside: Int { 8 }

  package var items = InlineArray<8, UnsafeMutablePointer<Session>?>(repeating: nil)
  package var statuses = InlineArray<8, Status>(repeating: .more)
  package var count = 0
  /// The first failure of a session; its status has the number of the session beside it.
  package var failure: Failure?
  /// Tokens that each session reads in the pass.
  private var rows = InlineArray<8, Int>(repeating: 0)

  package init() {}

  package var hasMore: Bool { has(.more) }
  package var hasPaused: Bool { has(.paused) }

  private func has(_ status: Status) -> Bool {
    for i in 0..<count where statuses[i] == status { return true }
    return false
  }

  /// One round for the sessions that have more to do: each that can samples its next token, then one
  /// pass reads what is pending.
  package mutating func round(_ engine: UnsafeMutablePointer<Engine>) {
    let start = lt_now_ns()
    for i in 0..<count where statuses[i] == .more {
      guard let s = items[i] else { continue }
      do throws(Failure) {
        statuses[i] = try s.pointee.enterRound(engine)
      } catch {
        statuses[i] = error.status
        if failure == nil { failure = error }
      }
    }
    let sampled = lt_now_ns()
    engine.pointee.takeTurn()
    share()
    engine.pointee.endTurn()
    var leader: UnsafeMutablePointer<Session>?
    for i in 0..<count where rows[i] > 0 { leader = leader ?? items[i] }
    if let leader {
      engine.pointee.takeTurn()
      pass(leader)
      engine.pointee.endTurn()
    }
    let end = lt_now_ns()
    for i in 0..<count where rows[i] > 0 {
      guard let s = items[i] else { continue }
      s.pointee.leaveRound(rows: rows[i], ns: end - sampled, roundNs: end - start)
      statuses[i] = s.pointee.pending > 0 || s.pointee.isGenerating ? .more : .done
    }
  }

  /// Who reads how much. Every session with one pending token reads it. What is left of the chunk
  /// goes to prompts in order of priority, then of the caller; beside a session of higher priority a
  /// prompt gets `rowsBeside` rows at most, so that it does not hold that session up.
  private mutating func share() {
    var left = 0
    var top = 0
    for i in 0..<count {
      rows[i] = 0
      guard statuses[i] == .more, let s = items[i] else { continue }
      left = s.pointee.loaded.pointee.options.chunk
      top = max(top, s.pointee.priority)
      // What an earlier pass guessed is no part of this one.
      if s.pointee.pending > 0 { s.pointee.drafts.list = DraftList(countMax: 0) }
    }
    for isPrompt in 0...1 {
      var level = top
      while level >= 0 && left > 0 {
        for i in 0..<count {
          guard statuses[i] == .more, let s = items[i], s.pointee.priority == level,
            (s.pointee.pending > 1 && s.pointee.isReadingPrompt) == (isPrompt == 1)
          else { continue }
          let others = count - i - 1
          var limit = level == top ? left : min(left, JointSessions.rowsBeside)
          // What a grammar has forced waits for tokens of others.
          if isPrompt == 0 { limit = max(min(limit, left - others), min(left, 1)) }
          rows[i] = min(s.pointee.pending, limit)
          left -= rows[i]
          if rows[i] == s.pointee.pending {
            let drafted = s.pointee.propose(
              limit: min(left - others, Forward.placesMax / count - 1), isMeasured: false)
            rows[i] += drafted
            left -= drafted
          }
        }
        level -= 1
      }
    }
  }

  private func pass(_ leader: UnsafeMutablePointer<Session>) {
    var places = InlineArray<8, Forward.Place?>(repeating: nil)
    var segment = 0
    for i in 0..<count where rows[i] > 0 {
      guard let s = items[i] else { continue }
      let kept = s.pointee.recording(rows: rows[i])
      leader.pointee.forward?.add(
        s.pointee.stateCell.base, adapters: UnsafePointer(s.pointee.adapterCell.base),
        s.pointee.tokens + s.pointee.position, rows[i], recorded: kept.recorded,
        retained: kept.retained)
      let drafted = s.pointee.drafts.list.count
      s.pointee.logitRow = 0
      if rows[i] == s.pointee.pending + drafted {
        places[segment] = s.pointee.place()
      }
      if s.pointee.isGenerating {
        leader.pointee.forward?.want(
          outputs: places[segment] == nil ? 0 : 1 + drafted, of: segment)
      }
      segment += 1
    }
    while leader.pointee.forward?.isAtEnd == false { leader.pointee.forward?.runLayer() }
    leader.pointee.forward?.logits(into: places)
    leader.pointee.forward?.finish()
  }
}

extension Session {
  /// What comes before a joint pass: cancellation, the rest of a pass of its own, the next token.
  /// Answers `more` if there are tokens to read.
  fileprivate mutating func enterRound(
    _ engine: UnsafeMutablePointer<Engine>
  ) throws(Failure) -> Status {
    if lt_exchange(cancelFlag.base, 0) != 0 { return try cancelled(engine) }
    if passRows > 0 { completePass(engine) }
    takeVerified(engine)
    let start = lt_now_ns()
    let isGenerating = generation != nil
    defer { if isGenerating { figures.generateNs += lt_now_ns() - start } }
    var isSampled = false
    while generation != nil {
      let status: Status
      if let token = nextForced(engine) {
        status = try take(forced: token)
      } else if pending == 0 && !isSampled {
        status = try sampleUnit()
        isSampled = true
      } else {
        break
      }
      if status != .more { return status }
      takeVerified(engine)
    }
    return pending > 0 || generation != nil ? .more : .done
  }

  /// After a joint pass that read `rows` of this session's tokens.
  fileprivate mutating func leaveRound(rows: Int, ns: Int64, roundNs: Int64) {
    let drafted = drafts.list.count
    passEnded(rows: rows)
    hasLogits = pending == 0
    let begin = position - (rows - drafted)
    countPrompt(rows - drafted, from: begin)
    if generation.map({ begin < $0.promptEnd }) ?? true {
      figures.promptNs += ns
    } else {
      figures.generateNs += ns
    }
    figures.longestUnitNs = max(figures.longestUnitNs, roundNs)
  }
}
