import Foundation
import LintelCore
import Testing

import LintelSampling

@Test func elementaryFunctionsAreAccurate() {
  for i in 0..<20_000 {
    let x = -700 * CounterRandom.unit(seed: 1, step: UInt64(i))
    let e = Elementary.exp(x)
    #expect(abs(e - Foundation.exp(x)) <= 4e-15 * Foundation.exp(x))
    let y = Foundation.exp(80 * CounterRandom.unit(seed: 2, step: UInt64(i)) - 40)
    #expect(abs(Elementary.log(y) - Foundation.log(y)) <= 1e-14 * max(1, abs(Foundation.log(y))))
    let z = Float(-87 * CounterRandom.unit(seed: 3, step: UInt64(i)))
    let f = Elementary.exp(SIMD8<Float>(repeating: z))
    #expect(abs(Double(f[5]) - Foundation.exp(Double(z))) <= 3e-7 * Foundation.exp(Double(z)))
  }
  let odd = Elementary.exp(SIMD8<Float>(0, -.infinity, -87, -88, -1e30, -0.0, -1e-30, -86.9))
  #expect(odd[0] == 1 && odd[1] == 0 && odd[3] == 0 && odd[4] == 0 && odd[5] == 1 && odd[6] == 1)
  #expect(Elementary.exp(0) == 1 && Elementary.exp(-.infinity) == 0 && Elementary.exp(.nan) == 0)
}

/// Pearson's statistic against the exact distribution, for chains of every kind.
@Test(arguments: 0..<10)
func drawsFollowTheDistribution(_ kind: Int) throws {
  let n = 40
  let chains: [SamplerOptions] = [
    options { _ in }, options { $0.temperature = 0.7 }, options { $0.temperature = 2.5 },
    options { $0.topK = 7 }, options { $0.topP = 0.8 }, options { $0.minP = 0.1 },
    options { $0.topK = 20; $0.topP = 0.9; $0.minP = 0.02; $0.temperature = 1.3 },
    options { $0.repetitionPenalty = 1.5; $0.frequencyPenalty = 0.3; $0.presencePenalty = 0.4 },
    options { $0.topK = 1 }, options { $0.topP = 0 },
  ]
  var o = chains[kind]
  o.seed = 77 + UInt64(kind)
  let rig = try Rig(n)
  try rig.sampler.configure(o)
  let recent: [Int32] = [3, 5, 3, 3, 9, 39]
  for t in recent { rig.sampler.accept(t) }
  let logits = noisyLogits(n, seed: 5, scale: 2)
  let p = reference(logits, o, recent: recent)
  let draws = 40_000
  var seen = [Int](repeating: 0, count: n)
  for step in 0..<draws { seen[Int(try rig.sample(logits, UInt64(step)).token)] += 1 }
  var statistic = 0.0
  var freedom = -1.0
  for i in 0..<n {
    if p[i] == 0 {
      #expect(seen[i] == 0, "token \(i) was excluded")
    } else if p[i] * Double(draws) >= 5 {
      let expected = p[i] * Double(draws)
      statistic += (Double(seen[i]) - expected) * (Double(seen[i]) - expected) / expected
      freedom += 1
    }
  }
  // Mean `freedom`, variance twice that; five standard deviations and some room for few classes.
  #expect(statistic <= freedom + 5 * (2 * max(freedom, 1)).squareRoot() + 1)
}

/// Large vocabularies take the paths with and without the candidate buffer.
@Test(arguments: [3, 9, 1000, 8192, 8193, 50_000])
func theSupportEqualsTheReference(_ n: Int) throws {
  let rig = try Rig(n)
  for k in 0..<24 {
    let o = options {
      $0.temperature = [0.3, 1, 4][k % 3]
      $0.topK = Int32([0, 1, 40, 9000][k % 4])
      $0.topP = [1, 0.95, 0.5, 0.0001][k / 4 % 4]
      $0.minP = k % 5 == 0 ? 0.05 : 0
      $0.seed = UInt64(k)
    }
    try rig.sampler.configure(o)
    var logits = noisyLogits(n, seed: UInt64(100 + k))
    // Coarse values make ties at every border.
    if k % 2 == 1 { logits = logits.map { ($0 * 4).rounded() / 4 } }
    let p = reference(logits, o)
    for step in 0..<20 {
      let token = Int(try rig.sample(logits, UInt64(step)).token)
      #expect(p[token] > 0, "n \(n), chain \(k): token \(token) was excluded")
    }
    // The whole support, walked with chosen random bits: the last share belongs to the last token
    // that the reference keeps.
    let b = buffer(logits)
    defer { b.base.deallocate() }
    let last = Int(rig.sampler.draw(b, rig.sampler.largest(b), .max))
    let expected = p.lastIndex { $0 > 0x1p-40 }
    if o.topP == 1 || k % 2 == 1 { #expect(last >= expected ?? 0) }
    #expect(p[last] > 0)
  }
}

@Test func greedyTakesTheLowestOfTheLargest() throws {
  let rig = try Rig(20)
  try rig.sampler.configure(options { $0.temperature = 0 })
  var logits = [Float](repeating: 1, count: 20)
  #expect(try rig.sample(logits).token == 0)
  logits[7] = 2
  logits[13] = 2
  logits[3] = .nan
  #expect(try rig.sample(logits).token == 7)
  logits[19] = .infinity
  #expect(try rig.sample(logits).token == 19)
}

@Test func extremesNeitherTrapNorWin() throws {
  for temperature: Float in [0, 1e-38, 1, 1000] {
    let rig = try Rig(11)
    try rig.sampler.configure(
      options { $0.temperature = temperature; $0.topK = 5; $0.topP = 0.9; $0.minP = 0.1 })
    let nothing: [[Float]] = [
      [Float](repeating: -.infinity, count: 11), [Float](repeating: .nan, count: 11),
    ]
    for logits in nothing {
      #expect(throws: Failure.self) { try rig.sample(logits) }
    }
    var one = nothing[1]
    one[10] = -3e38
    #expect(try rig.sample(one).token == 10)
    #expect(try rig.sample(one).logProbability == 0)
    one[4] = .infinity
    #expect(try rig.sample(one).token == 4)
    let wild: [Float] = [
      .nan, .infinity, -.infinity, 3e38, -3e38, 1e-45, -0.0, 0, .infinity, 1, -.nan,
    ]
    for step in 0..<100 {
      let token = try rig.sample(wild, UInt64(step)).token
      #expect(token == 1 || token == 8 || token == 3 && temperature == 1000)
    }
    let equal = [Float](repeating: -12.5, count: 11)
    let token = try rig.sample(equal, 1).token
    // All equal: top-k keeps the lowest five.
    #expect(token >= 0 && token < 5)
    #expect(abs(try rig.sample(equal, 1).logProbability + Float(Foundation.log(11.0))) < 1e-6)
  }
}

@Test func logProbabilityIsOfTheRawLogits() throws {
  let n = 5000
  let rig = try Rig(n)
  let o = options { $0.temperature = 0.5; $0.topK = 10; $0.repetitionPenalty = 3; $0.seed = 4 }
  try rig.sampler.configure(o)
  try rig.sampler.setBias(17, 30)
  try rig.sampler.setBias(18, -.infinity)
  for t in [17, 20, 21] as [Int32] { rig.sampler.accept(t) }
  let logits = noisyLogits(n, seed: 8)
  let total = Foundation.log(logits.reduce(0) { $0 + Foundation.exp(Double($1)) })
  for step in 0..<50 {
    let choice = try rig.sample(logits, UInt64(step))
    #expect(choice.token == 17)
    #expect(abs(Double(choice.logProbability) - (Double(logits[17]) - total)) < 1e-5)
  }
}

@Test func masksAndBiasesExclude() throws {
  let rig = try Rig(130)
  try rig.sampler.configure(options { $0.topK = 50 })
  let logits = noisyLogits(130, seed: 3)
  var mask: [UInt64] = [0, 0, 0]
  for i in [5, 64, 129] { mask[i / 64] |= 1 << UInt64(i % 64) }
  try rig.sampler.setBias(5, -.infinity)
  var seen = Set<Int32>()
  for step in 0..<400 { seen.insert(try rig.sample(logits, UInt64(step), mask: mask).token) }
  #expect(seen == [64, 129])
  #expect(throws: Failure.self) { try rig.sample(logits, mask: [0, 0, 0]) }
  #expect(throws: Failure.self) { try rig.sample(logits, mask: [0, 0]) }
  #expect(throws: Failure.self) { try rig.sample([1, 2, 3]) }
}

@Test func optionsAreValidated() throws {
  let rig = try Rig(10, window: 8, biases: 2)
  let bad: [(String, (inout SamplerOptions) -> Void)] = [
    ("temperature", { $0.temperature = -0.1 }), ("temperature", { $0.temperature = .nan }),
    ("temperature", { $0.temperature = .infinity }), ("top_k", { $0.topK = -1 }),
    ("top_p", { $0.topP = 1.1 }), ("top_p", { $0.topP = .nan }), ("min_p", { $0.minP = -1 }),
    ("min_p", { $0.minP = 2 }), ("repetition_penalty", { $0.repetitionPenalty = 0 }),
    ("frequency_penalty", { $0.frequencyPenalty = 1e9 }),
    ("presence_penalty", { $0.presencePenalty = -.infinity }),
    ("penalty_window", { $0.penaltyWindow = 9 }), ("penalty_window", { $0.penaltyWindow = -1 }),
  ]
  for (field, change) in bad {
    do {
      try rig.sampler.configure(options { $0.penaltyWindow = 8; change(&$0) })
      Issue.record("\(field) was accepted")
    } catch {
      #expect(error.status == .argument)
      let s = String(
        decoding: (0..<error.sentence.count).map { error.sentence.bytes[$0] }, as: UTF8.self)
      #expect(s.hasPrefix(field), "\(s)")
    }
  }
  #expect(throws: Failure.self) { try rig.sampler.setBias(10, 1) }
  #expect(throws: Failure.self) { try rig.sampler.setBias(-1, 1) }
  #expect(throws: Failure.self) { try rig.sampler.setBias(1, .nan) }
  #expect(throws: Failure.self) { try rig.sampler.setBias(1, .infinity) }
  try rig.sampler.setBias(1, 1)
  try rig.sampler.setBias(2, 1)
  try rig.sampler.setBias(2, -1)
  #expect(throws: Failure.self) { try rig.sampler.setBias(3, 1) }
}

/// These ids are part of the contract: the same seed gives the same text on every platform.
@Test func drawsArePinned() throws {
  let logits = noisyLogits(2000, seed: 11)
  let rig = try Rig(2000)
  try rig.sampler.configure(
    options { $0.seed = 42; $0.topK = 40; $0.topP = 0.95; $0.temperature = 0.8 })
  let few = try (0..<12).map { try rig.sample(logits, UInt64($0)).token }
  try rig.sampler.configure(options { $0.seed = 42 })
  let all = try (0..<12).map { try rig.sample(logits, UInt64($0)).token }
  #expect(few == Golden.few)
  #expect(all == Golden.all)
  try rig.sampler.configure(options { $0.seed = 43 })
  #expect(try (0..<12).map { try rig.sample(logits, UInt64($0)).token } != all)
}

enum Golden {
  static let few: [Int32] = [1032, 1658, 1836, 958, 1966, 1765, 415, 1765, 1966, 1097, 1032, 1125]
  static let all: [Int32] = [979, 1443, 1771, 349, 1966, 1658, 150, 1658, 1966, 1032, 1032, 1088]
}

/// Not a test of speed, a record of it: time per choice among 248,320 logits.
@Test func choicesAreQuick() throws {
  let n = 248_320
  let rig = try Rig(n)
  let logits = buffer(noisyLogits(n, seed: 21))
  defer { logits.base.deallocate() }
  let chains: [(String, SamplerOptions)] = [
    ("greedy", options { $0.temperature = 0 }),
    ("top-k 40, top-p 0.95", options { $0.topK = 40; $0.topP = 0.95; $0.temperature = 0.8 }),
    ("top-p 0.95", options { $0.topP = 0.95 }), ("all", options { _ in }),
  ]
  let copy = buffer([Float](repeating: 0, count: n))
  defer { copy.base.deallocate() }
  for (name, o) in chains {
    try rig.sampler.configure(o)
    var best = Double.infinity
    for step in 0..<8 {
      copy.base.update(from: logits.base, count: n)
      var start = timespec()
      var end = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start)
      _ = try rig.sampler.sample(logits: copy, step: UInt64(step))
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end)
      best = min(
        best, Double(end.tv_sec - start.tv_sec) * 1e3 + Double(end.tv_nsec - start.tv_nsec) * 1e-6)
    }
    print("choice: \(name) \(best) ms")
  }
}
