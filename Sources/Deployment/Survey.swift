// What a specification's files are: mapped, verified, and the plan that follows from them. Whatever
// is wrong is reported; a file that is broken takes no further part.

import CLintel
import CPlatform
import LintelCore

struct Survey {
  var specification: Specification
  var problems: Problems
  /// Of libcjson for the largest tools file.
  private(set) var toolsHeapBytes = 0

  init(_ specification: Specification, _ problems: Problems) {
    self.specification = specification
    self.problems = problems
  }

  // MARK: Files

  mutating func open() {
    let s = specification
    for i in 0..<s.modelCount { open(&s.models.base[i].artifact) }
    for i in 0..<s.adapterCount {
      open(&s.adapters.base[i].artifact)
      inspect(&s.adapters.base[i], isFloat: s.models[s.adapters[i].model].isFloat)
    }
    for i in 0..<s.sessionCount {
      read(s.sessions[i].systemFile, s.sessions[i].systemPlace)
      read(s.sessions[i].tools, s.sessions[i].toolsPlace)
    }
  }

  private mutating func open(_ artifact: inout Artifact) {
    if artifact.isBroken { return }
    do throws(Failure) {
      let bytes = try MappedRegion.open(path: artifact.path.c).bytes
      if specification.load != 0 { MappedRegion.adviseLarge(bytes) }
      artifact.mapping = bytes
    } catch {
      artifact.isBroken = true
      problems.report(artifact.place, error)
    }
  }

  private mutating func inspect(_ adapter: inout AdapterSpecification, isFloat: Bool) {
    if !adapter.artifact.isUsable { return }
    var info = lintel_adapter_info()
    info.struct_size = UInt32(MemoryLayout<lintel_adapter_info>.size)
    let path = adapter.artifact.path.c
    do throws(Failure) {
      try call { lintel_adapter_inspect(path, &info, $0) }
      adapter.rank = Int(info.rank)
      adapter.bytes = Int(clamping: isFloat ? info.float_slot_bytes : info.slot_bytes)
    } catch {
      adapter.artifact.isBroken = true
      problems.report(adapter.artifact.place, error)
    }
  }

  private mutating func read(_ index: Int, _ place: Place) {
    if index < 0 || specification.texts[index].file != nil { return }
    do throws(Failure) {
      let file = try TextFile.read(specification.texts[index].path)
      specification.texts.base[index].file = file
      if file.bytes.count == 0 { throw Failure(.truncated, "the file is empty") }
      if specification.texts[index].isTools {
        toolsHeapBytes = max(toolsHeapBytes, try Tools.check(file))
      }
    } catch {
      problems.report(place, error)
    }
  }

  // MARK: Verification

  /// One pass over every file that has a "sha256". False: `progress` stopped it.
  mutating func verify(_ progress: inout Progress) -> Bool {
    let s = specification
    for i in 0..<s.modelCount {
      if !verify(&s.models.base[i].artifact, &progress) { return false }
    }
    for i in 0..<s.adapterCount {
      if !verify(&s.adapters.base[i].artifact, &progress) { return false }
    }
    return true
  }

  private mutating func verify(_ artifact: inout Artifact, _ progress: inout Progress) -> Bool {
    guard let bytes = artifact.mapping, let place = artifact.hashPlace, !artifact.isBroken else {
      return true
    }
    var hash = Sha256()
    var at = 0
    while at < bytes.count {
      let to = min(at + 1 << 20, bytes.count)
      hash.add(bytes.slice(at, to))
      if !progress.advance(to - at) { return false }
      at = to
    }
    let digest = hash.digest()
    for i in 0..<32 where digest[i] != artifact.hash[i] {
      artifact.isBroken = true
      var found = Sentence()
      for k in 0..<32 {
        found.appendByte(Survey.digit(digest[k] >> 4))
        found.appendByte(Survey.digit(digest[k] & 15))
      }
      problems.report(
        place, .hash,
        "the SHA-256 of \(artifact.path) is \(found): it is not the file that was meant")
      break
    }
    return true
  }

  private static func digit(_ v: UInt8) -> UInt8 { v < 10 ? 48 + v : 87 + v }

  /// The bytes that `verify` and prefaulting will read.
  var readBytes: Int {
    let s = specification
    var sum = 0
    for i in 0..<s.modelCount {
      let n = s.models[i].artifact.mapping?.count ?? 0
      if s.models[i].artifact.hashPlace != nil { sum += n }
      if s.load != 0 { sum += n }
    }
    for i in 0..<s.adapterCount where s.adapters[i].artifact.hashPlace != nil {
      sum += s.adapters[i].artifact.mapping?.count ?? 0
    }
    return sum
  }

  // MARK: Plan

  /// The plan, but for the deployment's own bytes; nil if something that it depends on is broken.
  mutating func plan() -> lintel_memory? {
    let s = specification
    var sum = lintel_memory()
    sum.struct_size = UInt32(MemoryLayout<lintel_memory>.size)
    var isWhole = s.modelCount > 0
    for i in 0..<s.modelCount {
      settle(&s.models.base[i], i)
      // Slots whose size is that of adapters which are broken: their problem is known.
      let o = s.models[i].options
      let isSized = o.adapter_slots == 0 || o.adapter_slot_bytes > 0
      if !s.models[i].artifact.isUsable || !isSized {
        s.models.base[i].artifact.isBroken = true
        isWhole = false
        continue
      }
      do throws(Failure) {
        let m = try plan(s.models[i], nil)
        sum.engine_bytes = m.engine_bytes
        try add(&sum.model_bytes, m.model_bytes)
        try add(&sum.scratch_bytes, m.scratch_bytes)
        try add(&sum.adapter_bytes, m.adapter_bytes)
        try add(&sum.grammar_bytes, m.grammar_bytes)
        try add(&sum.weights_bytes, m.weights_bytes)
      } catch {
        s.models.base[i].artifact.isBroken = true
        isWhole = false
        problems.report(s.models[i].artifact.place, error)
      }
    }
    for i in 0..<s.adapterCount where !s.adapters[i].artifact.isUsable { isWhole = false }
    for i in 0..<s.sessionCount {
      let session = s.sessions[i]
      if session.model < 0 || !s.models[session.model].artifact.isUsable {
        isWhole = false
        continue
      }
      do throws(Failure) {
        let m = try plan(s.models[session.model], session.options)
        try add(&sum.state_bytes, m.state_bytes)
        try add(&sum.cache_bytes, m.cache_bytes)
        try add(&sum.session_bytes, m.session_bytes)
      } catch {
        isWhole = false
        problems.report(session.place, error)
      }
    }
    return isWhole ? sum : nil
  }

  private func plan(
    _ model: ModelSpecification, _ session: lintel_session_options?
  ) throws(Failure) -> lintel_memory {
    var memory = lintel_memory()
    memory.struct_size = UInt32(MemoryLayout<lintel_memory>.size)
    var engine = specification.engine
    var options = model.options
    var sessionOptions = session ?? lintel_session_options()
    sessionOptions.struct_size = UInt32(MemoryLayout<lintel_session_options>.size)
    let count: UInt32 = session == nil ? 0 : 1
    try call {
      lintel_plan(
        model.artifact.path.c, &engine, &options, &sessionOptions, count, &memory, $0)
    }
    return memory
  }

  /// The model's options, with what follows from its adapters and its sessions' use of them.
  private func settle(_ model: inout ModelSpecification, _ index: Int) {
    let s = specification
    model.options.struct_size = UInt32(MemoryLayout<lintel_model_options>.size)
    model.options.load = s.load
    model.options.chunk_tokens = UInt32(model.chunk)
    model.options.grammar_bytes = UInt64(model.grammarBytes)
    model.options.flags = model.isFloat ? LINTEL_MODEL_FLOAT_ACTIVATIONS : 0
    if model.slots == 0 { return }
    var bytes = 0
    var rank = 0
    for i in 0..<s.adapterCount where s.adapters[i].model == index {
      bytes = max(bytes, s.adapters[i].bytes)
      rank = max(rank, s.adapters[i].rank)
    }
    for i in 0..<s.sessionCount where s.sessions[i].model == index {
      var together = 0
      for k in 0..<s.sessions[i].adapterCount {
        together += s.adapters[s.sessions[i].adapters[k]].rank
      }
      rank = max(rank, together)
    }
    model.options.adapter_slots = UInt32(model.slots)
    model.options.adapter_slot_bytes = UInt64(model.slotBytes > 0 ? model.slotBytes : bytes)
    // More than an engine can do is said where the session that asks for it gets its adapters.
    model.options.adapter_rank = UInt32(model.rank > 0 ? model.rank : min(max(rank, 1), 256))
  }

  private func add(_ sum: inout UInt64, _ n: UInt64) throws(Failure) {
    sum = UInt64(
      try Checked.add(Int(clamping: sum), Int(clamping: n), "the deployment's plan"))
  }
}

/// The host's progress callback over several files.
struct Progress {
  let onProgress: lintel_progress_fn?
  let user: UnsafeMutableRawPointer?
  var total = 0
  var done = 0
  /// Where the file under way begins.
  var base = 0

  /// Whether to go on.
  mutating func advance(_ bytes: Int) -> Bool { reach(done + bytes) }

  mutating func reach(_ bytes: Int) -> Bool {
    done = bytes
    guard let onProgress else { return true }
    return onProgress(user, UInt64(done), UInt64(total)) != 0
  }
}
