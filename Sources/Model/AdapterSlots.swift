// Places on a model that hold one adapter each, in bytes fixed when the model is opened.
//
// A slot keeps an adapter's A's and B's in the layout of LowRank.swift, and two tables: which maps it
// changes, and where the A's of each input lie. Sessions name slots; while one does, the slot stays as
// it is. Loading first checks a whole file and notes what it found (`AdapterSlots.stage`), then fills
// the slot (`fill`), which cannot fail: a refused adapter leaves the slot's old one in place.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

package struct AdapterOptions: BitwiseCopyable, Sendable {
  /// How many slots, each of how many bytes, and the greatest sum of a session's ranks.
  package var slots = 0
  package var slotBytes = 0
  package var rank = 0

  package init() {}
}

package struct AdapterSlot: BitwiseCopyable {
  package enum Phase: UInt8, BitwiseCopyable {
    case empty
    case loading
    case loaded
  }

  package static var nameBytesMax: Int { 127 }

  package var phase = Phase.empty
  /// Sessions that compute with it.
  package var users = 0
  /// Of the adapter's file.
  package var hash: UInt64 = 0
  package var rank = 0
  package var maps = 0
  package var alpha: Float = 0
  package var bytes = 0
  package var adapter: LowRankAdapter
  package var nameBytes = InlineArray<127, UInt8>(repeating: 0)
  package var nameCount = 0

  package func isNamed(_ name: Bytes) -> Bool {
    if name.count != nameCount { return false }
    for i in 0..<nameCount where nameBytes[i] != name[i] { return false }
    return true
  }
}

/// The adapters of one session, in the order in which they are applied.
package struct AdapterSet: BitwiseCopyable {
  package static var countMax: Int { 8 }

  package struct Use: BitwiseCopyable {
    package var slot: Int
    package var scale: Float
    /// Of the adapter's file: what it is, wherever it is loaded.
    package var hash: UInt64
    package var rank: Int
    package var adapter: LowRankAdapter

    package init(slot: Int, scale: Float, hash: UInt64, rank: Int, adapter: LowRankAdapter) {
      self.slot = slot
      self.scale = scale
      self.hash = hash
      self.rank = rank
      self.adapter = adapter
    }
  }

  private var uses = InlineArray<8, Use?>(repeating: nil)
  package private(set) var count = 0

  package init() {}

  package subscript(i: Int) -> Use? { i < count ? uses[i] : nil }

  package mutating func append(_ use: Use) {
    if count < AdapterSet.countMax {
      uses[count] = use
      count += 1
    }
  }
}

/// What products with adapters need beside the adapters, shared by the sessions of a model.
package struct LowRankScratch: BitwiseCopyable {
  package let rankMax: Int
  package let uses: Buffer<LowRankUse>
  /// A x of a list of products.
  package let projected: Buffer<Float>

  init(
    arena: inout Arena, dimensions d: Dimensions, rowsMax: Int, options: AdapterOptions
  ) throws(Failure) {
    let isUsed = options.slots > 0
    rankMax = options.rank
    uses = try arena.carve(
      LowRankUse.self, isUsed ? Forward.segmentsMax * AdapterSet.countMax : 0, "adapters of a pass")
    projected = try arena.carve(
      Float.self,
      isUsed
        ? Checked.multiply(
          Checked.multiply(rowsMax, d.mapsPerRow, "adapters' results"), options.rank,
          "adapters' results") : 0, "adapters' results")
  }
}

package struct AdapterSlots: BitwiseCopyable {
  package static var countMax: Int { 64 }
  package static var rankDefault: Int { 64 }

  package let options: AdapterOptions
  package let slots: Buffer<AdapterSlot>
  package let scratch: LowRankScratch
  let staged: Buffer<StagedMap>
  private let maps: Buffer<LowRankMap>
  private let stacks: Buffer<LowRankStack>
  private let data: Buffer<UInt8>
  private let mapCount: Int
  private let stackCount: Int

  /// Only carves; `clear` makes the slots usable.
  package init(
    arena: inout Arena, model: Model, rowsMax: Int, options: AdapterOptions
  ) throws(Failure) {
    self.options = options
    scratch = try LowRankScratch(
      arena: &arena, dimensions: model.dimensions, rowsMax: rowsMax, options: options)
    let count = options.slots
    mapCount = model.linearCount
    stackCount = model.inputCount
    slots = try arena.carve(AdapterSlot.self, count, "adapter slots")
    staged = try arena.carve(StagedMap.self, count == 0 ? 0 : mapCount, "adapter slots")
    maps = try arena.carve(
      LowRankMap.self, Checked.multiply(count, mapCount, "adapter slots"), "adapter slots")
    stacks = try arena.carve(
      LowRankStack.self, Checked.multiply(count, stackCount, "adapter slots"), "adapter slots")
    data = try arena.carve(
      UInt8.self, Checked.multiply(count, options.slotBytes, "adapter slots"), "adapter slots")
  }

  package func clear() {
    maps.fill(.none)
    stacks.fill(.none)
    for i in 0..<slots.count {
      slots.base.advanced(by: i).initialize(
        to: AdapterSlot(
          adapter: LowRankAdapter(
            maps: UnsafePointer(maps + i * mapCount),
            stacks: UnsafePointer(stacks + i * stackCount), format: .f32)))
    }
  }

  /// The slot of that number, which must exist.
  package func slot(_ i: Int) throws(Failure) -> UnsafeMutablePointer<AdapterSlot> {
    if i < 0 || i >= slots.count {
      throw Failure(
        .argument,
        "there is no adapter slot \(i): the model was opened with \(slots.count) of them (adapter_slots)",
        needed: Int64(clamping: i), available: Int64(slots.count))
    }
    return slots + i
  }

  /// The first slot of that name.
  package func find(name: Bytes) -> Int? {
    for i in 0..<slots.count where slots[i].phase == .loaded && slots[i].isNamed(name) { return i }
    return nil
  }

  /// Empties a slot that nobody uses.
  package func empty(_ i: Int) {
    let s = slots + i
    let adapter = s.pointee.adapter
    s.initialize(to: AdapterSlot(adapter: adapter))
    for m in 0..<mapCount { maps[i * mapCount + m] = .none }
    for k in 0..<stackCount { stacks[i * stackCount + k] = .none }
  }

  /// Fills slot `i` with what has been staged.
  package func fill(_ i: Int, _ s: StagedAdapter, alpha: Float) {
    empty(i)
    let format = s.format
    let element = format.blockBytes
    let maps = Buffer(base: maps + i * mapCount, count: mapCount)
    let stacks = Buffer(base: stacks + i * stackCount, count: stackCount)
    var next = UnsafeMutableRawPointer(data + i * options.slotBytes)
    // Where each A stands in its stack; slices are counted in aStride for the moment.
    for m in 0..<mapCount {
      guard let x = staged[m].found else { continue }
      let ratio = alpha == 0 ? 1 : alpha / Float(x.rank)
      for part in 0..<x.partCount {
        let k = Int(x.input) + part
        maps[m + part] = LowRankMap(
          rank: Int32(x.rank), column: stacks[k].rows, ratio: ratio, b: nil, bStride: 0)
        stacks[k].rows += Int32(x.rank)
        stacks[k].columns = Int32(x.columns(part))
        stacks[k].aStride = x.slicesOfA(part)
      }
    }
    for k in 0..<stackCount where stacks[k].rows > 0 {
      let bytes = Int(stacks[k].rows) * Int(stacks[k].columns) * element
      let slices = stacks[k].aStride
      stacks[k].a = UnsafeRawPointer(next)
      stacks[k].aStride = slices > 1 ? bytes : 0
      next += slices * bytes
    }
    for m in 0..<mapCount {
      guard let x = staged[m].found else { continue }
      for part in 0..<x.partCount {
        let k = Int(x.input) + part
        guard let a = stacks[k].a else { continue }
        let start = UnsafeMutableRawPointer(mutating: a)
          + Int(maps[m + part].column) * x.columns(part) * element
        for slice in 0..<x.slicesOfA(part) {
          x.copyA(part, slice, to: start + slice * stacks[k].aStride, format)
        }
        let bytes = element * LowRankPack.panelElements(rows: x.rows(part), rank: x.rank)
        let slices = x.slicesOfB(part)
        maps[m + part].b = UnsafeRawPointer(next)
        maps[m + part].bStride = slices > 1 ? bytes : 0
        for slice in 0..<slices { x.copyB(part, slice, to: next + slice * bytes, format) }
        next += slices * bytes
      }
    }
    slots[i].adapter.format = format
    slots[i].rank = s.rank
    slots[i].maps = s.maps
    slots[i].alpha = alpha
    slots[i].bytes = s.bytes
  }
}

/// What staging found out about a whole adapter.
package struct StagedAdapter {
  package var rank = 0
  package var maps = 0
  package var bytes = 0
  package var format = BlockFormat.f32
}
