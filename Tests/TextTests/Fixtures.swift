import Foundation
import LintelCore
import LintelText

/// Just enough of GGUF to read a vocabulary: the product's reader is in Weights, which Text does
/// not depend on.
struct MetadataReader {
  let file: Bytes
  var offset = 8

  init(path: String) throws {
    file = keep([UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
  }

  mutating func number<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) -> T {
    defer { offset += MemoryLayout<T>.size }
    return T(littleEndian: file.load(offset, as: type))
  }

  mutating func string() -> Bytes {
    let n = Int(number(UInt64.self))
    defer { offset += n }
    return file.slice(offset, offset + n)
  }

  mutating func source() throws -> VocabularySource {
    _ = number(UInt64.self)
    var source = VocabularySource(
      tokens: StringArray(proven: Bytes(""), count: 0),
      merges: StringArray(proven: Bytes(""), count: 0), model: Bytes(""), pre: Bytes(""))
    for _ in 0..<number(UInt64.self) {
      let key = string()
      let type = number(UInt32.self)
      switch type {
      case 8:
        let value = string()
        if key == "tokenizer.ggml.model" { source.model = value }
        if key == "tokenizer.ggml.pre" { source.pre = value }
        if key == "tokenizer.chat_template" { source.chatTemplate = value }
      case 9:
        let element = number(UInt32.self)
        let count = Int(number(UInt64.self))
        let from = offset
        if element == 8 {
          for _ in 0..<count { _ = string() }
          let strings = StringArray(proven: file.slice(from, offset), count: count)
          if key == "tokenizer.ggml.tokens" { source.tokens = strings }
          if key == "tokenizer.ggml.merges" { source.merges = strings }
        } else {
          let sizes: [UInt32: Int] = [0: 1, 1: 1, 2: 2, 3: 2, 7: 1, 10: 8, 11: 8, 12: 8]
          offset += count * (sizes[element] ?? 4)
          if key == "tokenizer.ggml.token_type" { source.types = file.slice(from, offset) }
        }
      default:
        let sizes: [UInt32: Int] = [0: 1, 1: 1, 2: 2, 3: 2, 7: 1, 10: 8, 11: 8, 12: 8]
        let size = sizes[type] ?? 4
        if size == 4 {
          let value = file.load(offset, as: UInt32.self)
          if key == "tokenizer.ggml.eos_token_id" { source.eos = value }
          if key == "tokenizer.ggml.bos_token_id" { source.bos = value }
        }
        offset += size
      }
    }
    return source
  }
}

struct FixtureLine: Decodable {
  let utf8_hex: String
  let hf_off: [Int32]
  let hf_on: [Int32]?

  var text: [UInt8] {
    let digits = Array(utf8_hex.utf8).map { $0 < 58 ? $0 - 48 : $0 - 87 }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}

enum Fixtures {
  /// The thinned copies, then the full set if it lies in `shared/fixtures` beside the checkout.
  static var folders: [String] {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent()
    var found = [tests.appendingPathComponent("Fixtures/tokenizer").path]
    var up = tests
    while up.path != "/" {
      up = up.deletingLastPathComponent()
      let full = up.appendingPathComponent("shared/fixtures/tokenizer").path
      if FileManager.default.fileExists(atPath: full) { found.append(full) }
    }
    return found
  }

  static func tokenizer(
    _ name: String, in folder: String? = nil, maximumPieceBytes: Int = 1 << 16
  ) throws -> Tokenizer {
    var reader = try MetadataReader(path: "\(folder ?? folders[0])/\(name).gguf")
    return try Tokenizer(try reader.source(), maximumPieceBytes: maximumPieceBytes)
  }

  static func lines(_ name: String, in folder: String) throws -> [FixtureLine] {
    try String(contentsOfFile: "\(folder)/\(name).jsonl", encoding: .utf8).split(separator: "\n")
      .map { try JSONDecoder().decode(FixtureLine.self, from: Data($0.utf8)) }
  }
}
