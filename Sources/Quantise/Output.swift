// A file that appears whole or not at all: written beside its name, synchronised, then renamed.

import Glibc

package final class Output {
  package let path: String
  private let partial: String
  private var file: Int32
  private var isDone = false

  /// Creates the partial file with room for `bytes`.
  package init(path: String, bytes: Int) throws {
    self.path = path
    partial = "\(path).\(getpid()).partial"
    file = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    if file < 0 { throw QuantiseError("\(partial) cannot be created: \(Output.reason(errno))") }
    let error = posix_fallocate(file, 0, off_t(bytes))
    // Where room cannot be asked for, writing will tell.
    if error == ENOSPC || error == EFBIG || error == EDQUOT {
      throw QuantiseError("\(path) needs \(bytes) bytes: \(Output.reason(error))")
    }
  }

  deinit {
    if file >= 0 { close(file) }
    if !isDone { unlink(partial) }
  }

  package func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard var from = bytes.baseAddress else { return }
    var left = bytes.count
    while left > 0 {
      let n = Glibc.write(file, from, left)
      if n < 0 {
        if errno == EINTR { continue }
        throw QuantiseError("\(path) cannot be written: \(Output.reason(errno))")
      }
      from += n
      left -= n
    }
  }

  package func finish() throws {
    var error: Int32 = fsync(file) == 0 ? 0 : errno
    // Written pages are small ones; whoever maps the file next is to get it in large ones.
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)
    if close(file) != 0 && error == 0 { error = errno }
    file = -1
    if error == 0 && rename(partial, path) != 0 { error = errno }
    if error != 0 { throw QuantiseError("\(path) cannot be written: \(Output.reason(error))") }
    isDone = true
    // The new name survives a power failure as well.
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if directory >= 0 {
      fsync(directory)
      close(directory)
    }
  }

  /// Whether `a` and `b` name the same file.
  package static func isSame(_ a: String, _ b: String) -> Bool {
    var x = stat(), y = stat()
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino
  }

  package static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  static func reason(_ error: Int32) -> String {
    error == ENOSPC || error == EDQUOT
      ? "the disk is full" : String(cString: strerror(error)) + " (errno \(error))"
  }
}
