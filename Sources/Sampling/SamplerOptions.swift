// How the next token is chosen. Every field has a neutral value that switches it off.

import LintelCore

package struct SamplerOptions: Sendable {
  /// 0 = greedy: the largest logit after penalties and bias, the lowest id among equals.
  package var temperature: Float = 1
  /// Keep only the k largest logits; 0 = all.
  package var topK: Int32 = 0
  /// Keep the smallest set of most probable tokens that together reach p; 1 = all.
  package var topP: Float = 1
  /// Keep the tokens at least this fraction as probable as the most probable one; 0 = all.
  package var minP: Float = 0
  /// Divides positive and multiplies negative logits of recent tokens; 1 = off.
  package var repetitionPenalty: Float = 1
  /// Subtracted once per recent occurrence; 0 = off.
  package var frequencyPenalty: Float = 0
  /// Subtracted once if there is a recent occurrence; 0 = off.
  package var presencePenalty: Float = 0
  /// How many of the latest tokens count as recent.
  package var penaltyWindow: Int32 = 64
  package var seed: UInt64 = 0

  package init() {}

  package func check(maximumWindow: Int) throws(Failure) {
    try range(temperature, 0, 1000, "temperature")
    try range(topP, 0, 1, "top_p")
    try range(minP, 0, 1, "min_p")
    try range(repetitionPenalty, 0.01, 100, "repetition_penalty")
    try range(frequencyPenalty, -100, 100, "frequency_penalty")
    try range(presencePenalty, -100, 100, "presence_penalty")
    if topK < 0 { throw Failure(.argument, "top_k is \(topK), expected 0 or more") }
    if penaltyWindow < 0 || Int(penaltyWindow) > maximumWindow {
      throw Failure(
        .argument, "penalty_window is \(penaltyWindow), expected 0 to \(maximumWindow)",
        needed: Int64(penaltyWindow), available: Int64(maximumWindow))
    }
  }

  package var hasPenalties: Bool {
    repetitionPenalty != 1 || frequencyPenalty != 0 || presencePenalty != 0
  }

  private func range(
    _ value: Float, _ low: Float, _ high: Float, _ field: StaticString
  ) throws(Failure) {
    // Written so that a NaN fails.
    if !(value >= low && value <= high) {
      throw Failure(
        .argument,
        "\(field) is \(decimal(value)), expected \(decimal(low)) to \(decimal(high))")
    }
  }

  /// Two decimals are enough for a complaint.
  private func decimal(_ value: Float) -> Sentence {
    var s = Sentence()
    if value.isNaN {
      s.append("not a number")
      return s
    }
    let magnitude = value.magnitude
    if value < 0 { s.append("-") }
    if magnitude > 1e9 {
      s.append("more than 10^9")
      return s
    }
    let hundredths = UInt64((Double(magnitude) * 100).rounded())
    s.append(hundredths / 100)
    if hundredths % 100 > 0 {
      s.append(".")
      s.appendByte(48 + UInt8(truncatingIfNeeded: hundredths / 10 % 10))
      s.appendByte(48 + UInt8(truncatingIfNeeded: hundredths % 10))
    } else if hundredths == 0 && magnitude > 0 {
      s.append(".00...")
    }
    return s
  }
}
