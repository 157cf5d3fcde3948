// A file that is either whole or as it was: it is written under another name in the same directory,
// synced, and renamed. Whoever is killed meanwhile leaves at most that other name behind, which the
// next attempt takes over.

import CPlatform

package struct FileReplacement {
  package static var suffix: StaticString { ".partial" }
  private static var pathBytesMax: Int { 4095 }

  package let file: Int32
  private let path: UnsafePointer<CChar>
  private let partial: UnsafePointer<CChar>
  private let directory: UnsafePointer<CChar>

  /// Opens the file under its other name. Names are put together in `scratch`, which stays taken until
  /// the end; it needs 8192 bytes.
  package init(_ path: UnsafePointer<CChar>, scratch: Buffer<UInt8>) throws(Failure) {
    self.path = path
    let count = Int(strnlen(path, FileReplacement.pathBytesMax))
    let tail = Bytes(FileReplacement.suffix)
    if count == 0 || count + tail.count + 1 > min(FileReplacement.pathBytesMax, scratch.count / 2) {
      throw MappedRegion.fileFailure(path, "cannot be written", ENAMETOOLONG)
    }
    var slash = -1
    for i in 0..<count {
      scratch[i] = UInt8(bitPattern: path[i])
      if path[i] == 0x2F { slash = i }
    }
    for i in 0..<tail.count { scratch[count + i] = tail[i] }
    scratch[count + tail.count] = 0
    // "name" lies in ".", "/name" in "/".
    let half = scratch.count / 2
    let kept = slash < 0 ? 1 : max(slash, 1)
    for i in 0..<kept { scratch[half + i] = slash < 0 ? 0x2E : UInt8(bitPattern: path[i]) }
    scratch[half + kept] = 0
    partial = UnsafeRawPointer(scratch.base).assumingMemoryBound(to: CChar.self)
    directory = UnsafeRawPointer(scratch + half).assumingMemoryBound(to: CChar.self)
    var file: Int32 = -1
    let error = lt_open_locked(partial, &file)
    if error == EWOULDBLOCK {
      throw Failure(.busy, "\(MappedRegion.name(path)) is being written by somebody else")
    }
    if error != 0 { throw MappedRegion.fileFailure(partial, "cannot be written", error) }
    self.file = file
  }

  /// Makes what was written the file.
  package func commit() throws(Failure) {
    let synced = lt_sync(file)
    let error = synced != 0 ? synced : lt_rename(partial, path)
    if error != 0 {
      abandon()
      throw MappedRegion.fileFailure(path, "cannot be replaced", error)
    }
    lt_close(file)
    let late = lt_sync_directory(directory)
    if late != 0 {
      throw Failure(
        .system,
        "\(MappedRegion.name(path)) is written, but its directory could not be synced (errno \(late)): it may not outlive a loss of power",
        needed: Int64(late))
    }
  }

  /// Leaves no trace. The name goes while the lock is held.
  package func abandon() {
    lt_remove(partial)
    lt_close(file)
  }
}
