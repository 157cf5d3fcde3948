// Text in. Feeding only queues token ids behind what is already there; passes read them later.
// A refused feed leaves the session as it was.

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelText
import LintelWeights

extension Session {
  package mutating func feed(tokens ids: UnsafePointer<Int32>, count: Int) throws(Failure) {
    try checkIdle("feed tokens")
    if count > context - tokenCount {
      throw contextFull(count)
    }
    let vocabulary = loaded.pointee.model.vocabularyCount
    for i in 0..<count where ids[i] < 0 || Int(ids[i]) >= vocabulary {
      throw Failure(
        .token, "token \(i) is \(ids[i]), outside the vocabulary of \(vocabulary)",
        needed: Int64(ids[i]), available: Int64(vocabulary))
    }
    for i in 0..<count { tokens[tokenCount + i] = ids[i] }
    extend(to: tokenCount + count, .text)
  }

  package mutating func feed(text bytes: Bytes, parseSpecial: Bool) throws(Failure) {
    try checkIdle("feed text")
    var sink = TokenSink(room)
    let m = loaded.pointee
    addBos(&sink)
    try m.encoder.append(bytes, m.vocabulary, parseSpecial: parseSpecial, to: &sink)
    try accept(sink, .text)
  }

  package mutating func feed(role: ChatRole, text bytes: Bytes) throws(Failure) {
    try checkIdle("feed a message")
    let m = loaded.pointee
    guard let chat = m.chat else {
      throw Failure(
        .unsupported,
        "this model's vocabulary has no chat tokens; feed text without a role instead")
    }
    var sink = TokenSink(room)
    addBos(&sink)
    if isTurnOpen { sink.append(chat.end) }
    try chat.append(role, bytes, m.vocabulary, m.encoder, to: &sink)
    try accept(sink, .message)
    isTurnOpen = false
  }

  /// Opens the assistant's turn, if a message came last.
  mutating func openTurn(thinking: Bool) throws(Failure) {
    let m = loaded.pointee
    guard last == .message, let chat = m.chat else { return }
    var sink = TokenSink(room)
    try chat.appendGenerationPrompt(
      thinking: thinking, m.vocabulary, m.encoder, to: &sink)
    try accept(sink, .text)
    isTurnOpen = true
  }

  private var room: Buffer<Int32> {
    Buffer(base: tokens + tokenCount, count: context - tokenCount)
  }

  private func addBos(_ sink: inout TokenSink) {
    let source = loaded.pointee.vocabulary.source
    if tokenCount == 0, source.addBos, let bos = source.bos {
      sink.append(Int32(truncatingIfNeeded: bos))
    }
  }

  private mutating func accept(_ sink: TokenSink, _ fed: Fed) throws(Failure) {
    if sink.count > context - tokenCount { throw contextFull(sink.count) }
    extend(to: tokenCount + sink.count, fed)
  }

  private mutating func extend(to count: Int, _ fed: Fed) {
    if count == tokenCount { return }
    tokenCount = count
    last = fed
  }

  package func checkIdle(_ what: StaticString) throws(Failure) {
    if generation != nil {
      throw Failure(
        .state, "cannot \(what) while a generation is unfinished: step it to its end or cancel it")
    }
  }

  private func contextFull(_ count: Int) -> Failure {
    Failure(
      .contextFull,
      "\(count) more tokens do not fit: \(tokenCount) of \(context) are taken; reset the session or create it with a larger context",
      needed: Int64(count), available: Int64(context - tokenCount))
  }
}
