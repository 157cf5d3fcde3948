import Foundation
import LintelCore
import Testing

import LintelText

/// Feeds `chunks` and returns the text after each, then after `finish`.
func stream(_ chunks: [[UInt8]]) throws -> [[UInt8]] {
  var stream = Utf8Stream()
  var result: [[UInt8]] = []
  for chunk in chunks + [] {
    let out = buffer(UInt8.self, Utf8Stream.maximumOutput(chunk.count))
    defer { free(out) }
    let n = try chunk.withBytes { try stream.feed($0, into: out) }
    result.append((0..<n).map { out[$0] })
  }
  let out = buffer(UInt8.self, 3)
  defer { free(out) }
  let n = try stream.finish(into: out)
  result.append((0..<n).map { out[$0] })
  return result
}

@Test func everySplitGivesWholeCharacters() throws {
  let text = Array("aé中😀\u{301}Z\u{10FFFF}\u{800}".utf8)
  for i in 0...text.count {
    for j in i...text.count {
      let parts = [Array(text[..<i]), Array(text[i..<j]), Array(text[j...])]
      let out = try stream(parts)
      #expect(out.flatMap { $0 } == text)
      for part in out { #expect(part.withBytes { Utf8.firstInvalid($0) } == nil) }
    }
  }
}

/// Broken bytes become U+FFFD exactly as in Swift's own repair, for any split.
@Test func brokenBytesAreReplaced() throws {
  var noise = Noise(1)
  let pool: [UInt8] = [
    0x41, 0x80, 0xBF, 0xC0, 0xC2, 0xE0, 0xA0, 0xED, 0x9F, 0xEF, 0xF0, 0x90, 0xF4, 0x8F, 0xF5, 0xFF,
  ]
  for _ in 0..<20_000 {
    let text = (0..<1 + noise.below(9)).map { _ in pool[noise.below(pool.count)] }
    let expected = Array(String(decoding: text, as: UTF8.self).utf8)
    #expect(try stream([text]).flatMap { $0 } == expected)
    #expect(try stream(text.map { [$0] }).flatMap { $0 } == expected)
    let valid = text.withBytes { Utf8.firstInvalid($0) } == nil
    #expect(valid == (expected == text))
  }
}

@Test func streamsNeedRoom() throws {
  var stream = Utf8Stream()
  let out = buffer(UInt8.self, 5)
  defer { free(out) }
  let one = Bytes("a")
  #expect(throws: Failure.self) { try stream.feed(one, into: out) }
  #expect(throws: Failure.self) { try stream.feed(one, into: out, at: 9) }
}

/// The naive meaning: all text up to the first place where a stop string is complete.
func naiveStop(_ text: [UInt8], _ stops: [[UInt8]]) -> (text: [UInt8], stop: Int?) {
  for end in 0...text.count {
    let ending = stops.indices.filter { Array(text[..<end]).suffix(stops[$0].count) == stops[$0][...] }
    if let best = ending.max(by: { (stops[$0].count, -$0) < (stops[$1].count, -$1) }) {
      return (Array(text[..<(end - stops[best].count)]), best)
    }
  }
  return (text, nil)
}

final class Stops {
  let memory = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 64)
  var matcher: StopMatcher
  init(_ stops: [[UInt8]]) throws {
    var arena = Arena(memory: memory, bytes: 4096)
    matcher = try StopMatcher(arena: &arena, maximumCount: 8, maximumBytes: 100)
    for stop in stops { try stop.withBytes { try matcher.add($0) } }
  }
  deinit { memory.deallocate() }

  func run(_ chunks: [[UInt8]], check: ([UInt8], Int) -> Void = { _, _ in }) throws
    -> (text: [UInt8], stop: Int?)
  {
    matcher.restart()
    var text: [UInt8] = []
    for chunk in chunks {
      let out = buffer(UInt8.self, matcher.held + chunk.count)
      defer { free(out) }
      let result = try chunk.withBytes { try matcher.feed($0, into: out) }
      text.append(contentsOf: (0..<result.written).map { out[$0] })
      if let stop = result.stop { return (text, stop) }
      #expect(result.consumed == chunk.count)
      check(text, matcher.held)
    }
    let out = buffer(UInt8.self, matcher.held)
    defer { free(out) }
    let n = try matcher.finish(into: out)
    return (text + (0..<n).map { out[$0] }, nil)
  }
}

@Test func stopStringsMatchAtEverySplit() throws {
  var noise = Noise(2)
  for _ in 0..<3000 {
    let stops = (0..<1 + noise.below(4)).map { _ in
      (0..<1 + noise.below(5)).map { _ in UInt8(97 + noise.below(2)) }
    }
    let text = (0..<noise.below(14)).map { _ in UInt8(97 + noise.below(3)) }
    let matcher = try Stops(stops)
    let expected = naiveStop(text, stops)
    for i in 0...text.count {
      let got = try matcher.run([Array(text[..<i]), Array(text[i...])])
      #expect(got == expected, "\(stops) in \(text) split at \(i)")
    }
    // One byte at a time; nothing is held back that cannot become a stop string.
    let got = try matcher.run(text.map { [$0] }) { passed, held in
      let seen = Array(text[..<(passed.count + held)])
      #expect(passed == Array(seen[..<passed.count]))
      let tail = Array(seen.suffix(held))
      #expect(held == 0 || stops.contains { $0.starts(with: tail) })
    }
    #expect(got == expected)
  }
}

func == (a: (text: [UInt8], stop: Int?), b: (text: [UInt8], stop: Int?)) -> Bool {
  a.text == b.text && a.stop == b.stop
}

@Test func stopStringsOfCharactersPassWholeCharacters() throws {
  let matcher = try Stops([Array("é!".utf8), Array("中文".utf8)])
  let text = "aèéé中国é?中"
  var passed: [UInt8] = []
  for character in text {
    let got = try matcher.run([Array(String(character).utf8)])
    #expect(got.text.withBytes { Utf8.firstInvalid($0) } == nil)
    passed += got.text
  }
  #expect(passed == Array(text.utf8))
}

@Test func badStopStringsAreRefused() throws {
  let matcher = try Stops([])
  for bad in [[], [0xFF], [0xC3], [UInt8](repeating: 97, count: 101)] as [[UInt8]] {
    #expect(throws: Failure.self) { try bad.withBytes { try matcher.matcher.add($0) } }
  }
  for _ in 0..<8 { try matcher.matcher.add(Bytes("x")) }
  #expect(throws: Failure.self) { try matcher.matcher.add(Bytes("y")) }
  #expect(try matcher.run([[120]]) == ([], 0))
  #expect(matcher.matcher.held == 0)
  matcher.matcher.removeAll()
  #expect(try matcher.run([[120]]) == ([120], nil))
}
