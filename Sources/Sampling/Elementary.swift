// exp and log in plain additions and multiplications: the same bits on every platform, whatever its
// libm does. (Swift never contracts a multiplication and an addition into one operation.)

package enum Elementary {
  /// exp(x) for x <= 0, to about 1 part in 10^15; 0 below -700 and for a NaN.
  package static func exp(_ x: Double) -> Double {
    if !(x > -700) { return 0 }
    // x = k ln 2 + r, |r| <= ln(2) / 2. Adding 1.5 * 2^52 rounds to an integer.
    let magic = 6_755_399_441_055_744.0
    let k = (x * 1.442_695_040_888_963_4 + magic) - magic
    let r = (x - k * 0.693_147_180_369_123_8) - k * 1.908_214_929_270_587_7e-10
    var p = 1.0 / 6_227_020_800
    p = p * r + 1.0 / 479_001_600
    p = p * r + 1.0 / 39_916_800
    p = p * r + 1.0 / 3_628_800
    p = p * r + 1.0 / 362_880
    p = p * r + 1.0 / 40_320
    p = p * r + 1.0 / 5_040
    p = p * r + 1.0 / 720
    p = p * r + 1.0 / 120
    p = p * r + 1.0 / 24
    p = p * r + 1.0 / 6
    p = p * r + 0.5
    p = p * r + 1
    p = p * r + 1
    // -1010 <= k <= 0, so the exponent field stays positive.
    let exponent = UInt64(bitPattern: Int64(k) + 1023)
    return p * Double(bitPattern: exponent << 52)
  }

  /// Natural logarithm of a positive, finite, normal number, to about 1 part in 10^15.
  package static func log(_ x: Double) -> Double {
    var e = Int(x.bitPattern >> 52) - 1023
    var m = Double(bitPattern: x.bitPattern & 0xF_FFFF_FFFF_FFFF | 0x3FF0_0000_0000_0000)
    if m > 1.414_213_562_373_095 {
      m *= 0.5
      e += 1
    }
    // log m = 2 artanh s, s = (m - 1) / (m + 1), |s| < 0.172
    let s = (m - 1) / (m + 1)
    let q = s * s
    var p = 0.0
    var n = 23
    while n > 0 {
      p = p * q + 1.0 / Double(n)
      n -= 2
    }
    return Double(e) * 0.693_147_180_559_945_3 + 2 * s * p
  }

  /// exp for eight numbers <= 0 at once, to about 2 parts in 10^7; 0 below -87.
  @inline(__always) package static func exp(_ x: SIMD8<Float>) -> SIMD8<Float> {
    let isTiny = x .< -87
    let x = x.replacing(with: -87, where: isTiny)
    let magic = SIMD8<Float>(repeating: 12_582_912)
    let t = x * 1.442_695 + magic
    let k = t - magic
    let r = (x - k * 0.693_359_375) - k * -2.121_944_4e-4
    var p = SIMD8<Float>(repeating: 1.0 / 5_040)
    p = p * r + 1.0 / 720
    p = p * r + 1.0 / 120
    p = p * r + 1.0 / 24
    p = p * r + 1.0 / 6
    p = p * r + 0.5
    p = p * r + 1
    p = p * r + 1
    // The low bits of t hold k: move them to the exponent.
    let bits = unsafeBitCast(t, to: SIMD8<Int32>.self) &- 0x4B40_0000 &+ 127
    let scale = unsafeBitCast(bits &<< 23, to: SIMD8<Float>.self)
    return (p * scale).replacing(with: 0, where: isTiny)
  }
}
