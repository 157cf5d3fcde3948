// lintel_deployment_*: see lintel.h.

import CLintel
import CPlatform
import LintelCore

private func withDeployment(
  _ handle: OpaquePointer?, _ error: UnsafeMutablePointer<lintel_error>?,
  _ body: (UnsafeMutablePointer<Deployment>) throws(Failure) -> Status
) -> lintel_status {
  status(error) { () throws(Failure) in
    guard let handle else { throw Failure(.argument, "the deployment is NULL") }
    let bits = UInt(bitPattern: handle)
    let cell = UnsafeMutablePointer<Deployment>(handle)
    if bits & 63 != 0 || cell.pointee.kind != Deployment.mark || cell.pointee.address != bits {
      throw Failure(.handle, "the deployment is not a live deployment (closed, or never one)")
    }
    return try body(cell)
  }
}

/// Runs `body` and translates its failure.
private func status(
  _ error: UnsafeMutablePointer<lintel_error>?, _ body: () throws(Failure) -> Status
) -> lintel_status {
  do throws(Failure) {
    return try body().rawValue
  } catch {
    return failed(error)
  }
  func failed(_ failure: Failure) -> lintel_status {
    guard let error, error.pointee.struct_size == UInt32(MemoryLayout<lintel_error>.size)
    else { return failure.status.rawValue }
    error.pointee.status = failure.status.rawValue
    error.pointee.needed = failure.needed
    error.pointee.available = failure.available
    withUnsafeMutableBytes(of: &error.pointee.message) { to in
      let n = min(failure.sentence.count, to.count - 1)
      for i in 0..<n { to[i] = failure.sentence.bytes[i] }
      to[n] = 0
    }
    return failure.status.rawValue
  }
}

private func checkSize(_ size: UInt32, _ expected: Int, _ name: StaticString) throws(Failure) {
  if Int(size) != expected {
    throw Failure(
      .structSize,
      "\(name).struct_size is \(size); this version knows \(expected) (use the _INIT macro)",
      needed: Int64(expected), available: Int64(size))
  }
}

private func find(
  _ name: UnsafePointer<CChar>?, _ what: StaticString, _ count: Int,
  _ named: (Int) -> UnsafePointer<CChar>
) throws(Failure) -> Int {
  guard let name else { throw Failure(.argument, "the \(what)'s name is NULL") }
  let wanted = Bytes(start: UnsafeRawPointer(name), count: Int(strnlen(name, 128)))
  for i in 0..<count where Bytes(c: named(i)) == wanted { return i }
  throw Failure(.missing, "the deployment has no \(what) called '\(wanted)'")
}

extension Deployment {
  fileprivate func session(_ name: UnsafePointer<CChar>?) throws(Failure) -> Int {
    try find(name, "session", sessions.count) { sessions[$0].name }
  }

  fileprivate func check(_ index: UInt32, _ count: Int, _ what: StaticString) throws(Failure) {
    if Int(index) >= count {
      throw Failure(
        .argument, "there is no \(what) \(index): the deployment has \(count)",
        needed: Int64(index), available: Int64(count))
    }
  }
}

@implementation @_cdecl("lintel_deployment_open")
public func lintel_deployment_open(
  _ path: UnsafePointer<CChar>?, _ options: UnsafePointer<lintel_deployment_options>?,
  _ out_deployment: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  out_deployment?.pointee = nil
  return status(error) { () throws(Failure) in
    guard let path, let out_deployment else {
      throw Failure(.argument, "path and out_deployment are required")
    }
    var opening = Opening(Problems(nil, nil))
    if let o = options?.pointee {
      try checkSize(
        o.struct_size, MemoryLayout<lintel_deployment_options>.size, "lintel_deployment_options")
      let r = o.reserved
      if o.flags != 0 || r.0 | r.1 | r.2 | r.3 != 0 {
        throw Failure(.reserved, "lintel_deployment_options.flags and .reserved must be zero")
      }
      if o.memory_bytes > UInt64(Int.max / 2) || (o.memory != nil && o.memory_bytes == 0) {
        throw Failure(.argument, "memory_bytes is \(o.memory_bytes)")
      }
      if UInt(bitPattern: o.memory) & 63 != 0 {
        throw Failure(.argument, "memory must be 64-byte aligned")
      }
      opening.memory = o.memory
      opening.memoryBytes = Int(o.memory_bytes)
      opening.progress = Progress(onProgress: o.progress, user: o.progress_user)
    }
    do throws(Failure) {
      out_deployment.pointee = try opening.run(path).map { OpaquePointer($0) }
    } catch {
      if error.status == .cancelled { return .cancelled }
      throw error
    }
    return .ok
  }
}

@implementation @_cdecl("lintel_deployment_close")
public func lintel_deployment_close(_ deployment: OpaquePointer?) -> lintel_status {
  if deployment == nil { return LINTEL_OK }
  return withDeployment(deployment, nil) { (d) throws(Failure) in
    Status(rawValue: Deployment.close(d))
  }
}

@implementation @_cdecl("lintel_deployment_check")
public func lintel_deployment_check(
  _ path: UnsafePointer<CChar>?, _ on_problem: lintel_problem_fn?,
  _ user: UnsafeMutableRawPointer?, _ out_memory: UnsafeMutablePointer<lintel_memory>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  status(error) { () throws(Failure) in
    guard let path else { throw Failure(.argument, "path is NULL") }
    if let out_memory {
      try checkSize(
        out_memory.pointee.struct_size, MemoryLayout<lintel_memory>.size, "lintel_memory")
      out_memory.pointee = lintel_memory()
      out_memory.pointee.struct_size = UInt32(MemoryLayout<lintel_memory>.size)
    }
    var opening = Opening(Problems(on_problem, user))
    opening.isCheck = true
    defer { if let plan = opening.plan { out_memory?.pointee = plan } }
    if let deployment = try opening.run(path) { _ = Deployment.close(deployment) }
    return .ok
  }
}

@implementation @_cdecl("lintel_deployment_memory")
public func lintel_deployment_memory(
  _ deployment: OpaquePointer?, _ out_memory: UnsafeMutablePointer<lintel_memory>?
) -> lintel_status {
  withDeployment(deployment, nil) { (d) throws(Failure) in
    let status = lintel_engine_memory(d.pointee.engine, out_memory)
    guard status == LINTEL_OK, let out_memory else { return Status(rawValue: status) }
    out_memory.pointee.deployment_bytes = UInt64(d.pointee.bytes)
    out_memory.pointee.total_bytes += UInt64(d.pointee.bytes)
    out_memory.pointee.budget_bytes = UInt64(d.pointee.blockBytes)
    return .ok
  }
}

@implementation @_cdecl("lintel_deployment_get_info")
public func lintel_deployment_get_info(
  _ deployment: OpaquePointer?, _ out_info: UnsafeMutablePointer<lintel_deployment_info>?
) -> lintel_status {
  withDeployment(deployment, nil) { (d) throws(Failure) in
    guard let out_info else { throw Failure(.argument, "out_info is NULL") }
    try checkSize(
      out_info.pointee.struct_size, MemoryLayout<lintel_deployment_info>.size,
      "lintel_deployment_info")
    out_info.pointee.model_count = UInt32(d.pointee.models.count)
    out_info.pointee.adapter_count = UInt32(d.pointee.adapters.count)
    out_info.pointee.session_count = UInt32(d.pointee.sessions.count)
    return .ok
  }
}

@implementation @_cdecl("lintel_deployment_engine")
public func lintel_deployment_engine(
  _ deployment: OpaquePointer?, _ out_engine: UnsafeMutablePointer<OpaquePointer?>?
) -> lintel_status {
  out_engine?.pointee = nil
  return withDeployment(deployment, nil) { (d) throws(Failure) in
    guard let out_engine else { throw Failure(.argument, "out_engine is NULL") }
    out_engine.pointee = d.pointee.engine
    return .ok
  }
}

@implementation @_cdecl("lintel_deployment_model")
public func lintel_deployment_model(
  _ deployment: OpaquePointer?, _ name: UnsafePointer<CChar>?,
  _ out_model: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  out_model?.pointee = nil
  return withDeployment(deployment, error) { (d) throws(Failure) in
    guard let out_model else { throw Failure(.argument, "out_model is NULL") }
    let models = d.pointee.models
    out_model.pointee = models[try find(name, "model", models.count) { models[$0].name }].handle
    return .ok
  }
}

@implementation @_cdecl("lintel_deployment_session")
public func lintel_deployment_session(
  _ deployment: OpaquePointer?, _ name: UnsafePointer<CChar>?,
  _ out_session: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  out_session?.pointee = nil
  return withDeployment(deployment, error) { (d) throws(Failure) in
    guard let out_session else { throw Failure(.argument, "out_session is NULL") }
    out_session.pointee = d.pointee.sessions[try d.pointee.session(name)].handle
    return .ok
  }
}

@implementation @_cdecl("lintel_deployment_model_at")
public func lintel_deployment_model_at(
  _ deployment: OpaquePointer?, _ index: UInt32,
  _ out_name: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
  _ out_model: UnsafeMutablePointer<OpaquePointer?>?
) -> lintel_status {
  withDeployment(deployment, nil) { (d) throws(Failure) in
    try d.pointee.check(index, d.pointee.models.count, "model")
    out_name?.pointee = d.pointee.models[Int(index)].name
    out_model?.pointee = d.pointee.models[Int(index)].handle
    return .ok
  }
}

@implementation @_cdecl("lintel_deployment_session_at")
public func lintel_deployment_session_at(
  _ deployment: OpaquePointer?, _ index: UInt32,
  _ out_name: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
  _ out_session: UnsafeMutablePointer<OpaquePointer?>?
) -> lintel_status {
  withDeployment(deployment, nil) { (d) throws(Failure) in
    try d.pointee.check(index, d.pointee.sessions.count, "session")
    out_name?.pointee = d.pointee.sessions[Int(index)].name
    out_session?.pointee = d.pointee.sessions[Int(index)].handle
    return .ok
  }
}

@implementation @_cdecl("lintel_deployment_adapter_at")
public func lintel_deployment_adapter_at(
  _ deployment: OpaquePointer?, _ index: UInt32,
  _ out_adapter: UnsafeMutablePointer<lintel_deployment_adapter>?
) -> lintel_status {
  withDeployment(deployment, nil) { (d) throws(Failure) in
    guard let out_adapter else { throw Failure(.argument, "out_adapter is NULL") }
    try checkSize(
      out_adapter.pointee.struct_size, MemoryLayout<lintel_deployment_adapter>.size,
      "lintel_deployment_adapter")
    try d.pointee.check(index, d.pointee.adapters.count, "adapter")
    let adapter = d.pointee.adapters[Int(index)]
    out_adapter.pointee.slot = UInt32(adapter.slot)
    out_adapter.pointee.model = d.pointee.models[adapter.model].handle
    out_adapter.pointee.name = adapter.name
    return .ok
  }
}

@implementation @_cdecl("lintel_deployment_generate_options")
public func lintel_deployment_generate_options(
  _ deployment: OpaquePointer?, _ session_name: UnsafePointer<CChar>?,
  _ out_options: UnsafeMutablePointer<lintel_generate_options>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withDeployment(deployment, error) { (d) throws(Failure) in
    guard let out_options else { throw Failure(.argument, "out_options is NULL") }
    try checkSize(
      out_options.pointee.struct_size, MemoryLayout<lintel_generate_options>.size,
      "lintel_generate_options")
    out_options.pointee = d.pointee.sessions[try d.pointee.session(session_name)].sampling
    return .ok
  }
}

@implementation @_cdecl("lintel_deployment_tools")
public func lintel_deployment_tools(
  _ deployment: OpaquePointer?, _ session_name: UnsafePointer<CChar>?,
  _ out_bytes: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
  _ out_count: UnsafeMutablePointer<Int>?, _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  out_bytes?.pointee = nil
  out_count?.pointee = 0
  return withDeployment(deployment, error) { (d) throws(Failure) in
    guard let out_bytes, let out_count else {
      throw Failure(.argument, "out_bytes and out_count are required")
    }
    let tools = d.pointee.sessions[try d.pointee.session(session_name)].tools
    if tools.count == 0 { return .ok }
    out_bytes.pointee = tools.c
    out_count.pointee = tools.count
    return .ok
  }
}

@implementation @_cdecl("lintel_deployment_restart")
public func lintel_deployment_restart(
  _ deployment: OpaquePointer?, _ session_name: UnsafePointer<CChar>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withDeployment(deployment, error) { (d) throws(Failure) in
    try d.pointee.restart(try d.pointee.session(session_name))
    return .ok
  }
}
