// Bytes on their way out of the engine and into it: the host's memory, or a file.

import CPlatform

/// Takes bytes in order, and hashes them as they pass.
package struct ByteSink {
  private let memory: UnsafeMutableRawPointer?
  private let file: Int32
  private var count = 0
  private var hash = ContentHash()

  /// `memory` has room for all that will be written: the caller has checked.
  package init(memory: UnsafeMutableRawPointer) {
    self.memory = memory
    file = -1
  }

  package init(file: Int32) {
    memory = nil
    self.file = file
  }

  package mutating func put(_ start: UnsafeRawPointer, _ bytes: Int) throws(Failure) {
    if bytes == 0 { return }
    if let memory {
      (memory + count).copyMemory(from: start, byteCount: bytes)
    } else {
      let error = lt_write(file, start, bytes)
      if error != 0 {
        throw Failure(
          .file, "\(bytes) bytes at byte \(count) could not be written (errno \(error))",
          needed: Int64(error))
      }
    }
    hash.add(Bytes(start: start, count: bytes))
    count += bytes
  }

  /// The hash of everything so far, as the last eight bytes.
  package mutating func putHash() throws(Failure) {
    var value = hash.value.littleEndian
    try put(&value, 8)
  }
}

/// Gives bytes from any place, as often as asked.
package struct ByteSource {
  private let memory: Bytes?
  private let file: Int32
  package let count: Int

  package init(memory: Bytes) {
    self.memory = memory
    file = -1
    count = memory.count
  }

  package init(file: Int32, count: Int) {
    memory = nil
    self.file = file
    self.count = count
  }

  /// Copies `bytes` from `offset` on; the caller has checked them against `count`.
  package func copy(
    _ offset: Int, _ bytes: Int, to: UnsafeMutableRawPointer
  ) throws(Failure) {
    if bytes == 0 { return }
    if let memory {
      to.copyMemory(from: memory.start + offset, byteCount: bytes)
      return
    }
    var read = 0
    let error = lt_read_at(file, to, bytes, Int64(offset), &read)
    if error != 0 {
      throw Failure(
        .file, "\(bytes) bytes at byte \(offset) could not be read (errno \(error))",
        needed: Int64(error))
    }
    if read < bytes {
      throw Failure(
        .truncated, "the file ended at byte \(offset + read) while it was read",
        needed: Int64(bytes), available: Int64(read))
    }
  }

  /// Hands out `from ..< to` in pieces that fit `scratch`, each a multiple of four bytes but the last.
  package func walk(
    _ from: Int, _ to: Int, _ scratch: Buffer<UInt8>, _ take: (Bytes) throws(Failure) -> Void
  ) throws(Failure) {
    if let memory {
      try take(memory.slice(from, to))
      return
    }
    var at = from
    while at < to {
      let n = min(to - at, scratch.count & ~3)
      try copy(at, n, to: UnsafeMutableRawPointer(scratch.base))
      try take(scratch.bytes.slice(0, n))
      at += n
    }
  }
}
