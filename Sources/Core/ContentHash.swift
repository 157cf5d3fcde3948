// Sixty-four bits that stand for any number of bytes: XXH64, as its specification (xxHash
// doc/xxhash_spec.md) defines it. Fast, and not for use against somebody who forges.
//
// Four lanes take 32 bytes a turn. What a lane does to its input can be undone, so that a single
// changed word always changes its lane.

package struct ContentHash {
  private static var p1: UInt64 { 0x9E37_79B1_85EB_CA87 }
  private static var p2: UInt64 { 0xC2B2_AE3D_27D4_EB4F }
  private static var p3: UInt64 { 0x1656_67B1_9E37_79F9 }
  private static var p4: UInt64 { 0x85EB_CA77_C2B2_AE63 }
  private static var p5: UInt64 { 0x27D4_EB2F_1656_67C5 }

  private let seed: UInt64
  private var a: UInt64
  private var b: UInt64
  private var c: UInt64
  private var d: UInt64
  /// What does not fill a turn yet.
  private var held = InlineArray<32, UInt8>(repeating: 0)
  private var heldCount = 0
  private var total: UInt64 = 0

  package init(seed: UInt64 = 0) {
    self.seed = seed
    a = seed &+ ContentHash.p1 &+ ContentHash.p2
    b = seed &+ ContentHash.p2
    c = seed
    d = seed &- ContentHash.p1
  }

  package static func of(_ bytes: Bytes) -> UInt64 {
    var hash = ContentHash()
    hash.add(bytes)
    return hash.value
  }

  package mutating func add(_ bytes: Bytes) {
    total &+= UInt64(truncatingIfNeeded: bytes.count)
    var at = 0
    if heldCount > 0 {
      while heldCount < 32 && at < bytes.count {
        held[heldCount] = bytes[at]
        heldCount += 1
        at += 1
      }
      if heldCount < 32 { return }
      (a, b) = (lane(a, word(0)), lane(b, word(8)))
      (c, d) = (lane(c, word(16)), lane(d, word(24)))
      heldCount = 0
    }
    var (e, f, g, h) = (a, b, c, d)
    while at + 32 <= bytes.count {
      e = lane(e, bytes.word(at))
      f = lane(f, bytes.word(at + 8))
      g = lane(g, bytes.word(at + 16))
      h = lane(h, bytes.word(at + 24))
      at += 32
    }
    (a, b, c, d) = (e, f, g, h)
    while at < bytes.count {
      held[heldCount] = bytes[at]
      heldCount += 1
      at += 1
    }
  }

  package mutating func add(_ number: UInt64) {
    withUnsafeBytes(of: number.littleEndian) { raw in
      if let start = raw.baseAddress { add(Bytes(start: start, count: 8)) }
    }
  }

  /// Of everything added so far.
  package var value: UInt64 {
    var h = seed &+ ContentHash.p5
    if total >= 32 {
      h = rotate(a, 1) &+ rotate(b, 7) &+ rotate(c, 12) &+ rotate(d, 18)
      h = merge(merge(merge(merge(h, a), b), c), d)
    }
    h &+= total
    var at = 0
    while at + 8 <= heldCount {
      h = rotate(h ^ lane(0, word(at)), 27) &* ContentHash.p1 &+ ContentHash.p4
      at += 8
    }
    if at + 4 <= heldCount {
      h = rotate(h ^ (word(at, bytes: 4) &* ContentHash.p1), 23) &* ContentHash.p2
        &+ ContentHash.p3
      at += 4
    }
    while at < heldCount {
      h = rotate(h ^ (UInt64(held[at]) &* ContentHash.p5), 11) &* ContentHash.p1
      at += 1
    }
    h = (h ^ (h >> 33)) &* ContentHash.p2
    h = (h ^ (h >> 29)) &* ContentHash.p3
    return h ^ (h >> 32)
  }

  /// A number among the held bytes.
  private func word(_ at: Int, bytes: Int = 8) -> UInt64 {
    var w: UInt64 = 0
    for i in 0..<bytes { w |= UInt64(held[at + i]) << UInt64(8 * i) }
    return w
  }

  @inline(__always)
  private func lane(_ state: UInt64, _ word: UInt64) -> UInt64 {
    rotate(state &+ word &* ContentHash.p2, 31) &* ContentHash.p1
  }

  private func merge(_ h: UInt64, _ state: UInt64) -> UInt64 {
    (h ^ lane(0, state)) &* ContentHash.p1 &+ ContentHash.p4
  }

  @inline(__always)
  private func rotate(_ x: UInt64, _ n: UInt64) -> UInt64 { (x << n) | (x >> (64 - n)) }
}

extension Bytes {
  @inline(__always)
  fileprivate func word(_ at: Int) -> UInt64 {
    UInt64(littleEndian: load(at, as: UInt64.self))
  }
}
