// How much of a mapped file lies in large pages, as Linux tells of its own process.

import Foundation

enum LargePages {
  /// Bytes of the file's mappings that are in pages of 2 MiB; nil where the system does not say.
  static func bytes(ofFile path: String) -> Int? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    guard let maps = FileHandle(forReadingAtPath: "/proc/self/smaps")?.readDataToEndOfFile() else {
      return nil
    }
    let name = " " + String(cString: real)
    var isInside = false
    var kilobytes: Int?
    for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let key = words.first else { continue }
      if !key.hasSuffix(":") {
        isInside = line.hasSuffix(name)
      } else if isInside && key == "FilePmdMapped:" && words.count > 1 {
        kilobytes = (kilobytes ?? 0) + (Int(words[1]) ?? 0)
      }
    }
    return kilobytes.map { $0 * 1024 }
  }
}
