// The same text, however it was fed, stepped or repeated.

import CLintel
import Testing

@Suite struct TimelineTests {
  /// One with the delta rule, one with polarity-aware attention.
  static let fixtures = Fixture.all.filter {
    $0.name == Fixture.small?.name || $0.name == "polaformer-lm-Q8_0"
  }

  private func text(_ fixture: Fixture) throws -> [Int32] {
    try #require(fixture.reference().0.prompts.first { $0.id == "r65" }).ids
  }

  @Test func thereAreTwo() { #expect(Self.fixtures.count == 2) }

  @Test(arguments: TimelineTests.fixtures)
  func fedInPieces(_ fixture: Fixture) throws {
    let ids = try text(fixture)
    let host = try Host(fixture.path, Settings())
    let whole = try host.logits(ids)
    try host.reset()
    for id in ids { try host.feed([id]) }
    #expect(try host.logits() == whole)
  }

  /// Read piece by piece: other passes, so equal only within the rounding of activations.
  @Test(arguments: TimelineTests.fixtures)
  func readInPieces(_ fixture: Fixture) throws {
    let ids = try text(fixture)
    let host = try Host(fixture.path, Settings(isFloat: true))
    let whole = try host.logits(ids)
    try host.reset()
    var rows: [[Float]] = []
    for from in stride(from: 0, to: ids.count, by: 10) {
      try host.feed(ids[from..<min(from + 10, ids.count)])
      rows += try host.logits()
    }
    try #require(rows.count == whole.count)
    for (a, b) in zip(rows.joined(), whole.joined()) where !(abs(a - b) <= ParityTests.tolerance) {
      Issue.record("\(a) is not \(b)")
      return
    }
  }

  @Test(arguments: TimelineTests.fixtures)
  func resetAndAgain(_ fixture: Fixture) throws {
    let ids = try text(fixture)
    let host = try Host(fixture.path, Settings())
    let once = try host.logits(ids)
    #expect(try host.logits(ids) == once)
    let fresh = try Host(fixture.path, Settings())
    #expect(try fresh.logits(ids) == once)
  }

  /// A generation that was cut off leaves nothing behind that a reset would not clear.
  @Test(arguments: TimelineTests.fixtures)
  func resetInTheMiddle(_ fixture: Fixture) throws {
    let ids = try text(fixture)
    let host = try Host(fixture.path, Settings())
    let once = try host.logits(ids)
    for units in [1, 2, 5, 9] {
      try host.reset()
      try host.feed(ids.reversed())
      var options = Host.generateOptions(8)
      try check { lintel_session_begin(host.session, &options, nil, nil, $0) }
      for _ in 0..<units { try check { lintel_session_step(host.session, 0, nil, $0) } }
      #expect(try host.logits(ids) == once)
    }
  }

  private func sampled(_ seed: UInt64) -> lintel_generate_options {
    var o = Host.generateOptions(48)
    o.temperature = 1.2
    o.top_k = 50
    o.top_p = 0.95
    o.seed = seed
    return o
  }

  private func answer(
    _ host: Host, _ ids: [Int32], _ options: lintel_generate_options, slice: UInt64? = nil
  ) throws -> Answer {
    try host.reset()
    try host.feed(ids)
    let answer = try host.generate(options, slice: slice)
    #expect(answer.ends == 1)
    #expect(answer.ids.count == Int(options.max_tokens))
    return answer
  }

  @Test(arguments: TimelineTests.fixtures)
  func sameSeedSameText(_ fixture: Fixture) throws {
    let ids = try text(fixture)
    let host = try Host(fixture.path, Settings())
    let first = try answer(host, ids, sampled(7))
    #expect(try answer(host, ids, sampled(7)).ids == first.ids)
    let fresh = try Host(fixture.path, Settings(threads: 2))
    let again = try answer(fresh, ids, sampled(7))
    #expect(again.ids == first.ids)
    #expect(again.text == first.text)
    #expect(try answer(host, ids, sampled(8)).ids != first.ids)
  }

  @Test(arguments: TimelineTests.fixtures, [0, 50, 5000] as [UInt64])
  func steppedEqualsGenerated(_ fixture: Fixture, _ slice: UInt64) throws {
    let ids = try text(fixture)
    let host = try Host(fixture.path, Settings())
    let whole = try answer(host, ids, sampled(3))
    let stepped = try answer(host, ids, sampled(3), slice: slice)
    #expect(stepped.ids == whole.ids)
    #expect(stepped.text == whole.text)
    // Unit by unit: at least a unit for every layer of every token, and one for its sampling.
    if slice == 0 { #expect(stepped.steps >= 48 * 2) }
  }

  /// Speech that was generated is the same context as speech that was fed.
  @Test(arguments: TimelineTests.fixtures)
  func generatedIsRead(_ fixture: Fixture) throws {
    let ids = try text(fixture)
    let host = try Host(fixture.path, Settings(chunk: 1))
    let answer = try answer(host, ids, Host.generateOptions(10))
    try host.feed([ids[0]])
    let continued = try #require(host.logits().last)
    let whole = try host.logits(ids + answer.ids + [ids[0]])
    #expect(continued == whole.last)
  }
}
