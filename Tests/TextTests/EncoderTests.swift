import Foundation
import LintelCore
import Testing

import LintelText

/// Merging as it is defined: the lowest rank first, the leftmost among equals.
func naiveMerge(_ piece: [UInt8], _ vocabulary: Vocabulary) -> [Int32] {
  var ids = piece.map { vocabulary.byteTokens[Int($0)] }
  while true {
    let ranks = zip(ids, ids.dropFirst()).map { vocabulary.rank($0, $1) }
    guard let best = ranks.min(), best != Vocabulary.noRank,
      let i = ranks.firstIndex(of: best)
    else { return ids }
    ids[i] = Int32(vocabulary.merged[Int(best)])
    ids.remove(at: i + 1)
  }
}

func merged(_ piece: [UInt8], _ tokenizer: Tokenizer) -> (ids: [Int32], lookups: Int) {
  piece.withBytes { bytes in
    let out = buffer(Int32.self, bytes.count)
    defer { free(out) }
    var sink = TokenSink(out)
    let lookups = tokenizer.encoder.merger.merge(bytes, tokenizer.vocabulary, into: &sink)
    return ((0..<sink.count).map { out[$0] }, lookups)
  }
}

@Test func mergingEqualsItsDefinition() throws {
  let source = randomSource(merges: 3000, extra: 0, pre: "qwen35", seed: 9)
  let tokenizer = try Tokenizer(source, maximumPieceBytes: 5000)
  var noise = Noise(4)
  let letters = Array("etaoinshrdlu ".utf8)
  for round in 0..<400 {
    let n = round < 300 ? 1 + noise.below(40) : 1 + noise.below(700)
    let alphabet = 1 + noise.below(letters.count)
    let piece = (0..<n).map { _ in letters[noise.below(alphabet)] }
    #expect(merged(piece, tokenizer).ids == naiveMerge(piece, tokenizer.vocabulary))
  }
  #expect(tokenizer.guardIsIntact)
}

/// One word of a million bytes: exact size, three look-ups a byte at most, nothing lost.
@Test(arguments: [0, 1, 2, 3])
func aHugeWordTakesBoundedWork(_ kind: Int) throws {
  let n = 1 << 20
  let tokenizer = try Fixtures.tokenizer("tok-kimi-k2", maximumPieceBytes: n)
  var noise = Noise(6)
  let piece: [UInt8] =
    switch kind {
    case 0: [UInt8](repeating: 97, count: n)
    case 1: (0..<n).map { _ in UInt8(97 + noise.below(26)) }
    case 2: (0..<n).map { UInt8(97 + $0 % 2) }
    default: (0..<n).map { _ in UInt8(32) }
    }
  let (ids, lookups) = merged(piece, tokenizer)
  #expect(lookups <= 3 * n)
  #expect(try tokenizer.decode(ids) == piece)
  #expect(try tokenizer.encode(piece) == ids)
  #expect(tokenizer.guardIsIntact)
  // One byte more than declared is refused, with both numbers.
  do {
    _ = try tokenizer.encode(piece + [piece[0]])
    Issue.record("a piece beyond the limit was accepted")
  } catch let failure as Failure {
    #expect(failure.status == .capacity)
    #expect(failure.needed == Int64(n + 1) && failure.available == Int64(n))
  }
}

@Test func longTextsNeedNoMoreScratchThanTheirPieces() throws {
  for name in ["tok-kimi-k2", "tok-qwen35"] {
    let small = try Fixtures.tokenizer(name, maximumPieceBytes: 64)
    let large = try Fixtures.tokenizer(name)
    let sentence = "Déjà vu e\u{301}te\u{301} 한국어 \u{1112}\u{1161}\u{11AB} 中文 don't HelloWorld 12345!!\n\n  x "
    let text = Array(String(repeating: sentence, count: 500).utf8)
    #expect(try small.encode(text) == large.encode(text))
    #expect(small.guardIsIntact)
    #expect(throws: Failure.self) { try small.encode([UInt8](repeating: 97, count: 65)) }
    // Normalized text is refused by the same limit, wherever the long piece stands.
    let long = "e\u{301} " + String(repeating: "e\u{301}", count: 80)
    #expect(throws: Failure.self) { try small.encode(long) }
  }
}

/// The window must not change what is found: any width gives the same pieces.
@Test func theNormalizationWindowIsInvisible() throws {
  var noise = Noise(8)
  let parts = ["e\u{301}", " ", "\n", "abc", "'s", "\u{1112}\u{1161}", "!", "12", "\u{3000}", "O\u{328}\u{304}"]
  let wide = try Fixtures.tokenizer("tok-qwen35")
  for width in [24, 31, 40] {
    let narrow = try Fixtures.tokenizer("tok-qwen35", maximumPieceBytes: width)
    for _ in 0..<300 {
      let text = (0..<60).map { _ in parts[noise.below(parts.count)] }.joined()
      let expected = try wide.encode(text)
      do { #expect(try narrow.encode(text) == expected) } catch let failure as Failure {
        #expect(failure.status == .capacity)
      }
    }
    #expect(narrow.guardIsIntact)
  }
}

@Test func randomTextSurvivesTheRoundTrip() throws {
  var noise = Noise(12)
  for name in ["tok-kimi-k2", "tok-qwen35"] {
    let tokenizer = try Fixtures.tokenizer(name)
    for _ in 0..<3000 {
      let scalars = (0..<noise.below(30)).compactMap { _ -> Unicode.Scalar? in
        let wide = [0x80, 0x800, 0x10000, 0x110000][noise.below(4)]
        return Unicode.Scalar(UInt32(noise.below(wide)))
      }
      let text = Array(String(String.UnicodeScalarView(scalars)).utf8)
      for parse in [false, true] {
        let ids = try tokenizer.encode(text, parseSpecial: parse)
        let back = try tokenizer.decode(ids)
        #expect(back == (name == "tok-qwen35" ? normalized(text) : text))
      }
    }
    // Any bytes at all: an answer or a refusal that names the offset.
    for _ in 0..<3000 {
      let text = (0..<noise.below(20)).map { _ in UInt8(truncatingIfNeeded: noise.next()) }
      let offset = text.withBytes { Utf8.firstInvalid($0) }
      do {
        _ = try tokenizer.encode(text)
        #expect(offset == nil)
      } catch let failure as Failure {
        #expect(failure.status == .utf8 && failure.needed == Int64(offset ?? -1))
      }
    }
    #expect(tokenizer.guardIsIntact)
  }
}

@Test func tooLittleRoomSaysHowMuchIsNeeded() throws {
  let tokenizer = try Fixtures.tokenizer("tok-kimi-k2")
  let expected = try tokenizer.encode("Hello world, hello tokens")
  let out = buffer(Int32.self, 2)
  defer { free(out) }
  do {
    _ = try tokenizer.encoder.encode(
      keep("Hello world, hello tokens"), tokenizer.vocabulary, parseSpecial: false, into: out)
    Issue.record("accepted")
  } catch {
    #expect(error.status == .capacity && error.needed == Int64(expected.count))
  }
}
