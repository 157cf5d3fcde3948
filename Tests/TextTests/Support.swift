import Foundation
import Testing
import LintelCore
import LintelText

extension Array where Element == UInt8 {
  func withBytes<R>(_ body: (Bytes) throws -> R) rethrows -> R {
    try withUnsafeBytes { raw in
      if let base = raw.baseAddress { return try body(Bytes(start: base, count: raw.count)) }
      return try body(Bytes(""))
    }
  }
}

/// Bytes that live for the rest of the test run.
func keep(_ bytes: [UInt8]) -> Bytes {
  let p = UnsafeMutableRawPointer.allocate(byteCount: max(bytes.count, 1), alignment: 16)
  bytes.withUnsafeBytes { p.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(p), byteCount: bytes.count) }
  return Bytes(start: p, count: bytes.count)
}

func keep(_ text: String) -> Bytes { keep(Array(text.utf8)) }

func array(_ bytes: Bytes) -> [UInt8] { (0..<bytes.count).map { bytes[$0] } }

func sentenceText(_ failure: Failure) -> String {
  String(decoding: (0..<failure.sentence.count).map { failure.sentence.bytes[$0] }, as: UTF8.self)
}

func stringArray(_ strings: [[UInt8]]) -> StringArray {
  var all: [UInt8] = []
  for s in strings {
    withUnsafeBytes(of: UInt64(s.count).littleEndian) { all.append(contentsOf: $0) }
    all.append(contentsOf: s)
  }
  return StringArray(proven: keep(all), count: strings.count)
}

func buffer<T: BitwiseCopyable>(_ type: T.Type, _ count: Int) -> Buffer<T> {
  let p = UnsafeMutablePointer<T>.allocate(capacity: max(count, 1))
  memset(p, 0, max(count, 1) * MemoryLayout<T>.stride)
  return Buffer(base: p, count: count)
}

func free<T>(_ buffer: Buffer<T>) { buffer.base.deallocate() }

/// Deterministic noise for fuzz-like tests.
struct Noise {
  var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    let x = state
    return (x ^ (x >> 29)) &* 0xBF58_476D_1CE4_E5B9 ^ (x >> 32)
  }
  mutating func below(_ n: Int) -> Int { Int(next() >> 33) % n }
}

/// A vocabulary with its encoder, in memory of exactly the planned size plus a guard.
final class Tokenizer {
  let memory: UnsafeMutableRawPointer
  let bytes: Int
  let indexBytes: Int
  let vocabulary: Vocabulary
  let encoder: Encoder

  init(_ source: VocabularySource, maximumPieceBytes: Int = 1 << 16) throws {
    var measuring = Arena.measuring()
    _ = try Vocabulary(arena: &measuring, source: source)
    indexBytes = measuring.used
    _ = try Encoder(arena: &measuring, maximumPieceBytes: maximumPieceBytes)
    bytes = measuring.used
    memory = .allocate(byteCount: bytes + 64, alignment: 64)
    memset(memory, 0xA5, bytes + 64)
    var arena = Arena(memory: memory, bytes: bytes)
    vocabulary = try Vocabulary(arena: &arena, source: source)
    encoder = try Encoder(
      arena: &arena, maximumPieceBytes: maximumPieceBytes)
    try vocabulary.index()
  }

  deinit { memory.deallocate() }

  var guardIsIntact: Bool {
    (0..<64).allSatisfy { memory.load(fromByteOffset: bytes + $0, as: UInt8.self) == 0xA5 }
  }

  func encode(_ text: [UInt8], parseSpecial: Bool = false) throws -> [Int32] {
    try text.withBytes { bytes in
      // Normalization can make a text three times as long.
      let out = buffer(Int32.self, 3 * bytes.count)
      defer { free(out) }
      let n = try encoder.encode(bytes, vocabulary, parseSpecial: parseSpecial, into: out)
      return (0..<n).map { out[$0] }
    }
  }

  func encode(_ text: String, parseSpecial: Bool = false) throws -> [Int32] {
    try encode(Array(text.utf8), parseSpecial: parseSpecial)
  }

  func decode(_ ids: [Int32], rendersSpecial: Bool = true) throws -> [UInt8] {
    let out = buffer(UInt8.self, max(vocabulary.longestTokenBytes, 1))
    defer { free(out) }
    var text: [UInt8] = []
    for id in ids {
      let n = try vocabulary.copyBytes(id, rendersSpecial: rendersSpecial, into: out)
      text.append(contentsOf: (0..<n).map { out[$0] })
    }
    return text
  }
}

extension Failure: CustomTestStringConvertible {
  package var testDescription: String { "status \(status.rawValue): \(sentenceText(self))" }
}
