// lintel_adapter_*, lintel_session_set_adapters, lintel_session_get_adapters: see lintel.h.

import CLintel
import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelSession
import LintelText
import LintelWeights

enum AdapterOut {
  static func check(_ out: UnsafeMutablePointer<lintel_adapter_info>?) throws(Failure) {
    guard let out else { throw Failure(.argument, "out_info is NULL") }
    try Check.size(
      out.pointee.struct_size, MemoryLayout<lintel_adapter_info>.size, "lintel_adapter_info")
  }

  static func clear(_ out: UnsafeMutablePointer<lintel_adapter_info>) {
    out.pointee = lintel_adapter_info()
    out.pointee.struct_size = UInt32(MemoryLayout<lintel_adapter_info>.size)
  }

  /// Text from a file, printable and cut to fit.
  static func write(_ text: Bytes, _ to: UnsafeMutableRawBufferPointer) {
    var s = Sentence()
    s.append(untrusted: text, limit: to.count - 1)
    let n = min(s.count, to.count - 1)
    for i in 0..<n { to[i] = s.bytes[i] }
    to[n] = 0
  }
}

/// Runs `body` on the model behind a handle as the thread that opens and closes.
private func withModel(
  _ model: OpaquePointer?, _ error: UnsafeMutablePointer<lintel_error>?,
  _ body: (borrowing LoadedModel, UnsafeMutablePointer<Engine>) throws(Failure) -> Status
) -> Int32 {
  Report.status(error) { () throws(Failure) in
    let header = try Handle.header(model, .model, "model")
    let e = header.pointee.engine
    let engineHeader = UnsafeMutableRawPointer(e).assumingMemoryBound(to: Header.self)
    try Handle.enter(engineHeader, "engine")
    defer { Handle.leave(engineHeader) }
    return try body(Layout.object(header, LoadedModel.self).pointee, e)
  }
}

private func nameBytes(_ name: UnsafePointer<CChar>?) -> Bytes? {
  guard let name else { return nil }
  let count = strnlen(name, AdapterSlot.nameBytesMax + 1)
  return Bytes(start: UnsafeRawPointer(name), count: Int(count))
}

@implementation @_cdecl("lintel_adapter_inspect")
public func lintel_adapter_inspect(
  _ path: UnsafePointer<CChar>?, _ out_info: UnsafeMutablePointer<lintel_adapter_info>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  Report.status(error) { () throws(Failure) in
    guard let path else { throw Failure(.argument, "path is NULL") }
    try AdapterOut.check(out_info)
    guard let out_info else { return .ok }
    let region = try MappedRegion.open(path: path)
    defer { region.close() }
    let file = try AdapterFile(region.bytes)
    let summary = try AdapterSummary.measure(file)
    let bytes = try Checked.multiply(
      summary.elements, summary.formats.stored(exact: false).blockBytes, "an adapter's size")
    let exactBytes = try Checked.multiply(
      summary.elements, summary.formats.stored(exact: true).blockBytes, "an adapter's size")
    AdapterOut.clear(out_info)
    out_info.pointee.rank = UInt32(truncatingIfNeeded: summary.rank)
    out_info.pointee.map_count = UInt32(truncatingIfNeeded: summary.maps)
    out_info.pointee.slot_bytes = UInt64(bytes)
    out_info.pointee.float_slot_bytes = UInt64(exactBytes)
    out_info.pointee.content_hash = ContentHash.of(region.bytes)
    out_info.pointee.alpha = file.alpha
    out_info.pointee.is_loaded = 1
    withUnsafeMutableBytes(of: &out_info.pointee.name) { AdapterOut.write(file.name, $0) }
    withUnsafeMutableBytes(of: &out_info.pointee.architecture) {
      AdapterOut.write(file.architecture, $0)
    }
    return .ok
  }
}

@implementation @_cdecl("lintel_adapter_load")
public func lintel_adapter_load(
  _ model: OpaquePointer?, _ slot: UInt32, _ path: UnsafePointer<CChar>?,
  _ name: UnsafePointer<CChar>?, _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withModel(model, error) { (loaded, engine) throws(Failure) in
    guard let path else { throw Failure(.argument, "path is NULL") }
    _ = try loaded.adapters.slot(Int(slot))
    let region = try MappedRegion.open(path: path)
    defer { region.close() }
    try loaded.loadAdapter(Int(slot), region.bytes, name: nameBytes(name), engine)
    return .ok
  }
}

@implementation @_cdecl("lintel_adapter_load_bytes")
public func lintel_adapter_load_bytes(
  _ model: OpaquePointer?, _ slot: UInt32, _ bytes: UnsafeRawPointer?, _ byte_count: UInt64,
  _ name: UnsafePointer<CChar>?, _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withModel(model, error) { (loaded, engine) throws(Failure) in
    guard let bytes else { throw Failure(.argument, "bytes is NULL") }
    if byte_count > UInt64(Int.max / 2) {
      throw Failure(.argument, "byte_count is \(byte_count)")
    }
    try loaded.loadAdapter(
      Int(slot), Bytes(start: bytes, count: Int(byte_count)), name: nameBytes(name), engine)
    return .ok
  }
}

@implementation @_cdecl("lintel_adapter_unload")
public func lintel_adapter_unload(
  _ model: OpaquePointer?, _ slot: UInt32, _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withModel(model, error) { (loaded, engine) throws(Failure) in
    try loaded.unloadAdapter(Int(slot), engine)
    return .ok
  }
}

@implementation @_cdecl("lintel_adapter_get_info")
public func lintel_adapter_get_info(
  _ model: OpaquePointer?, _ slot: UInt32,
  _ out_info: UnsafeMutablePointer<lintel_adapter_info>?
) -> lintel_status {
  withModel(model, nil) { (loaded, engine) throws(Failure) in
    try AdapterOut.check(out_info)
    let s = try loaded.adapters.slot(Int(slot))
    guard let out_info else { return .ok }
    engine.pointee.takeTurn()
    defer { engine.pointee.endTurn() }
    AdapterOut.clear(out_info)
    if s.pointee.phase != .loaded { return .ok }
    out_info.pointee.rank = UInt32(truncatingIfNeeded: s.pointee.rank)
    out_info.pointee.map_count = UInt32(truncatingIfNeeded: s.pointee.maps)
    out_info.pointee.session_count = UInt32(truncatingIfNeeded: s.pointee.users)
    out_info.pointee.slot_bytes = UInt64(s.pointee.bytes)
    out_info.pointee.content_hash = s.pointee.hash
    out_info.pointee.alpha = s.pointee.alpha
    out_info.pointee.is_loaded = 1
    withUnsafeBytes(of: s.pointee.nameBytes) { raw in
      guard let start = raw.baseAddress else { return }
      let name = Bytes(start: start, count: s.pointee.nameCount)
      withUnsafeMutableBytes(of: &out_info.pointee.name) { AdapterOut.write(name, $0) }
    }
    let architecture = Bytes(loaded.model.hyperparameters.architecture.name)
    withUnsafeMutableBytes(of: &out_info.pointee.architecture) {
      AdapterOut.write(architecture, $0)
    }
    return .ok
  }
}

@implementation @_cdecl("lintel_adapter_find")
public func lintel_adapter_find(
  _ model: OpaquePointer?, _ name: UnsafePointer<CChar>?,
  _ out_slot: UnsafeMutablePointer<UInt32>?, _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withModel(model, error) { (loaded, _) throws(Failure) in
    guard let name = nameBytes(name), let out_slot else {
      throw Failure(.argument, "name and out_slot are required")
    }
    guard let slot = loaded.adapters.find(name: name) else {
      throw Failure(.missing, "no adapter slot is called \(name)")
    }
    out_slot.pointee = UInt32(truncatingIfNeeded: slot)
    return .ok
  }
}

@implementation @_cdecl("lintel_session_set_adapters")
public func lintel_session_set_adapters(
  _ session: OpaquePointer?, _ uses: UnsafePointer<lintel_adapter_use>?, _ count: UInt32,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withSession(session, error) { (s, header) throws(Failure) in
    var request = AdapterRequest()
    if count > 0 {
      guard let uses else { throw Failure(.argument, "uses is NULL") }
      for i in 0..<Int(count) {
        try request.append(slot: Int(uses[i].slot), scale: uses[i].scale)
      }
    }
    try s.setAdapters(request, header.pointee.engine)
    return .ok
  }
}

@implementation @_cdecl("lintel_session_get_adapters")
public func lintel_session_get_adapters(
  _ session: OpaquePointer?, _ out_uses: UnsafeMutablePointer<lintel_adapter_use>?,
  _ capacity: UInt32, _ out_count: UnsafeMutablePointer<UInt32>?
) -> lintel_status {
  withSession(session, nil) { (s, _) throws(Failure) in
    if out_uses == nil && capacity > 0 {
      throw Failure(.argument, "out_uses is NULL, but capacity is \(capacity)")
    }
    for i in 0..<min(Int(capacity), s.adapters.count) {
      guard let use = s.adapters[i] else { continue }
      out_uses?[i] = lintel_adapter_use(slot: UInt32(use.slot), scale: use.scale)
    }
    out_count?.pointee = UInt32(s.adapters.count)
    return .ok
  }
}
