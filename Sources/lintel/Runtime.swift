// Swift's view of the C API: owners that close what they open, and failures that carry the sentence.

import CLintel
import Foundation
import LintelExports

struct ToolError: Error, CustomStringConvertible {
  let description: String
}

/// Throws the engine's sentence when `call` fails; passes ordinary outcomes on.
@discardableResult
func check(_ call: (UnsafeMutablePointer<lintel_error>) -> lintel_status) throws -> lintel_status {
  var error = lintel_error()
  error.struct_size = UInt32(MemoryLayout<lintel_error>.size)
  let status = call(&error)
  if status >= 0 { return status }
  let text = withUnsafeBytes(of: error.message) { raw in
    String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
  }
  let name = String(cString: lintel_status_name(status))
  throw ToolError(description: text.isEmpty ? name : "\(text) (\(name))")
}

struct EngineSettings {
  var threads = 1
  var context: Int?
  var chunk: Int?
  var isFloat = false
  var isVocabularyOnly = false
  var cache: UInt32 = 0
  var sessions = 1
  var budget: UInt64?
  var adapters: [AdapterChoice] = []
  var grammarBytes: UInt64 = 0
  var draftTokens = 0
  var draftModel: String?

  /// Those of the session that drafts.
  var ofDraft: EngineSettings {
    EngineSettings(
      threads: threads, context: context, chunk: chunk, isFloat: isFloat, cache: cache,
      rewindTokens: draftTokens)
  }

  var rewindTokens = 0
}

/// An engine with one open model.
final class Runtime {
  let engine: OpaquePointer
  let model: OpaquePointer
  let settings: EngineSettings
  private(set) var draftModel: OpaquePointer?

  /// Without a budget in the settings the engine gets exactly what the plan asks for.
  init(path: String, _ settings: EngineSettings) throws {
    self.settings = settings
    let budget = try settings.budget ?? Runtime.needed(path: path, settings)
    var options = Runtime.engineOptions(settings)
    options.memory_bytes = budget
    var engine: OpaquePointer?
    try check { lintel_engine_create(&options, &engine, $0) }
    guard let engine else { throw ToolError(description: "no engine") }
    var model: OpaquePointer?
    var modelOptions = Runtime.modelOptions(settings)
    do {
      try check { lintel_model_open(engine, path, &modelOptions, &model, $0) }
    } catch {
      _ = lintel_engine_destroy(engine)
      throw error
    }
    guard let model else { throw ToolError(description: "no model") }
    self.engine = engine
    self.model = model
    if let path = settings.draftModel {
      var draft: OpaquePointer?
      var draftOptions = Runtime.modelOptions(settings.ofDraft)
      try check { lintel_model_open(engine, path, &draftOptions, &draft, $0) }
      draftModel = draft
    }
    for (i, adapter) in settings.adapters.enumerated() {
      try check { lintel_adapter_load(model, UInt32(i), adapter.path, nil, $0) }
    }
  }

  deinit { _ = lintel_engine_destroy(engine) }

  static func engineOptions(_ s: EngineSettings) -> lintel_engine_options {
    var o = lintel_engine_options()
    o.struct_size = UInt32(MemoryLayout<lintel_engine_options>.size)
    o.threads = UInt32(s.threads)
    return o
  }

  static func modelOptions(_ s: EngineSettings) -> lintel_model_options {
    var o = lintel_model_options()
    o.struct_size = UInt32(MemoryLayout<lintel_model_options>.size)
    o.chunk_tokens = UInt32(s.chunk ?? 0)
    if !s.adapters.isEmpty {
      o.adapter_slots = UInt32(s.adapters.count)
      o.adapter_slot_bytes =
        s.adapters.map { s.isFloat ? $0.info.float_slot_bytes : $0.info.slot_bytes }.max() ?? 0
      o.adapter_rank = s.adapters.reduce(0) { $0 + $1.info.rank }
    }
    o.grammar_bytes = s.grammarBytes
    o.flags =
      (s.isFloat ? LINTEL_MODEL_FLOAT_ACTIVATIONS : 0)
      | (s.isVocabularyOnly ? LINTEL_MODEL_VOCABULARY_ONLY : 0)
    return o
  }

  static func sessionOptions(_ s: EngineSettings) -> lintel_session_options {
    var o = lintel_session_options()
    o.struct_size = UInt32(MemoryLayout<lintel_session_options>.size)
    o.context_tokens = UInt32(s.context ?? 0)
    o.cache = s.cache
    o.draft_tokens = UInt32(s.draftTokens)
    o.rewind_tokens = UInt32(s.rewindTokens)
    return o
  }

  static func plan(path: String, _ s: EngineSettings) throws -> lintel_memory {
    var e = engineOptions(s)
    var m = modelOptions(s)
    var o = sessionOptions(s)
    var memory = lintel_memory()
    memory.struct_size = UInt32(MemoryLayout<lintel_memory>.size)
    try check { lintel_plan(path, &e, &m, &o, UInt32(s.sessions), &memory, $0) }
    return memory
  }

  /// What the model with its session needs, and the draft model with its own.
  static func needed(path: String, _ s: EngineSettings) throws -> UInt64 {
    var bytes = try plan(path: path, s).total_bytes
    if let path = s.draftModel {
      let draft = try plan(path: path, s.ofDraft)
      bytes += draft.total_bytes - draft.engine_bytes
    }
    return bytes
  }

  /// A session, with another one that drafts for it if there is a draft model.
  func session() throws -> OpaquePointer {
    let session = try create(model, settings)
    try use(settings.adapters, session)
    if let draftModel {
      let draft = try create(draftModel, settings.ofDraft)
      try check { lintel_session_set_draft(session, draft, $0) }
    }
    return session
  }

  private func create(_ model: OpaquePointer, _ s: EngineSettings) throws -> OpaquePointer {
    var options = Runtime.sessionOptions(s)
    var session: OpaquePointer?
    try check { lintel_session_create(model, &options, &session, $0) }
    guard let session else { throw ToolError(description: "no session") }
    return session
  }

  /// Compiles a grammar, which lives as long as the model.
  func grammar(_ choice: GrammarChoice) throws -> OpaquePointer {
    var options = lintel_grammar_options()
    options.struct_size = UInt32(MemoryLayout<lintel_grammar_options>.size)
    options.kind = choice.kind
    options.flags = choice.flags
    var grammar: OpaquePointer?
    try choice.text.withUnsafeBytes { raw in
      options.text = raw.baseAddress?.assumingMemoryBound(to: CChar.self)
      options.text_bytes = UInt64(raw.count)
      try check { lintel_grammar_compile(model, &options, &grammar, $0) }
    }
    guard let grammar else { throw ToolError(description: "no grammar") }
    return grammar
  }

  /// Gives the session the adapters of the settings, or none.
  func use(_ adapters: [AdapterChoice], _ session: OpaquePointer) throws {
    let uses = adapters.enumerated().map {
      lintel_adapter_use(slot: UInt32($0.offset), scale: $0.element.scale)
    }
    try check { lintel_session_set_adapters(session, uses, UInt32(uses.count), $0) }
  }

  func memory() throws -> lintel_memory {
    var memory = lintel_memory()
    memory.struct_size = UInt32(MemoryLayout<lintel_memory>.size)
    try check { _ in lintel_engine_memory(engine, &memory) }
    return memory
  }

  func info() throws -> lintel_model_info {
    var info = lintel_model_info()
    info.struct_size = UInt32(MemoryLayout<lintel_model_info>.size)
    try check { _ in lintel_model_get_info(model, &info) }
    return info
  }

  func tokenize(_ text: String, parseSpecial: Bool) throws -> [Int32] {
    let bytes = Array(text.utf8CString)
    let flags = parseSpecial ? LINTEL_PARSE_SPECIAL : 0
    var ids = [Int32](repeating: 0, count: bytes.count + 8)
    var count = 0
    try check {
      lintel_model_tokenize(
        model, bytes, bytes.count - 1, flags, &ids, ids.count, &count, $0)
    }
    return Array(ids.prefix(count))
  }

  func piece(_ token: Int32) throws -> [UInt8] {
    var count = 0
    _ = lintel_model_token_bytes(model, token, nil, 0, &count)
    var bytes = [CChar](repeating: 0, count: max(count, 1))
    try check { _ in lintel_model_token_bytes(model, token, &bytes, bytes.count, &count) }
    return bytes.prefix(count).map { UInt8(bitPattern: $0) }
  }
}

/// JSON text of a dictionary, keys in order, in ASCII: readers differ about what ends a line.
func json(_ object: [String: Any]) throws -> String {
  let data = try JSONSerialization.data(
    withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
  var text = ""
  for unit in String(decoding: data, as: UTF8.self).utf16 {
    if unit < 0x7F, let scalar = Unicode.Scalar(unit) {
      text.unicodeScalars.append(scalar)
    } else {
      text += String(format: "\\u%04x", Int(unit))
    }
  }
  return text
}

/// A line, unbuffered, by default to standard error.
func report(_ line: String, to file: FileHandle = .standardError) {
  file.write(Data((line + "\n").utf8))
}
