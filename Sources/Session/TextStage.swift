// From token to text that may be shown: bytes of the token, whole characters, stop strings.

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelText
import LintelWeights

struct TextStage {
  static var stopsMax: Int { 8 }
  static var stopBytesMax: Int { 128 }

  let bytes: Buffer<UInt8>
  let characters: Buffer<UInt8>
  let out: Buffer<UInt8>
  var stream = Utf8Stream()
  var stops: StopMatcher
  /// Per recent token: bytes of text that came before its own; -1 if it has none.
  let starts: Buffer<Int>
  private var fed = 0
  private var passed = 0
  private var count = 0

  /// Remembers where the text of the last `tokens` tokens began.
  init(_ arena: inout Arena, tokens: Int) throws(Failure) {
    let tokenBytes = Vocabulary.maximumTokenBytes
    let charactersMax = Utf8Stream.maximumOutput(tokenBytes)
    bytes = try arena.carve(UInt8.self, tokenBytes, "text of a token")
    characters = try arena.carve(UInt8.self, charactersMax, "text of a token")
    out = try arena.carve(
      UInt8.self, charactersMax + TextStage.stopBytesMax * 2 + 8, "text of a token")
    stops = try StopMatcher(
      arena: &arena, maximumCount: TextStage.stopsMax,
      maximumBytes: TextStage.stopsMax * TextStage.stopBytesMax)
    starts = try arena.carve(Int.self, tokens == 0 ? 0 : tokens + 2, "starts of tokens")
  }

  mutating func restart() {
    stream = Utf8Stream()
    stops.removeAll()
    fed = 0
    passed = 0
    count = 0
  }

  /// The text that `token` sets free, and whether a stop string is complete.
  mutating func feed(
    _ token: Int32, _ vocabulary: Vocabulary
  ) throws(Failure) -> (Bytes, isStopped: Bool) {
    let n = try vocabulary.copyBytes(token, rendersSpecial: false, into: bytes)
    let c = try stream.feed(bytes.bytes.slice(0, n), into: characters)
    if starts.count > 0 { starts[count % starts.count] = n == 0 ? -1 : fed }
    count += 1
    let result = try stops.feed(characters.bytes.slice(0, c), into: out)
    fed += c
    passed += result.written
    return (out.bytes.slice(0, result.written), result.stop != nil)
  }

  /// How many of the last tokens hold only text that was held back, or that a stop string has swallowed;
  /// counted as far as `starts` goes.
  var heldTokens: Int {
    if fed == passed && !stream.isInsideCharacter { return 0 }
    var held = 0
    for back in 1..<max(min(count, starts.count) + 1, 1) {
      let start = starts[(count - back) % starts.count]
      if start >= passed { held = back }
      if start >= 0 && start < passed { break }
    }
    return held
  }

  /// What was held back, at the end of the text.
  mutating func finish() throws(Failure) -> Bytes {
    let c = try stream.finish(into: characters)
    var n = 0
    if c > 0 { n = try stops.feed(characters.bytes.slice(0, c), into: out).written }
    n += try stops.finish(into: out, at: n)
    return out.bytes.slice(0, n)
  }
}
