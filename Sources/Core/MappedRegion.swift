// Read-only bytes with an owner: a file mapping that is unmapped on close, or bytes that the host
// lent and keeps. Weights are used in place, straight from these bytes.

import CPlatform

package enum LoadPolicy: UInt32, Sendable {
  /// Pages come in as they are touched.
  case lazy = 0
  /// Every page is read before `open` returns, with progress.
  case prefault = 1
  /// Prefaulted, then held in memory with mlock.
  case locked = 2
}

package struct MappedRegion {
  package let bytes: Bytes
  package let isOwned: Bool
  /// Whether `lock` has succeeded; lent bytes are unlocked again on close.
  package private(set) var isLocked = false

  package init(lent bytes: Bytes) {
    self.bytes = bytes
    isOwned = false
  }

  private init(mapped bytes: Bytes) {
    self.bytes = bytes
    isOwned = true
  }

  /// Maps the regular file at `path`, a NUL-terminated string.
  package static func open(path: UnsafePointer<CChar>) throws(Failure) -> MappedRegion {
    let (fd, size) = try openFile(path)
    defer { lt_close(fd) }
    if size == 0 {
      throw Failure(.truncated, "\(name(path)) is empty; a GGUF file has at least 24 bytes")
    }
    var start: UnsafeRawPointer?
    let mapError = lt_map_readonly(fd, size, &start)
    guard mapError == 0, let start else { throw fileFailure(path, "cannot be mapped", mapError) }
    return MappedRegion(mapped: Bytes(start: start, count: size))
  }

  /// The regular file at `path`, open for reading, and its bytes.
  package static func openFile(
    _ path: UnsafePointer<CChar>
  ) throws(Failure) -> (file: Int32, bytes: Int) {
    var fd: Int32 = -1
    var size: Int64 = 0
    let error = lt_open_readonly(path, &fd, &size)
    if error != 0 { throw fileFailure(path, "cannot be opened", error) }
    return (fd, Int(size))
  }

  package func close() {
    if isOwned {
      lt_unmap(bytes.start, bytes.count)
    } else if isLocked {
      lt_unlock(bytes.start, bytes.count)
    }
  }

  /// Has what is not in memory yet come in pages of 2 MiB, where the kernel has them: the address
  /// cache then misses less, and decoding becomes up to an eighth faster. For mapped files that will
  /// be read as a whole: a page that is touched brings 2 MiB and more from the disk.
  package static func adviseLarge(_ mapped: Bytes) {
    lt_advise_huge(mapped.start, mapped.count)
  }

  /// Touches every page in turn, a file's in large ones. `progress` gets (done, total) bytes and stops
  /// the walk by returning false.
  package func prefault(_ progress: (Int, Int) -> Bool) throws(Failure) {
    let page = Int(lt_page_bytes())
    if isOwned { MappedRegion.adviseLarge(bytes) }
    let slice = 16 << 20
    var sum: UInt8 = 0
    var from = 0
    while from < bytes.count {
      let to = min(from + slice, bytes.count)
      var at = from
      sum = sum &+ lt_touch(bytes.start + at)
      // One touch brought a large page, or the rest is asked for at once.
      let inside = bytes.start + min(from + (1 << 20), to - 1) / page * page
      if isOwned && lt_is_resident(inside) == 0 {
        lt_advise_willneed(bytes.start + from, to - from)
      }
      while at < to {
        sum = sum &+ lt_touch(bytes.start + at)
        at += page
      }
      from = to
      if !progress(from, bytes.count) {
        throw Failure(.cancelled, "loading was stopped by the progress callback at byte \(from)")
      }
    }
  }

  package mutating func lock() throws(Failure) {
    let error = lt_lock(bytes.start, bytes.count)
    if error != 0 {
      let limit = lt_lock_limit()
      throw Failure(
        .lock,
        "mlock of \(bytes.count) bytes failed (errno \(error)); RLIMIT_MEMLOCK is \(limit): raise it or use the prefault policy",
        needed: Int64(bytes.count), available: Int64(clamping: limit))
    }
    isLocked = true
  }

  static func name(_ path: UnsafePointer<CChar>) -> Sentence {
    var s = Sentence()
    let length = strlen(path)
    // The end of a long path is the telling part.
    let from = length > 120 ? length - 120 : 0
    if from > 0 { s.append("...") }
    s.append(
      untrusted: Bytes(start: UnsafeRawPointer(path) + Int(from), count: Int(length - from)),
      limit: 120)
    return s
  }

  package static func fileFailure(
    _ path: UnsafePointer<CChar>, _ what: StaticString, _ error: Int32
  ) -> Failure {
    let reason: StaticString
    switch error {
    case ENOENT: reason = "no such file"
    case EACCES: reason = "permission denied"
    case ENOSPC: reason = "no space left"
    case ENAMETOOLONG: reason = "the name is too long"
    case EISDIR: reason = "it is a directory"
    case EINVAL: reason = "it is not a regular file"
    case ENOMEM: reason = "out of address space"
    default: reason = "system error"
    }
    return Failure(
      .file, "\(name(path)) \(what): \(reason) (errno \(error))", needed: Int64(error))
  }
}
