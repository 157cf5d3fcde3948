// A text as libcjson's tree: allocated by libcjson, freed by `free`. An item's `valueint`, which
// repeats a number's value, holds its line instead; that of an object's member is its key's.

import CPlatform
import CcJSON
import LintelCore

typealias JsonItem = UnsafeMutablePointer<cJSON>

struct JsonTree: BitwiseCopyable {
  let root: JsonItem
  /// The most that the tree takes of the heap.
  let heapBytes: Int

  /// `line` is that of a failure.
  static func parse(
    _ text: Bytes, levelsMax: Int, line: inout Int
  ) throws(Failure) -> JsonTree {
    var scanner = JsonScanner(text, levelsMax: levelsMax)
    do throws(Failure) {
      try scanner.scan(nil)
    } catch {
      line = scanner.line
      throw error
    }
    guard let root = cJSON_ParseWithLengthOpts(text.c, text.count, nil, 0) else {
      throw Failure(.system, "libcjson could not allocate what it needs to read the text")
    }
    var walk = JsonScanner(text, levelsMax: levelsMax)
    do throws(Failure) {
      try walk.scan(root)
    } catch {
      cJSON_Delete(root)
      throw error
    }
    return JsonTree(root: root, heapBytes: scanner.heapBytes)
  }

  func free() { cJSON_Delete(root) }
}

enum JsonKind: UInt8, Sendable {
  case null, flag, number, string, array, object

  var name: StaticString {
    switch self {
    case .null: "null"
    case .flag: "true or false"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

extension UnsafeMutablePointer where Pointee == cJSON {
  var kind: JsonKind {
    switch pointee.type & 0xFF {
    case cJSON_True, cJSON_False: .flag
    case cJSON_Number: .number
    case cJSON_String: .string
    case cJSON_Array: .array
    case cJSON_Object: .object
    default: .null
    }
  }

  var line: Int { Int(pointee.valueint) }

  var child: JsonItem? { pointee.child }

  var next: JsonItem? { pointee.next }

  /// The key of an object's member.
  var key: Bytes { pointee.string.map { Bytes(c: $0) } ?? Bytes("") }

  /// The value of a string.
  var text: Bytes { pointee.valuestring.map { Bytes(c: $0) } ?? Bytes("") }

  var number: Double { pointee.valuedouble }

  var isTrue: Bool { pointee.type & 0xFF == cJSON_True }

  var count: Int {
    var n = 0
    var item = child
    while let i = item {
      n += 1
      item = i.next
    }
    return n
  }

  /// The member called `name`; the first, if there are several.
  func member(_ name: StaticString) -> JsonItem? {
    var item = child
    while let i = item {
      if i.key == name { return i }
      item = i.next
    }
    return nil
  }
}
