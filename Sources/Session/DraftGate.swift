// Whether drafting pays, measured while running: what a pass of n rows costs against one of one row,
// and how often drafts of each kind turn out right. With acceptance a_i of the i-th draft,
//
//     k drafts yield   1 + a_1 + a_1 a_2 + ... + a_1 ... a_k   tokens for   cost(k + 1)   passes
//
// and the k with the best quotient is run, if it is better than none. Under a grammar a draft brings
// along what is forced behind it, which saves a pass of so many rows and comes behind m rows of text:
//
//     cost(m) + a_1 cost(n_1) + a_1 a_2 cost(n_2) + ...   of plain passes for   cost(m + n_1 + n_2 + ...)
//
// which is the same where m and all n are 1. Where none is better, one draft in a while is run all the same, so that the figures stay current. The gate reads a clock, therefore how
// many drafts are run differs from run to run; which tokens come out does not.

import LintelCore

package struct DraftGate: BitwiseCopyable {
  static var kindsMax: Int { 24 }
  static var rowsMax: Int { 17 }
  /// What drafting must promise to be tried.
  private static var gainMin: Float { 1.03 }
  /// Passes between two measurements that nothing else asks for.
  private static var pause: Int { 64 }

  private var acceptance = InlineArray<24, Float>(repeating: 0.7)
  /// Of a pass by rows, over that of one row; 0 where none has been measured.
  private var costs = InlineArray<18, Float>(repeating: 0)
  private var plainNs: Float = 0
  private var sincePlain = 0
  private var sinceDraft = 0

  /// What a grammar forces cannot be wrong.
  init() { acceptance[Drafts.likelyKind] = 0.95 }

  /// How many of a list's drafts to run behind `text` rows. `each` is what drafting itself costs a
  /// token, in passes of one row.
  mutating func choose(_ list: borrowing DraftList, behind text: Int, each: Float = 0) -> Int {
    if list.count == 0 { return 0 }
    if plainNs == 0 || sincePlain >= DraftGate.pause { return 0 }
    var best = 0
    var first = 0
    var bestRatio = DraftGate.gainMin
    var chance: Float = 1
    var work = cost(rows: text)
    var k = 0
    while k < list.count {
      var end = k + 1
      while !list.isChoice(behind: end) { end += 1 }
      chance *= acceptance[list.kinds[k]]
      work += chance * cost(rows: end - k)
      k = end
      if first == 0 { first = k }
      let ratio = work / (cost(rows: text + k) + Float(k) * each)
      if ratio > bestRatio {
        best = k
        bestRatio = ratio
      }
    }
    if best > 0 { return best }
    sinceDraft += 1
    if sinceDraft < DraftGate.pause { return 0 }
    sinceDraft = 0
    return first
  }

  /// What a pass of so many rows costs: measured, or by a straight line through the nearest figure.
  private func cost(rows: Int) -> Float {
    if rows == 1 { return 1 }
    if rows > DraftGate.rowsMax {
      return 1 + (cost(rows: DraftGate.rowsMax) - 1) * Float(rows - 1)
        / Float(DraftGate.rowsMax - 1)
    }
    if costs[rows] > 0 { return costs[rows] }
    var away = 1
    while away < DraftGate.rowsMax {
      if rows - away > 1 && costs[rows - away] > 0 {
        return 1 + (costs[rows - away] - 1) * Float(rows - 1) / Float(rows - away - 1)
      }
      if rows + away <= DraftGate.rowsMax && costs[rows + away] > 0 {
        return 1 + (costs[rows + away] - 1) * Float(rows - 1) / Float(rows + away - 1)
      }
      away += 1
    }
    return 1 + 0.3 * Float(rows - 1)
  }

  /// A pass of one session took so long.
  mutating func measured(rows: Int, ns: Int64) {
    let ns = Float(ns)
    if rows == 1 {
      plainNs = plainNs == 0 ? ns : plainNs + (min(ns, 2 * plainNs) - plainNs) / 8
      sincePlain = 0
      return
    }
    sincePlain += 1
    if plainNs == 0 || rows > DraftGate.rowsMax { return }
    // One pass that something else held up must not close the gate.
    let old = cost(rows: rows)
    let ratio = min(max(ns / plainNs, 1), 1.5 * old)
    costs[rows] = old + (ratio - old) / 6
  }

  /// A draft of that kind was right, or was not.
  mutating func judged(kind: Int, _ isRight: Bool) {
    acceptance[kind] += ((isRight ? 1 : 0) - acceptance[kind]) / 16
  }

  /// So many nanoseconds in passes of one row.
  func each(_ ns: Float) -> Float { plainNs == 0 ? 0 : ns / plainNs }
}
