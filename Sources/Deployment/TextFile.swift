// A small file, read whole into memory of its own: what is checked stays as it was checked,
// whatever happens to the file meanwhile.

import CPlatform
import LintelCore

struct TextFile: BitwiseCopyable {
  static var bytesMax: Int { 1 << 20 }

  /// Followed by a NUL.
  let bytes: Bytes
  private let memory: UnsafeMutableRawPointer
  let mappedBytes: Int

  /// `path` is NUL-terminated.
  static func read(_ path: Bytes) throws(Failure) -> TextFile {
    var fd: Int32 = -1
    var size: Int64 = 0
    let error = lt_open_readonly(path.c, &fd, &size)
    if error != 0 { throw MappedRegion.fileFailure(path.c, "cannot be opened", error) }
    defer { lt_close(fd) }
    if size > Int64(bytesMax) {
      throw Failure(
        .limit, "the file has \(size) bytes; at most \(bytesMax) are read", needed: size,
        available: Int64(bytesMax))
    }
    let room = Int(size) + 1
    let memory = try Transient.map(room)
    let to = memory.assumingMemoryBound(to: UInt8.self)
    var count = 0
    while count < Int(size) {
      var n = 0
      let error = lt_read(fd, to + count, Int(size) - count, &n)
      if error != 0 {
        lt_unmap(memory, room)
        throw MappedRegion.fileFailure(path.c, "cannot be read", error)
      }
      if n == 0 { break }
      count += n
    }
    to[count] = 0
    return TextFile(
      bytes: Bytes(start: UnsafeRawPointer(memory), count: count), memory: memory,
      mappedBytes: room)
  }

  func close() { lt_unmap(memory, mappedBytes) }
}

/// Memory for the time of one call.
enum Transient {
  static func map(_ bytes: Int) throws(Failure) -> UnsafeMutableRawPointer {
    var memory: UnsafeMutableRawPointer?
    let error = lt_map_private(bytes, &memory)
    guard error == 0, let memory else {
      throw Failure(
        .system, "\(bytes) bytes could not be mapped (errno \(error))", needed: Int64(error))
    }
    return memory
  }
}
