// Opening the engine and all that is in it, and closing it.

import CLintel
import CPlatform
import LintelCore

extension Deployment {
  /// Reports what fails, and goes on with what does not depend on it. False: the host's progress
  /// callback stopped it.
  mutating func build(_ problems: inout Problems, _ progress: inout Progress) -> Bool {
    var options = engineOptions
    if let block {
      options.memory = block + bytes
      options.memory_bytes = UInt64(blockBytes - bytes)
    }
    do throws(Failure) {
      var made: OpaquePointer?
      try call { lintel_engine_create(&options, &made, $0) }
      engine = made
    } catch {
      problems.report(.whole, error)
      return true
    }
    for i in 0..<models.count {
      do throws(Failure) {
        if !(try openModel(i, &progress)) { return false }
      } catch {
        problems.report(models[i].place, error)
      }
    }
    for i in 0..<adapters.count { loadAdapter(i, &problems) }
    for i in 0..<sessions.count { openSession(i, &problems) }
    for i in 0..<sessions.count {
      lendDraft(i, &problems)
      compileTools(i, &problems)
    }
    return true
  }

  private func openModel(_ i: Int, _ progress: inout Progress) throws(Failure) -> Bool {
    var options = models[i].options
    let mapping = models[i].mapping
    let engine = engine
    var made: OpaquePointer?
    var e = CallError()
    progress.base = progress.done
    let status = withUnsafeMutablePointer(to: &progress) { p in
      options.progress_user = UnsafeMutableRawPointer(p)
      options.progress = { user, done, _ in
        guard let p = user?.assumingMemoryBound(to: Progress.self) else { return 1 }
        return p.pointee.reach(p.pointee.base + Int(clamping: done)) ? 1 : 0
      }
      return lintel_model_open_bytes(
        engine, mapping.start, UInt64(mapping.count), &options, &made, &e.error)
    }
    if status == LINTEL_CANCELLED { return false }
    if status != LINTEL_OK { throw e.failure(status) }
    models.base[i].handle = made
    return true
  }

  private func loadAdapter(_ i: Int, _ problems: inout Problems) {
    let a = adapters[i]
    guard let mapping = a.mapping else { return }
    defer {
      lt_unmap(mapping.start, mapping.count)
      adapters.base[i].mapping = nil
    }
    guard let model = models[a.model].handle else { return }
    do throws(Failure) {
      try call {
        lintel_adapter_load_bytes(
          model, UInt32(a.slot), mapping.start, UInt64(mapping.count), a.name, $0)
      }
      adapters.base[i].isLoaded = true
    } catch {
      problems.report(a.place, error)
    }
  }

  private func openSession(_ i: Int, _ problems: inout Problems) {
    guard let model = models[sessions[i].model].handle else { return }
    var options = sessions[i].options
    do throws(Failure) {
      var made: OpaquePointer?
      try call { lintel_session_create(model, &options, &made, $0) }
      sessions.base[i].handle = made
    } catch {
      problems.report(sessions[i].place, error)
      return
    }
    if isEveryAdapterLoaded(sessions[i]) {
      do throws(Failure) {
        try setAdapters(i)
      } catch {
        problems.report(sessions[i].adaptersPlace, error)
      }
    }
    do throws(Failure) {
      try feedSystem(i)
    } catch {
      problems.report(sessions[i].systemPlace, error)
    }
  }

  /// Sessions of one model with the same tools share a grammar.
  private func compileTools(_ i: Int, _ problems: inout Problems) {
    let session = sessions[i]
    guard session.mustCall, let model = models[session.model].handle else { return }
    for k in 0..<i
    where sessions[k].model == session.model && sessions[k].toolsIndex == session.toolsIndex
      && sessions[k].blanks == session.blanks
    {
      if let grammar = sessions[k].sampling.grammar {
        sessions.base[i].sampling.grammar = grammar
        return
      }
    }
    var options = lintel_grammar_options()
    options.struct_size = UInt32(MemoryLayout<lintel_grammar_options>.size)
    options.kind = UInt32(LINTEL_GRAMMAR_TOOLS)
    options.flags = session.blanks
    options.text = session.tools.c
    options.text_bytes = UInt64(session.tools.count)
    do throws(Failure) {
      var made: OpaquePointer?
      try call { lintel_grammar_compile(model, &options, &made, $0) }
      sessions.base[i].sampling.grammar = made
    } catch {
      problems.report(session.mustCallPlace, error)
    }
  }

  private func lendDraft(_ i: Int, _ problems: inout Problems) {
    let session = sessions[i]
    guard session.draft >= 0, session.handle != nil, let draft = sessions[session.draft].handle
    else { return }
    do throws(Failure) {
      try call { lintel_session_set_draft(session.handle, draft, $0) }
    } catch {
      problems.report(session.draftPlace, error)
    }
  }

  /// What could not be loaded has been reported.
  private func isEveryAdapterLoaded(_ session: OpenSession) -> Bool {
    for k in 0..<session.useCount {
      for i in 0..<adapters.count
      where adapters[i].model == session.model && adapters[i].slot == Int(session.uses[k].slot)
        && !adapters[i].isLoaded
      {
        return false
      }
    }
    return true
  }

  private func setAdapters(_ i: Int) throws(Failure) {
    let session = sessions[i]
    var uses = session.uses
    try withUnsafeBytes(of: &uses) { (raw) throws(Failure) in
      let list = raw.baseAddress?.assumingMemoryBound(to: lintel_adapter_use.self)
      try call {
        lintel_session_set_adapters(session.handle, list, UInt32(session.useCount), $0)
      }
    }
  }

  private func feedSystem(_ i: Int) throws(Failure) {
    let session = sessions[i]
    if session.system.count == 0 { return }
    try call {
      lintel_session_feed_message(
        session.handle, LINTEL_ROLE_SYSTEM, session.system.c, session.system.count, $0)
    }
  }

  /// As it was when it was opened.
  func restart(_ i: Int) throws(Failure) {
    let handle = sessions[i].handle
    try call { lintel_session_reset(handle, $0) }
    try setAdapters(i)
    try feedSystem(i)
  }

  /// Anything but LINTEL_OK leaves it open. An engine that the host has destroyed itself is no
  /// obstacle.
  static func close(_ cell: UnsafeMutablePointer<Deployment>) -> lintel_status {
    let d = cell.pointee
    if d.engine != nil {
      let status = lintel_engine_destroy(d.engine)
      if status != LINTEL_OK && status != LINTEL_ERR_HANDLE { return status }
    }
    for i in 0..<d.models.count {
      lt_unmap(d.models[i].mapping.start, d.models[i].mapping.count)
    }
    for i in 0..<d.adapters.count {
      if let mapping = d.adapters[i].mapping { lt_unmap(mapping.start, mapping.count) }
    }
    cell.pointee.kind = 0
    if d.isOwned, let block = d.block { lt_unmap(block, d.blockBytes) }
    return LINTEL_OK
  }
}
