// The two hash tables: bytes -> token, and (left, right) -> rank. Linear probing at 5/8 load. A
// probe is at most `maximumProbe` long; `index` refuses a vocabulary that needs more, so that no
// file can turn a look-up into a scan.
//
//     pieces   tag << 22 | may text become it << 21 | id
//     pairs    left << 42 | right << 21 | rank

import LintelCore

extension Vocabulary {
  static var maximumProbe: Int { 512 }
  /// How many tokens of the same tag may lie in the way of another.
  static var maximumAlike: Int { 16 }
  static var emptyPiece: UInt32 { .max }
  static var emptyPair: UInt64 { .max }
  package static var noRank: UInt32 { .max }

  /// A hash of the bytes of a token, eight at a time.
  struct PieceHash {
    private var state: UInt64 = 0x2545_F491_4F6C_DD1D
    private var word: UInt64 = 0
    private var count: UInt64 = 0

    @inline(__always) mutating func add(_ b: UInt8) {
      word = word << 8 | UInt64(b)
      count &+= 1
      if count & 7 == 0 { mix() }
    }

    @inline(__always) private mutating func mix() {
      state = (state ^ word) &* 0x9E37_79B9_7F4A_7C15
      state ^= state >> 32
      word = 0
    }

    /// Asking ends the hash: the count keeps texts apart that differ in leading zero bytes.
    var value: UInt64 {
      var h = self
      h.mix()
      h.word = count
      h.mix()
      return h.state
    }
  }

  /// A slot of a table of `count` entries, from the top 32 bits of a hash.
  @inline(__always) static func slot(_ hash: UInt64, _ count: Int) -> Int {
    Int(truncatingIfNeeded: ((hash >> 32) &* UInt64(truncatingIfNeeded: count)) >> 32)
  }

  /// Ten bits of a hash that its slot does not depend on, where an entry has them.
  @inline(__always) static func tag(_ hash: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: hash) << 22
  }

  static var tagMask: UInt32 { 0x3FF << 22 }
  static var textBit: UInt32 { 1 << 21 }

  @inline(__always) static func id(_ entry: UInt32) -> Int { Int(entry & 0x1F_FFFF) }

  /// The token with exactly these bytes, if plain text may become it by merging, or -1.
  func findText(_ piece: Bytes) -> Int32 {
    var hash = PieceHash()
    for i in 0..<piece.count { hash.add(piece[i]) }
    let h = max(hash.value, 1)
    var slot = Vocabulary.slot(h, pieces.count)
    for _ in 0..<Vocabulary.maximumProbe {
      let entry = pieces[slot]
      if entry == Vocabulary.emptyPiece { return -1 }
      if entry & Vocabulary.tagMask == Vocabulary.tag(h) {
        let id = Vocabulary.id(entry)
        if equals(id, piece) {
          return entry & Vocabulary.textBit != 0 ? Int32(truncatingIfNeeded: id) : -1
        }
      }
      slot = slot + 1 == pieces.count ? 0 : slot + 1
    }
    return -1
  }

  private func equals(_ id: Int, _ piece: Bytes) -> Bool {
    var bytes = Spelling(spelling(id), isPlain: kind(id).isPlain)
    for i in 0..<piece.count {
      guard let b = bytes.next(), b == piece[i] else { return false }
    }
    return bytes.next() == nil
  }

  @inline(__always) static func pairKey(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 21 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always) static func pairHash(_ key: UInt64) -> UInt64 {
    let x = key &* 0x9E37_79B9_7F4A_7C15
    return (x ^ (x >> 32)) &* 0xD6E8_FEB8_6659_FD93
  }

  /// The rank of the merge of two tokens, or `noRank`.
  @inline(__always)
  package func rank(_ left: Int32, _ right: Int32) -> UInt32 {
    let key = Vocabulary.pairKey(left, right)
    var slot = Vocabulary.slot(Vocabulary.pairHash(key), pairs.count)
    for _ in 0..<Vocabulary.maximumProbe {
      let entry = pairs[slot]
      if entry == Vocabulary.emptyPair { return Vocabulary.noRank }
      if entry >> 21 == key { return UInt32(truncatingIfNeeded: entry & 0x1F_FFFF) }
      slot = slot + 1 == pairs.count ? 0 : slot + 1
    }
    return Vocabulary.noRank
  }
}
