import Foundation
import LintelCore
import LintelStructure
import LintelText
import Testing

/// A model's grammar memory over a vocabulary.
final class Store {
  let vocabulary: Vocabulary
  let trie: TokenTrie
  let memory: UnsafeMutableRawPointer
  let bytes: Int
  var arena: Arena
  var tokens: [[UInt8]] = []

  init(_ source: VocabularySource, bytes: Int) throws {
    vocabulary = try Tokenizer(source, maximumPieceBytes: 1 << 10).keepAlive().vocabulary
    self.bytes = bytes
    memory = .allocate(byteCount: bytes, alignment: 64)
    arena = Arena(memory: memory, bytes: bytes)
    trie = try TokenTrie(&arena, vocabulary)
    var b = InlineArray<256, UInt8>(repeating: 0)
    for id in 0..<vocabulary.count {
      let n = vocabulary.textBytes(Int32(id), &b)
      tokens.append((0..<n).map { b[$0] })
    }
  }

  func grammar(_ text: String, kind: GrammarKind = .jsonSchema) throws -> Grammar {
    var a = arena
    defer { arena = a }
    return try Array(text.utf8).withBytes {
      try Grammar.compile(&a, GrammarOptions(kind: kind, text: $0), trie, vocabulary)
    }
  }

  func mask(_ g: Grammar, _ state: Int32) -> [UInt64] {
    let m = buffer(UInt64.self, trie.words)
    defer { free(m) }
    g.mask(state, into: m)
    return (0..<trie.words).map { m[$0] }
  }
}

extension Tokenizer {
  /// For the rest of the test run.
  func keepAlive() -> Tokenizer {
    _ = Unmanaged.passRetained(self)
    return self
  }
}

let maskSchemas = [
  #"{"properties": {"s": {"type": "string"}, "t": {"type": "string", "minLength": 2, "maxLength": 20}, "n": {"type": "number", "minimum": -3, "maximum": 250}, "e": {"enum": ["north", "northeast", "no"]}}, "required": ["s", "t"]}"#,
  #"{"type": "object", "properties": {"abc": {"type": "null"}}, "additionalProperties": {"type": "string", "maxLength": 3}}"#,
  #"{"type": "string", "pattern": "^[a-z ]{0,40}$"}"#,
  #"{"type": "string", "pattern": "^([\u0400-\u04ff]|[0-9a-f]{4})+$"}"#,
  "{}",
]

/// For every state, every token: allowed if and only if the automaton can consume its bytes.
func compareAll(_ store: Store, _ g: Grammar, states: [Int32]) {
  for s in states {
    let mask = store.mask(g, s)
    var wrong = 0
    for (id, bytes) in store.tokens.enumerated() {
      let expected = !bytes.isEmpty && bytes.withBytes { g.advance(s, $0) } >= 0
      if (mask[id / 64] >> UInt64(id % 64) & 1 == 1) != expected { wrong += 1 }
    }
    #expect(wrong == 0, "state \(s): \(wrong) tokens")
    if !g.isAccepting(s) { #expect(mask.contains { $0 != 0 }) }
  }
}

@Test(arguments: ["tok-qwen35", "tok-kimi-k2"])
func masksAreThoseOfBruteForce(_ name: String) throws {
  let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../Fixtures/tokenizer/\(name).gguf").path
  var reader = try MetadataReader(path: path)
  let store = try Store(try reader.source(), bytes: 24 << 20)
  for schema in maskSchemas {
    let g = try store.grammar(schema)
    compareAll(store, g, states: (0..<Int32(g.automaton.states.count)).filter { $0 % 3 == 0 || $0 < 60 })
  }
}

/// Whether a token can begin with a text and go on behind it, against all tokens.
@Test(arguments: ["tok-qwen35", "tok-kimi-k2"])
func openEndsAreThoseOfBruteForce(_ name: String) throws {
  let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../Fixtures/tokenizer/\(name).gguf").path
  var reader = try MetadataReader(path: path)
  let store = try Store(try reader.source(), bytes: 24 << 20)
  var noise = Noise(5)
  var open = 0
  var closed = 0
  for schema in maskSchemas {
    let g = try store.grammar(schema)
    for _ in 0..<200 {
      let token = store.tokens[noise.below(store.tokens.count)]
      if token.isEmpty { continue }
      let text = Array(token.prefix(1 + noise.below(token.count)))
      let state = Int32(noise.below(g.automaton.states.count))
      let expected = store.tokens.contains {
        $0.count > text.count && $0.starts(with: text)
          && Array($0.dropFirst(text.count)).withBytes { g.advance(state, $0) } >= 0
      }
      #expect(text.withBytes { g.isOpen($0, state) } == expected)
      if expected { open += 1 } else { closed += 1 }
    }
  }
  #expect(open > 50 && closed > 50)
}

@Test func masksOfALargeVocabularyAreRightAndQuick() throws {
  let store = try Store(
    randomSource(merges: 247_587, extra: 473, pre: "qwen35", seed: 3), bytes: 48 << 20)
  #expect(store.vocabulary.count == 248_320)
  print("tree: \(store.trie.nodes.count) nodes, \(store.arena.used) bytes; odd walk \(store.trie.oddVisits)")
  for schema in maskSchemas {
    let start = Date()
    let before = store.arena.used
    let g = try store.grammar(schema)
    let seconds = Date().timeIntervalSince(start)
    let all = Int32(g.automaton.states.count)
    var noise = Noise(3)
    compareAll(store, g, states: (0..<12).map { _ in Int32(noise.below(Int(all))) })
    // Every state once: the time of a mask.
    let m = buffer(UInt64.self, store.trie.words)
    defer { free(m) }
    var times: [Double] = []
    for s in 0..<all { times.append(processorTime { g.mask(s, into: m) } * 1e6) }
    times.sort()
    print(
      "\(all) states, \(store.arena.used - before) bytes, compiled in", Int(seconds * 1000), "ms; mask: median",
      times[times.count / 2], "us, maximum", times[times.count - 1], "us")
    #expect(times[times.count / 2] <= 1000 && times[times.count - 1] <= 10_000)
  }
}

/// LINTEL_VOCABULARY (a GGUF file) and LINTEL_TOOLS or LINTEL_SCHEMA: the time of a mask per step, along
/// LINTEL_ANSWER spelled by the longest tokens, and in every state.
@Test(.enabled(if: ProcessInfo.processInfo.environment["LINTEL_VOCABULARY"] != nil))
func masksOfAFile() throws {
  let environment = ProcessInfo.processInfo.environment
  var reader = try MetadataReader(path: environment["LINTEL_VOCABULARY"] ?? "")
  var store: Store?
  let built = try processorTime { store = try Store(try reader.source(), bytes: 64 << 20) }
  guard let store else { return }
  let path = environment["LINTEL_TOOLS"] ?? environment["LINTEL_SCHEMA"] ?? ""
  let text = try String(contentsOfFile: path, encoding: .utf8)
  let before = store.arena.used
  var grammar: Grammar?
  let compiled = try processorTime {
    grammar = try store.grammar(text, kind: environment["LINTEL_TOOLS"] == nil ? .jsonSchema : .tools)
  }
  guard let g = grammar else { return }
  let m = buffer(UInt64.self, store.trie.words)
  defer { free(m) }
  func figures(_ states: [Int32]) -> String {
    var times: [Double] = []
    for s in states { times.append(processorTime { g.mask(s, into: m) } * 1e6) }
    times.sort()
    return String(
      format: "median %.1f us, maximum %.1f us", times[times.count / 2], times[times.count - 1])
  }
  print(
    "\(store.vocabulary.count) tokens: tree of \(store.trie.nodes.count) nodes, \(before) bytes,",
    "odd walk \(store.trie.oddVisits), vocabulary and tree \(Int(built * 1000)) ms")
  print(
    "\(g.automaton.states.count) states, \(g.rows.count / store.trie.words) masks,",
    "\(store.arena.used - before) bytes, compiled in \(String(format: "%.1f", compiled * 1000)) ms")
  let answer = Array((environment["LINTEL_ANSWER"] ?? "").utf8)
  var byBytes: [[UInt8]: Int] = [:]
  for (id, bytes) in store.tokens.enumerated() where !bytes.isEmpty { byBytes[bytes] = id }
  var states: [Int32] = []
  var state = Automaton.start
  var i = 0
  while i < answer.count {
    states.append(state)
    var n = min(32, answer.count - i)
    while n > 1 && byBytes[Array(answer[i..<i + n])] == nil { n -= 1 }
    state = Array(answer[i..<i + n]).withBytes { g.advance(state, $0) }
    #expect(state >= 0)
    if state < 0 { return }
    i += n
  }
  if !states.isEmpty { print("\(states.count) steps of the answer:", figures(states)) }
  print("every state:", figures((0..<Int32(g.automaton.states.count)).map { $0 }))
}

@Test func memoryThatIsTooSmallIsRefusedWithNumbers() throws {
  let source = randomSource(merges: 5000, extra: 10, pre: "qwen35", seed: 4)
  let store = try Store(source, bytes: 4 << 20)
  var low = 0
  var high = 4 << 20
  // The smallest that works is what a refusal says, but for alignment.
  while high - low > 64 {
    let middle = (low + high) / 2 / 64 * 64
    do {
      _ = try Store(source, bytes: middle)
      high = middle
    } catch let f as Failure {
      #expect(f.status == .grammarSize && f.needed > f.available)
      low = middle
    }
  }
  #expect(high < 4 << 20 && high > store.arena.used)
  do {
    _ = try Store(source, bytes: high)
  } catch { Issue.record("the smallest does not work") }
}
