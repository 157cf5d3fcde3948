// Byte-pair merging of one piece: again and again, the pair of neighbours with the lowest rank
// becomes one token, the leftmost pair first, until no pair has a rank.
//
// Exact and bounded for any piece: O(n log n) time and 12.3 bytes of scratch per byte of the
// longest piece. Ranks live in a tree of minima with 16 children per node; merging changes two
// ranks and repairs two paths. Up to 16 bytes, nearly every piece, the tree is one flat scan.
//
//     ids   [n]   the token that starts here; in the last byte of a longer token, ~start
//     next  [n]   where the token that starts here ends
//     tree  [n + n/16 + ...]   rank of the pair that starts here; above, minima of 16

import LintelCore

package struct PieceMerger {
  private static var fanOut: Int { 16 }
  private static var maximumLevels: Int { 9 }

  package let capacity: Int
  private let ids: Buffer<Int32>
  private let next: Buffer<Int32>
  private let tree: Buffer<UInt32>

  init(arena: inout Arena, maximumPieceBytes: Int) throws(Failure) {
    // 2^30 bytes keep every offset inside 32 bits.
    if maximumPieceBytes < 1 || maximumPieceBytes > 1 << 30 {
      throw Failure(
        .argument, "the longest piece is \(maximumPieceBytes) bytes, expected 1 to 2^30")
    }
    capacity = maximumPieceBytes
    ids = try arena.carve(Int32.self, capacity, "piece tokens")
    next = try arena.carve(Int32.self, capacity, "piece links")
    var nodes = capacity
    var width = capacity
    while width > PieceMerger.fanOut {
      width = (width + PieceMerger.fanOut - 1) / PieceMerger.fanOut
      nodes += width
    }
    tree = try arena.carve(UInt32.self, nodes, "piece ranks")
  }

  /// The piece being merged, and where each level of its tree begins.
  private struct Work {
    let piece: Bytes
    let vocabulary: Vocabulary
    let usesIds: Bool
    var starts = InlineArray<9, Int>(repeating: 0)
    var widths = InlineArray<9, Int>(repeating: 0)
    var levels = 0
  }

  /// Appends the tokens of `piece`, whose bytes all have a token and of which there are at most
  /// `capacity`. Returns the number of ranks looked up, at most three per byte.
  @discardableResult
  package func merge(_ piece: Bytes, _ vocabulary: Vocabulary, into sink: inout TokenSink) -> Int {
    let n = piece.count
    var work = Work(piece: piece, vocabulary: vocabulary, usesIds: vocabulary.ranksById)
    for i in 0..<n {
      ids[i] = vocabulary.byteTokens[Int(piece[i])]
      next[i] = Int32(truncatingIfNeeded: i + 1)
    }
    plant(&work, n)
    var lookups = n
    while true {
      let (rank, i) = lowest(work)
      if rank == Vocabulary.noRank { break }
      let j = Int(next[i])
      let end = Int(next[j])
      ids[i] = work.usesIds
        ? Int32(truncatingIfNeeded: rank)
        : Int32(truncatingIfNeeded: vocabulary.merged[Int(rank)])
      next[i] = Int32(truncatingIfNeeded: end)
      ids[end - 1] = ~Int32(truncatingIfNeeded: i)
      set(work, j, Vocabulary.noRank)
      set(work, i, rankOfPair(work, i))
      lookups += 2
      if i > 0 {
        let before = ids[i - 1] < 0 ? Int(~ids[i - 1]) : i - 1
        set(work, before, rankOfPair(work, before))
      }
    }
    var i = 0
    while i < n {
      sink.append(ids[i])
      i = Int(next[i])
    }
    return lookups
  }

  /// The rank of the token at `i` with its right neighbour.
  @inline(__always)
  private func rankOfPair(_ work: Work, _ i: Int) -> UInt32 {
    let j = Int(next[i])
    if j >= work.piece.count { return Vocabulary.noRank }
    if work.usesIds {
      let id = work.vocabulary.findText(work.piece.slice(i, Int(next[j])))
      return id < 0 ? Vocabulary.noRank : UInt32(bitPattern: id)
    }
    return work.vocabulary.rank(ids[i], ids[j])
  }

  // MARK: The tree of minima

  private func plant(_ work: inout Work, _ n: Int) {
    for i in 0..<n { tree[i] = rankOfPair(work, i) }
    work.widths[0] = n
    work.levels = 1
    while work.widths[work.levels - 1] > PieceMerger.fanOut {
      let below = work.levels - 1
      let width = (work.widths[below] + PieceMerger.fanOut - 1) / PieceMerger.fanOut
      work.starts[work.levels] = work.starts[below] + work.widths[below]
      work.widths[work.levels] = width
      work.levels += 1
      for node in 0..<width {
        tree[work.starts[below + 1] + node] = lowestChild(work, below, node).value
      }
    }
  }

  /// The leftmost of the lowest values among the children, at `level`, of `node`.
  @inline(__always)
  private func lowestChild(_ work: Work, _ level: Int, _ node: Int) -> (value: UInt32, at: Int) {
    let first = node * PieceMerger.fanOut
    let last = min(first + PieceMerger.fanOut, work.widths[level])
    var value = UInt32.max
    var at = first
    for i in first..<last where tree[work.starts[level] + i] < value {
      value = tree[work.starts[level] + i]
      at = i
    }
    return (value, at)
  }

  private func lowest(_ work: Work) -> (rank: UInt32, at: Int) {
    var level = work.levels - 1
    var (rank, at) = lowestChild(work, level, 0)
    while level > 0 {
      level -= 1
      (rank, at) = lowestChild(work, level, at)
    }
    return (rank, at)
  }

  private func set(_ work: Work, _ i: Int, _ rank: UInt32) {
    tree[i] = rank
    var node = i
    for level in 1..<max(work.levels, 1) {
      node /= PieceMerger.fanOut
      let value = lowestChild(work, level - 1, node).value
      let at = work.starts[level] + node
      if tree[at] == value { return }
      tree[at] = value
    }
  }
}
