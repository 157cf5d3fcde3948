// A tools file: what functions a session's model may call, in the shape of OpenAI's API:
//
//     [ { "type": "function",
//         "function": { "name": "set_volume", "description": "...", "parameters": { ... } } } ]
//
// Only the shape is checked; what the parameters' schema may say is for whoever uses it to judge.

import CPlatform
import CcJSON
import LintelCore

enum Tools {
  static var countMax: Int { 256 }

  /// Returns the most that reading took of the heap.
  static func check(_ file: TextFile) throws(Failure) -> Int {
    var line = 0
    let tree: JsonTree
    do throws(Failure) {
      tree = try JsonTree.parse(file.bytes, levelsMax: Limits.toolLevels, line: &line)
    } catch {
      throw Failure(
        error.status, "line \(line) of the file, \(error.sentence)", needed: error.needed,
        available: error.available)
    }
    defer { tree.free() }
    try unique(tree.root)
    try expect(tree.root, .array, "the file")
    let count = tree.root.count
    if count < 1 || count > countMax {
      throw Failure(
        .value, "the file has \(count) functions; 1 to \(countMax) are possible",
        needed: Int64(count), available: Int64(countMax))
    }
    var item = tree.root.child
    while let i = item {
      item = i.next
      let name = try function(i)
      var earlier = tree.root.child
      while let e = earlier, e != i {
        earlier = e.next
        if let other = e.member("function")?.member("name"), other.text == name {
          throw wrong(i, .duplicate, "there are two functions called '\(name)'")
        }
      }
    }
    return tree.heapBytes
  }

  private static func function(_ item: JsonItem) throws(Failure) -> Bytes {
    try expect(item, .object, "an element")
    guard let type = item.member("type"), type.kind == .string, type.text == "function" else {
      throw wrong(item, .value, "an element needs \"type\": \"function\"")
    }
    guard let function = item.member("function") else {
      throw wrong(item, .missing, "an element needs the key function")
    }
    try expect(function, .object, "the value of function")
    guard let name = function.member("name") else {
      throw wrong(function, .missing, "a function needs the key name")
    }
    try expect(name, .string, "a function's name")
    if !Place.isPlain(name.text) {
      throw wrong(name, .value, "'\(name.text)' is no name of 1 to 63 letters, digits, '_' or '-'")
    }
    if let d = function.member("description") {
      try expect(d, .string, "a function's description")
    }
    if let p = function.member("parameters") { try expect(p, .object, "a function's parameters") }
    return name.text
  }

  /// No object below has a key twice.
  private static func unique(_ item: JsonItem) throws(Failure) {
    var child = item.child
    while let c = child {
      if item.kind == .object {
        var earlier = item.child
        while let e = earlier, e != c {
          earlier = e.next
          if e.key == c.key { throw wrong(c, .duplicate, "the key '\(c.key)' occurs twice") }
        }
      }
      try unique(c)
      child = c.next
    }
  }

  private static func expect(
    _ item: JsonItem, _ kind: JsonKind, _ what: StaticString
  ) throws(Failure) {
    if item.kind != kind {
      throw wrong(item, .value, "\(what) must be \(kind.name), not \(item.kind.name)")
    }
  }

  private static func wrong(_ item: JsonItem, _ status: Status, _ what: Sentence) -> Failure {
    Failure(status, "line \(item.line) of the file: \(what)")
  }
}
