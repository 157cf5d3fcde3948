// Adapters against merged weights of the reference, for every LoRA fixture that is found.

import CLintel
import Foundation
import Testing

struct AdapterReference: Decodable {
  struct Adapter: Decodable {
    var file: String
    var scale: Float
  }

  struct Case: Decodable {
    var model: String
    var `case`: String
    var adapters: [Adapter]
    var prompt: String
    var ids: [Int32]
    var positions: [Int]
    var hf: Reference.Rows
    var greedy: [Int32]?
    var greedyMargin: [Double]?

    enum CodingKeys: String, CodingKey {
      case model, `case`, adapters, prompt, ids, positions, hf
      case greedy = "greedy_hf"
      case greedyMargin = "greedy_hf_margin"
    }
  }

  var cases: [Case]
}

/// The cases of one model file in one folder.
struct AdapterFixture: Sendable, CustomTestStringConvertible {
  let folder: String
  let model: String
  var testDescription: String { URL(fileURLWithPath: model).lastPathComponent }

  func cases() throws -> ([AdapterReference.Case], [Float]) {
    let all = try AdapterFixture.read(folder)
    let name = URL(fileURLWithPath: model).lastPathComponent
    let bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/lora.ref.bin"))
    let floats = bytes.withUnsafeBytes { raw in
      stride(from: 0, to: raw.count - 3, by: 4).map {
        Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: $0, as: UInt32.self)))
      }
    }
    return (all.cases.filter { $0.model == name }, floats)
  }

  func adapters(_ c: AdapterReference.Case) -> [AdapterChoice] {
    c.adapters.map { AdapterChoice(path: folder + "/" + $0.file, scale: $0.scale) }
  }

  private static func read(_ folder: String) throws -> AdapterReference {
    let json = try Data(contentsOf: URL(fileURLWithPath: folder + "/lora.ref.json"))
    return try JSONDecoder().decode(AdapterReference.self, from: json)
  }

  static let all: [AdapterFixture] = {
    var found: [AdapterFixture] = []
    let manager = FileManager.default
    for root in Fixture.roots {
      let files = manager.enumerator(atPath: root)
      while let file = files?.nextObject() as? String {
        guard file.hasSuffix("lora.ref.json") else { continue }
        let folder = (root + "/" + file as NSString).deletingLastPathComponent
        guard let reference = try? read(folder) else { continue }
        let above = (folder as NSString).deletingLastPathComponent
        for name in Set(reference.cases.map(\.model)).sorted() {
          for place in [above, above + "/models"] where manager.fileExists(atPath: "\(place)/\(name)") {
            found.append(AdapterFixture(folder: folder, model: "\(place)/\(name)"))
          }
        }
      }
    }
    return found
  }()
}

@Suite(.serialized) struct AdapterTests {
  @Test func thereAreFixtures() { #expect(AdapterFixture.all.count >= 3) }

  @Test(arguments: AdapterFixture.all)
  func floatActivations(_ fixture: AdapterFixture) throws {
    let (cases, data) = try fixture.cases()
    var worst: Float = 0
    var greedy = 0
    for c in cases {
      for chunk in [64, 5] as [UInt32] {
        let host = try Host(
          fixture.model,
          Settings(threads: 2, chunk: chunk, isFloat: true, adapters: fixture.adapters(c)))
        let rows = try host.logits(c.ids)
        for (k, position) in c.positions.enumerated() {
          let from = c.hf.offset + k * c.hf.shape[1]
          for (a, b) in zip(data[from..<from + c.hf.shape[1]], rows[position]) {
            worst = max(worst, (a - b).isNaN ? .infinity : abs(a - b))
          }
        }
        guard chunk == 64, let tokens = c.greedy, let margin = c.greedyMargin else { continue }
        let sure = margin.prefix { $0 > Double(ParityTests.tolerance) }.count
        if sure == 0 { continue }
        try host.reset()
        try host.feed(c.ids)
        let answer = try host.generate(Host.generateOptions(sure))
        #expect(answer.ids.prefix(sure) == tokens.prefix(sure), "\(c.case) \(c.prompt)")
        greedy += sure
      }
    }
    print(
      "\(fixture.testDescription) with adapters: \(cases.count) cases, max abs \(worst), \(greedy) greedy tokens"
    )
    #expect(worst <= ParityTests.tolerance)
  }

  /// Rounding activations costs an adapted model no more than 1.5 times what it costs llama.cpp
  /// without an adapter, over all positions of the same prompts; the exact logits are this engine's,
  /// which `floatActivations` has compared.
  @Test func integerActivations() throws {
    var figures: [String: (ours: Double, theirs: Double, positions: Int)] = [:]
    for fixture in AdapterFixture.all {
      let base = Fixture(path: fixture.model)
      if base.name.hasSuffix("F32") { continue }
      let prompts = try base.reference().0.prompts.filter { $0.agreement.maxAbs != nil }
      var seen: Set<String> = []
      for c in try fixture.cases().0 where seen.insert(c.case).inserted {
        let adapters = fixture.adapters(c)
        let exact = try Host(fixture.model, Settings(isFloat: true, adapters: adapters))
        let rounded = try Host(fixture.model, Settings(adapters: adapters))
        for p in prompts {
          let rows = try zip(exact.logits(p.ids), rounded.logits(p.ids))
          var f = figures[base.kind] ?? (0, 0, 0)
          f.ours += rows.reduce(0.0) { $0 + divergence($1.0, $1.1) }
          f.theirs += p.agreement.klMean * Double(p.ids.count)
          f.positions += p.ids.count
          figures[base.kind] = f
        }
      }
    }
    for (kind, f) in figures.sorted(by: { $0.key < $1.key }) {
      let ours = f.ours / Double(f.positions)
      let theirs = f.theirs / Double(f.positions)
      print("\(kind) with adapters: mean KL \(ours), llama.cpp without \(theirs)")
      #expect(ours <= 1.5 * theirs, "\(kind)")
    }
  }

  @Test(arguments: AdapterFixture.all)
  func threadsAndChunksChangeNothing(_ fixture: AdapterFixture) throws {
    guard let c = try fixture.cases().0.max(by: { $0.ids.count < $1.ids.count }) else { return }
    for isFloat in [true, false] {
      for chunk in [64, 7] as [UInt32] {
        var settings = Settings(
          chunk: chunk, isFloat: isFloat, adapters: fixture.adapters(c))
        let one = try Host(fixture.model, settings).logits(c.ids)
        for threads in [2, 3] as [UInt32] {
          settings.threads = threads
          #expect(try Host(fixture.model, settings).logits(c.ids) == one)
        }
      }
    }
  }

  /// A session without its adapters answers as if there were none; with them again, as before.
  @Test(arguments: AdapterFixture.all.prefix(2))
  func switching(_ fixture: AdapterFixture) throws {
    guard let c = try fixture.cases().0.first else { return }
    let plain = try Host(fixture.model, Settings()).logits(c.ids)
    let host = try Host(fixture.model, Settings(adapters: fixture.adapters(c)))
    let adapted = try host.logits(c.ids)
    #expect(adapted != plain)
    try check { lintel_session_set_adapters(host.session, nil, 0, $0) }
    #expect(try host.logits(c.ids) == plain)
    let uses = c.adapters.enumerated().map {
      lintel_adapter_use(slot: UInt32($0.offset), scale: $0.element.scale)
    }
    try check { lintel_session_set_adapters(host.session, uses, UInt32(uses.count), $0) }
    #expect(try host.logits(c.ids) == adapted)
    // Text that was read before keeps its reading.
    try host.reset()
    try host.feed(c.ids.prefix(3))
    _ = try host.logits()
    try check { lintel_session_set_adapters(host.session, nil, 0, $0) }
    try host.feed(c.ids.dropFirst(3))
    let mixed = try host.logits()
    #expect(mixed.last != plain.last && mixed.last != adapted.last)
  }
}
