// lintel_session_fork, _snapshot_bytes, _save, _restore, _save_file, _restore_file, _mark, _rewind: see
// lintel.h.

import CLintel
import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelSession
import LintelText
import LintelWeights

@implementation @_cdecl("lintel_session_fork")
public func lintel_session_fork(
  _ from: OpaquePointer?, _ to: OpaquePointer?, _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  if from != nil && from == to {
    return Report.status(error) { () throws(Failure) in
      throw Failure(.argument, "from and to are the same session")
    }
  }
  return withSession(from, error) { (s, header) throws(Failure) in
    let other = try Handle.header(to, .session, "session to fork into")
    try Handle.enter(other, "session to fork into")
    defer { Handle.leave(other) }
    if other.pointee.isPoisoned {
      throw Failure(.poisoned, "an earlier error left the session to fork into undefined: reset it")
    }
    try s.fork(into: &Layout.object(other, Session.self).pointee, header.pointee.engine)
    return .ok
  }
}

@implementation @_cdecl("lintel_session_snapshot_bytes")
public func lintel_session_snapshot_bytes(
  _ session: OpaquePointer?, _ out_bytes: UnsafeMutablePointer<UInt64>?
) -> lintel_status {
  out_bytes?.pointee = 0
  return withSession(session, nil) { (s, header) throws(Failure) in
    guard let out_bytes else { throw Failure(.argument, "out_bytes is NULL") }
    out_bytes.pointee = UInt64(try s.snapshotBytes(header.pointee.engine))
    return .ok
  }
}

@implementation @_cdecl("lintel_session_save")
public func lintel_session_save(
  _ session: OpaquePointer?, _ out: UnsafeMutableRawPointer?, _ capacity: UInt64,
  _ out_bytes: UnsafeMutablePointer<UInt64>?, _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  out_bytes?.pointee = 0
  return withSession(session, error) { (s, header) throws(Failure) in
    let needed = try s.snapshotBytes(header.pointee.engine)
    out_bytes?.pointee = UInt64(needed)
    if UInt64(needed) > capacity {
      throw Failure(
        .capacity, "the snapshot takes \(needed) bytes, but capacity is \(capacity)",
        needed: Int64(needed), available: Int64(clamping: capacity))
    }
    guard let out else { throw Failure(.argument, "out is NULL") }
    var sink = ByteSink(memory: out)
    try s.save(to: &sink, header.pointee.engine)
    return .ok
  }
}

@implementation @_cdecl("lintel_session_restore")
public func lintel_session_restore(
  _ session: OpaquePointer?, _ bytes: UnsafeRawPointer?, _ byte_count: UInt64,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withSession(session, error) { (s, header) throws(Failure) in
    guard let bytes else { throw Failure(.argument, "bytes is NULL") }
    if byte_count > UInt64(Int.max / 2) { throw Failure(.argument, "byte_count is \(byte_count)") }
    let source = ByteSource(memory: Bytes(start: bytes, count: Int(byte_count)))
    try s.restore(source, header.pointee.engine)
    return .ok
  }
}

@implementation @_cdecl("lintel_session_save_file")
public func lintel_session_save_file(
  _ session: OpaquePointer?, _ path: UnsafePointer<CChar>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withSession(session, error) { (s, header) throws(Failure) in
    guard let path else { throw Failure(.argument, "path is NULL") }
    _ = try s.snapshotBytes(header.pointee.engine)
    let replacement = try FileReplacement(path, scratch: s.scratch)
    do throws(Failure) {
      var sink = ByteSink(file: replacement.file)
      try s.save(to: &sink, header.pointee.engine)
    } catch {
      replacement.abandon()
      throw error
    }
    try replacement.commit()
    return .ok
  }
}

@implementation @_cdecl("lintel_session_restore_file")
public func lintel_session_restore_file(
  _ session: OpaquePointer?, _ path: UnsafePointer<CChar>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withSession(session, error) { (s, header) throws(Failure) in
    guard let path else { throw Failure(.argument, "path is NULL") }
    let (file, count) = try MappedRegion.openFile(path)
    defer { lt_close(file) }
    try s.restore(ByteSource(file: file, count: count), header.pointee.engine)
    return .ok
  }
}

private func markName(_ name: UnsafePointer<CChar>?) throws(Failure) -> Bytes {
  guard let name else { throw Failure(.argument, "name is NULL") }
  let count = strnlen(name, Mark.nameBytesMax + 1)
  return Bytes(start: UnsafeRawPointer(name), count: Int(count))
}

@implementation @_cdecl("lintel_session_mark")
public func lintel_session_mark(
  _ session: OpaquePointer?, _ name: UnsafePointer<CChar>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withSession(session, error) { (s, header) throws(Failure) in
    try s.mark(try markName(name), header.pointee.engine)
    return .ok
  }
}

@implementation @_cdecl("lintel_session_rewind")
public func lintel_session_rewind(
  _ session: OpaquePointer?, _ name: UnsafePointer<CChar>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withSession(session, error) { (s, header) throws(Failure) in
    try s.rewind(try markName(name), header.pointee.engine)
    return .ok
  }
}
