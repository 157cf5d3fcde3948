// Reference answers (see Tests/Fixtures/models/README.md), and where they are found.

import Foundation
import Testing

struct Reference: Decodable {
  struct Rows: Decodable {
    var offset: Int
    var shape: [Int]
  }

  struct Agreement: Decodable {
    var klMean: Double
    /// Only where the other side is llama.cpp.
    var maxAbs: Double?
    enum CodingKeys: String, CodingKey {
      case klMean = "kl_mean"
      case maxAbs = "max_abs"
    }
  }

  struct Prompt: Decodable {
    var id: String
    var ids: [Int32]
    /// Which positions the rows of `hf` are for.
    var positions: [Int]
    var hf: Rows
    /// Of every position: token of the greatest logit, that logit, log-sum-exp.
    var summary: Rows
    var greedy: [Int32]
    var greedyMargin: [Double]
    /// Between the reference and llama.cpp.
    var agreement: Agreement

    enum CodingKeys: String, CodingKey {
      case id, ids, positions, hf, agreement
      case summary = "summary_hf"
      case greedy = "greedy_hf"
      case greedyMargin = "greedy_hf_margin"
    }
  }

  var prompts: [Prompt]
}

/// One model file with its reference.
struct Fixture: Sendable, CustomTestStringConvertible {
  let path: String
  var name: String { URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent }
  /// "kimi Q4_K_M": what is judged together.
  var kind: String {
    let parts = name.split(separator: "-")
    return "\(parts.first ?? "") \(parts.last ?? "")"
  }
  var testDescription: String { name }

  func reference() throws -> (Reference, [Float]) {
    let base = String(path.dropLast(5))
    let json = try Data(contentsOf: URL(fileURLWithPath: base + ".ref.json"))
    let bytes = try Data(contentsOf: URL(fileURLWithPath: base + ".ref.bin"))
    let floats = bytes.withUnsafeBytes { raw in
      stride(from: 0, to: raw.count - 3, by: 4).map {
        Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: $0, as: UInt32.self)))
      }
    }
    return (try JSONDecoder().decode(Reference.self, from: json), floats)
  }

  /// Those in the repository, and the full set where it is present; of equal names the full one.
  static let all: [Fixture] = {
    var byName: [String: Fixture] = [:]
    for folder in folders {
      let files = FileManager.default.enumerator(atPath: folder)
      while let file = files?.nextObject() as? String {
        let fixture = Fixture(path: folder + "/" + file)
        let base = String(fixture.path.dropLast(5))
        guard file.hasSuffix(".gguf"),
          FileManager.default.fileExists(atPath: base + ".ref.json")
        else { continue }
        byName[fixture.name] = fixture
      }
    }
    return byName.values.sorted { $0.name < $1.name }
  }()

  /// For what does not depend on the numbers.
  static var small: Fixture? { all.first { $0.name == "kimi-kq-tiny-Q4_K_M" } }

  private static var folders: [String] { [roots[0] + "/models", roots[1]] }

  /// The repository's fixtures, and the full set's.
  static let roots: [String] = {
    let root = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let beside = root.deletingLastPathComponent().appendingPathComponent("shared/fixtures").path
    let full = ProcessInfo.processInfo.environment["LINTEL_FIXTURES"] ?? beside
    return [root.appendingPathComponent("Tests/Fixtures").path, full]
  }()
}
