// lintel_version, lintel_status_name, lintel_plan, lintel_engine_*: see lintel.h.

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

@implementation @_cdecl("lintel_version")
public func lintel_version() -> UInt32 { UInt32(LINTEL_VERSION) }

@implementation @_cdecl("lintel_status_name")
public func lintel_status_name(_ status: lintel_status) -> UnsafePointer<CChar>? {
  let name: StaticString
  switch status {
  case LINTEL_OK: name = "LINTEL_OK"
  case LINTEL_MORE: name = "LINTEL_MORE"
  case LINTEL_DONE: name = "LINTEL_DONE"
  case LINTEL_CANCELLED: name = "LINTEL_CANCELLED"
  case LINTEL_PAUSED: name = "LINTEL_PAUSED"
  case LINTEL_ERR_ARGUMENT: name = "LINTEL_ERR_ARGUMENT"
  case LINTEL_ERR_HANDLE: name = "LINTEL_ERR_HANDLE"
  case LINTEL_ERR_STRUCT_SIZE: name = "LINTEL_ERR_STRUCT_SIZE"
  case LINTEL_ERR_RESERVED: name = "LINTEL_ERR_RESERVED"
  case LINTEL_ERR_BUSY: name = "LINTEL_ERR_BUSY"
  case LINTEL_ERR_REENTRY: name = "LINTEL_ERR_REENTRY"
  case LINTEL_ERR_POISONED: name = "LINTEL_ERR_POISONED"
  case LINTEL_ERR_STATE: name = "LINTEL_ERR_STATE"
  case LINTEL_ERR_BUDGET: name = "LINTEL_ERR_BUDGET"
  case LINTEL_ERR_SYSTEM: name = "LINTEL_ERR_SYSTEM"
  case LINTEL_ERR_LIMIT: name = "LINTEL_ERR_LIMIT"
  case LINTEL_ERR_LOCK: name = "LINTEL_ERR_LOCK"
  case LINTEL_ERR_FILE: name = "LINTEL_ERR_FILE"
  case LINTEL_ERR_FORMAT: name = "LINTEL_ERR_FORMAT"
  case LINTEL_ERR_TRUNCATED: name = "LINTEL_ERR_TRUNCATED"
  case LINTEL_ERR_UNSUPPORTED: name = "LINTEL_ERR_UNSUPPORTED"
  case LINTEL_ERR_MISSING: name = "LINTEL_ERR_MISSING"
  case LINTEL_ERR_SHAPE: name = "LINTEL_ERR_SHAPE"
  case LINTEL_ERR_DUPLICATE: name = "LINTEL_ERR_DUPLICATE"
  case LINTEL_ERR_CONTEXT_FULL: name = "LINTEL_ERR_CONTEXT_FULL"
  case LINTEL_ERR_TOKEN: name = "LINTEL_ERR_TOKEN"
  case LINTEL_ERR_UTF8: name = "LINTEL_ERR_UTF8"
  case LINTEL_ERR_CAPACITY: name = "LINTEL_ERR_CAPACITY"
  case LINTEL_ERR_SNAPSHOT: name = "LINTEL_ERR_SNAPSHOT"
  case LINTEL_ERR_VERSION: name = "LINTEL_ERR_VERSION"
  case LINTEL_ERR_OTHER_MODEL: name = "LINTEL_ERR_OTHER_MODEL"
  case LINTEL_ERR_OTHER_ADAPTERS: name = "LINTEL_ERR_OTHER_ADAPTERS"
  case LINTEL_ERR_CHECKSUM: name = "LINTEL_ERR_CHECKSUM"
  case LINTEL_ERR_JSON: name = "LINTEL_ERR_JSON"
  case LINTEL_ERR_KEY: name = "LINTEL_ERR_KEY"
  case LINTEL_ERR_VALUE: name = "LINTEL_ERR_VALUE"
  case LINTEL_ERR_HASH: name = "LINTEL_ERR_HASH"
  case LINTEL_ERR_SCHEMA: name = "LINTEL_ERR_SCHEMA"
  case LINTEL_ERR_KEYWORD: name = "LINTEL_ERR_KEYWORD"
  case LINTEL_ERR_UNSATISFIABLE: name = "LINTEL_ERR_UNSATISFIABLE"
  case LINTEL_ERR_GRAMMAR_SIZE: name = "LINTEL_ERR_GRAMMAR_SIZE"
  case LINTEL_ERR_PICTURE: name = "LINTEL_ERR_PICTURE"
  case LINTEL_ERR_INPUT_SIZE: name = "LINTEL_ERR_INPUT_SIZE"
  default: name = "LINTEL_UNKNOWN"
  }
  return UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
}

enum EngineArguments {
  static func threads(
    _ options: UnsafePointer<lintel_engine_options>?
  ) throws(Failure) -> Int {
    guard let o = options?.pointee else { return 1 }
    try Check.size(
      o.struct_size, MemoryLayout<lintel_engine_options>.size, "lintel_engine_options")
    try Check.zero(o.reserved, "lintel_engine_options.reserved")
    try Check.zero(o.flags == 0, "lintel_engine_options.flags")
    if Int(o.threads) > WorkerPool.threadsMax {
      throw Failure(
        .argument, "threads is \(o.threads); at most \(WorkerPool.threadsMax) are supported",
        needed: Int64(o.threads), available: Int64(WorkerPool.threadsMax))
    }
    if o.first_cpu < 0 {
      throw Failure(.argument, "first_cpu is \(o.first_cpu); 0 leaves threads unpinned")
    }
    return max(Int(o.threads), 1)
  }
}

@implementation @_cdecl("lintel_engine_create")
public func lintel_engine_create(
  _ options: UnsafePointer<lintel_engine_options>?,
  _ out_engine: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  out_engine?.pointee = nil
  return Report.status(error) { () throws(Failure) in
    guard let options, let out_engine else {
      throw Failure(.argument, "options and out_engine are required: memory_bytes has no default")
    }
    let threads = try EngineArguments.threads(options)
    let o = options.pointee
    if o.memory_bytes == 0 || o.memory_bytes > UInt64(Int.max / 2) {
      throw Failure(.argument, "memory_bytes is \(o.memory_bytes): the budget must be set")
    }
    if lt_cpu_supported() == 0 {
      throw Failure(
        .unsupported, "this build needs a processor with AVX2, FMA and F16C, and this one lacks one")
    }
    let engine = try Engine.create(
      memory: o.memory, bytes: Int(o.memory_bytes), threads: threads,
      firstCpu: Int(o.first_cpu) - 1)
    out_engine.pointee = Handle.make(
      UnsafeMutableRawPointer(engine).assumingMemoryBound(to: Header.self))
    return .ok
  }
}

@implementation @_cdecl("lintel_engine_destroy")
public func lintel_engine_destroy(_ engine: OpaquePointer?) -> lintel_status {
  if engine == nil { return LINTEL_OK }
  return Report.status(nil) { () throws(Failure) in
    let header = try Handle.header(engine, .engine, "engine")
    try Handle.enter(header, "engine")
    let e = header.pointee.engine
    for i in 0..<e.pointee.regionCount 
    where lt_load_acquire(&e.pointee.headerOf(i).pointee.busy) != 0
      && !e.pointee.headerOf(i).pointee.isLent
    {
      Handle.leave(header)
      throw Failure(.busy, "a session of this engine is in a call")
    }
    while e.pointee.regionCount > 0 {
      let last = e.pointee.headerOf(e.pointee.regionCount - 1)
      if last.pointee.kind == .model {
        e.pointee.closeModel(last)
      } else if last.pointee.kind == .image {
        e.pointee.closeImage(last)
      } else {
        e.pointee.remove(last.pointee.region)
      }
    }
    e.pointee.destroy()
    return .ok
  }
}

@implementation @_cdecl("lintel_engine_memory")
public func lintel_engine_memory(
  _ engine: OpaquePointer?, _ out_memory: UnsafeMutablePointer<lintel_memory>?
) -> lintel_status {
  Report.status(nil) { () throws(Failure) in
    let header = try Handle.header(engine, .engine, "engine")
    try MemoryOut.check(out_memory)
    MemoryOut.fill(out_memory, header.pointee.engine.pointee.report())
    return .ok
  }
}

enum MemoryOut {
  static func check(_ out: UnsafeMutablePointer<lintel_memory>?) throws(Failure) {
    guard let out else { throw Failure(.argument, "out_memory is NULL") }
    try Check.size(out.pointee.struct_size, MemoryLayout<lintel_memory>.size, "lintel_memory")
  }

  static func fill(_ out: UnsafeMutablePointer<lintel_memory>?, _ m: MemoryReport) {
    guard let out else { return }
    out.pointee.engine_bytes = UInt64(m.engine)
    out.pointee.model_bytes = UInt64(m.model)
    out.pointee.scratch_bytes = UInt64(m.scratch)
    out.pointee.state_bytes = UInt64(m.state)
    out.pointee.cache_bytes = UInt64(m.cache)
    out.pointee.session_bytes = UInt64(m.session)
    out.pointee.total_bytes = UInt64(m.total)
    out.pointee.budget_bytes = UInt64(m.budget)
    out.pointee.weights_bytes = UInt64(m.weights)
    out.pointee.adapter_bytes = UInt64(m.adapters)
    out.pointee.deployment_bytes = 0
    out.pointee.transient_bytes = 0
    out.pointee.grammar_bytes = UInt64(m.grammars)
  }
}

@implementation @_cdecl("lintel_plan")
public func lintel_plan(
  _ path: UnsafePointer<CChar>?, _ engine_options: UnsafePointer<lintel_engine_options>?,
  _ model_options: UnsafePointer<lintel_model_options>?,
  _ session_options: UnsafePointer<lintel_session_options>?, _ session_count: UInt32,
  _ out_memory: UnsafeMutablePointer<lintel_memory>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  Report.status(error) { () throws(Failure) in
    guard let path else { throw Failure(.argument, "path is NULL") }
    try MemoryOut.check(out_memory)
    let threads = try EngineArguments.threads(engine_options)
    let options = try ModelArguments.options(model_options, threads: threads)
    let wanted = try SessionArguments.options(session_options)
    let region = try MappedRegion.open(path: path)
    defer { region.close() }
    let plan = try MemoryPlan.measure(region, options, wanted)
    var report = plan.model
    report.engine = try Engine.measure(threads: threads)
    let n = Int(session_count)
    report.state = try Checked.multiply(plan.session.state, n, "sessions")
    report.cache = try Checked.multiply(plan.session.cache, n, "sessions")
    report.session = try Checked.multiply(plan.session.session, n, "sessions")
    try report.check()
    MemoryOut.fill(out_memory, report)
    return .ok
  }
}
