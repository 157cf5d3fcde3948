// The C API as a test drives it: everything through lintel.h, in a block of exactly the plan's size.

import CLintel
import LintelExports

struct Refusal: Error, CustomStringConvertible {
  let status: lintel_status
  let description: String
}

@discardableResult
func check(_ call: (UnsafeMutablePointer<lintel_error>) -> lintel_status) throws -> lintel_status {
  var error = lintel_error()
  error.struct_size = UInt32(MemoryLayout<lintel_error>.size)
  let status = call(&error)
  if status >= 0 { return status }
  let text = withUnsafeBytes(of: error.message) { raw in
    String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
  }
  throw Refusal(status: status, description: text)
}

struct Settings {
  var threads: UInt32 = 1
  var chunk: UInt32 = 64
  var context: UInt32 = 1024
  var isFloat = false
  var adapters: [AdapterChoice] = []
  var drafts: UInt32 = 0
}

struct AdapterChoice {
  var path: String
  var scale: Float
}

/// An engine, a model and one session.
final class Host {
  let engine: OpaquePointer
  let model: OpaquePointer
  let session: OpaquePointer
  let vocabulary: Int

  init(_ path: String, _ settings: Settings) throws {
    var e = lintel_engine_options()
    e.struct_size = UInt32(MemoryLayout<lintel_engine_options>.size)
    e.threads = settings.threads
    var m = lintel_model_options()
    m.struct_size = UInt32(MemoryLayout<lintel_model_options>.size)
    m.chunk_tokens = settings.chunk
    m.flags = settings.isFloat ? LINTEL_MODEL_FLOAT_ACTIVATIONS : 0
    for (i, adapter) in settings.adapters.enumerated() {
      var info = lintel_adapter_info()
      info.struct_size = UInt32(MemoryLayout<lintel_adapter_info>.size)
      try check { lintel_adapter_inspect(adapter.path, &info, $0) }
      let bytes = settings.isFloat ? info.float_slot_bytes : info.slot_bytes
      m.adapter_slots = UInt32(i + 1)
      m.adapter_slot_bytes = max(m.adapter_slot_bytes, bytes)
      m.adapter_rank += info.rank
    }
    var s = lintel_session_options()
    s.struct_size = UInt32(MemoryLayout<lintel_session_options>.size)
    s.context_tokens = settings.context
    s.draft_tokens = settings.drafts
    s.cache = UInt32(settings.isFloat ? LINTEL_CACHE_F32 : LINTEL_CACHE_AUTO)
    var plan = lintel_memory()
    plan.struct_size = UInt32(MemoryLayout<lintel_memory>.size)
    try check { lintel_plan(path, &e, &m, &s, 1, &plan, $0) }
    e.memory_bytes = plan.total_bytes

    var engine: OpaquePointer?
    var model: OpaquePointer?
    var session: OpaquePointer?
    var info = lintel_model_info()
    info.struct_size = UInt32(MemoryLayout<lintel_model_info>.size)
    try check { lintel_engine_create(&e, &engine, $0) }
    do {
      try check { lintel_model_open(engine, path, &m, &model, $0) }
      try check { lintel_session_create(model, &s, &session, $0) }
      try check { _ in lintel_model_get_info(model, &info) }
      var uses: [lintel_adapter_use] = []
      for (i, adapter) in settings.adapters.enumerated() {
        try check { lintel_adapter_load(model, UInt32(i), adapter.path, nil, $0) }
        uses.append(lintel_adapter_use(slot: UInt32(i), scale: adapter.scale))
      }
      try check { lintel_session_set_adapters(session, uses, UInt32(uses.count), $0) }
    } catch {
      _ = lintel_engine_destroy(engine)
      throw error
    }
    guard let engine, let model, let session else {
      throw Refusal(status: LINTEL_ERR_STATE, description: "success without an object")
    }
    self.engine = engine
    self.model = model
    self.session = session
    vocabulary = Int(info.vocabulary_count)
  }

  deinit { _ = lintel_engine_destroy(engine) }

  func reset() throws { try check { lintel_session_reset(session, $0) } }

  func feed(_ ids: some Collection<Int32>) throws {
    let ids = Array(ids)
    try check { lintel_session_feed_tokens(session, ids, ids.count, $0) }
  }

  /// Reads what was fed; a row of logits per position.
  func logits() throws -> [[Float]] {
    final class Rows { var rows: [[Float]] = [] }
    let box = Rows()
    try check {
      lintel_session_logits(
        session, 0,
        { user, _, logits, count in
          guard let user, let logits else { return 0 }
          let row = Array(UnsafeBufferPointer(start: logits, count: Int(count)))
          Unmanaged<Rows>.fromOpaque(user).takeUnretainedValue().rows.append(row)
          return 1
        }, Unmanaged.passUnretained(box).toOpaque(), $0)
    }
    return box.rows
  }

  /// From the beginning: the logits of all of `ids`.
  func logits(_ ids: [Int32]) throws -> [[Float]] {
    try reset()
    try feed(ids)
    return try logits()
  }

  static func generateOptions(_ count: Int) -> lintel_generate_options {
    var o = lintel_generate_options()
    o.struct_size = UInt32(MemoryLayout<lintel_generate_options>.size)
    o.max_tokens = UInt32(count)
    o.flags = LINTEL_GENERATE_RAW | LINTEL_GENERATE_IGNORE_END
    return o
  }

  /// Continues what was fed. With `slice`, by steps of so many microseconds.
  func generate(_ options: lintel_generate_options, slice: UInt64? = nil) throws -> Answer {
    var options = options
    let answer = Answer()
    let user = Unmanaged.passUnretained(answer).toOpaque()
    guard let slice else {
      try check { lintel_session_generate(session, &options, Answer.receive, user, nil, $0) }
      return answer
    }
    try check { lintel_session_begin(session, &options, Answer.receive, user, $0) }
    while try check({ lintel_session_step(session, slice, nil, $0) }) == LINTEL_MORE {
      answer.steps += 1
    }
    return answer
  }
}

/// What the callback of a generation saw.
final class Answer {
  var ids: [Int32] = []
  var text: [UInt8] = []
  var ends = 0
  var steps = 0

  static let receive: lintel_event_fn = { user, event in
    guard let user, let e = event?.pointee else { return LINTEL_STOP }
    let answer = Unmanaged<Answer>.fromOpaque(user).takeUnretainedValue()
    if e.kind == LINTEL_EVENT_TOKEN { answer.ids.append(e.token) } else { answer.ends += 1 }
    if let text = e.text {
      answer.text += UnsafeRawBufferPointer(start: text, count: e.text_bytes)
    }
    return LINTEL_CONTINUE
  }
}
