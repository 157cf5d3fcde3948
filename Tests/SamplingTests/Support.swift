import Foundation
import LintelCore
import LintelSampling

func buffer<T: BitwiseCopyable>(_ values: [T]) -> Buffer<T> {
  let p = UnsafeMutablePointer<T>.allocate(capacity: max(values.count, 1))
  p.initialize(from: values, count: values.count)
  return Buffer(base: p, count: values.count)
}

/// A sampler in memory of exactly the planned size.
final class Rig {
  let memory: UnsafeMutableRawPointer
  var sampler: Sampler

  init(_ count: Int, window: Int = 64, biases: Int = 16) throws {
    var measuring = Arena.measuring()
    _ = try Sampler(
      arena: &measuring, vocabularyCount: count, maximumWindow: window, maximumBiases: biases)
    memory = .allocate(byteCount: measuring.used, alignment: 64)
    var arena = Arena(memory: memory, bytes: measuring.used)
    sampler = try Sampler(
      arena: &arena, vocabularyCount: count, maximumWindow: window, maximumBiases: biases)
  }

  deinit { memory.deallocate() }

  func sample(_ logits: [Float], _ step: UInt64 = 0, mask: [UInt64]? = nil) throws
    -> Sampler.Choice
  {
    let b = buffer(logits)
    defer { b.base.deallocate() }
    guard let mask else { return try sampler.sample(logits: b, step: step) }
    let m = buffer(mask)
    defer { m.base.deallocate() }
    return try sampler.sample(logits: b, step: step, mask: m)
  }
}

func options(_ change: (inout SamplerOptions) -> Void) -> SamplerOptions {
  var o = SamplerOptions()
  change(&o)
  return o
}

/// Roughly normal logits, as a language model's are.
func noisyLogits(_ count: Int, seed: UInt64, scale: Float = 3) -> [Float] {
  (0..<count).map { i in
    var sum = 0.0
    for k in 0..<4 {
      sum += CounterRandom.unit(seed: seed, step: UInt64(i * 4 + k)) - 0.5
    }
    return Float(sum * 1.7) * scale
  }
}

/// The chain, slow and obvious: sorted, in double precision. Returns the probabilities.
func reference(
  _ logits: [Float], _ o: SamplerOptions, recent: [Int32] = [], bias: [Int32: Float] = [:],
  allowed: Set<Int>? = nil
) -> [Double] {
  var x = logits.map { Double($0.isNaN ? -.infinity : $0) }
  if o.hasPenalties {
    let window = recent.suffix(Int(o.penaltyWindow))
    for token in Set(window) {
      let count = Double(window.filter { $0 == token }.count)
      let i = Int(token)
      x[i] = x[i] > 0 ? x[i] / Double(o.repetitionPenalty) : x[i] * Double(o.repetitionPenalty)
      x[i] -= count * Double(o.frequencyPenalty) + Double(o.presencePenalty)
    }
  }
  for (token, b) in bias { x[Int(token)] += Double(b) }
  if let allowed { for i in x.indices where !allowed.contains(i) { x[i] = -.infinity } }
  var order = x.indices.sorted { x[$0] != x[$1] ? x[$0] > x[$1] : $0 < $1 }
  if o.temperature == 0 { return x.indices.map { $0 == order[0] ? 1 : 0 } }
  if o.topK > 0 { order = Array(order.prefix(Int(o.topK))) }
  let top = x[order[0]]
  let w = x.map { Foundation.exp(($0 - top) / Double(o.temperature)) }
  if o.topP < 1 {
    let need = order.reduce(0) { $0 + w[$1] } * Double(o.topP)
    var sum = 0.0
    var n = 0
    while n < order.count && (n == 0 || sum < need) {
      sum += w[order[n]]
      n += 1
    }
    order = Array(order.prefix(n))
  }
  order = order.filter { w[$0] >= Double(o.minP) }
  let total = order.reduce(0) { $0 + w[$1] }
  var p = [Double](repeating: 0, count: x.count)
  for i in order { p[i] = w[i] / total }
  return p
}
