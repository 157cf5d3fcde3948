// The states behind random reading, answering and taking back, byte by byte against those of plain
// reading. LINTEL_SEQUENCES sets how many.

import CLintel
import Foundation
import LintelKernels
import LintelModel
import LintelSession
import Testing

private struct Dice {
  var state: UInt64
  mutating func roll(_ below: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(below))
  }
}

@Suite(.serialized) struct RecordTests {
  static let models = [
    "kimi-kq-tiny-Q4_K_M", "kimi-tiny-IQ4_NL", "qwen35-tiny-Q2_K", "qwen35-heads-F32",
    "qwen35-mtp-Q8_0", "qwen3next-Q8_0", "polaformer-lm-F32", "polaformer-lm-Q8_0",
  ]

  static var sequences: Int {
    ProcessInfo.processInfo.environment["LINTEL_SEQUENCES"].flatMap { Int($0) } ?? 150
  }

  private func session(_ model: OpaquePointer, drafts: Int, rewind: Int) throws -> OpaquePointer {
    var o = lintel_session_options()
    o.struct_size = UInt32(MemoryLayout<lintel_session_options>.size)
    o.context_tokens = 160
    o.draft_tokens = UInt32(drafts)
    o.rewind_tokens = UInt32(rewind)
    var session: OpaquePointer?
    try check { lintel_session_create(model, &o, &session, $0) }
    return try #require(session)
  }

  /// What C calls a session.
  private func object(_ handle: OpaquePointer) throws -> UnsafeMutablePointer<Session> {
    let raw = try #require(UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: handle) & ~63))
    return Layout.object(raw.assumingMemoryBound(to: Header.self), Session.self)
  }

  private func settle(_ handle: OpaquePointer) throws {
    let raw = try #require(UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: handle) & ~63))
    let engine = raw.assumingMemoryBound(to: Header.self).pointee.engine
    try object(handle).pointee.settle(engine)
  }

  private func feed(_ s: OpaquePointer, _ ids: [Int32]) throws {
    try check { lintel_session_feed_tokens(s, ids, ids.count, $0) }
  }

  private func read(_ s: OpaquePointer) throws {
    while try check({ lintel_session_step(s, 1000, nil, $0) }) == LINTEL_MORE {}
  }

  private func generate(_ s: OpaquePointer, _ count: Int, seed: Int) throws -> [Int32] {
    var o = Host.generateOptions(count)
    o.temperature = seed % 2 == 0 ? 0 : 0.7
    o.top_k = 3
    o.seed = UInt64(seed)
    o.draft = LINTEL_DRAFT_UNGATED
    let answer = Answer()
    try check {
      lintel_session_generate(
        s, &o, Answer.receive, Unmanaged.passUnretained(answer).toOpaque(), nil, $0)
    }
    return answer.ids
  }

  private func rewindable(_ s: OpaquePointer) throws -> Int {
    try Int(object(s).pointee.rewindable)
  }

  private func expectEqual(
    _ a: UnsafeMutablePointer<Session>, _ b: UnsafeMutablePointer<Session>, _ label: String
  ) {
    let (x, y) = (a.pointee.state, b.pointee.state)
    #expect(x.position == y.position && x.lag == 0 && x.lead == 0)
    #expect(
      memcmp(x.recurrent.base, y.recurrent.base, x.recurrent.count * 4) == 0, "states, \(label)")
    #expect(memcmp(x.history.base, y.history.base, x.history.count * 4) == 0, "inputs, \(label)")
    let model = a.pointee.loaded.pointee.model
    for i in 0..<model.layers.count {
      let width: Int
      switch model.layers[i].mixer {
      case .delta, .polar: continue
      case .latent(let m): width = m.cacheWidth
      case .gated(let m): width = m.cacheWidth
      }
      let start = x.cacheFormat.rowBytes(model.layers[i].cacheStart) * x.context
      let bytes = x.cacheFormat.rowBytes(width) * x.position
      let (u, v) = (x.cache.base + start, y.cache.base + start)
      #expect(memcmp(u, v, bytes) == 0, "cache, \(label)")
    }
  }

  @Test(arguments: RecordTests.models)
  func statesAreThoseOfPlainReading(_ name: String) throws {
    let fixture = try #require(Fixture.all.first { $0.name == name })
    let budget = 128 << 20
    var e = lintel_engine_options()
    e.struct_size = UInt32(MemoryLayout<lintel_engine_options>.size)
    e.memory_bytes = UInt64(budget)
    var engine: OpaquePointer?
    var model: OpaquePointer?
    try check { lintel_engine_create(&e, &engine, $0) }
    defer { _ = lintel_engine_destroy(engine) }
    try check { lintel_model_open(engine, fixture.path, nil, &model, $0) }
    let plain = try session(#require(model), drafts: 0, rewind: 0)
    let vocabulary = try object(plain).pointee.loaded.pointee.model.vocabularyCount
    var dice = Dice(state: 11)
    var taken = 0
    for i in 0..<Self.sequences {
      let rewind = dice.roll(5)
      let s = try session(#require(model), drafts: dice.roll(6), rewind: rewind)
      var ids: [Int32] = []
      var isKnown = true
      for _ in 0..<(2 + dice.roll(7)) where ids.count < 100 {
        if ids.isEmpty || !isKnown || dice.roll(3) == 0 {
          let period = 2 + dice.roll(6)
          var more: [Int32] = []
          for k in 0..<(1 + dice.roll(20)) {
            more.append(k < period ? Int32(dice.roll(vocabulary)) : more[k - period])
          }
          try feed(s, more)
          ids += more
          isKnown = true
        }
        switch dice.roll(3) {
        case 0: try read(s)
        default: ids += try generate(s, 1 + dice.roll(9), seed: dice.roll(1000))
        }
        if dice.roll(2) == 0 {
          let possible = try rewindable(s)
          let back = dice.roll(possible + 1)
          let pending = try object(s).pointee.pending
          try check { lintel_session_rewind_tokens(s, UInt32(back), $0) }
          if back > 0 { isKnown = back < possible && (back < pending || back <= rewind) }
          if back > pending { taken += 1 }
          ids.removeLast(back)
        }
        if dice.roll(4) == 0 { try settle(s) }
      }
      try read(s)
      try settle(s)
      try check { lintel_session_reset(plain, $0) }
      try feed(plain, ids)
      try read(plain)
      try expectEqual(object(s), object(plain), "\(name), sequence \(i)")
      _ = lintel_session_destroy(s)
    }
    print("\(name): \(Self.sequences) sequences, \(taken) took back what had been read")
    #expect(taken > 0)
  }
}
