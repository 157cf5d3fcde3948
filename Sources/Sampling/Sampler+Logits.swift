// Passes over all logits: cleaning, the raw distribution's total, and what changes single tokens.

import LintelCore

extension Sampler {
  /// Replaces what is not a number by minus infinity, bounds the rest, and returns the largest.
  func clean(_ logits: Buffer<Float>) -> Float {
    var best = SIMD8<Float>(repeating: -.infinity)
    var i = 0
    while i + 8 <= logits.count {
      let p = UnsafeMutableRawPointer(logits + i)
      var v = p.loadUnaligned(as: SIMD8<Float>.self)
      // A logit is odd if it is not below infinity. (The library's any() and max() of vectors are
      // not usable here: in Embedded Swift they allocate.)
      let isFine = SIMD8<Int32>(repeating: 0).replacing(with: 1, where: v .< .infinity)
      if isFine.wrappedSum() != 8 {
        for k in 0..<8 { v[k] = Sampler.bounded(v[k]) }
        p.storeBytes(of: v, as: SIMD8<Float>.self)
      }
      best = best.replacing(with: v, where: v .> best)
      i += 8
    }
    var top = Sampler.largest(best)
    while i < logits.count {
      logits[i] = Sampler.bounded(logits[i])
      top = max(top, logits[i])
      i += 1
    }
    return top
  }

  static func bounded(_ x: Float) -> Float {
    x.isNaN ? -.infinity : min(x, .greatestFiniteMagnitude)
  }

  package func largest(_ logits: Buffer<Float>) -> Float {
    var best = SIMD8<Float>(repeating: -.infinity)
    var i = 0
    while i + 8 <= logits.count {
      let v = UnsafeRawPointer(logits + i).loadUnaligned(as: SIMD8<Float>.self)
      best = best.replacing(with: v, where: v .> best)
      i += 8
    }
    var top = Sampler.largest(best)
    while i < logits.count {
      top = max(top, logits[i])
      i += 1
    }
    return top
  }

  private static func largest(_ v: SIMD8<Float>) -> Float {
    var top = v[0]
    for k in 1..<8 { top = max(top, v[k]) }
    return top
  }

  /// The sum of exp(logit - top). Blocks of 1024 are summed in single precision, their sums in
  /// double, always in the same order.
  func total(_ logits: Buffer<Float>, below top: Float) -> Double {
    var sum = 0.0
    var i = 0
    while i < logits.count {
      let end = min(i + 1024, logits.count)
      var block = SIMD8<Float>(repeating: 0)
      while i < end {
        block += Elementary.exp(Sampler.eight(logits, i, logits.count) - top)
        i += 8
      }
      i = end
      for k in 0..<8 { sum += Double(block[k]) }
    }
    return sum
  }

  /// Eight values from `i` on, minus infinity behind the end.
  @inline(__always)
  static func eight(_ values: Buffer<Float>, _ i: Int, _ count: Int) -> SIMD8<Float> {
    if i + 8 <= count {
      return UnsafeRawPointer(values + i).loadUnaligned(as: SIMD8<Float>.self)
    }
    var v = SIMD8<Float>(repeating: -.infinity)
    for k in 0..<min(count - i, 8) { v[k] = values[i + k] }
    return v
  }

  // MARK: Changes of single tokens; each remembers the logit that it found

  /// Repetition, frequency and presence penalties. Recent tokens are counted in an open-addressed
  /// table of twice the window, built anew each time: the ring needs no bookkeeping that way.
  func penalize(_ logits: Buffer<Float>) {
    let window = recentCount
    if window == 0 { return }
    let slots = 2 * window
    for s in 0..<slots { seen[s] = Seen(token: -1, count: 0, logit: 0) }
    for back in 1...window {
      let token = recent(back)
      if token < 0 || Int(token) >= vocabularyCount { continue }
      let s = slot(token, slots)
      if seen[s].token < 0 { seen[s] = Seen(token: token, count: 0, logit: logits[Int(token)]) }
      seen[s].count += 1
    }
    for s in 0..<slots where seen[s].token >= 0 {
      let i = Int(seen[s].token)
      var x = logits[i]
      x = x > 0 ? x / options.repetitionPenalty : x * options.repetitionPenalty
      x -= Float(seen[s].count) * options.frequencyPenalty + options.presencePenalty
      logits[i] = Sampler.bounded(x)
    }
  }

  /// How many tokens the penalties look at; 0 if they are off.
  private var recentCount: Int {
    if !options.hasPenalties { return 0 }
    return Int(min(UInt64(options.penaltyWindow.magnitude), accepted))
  }

  /// Where `token` is in the table, or where it belongs. The table is at most half full.
  private func slot(_ token: Int32, _ slots: Int) -> Int {
    let hash = UInt64(UInt32(bitPattern: token) &* 0x9E37_79B9)
    var s = Int(truncatingIfNeeded: (hash &* UInt64(slots)) >> 32)
    while seen[s].token >= 0 && seen[s].token != token { s = s + 1 == slots ? 0 : s + 1 }
    return s
  }

  func addBiases(_ logits: Buffer<Float>) {
    for b in 0..<biasCount {
      let i = Int(biases[b].token)
      biases[b].logit = logits[i]
      logits[i] = Sampler.bounded(logits[i] + biasValues[b])
    }
  }

  func apply(_ mask: Buffer<UInt64>, _ logits: Buffer<Float>) {
    for word in 0..<(logits.count + 63) / 64 {
      let bits = mask[word]
      if bits == .max { continue }
      let from = word * 64
      if bits == 0 {
        let end = min(from + 64, logits.count)
        (logits + from).update(repeating: -.infinity, count: end - from)
        continue
      }
      for i in from..<min(from + 64, logits.count) where bits >> UInt64(i - from) & 1 == 0 {
        logits[i] = -.infinity
      }
    }
  }

  /// The logit of `token` before penalties and bias, if one of them has touched it.
  func original(_ token: Int32) -> Float? {
    let window = recentCount
    if window > 0 {
      let s = slot(token, 2 * window)
      if seen[s].token == token { return seen[s].logit }
    }
    for b in 0..<biasCount where biases[b].token == token { return biases[b].logit }
    return nil
  }
}
