// Random numbers by counter: (seed, step) -> bits, with no state to keep, save or lose. The same
// seed gives the same text on every platform and after every restore.
// Mixing function: SplitMix64 (Steele, Lea, Flood 2014), applied to seed and step in turn.

package enum CounterRandom {
  @inlinable package static func bits(seed: UInt64, step: UInt64) -> UInt64 {
    mix(mix(seed) ^ (step &* 0x9E37_79B9_7F4A_7C15))
  }

  /// Uniform in [0, 1), 53 bits.
  @inlinable package static func unit(seed: UInt64, step: UInt64) -> Double {
    Double(bits(seed: seed, step: step) >> 11) * 0x1p-53
  }

  @inlinable package static func mix(_ x: UInt64) -> UInt64 {
    var z = x &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
