// Logits -> token. The filters work in this order: penalties, bias, mask, top-k, temperature,
// top-p, min-p; then one token is drawn.
//
// Everything is deterministic. Probabilities become integers of 42 bits (the largest is 2^42), so
// their sums do not depend on the order of summation, and the draw is one multiplication: token i
// if the random number falls into its share. What is less probable than 2^-42 of the best token is
// never drawn. A logit that is not a number counts as minus infinity.
//
//     scratch      [2048] UInt64   histogram of the selections
//     candidates   [8192] Int32    ids of the tokens left after a cut, with their logits in `kept`
//     history      [window] Int32  the latest tokens, a ring
//     seen         [2 x window]    token, count and original logit of each recent token
//     biases       [maximum]       token, bias, original logit

import LintelCore

package struct Sampler {
  package static var maximumCandidates: Int { 8192 }

  package struct Choice {
    package let token: Int32
    /// Natural log of the token's probability before any filter: log softmax of the raw logits.
    package let logProbability: Float

    package init(token: Int32, logProbability: Float) {
      self.token = token
      self.logProbability = logProbability
    }
  }

  struct Seen: BitwiseCopyable {
    var token: Int32
    var count: Int32
    var logit: Float
  }

  package private(set) var options = SamplerOptions()
  let vocabularyCount: Int
  let histogram: Buffer<UInt64>
  let candidates: Buffer<Int32>
  let kept: Buffer<Float>
  let history: Buffer<Int32>
  let seen: Buffer<Seen>
  let biases: Buffer<Seen>
  let biasValues: Buffer<Float>
  private(set) var biasCount = 0
  /// Tokens accepted since `restart`.
  package private(set) var accepted: UInt64 = 0

  package init(
    arena: inout Arena, vocabularyCount: Int, maximumWindow: Int, maximumBiases: Int
  ) throws(Failure) {
    if vocabularyCount < 1 || vocabularyCount > 1 << 21 || maximumWindow < 0 || maximumBiases < 0 {
      throw Failure(
        .argument,
        "sampler for \(vocabularyCount) tokens, window \(maximumWindow), \(maximumBiases) biases")
    }
    self.vocabularyCount = vocabularyCount
    histogram = try arena.carve(UInt64.self, 2048, "sampler histogram")
    let few = min(vocabularyCount, Sampler.maximumCandidates)
    candidates = try arena.carve(Int32.self, few, "sampler candidates")
    kept = try arena.carve(Float.self, few, "sampler candidate logits")
    history = try arena.carve(Int32.self, maximumWindow, "sampler history")
    let table = try Checked.multiply(maximumWindow, 2, "sampler window")
    seen = try arena.carve(Seen.self, table, "sampler penalties")
    biases = try arena.carve(Seen.self, maximumBiases, "sampler biases")
    biasValues = try arena.carve(Float.self, maximumBiases, "sampler bias values")
  }

  /// Memory that is free between two samplings: 16 KiB.
  package var scratch: Buffer<UInt8> {
    Buffer(
      base: UnsafeMutableRawPointer(histogram.base).assumingMemoryBound(to: UInt8.self),
      count: histogram.bytes.count)
  }

  // MARK: Settings

  /// Replaces all options and removes all biases. On failure nothing has changed.
  package mutating func configure(_ options: SamplerOptions) throws(Failure) {
    try options.check(maximumWindow: history.count)
    self.options = options
    biasCount = 0
  }

  /// Adds `bias` to the token's logit; minus infinity bans it. Adding again replaces.
  package mutating func setBias(_ token: Int32, _ bias: Float) throws(Failure) {
    if token < 0 || Int(token) >= vocabularyCount {
      throw Failure(
        .token, "logit_bias names token \(token), but there are \(vocabularyCount)",
        needed: Int64(token), available: Int64(vocabularyCount))
    }
    if !(bias < .infinity) {
      throw Failure(.argument, "logit_bias of token \(token) is not a number below infinity")
    }
    for i in 0..<biasCount where biases[i].token == token {
      biasValues[i] = bias
      return
    }
    if biasCount == biases.count {
      throw Failure(
        .capacity, "more than \(biases.count) logit_bias entries", needed: Int64(biasCount + 1),
        available: Int64(biases.count))
    }
    biases[biasCount] = Seen(token: token, count: 0, logit: 0)
    biasValues[biasCount] = bias
    biasCount += 1
  }

  package func hasBias(_ token: Int32) -> Bool {
    for b in 0..<biasCount where biases[b].token == token { return true }
    return false
  }

  // MARK: History

  package mutating func restart() { accepted = 0 }

  /// A token of the conversation, sampled or fed, for the penalties.
  package mutating func accept(_ token: Int32) {
    if history.count > 0 {
      history[Int(truncatingIfNeeded: accepted % UInt64(history.count))] = token
    }
    accepted &+= 1
  }

  /// The token accepted `back` steps ago, 1 = the latest.
  func recent(_ back: Int) -> Int32 {
    let at = (accepted &- UInt64(back)) % UInt64(history.count)
    return history[Int(truncatingIfNeeded: at)]
  }

  // MARK: The chain

  /// Chooses a token. `logits` is used as scratch. `step` numbers the choices of a conversation:
  /// the same seed, step and logits give the same token. Bit i of `mask`, if given, permits token
  /// i. Fails with state if no token is possible.
  package func sample(
    logits: Buffer<Float>, step: UInt64, mask: Buffer<UInt64>? = nil
  ) throws(Failure) -> Choice {
    try check(logits, mask)
    let rawTop = clean(logits)
    if rawTop == -.infinity {
      throw Failure(.state, "no token can be sampled: no logit is a number above minus infinity")
    }
    let logTotal = Double(rawTop) + Elementary.log(total(logits, below: rawTop))

    penalize(logits)
    addBiases(logits)
    if let mask { apply(mask, logits) }
    let isAsItWas = !options.hasPenalties && biasCount == 0 && mask == nil
    let top = isAsItWas ? rawTop : largest(logits)
    if top == -.infinity {
      throw Failure(.state, "no token can be sampled: bias or mask exclude every one")
    }
    let token = options.temperature == 0
      ? first(logits, top) : draw(logits, top, CounterRandom.bits(seed: options.seed, step: step))
    let raw = original(token) ?? logits[Int(token)]
    return Choice(token: token, logProbability: Float(min(Double(raw) - logTotal, 0)))
  }

  /// The likeliest token, whatever the options.
  package func likeliest(_ logits: Buffer<Float>) throws(Failure) -> Choice {
    try check(logits, nil)
    let top = clean(logits)
    if top == -.infinity {
      throw Failure(.state, "no logit is a number above minus infinity")
    }
    return Choice(
      token: first(logits, top), logProbability: Float(-Elementary.log(total(logits, below: top))))
  }

  private func check(_ logits: Buffer<Float>, _ mask: Buffer<UInt64>?) throws(Failure) {
    if logits.count != vocabularyCount {
      throw Failure(
        .shape, "\(logits.count) logits for \(vocabularyCount) tokens",
        needed: Int64(vocabularyCount), available: Int64(logits.count))
    }
    if let mask, mask.count < (vocabularyCount + 63) / 64 {
      throw Failure(.shape, "a token mask of \(mask.count) words for \(vocabularyCount) tokens")
    }
  }

  private func first(_ logits: Buffer<Float>, _ top: Float) -> Int32 {
    var i = 0
    while i + 8 <= logits.count {
      let v = UnsafeRawPointer(logits + i).loadUnaligned(as: SIMD8<Float>.self)
      if SIMD8<Int32>(repeating: 0).replacing(with: 1, where: v .== top).wrappedSum() != 0 { break }
      i += 8
    }
    while i < logits.count && logits[i] != top { i += 1 }
    return i < logits.count ? Int32(truncatingIfNeeded: i) : 0
  }
}
