// Normalization Form C: what Unicode says about single characters and pairs. Tables: Unicode 16.0,
// 22 KB, sorted and searched by halving; Hangul is arithmetic. Nothing below U+0300 ever changes
// where it stands.

import LintelCore

package enum Normalization {
  struct Properties {
    /// Canonical combining class; 0 = starter.
    let order: UInt8
    /// Set only for marks, where it is rare.
    let markDecomposes: Bool
    /// NFC may replace the character, or join it to the one before.
    let changes: Bool

    /// Nothing before or behind such a character can alter it, unless what follows is not stable.
    var isStable: Bool { order == 0 && !changes }
  }

  static func properties(_ scalar: UInt32) -> Properties {
    if scalar < 0x300 { return Properties(order: 0, markDecomposes: false, changes: false) }
    // The last run that starts at or before the character.
    var low = 0
    var high = unicodeCombiningRunCount
    while high - low > 1 {
      let middle = (low + high) / 2
      if run(middle) >> 10 <= scalar { low = middle } else { high = middle }
    }
    let bits = run(low) & 0x3FF
    return Properties(
      order: UInt8(truncatingIfNeeded: bits >> 2), markDecomposes: bits & 2 != 0,
      changes: bits & 1 != 0)
  }

  private static func run(_ i: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: CharacterClass.field(unicodeCombiningRuns[i >> 1], i & 1, 32))
  }

  /// A character's full canonical decomposition: one to four characters.
  struct Decomposition {
    var scalars = InlineArray<4, UInt32>(repeating: 0)
    var count = 1

    init(_ scalar: UInt32) {
      scalars[0] = scalar
      if scalar < 0xC0 { return }
      if scalar >= 0xAC00 && scalar < 0xAC00 + 11172 {
        let s = scalar - 0xAC00
        scalars[0] = 0x1100 + s / 588
        scalars[1] = 0x1161 + s % 588 / 28
        scalars[2] = 0x11A7 + s % 28
        count = s % 28 == 0 ? 2 : 3
        return
      }
      // The first character of a pair may decompose again; the second never does.
      while count < 4, let (first, second) = Normalization.pair(scalars[0]) {
        if second == 0 {
          scalars[0] = first
          continue
        }
        var i = count
        while i > 1 {
          scalars[i] = scalars[i - 1]
          i -= 1
        }
        scalars[1] = second
        scalars[0] = first
        count += 1
      }
    }
  }

  /// One step of decomposition; `second` is 0 for a replacement by a single character.
  private static func pair(_ scalar: UInt32) -> (first: UInt32, second: UInt32)? {
    var low = 0
    var high = unicodePairs.count
    while low < high {
      let middle = (low + high) / 2
      let entry = unicodePairs[middle]
      let key = UInt32(truncatingIfNeeded: entry >> 42)
      if key == scalar { return (scalar21(entry >> 21), scalar21(entry)) }
      if key < scalar { low = middle + 1 } else { high = middle }
    }
    low = 0
    high = unicodeSingles.count
    while low < high {
      let middle = (low + high) / 2
      let entry = unicodeSingles[middle]
      let key = UInt32(truncatingIfNeeded: entry >> 21)
      if key == scalar { return (scalar21(entry), 0) }
      if key < scalar { low = middle + 1 } else { high = middle }
    }
    return nil
  }

  private static func scalar21(_ entry: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: entry & 0x1F_FFFF)
  }

  /// The character that two neighbours become, if there is one.
  static func compose(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if first >= 0x1100 && first < 0x1113 && second >= 0x1161 && second < 0x1176 {
      return 0xAC00 + ((first - 0x1100) * 21 + second - 0x1161) * 28
    }
    if first >= 0xAC00 && first < 0xAC00 + 11172 && second > 0x11A7 && second < 0x11C3 {
      return (first - 0xAC00) % 28 == 0 ? first + second - 0x11A7 : nil
    }
    let wanted = UInt64(first) << 21 | UInt64(second)
    var low = 0
    var high = unicodeCompositeCount
    while low < high {
      let middle = (low + high) / 2
      let index = CharacterClass.field(unicodeComposites[middle >> 2], middle & 3, 16)
      let entry = unicodePairs[Int(index)]
      let key = entry & 0x3FF_FFFF_FFFF
      if key == wanted { return UInt32(truncatingIfNeeded: entry >> 42) }
      if key < wanted { low = middle + 1 } else { high = middle }
    }
    return nil
  }

  /// Whether valid UTF-8 is already in form C, as far as single characters tell. May say no where a
  /// closer look would say yes.
  package static func isCertainlyNormal(_ text: Bytes) -> Bool {
    var i = 0
    var last: UInt8 = 0
    while i < text.count {
      // Below U+0300 there are only stable characters: lead bytes up to CB.
      if text[i] < 0xCC {
        if i + 8 <= text.count && text.load(i, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
          i += 8
        } else {
          i += text[i] < 0x80 ? 1 : 2
        }
        last = 0
        continue
      }
      let (scalar, next) = Utf8.decode(text, i)
      let p = properties(scalar)
      if p.changes || (p.order != 0 && p.order < last) { return false }
      last = p.order
      i = next
    }
    return true
  }
}
