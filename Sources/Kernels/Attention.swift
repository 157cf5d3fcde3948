// Softmax attention over a cache, with a running maximum so that no score row is ever stored whole.
//
//     o[t, h] = Σ_p softmax_p( scale · <q[t, h], K[p]> ) V[p]        p ≤ position of t
//
// Serves latent attention (one cached row for all heads, its first part doubling as the value) and
// grouped attention (one key and one value per group of heads).
//
// The queries (t, h) of one head group read the same keys and values. They go in tiles of up to 32
// through blocks of 32 positions; a block's rows become floats once for the whole tile.
//
// - Shapes: queries `[rows, heads, keyWidth]` · output `[rows, heads, valueWidth]`
//           cache `[positions, width]`: keys of head group g from g · keyGroupStride, values likewise
// - Order:  positions in blocks of 32, oldest first; a score is one chain of multiply-adds per lane,
//           eight lanes added pairwise; a value one chain over positions. The same for any number of
//           rows, threads or queries in a tile.

import CPlatform
import LintelCore

package struct AttentionJob: ParallelJob {
  static var block: Int { 32 }
  static var tile: Int { 32 }

  package var queries: Floats
  package var queryStride: Int
  package var heads: Int
  package var headsPerGroup: Int
  package var keyWidth: Int
  package var valueWidth: Int
  package var cache: CacheRows
  /// Where head group g's key and value begin in a row: column + g · group stride.
  package var keyGroupStride: Int
  package var valueColumn: Int
  package var valueGroupStride: Int
  package var scale: Float
  package var rows: Int
  /// Position of the first row; row t sees positions 0 ... position + t.
  package var position: Int
  package var output: Floats
  package var outputStride: Int
  /// `scratchFloats` per part, for caches that are not floats.
  package var scratch: Floats

  package init(
    queries: Floats, queryStride: Int, heads: Int, headsPerGroup: Int, keyWidth: Int,
    valueWidth: Int, cache: CacheRows, keyGroupStride: Int, valueColumn: Int,
    valueGroupStride: Int, scale: Float, rows: Int, position: Int, output: Floats,
    outputStride: Int, scratch: Floats
  ) {
    self.queries = queries
    self.queryStride = queryStride
    self.heads = heads
    self.headsPerGroup = headsPerGroup
    self.keyWidth = keyWidth
    self.valueWidth = valueWidth
    self.cache = cache
    self.keyGroupStride = keyGroupStride
    self.valueColumn = valueColumn
    self.valueGroupStride = valueGroupStride
    self.scale = scale
    self.rows = rows
    self.position = position
    self.output = output
    self.outputStride = outputStride
    self.scratch = scratch
  }

  /// A block of keys and values as floats.
  package static func scratchFloats(keyWidth: Int, valueWidth: Int) -> Int {
    block * (roundUp8(keyWidth) + roundUp8(valueWidth))
  }

  private static func roundUp8(_ n: Int) -> Int { (n + 7) & ~7 }

  package static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: AttentionJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  /// Tiles are dealt out in turn, since later rows see more.
  package func run(part: Int, parts: Int) {
    let groups = heads / headsPerGroup
    let items = rows * headsPerGroup
    let width = max(1, min(AttentionJob.tile, (items * groups + parts - 1) / parts))
    let tiles = (items + width - 1) / width
    var tile = part
    while tile < groups * tiles {
      let first = tile % tiles * width
      run(group: tile / tiles, first: first, count: min(width, items - first), part)
      tile += parts
    }
  }

  /// What a tile keeps per query.
  private struct Tile {
    var queries = InlineArray<32, ConstFloats?>(repeating: nil)
    var outputs = InlineArray<32, Floats?>(repeating: nil)
    /// One past the last position that each sees.
    var ends = InlineArray<32, Int>(repeating: 0)
    var tops = InlineArray<32, Float>(repeating: -.infinity)
    var sums = InlineArray<32, Float>(repeating: 0)
    /// `[query, position in the block]`, by eights.
    var scores = InlineArray<128, Lanes>(repeating: Lanes(repeating: 0))
  }

  /// Query i of a group is row i / headsPerGroup, head i mod headsPerGroup of the group.
  private func run(group: Int, first: Int, count: Int, _ part: Int) {
    var tile = Tile()
    for i in 0..<count {
      let t = (first + i) / headsPerGroup
      let h = group * headsPerGroup + (first + i) % headsPerGroup
      let o = output + t * outputStride + h * valueWidth
      for j in 0..<valueWidth { o[j] = 0 }
      tile.queries[i] = UnsafePointer(queries + t * queryStride + h * keyWidth)
      tile.outputs[i] = o
      tile.ends[i] = position + t + 1
    }
    let last = tile.ends[count - 1]
    var from = 0
    while from < last {
      let block = blockRows(group, from, min(AttentionJob.block, last - from), part, last)
      // Queries that see equally much of the block go together; they lie in order of their rows.
      var i = 0
      while i < count {
        let seen = min(tile.ends[i] - from, AttentionJob.block)
        var end = i + 1
        while end < count && min(tile.ends[end] - from, AttentionJob.block) == seen { end += 1 }
        if seen > 0 { attend(&tile, i, end, block, seen) }
        i = end
      }
      from += AttentionJob.block
    }
    for i in 0..<count {
      guard let o = tile.outputs[i] else { continue }
      let inverse = 1 / tile.sums[i]
      for j in 0..<valueWidth { o[j] *= inverse }
    }
  }

  /// Keys and values of a block, as floats with a stride.
  private struct Block {
    var keys: ConstFloats
    var keyStride: Int
    var values: ConstFloats
    var valueStride: Int
  }

  /// Rows that a load waits for if they are not asked for so many rows before.
  private static var lead: Int { 8 }

  /// Rows `from ..< from + count`, of which `last` is one past the last that will be wanted.
  private func blockRows(
    _ group: Int, _ from: Int, _ count: Int, _ part: Int, _ last: Int
  ) -> Block {
    let keyColumn = group * keyGroupStride
    let column = valueColumn + group * valueGroupStride
    if cache.format == .f32 {
      let rows = UnsafePointer((cache.start + from * cache.rowBytes).assumingMemoryBound(to: Float.self))
      return Block(
        keys: rows + keyColumn, keyStride: cache.width, values: rows + column,
        valueStride: cache.width)
    }
    let keyStride = AttentionJob.roundUp8(keyWidth)
    let valueStride = AttentionJob.roundUp8(valueWidth)
    let keys =
      scratch + part * AttentionJob.scratchFloats(keyWidth: keyWidth, valueWidth: valueWidth)
    let isInKeys = column >= keyColumn && column + valueWidth <= keyColumn + keyWidth
    func ask(_ p: Int) {
      cache.ask(p, column: keyColumn, count: keyWidth)
      if !isInKeys { cache.ask(p, column: column, count: valueWidth) }
    }
    if from == 0 {
      for p in 0..<min(AttentionJob.lead, last) { ask(p) }
    }
    for p in 0..<count {
      if from + p + AttentionJob.lead < last { ask(from + p + AttentionJob.lead) }
      cache.load(from + p, column: keyColumn, count: keyWidth, into: keys + p * keyStride)
    }
    if isInKeys {
      return Block(
        keys: UnsafePointer(keys), keyStride: keyStride,
        values: UnsafePointer(keys + (column - keyColumn)), valueStride: keyStride)
    }
    let values = keys + AttentionJob.block * keyStride
    for p in 0..<count {
      cache.load(from + p, column: column, count: valueWidth, into: values + p * valueStride)
    }
    return Block(
      keys: UnsafePointer(keys), keyStride: keyStride, values: UnsafePointer(values),
      valueStride: valueStride)
  }

  /// Queries `from ..< to` of the tile see `count` positions of the block.
  private func attend(_ tile: inout Tile, _ from: Int, _ to: Int, _ block: Block, _ count: Int) {
    var i = from
    while i < to {
      let pair = min(2, to - i)
      guard let q0 = tile.queries[i], let q1 = tile.queries[i + pair - 1],
        let o0 = tile.outputs[i], let o1 = tile.outputs[i + pair - 1]
      else { return }
      withUnsafeMutablePointer(to: &tile.scores) { all in
        let s0 = UnsafeMutableRawPointer(all).assumingMemoryBound(to: Float.self) + i * 32
        let s1 = s0 + (pair - 1) * 32
        score(q0, q1, pair, block, count, s0, s1)
      }
      let shrink0 = soften(&tile, i, count)
      let shrink1 = pair == 2 ? soften(&tile, i + 1, count) : shrink0
      withUnsafePointer(to: &tile.scores) { all in
        let w0 = UnsafeRawPointer(all).assumingMemoryBound(to: Float.self) + i * 32
        let w1 = w0 + (pair - 1) * 32
        if pair == 2 {
          addValues(o0, o1, w0, w1, shrink0, shrink1, block, count)
        } else {
          addValues(o0, w0, shrink0, block, count)
        }
      }
      i += pair
    }
  }

  /// Scores of one or two queries with `count` keys; both pointers are the same if there is one.
  @inline(__always)
  private func score(
    _ q0: ConstFloats, _ q1: ConstFloats, _ pair: Int, _ block: Block, _ count: Int, _ s0: Floats,
    _ s1: Floats
  ) {
    var p = 0
    while p + 4 <= count {
      let k = block.keys + p * block.keyStride
      if pair == 2 {
        fourKeys(q0, q1, k, block.keyStride, s0 + p, s1 + p)
      } else {
        fourKeys(q0, k, block.keyStride, s0 + p)
      }
      p += 4
    }
    while p < count {
      let k = block.keys + p * block.keyStride
      s0[p] = AttentionJob.dot(q0, k, keyWidth) * scale
      if pair == 2 { s1[p] = AttentionJob.dot(q1, k, keyWidth) * scale }
      p += 1
    }
  }

  /// Calls `body` for every eight of `count` elements, and once for the rest.
  @inline(__always)
  private static func inEights(_ count: Int, _ body: (_ from: Int, _ count: Int) -> Void) {
    var j = 0
    while j + 8 <= count {
      body(j, 8)
      j += 8
    }
    if j < count { body(j, count - j) }
  }

  @inline(__always)
  private static func dot(_ a: ConstFloats, _ b: ConstFloats, _ count: Int) -> Float {
    var sum = Lanes(repeating: 0)
    inEights(count) { (j, n) in
      sum = sum.addingProduct(a.lanes(j, count: n), b.lanes(j, count: n))
    }
    return sum.total()
  }

  @inline(__always)
  private func fourKeys(_ q: ConstFloats, _ k0: ConstFloats, _ stride: Int, _ s: Floats) {
    let k1 = k0 + stride, k2 = k1 + stride, k3 = k2 + stride
    var (a0, a1) = (Lanes(repeating: 0), Lanes(repeating: 0))
    var (a2, a3) = (a0, a0)
    AttentionJob.inEights(keyWidth) { (j, n) in
      let q = q.lanes(j, count: n)
      a0 = a0.addingProduct(q, k0.lanes(j, count: n))
      a1 = a1.addingProduct(q, k1.lanes(j, count: n))
      a2 = a2.addingProduct(q, k2.lanes(j, count: n))
      a3 = a3.addingProduct(q, k3.lanes(j, count: n))
    }
    s[0] = a0.total() * scale
    s[1] = a1.total() * scale
    s[2] = a2.total() * scale
    s[3] = a3.total() * scale
  }

  @inline(__always)
  private func fourKeys(
    _ q: ConstFloats, _ r: ConstFloats, _ k0: ConstFloats, _ stride: Int, _ s: Floats,
    _ u: Floats
  ) {
    let k1 = k0 + stride, k2 = k1 + stride, k3 = k2 + stride
    var (a0, a1) = (Lanes(repeating: 0), Lanes(repeating: 0))
    var (a2, a3, b0, b1) = (a0, a0, a0, a0)
    var (b2, b3) = (a0, a0)
    AttentionJob.inEights(keyWidth) { (j, n) in
      let (x, y) = (q.lanes(j, count: n), r.lanes(j, count: n))
      let (v0, v1) = (k0.lanes(j, count: n), k1.lanes(j, count: n))
      a0 = a0.addingProduct(x, v0)
      b0 = b0.addingProduct(y, v0)
      a1 = a1.addingProduct(x, v1)
      b1 = b1.addingProduct(y, v1)
      let (v2, v3) = (k2.lanes(j, count: n), k3.lanes(j, count: n))
      a2 = a2.addingProduct(x, v2)
      b2 = b2.addingProduct(y, v2)
      a3 = a3.addingProduct(x, v3)
      b3 = b3.addingProduct(y, v3)
    }
    s[0] = a0.total() * scale
    s[1] = a1.total() * scale
    s[2] = a2.total() * scale
    s[3] = a3.total() * scale
    u[0] = b0.total() * scale
    u[1] = b1.total() * scale
    u[2] = b2.total() * scale
    u[3] = b3.total() * scale
  }

  /// Turns `count` scores of query i into weights under its new maximum; answers the factor by which
  /// what it has summed so far shrinks.
  private func soften(_ tile: inout Tile, _ i: Int, _ count: Int) -> Float {
    let top = tile.tops[i]
    return withUnsafeMutablePointer(to: &tile.scores) { all in
      let s = UnsafeMutableRawPointer(all).assumingMemoryBound(to: Float.self) + i * 32
      for p in count..<32 { s[p] = -.infinity }
      let best = lt_eight_larger(
        lt_eight_larger(s.lanes(0), s.lanes(8)), lt_eight_larger(s.lanes(16), s.lanes(24))
      ).greatest()
      let newTop = max(top, best)
      let shrink = top == -.infinity ? 0 : Elementary.exp(top - newTop)
      var sum = Lanes(repeating: 0)
      var p = 0
      while p < 32 {
        let e = Elementary.exp(s.lanes(p) - newTop)
        s.store(e, p)
        sum += e
        p += 8
      }
      tile.sums[i] = tile.sums[i] * shrink + sum.total()
      tile.tops[i] = newTop
      return shrink
    }
  }

  /// o ← o · shrink + Σ_p w[p] V[p], of two queries.
  @inline(__always)
  private func addValues(
    _ o0: Floats, _ o1: Floats, _ w0: ConstFloats, _ w1: ConstFloats, _ shrink0: Float,
    _ shrink1: Float, _ block: Block, _ count: Int
  ) {
    var c = 0
    while c + 32 <= valueWidth {
      var (a0, a1) = (o0.lanes(c) * shrink0, o0.lanes(c + 8) * shrink0)
      var (a2, a3) = (o0.lanes(c + 16) * shrink0, o0.lanes(c + 24) * shrink0)
      var (b0, b1) = (o1.lanes(c) * shrink1, o1.lanes(c + 8) * shrink1)
      var (b2, b3) = (o1.lanes(c + 16) * shrink1, o1.lanes(c + 24) * shrink1)
      var v = block.values + c
      for p in 0..<count {
        let (x, y) = (Lanes(repeating: w0[p]), Lanes(repeating: w1[p]))
        let (v0, v1) = (v.lanes(0), v.lanes(8))
        a0 = a0.addingProduct(x, v0)
        b0 = b0.addingProduct(y, v0)
        a1 = a1.addingProduct(x, v1)
        b1 = b1.addingProduct(y, v1)
        let (v2, v3) = (v.lanes(16), v.lanes(24))
        a2 = a2.addingProduct(x, v2)
        b2 = b2.addingProduct(y, v2)
        a3 = a3.addingProduct(x, v3)
        b3 = b3.addingProduct(y, v3)
        v += block.valueStride
      }
      o0.store(a0, c)
      o0.store(a1, c + 8)
      o0.store(a2, c + 16)
      o0.store(a3, c + 24)
      o1.store(b0, c)
      o1.store(b1, c + 8)
      o1.store(b2, c + 16)
      o1.store(b3, c + 24)
      c += 32
    }
    addTail(o0, w0, shrink0, block, count, c)
    addTail(o1, w1, shrink1, block, count, c)
  }

  @inline(__always)
  private func addValues(
    _ o: Floats, _ w: ConstFloats, _ shrink: Float, _ block: Block, _ count: Int
  ) {
    var c = 0
    while c + 32 <= valueWidth {
      var (a0, a1) = (o.lanes(c) * shrink, o.lanes(c + 8) * shrink)
      var (a2, a3) = (o.lanes(c + 16) * shrink, o.lanes(c + 24) * shrink)
      var v = block.values + c
      for p in 0..<count {
        let x = Lanes(repeating: w[p])
        a0 = a0.addingProduct(x, v.lanes(0))
        a1 = a1.addingProduct(x, v.lanes(8))
        a2 = a2.addingProduct(x, v.lanes(16))
        a3 = a3.addingProduct(x, v.lanes(24))
        v += block.valueStride
      }
      o.store(a0, c)
      o.store(a1, c + 8)
      o.store(a2, c + 16)
      o.store(a3, c + 24)
      c += 32
    }
    addTail(o, w, shrink, block, count, c)
  }

  /// The columns from `c` on, fewer than 32.
  private func addTail(
    _ o: Floats, _ w: ConstFloats, _ shrink: Float, _ block: Block, _ count: Int, _ from: Int
  ) {
    var c = from
    while c < valueWidth {
      let n = valueWidth - c
      var a = o.lanes(c, count: n) * shrink
      var v = block.values + c
      for p in 0..<count {
        a = a.addingProduct(Lanes(repeating: w[p]), v.lanes(0, count: n))
        v += block.valueStride
      }
      o.store(a, c, count: n)
      c += 8
    }
  }
}
