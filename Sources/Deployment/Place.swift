// Where in a configuration something stands: its line, and its path such as
// `sessions.media.stop[1]`. The parts point into text that outlives the place.

import CPlatform
import LintelCore

struct Place: BitwiseCopyable {
  static var partsMax: Int { 6 }

  private struct Part: BitwiseCopyable {
    var key = Bytes("")
    /// Of an array's element; -1 for a key.
    var index = -1
  }

  /// From 1; 0 is the file as a whole.
  private(set) var line = 0
  private var parts = InlineArray<6, Part>(repeating: Part())
  private var count = 0

  static var whole: Place { Place() }

  func key(_ name: Bytes, line: Int) -> Place { appending(Part(key: name, index: -1), line) }

  func key(_ name: StaticString, line: Int) -> Place { key(Bytes(name), line: line) }

  func element(_ index: Int, line: Int) -> Place {
    appending(Part(key: Bytes(""), index: index), line)
  }

  func at(line: Int) -> Place {
    var p = self
    p.line = line
    return p
  }

  private func appending(_ part: Part, _ line: Int) -> Place {
    var p = self
    p.line = line
    if p.count < Place.partsMax {
      p.parts[p.count] = part
      p.count += 1
    }
    return p
  }

  var path: Sentence {
    var s = Sentence()
    for i in 0..<count {
      let part = parts[i]
      if part.index >= 0 {
        s.append("[")
        s.append(UInt64(part.index))
        s.append("]")
      } else if Place.isPlain(part.key) {
        if i > 0 { s.append(".") }
        s.append(untrusted: part.key)
      } else {
        s.append("[\"")
        s.append(untrusted: part.key)
        s.append("\"]")
      }
    }
    return s
  }

  /// Letters, digits, `_`, `-` and `$`, up to 63 of them: what a name may be.
  static func isPlain(_ key: Bytes) -> Bool {
    if key.count == 0 || key.count > 63 { return false }
    for i in 0..<key.count {
      switch key[i] {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2D, 0x24: continue
      default: return false
      }
    }
    return true
  }
}

extension Bytes {
  /// A NUL-terminated string, without its end.
  init(c string: UnsafePointer<CChar>) {
    self.init(start: UnsafeRawPointer(string), count: Int(strlen(string)))
  }

  var c: UnsafePointer<CChar> { start.assumingMemoryBound(to: CChar.self) }
}
