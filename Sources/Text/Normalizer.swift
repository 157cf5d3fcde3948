// Text in Normalization Form C, one character at a time, in constant memory.
//
// The usual way collects a starter and its combining marks, sorts the marks by class and joins what
// can be joined; a text of a million marks then needs a buffer for a million marks. But the text
// can be read again: the marks of a block are visited class by class, lowest first, which is the
// sorted order. There are 55 classes, most blocks have one, so even that text costs a bounded
// number of passes. A first visit joins marks to the starter, a second one passes on those left
// over.

import LintelCore

/// Up to three texts read as one, each of them whole characters.
package struct TextParts {
  let first: Bytes
  let second: Bytes
  let third: Bytes
  let count: Int

  package init(_ first: Bytes, _ second: Bytes, _ third: Bytes) {
    self.first = first
    self.second = second
    self.third = third
    count = first.count + second.count + third.count
  }

  func decode(_ i: Int) -> (scalar: UInt32, next: Int) {
    if i < first.count { return Utf8.decode(first, i) }
    let j = i - first.count
    if j < second.count {
      let (scalar, next) = Utf8.decode(second, j)
      return (scalar, next + first.count)
    }
    let shift = first.count + second.count
    let (scalar, next) = Utf8.decode(third, i - shift)
    return (scalar, next + shift)
  }
}

package struct Normalizer {
  private let text: TextParts
  private let isActive: Bool
  /// Where reading goes on: a character, and how much of its decomposition has been used.
  private var cursor = Cursor()
  /// The marks that are being passed on.
  private var marks = Marks()
  private var hasMarks = false

  private struct Cursor {
    var index = 0
    var sub = 0
  }

  /// A walk over a block's marks in canonical order, joining them to `starter` where possible.
  private struct Marks {
    var from = Cursor()
    var at = Cursor()
    var starter: UInt32 = 0
    var hasStarter = false
    /// The classes that occur and have not been visited, one bit each.
    var classes = InlineArray<4, UInt64>(repeating: 0)
    /// The class being visited; 0 before the first.
    var order: UInt8 = 0
    /// Class of the last mark that was left over: it blocks its equals from the starter.
    var blocked: UInt8 = 0
    var leftOver = 0

    mutating func nextClass() -> Bool {
      for word in 0..<4 where classes[word] != 0 {
        order = UInt8(truncatingIfNeeded: word * 64 + classes[word].trailingZeroBitCount)
        classes[word] &= classes[word] - 1
        at = from
        return true
      }
      return false
    }
  }

  package init(_ text: TextParts, isActive: Bool) {
    self.text = text
    self.isActive = isActive
  }

  package var isAtEnd: Bool { !hasMarks && cursor.index >= text.count }

  /// The next character of the normalized text.
  package mutating func next() -> UInt32? {
    if hasMarks {
      if let mark = nextMark(&marks) { return mark }
      hasMarks = false
    }
    if cursor.index >= text.count { return nil }
    if cursor.sub == 0 {
      let (scalar, next) = text.decode(cursor.index)
      if !isActive || (scalar < 0x300 && isStable(at: next)) {
        cursor.index = next
        return scalar
      }
    }
    return block()
  }

  private func isStable(at index: Int) -> Bool {
    index >= text.count || Normalization.properties(text.decode(index).scalar).isStable
  }

  /// Reads a block, a starter and the marks behind it, and further starters that join it. Returns
  /// its first character and leaves the rest in `marks`.
  private mutating func block() -> UInt32? {
    var work = Marks()
    let (scalar, order, after) = read(cursor)
    if order == 0 {
      work.starter = scalar
      work.hasStarter = true
      cursor = after
    }
    while true {
      work = startMarks(work.starter, work.hasStarter)
      var joined = work
      while nextMark(&joined) != nil {}
      if work.hasStarter && joined.leftOver == 0 && cursor.index < text.count {
        let (scalar, _, after) = read(cursor)
        if let both = Normalization.compose(joined.starter, scalar) {
          work.starter = both
          cursor = after
          continue
        }
      }
      marks = work
      hasMarks = joined.leftOver > 0
      return work.hasStarter ? joined.starter : nextMark(&marks)
    }
  }

  /// Moves the cursor behind the marks that begin there, noting their classes.
  private mutating func startMarks(_ starter: UInt32, _ hasStarter: Bool) -> Marks {
    var m = Marks()
    m.starter = starter
    m.hasStarter = hasStarter
    m.from = cursor
    while cursor.index < text.count {
      let (_, order, after) = read(cursor)
      if order == 0 { break }
      m.classes[Int(order >> 6)] |= 1 << UInt64(order & 63)
      cursor = after
    }
    return m
  }

  /// The next mark that does not join the starter.
  private func nextMark(_ m: inout Marks) -> UInt32? {
    repeat {
      while m.order > 0 && m.at.index < text.count {
        let (scalar, order, after) = read(m.at)
        if order == 0 { break }
        m.at = after
        if order != m.order { continue }
        if m.hasStarter && m.blocked < order,
          let both = Normalization.compose(m.starter, scalar)
        {
          m.starter = both
          continue
        }
        m.blocked = order
        m.leftOver += 1
        return scalar
      }
    } while m.nextClass()
    return nil
  }

  /// The decomposed character at a cursor, its combining class, and the cursor behind it.
  private func read(_ c: Cursor) -> (scalar: UInt32, order: UInt8, after: Cursor) {
    let (scalar, next) = text.decode(c.index)
    let p = Normalization.properties(scalar)
    if p.order > 0 && !p.markDecomposes { return (scalar, p.order, Cursor(index: next, sub: 0)) }
    let d = Normalization.Decomposition(scalar)
    let part = d.scalars[min(c.sub, d.count - 1)]
    let after = c.sub + 1 < d.count
      ? Cursor(index: c.index, sub: c.sub + 1) : Cursor(index: next, sub: 0)
    return (part, Normalization.properties(part).order, after)
  }
}
