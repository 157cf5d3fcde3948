// A deployment that is open, at the start of its block; the engine has the rest.
//
//     block   [ deployment | names, prompts, tools | engine ... ]

import CLintel
import CPlatform
import LintelCore

struct OpenModel: BitwiseCopyable {
  var name: UnsafePointer<CChar>
  var handle: OpaquePointer?
  /// The weights, which are the deployment's to unmap.
  var mapping: Bytes
  var place: Place
  var options: lintel_model_options
}

struct OpenAdapter: BitwiseCopyable {
  var name: UnsafePointer<CChar>
  var model: Int
  var slot: Int
  /// The file, until it is loaded.
  var mapping: Bytes?
  var place: Place
  var isLoaded = false
}

struct OpenSession: BitwiseCopyable {
  var name: UnsafePointer<CChar>
  var handle: OpaquePointer?
  var model: Int
  var place: Place
  var options: lintel_session_options
  var uses: InlineArray<8, lintel_adapter_use>
  var useCount: Int
  var adaptersPlace: Place
  var system: Bytes
  var systemPlace: Place
  var tools: Bytes
  /// Which of the specification's texts the tools are.
  var toolsIndex: Int
  var mustCall: Bool
  var blanks: UInt32
  var mustCallPlace: Place
  var sampling: lintel_generate_options
  /// The session that guesses for this one; -1 for none.
  var draft: Int
  var draftPlace: Place
}

struct Deployment {
  static var mark: UInt64 { 0x4C4E_544C_4450_4C31 }

  /// What a handle is checked against.
  var kind: UInt64 = 0
  var address: UInt = 0
  let models: Buffer<OpenModel>
  let adapters: Buffer<OpenAdapter>
  let sessions: Buffer<OpenSession>
  private let stops: Buffer<UnsafePointer<CChar>?>
  private let stopTokens: Buffer<Int32>
  private let text: Buffer<UInt8>
  private var stopsUsed = 0
  private var stopTokensUsed = 0
  private var textUsed = 0
  /// Of the deployment itself.
  let bytes: Int
  var engineOptions: lintel_engine_options
  var engine: OpaquePointer?
  var block: UnsafeMutableRawPointer?
  var blockBytes = 0
  var isOwned = false

  /// Only carves. The first object of its arena.
  init(_ arena: inout Arena, _ s: Specification) throws(Failure) {
    _ = try arena.carve(UInt8.self, MemoryLayout<Deployment>.stride, "the deployment")
    models = try arena.carve(OpenModel.self, s.modelCount, "the deployment's models")
    adapters = try arena.carve(OpenAdapter.self, s.adapterCount, "the deployment's adapters")
    sessions = try arena.carve(OpenSession.self, s.sessionCount, "the deployment's sessions")
    var stopCount = 0
    var tokenCount = 0
    for i in 0..<s.sessionCount {
      stopCount += s.sessions[i].stopCount
      tokenCount += s.sessions[i].stopTokenCount
    }
    stops = try arena.carve(UnsafePointer<CChar>?.self, stopCount, "stop strings")
    stopTokens = try arena.carve(Int32.self, tokenCount, "stop tokens")
    text = try arena.carve(UInt8.self, Deployment.textBytes(s), "the deployment's text")
    bytes = arena.used
    engineOptions = s.engine
  }

  private static func textBytes(_ s: Specification) -> Int {
    var n = 0
    for i in 0..<s.modelCount { n += s.models[i].name.count + 1 }
    for i in 0..<s.adapterCount { n += s.adapters[i].name.count + 1 }
    for i in 0..<s.sessionCount {
      let session = s.sessions[i]
      n += session.name.count + 1
      for k in 0..<session.stopCount { n += session.stops[k].count + 1 }
      n += systemBytes(session, s) + (isSharing(session) ? 0 : bytes(session.tools, s).count)
    }
    return n
  }

  private static func bytes(_ text: Int, _ s: Specification) -> Bytes {
    text < 0 ? Bytes("") : s.texts[text].file?.bytes ?? Bytes("")
  }

  private static func system(_ session: SessionSpecification, _ s: Specification) -> Bytes {
    session.system ?? bytes(session.systemFile, s)
  }

  /// The tools lie inside the prompt.
  private static func isSharing(_ session: SessionSpecification) -> Bool {
    session.isToolsInSystem && session.tools >= 0
  }

  private static func systemBytes(_ session: SessionSpecification, _ s: Specification) -> Int {
    let said = system(session, s).count
    if !isSharing(session) { return said }
    return said + (said > 0 ? 2 : 0) + bytes(session.tools, s).count
  }

  // MARK: Filling

  /// Copies the specification, whose texts can be given up then. Takes over the files' mappings.
  mutating func fill(_ s: Specification) {
    for i in 0..<s.modelCount {
      let m = s.models[i]
      let name = keep(m.name)
      models[i] = OpenModel(
        name: name, handle: nil, mapping: m.artifact.mapping ?? Bytes(""),
        place: Deployment.place(ofModel: name).key("path", line: m.artifact.place.line),
        options: m.options)
      s.models.base[i].artifact.mapping = nil
    }
    for i in 0..<s.adapterCount {
      let a = s.adapters[i]
      let name = keep(a.name)
      adapters[i] = OpenAdapter(
        name: name, model: a.model, slot: a.slot, mapping: a.artifact.mapping,
        place: Deployment.place(ofModel: models[a.model].name).key("adapters", line: 0)
          .key(Bytes(c: name), line: 0).key("path", line: a.artifact.place.line))
      s.adapters.base[i].artifact.mapping = nil
    }
    for i in 0..<s.sessionCount { fill(i, s.sessions[i], s) }
  }

  private mutating func fill(_ i: Int, _ session: SessionSpecification, _ s: Specification) {
    let name = keep(session.name)
    let own = Place.whole.key("sessions", line: 0).key(
      Bytes(c: name), line: session.place.line)
    var open = OpenSession(
      name: name, handle: nil, model: session.model, place: own, options: session.options,
      uses: InlineArray(repeating: lintel_adapter_use()), useCount: session.adapterCount,
      adaptersPlace: own.key("adapters", line: session.adaptersPlace.line), system: Bytes(""),
      systemPlace: own, tools: Bytes(""), toolsIndex: session.tools, mustCall: session.mustCall,
      blanks: session.blanks,
      mustCallPlace: own.key("must_call_tool", line: session.mustCallPlace.line),
      sampling: session.sampling, draft: session.draft,
      draftPlace: own.key("draft_session", line: session.draftPlace.line))
    for k in 0..<session.adapterCount {
      let slot = s.adapters[session.adapters[k]].slot
      open.uses[k] = lintel_adapter_use(slot: UInt32(slot), scale: session.scales[k])
    }
    let start = textUsed
    let said = Deployment.system(session, s)
    let tools = Deployment.bytes(session.tools, s)
    append(said)
    if Deployment.isSharing(session) {
      if said.count > 0 { append(Bytes("\n\n")) }
      open.tools = append(tools)
      open.systemPlace = own.key("tools_in_system", line: session.toolsPlace.line)
    }
    open.system = text.bytes.slice(start, textUsed)
    if said.count > 0 {
      open.systemPlace = own.key(
        session.system == nil ? "system_file" : "system", line: session.systemPlace.line)
    }
    if !Deployment.isSharing(session) { open.tools = append(tools) }
    if session.stopCount > 0 {
      open.sampling.stops = UnsafePointer(stops + stopsUsed)
      open.sampling.stop_count = UInt32(session.stopCount)
      for k in 0..<session.stopCount {
        stops[stopsUsed] = keep(session.stops[k])
        stopsUsed += 1
      }
    }
    if session.stopTokenCount > 0 {
      open.sampling.stop_tokens = UnsafePointer(stopTokens + stopTokensUsed)
      open.sampling.stop_token_count = UInt32(session.stopTokenCount)
      for k in 0..<session.stopTokenCount {
        stopTokens[stopTokensUsed] = session.stopTokens[k]
        stopTokensUsed += 1
      }
    }
    sessions[i] = open
  }

  /// Places name what lies in the block: the configuration's text is gone when they are needed.
  private static func place(ofModel name: UnsafePointer<CChar>) -> Place {
    Place.whole.key("models", line: 0).key(Bytes(c: name), line: 0)
  }

  @discardableResult
  private mutating func append(_ bytes: Bytes) -> Bytes {
    let start = textUsed
    for i in 0..<bytes.count { text[start + i] = bytes[i] }
    textUsed += bytes.count
    return text.bytes.slice(start, textUsed)
  }

  /// A NUL-terminated copy.
  private mutating func keep(_ name: Bytes) -> UnsafePointer<CChar> {
    let kept = append(name)
    append(Bytes("\0"))
    return kept.c
  }
}
