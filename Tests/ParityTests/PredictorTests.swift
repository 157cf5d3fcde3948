// The multi-token-prediction block against transformers' layer (make_predictor_reference.py).

import CLintel
import Foundation
import LintelSession
import Testing

@Suite struct PredictorTests {
  private struct Answers: Decodable {
    struct Case: Decodable {
      var ids: [Int32]
      var logits: [[Float]]
    }
    var cases: [Case]
  }

  @Test func logits() throws {
    let fixture = try #require(Fixture.all.first { $0.name == "qwen35-mtp-Q8_0" })
    let json = try Data(
      contentsOf: URL(fileURLWithPath: Fixture.roots[0] + "/models/qwen35-mtp-Q8_0.predictor.json"))
    let answers = try JSONDecoder().decode(Answers.self, from: json)
    #expect(answers.cases.count == 2)
    var worst: Float = 0
    for chunk in [64, 5] as [UInt32] {
      let host = try Host(fixture.path, Settings(chunk: chunk, isFloat: true, drafts: 2))
      let raw = try #require(UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: host.session) & ~63))
      let session = Layout.object(raw.assumingMemoryBound(to: Header.self), Session.self)
      for c in answers.cases {
        for depth in c.logits.indices {
          try host.reset()
          try host.feed(c.ids.dropLast())
          while try check({ lintel_session_step(host.session, 0, nil, $0) }) == LINTEL_MORE {}
          try host.feed(c.ids.suffix(1))
          let answer = try session.pointee.predictorLogits(depth: depth)
          let logits = try #require(answer)
          for (i, v) in c.logits[depth].enumerated() {
            worst = max(worst, abs(logits.base[i] - v))
          }
        }
      }
    }
    print("prediction block: max abs \(worst)")
    #expect(worst <= ParityTests.tolerance)
  }
}
