import Foundation
import LintelCore
import LintelText

/// What GPT-2's alphabet writes for bytes.
func spelled(_ bytes: [UInt8]) -> [UInt8] {
  bytes.flatMap { b -> [UInt8] in
    let c = ByteAlphabet.scalar(of: b)
    return c < 0x80 ? [UInt8(c)] : [UInt8(0xC0 | c >> 6), UInt8(0x80 | c & 63)]
  }
}

/// A vocabulary of random merges: mostly words of letters, some of arbitrary bytes.
func randomSource(merges count: Int, extra: Int, pre: String, seed: UInt64) -> VocabularySource {
  var noise = Noise(seed)
  var tokens: [[UInt8]] = (0..<256).map { [UInt8($0)] }
  var known = Set(tokens)
  var merges: [[UInt8]] = []
  let letters = Array("etaoinshrdlucmfwypvbgk ".utf8).map { Int($0) }
  while merges.count < count {
    func pick() -> Int {
      let k = noise.below(8)
      if k == 0 { return noise.below(256) }
      if k < 4 || tokens.count == 256 { return letters[noise.below(letters.count)] }
      return 256 + noise.below(tokens.count - 256)
    }
    let (a, b) = (tokens[pick()], tokens[pick()])
    if a.count + b.count > 14 || !known.insert(a + b).inserted { continue }
    tokens.append(a + b)
    merges.append(spelled(a) + [32] + spelled(b))
  }
  var types = [Int32](repeating: 1, count: tokens.count)
  var texts = tokens.map(spelled)
  for name in ["<|im_start|>", "<|im_end|>", "<think>", "</think>"] {
    texts.append(Array(name.utf8))
    types.append(name.hasPrefix("<|") ? 3 : 4)
  }
  for i in 0..<extra {
    texts.append(Array("<|unused_\(i)|>".utf8))
    types.append(5)
  }
  var source = VocabularySource(
    tokens: stringArray(texts), merges: stringArray(merges), model: Bytes("gpt2"), pre: keep(pre))
  source.types = keep(types.withUnsafeBytes { Array($0) })
  source.eos = UInt32(256 + count + 1)
  return source
}

/// Seconds that this thread has computed: other processes do not disturb the figure.
func processorTime(_ body: () throws -> Void) rethrows -> Double {
  func now() -> Double {
    var t = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t)
    return Double(t.tv_sec) + Double(t.tv_nsec) * 1e-9
  }
  let start = now()
  try body()
  return now() - start
}
