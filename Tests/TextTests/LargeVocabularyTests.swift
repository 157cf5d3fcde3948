import Foundation
import LintelCore
import Testing

import LintelText

@Test func aLargeVocabularyIsSmallAndQuick() throws {
  let source = randomSource(merges: 247_587, extra: 473, pre: "qwen35", seed: 3)
  #expect(source.tokens.count == 248_320)
  var best = Double.infinity
  let tokenizer = try Tokenizer(source)
  for _ in 0..<5 { best = try min(best, processorTime { try tokenizer.vocabulary.index() }) }
  #expect(tokenizer.indexBytes <= 9_000_000)
  let text = Array(
    String(repeating: "The quick brown fox didn't jump over 1234 lazy dogs; naïve café.\n", count: 20_000)
      .utf8)
  var ids: [Int32] = []
  let seconds = try processorTime { ids = try tokenizer.encode(text) }
  #expect(try tokenizer.decode(ids) == text)
  print(
    "index: \(tokenizer.indexBytes) bytes, \(best * 1000) ms; encode: \(Double(text.count) / seconds / 1e6) MB/s,",
    "\(ids.count) tokens")
}
