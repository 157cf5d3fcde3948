// A GGUF file taken apart so that a test can change one thing and put it together again.

import Foundation
import LintelCore

struct EditableFile {
  struct Key {
    var name: String
    var type: UInt32
    var value: [UInt8]
  }

  struct Tensor {
    var name: String
    var ne: [UInt64]
    var type: UInt32
    var offset: UInt64
  }

  var keys: [Key] = []
  var tensors: [Tensor] = []
  var data: [UInt8]

  init(fixture name: String) throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures/models")
    let bytes = [UInt8](try Data(contentsOf: folder.appendingPathComponent(name + ".gguf")))
    var at = 8
    func number<T: FixedWidthInteger>(_ type: T.Type) -> T {
      defer { at += MemoryLayout<T>.size }
      return bytes.withUnsafeBytes {
        T(littleEndian: $0.loadUnaligned(fromByteOffset: at, as: type))
      }
    }
    func string() -> String {
      let count = Int(number(UInt64.self))
      defer { at += count }
      return String(decoding: bytes[at..<at + count], as: UTF8.self)
    }
    func skip(_ type: UInt32) {
      switch type {
      case 0, 1, 7: at += 1
      case 2, 3: at += 2
      case 4, 5, 6: at += 4
      case 8: _ = string()
      case 9:
        let element = number(UInt32.self)
        for _ in 0..<number(UInt64.self) { skip(element) }
      default: at += 8
      }
    }
    let tensorCount = number(UInt64.self)
    for _ in 0..<number(UInt64.self) {
      let name = string()
      let type = number(UInt32.self)
      let start = at
      skip(type)
      keys.append(Key(name: name, type: type, value: Array(bytes[start..<at])))
    }
    for _ in 0..<tensorCount {
      let name = string()
      let ne = (0..<number(UInt32.self)).map { _ in number(UInt64.self) }
      tensors.append(
        Tensor(name: name, ne: ne, type: number(UInt32.self), offset: number(UInt64.self)))
    }
    data = Array(bytes[((at + 31) & ~31)...])
  }

  /// A file of one key and no tensors.
  init(architecture: String) {
    data = []
    set("general.architecture", architecture)
  }

  var architecture: String {
    guard let key = keys.first(where: { $0.name == "general.architecture" }) else { return "" }
    return String(decoding: key.value.dropFirst(8), as: UTF8.self)
  }

  func tensor(_ name: String) -> Tensor? { tensors.first { $0.name == name } }

  func bytes() -> [UInt8] {
    var out = Array("GGUF".utf8) + little(UInt32(3))
    out += little(UInt64(tensors.count)) + little(UInt64(keys.count))
    for k in keys { out += string(k.name) + little(k.type) + k.value }
    for t in tensors {
      out += string(t.name) + little(UInt32(t.ne.count)) + t.ne.flatMap(little)
      out += little(t.type) + little(t.offset)
    }
    out += [UInt8](repeating: 0, count: (32 - out.count % 32) % 32)
    return out + data
  }

  mutating func set(_ name: String, _ value: String) { set(name, 8, string(value)) }
  mutating func set(_ name: String, _ value: UInt32) { set(name, 4, little(value)) }
  mutating func set(_ name: String, _ value: Float) { set(name, 6, little(value.bitPattern)) }

  private mutating func set(_ name: String, _ type: UInt32, _ value: [UInt8]) {
    keys.removeAll { $0.name == name }
    keys.append(Key(name: name, type: type, value: value))
  }

  /// Adds a float32 tensor of zeros.
  mutating func add(_ name: String, _ ne: [UInt64]) {
    data += [UInt8](repeating: 0, count: (32 - data.count % 32) % 32)
    tensors.append(Tensor(name: name, ne: ne, type: 0, offset: UInt64(data.count)))
    data += [UInt8](repeating: 0, count: Int(ne.reduce(4, *)))
  }

  /// Adds a tensor of `values` in a format of single elements.
  mutating func append(_ name: String, _ ne: [Int], _ format: BlockFormat, _ values: [Float]) {
    let offset = place(values, format)
    tensors.append(
      Tensor(name: name, ne: ne.map(UInt64.init), type: format.rawValue, offset: offset))
  }

  /// Gives tensor `i` float32 values.
  mutating func replace(_ i: Int, _ values: [Float]) {
    tensors[i].offset = place(values, .f32)
    tensors[i].type = 0
  }

  private mutating func place(_ values: [Float], _ format: BlockFormat) -> UInt64 {
    data += [UInt8](repeating: 0, count: (32 - data.count % 32) % 32)
    let offset = UInt64(data.count)
    switch format {
    case .f16: for v in values { data += little(Float16(v).bitPattern) }
    case .bf16: for v in values { data += little(UInt16(v.bitPattern >> 16)) }
    default: values.withUnsafeBytes { data += $0 }
    }
    return offset
  }

  mutating func remove(_ name: String) { tensors.removeAll { $0.name == name } }

  /// Changes the tensor called `name`, which must exist.
  mutating func edit(_ name: String, _ change: (inout Tensor) -> Void) {
    let i = tensors.firstIndex { $0.name == name }
    precondition(i != nil, "no tensor \(name)")
    if let i { change(&tensors[i]) }
  }
}

private func little<T: FixedWidthInteger>(_ v: T) -> [UInt8] {
  withUnsafeBytes(of: v.littleEndian) { Array($0) }
}

private func string(_ s: String) -> [UInt8] { little(UInt64(s.utf8.count)) + Array(s.utf8) }
