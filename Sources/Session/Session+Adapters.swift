// Adapters: loading them into a model's slots, and choosing some for a session.

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelStructure
import LintelText
import LintelWeights

/// What a session is asked to compute with.
package struct AdapterRequest {
  package struct Item: BitwiseCopyable {
    package var slot: Int
    package var scale: Float
    package init(slot: Int, scale: Float) {
      self.slot = slot
      self.scale = scale
    }
  }

  package var items = InlineArray<8, Item>(repeating: Item(slot: 0, scale: 0))
  package var count = 0

  package init() {}

  package mutating func append(slot: Int, scale: Float) throws(Failure) {
    if count == AdapterSet.countMax {
      throw Failure(
        .argument, "a session can have \(AdapterSet.countMax) adapters at most",
        needed: Int64(count + 1), available: Int64(AdapterSet.countMax))
    }
    items[count] = Item(slot: slot, scale: scale)
    count += 1
  }

  func names(_ slot: Int) -> Bool {
    for i in 0..<count where items[i].slot == slot { return true }
    return false
  }
}

extension AdapterSlots {
  /// The first slot that holds the adapter with this content hash, and that `request` does not name.
  func find(hash: UInt64, besides request: AdapterRequest) -> Int? {
    for i in 0..<slots.count
    where slots[i].phase == .loaded && slots[i].hash == hash && !request.names(i) {
      return i
    }
    return nil
  }
}

extension Session {
  /// What the session computes with: content hashes, scales, and slots.
  package var adapters: AdapterSet { adapterCell[0] }

  /// Replaces the session's adapters, for tokens read from now on.
  package mutating func setAdapters(
    _ request: AdapterRequest, _ engine: UnsafeMutablePointer<Engine>
  ) throws(Failure) {
    try checkIdle("change adapters")
    if passRows > 0 {
      throw Failure(
        .state, "a pass is under way: step until the text that was fed is read, or cancel it")
    }
    engine.pointee.takeTurn()
    defer { engine.pointee.endTurn() }
    try replaceAdapters(request)
  }

  /// Makes the session's adapters those of a conversation that it is about to take on: they are, or it
  /// has none (or others, if `replacing`) and the model's slots hold them. Else nothing changes.
  mutating func adopt(
    _ keys: AdapterKeys, _ engine: UnsafeMutablePointer<Engine>, replacing: Bool
  ) throws(Failure) {
    if keys == AdapterKeys(adapters) { return }
    if adapters.count > 0 && !replacing {
      throw Failure(
        .otherAdapters,
        "the text was read with \(keys.count) adapters that are not the session's \(adapters.count), or not with their scales: give the session the same, or none",
        needed: Int64(keys.count), available: Int64(adapters.count))
    }
    engine.pointee.takeTurn()
    defer { engine.pointee.endTurn() }
    let slots = loaded.pointee.adapters
    var request = AdapterRequest()
    for i in 0..<keys.count {
      guard let slot = slots.find(hash: keys.items[i].hash, besides: request) else {
        throw Failure(
          .otherAdapters,
          "the text was read with adapter \(hex: keys.items[i].hash), which no slot of the model holds: load it first"
        )
      }
      try request.append(slot: slot, scale: keys.items[i].scale)
    }
    try replaceAdapters(request)
  }

  /// The caller has the engine's turn.
  private mutating func replaceAdapters(_ request: AdapterRequest) throws(Failure) {
    let slots = loaded.pointee.adapters
    var set = AdapterSet()
    var rank = 0
    for i in 0..<request.count {
      let item = request.items[i]
      let slot = try slots.slot(item.slot).pointee
      for k in 0..<i where request.items[k].slot == item.slot {
        throw Failure(.argument, "adapter slot \(item.slot) is named twice")
      }
      if !item.scale.isFinite {
        throw Failure(.argument, "the scale of adapter slot \(item.slot) is not a finite number")
      }
      switch slot.phase {
      case .loaded: break
      case .empty: throw Failure(.state, "adapter slot \(item.slot) is empty: load one first")
      case .loading: throw Failure(.busy, "adapter slot \(item.slot) is being loaded")
      }
      rank += slot.rank
      set.append(
        AdapterSet.Use(
          slot: item.slot, scale: item.scale, hash: slot.hash, rank: slot.rank,
          adapter: slot.adapter))
    }
    if rank > slots.options.rank {
      throw Failure(
        .limit,
        "the ranks of these adapters add up to \(rank), but the model was opened for \(slots.options.rank): raise adapter_rank",
        needed: Int64(rank), available: Int64(slots.options.rank))
    }
    count(-1)
    adapterCell[0] = set
    count(1)
  }

  /// Gives the slots back, before the session ends. The caller has the engine's turn.
  package mutating func releaseAdapters() {
    releaseGrammar()
    count(-1)
    adapterCell[0] = AdapterSet()
  }

  private func count(_ change: Int) {
    let slots = loaded.pointee.adapters.slots
    for i in 0..<adapters.count {
      if let use = adapters[i] { slots.base[use.slot].users += change }
    }
  }
}

extension LoadedModel {
  /// Checks the adapter in `bytes` and puts it into slot `index`. Sessions go on meanwhile; the slot
  /// itself must have none. A refusal leaves the slot as it was.
  package func loadAdapter(
    _ index: Int, _ bytes: Bytes, name: Bytes?, _ engine: UnsafeMutablePointer<Engine>
  ) throws(Failure) {
    let slot = try adapters.slot(index)
    let file = try AdapterFile(bytes)
    if let name, name.count > AdapterSlot.nameBytesMax {
      throw Failure(
        .argument,
        "the slot's name has \(name.count) bytes; at most \(AdapterSlot.nameBytesMax) are possible",
        needed: Int64(name.count), available: Int64(AdapterSlot.nameBytesMax))
    }
    let staged = try adapters.stage(file, model, exact: options.isFloat)
    try claim(index, engine)
    adapters.fill(index, staged, alpha: file.alpha)
    slot.pointee.hash = ContentHash.of(bytes)
    let shown = name ?? file.name
    slot.pointee.nameCount = min(shown.count, AdapterSlot.nameBytesMax)
    for i in 0..<slot.pointee.nameCount { slot.pointee.nameBytes[i] = shown[i] }
    engine.pointee.takeTurn()
    slot.pointee.phase = .loaded
    engine.pointee.endTurn()
  }

  package func unloadAdapter(
    _ index: Int, _ engine: UnsafeMutablePointer<Engine>
  ) throws(Failure) {
    _ = try adapters.slot(index)
    try claim(index, engine)
    adapters.empty(index)
  }

  /// Makes the slot one that no session can choose, unless some has.
  private func claim(
    _ index: Int, _ engine: UnsafeMutablePointer<Engine>
  ) throws(Failure) {
    let slot = adapters.slots + index
    engine.pointee.takeTurn()
    defer { engine.pointee.endTurn() }
    if slot.pointee.users > 0 {
      throw Failure(
        .busy,
        "adapter slot \(index) is used by \(slot.pointee.users) sessions: give them other adapters first",
        needed: 0, available: Int64(slot.pointee.users))
    }
    slot.pointee.phase = .loading
  }
}

extension AdapterSummary {
  /// Facts about the adapter in `bytes`; its directory is built in a transient mapping.
  package static func measure(_ file: AdapterFile) throws(Failure) -> AdapterSummary {
    var measuring = Arena.measuring()
    _ = try TensorDirectory(arena: &measuring, count: file.container.tensorCount)
    var memory: UnsafeMutableRawPointer?
    let error = lt_map_private(measuring.used, &memory)
    guard error == 0, let memory else {
      throw Failure(
        .system, "\(measuring.used) bytes could not be mapped to look at the adapter (errno \(error))",
        needed: Int64(error))
    }
    defer { lt_unmap(memory, measuring.used) }
    var arena = Arena(memory: memory, bytes: measuring.used)
    let directory = try TensorDirectory(arena: &arena, count: file.container.tensorCount)
    try directory.index(file.container)
    return try AdapterSummary(directory, panelRows: LowRankPack.panelRows)
  }
}
