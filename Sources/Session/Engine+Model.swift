// Opening and closing models, and the plan. Opening carves the model's region in a free gap of the
// block; the plan runs the same initialisers over measuring arenas.

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelStructure
import LintelText
import LintelWeights

/// Where objects lie in their region: the header first, then the object, then what it carved.
package enum Layout {
  static func carve<T>(
    _ arena: inout Arena, _ type: T.Type
  ) throws(Failure) -> UnsafeMutablePointer<T> {
    _ = try arena.carve(Header.self, 1, "an object's header")
    let cell = try arena.carve(UInt8.self, MemoryLayout<T>.stride, "an object")
    return UnsafeMutableRawPointer(cell.base).bindMemory(to: T.self, capacity: 1)
  }

  /// The object behind a header.
  package static func object<T>(
    _ header: UnsafeMutablePointer<Header>, _ type: T.Type
  ) -> UnsafeMutablePointer<T> {
    let skip = (MemoryLayout<Header>.stride + Arena.alignment - 1) & ~(Arena.alignment - 1)
    return (UnsafeMutableRawPointer(header) + skip).assumingMemoryBound(to: T.self)
  }
}

package enum MemoryPlan {
  /// The bytes of a model and `sessions` equal sessions; the directory is built in a transient
  /// mapping, because the layers' sizes follow from the tensors' shapes.
  package static func measure(
    _ region: MappedRegion, _ options: LoadedModel.Options, _ wanted: SessionOptions
  ) throws(Failure) -> (model: MemoryReport, session: MemoryReport) {
    var measuring = Arena.measuring()
    _ = try Layout.carve(&measuring, LoadedModel.self)
    _ = try LoadedModel.directory(&measuring, region, options)
    let transient = measuring.used
    var memory: UnsafeMutableRawPointer?
    let error = lt_map_private(transient, &memory)
    guard error == 0, let memory else {
      throw Failure(
        .system, "\(transient) bytes could not be mapped for the plan (errno \(error))",
        needed: Int64(error))
    }
    defer { lt_unmap(memory, transient) }
    var arena = Arena(memory: memory, bytes: transient)
    _ = try Layout.carve(&arena, LoadedModel.self)
    let (model, cell) = try LoadedModel.directory(&arena, region, options)
    cell.base.initialize(to: model)
    if !options.isVocabularyOnly { try cell.base.pointee.bind() }
    var report = MemoryReport()
    let loaded = try LoadedModel(&measuring, region, bound: cell, options, report: &report)
    report.weights = region.bytes.count
    report.model = measuring.used - report.scratch - report.adapters - report.grammars
    var session = MemoryReport()
    if options.isVocabularyOnly { return (report, session) }
    try withUnsafePointer(to: loaded) { (p) throws(Failure) in
      session = try measure(session: p, wanted)
    }
    return (report, session)
  }

  static func measure(
    session loaded: UnsafePointer<LoadedModel>, _ options: SessionOptions
  ) throws(Failure) -> MemoryReport {
    var arena = Arena.measuring()
    var report = MemoryReport()
    _ = try Layout.carve(&arena, Session.self)
    _ = try Session(&arena, loaded, options, report: &report)
    report.session = arena.used - report.state - report.cache
    return report
  }

  /// The context a session gets: what was asked for, else the default or the model's own if shorter.
  static func contextTokens(_ asked: Int?, _ model: Model) throws(Failure) -> Int {
    let trained = model.hyperparameters.contextLength
    guard let asked else {
      return trained > 0 ? min(trained, Session.contextDefault) : Session.contextDefault
    }
    if trained > 0 && asked > trained {
      throw Failure(
        .limit, "context_tokens is \(asked), but the model was trained for \(trained)",
        needed: Int64(asked), available: Int64(trained))
    }
    return asked
  }
}

extension Engine {
  /// Builds a model over `region`, which becomes the model's own on success only.
  package mutating func open(
    _ region: MappedRegion, _ options: LoadedModel.Options
  ) throws(Failure) -> Int {
    guard let gap = try openGap(0) else { throw Failure(.limit, "no gap in the block") }
    let index = gap.index
    var arena = gap.arena
    let available = arena.capacity
    do throws(Failure) {
      let object = try Layout.carve(&arena, LoadedModel.self)
      let (model, cell) = try LoadedModel.directory(&arena, region, options)
      cell.base.initialize(to: model)
      if !options.isVocabularyOnly { try cell.base.pointee.bind() }
      var report = MemoryReport()
      var loaded = try LoadedModel(&arena, region, bound: cell, options, report: &report)
      try loaded.index()
      object.initialize(to: loaded)
      report.weights = region.bytes.count
      report.model = arena.used - report.scratch - report.adapters - report.grammars
      commit(index, bytes: arena.used, kind: .model, model: -1, memory: report)
    } catch {
      if error.status != .budget { throw error }
      let plan = try MemoryPlan.measure(region, options, SessionOptions())
      throw budget(
        "the model", plan.model.total, available, "memory_bytes or lower chunk_tokens, threads, the adapter slots or grammar_bytes")
    }
    return index
  }

  func budget(
    _ what: StaticString, _ needed: Int, _ available: Int, _ remedy: StaticString
  ) -> Failure {
    let total = needed + report().total
    return Failure(
      .budget,
      "\(what) needs \(needed) bytes, but the largest free gap of the budget has \(available); with what is open that makes \(total) bytes: raise \(remedy)",
      needed: Int64(needed), available: Int64(available))
  }

  package mutating func openSession(
    model header: UnsafeMutablePointer<Header>, _ options: SessionOptions
  ) throws(Failure) -> Int {
    let loaded = UnsafePointer(Layout.object(header, LoadedModel.self))
    if loaded.pointee.options.isVocabularyOnly {
      throw Failure(.state, "the model was opened for its vocabulary only")
    }
    let plan = try MemoryPlan.measure(session: loaded, options)
    guard let gap = try openGap(plan.total) else {
      throw budget(
        "the session", plan.total, largestGap, "memory_bytes or lower context_tokens or marks")
    }
    let index = gap.index
    var arena = gap.arena
    let object = try Layout.carve(&arena, Session.self)
    var report = MemoryReport()
    var session = try Session(&arena, loaded, options, report: &report)
    session.state.adviseLarge()
    session.start(pool: pool)
    object.initialize(to: session)
    report.session = arena.used - report.state - report.cache
    commit(
      index, bytes: arena.used, kind: .session, model: regions[header.pointee.region].offset,
      memory: report)
    return index
  }

  /// Ends a model's mapping and frees its region. It has no sessions: the caller has checked.
  package mutating func closeModel(_ header: UnsafeMutablePointer<Header>) {
    let loaded = Layout.object(header, LoadedModel.self)
    loaded.pointee.endGrammars()
    loaded.pointee.region.close()
    remove(header.pointee.region)
  }
}
