// A model's memory for grammars, of the size that its options say: the tree of all tokens, then the
// compiled grammars, each in the largest gap.

import LintelCore
import LintelText

package struct GrammarStore: BitwiseCopyable {
  package static var blocksMax: Int { 64 }

  package struct Block: BitwiseCopyable {
    package var offset = 0
    package var bytes = 0
  }

  package struct Facts: BitwiseCopyable {
    var trie: TokenTrie?
    var treeBytes = 0
    var blocks = InlineArray<64, Block>(repeating: Block())
    var count = 0
  }

  let memory: Buffer<UInt8>
  let cell: Buffer<Facts>

  /// Only carves. 0 bytes: no grammars.
  package init(arena: inout Arena, bytes: Int) throws(Failure) {
    memory = try arena.carve(UInt8.self, bytes, "memory for grammars")
    cell = try arena.carve(Facts.self, bytes == 0 ? 0 : 1, "the table of grammars")
  }

  package var isThere: Bool { memory.count > 0 }
  package var trie: TokenTrie? { isThere ? cell[0].trie : nil }
  package var count: Int { isThere ? cell[0].count : 0 }

  /// Builds the tree of the tokens.
  package func prepare(_ vocabulary: Vocabulary) throws(Failure) {
    if !isThere { return }
    cell.base.initialize(to: Facts())
    var arena = Arena(memory: UnsafeMutableRawPointer(memory.base), bytes: memory.count)
    let trie = try TokenTrie(&arena, vocabulary)
    cell.base.pointee.trie = trie
    cell.base.pointee.treeBytes = arena.used
  }

  package func block(_ i: Int) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(memory + cell[0].blocks[i].offset)
  }

  private func gap(_ i: Int) -> (start: Int, bytes: Int) {
    let f = cell[0]
    let start = i == 0 ? f.treeBytes : f.blocks[i - 1].offset + f.blocks[i - 1].bytes
    let end = i == f.count ? memory.count & ~63 : f.blocks[i].offset
    return (start, max(end - start, 0))
  }

  /// The largest gap, and its place among the blocks.
  package func openGap() throws(Failure) -> (index: Int, arena: Arena) {
    if count == GrammarStore.blocksMax {
      throw Failure(
        .limit, "the model already has \(count) grammars, its limit", needed: Int64(count + 1),
        available: Int64(GrammarStore.blocksMax))
    }
    var best = 0
    for i in 0...count where gap(i).bytes > gap(best).bytes { best = i }
    let g = gap(best)
    return (
      best, Arena(memory: UnsafeMutableRawPointer(memory + g.start), bytes: g.bytes)
    )
  }

  package func commit(_ index: Int, bytes: Int) {
    let block = Block(offset: gap(index).start, bytes: bytes)
    var i = cell[0].count
    while i > index {
      cell.base.pointee.blocks[i] = cell[0].blocks[i - 1]
      i -= 1
    }
    cell.base.pointee.blocks[index] = block
    cell.base.pointee.count += 1
  }

  package func remove(_ block: UnsafeMutableRawPointer) {
    let offset = block - UnsafeMutableRawPointer(memory.base)
    var i = 0
    while i < count && cell[0].blocks[i].offset != offset { i += 1 }
    if i == count { return }
    while i + 1 < count {
      cell.base.pointee.blocks[i] = cell[0].blocks[i + 1]
      i += 1
    }
    cell.base.pointee.count -= 1
  }
}
