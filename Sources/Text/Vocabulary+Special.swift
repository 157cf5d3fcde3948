// Tokens that match in the text itself, before any merging: user-defined ones always, control ones
// where the caller asks. The longest match at a position wins, the leftmost position first.
//
// The ids are sorted by their text, so the tokens that share a prefix are one range; a match walks
// down as a trie would, narrowing the range byte by byte. A table of 256 lead bytes answers "none"
// for nearly every position.

import LintelCore

extension Vocabulary {
  /// The longest special token at `at`, or nil.
  package func special(
    _ text: Bytes, _ at: Int, parseSpecial: Bool
  ) -> (id: Int32, length: Int)? {
    let wanted: UInt8 = parseSpecial ? 3 : 1
    if specialLeads[Int(text[at])] & wanted == 0 { return nil }
    var best: (id: Int32, length: Int)?
    var low = 0
    var high = facts[0].specialCount
    var depth = 0
    while low < high && at + depth < text.count {
      let b = text[at + depth]
      low = bound(low, high, depth, Int(b))
      high = bound(low, high, depth, Int(b) + 1)
      depth += 1
      if low < high && spelling(Int(specials[low])).count == depth {
        let id = Int(specials[low])
        if parseSpecial || kind(id) == .userDefined {
          best = (Int32(truncatingIfNeeded: id), depth)
        }
        low += 1
      }
    }
    return best
  }

  /// The first entry of `low..<high`, all alike before `depth`, whose byte there is at least `b`.
  private func bound(_ low: Int, _ high: Int, _ depth: Int, _ b: Int) -> Int {
    var low = low
    var high = high
    while low < high {
      let middle = (low + high) / 2
      let text = spelling(Int(specials[middle]))
      if depth < text.count && Int(text[depth]) >= b { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// Heap sort by text, then the first of every run of equal texts is kept.
  func sortSpecials() {
    let n = facts[0].specialCount
    var root = n / 2
    while root > 0 {
      root -= 1
      sift(root, n)
    }
    var end = n
    while end > 1 {
      end -= 1
      let t = specials[0]
      specials[0] = specials[end]
      specials[end] = t
      sift(0, end)
    }
    var kept = 0
    for i in 0..<n {
      if kept > 0 && spelling(Int(specials[kept - 1])) == spelling(Int(specials[i])) { continue }
      specials[kept] = specials[i]
      kept += 1
    }
    facts[0].specialCount = kept
  }

  private func sift(_ root: Int, _ end: Int) {
    var root = root
    while 2 * root + 1 < end {
      var child = 2 * root + 1
      if child + 1 < end && isBefore(specials[child], specials[child + 1]) { child += 1 }
      if !isBefore(specials[root], specials[child]) { return }
      let t = specials[root]
      specials[root] = specials[child]
      specials[child] = t
      root = child
    }
  }

  /// Order by text; equal texts: user-defined before control, then the lower id.
  private func isBefore(_ a: UInt32, _ b: UInt32) -> Bool {
    let x = spelling(Int(a))
    let y = spelling(Int(b))
    for i in 0..<min(x.count, y.count) where x[i] != y[i] { return x[i] < y[i] }
    if x.count != y.count { return x.count < y.count }
    let p = kind(Int(a)) == .userDefined
    let q = kind(Int(b)) == .userDefined
    return p == q ? a < b : p
  }
}
