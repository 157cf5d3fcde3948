// Choice of experts for one row.
//
// - Source: Kimi Linear's router as DeepSeek-V3's (sigmoid scores, a bias that only selects), and
//   Qwen's (softmax scores). Weights are renormalised over the chosen experts, then scaled.

import LintelCore

package enum Router {
  package enum Scoring: UInt8, BitwiseCopyable {
    case softmax = 1
    case sigmoid = 2
  }

  /// `logits[count]` become scores; the `chosen` best by score + bias go to `experts` and
  /// `weights`, best first; of equals the lower index wins. NaN never beats a number.
  package static func choose(
    logits: Floats, bias: ConstFloats?, count: Int, chosen: Int, scoring: Scoring, scale: Float,
    experts: UnsafeMutablePointer<Int32>, weights: Floats
  ) {
    switch scoring {
    case .sigmoid:
      for e in 0..<count { logits[e] = Elementary.sigmoid(logits[e]) }
    case .softmax:
      var top = -Float.infinity
      for e in 0..<count { top = max(top, logits[e]) }
      var sum: Float = 0
      for e in 0..<count {
        logits[e] = Elementary.exp(logits[e] - top)
        sum += logits[e]
      }
      for e in 0..<count { logits[e] /= sum }
    }
    var kept = 0
    for e in 0..<count {
      let key = score(logits, bias, e)
      var at = kept
      while at > 0 && key > score(logits, bias, Int(experts[at - 1])) { at -= 1 }
      if at >= chosen { continue }
      if kept < chosen { kept += 1 }
      var j = kept - 1
      while j > at {
        experts[j] = experts[j - 1]
        j -= 1
      }
      experts[at] = Int32(truncatingIfNeeded: e)
    }
    var sum: Float = 0
    for i in 0..<chosen { sum += logits[Int(experts[i])] }
    for i in 0..<chosen {
      weights[i] = logits[Int(experts[i])] / (sum + 1e-20) * scale
    }
  }

  @inline(__always)
  private static func score(_ p: ConstFloats, _ bias: ConstFloats?, _ e: Int) -> Float {
    let s = bias.map { p[e] + $0[e] } ?? p[e]
    return s == s ? s : -.infinity
  }
}
