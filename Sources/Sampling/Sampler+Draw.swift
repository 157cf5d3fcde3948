// Cutting the distribution and drawing from what is left, without sorting it. "The k largest" and
// "the most probable that reach p" are one question: down to which logit must one go until the
// elements passed amount to `need`? A radix selection answers it exactly: a histogram over the top
// 11 bits of the logits finds the bin, two more inside that bin find the value; among equal logits
// the lower id comes first. After the first histogram what is left usually fits the candidate
// buffer, and everything that follows works there.

import LintelCore

/// The tokens still in play: all logits, or the candidates. Dropped ones are minus infinity.
struct Field {
  var values: Buffer<Float>
  var count: Int
  var isCompact: Bool
  let top: Float
  let inverseTemperature: Float
  /// Tokens whose weight is below this fraction of the largest do not count.
  var least: Float = 0

  /// The weights of eight tokens: exp((logit - top) / temperature) in units of 2^-42.
  @inline(__always) func weights(_ i: Int) -> SIMD8<UInt64> {
    let x = (Sampler.eight(values, i, count) - top) * inverseTemperature
    // From float to fixed point by shifting the significand, all eight at once. Beyond 43 places
    // nothing is left of it.
    let weights = Elementary.exp(x)
    let kept = weights.replacing(with: 0, where: weights .< least)
    let bits = unsafeBitCast(kept, to: SIMD8<UInt32>.self)
    let places = 127 &- (bits &>> 23)
    let significand = SIMD8<UInt64>(truncatingIfNeeded: bits & 0x7F_FFFF | 0x80_0000)
    let shift = SIMD8<UInt64>(truncatingIfNeeded: pointwiseMin(places, SIMD8(repeating: 63)))
    return (significand &<< 19) &>> shift
  }
}

extension Sampler {
  /// Top-k, temperature, top-p, min-p, and the draw with 64 random bits.
  package func draw(_ logits: Buffer<Float>, _ top: Float, _ bits: UInt64) -> Int32 {
    // Below 10^-5 the largest logit is all that is left, as in the limit.
    var field = Field(
      values: logits, count: logits.count, isCompact: false, top: top,
      inverseTemperature: 1 / max(options.temperature, 1e-5))
    if options.topK > 0 && Int(options.topK) < field.count {
      keepLargest(&field, UInt64(options.topK), isWeighed: false)
    }
    if options.topP < 1 {
      let need = Double(sum(field)) * Double(options.topP)
      keepLargest(&field, max(UInt64(need.rounded(.up)), 1), isWeighed: true)
    }
    field.least = options.minP
    let index = pick(field, bits.multipliedFullWidth(by: sum(field)).high)
    return field.isCompact ? candidates[index] : Int32(truncatingIfNeeded: index)
  }

  private func sum(_ field: Field) -> UInt64 {
    var sums = SIMD8<UInt64>(repeating: 0)
    var i = 0
    while i < field.count {
      sums &+= field.weights(i)
      i += 8
    }
    return sums.wrappedSum()
  }

  /// The token in whose share `target`, less than the sum of all, falls.
  private func pick(_ field: Field, _ target: UInt64) -> Int {
    var left = target
    var i = 0
    while i < field.count {
      let w = field.weights(i)
      let sum = w.wrappedSum()
      if left < sum {
        for k in 0..<8 {
          if left < w[k] { return i + k }
          left -= w[k]
        }
      }
      left -= sum
      i += 8
    }
    return 0
  }

  // MARK: Selection

  /// Drops all but the largest elements that together amount to `need`: in number, or in weight.
  private func keepLargest(_ field: inout Field, _ need: UInt64, isWeighed: Bool) {
    var before: UInt64 = 0
    var prefix: UInt32 = 0
    var shift: UInt32 = 32
    for level in 0..<3 {
      let width: UInt32 = level == 2 ? 10 : 11
      shift -= width
      fillHistogram(field, prefix, shift, width, isWeighed)
      var bin = UInt32(1) << width - 1
      while bin > 0 && before + histogram[Int(bin)] < need {
        before += histogram[Int(bin)]
        bin -= 1
      }
      prefix = prefix << width | bin
      if !field.isCompact { compact(&field, prefix, shift) }
    }
    // `prefix` is now the key of the last logit to keep; `before` is what lies above it.
    for i in 0..<field.count {
      let key = Sampler.key(field.values[i])
      if key > prefix { continue }
      if key == prefix && before < need {
        before += isWeighed ? field.weights(i)[0] : 1
      } else {
        field.values[i] = -.infinity
      }
    }
  }

  /// Per value of the `width` bits above `shift`: the amount of the elements whose bits above those
  /// equal `prefix`.
  private func fillHistogram(
    _ field: Field, _ prefix: UInt32, _ shift: UInt32, _ width: UInt32, _ isWeighed: Bool
  ) {
    histogram.fill(0)
    let mask = UInt32(1) << width - 1
    var weights = SIMD8<UInt64>(repeating: 1)
    var weighed = -1
    for i in 0..<field.count {
      let key = Sampler.key(field.values[i]) >> shift
      if UInt64(key) >> UInt64(width) != UInt64(prefix) { continue }
      if isWeighed && weighed != i >> 3 {
        weighed = i >> 3
        weights = field.weights(i & ~7)
      }
      histogram[Int(key & mask)] += weights[i & 7]
    }
  }

  /// Moves the elements whose key reaches `prefix` to the candidates, if they fit.
  private func compact(_ field: inout Field, _ prefix: UInt32, _ shift: UInt32) {
    var n = 0
    for i in 0..<field.count where Sampler.key(field.values[i]) >> shift >= prefix {
      if n == candidates.count { return }
      candidates[n] = Int32(truncatingIfNeeded: i)
      kept[n] = field.values[i]
      n += 1
    }
    field.values = kept
    field.count = n
    field.isCompact = true
  }

  /// Unsigned integers in the order of the numbers. Adding 0 makes -0 the same as 0.
  @inline(__always) static func key(_ x: Float) -> UInt32 {
    let b = (x + 0).bitPattern
    return b & 0x8000_0000 != 0 ? ~b : b | 0x8000_0000
  }
}
