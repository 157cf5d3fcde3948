// What a configuration says, in tables. Text still lies in libcjson's tree, or in the workspace:
// a transient mapping that holds the tables as well.

import CLintel
import CPlatform
import LintelCore

enum Limits {
  static var models: Int { 16 }
  /// Of each model.
  static var adapters: Int { 64 }
  static var sessions: Int { 64 }
  static var adaptersOfSession: Int { 8 }
  static var stops: Int { 8 }
  static var stopBytes: Int { 128 }
  static var stopTokens: Int { 16 }
  static var pathBytes: Int { 4095 }
  /// Objects and arrays around a value, of a configuration and of a tools file.
  static var levels: Int { 16 }
  static var toolLevels: Int { 64 }
}

/// A file that weights come from.
struct Artifact: BitwiseCopyable {
  /// NUL-terminated; empty if the configuration has none that is usable.
  var path = Bytes("")
  var place = Place.whole
  var hash = Sha256.Digest(repeating: 0)
  var hashPlace: Place?
  /// The read-only mapping, once it is open.
  var mapping: Bytes?
  var isBroken = false

  var isUsable: Bool { mapping != nil && !isBroken }

  mutating func close() {
    if let mapping { lt_unmap(mapping.start, mapping.count) }
    mapping = nil
  }
}

struct ModelSpecification: BitwiseCopyable {
  var name = Bytes("")
  var place = Place.whole
  var artifact = Artifact()
  var chunk = 0
  var isFloat = false
  var slots = 0
  var slotBytes = 0
  var rank = 0
  var grammarBytes = 0
  /// What of the model the C functions are given.
  var options = lintel_model_options()
}

struct AdapterSpecification: BitwiseCopyable {
  var name = Bytes("")
  var place = Place.whole
  var model = 0
  var artifact = Artifact()
  var slot = -1
  var rank = 0
  var bytes = 0
}

/// A prompt or tools file, of one session or of several.
struct TextSpecification: BitwiseCopyable {
  var path = Bytes("")
  var file: TextFile?
  var isTools = false
}

struct SessionSpecification: BitwiseCopyable {
  var name = Bytes("")
  var place = Place.whole
  var model = -1
  var adapters = InlineArray<8, Int>(repeating: 0)
  var scales = InlineArray<8, Float>(repeating: 0)
  var adapterCount = 0
  var adaptersPlace = Place.whole
  var system: Bytes?
  /// Indices of texts; -1 for none.
  var systemFile = -1
  var systemPlace = Place.whole
  var tools = -1
  var toolsPlace = Place.whole
  var isToolsInSystem = false
  /// The answer must be a call of one of the tools.
  var mustCall = false
  var mustCallPlace = Place.whole
  /// Behind colons and commas of a call: LINTEL_GRAMMAR_COMPACT, _SPACED, or 0 for either.
  var blanks: UInt32 = 0
  /// Pointers are set where the texts come to lie.
  var sampling = lintel_generate_options()
  var stops = InlineArray<8, Bytes>(repeating: Bytes(""))
  var stopCount = 0
  var stopTokens = InlineArray<16, Int32>(repeating: 0)
  var stopTokenCount = 0
  var options = lintel_session_options()
  /// The session that guesses for this one: its name, and its index; -1 for none.
  var draftName: Bytes?
  var draft = -1
  var draftPlace = Place.whole
}

struct Specification {
  var budget: Int?
  var budgetPlace = Place.whole
  var engine = lintel_engine_options()
  var load: UInt32 = 0
  let models: Buffer<ModelSpecification>
  var modelCount = 0
  let adapters: Buffer<AdapterSpecification>
  var adapterCount = 0
  let sessions: Buffer<SessionSpecification>
  var sessionCount = 0
  let texts: Buffer<TextSpecification>
  var textCount = 0
  let paths: Buffer<UInt8>
  var pathBytes = 0

  /// Carves as much as the tree below `root` can fill.
  init(_ arena: inout Arena, _ root: JsonItem, directory: Int) throws(Failure) {
    let found = Specification.count(root, directory)
    models = try arena.carve(ModelSpecification.self, found.models, "models")
    adapters = try arena.carve(AdapterSpecification.self, found.adapters, "adapters")
    sessions = try arena.carve(SessionSpecification.self, found.sessions, "sessions")
    texts = try arena.carve(TextSpecification.self, found.sessions * 2, "texts")
    paths = try arena.carve(UInt8.self, found.pathBytes, "paths")
    engine.struct_size = UInt32(MemoryLayout<lintel_engine_options>.size)
    engine.threads = 1
  }

  private static func count(
    _ root: JsonItem, _ directory: Int
  ) -> (models: Int, adapters: Int, sessions: Int, pathBytes: Int) {
    var (models, adapters, pathBytes) = (0, 0, 0)
    func path(_ item: JsonItem?) {
      if let item { pathBytes += min(directory + item.text.count, Limits.pathBytes) + 1 }
    }
    var model = root.member("models")?.child
    while let m = model {
      model = m.next
      models += 1
      path(m.member("path"))
      var adapter = m.member("adapters")?.child
      var n = 0
      while let a = adapter {
        adapter = a.next
        n += 1
        path(a.member("path"))
      }
      adapters += min(n, Limits.adapters)
      if models == Limits.models { break }
    }
    var session = root.member("sessions")?.child
    var sessions = 0
    while let s = session {
      session = s.next
      sessions += 1
      path(s.member("system_file"))
      path(s.member("tools"))
      if sessions == Limits.sessions { break }
    }
    return (models, adapters, sessions, pathBytes)
  }

  func model(_ name: Bytes) -> Int? {
    for i in 0..<modelCount where models[i].name == name { return i }
    return nil
  }

  func adapter(_ name: Bytes, ofModel model: Int) -> Int? {
    for i in 0..<adapterCount where adapters[i].model == model && adapters[i].name == name {
      return i
    }
    return nil
  }

  /// Gives back what was mapped for the tables' sake; the models' and adapters' mappings too,
  /// unless somebody has taken them over.
  func close() {
    for i in 0..<modelCount { models.base[i].artifact.close() }
    for i in 0..<adapterCount { adapters.base[i].artifact.close() }
    for i in 0..<textCount {
      texts[i].file?.close()
      texts.base[i].file = nil
    }
  }
}
