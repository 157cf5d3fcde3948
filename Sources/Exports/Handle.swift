// Handles. What C holds is the address of an object's header, 64-byte aligned, with the low six bits
// of its generation in the six free bits: a handle of a closed object, or of the wrong type, is told
// from a live one. A pointer that was never a handle is refused unless it happens to be unreadable.

import CLintel
import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelSession
import LintelText
import LintelWeights

enum Handle {
  static func make(_ header: UnsafeMutablePointer<Header>) -> OpaquePointer? {
    let bits = UInt(bitPattern: header) | UInt(truncatingIfNeeded: header.pointee.generation & 63)
    return OpaquePointer(bitPattern: bits)
  }

  static func header(
    _ handle: OpaquePointer?, _ kind: Header.Kind, _ name: StaticString
  ) throws(Failure) -> UnsafeMutablePointer<Header> {
    guard let handle else { throw Failure(.argument, "the \(name) is NULL") }
    let bits = UInt(bitPattern: handle)
    guard let raw = UnsafeMutableRawPointer(bitPattern: bits & ~63) else {
      throw Failure(.handle, "the \(name) is not a handle")
    }
    if raw.load(as: Header.Kind.self) != kind {
      throw Failure(.handle, "the \(name) is not a live \(name) (closed, or never one)")
    }
    let header = raw.assumingMemoryBound(to: Header.self)
    if header.pointee.address != bits & ~63
      || UInt(truncatingIfNeeded: header.pointee.generation & 63) != bits & 63
    {
      throw Failure(.handle, "the \(name) is not a live \(name) (closed, or never one)")
    }
    return header
  }

  private static var thread: UInt { UInt(lt_thread_self()) }

  /// Makes this thread the one inside the object.
  static func enter(
    _ header: UnsafeMutablePointer<Header>, _ name: StaticString
  ) throws(Failure) {
    if lt_compare_exchange(&header.pointee.busy, 0, 1) == 0 {
      if header.pointee.isLent {
        throw Failure(.busy, "the \(name) is the draft session of another one")
      }
      if header.pointee.owner == thread {
        throw Failure(.reentry, "the \(name) is called from inside its own callback")
      }
      throw Failure(.busy, "another thread is inside this \(name)")
    }
    header.pointee.owner = thread
  }

  static func leave(_ header: UnsafeMutablePointer<Header>) {
    header.pointee.owner = 0
    lt_store_release(&header.pointee.busy, 0)
  }
}

enum Report {
  /// Writes a failure into the caller's error, if it gave one that this version understands.
  static func fill(_ error: UnsafeMutablePointer<lintel_error>?, _ failure: Failure) {
    guard let error,
      error.pointee.struct_size == UInt32(MemoryLayout<lintel_error>.size)
    else { return }
    error.pointee.status = failure.status.rawValue
    error.pointee.needed = failure.needed
    error.pointee.available = failure.available
    withUnsafeMutableBytes(of: &error.pointee.message) { to in
      let n = min(failure.sentence.count, to.count - 1)
      for i in 0..<n { to[i] = failure.sentence.bytes[i] }
      to[n] = 0
    }
  }

  /// Runs `body` and translates: the one place where failures become statuses.
  static func status(
    _ error: UnsafeMutablePointer<lintel_error>?, _ body: () throws(Failure) -> Status
  ) -> Int32 {
    do throws(Failure) {
      return try body().rawValue
    } catch {
      return failed(error)
    }
    func failed(_ failure: Failure) -> Int32 {
      fill(error, failure)
      return failure.status.rawValue
    }
  }
}

enum Check {
  static func size(
    _ size: UInt32, _ expected: Int, _ name: StaticString
  ) throws(Failure) {
    if Int(size) != expected {
      throw Failure(
        .structSize,
        "\(name).struct_size is \(size); this version knows \(expected) (use the _INIT macro)",
        needed: Int64(expected), available: Int64(size))
    }
  }

  static func zero(_ isZero: Bool, _ name: StaticString) throws(Failure) {
    if !isZero { throw Failure(.reserved, "\(name) must be zero") }
  }

  static func zero(
    _ r: (UInt64, UInt64, UInt64, UInt64), _ name: StaticString
  ) throws(Failure) {
    try zero(r.0 | r.1 | r.2 | r.3 == 0, name)
  }

  static func zero(_ r: (UInt64, UInt64, UInt64), _ name: StaticString) throws(Failure) {
    try zero(r.0 | r.1 | r.2 == 0, name)
  }

  static func zero(_ r: (UInt64, UInt64), _ name: StaticString) throws(Failure) {
    try zero(r.0 | r.1 == 0, name)
  }

  static func bytes(
    _ text: UnsafePointer<CChar>?, _ count: Int, _ name: StaticString
  ) throws(Failure) -> Bytes {
    if count < 0 { throw Failure(.argument, "\(name)_bytes is beyond half the address space") }
    guard let text else {
      if count == 0 { return Bytes("") }
      throw Failure(.argument, "\(name) is NULL, but \(name)_bytes is \(count)")
    }
    return Bytes(start: UnsafeRawPointer(text), count: count)
  }
}
