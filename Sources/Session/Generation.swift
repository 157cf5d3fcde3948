// A generation: its options, its callback, and the units of work that carry it on.

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelStructure
import LintelText
import LintelWeights

package enum Finish: UInt32, Sendable {
  case none = 0
  case end = 1
  case length = 2
  case stop = 3
  case context = 4
  case callback = 5
  case cancel = 6
  case error = 7
}

package struct Event {
  package var isEnd: Bool
  package var text: Bytes
  package var token: Int32
  package var index: Int
  package var logProbability: Float
  package var finish: Finish
  package var elapsedNs: Int64
}

package enum Reaction: Int32 {
  case proceed = 0
  case pause = 1
  case stop = 2
}

/// How events leave: a C function and two pointers, set by Exports.
package struct EventSink {
  package var emit: @convention(c) (UnsafeRawPointer, UnsafeRawPointer) -> Int32
  package var context: UnsafeRawPointer
  package init(
    emit: @escaping @convention(c) (UnsafeRawPointer, UnsafeRawPointer) -> Int32,
    context: UnsafeRawPointer
  ) {
    self.emit = emit
    self.context = context
  }
}

/// As the C API lays it out.
package struct LogitBias: BitwiseCopyable {
  package var token: Int32
  package var bias: Float
}

package struct GenerateOptions {
  package var maxTokens = 0
  package var sampling = SamplerOptions()
  package var biases: UnsafeBufferPointer<LogitBias>?
  package var ignoresEnd = false
  package var thinks = false
  package var isRaw = false
  package var stopTokens = InlineArray<16, Int32>(repeating: -1)
  package var stopTokenCount = 0
  package var drafts = DraftChoice()
  /// What the answer must fit.
  package var grammar: UnsafeMutablePointer<LoadedGrammar>?

  package init() {}
}

struct Generation {
  var options: GenerateOptions
  var sink: EventSink?
  var startedNs: Int64
  /// Where what was fed ends.
  var promptEnd: Int
  var sampled = 0
  /// Where the grammar's automaton stands.
  var grammarState: Int32 = Automaton.start
  /// The byte before, and whether the answer has a blank behind its colons and commas.
  var lastByte: UInt8 = 0
  var writesBlanks = true
}

extension Session {
  package static var stopsMax: Int { TextStage.stopsMax }
  package static var stopBytesMax: Int { TextStage.stopBytesMax }
  package var isGenerating: Bool { generation != nil }

  /// Checks everything, then starts. Nothing is computed yet: `unit` does.
  package mutating func begin(
    _ options: GenerateOptions, sink: EventSink?, stops: borrowing StopList
  ) throws(Failure) {
    try checkIdle("begin a generation")
    if tokenCount == 0 {
      throw Failure(.state, "there is no text to continue: feed some first")
    }
    if pending == 0 && !hasLogits && (options.isRaw || last != .message) {
      throw Failure(
        .state,
        "what follows the last token is not known: tokens were taken back, reading was cancelled half-way, or the context is full; feed some text first"
      )
    }
    for i in 0..<options.stopTokenCount
    where options.stopTokens[i] < 0
      || Int(options.stopTokens[i]) >= loaded.pointee.model.vocabularyCount
    {
      throw Failure(
        .token, "stop token \(i) is \(options.stopTokens[i]), outside the vocabulary",
        needed: Int64(options.stopTokens[i]))
    }
    if let grammar = options.grammar { try check(grammar, options) }
    text.restart()
    for i in 0..<stops.count {
      if stops.items[i].count > TextStage.stopBytesMax {
        throw Failure(
          .argument,
          "stop string \(i) has \(stops.items[i].count) bytes; the limit is \(TextStage.stopBytesMax)")
      }
      try text.stops.add(stops.items[i])
    }
    try sampler.configure(options.sampling)
    if let biases = options.biases {
      for b in biases { try sampler.setBias(b.token, b.bias) }
    }
    sampler.restart()
    if !options.isRaw { try openTurn(thinking: options.thinks) }
    for i in 0..<tokenCount { sampler.accept(tokens[i]) }
    figures = Figures()
    lt_store_release(cancelFlag.base, 0)
    generation = Generation(
      options: options, sink: sink, startedNs: lt_now_ns(), promptEnd: tokenCount)
    useGrammar()
  }

  /// One unit of work: a layer of a pass, or the sampling of one token. Returns `more` while there is
  /// more to do.
  package mutating func unit(
    _ engine: UnsafeMutablePointer<Engine>
  ) throws(Failure) -> Status {
    if lt_exchange(cancelFlag.base, 0) != 0 { return try cancelled(engine) }
    let start = lt_now_ns()
    let status: Status
    takeVerified(engine)
    if passRows == 0, let token = nextForced(engine) {
      // Read together with what is pending already, without logits of its own.
      status = try take(forced: token)
      figures.generateNs += lt_now_ns() - start
    } else if passRows > 0 || pending > 0 {
      let isPrompt = isReadingPrompt
      engine.pointee.takeTurn()
      let isDraft = readDraftUnit()
      if !isDraft { readUnit() }
      engine.pointee.endTurn()
      let elapsed = lt_now_ns() - start
      if isPrompt { figures.promptNs += elapsed } else { figures.generateNs += elapsed }
      if !isDraft { drafts.passNs += elapsed }
      if passRows == 0 && !isDraft {
        if !isPrompt { drafts.gate.measured(rows: drafts.passRows, ns: drafts.passNs) }
        drafts.passNs = 0
      }
      status = passRows > 0 || pending > 0 || generation != nil ? .more : .done
    } else if generation != nil {
      status = try sampleUnit()
      figures.generateNs += lt_now_ns() - start
    } else {
      status = .done
    }
    figures.longestUnitNs = max(figures.longestUnitNs, lt_now_ns() - start)
    return status
  }

  /// What is read next was fed, or is no part of a generation.
  var isReadingPrompt: Bool { generation.map { position < $0.promptEnd } ?? true }

  /// One layer of the pass under way, or of a new one over the next chunk of pending tokens.
  mutating func readUnit() {
    if passRows == 0 { beginPass() }
    let drafted = drafts.list.count
    if forward?.isAtEnd == false {
      if generation != nil {
        let wanted = outputs(passRows == pending + drafted ? 1 + drafted : 0)
        forward?.want(outputs: wanted, of: 0)
      }
      forward?.runLayer()
      // The output layer is a unit of its own.
      if forward?.isAtEnd == false || passRows == pending + drafted { return }
    }
    hasLogits = passRows == pending + drafted && forward?.outputs(of: 0) ?? 0 > drafted
    if hasLogits {
      var places = InlineArray<8, Forward.Place?>(repeating: nil)
      places[0] = place()
      forward?.logits(into: places)
    }
    countPrompt(passRows - drafted, from: position)
    readPredictor()
    endPass()
  }

  /// How many rows of a pass need the model's outputs, if the last `rows` are to have logits.
  func outputs(_ rows: Int) -> Int { prediction.isUsed ? Int.max : rows }

  /// The states have read the rows of the pass. Guesses are of use only to a generation, and with the
  /// logits behind them.
  private mutating func endPass() {
    forward?.finish()
    passEnded(rows: passRows)
    if generation == nil || !hasLogits { stateCell[0].dropLead() }
    passRows = 0
  }

  /// Rows of the pass under way that are text.
  private var textRows: Int { passRows == 0 ? 0 : passRows - drafts.list.count }

  private mutating func beginPass() {
    let chunk = loaded.pointee.options.chunk
    passRows = min(pending, chunk)
    passRows += propose(limit: chunk - passRows)
    logitRow = 0
    let next = tokens + position
    let kept = recording(rows: passRows)
    forward?.add(
      stateCell.base, adapters: UnsafePointer(adapterCell.base), next, passRows,
      recorded: kept.recorded, retained: kept.retained)
  }

  /// Where the logits of the last pending token go, and those behind the guesses.
  func place() -> Forward.Place {
    Forward.Place(
      first: logitRows.base, rows: 1 + drafts.list.count, stride: logitStride,
      wanted: drafts.list.choices)
  }

  /// A pass has read `rows` tokens of the text from a position on.
  mutating func countPrompt(_ rows: Int, from begin: Int) {
    let end = generation?.promptEnd ?? begin + rows
    figures.promptTokens += max(min(begin + rows, end) - begin, 0)
  }

  /// Reads everything pending now and hands out the logits of the last `last` positions. Holds the
  /// engine's turn only while it computes, so that `receive` may use the engine.
  package mutating func score(
    last: Int, _ engine: UnsafeMutablePointer<Engine>,
    _ receive: (_ position: Int, _ logits: Floats) -> Bool
  ) throws(Failure) -> Status {
    try checkIdle("read logits")
    let first = tokenCount - min(last, pending)
    while pending > 0 {
      engine.pointee.takeTurn()
      if passRows == 0 { beginPass() }
      let rows = textRows
      let wanted = outputs(max(position + rows - max(first, position), 0))
      forward?.want(outputs: wanted, of: 0)
      while forward?.isAtEnd == false { forward?.runLayer() }
      engine.pointee.endTurn()
      var row = max(first - position, 0)
      while row < rows {
        engine.pointee.takeTurn()
        forward?.logits(row: row, into: logits.base)
        engine.pointee.endTurn()
        // They are of `position` once the pass has ended.
        hasLogits = row + 1 == rows
        if !receive(position + row, logits.base) {
          engine.pointee.takeTurn()
          forward?.logits(row: rows - 1, into: logits.base)
          engine.pointee.endTurn()
          hasLogits = true
          endPass()
          drop(to: position)
          return .cancelled
        }
        row += 1
      }
      if first >= position + rows { hasLogits = false }
      endPass()
      if lt_exchange(cancelFlag.base, 0) != 0 {
        drop(to: position)
        return .cancelled
      }
    }
    return .done
  }

  /// Forgets tokens that no pass has read.
  private mutating func drop(to count: Int) {
    tokenCount = count
  }

  /// Runs the pass under way to its end.
  mutating func completePass(_ engine: UnsafeMutablePointer<Engine>) {
    engine.pointee.takeTurn()
    while passRows > 0 { readUnit() }
    engine.pointee.endTurn()
  }

  /// A pass between layers has touched some states and not others: later units carry it to its end, so
  /// that the work is kept and the session stays whole.
  mutating func cancelled(_ engine: UnsafeMutablePointer<Engine>) throws(Failure) -> Status {
    if generation == nil {
      drop(to: position + textRows)
      return .cancelled
    }
    // Behind the last layer not all rows have outputs any more: this pass ends here.
    if passRows > 0 && forward?.isAtEnd ?? false { completePass(engine) }
    try finish(.cancel)
    return .cancelled
  }

  mutating func sampleUnit() throws(Failure) -> Status {
    guard let g = generation else { return .done }
    var allowed: Buffer<UInt64>?
    if g.options.grammar != nil {
      if fillMask() == 0 {
        // The text is complete and the model has no token that says so.
        isTurnOpen = false
        try finish(.end)
        return .done
      }
      allowed = mask
    }
    let choice: Sampler.Choice
    do throws(Failure) {
      choice = try sampler.sample(
        logits: logits, step: UInt64(truncatingIfNeeded: tokenCount), mask: allowed)
    } catch {
      try finish(.error)
      throw error
    }
    return try take(choice)
  }

  /// Makes a token the next one of the text: keeps it, moves the grammar on, tells the host.
  mutating func take(_ choice: Sampler.Choice) throws(Failure) -> Status {
    guard var g = generation else { return .done }
    let token = choice.token
    let vocabulary = loaded.pointee.vocabulary
    let isEnd = !g.options.ignoresEnd && isEndToken(token, g.options)
    if !isEnd { try advanceGrammar(&g, token) }
    let index = g.sampled
    g.sampled += 1
    generation = g
    figures.generatedTokens += 1
    if index == 0 { figures.firstTokenNs = lt_now_ns() - g.startedNs }
    sampler.accept(token)
    hasLogits = false
    var free = Bytes("")
    var isStopped = false
    if !isEnd { (free, isStopped) = try text.feed(token, vocabulary) }
    let isKept = tokenCount < context
    if isKept {
      tokens[tokenCount] = token
      tokenCount += 1
    }
    if isEnd { isTurnOpen = false }
    let reaction = emit(
      Event(
        isEnd: false, text: free, token: token, index: index, logProbability: choice.logProbability,
        finish: .none, elapsedNs: lt_now_ns() - g.startedNs))
    if isEnd {
      try finish(.end)
    } else if isStopped {
      trimStop()
      text.restart()
      try finish(.stop)
    } else if reaction == .stop {
      try finish(.callback)
    } else if g.options.maxTokens > 0 && g.sampled >= g.options.maxTokens {
      try finish(.length)
    } else if !isKept || tokenCount == context {
      try finish(.context)
    } else {
      return reaction == .pause ? .paused : .more
    }
    return .done
  }

  func isEndToken(_ token: Int32, _ options: GenerateOptions) -> Bool {
    if loaded.pointee.vocabulary.isEnd(token) || loaded.pointee.chat?.end == token { return true }
    for i in 0..<options.stopTokenCount where options.stopTokens[i] == token { return true }
    return false
  }

  mutating func finish(_ reason: Finish) throws(Failure) {
    guard let g = generation else { return }
    let rest = try text.finish()
    figures.finish = reason
    _ = emit(
      Event(
        isEnd: true, text: rest, token: -1, index: g.sampled, logProbability: 0, finish: reason,
        elapsedNs: lt_now_ns() - g.startedNs))
    text.restart()
    releaseGrammar()
    stateCell[0].dropLead()
    generation = nil
  }

  private func emit(_ event: Event) -> Reaction {
    guard let sink = generation?.sink else { return .proceed }
    let answer = withUnsafePointer(to: event) {
      sink.emit(sink.context, UnsafeRawPointer($0))
    }
    return Reaction(rawValue: answer) ?? .stop
  }
}

/// Stop strings as the caller gave them.
package struct StopList {
  package var items = InlineArray<8, Bytes>(repeating: Bytes(""))
  package var count = 0
  package init() {}
}
