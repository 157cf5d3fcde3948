// The engine: one block of memory, its regions, the worker pool.
//
//     block   [ engine | region | region | ... free ... ]
//
// Models and sessions are regions: carved whole, freed whole. Regions lie in order of address, each
// in the first gap that holds it, so closing and opening again what is equally large finds its old
// place. Every region starts with a header that its handle is checked against.

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelStructure
import LintelText
import LintelWeights

/// Words at the start of every object that a handle can name.
package struct Header: BitwiseCopyable {
  /// A number, not an enum: it is compared with memory that may hold anything.
  package struct Kind: BitwiseCopyable, Equatable {
    package let rawValue: UInt64
    package static var engine: Kind { Kind(rawValue: 0x4C4E_544C_454E_4731) }
    package static var model: Kind { Kind(rawValue: 0x4C4E_544C_4D4F_4431) }
    package static var session: Kind { Kind(rawValue: 0x4C4E_544C_5345_5331) }
    package static var grammar: Kind { Kind(rawValue: 0x4C4E_544C_4752_4D31) }
    package static var image: Kind { Kind(rawValue: 0x4C4E_544C_494D_4731) }
    package static var none: Kind { Kind(rawValue: 0) }
  }

  package var kind: Kind
  /// The address of the object itself: a copy of the bytes elsewhere is not the object.
  package var address: UInt
  package var generation: UInt64
  package var engine: UnsafeMutablePointer<Engine>
  package var region: Int
  /// 0 free, 1 in use by a call.
  package var busy: UInt32
  package var isPoisoned: Bool
  package var isInCallback: Bool
  /// A session that drafts for another one, and stays busy meanwhile.
  package var isLent = false
  /// The thread inside, while busy.
  package var owner: UInt
  /// The host's callback and its argument, for the generation under way.
  package var callback: UInt
  package var user: UInt
  /// The floating-point mode of the thread inside, to be restored around callbacks.
  package var hostMode: UInt64
}

package struct Engine {
  package static var regionsMax: Int { 128 }

  package struct Region: BitwiseCopyable {
    package var offset: Int
    package var bytes: Int
    package var kind: Header.Kind
    /// Where a session's model lies; -1 for models. Offsets do not change while a region lives.
    package var model: Int
    package var memory: MemoryReport
  }

  package var header: Header
  let block: UnsafeMutableRawPointer
  package let blockBytes: Int
  let mapped: UnsafeMutableRawPointer
  let mappedBytes: Int
  let isOwned: Bool
  package let pool: WorkerPool
  /// Sorted by offset; `regionCount` in use.
  package let regions: Buffer<Region>
  package internal(set) var regionCount = 0
  var generations: UInt64 = 0
  var lock: UInt32 = 0
  package let engineBytes: Int

  /// The bytes that an engine needs for itself, before any model.
  package static func measure(threads: Int) throws(Failure) -> Int {
    var arena = Arena.measuring()
    _ = try carve(&arena, threads)
    return arena.used
  }

  private static func carve(
    _ arena: inout Arena, _ threads: Int
  ) throws(Failure) -> (Buffer<UInt8>, Buffer<Region>, WorkerPool) {
    let cell = try arena.carve(UInt8.self, MemoryLayout<Engine>.stride, "the engine")
    let regions = try arena.carve(Region.self, regionsMax, "the region table")
    let pool = try WorkerPool(arena: &arena, threads: threads)
    return (cell, regions, pool)
  }

  /// Builds an engine in `memory`, or in a mapping of its own.
  package static func create(
    memory: UnsafeMutableRawPointer?, bytes: Int, threads: Int, firstCpu: Int
  ) throws(Failure) -> UnsafeMutablePointer<Engine> {
    let needed = try measure(threads: threads)
    if bytes < needed {
      throw Failure(
        .budget,
        "the engine itself needs \(needed) bytes with \(threads) threads, but memory_bytes is \(bytes); raise it or lower threads",
        needed: Int64(needed), available: Int64(bytes))
    }
    var block = memory
    if block == nil {
      let error = lt_map_private(bytes, &block)
      if error != 0 {
        throw Failure(
          .system, "\(bytes) bytes could not be mapped (errno \(error))", needed: Int64(error))
      }
    }
    guard let mapped = block else { throw Failure(.system, "the system mapped nothing") }
    let skip = (64 - Int(bitPattern: mapped) & 63) & 63
    if bytes - skip < needed {
      throw Failure(
        .budget,
        "the engine needs \(needed) bytes, but 64-byte alignment leaves \(bytes - skip); align the block or enlarge it",
        needed: Int64(needed + skip), available: Int64(bytes))
    }
    var arena = Arena(memory: mapped + skip, bytes: bytes - skip)
    let (cell, regions, pool) = try carve(&arena, threads)
    let engine = UnsafeMutableRawPointer(cell.base).bindMemory(to: Engine.self, capacity: 1)
    engine.initialize(
      to: Engine(
        header: Header(
          kind: .engine, address: UInt(bitPattern: engine), generation: 0, engine: engine,
          region: -1, busy: 0, isPoisoned: false, isInCallback: false, owner: 0, callback: 0, user: 0, hostMode: 0),
        block: mapped + skip, blockBytes: bytes - skip, mapped: mapped, mappedBytes: bytes,
        isOwned: memory == nil, pool: pool, regions: regions,
        engineBytes: arena.used))
    do throws(Failure) {
      try pool.start(firstCpu: firstCpu)
    } catch {
      engine.pointee.release()
      throw error
    }
    return engine
  }

  package mutating func destroy() {
    pool.stop()
    release()
  }

  private mutating func release() {
    header.kind = .none
    if isOwned { lt_unmap(mapped, mappedBytes) }
  }

  // MARK: Regions

  package func start(of region: Int) -> UnsafeMutableRawPointer { block + regions[region].offset }

  /// The gap before region `index` (or the end): its start and bytes.
  private func gap(_ index: Int) -> (start: Int, bytes: Int) {
    let start = index == 0 ? engineBytes : regions[index - 1].offset + regions[index - 1].bytes
    let end = index == regionCount ? blockBytes & ~63 : regions[index].offset
    return (start, max(end - start, 0))
  }

  package var largestGap: Int {
    var best = 0
    for i in 0...regionCount { best = max(best, gap(i).bytes) }
    return best
  }

  /// An arena over the first gap of at least `bytes`, or the largest gap when `bytes` is 0.
  package func openGap(_ bytes: Int) throws(Failure) -> (index: Int, arena: Arena)? {
    if regionCount == Engine.regionsMax {
      throw Failure(
        .limit, "the engine already holds \(regionCount) models and sessions, its limit",
        needed: Int64(regionCount + 1), available: Int64(Engine.regionsMax))
    }
    var best = -1
    for i in 0...regionCount {
      let g = gap(i).bytes
      if bytes > 0 && g >= bytes {
        best = i
        break
      }
      if bytes == 0 && (best < 0 || g > gap(best).bytes) { best = i }
    }
    if best < 0 { return nil }
    let g = gap(best)
    return (best, Arena(memory: block + g.start, bytes: g.bytes))
  }

  /// Makes what was carved in the gap before `index` a region; later regions move up by one number.
  package mutating func commit(
    _ index: Int, bytes: Int, kind: Header.Kind, model: Int, memory: MemoryReport
  ) {
    let start = gap(index).start
    var i = regionCount
    while i > index {
      regions[i] = regions[i - 1]
      renumber(i)
      i -= 1
    }
    regions[index] = Region(
      offset: start, bytes: bytes, kind: kind, model: model, memory: memory)
    regionCount += 1
    generations += 1
    headerOf(index).initialize(
      to: Header(
        kind: kind, address: UInt(bitPattern: block + start), generation: generations,
        engine: header.engine, region: index, busy: 0, isPoisoned: false, isInCallback: false,
        owner: 0, callback: 0, user: 0, hostMode: 0))
  }

  package mutating func remove(_ index: Int) {
    headerOf(index).pointee.kind = .none
    var i = index
    while i + 1 < regionCount {
      regions[i] = regions[i + 1]
      renumber(i)
      i += 1
    }
    regionCount -= 1
  }

  /// How many sessions the model at `offset` has.
  package func sessions(ofModelAt offset: Int) -> Int {
    var n = 0
    for i in 0..<regionCount where regions[i].model == offset { n += 1 }
    return n
  }

  private func renumber(_ i: Int) { headerOf(i).pointee.region = i }

  package func headerOf(_ region: Int) -> UnsafeMutablePointer<Header> {
    start(of: region).assumingMemoryBound(to: Header.self)
  }

  // MARK: The turn

  /// Waits until no other thread computes on this engine.
  package mutating func takeTurn() {
    if lt_compare_exchange(&lock, 0, 1) != 0 { return }
    while lt_exchange(&lock, 2) != 0 { lt_futex_wait(&lock, 2) }
  }

  package mutating func endTurn() {
    if lt_exchange(&lock, 0) == 2 { lt_futex_wake(&lock, 1) }
  }

  // MARK: Report

  package func report() -> MemoryReport {
    var m = MemoryReport()
    m.engine = engineBytes
    m.budget = mappedBytes
    for i in 0..<regionCount { m.add(regions[i].memory) }
    return m
  }
}
