// SHA-256 (FIPS 180-4): what a file must be for a deployment to take it. Fed in pieces of any size.

package struct Sha256 {
  package typealias Digest = InlineArray<32, UInt8>

  private var state: InlineArray<8, UInt32> = [
    0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A,
    0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19,
  ]
  /// What does not fill a block yet.
  private var held = InlineArray<64, UInt8>(repeating: 0)
  private var heldCount = 0
  private var total: UInt64 = 0

  package init() {}

  package static func of(_ bytes: Bytes) -> Digest {
    var hash = Sha256()
    hash.add(bytes)
    return hash.digest()
  }

  package mutating func add(_ bytes: Bytes) {
    total &+= UInt64(truncatingIfNeeded: bytes.count)
    var at = 0
    while heldCount > 0 && at < bytes.count {
      held[heldCount] = bytes[at]
      heldCount += 1
      at += 1
      if heldCount == 64 { compressHeld() }
    }
    while at + 64 <= bytes.count {
      compress(bytes.start + at)
      at += 64
    }
    while at < bytes.count {
      held[heldCount] = bytes[at]
      heldCount += 1
      at += 1
    }
  }

  /// Of everything added. Ends the hash: it must not be used again.
  package mutating func digest() -> Digest {
    let bits = total &* 8
    held[heldCount] = 0x80
    heldCount += 1
    if heldCount > 56 {
      while heldCount < 64 { pad() }
      compressHeld()
    }
    while heldCount < 56 { pad() }
    for i in 0..<8 { held[56 + i] = UInt8(truncatingIfNeeded: bits >> UInt64(56 - 8 * i)) }
    compressHeld()
    var digest = Digest(repeating: 0)
    for i in 0..<32 {
      digest[i] = UInt8(truncatingIfNeeded: state[i >> 2] >> UInt32(24 - 8 * (i & 3)))
    }
    return digest
  }

  private mutating func pad() {
    held[heldCount] = 0
    heldCount += 1
  }

  private mutating func compressHeld() {
    let block = held
    withUnsafeBytes(of: block) { raw in
      if let start = raw.baseAddress { compress(start) }
    }
    heldCount = 0
  }

  private mutating func compress(_ block: UnsafeRawPointer) {
    // Sixteen words of the schedule at a time: word t replaces word t - 16.
    var w = InlineArray<16, UInt32>(repeating: 0)
    for t in 0..<16 {
      w[t] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: 4 * t, as: UInt32.self))
    }
    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
    var (e, f, g, h) = (state[4], state[5], state[6], state[7])
    for t in 0..<64 {
      if t >= 16 {
        let x = w[(t + 1) & 15]
        let y = w[(t + 14) & 15]
        let s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >> 3)
        let s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >> 10)
        w[t & 15] = w[t & 15] &+ s0 &+ w[(t + 9) & 15] &+ s1
      }
      let s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
      let one = h &+ s1 &+ ((e & f) ^ (~e & g)) &+ Sha256.constant(t) &+ w[t & 15]
      let s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
      let two = s0 &+ ((a & b) ^ (a & c) ^ (b & c))
      (h, g, f, e) = (g, f, e, d &+ one)
      (d, c, b, a) = (c, b, a, one &+ two)
    }
    state[0] &+= a
    state[1] &+= b
    state[2] &+= c
    state[3] &+= d
    state[4] &+= e
    state[5] &+= f
    state[6] &+= g
    state[7] &+= h
  }

  @inline(__always)
  private func rotate(_ x: UInt32, _ n: UInt32) -> UInt32 { (x >> n) | (x << (32 - n)) }

  /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
  @inline(__always)
  private static func constant(_ t: Int) -> UInt32 {
    let k: InlineArray<64, UInt32> = [
      0x428A_2F98, 0x7137_4491, 0xB5C0_FBCF, 0xE9B5_DBA5, 0x3956_C25B, 0x59F1_11F1, 0x923F_82A4,
      0xAB1C_5ED5, 0xD807_AA98, 0x1283_5B01, 0x2431_85BE, 0x550C_7DC3, 0x72BE_5D74, 0x80DE_B1FE,
      0x9BDC_06A7, 0xC19B_F174, 0xE49B_69C1, 0xEFBE_4786, 0x0FC1_9DC6, 0x240C_A1CC, 0x2DE9_2C6F,
      0x4A74_84AA, 0x5CB0_A9DC, 0x76F9_88DA, 0x983E_5152, 0xA831_C66D, 0xB003_27C8, 0xBF59_7FC7,
      0xC6E0_0BF3, 0xD5A7_9147, 0x06CA_6351, 0x1429_2967, 0x27B7_0A85, 0x2E1B_2138, 0x4D2C_6DFC,
      0x5338_0D13, 0x650A_7354, 0x766A_0ABB, 0x81C2_C92E, 0x9272_2C85, 0xA2BF_E8A1, 0xA81A_664B,
      0xC24B_8B70, 0xC76C_51A3, 0xD192_E819, 0xD699_0624, 0xF40E_3585, 0x106A_A070, 0x19A4_C116,
      0x1E37_6C08, 0x2748_774C, 0x34B0_BCB5, 0x391C_0CB3, 0x4ED8_AA4A, 0x5B9C_CA4F, 0x682E_6FF3,
      0x748F_82EE, 0x78A5_636F, 0x84C8_7814, 0x8CC7_0208, 0x90BE_FFFA, 0xA450_6CEB, 0xBEF9_A3F7,
      0xC671_78F2,
    ]
    return k[t]
  }
}
