// lintel_session_begin, _step, _generate: see lintel.h.

import CLintel
import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelSession
import LintelStructure
import LintelText
import LintelWeights

enum GenerateArguments {
  static func options(
    _ options: UnsafePointer<lintel_generate_options>?, _ stops: inout StopList
  ) throws(Failure) -> GenerateOptions {
    var g = GenerateOptions()
    guard let o = options?.pointee else { return g }
    try Check.size(
      o.struct_size, MemoryLayout<lintel_generate_options>.size, "lintel_generate_options")
    try Check.zero(o.reserved, "lintel_generate_options.reserved")
    let known = LINTEL_GENERATE_IGNORE_END | LINTEL_GENERATE_THINK | LINTEL_GENERATE_RAW
    try Check.zero(o.flags & ~known == 0, "unknown bits of lintel_generate_options.flags")
    g.maxTokens = Int(o.max_tokens)
    g.ignoresEnd = o.flags & LINTEL_GENERATE_IGNORE_END != 0
    g.thinks = o.flags & LINTEL_GENERATE_THINK != 0
    g.isRaw = o.flags & LINTEL_GENERATE_RAW != 0
    g.sampling = try sampling(o)
    g.biases = try biases(o)
    g.drafts = try drafts(o)
    if let grammar = o.grammar { g.grammar = try GrammarArguments.object(grammar) }
    if Int(o.stop_count) > Session.stopsMax {
      throw Failure(.argument, "stop_count is \(o.stop_count); the limit is \(Session.stopsMax)")
    }
    if o.stop_count > 0 {
      guard let list = o.stops else { throw Failure(.argument, "stops is NULL") }
      for i in 0..<Int(o.stop_count) {
        guard let text = list[i] else { throw Failure(.argument, "stops[\(i)] is NULL") }
        let length = strnlen(text, Session.stopBytesMax + 1)
        stops.items[i] = Bytes(start: UnsafeRawPointer(text), count: Int(length))
        stops.count = i + 1
      }
    }
    if o.stop_token_count > 16 {
      throw Failure(.argument, "stop_token_count is \(o.stop_token_count); the limit is 16")
    }
    if o.stop_token_count > 0 {
      guard let ids = o.stop_tokens else { throw Failure(.argument, "stop_tokens is NULL") }
      for i in 0..<Int(o.stop_token_count) { g.stopTokens[i] = ids[i] }
      g.stopTokenCount = Int(o.stop_token_count)
    }
    return g
  }
}

extension GenerateArguments {
  private static func sampling(_ o: lintel_generate_options) throws(Failure) -> SamplerOptions {
    var s = SamplerOptions()
    s.temperature = o.temperature
    if o.top_k > UInt32(Int32.max) { throw Failure(.argument, "top_k is \(o.top_k)") }
    s.topK = Int32(o.top_k)
    s.topP = o.top_p == 0 ? 1 : o.top_p
    s.minP = o.min_p
    s.repetitionPenalty = o.repetition_penalty == 0 ? 1 : o.repetition_penalty
    s.frequencyPenalty = o.frequency_penalty
    s.presencePenalty = o.presence_penalty
    if Int(o.penalty_tokens) > Session.penaltyTokensMax {
      throw Failure(
        .argument,
        "penalty_tokens is \(o.penalty_tokens); the limit is \(Session.penaltyTokensMax)")
    }
    s.penaltyWindow = o.penalty_tokens == 0 ? 64 : Int32(o.penalty_tokens)
    s.seed = o.seed
    return s
  }

  private static func drafts(_ o: lintel_generate_options) throws(Failure) -> DraftChoice {
    let known = LINTEL_DRAFT_OFF | LINTEL_DRAFT_UNGATED | LINTEL_DRAFT_LOOKUP | LINTEL_DRAFT_MODEL
      | LINTEL_DRAFT_PREDICTOR
    try Check.zero(o.draft & ~known == 0, "unknown bits of lintel_generate_options.draft")
    var d = DraftChoice()
    if Int(o.draft_tokens) > DraftSettings.tokensMax {
      throw Failure(
        .argument,
        "draft_tokens is \(o.draft_tokens); at most \(DraftSettings.tokensMax) are possible",
        needed: Int64(o.draft_tokens), available: Int64(DraftSettings.tokensMax))
    }
    d.tokens = o.draft_tokens == 0 ? nil : Int(o.draft_tokens)
    d.isOff = o.draft & LINTEL_DRAFT_OFF != 0
    d.isUngated = o.draft & LINTEL_DRAFT_UNGATED != 0
    let sources = o.draft & (LINTEL_DRAFT_LOOKUP | LINTEL_DRAFT_MODEL | LINTEL_DRAFT_PREDICTOR)
    d.usesLookup = sources == 0 || sources & LINTEL_DRAFT_LOOKUP != 0
    d.usesModel = sources == 0 || sources & LINTEL_DRAFT_MODEL != 0
    d.usesPredictor = sources == 0 || sources & LINTEL_DRAFT_PREDICTOR != 0
    return d
  }

  private static func biases(
    _ o: lintel_generate_options
  ) throws(Failure) -> UnsafeBufferPointer<LogitBias>? {
    let count = Int(o.logit_bias_count)
    if count == 0 { return nil }
    if count > Session.biasesMax {
      throw Failure(
        .argument, "logit_bias_count is \(count); the limit is \(Session.biasesMax)")
    }
    guard let list = o.logit_bias else { throw Failure(.argument, "logit_bias is NULL") }
    return UnsafeBufferPointer(
      start: UnsafeRawPointer(list).assumingMemoryBound(to: LogitBias.self), count: count)
  }
}

/// Turns an engine event into the C one and calls the host.
private func emit(_ context: UnsafeRawPointer, _ event: UnsafeRawPointer) -> Int32 {
  let header = UnsafeMutableRawPointer(mutating: context).assumingMemoryBound(to: Header.self)
  let e = event.assumingMemoryBound(to: Event.self).pointee
  guard header.pointee.callback != 0 else { return LINTEL_CONTINUE }
  let callback = unsafeBitCast(header.pointee.callback, to: lintel_event_fn.self)
  var out = lintel_event()
  out.struct_size = UInt32(MemoryLayout<lintel_event>.size)
  out.kind = e.isEnd ? UInt32(LINTEL_EVENT_END) : UInt32(LINTEL_EVENT_TOKEN)
  out.text = e.text.start.assumingMemoryBound(to: CChar.self)
  out.text_bytes = e.text.count
  out.token = e.token
  out.index = UInt32(truncatingIfNeeded: e.index)
  out.log_probability = e.logProbability
  out.finish = e.finish.rawValue
  out.elapsed_ns = UInt64(e.elapsedNs)
  header.pointee.isInCallback = true
  lt_float_restore(header.pointee.hostMode)
  let answer = callback(UnsafeMutableRawPointer(bitPattern: header.pointee.user), &out)
  _ = lt_float_flush()
  header.pointee.isInCallback = false
  return answer
}

private func fill(_ out: UnsafeMutablePointer<lintel_result>?, _ f: Session.Figures) {
  guard let out else { return }
  out.pointee.finish = f.finish.rawValue
  out.pointee.prompt_tokens = UInt64(f.promptTokens)
  out.pointee.generated_tokens = UInt64(f.generatedTokens)
  out.pointee.prompt_ns = UInt64(f.promptNs)
  out.pointee.generate_ns = UInt64(f.generateNs)
  out.pointee.first_token_ns = UInt64(f.firstTokenNs)
  out.pointee.longest_step_ns = UInt64(f.longestUnitNs)
  out.pointee.passes = UInt64(f.passes)
  out.pointee.drafted_tokens = UInt64(f.drafted)
  out.pointee.accepted_tokens = UInt64(f.accepted)
}

private func begin(
  _ s: inout Session, _ header: UnsafeMutablePointer<Header>,
  _ options: UnsafePointer<lintel_generate_options>?, _ on_event: lintel_event_fn?,
  _ user: UnsafeMutableRawPointer?
) throws(Failure) {
  var stops = StopList()
  let g = try GenerateArguments.options(options, &stops)
  let sink = EventSink(emit: emit, context: UnsafeRawPointer(header))
  header.pointee.engine.pointee.takeTurn()
  defer { header.pointee.engine.pointee.endTurn() }
  try s.begin(g, sink: on_event == nil ? nil : sink, stops: stops)
  header.pointee.callback = on_event.map { unsafeBitCast($0, to: UInt.self) } ?? 0
  header.pointee.user = UInt(bitPattern: user)
}

/// One unit, in this engine's turn if it computes.
private func unit(
  _ s: inout Session, _ header: UnsafeMutablePointer<Header>
) throws(Failure) -> Status {
  do throws(Failure) {
    return try s.unit(header.pointee.engine)
  } catch {
    header.pointee.isPoisoned = true
    throw error
  }
}

private func checkResult(_ out: UnsafeMutablePointer<lintel_result>?) throws(Failure) {
  if let out {
    try Check.size(out.pointee.struct_size, MemoryLayout<lintel_result>.size, "lintel_result")
  }
}

@implementation @_cdecl("lintel_session_begin")
public func lintel_session_begin(
  _ session: OpaquePointer?, _ options: UnsafePointer<lintel_generate_options>?,
  _ on_event: lintel_event_fn?, _ user: UnsafeMutableRawPointer?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withSession(session, error) { (s, header) throws(Failure) in
    try begin(&s, header, options, on_event, user)
    return .ok
  }
}

@implementation @_cdecl("lintel_session_step")
public func lintel_session_step(
  _ session: OpaquePointer?, _ slice_us: UInt64,
  _ out_result: UnsafeMutablePointer<lintel_result>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withSession(session, error) { (s, header) throws(Failure) in
    try checkResult(out_result)
    let end = lt_now_ns() &+ Int64(clamping: min(slice_us, 1 << 50) &* 1000)
    var status = try unit(&s, header)
    while status == .more && slice_us > 0 && lt_now_ns() < end {
      status = try unit(&s, header)
    }
    fill(out_result, s.figures)
    return status
  }
}

@implementation @_cdecl("lintel_session_generate")
public func lintel_session_generate(
  _ session: OpaquePointer?, _ options: UnsafePointer<lintel_generate_options>?,
  _ on_event: lintel_event_fn?, _ user: UnsafeMutableRawPointer?,
  _ out_result: UnsafeMutablePointer<lintel_result>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withSession(session, error) { (s, header) throws(Failure) in
    try checkResult(out_result)
    if !(s.isGenerating && options == nil && on_event == nil) {
      try begin(&s, header, options, on_event, user)
    }
    var status = Status.more
    while status == .more { status = try unit(&s, header) }
    fill(out_result, s.figures)
    return status
  }
}
