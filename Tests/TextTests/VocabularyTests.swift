import Foundation
import LintelCore
import Testing

import LintelText

/// A small vocabulary of bytes, a few merges and special tokens, to be broken one way at a time.
struct Parts {
  var tokens: [[UInt8]] = (0..<256).map { spelled([UInt8($0)]) }
  var types = [Int32](repeating: 1, count: 256)
  var merges: [[UInt8]] = []
  var pre = "qwen35"
  var model = "gpt2"
  var change: (inout VocabularySource) -> Void = { _ in }

  mutating func token(_ text: String, _ type: Int32 = 1) {
    tokens.append(Array(text.utf8))
    types.append(type)
  }

  mutating func merge(_ a: String, _ b: String) {
    token(a + b)
    merges.append(Array("\(a) \(b)".utf8))
  }

  init() {
    merge("a", "b")
    merge("ab", "c")
    merge("Ġ", "ab")
    token("<|im_start|>", 3)
    token("<|im_end|>", 3)
    token("<think>", 4)
  }

  func source() -> VocabularySource {
    var source = VocabularySource(
      tokens: stringArray(tokens), merges: stringArray(merges), model: keep(model), pre: keep(pre))
    source.types = keep(types.withUnsafeBytes { Array($0) })
    change(&source)
    return source
  }
}

/// The status and the sentence with which a vocabulary is refused.
func refusal(_ change: (inout Parts) -> Void) -> (Status, String) {
  var parts = Parts()
  change(&parts)
  do {
    _ = try Tokenizer(parts.source(), maximumPieceBytes: 100)
    return (.ok, "")
  } catch let failure as Failure {
    return (failure.status, sentenceText(failure))
  } catch {
    return (.ok, "\(error)")
  }
}

@Test func brokenVocabulariesAreRefusedWithTheirPlace() {
  let cases: [(Status, String, (inout Parts) -> Void)] = [
    (.unsupported, "tokenizer.ggml.model is llama", { $0.model = "llama" }),
    (.unsupported, "tokenizer.ggml.pre is \\x0a", { $0.pre = "\n" }),
    (.missing, "tokenizer.ggml.tokens is empty", { $0.tokens = [] }),
    (.missing, "tokenizer.ggml.merges is absent", { $0.merges = [] }),
    (.missing, "tokenizer.ggml.tokens has no token for the byte 65", { $0.tokens[65] = [66] }),
    (.missing, "no token for the byte 32", { $0.types[32] = 3 }),
    (.shape, "tokenizer.ggml.token_type has 261 elements for 262", { $0.types.removeLast() }),
    (.format, "tokenizer.ggml.token_type[3] is 7", { $0.types[3] = 7 }),
    (.format, "tokenizer.ggml.token_type[3] is -2147483648", { $0.types[3] = .min }),
    (.format, "tokenizer.ggml.merges[3] is not two tokens", { $0.merges.append([97]) }),
    (.format, "tokenizer.ggml.merges[3] is not two tokens", { $0.merges.append([]) }),
    (.format, "tokenizer.ggml.merges[3] is not two tokens", { $0.merges.append([97, 32]) }),
    (.utf8, "tokenizer.ggml.tokens[262] is not valid", { $0.tokens.append([0xC3]); $0.types.append(1) }),
    (.utf8, "tokenizer.ggml.tokens[262] is not valid", { $0.tokens.append([0xFF]); $0.types.append(3) }),
    (.limit, "tokenizer.ggml.tokens[262] is 4097 bytes",
      { $0.token(String(repeating: "x", count: 4097)) }),
    (.limit, "tokenizer.ggml.tokens[262] is 257 bytes",
      { $0.token(String(repeating: "x", count: 257), 4) }),
    (.limit, "tokenizer.ggml.merges[3] is 9000 bytes",
      { $0.merges.append([UInt8](repeating: 97, count: 9000)) }),
    (.format, "tokenizer.ggml.eos_token_id is 262", { $0.change = { $0.eos = 262 } }),
    (.format, "tokenizer.ggml.bos_token_id is 4294967295", { $0.change = { $0.bos = .max } }),
    (.missing, "tokenizer.ggml.add_bos_token is set", { $0.change = { $0.addBos = true } }),
  ]
  for (status, text, change) in cases {
    let (got, sentence) = refusal(change)
    #expect(got == status, "\(text): \(sentence)")
    #expect(sentence.contains(text), "\(sentence)")
  }
  #expect(refusal { _ in }.0 == .ok)
}

@Test func oddVocabulariesAreAccepted() throws {
  var parts = Parts()
  parts.token("ab")  // a repetition
  parts.token("")
  parts.token("", 3)
  parts.token("", 4)
  parts.token("<think>", 3)  // control under a user-defined token's text
  parts.token("dé", 1)  // é is in the alphabet, one byte
  parts.token("日", 1)  // outside the alphabet: its own three bytes
  parts.token("[gap]", 5)
  parts.merges.append(parts.merges[0])  // a repetition
  parts.merges.append(Array("d e".utf8))
  parts.token("de", 3)  // a merge that would make a control token
  parts.merges.append([97, 32, 97])  // into what is no token: never taken
  parts.merges.append([0xFF, 32, 0xFE])
  parts.types[200] = 0
  let tokenizer = try Tokenizer(parts.source(), maximumPieceBytes: 100)
  let v = tokenizer.vocabulary
  #expect(try tokenizer.encode("abc ab") == [257, 258])
  #expect(try tokenizer.encode("de") == [100, 101])
  #expect(try tokenizer.encode("a<think>de", parseSpecial: true) == [97, 261, 270])
  #expect(try tokenizer.encode("a<|im_end|>").count == 11)
  #expect(try tokenizer.encode("a<|im_end|>", parseSpecial: true) == [97, 260])
  #expect(try tokenizer.decode([267, 268]) == [0x64, 0xE9] + Array("日".utf8))
  #expect(try tokenizer.decode([260, 97], rendersSpecial: false) == [97])
  #expect(try tokenizer.decode([260, 97]) == Array("<|im_end|>a".utf8))
  #expect(try tokenizer.decode([261], rendersSpecial: false) == Array("<think>".utf8))
  #expect(v.byteCount(260) == 10 && v.byteCount(-1) == 0 && v.byteCount(10_000) == 0)
  for id in [-1, Int32(v.count), .max, .min] {
    #expect(throws: Failure.self) { try tokenizer.decode([id]) }
  }
}

@Test func theLongestSpecialTokenWinsAtTheLeftmostPlace() throws {
  var parts = Parts()
  for text in ["<a", "<a>", "<a><b", "<b>", "中文", "中", "<a>x<b>"] { parts.token(text, 4) }
  let tokenizer = try Tokenizer(parts.source(), maximumPieceBytes: 100)
  #expect(try tokenizer.encode("<a><b>") == [264, 62])
  #expect(try tokenizer.encode("<a>x<b") == [263, 120, 60, 98])
  #expect(try tokenizer.encode("<a>x<b>") == [268])
  #expect(try tokenizer.encode("<<a中文中") == [60, 262, 266, 267])
  #expect(try tokenizer.encode("<") == [60])
}

/// tiktoken's way: no merges, a token's id is its rank.
@Test func idsServeAsRanksWithoutMerges() throws {
  var parts = Parts()
  parts.pre = "kimi-k2"
  parts.merges = []
  let tokenizer = try Tokenizer(parts.source(), maximumPieceBytes: 100)
  #expect(try tokenizer.encode("abc") == [257])
  #expect(try tokenizer.encode("abcab abc") == [257, 256, 32, 257])
}

/// Tables of every size, and every byte of the file's values changed: an index or a refusal.
@Test func changedBytesNeverTrap() throws {
  var noise = Noise(14)
  for _ in 0..<3000 {
    var parts = Parts()
    for _ in 0..<1 + noise.below(4) {
      switch noise.below(4) {
      case 0: parts.types[noise.below(parts.types.count)] = Int32(noise.below(9)) - 1
      case 1:
        let i = noise.below(parts.tokens.count)
        parts.tokens[i] = (0..<noise.below(4)).map { _ in UInt8(truncatingIfNeeded: noise.next()) }
      case 2:
        let i = noise.below(parts.merges.count)
        parts.merges[i] = (0..<noise.below(6)).map { _ in UInt8(truncatingIfNeeded: noise.next()) }
      default:
        let i = noise.below(parts.tokens.count)
        parts.tokens[i] = parts.tokens[noise.below(parts.tokens.count)]
      }
    }
    guard let tokenizer = try? Tokenizer(parts.source(), maximumPieceBytes: 100) else { continue }
    _ = try? tokenizer.encode("abc <think> ab<|im_end|> é", parseSpecial: true)
    #expect(tokenizer.guardIsIntact)
  }
}
