// The two hash tables: bytes -> token, and (left, right) -> rank. Linear probing at 5/8 load. A
// probe is at most `maximumProbe` long; `index` refuses a vocabulary that needs more, so that no
// file can turn a look-up into a scan.

import LintelCore

extension Vocabulary {
  static var maximumProbe: Int { 512 }
  static var emptyPiece: UInt32 { .max }
  static var emptyPair: UInt64 { .max }
  package static var noRank: UInt32 { .max }

  /// FNV-1a over the bytes of a token, then one multiplication to bring the entropy to the top.
  struct PieceHash {
    private var state: UInt64 = 0xcbf2_9ce4_8422_2325
    @inline(__always) mutating func add(_ b: UInt8) {
      state = (state ^ UInt64(b)) &* 0x100_0000_01b3
    }
    var value: UInt64 {
      let x = (state ^ (state >> 32)) &* 0x9E37_79B9_7F4A_7C15
      return x ^ (x >> 29)
    }
  }

  /// A slot of a table of `count` entries, from the top 32 bits of a hash.
  @inline(__always) static func slot(_ hash: UInt64, _ count: Int) -> Int {
    Int(truncatingIfNeeded: ((hash >> 32) &* UInt64(truncatingIfNeeded: count)) >> 32)
  }

  /// Eleven bits of a hash that its slot does not depend on.
  @inline(__always) static func tag(_ hash: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: hash) & 0x7FF
  }

  /// The token with exactly these bytes, of any kind, or -1.
  package func find(_ piece: Bytes) -> Int32 {
    var hash = PieceHash()
    for i in 0..<piece.count { hash.add(piece[i]) }
    let h = hash.value
    var slot = Vocabulary.slot(h, pieces.count)
    for _ in 0..<Vocabulary.maximumProbe {
      let entry = pieces[slot]
      if entry == Vocabulary.emptyPiece { return -1 }
      if entry >> 21 == Vocabulary.tag(h) {
        let id = Int(entry & 0x1F_FFFF)
        if equals(id, piece) { return Int32(truncatingIfNeeded: id) }
      }
      slot = slot + 1 == pieces.count ? 0 : slot + 1
    }
    return -1
  }

  /// The token with exactly these bytes, if plain text may become it by merging, or -1.
  func findText(_ piece: Bytes) -> Int32 {
    let id = find(piece)
    return id >= 0 && kind(Int(id)).isText ? id : -1
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
  func rank(_ left: Int32, _ right: Int32) -> UInt32 {
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
