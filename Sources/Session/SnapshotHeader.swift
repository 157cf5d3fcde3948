// The layout of a snapshot. Little-endian, relocatable, the same on every machine.
//
//       0  magic "LINTELSN"
//       8  format version u32             12  flags u32
//      16  bytes of the whole u64         24  identity of the model u64
//      32  recurrent floats u64           40  history floats u64
//      48  cache bytes per token u64      56  vocabulary u32
//      60  tokens read u32                64  tokens u32
//      68  what was fed last u32          72  adapters u32        76  zero
//      80  [8] adapters: content hash u64, scale f32, zero u32;   unused ones are zero
//     208  zero
//     256  tokens i32 | recurrent f32 | history f32 | cache rows, layer by layer | logits f32, if flagged
//          | checksum u64: XXH64 of everything before it

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelText
import LintelWeights

/// Adapters by what they are, not where they lie.
package struct AdapterKeys: BitwiseCopyable, Equatable {
  package struct Key: BitwiseCopyable {
    package var hash: UInt64
    package var scale: Float
  }

  package private(set) var items = InlineArray<8, Key>(repeating: Key(hash: 0, scale: 0))
  package private(set) var count = 0

  package init() {}

  package init(_ set: AdapterSet) {
    for i in 0..<set.count {
      if let use = set[i] { append(Key(hash: use.hash, scale: use.scale)) }
    }
  }

  /// The caller has checked that there is room.
  package mutating func append(_ key: Key) {
    items[count] = key
    count += 1
  }

  package static func == (a: AdapterKeys, b: AdapterKeys) -> Bool {
    if a.count != b.count { return false }
    for i in 0..<a.count
    where a.items[i].hash != b.items[i].hash || a.items[i].scale != b.items[i].scale {
      return false
    }
    return true
  }
}

/// What a conversation is beside its tokens and its numbers.
package struct Moment: BitwiseCopyable {
  package var position = 0
  package var tokenCount = 0
  package var last = Session.Fed.nothing
  package var isTurnOpen = false
  package var hasLogits = false
  package var adapters = AdapterKeys()

  package init() {}
}

package struct SnapshotHeader {
  package static var bytes: Int { 256 }
  package static var hashBytes: Int { 8 }
  package static var version: UInt32 { 1 }
  private static var magic: UInt64 { 0x4E53_4C45_544E_494C }
  private static var adaptersAt: Int { 80 }
  private static var zeroAt: Int { 208 }

  package var moment = Moment()
  package var totalBytes = 0
  package var identity: UInt64 = 0
  package var recurrentFloats = 0
  package var historyFloats = 0
  package var cacheBytesPerToken = 0
  package var vocabulary = 0
  package var isFloat = false
  package var cacheFormat = CacheFormat.f32

  private enum Flag {
    static var logits: UInt32 { 1 }
    static var turn: UInt32 { 2 }
    static var float: UInt32 { 4 }
    static var q8: UInt32 { 8 }
    static var all: UInt32 { 15 }
  }

  package init() {}

  package func encode() -> InlineArray<256, UInt8> {
    var out = InlineArray<256, UInt8>(repeating: 0)
    var at = 0
    func put(_ value: UInt64, _ width: Int) {
      for i in 0..<width { out[at + i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
      at += width
    }
    func put(_ value: Int, _ width: Int) { put(UInt64(truncatingIfNeeded: value), width) }
    put(SnapshotHeader.magic, 8)
    put(UInt64(SnapshotHeader.version), 4)
    put(
      UInt64(
        (moment.hasLogits ? Flag.logits : 0) | (moment.isTurnOpen ? Flag.turn : 0)
          | (isFloat ? Flag.float : 0) | (cacheFormat == .q8 ? Flag.q8 : 0)), 4)
    put(totalBytes, 8)
    put(identity, 8)
    put(recurrentFloats, 8)
    put(historyFloats, 8)
    put(cacheBytesPerToken, 8)
    put(vocabulary, 4)
    put(moment.position, 4)
    put(moment.tokenCount, 4)
    put(UInt64(moment.last.rawValue), 4)
    put(moment.adapters.count, 4)
    at = SnapshotHeader.adaptersAt
    for i in 0..<moment.adapters.count {
      put(moment.adapters.items[i].hash, 8)
      put(UInt64(moment.adapters.items[i].scale.bitPattern), 4)
      at += 4
    }
    return out
  }

  /// The header at the start of a snapshot of `count` bytes, consistent in itself.
  package init(_ bytes: Bytes, of count: Int) throws(Failure) {
    var reader = ByteReader(bytes)
    if try reader.read(UInt64.self, "the magic number") != SnapshotHeader.magic {
      throw Failure(.snapshot, "byte 0: this is not a snapshot (it does not start with 'LINTELSN')")
    }
    let version = try reader.read(UInt32.self, "the version")
    if version != SnapshotHeader.version {
      throw Failure(
        .version,
        "the snapshot has format version \(version); this engine reads \(SnapshotHeader.version)",
        needed: Int64(version), available: Int64(SnapshotHeader.version))
    }
    let flags = try reader.read(UInt32.self, "the flags")
    if flags & ~Flag.all != 0 { throw SnapshotHeader.broken(12, "unknown flags") }
    let total = try reader.read(UInt64.self, "the size")
    if total > UInt64(count) {
      throw Failure(
        .truncated, "the snapshot has \(total) bytes, but only \(count) are there",
        needed: Int64(clamping: total), available: Int64(count))
    }
    totalBytes = Int(total)
    if totalBytes < count {
      throw Failure(
        .snapshot, "the snapshot has \(totalBytes) bytes, but \(count) are there",
        needed: Int64(totalBytes), available: Int64(count))
    }
    identity = try reader.read(UInt64.self, "the model")
    recurrentFloats = try size(&reader, 32)
    historyFloats = try size(&reader, 40)
    cacheBytesPerToken = try size(&reader, 48)
    vocabulary = Int(try reader.read(UInt32.self, "the vocabulary"))
    isFloat = flags & Flag.float != 0
    cacheFormat = flags & Flag.q8 != 0 ? .q8 : .f32
    moment.hasLogits = flags & Flag.logits != 0
    moment.isTurnOpen = flags & Flag.turn != 0
    moment.position = Int(try reader.read(UInt32.self, "the tokens read"))
    moment.tokenCount = Int(try reader.read(UInt32.self, "the tokens"))
    guard let last = Session.Fed(rawValue: try reader.read(UInt32.self, "what was fed last")) else {
      throw SnapshotHeader.broken(68, "what was fed last")
    }
    moment.last = last
    if moment.position > moment.tokenCount || (moment.hasLogits && moment.position == 0) {
      throw SnapshotHeader.broken(60, "more tokens read than there are")
    }
    let adapters = try reader.read(UInt32.self, "the adapters")
    if Int(adapters) > AdapterSet.countMax { throw SnapshotHeader.broken(72, "too many adapters") }
    try readZeros(&reader, to: SnapshotHeader.adaptersAt)
    for _ in 0..<Int(adapters) {
      let hash = try reader.read(UInt64.self, "an adapter")
      let scale = Float(bitPattern: try reader.read(UInt32.self, "an adapter's scale"))
      try readZeros(&reader, to: reader.offset + 4)
      moment.adapters.append(AdapterKeys.Key(hash: hash, scale: scale))
    }
    try readZeros(&reader, to: SnapshotHeader.bytes)
    var sum = -1
    do throws(Failure) { sum = try neededBytes() } catch { sum = -1 }
    if sum != totalBytes {
      throw SnapshotHeader.broken(16, "a size that its parts do not add up to")
    }
  }

  private func size(_ reader: inout ByteReader, _ at: Int) throws(Failure) -> Int {
    let value = try reader.read(UInt64.self, "a size")
    if value > UInt64(Int.max / 8) { throw SnapshotHeader.broken(at, "a size beyond all memory") }
    return Int(value)
  }

  private func readZeros(_ reader: inout ByteReader, to end: Int) throws(Failure) {
    while reader.offset < end {
      if try reader.read(UInt8.self, "zeros") != 0 {
        throw SnapshotHeader.broken(reader.offset - 1, "a byte that must be zero")
      }
    }
  }

  private static func broken(_ at: Int, _ what: StaticString) -> Failure {
    Failure(.snapshot, "byte \(at): the snapshot contradicts itself (\(what))")
  }

  /// The bytes of the snapshot that this is the header of.
  package func neededBytes() throws(Failure) -> Int {
    let what: StaticString = "the size of a snapshot"
    var sum = SnapshotHeader.bytes + SnapshotHeader.hashBytes
    sum = try Checked.add(sum, moment.tokenCount * 4, what)
    sum = try Checked.add(sum, Checked.multiply(recurrentFloats, 4, what), what)
    sum = try Checked.add(sum, Checked.multiply(historyFloats, 4, what), what)
    sum = try Checked.add(
      sum, Checked.multiply(cacheBytesPerToken, moment.position, what), what)
    return moment.hasLogits ? try Checked.add(sum, vocabulary * 4, what) : sum
  }
}
