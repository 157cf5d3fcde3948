// A conversation as bytes, and back; a conversation copied into another session.
//
// Everything is checked before anything is changed: a snapshot is read once whole for its checksum,
// and a second time into the session.

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelText
import LintelWeights

extension Session {
  /// Where the conversation stands, its state brought up to there. Refused in the middle of things:
  /// what is copied afterwards is whole.
  mutating func moment(
    _ what: StaticString, _ engine: UnsafeMutablePointer<Engine>
  ) throws(Failure) -> Moment {
    try checkIdle(what)
    if passRows > 0 {
      throw Failure(
        .state,
        "cannot \(what) in the middle of a pass: step until the text that was fed is read")
    }
    settle(engine)
    var m = Moment()
    m.position = position
    m.tokenCount = tokenCount
    m.last = last
    m.isTurnOpen = isTurnOpen
    m.hasLogits = hasLogits
    m.adapters = AdapterKeys(adapters)
    return m
  }

  /// The other way: what the session is once its state has been copied. Adapters excepted.
  mutating func become(_ m: Moment) {
    forward?.finish()
    passRows = 0
    stateCell[0].position = m.position
    stateCell[0].forgetRecords()
    logitRow = 0
    drafts.list = DraftList(countMax: 0)
    drafts.learned = 0
    tokenCount = m.tokenCount
    last = m.last
    isTurnOpen = m.isTurnOpen
    hasLogits = m.hasLogits
    figures = Figures()
    lt_store_release(cancelFlag.base, 0)
  }

  private mutating func header(
    _ engine: UnsafeMutablePointer<Engine>
  ) throws(Failure) -> SnapshotHeader {
    var h = SnapshotHeader()
    h.moment = try moment("save a session", engine)
    let d = loaded.pointee.model.dimensions
    h.identity = loaded.pointee.identity(engine)
    h.recurrentFloats = d.recurrentFloats
    h.historyFloats = d.historyFloats
    h.cacheBytesPerToken = state.cacheFormat.rowBytes(d.cacheFloats)
    h.vocabulary = d.vocabulary
    h.isFloat = loaded.pointee.options.isFloat
    h.cacheFormat = state.cacheFormat
    h.totalBytes = try h.neededBytes()
    return h
  }

  /// The bytes of a snapshot taken now.
  package mutating func snapshotBytes(
    _ engine: UnsafeMutablePointer<Engine>
  ) throws(Failure) -> Int {
    try header(engine).totalBytes
  }

  package mutating func save(
    to sink: inout ByteSink, _ engine: UnsafeMutablePointer<Engine>
  ) throws(Failure) {
    let h = try header(engine)
    var encoded = h.encode()
    try sink.put(&encoded, SnapshotHeader.bytes)
    try sink.put(tokens.base, h.moment.tokenCount * 4)
    let layers = loaded.pointee.model.layers
    for i in 0..<SessionState.pieceCount(layers) {
      let piece = state.piece(i, layers, tokens: h.moment.position)
      try sink.put(piece.start, piece.bytes)
    }
    if h.moment.hasLogits { try sink.put(logits.base, logits.bytes.count) }
    try sink.putHash()
  }

  // MARK: Back

  package mutating func restore(
    _ source: ByteSource, _ engine: UnsafeMutablePointer<Engine>
  ) throws(Failure) {
    try checkIdle("restore a snapshot")
    var head = InlineArray<256, UInt8>(repeating: 0)
    if source.count < SnapshotHeader.bytes + SnapshotHeader.hashBytes {
      throw Failure(
        .truncated, "a snapshot has at least \(SnapshotHeader.bytes + SnapshotHeader.hashBytes) bytes, but \(source.count) are there",
        needed: Int64(SnapshotHeader.bytes + SnapshotHeader.hashBytes),
        available: Int64(source.count))
    }
    try source.copy(0, SnapshotHeader.bytes, to: &head)
    let h = try withUnsafeBytes(of: head) { (raw) throws(Failure) -> SnapshotHeader in
      guard let start = raw.baseAddress else { throw Failure(.truncated, "no header") }
      return try SnapshotHeader(Bytes(start: start, count: raw.count), of: source.count)
    }
    let hash = try verify(source, h)
    try check(h, engine)
    try adopt(h.moment.adapters, engine, replacing: false)
    do throws(Failure) {
      try load(source, h, hash)
    } catch {
      reset()
      throw error
    }
  }

  /// Reads all of the snapshot; its checksum.
  private func verify(_ source: ByteSource, _ h: SnapshotHeader) throws(Failure) -> UInt64 {
    let end = source.count - SnapshotHeader.hashBytes
    var hash = ContentHash()
    try source.walk(0, end, sampler.scratch) { (bytes) throws(Failure) in hash.add(bytes) }
    var stored: UInt64 = 0
    try source.copy(end, 8, to: &stored)
    if UInt64(littleEndian: stored) != hash.value {
      throw Failure(
        .checksum,
        "the snapshot is damaged: its checksum is \(hex: UInt64(littleEndian: stored)), that of its bytes \(hex: hash.value)"
      )
    }
    let vocabulary = loaded.pointee.model.vocabularyCount
    if h.vocabulary != vocabulary { return hash.value }
    var isFine = true
    try source.walk(
      SnapshotHeader.bytes, SnapshotHeader.bytes + 4 * h.moment.tokenCount, sampler.scratch
    ) { (bytes) throws(Failure) in
      for i in 0..<(bytes.count / 4) {
        let id = Int32(littleEndian: bytes.load(4 * i, as: Int32.self))
        if id < 0 || Int(id) >= vocabulary { isFine = false }
      }
    }
    if !isFine { throw Session.foreignToken }
    return hash.value
  }

  private static var foreignToken: Failure {
    Failure(.snapshot, "the snapshot holds a token outside the model's vocabulary")
  }

  /// Refuses what does not fit this session.
  private func check(
    _ h: SnapshotHeader, _ engine: UnsafeMutablePointer<Engine>
  ) throws(Failure) {
    let m = loaded.pointee
    let d = m.model.dimensions
    let identity = m.identity(engine)
    if h.identity != identity {
      throw Failure(
        .otherModel,
        "the snapshot is of another model: \(hex: h.identity), this one is \(hex: identity)")
    }
    if h.isFloat != m.options.isFloat {
      let its: StaticString = h.isFloat ? "with" : "without"
      throw Failure(
        .otherModel,
        "the snapshot was made \(its) LINTEL_MODEL_FLOAT_ACTIVATIONS: open the model in the same way")
    }
    if h.cacheFormat != state.cacheFormat { throw Session.otherCache(h.cacheFormat) }
    if h.recurrentFloats != d.recurrentFloats || h.historyFloats != d.historyFloats
      || h.cacheBytesPerToken != h.cacheFormat.rowBytes(d.cacheFloats)
      || h.vocabulary != d.vocabulary
    {
      throw Failure(.snapshot, "the snapshot's sizes are not those of its model")
    }
    try checkRoom(h.moment)
  }

  private static func otherCache(_ format: CacheFormat) -> Failure {
    let its: StaticString = format == .q8 ? "8 bits" : "32-bit floats"
    return Failure(
      .otherModel,
      "the attention cache was kept in \(its): create the session with the same lintel_session_options.cache"
    )
  }

  private func checkRoom(_ m: Moment) throws(Failure) {
    if m.tokenCount > context {
      throw Failure(
        .contextFull,
        "the conversation has \(m.tokenCount) tokens, but the session was created for \(context)",
        needed: Int64(m.tokenCount), available: Int64(context))
    }
  }

  /// Fills the session. The bytes are those that `verify` saw, or it throws.
  private mutating func load(
    _ source: ByteSource, _ h: SnapshotHeader, _ expected: UInt64
  ) throws(Failure) {
    var hash = ContentHash()
    try source.walk(0, SnapshotHeader.bytes, sampler.scratch) { (bytes) throws(Failure) in
      hash.add(bytes)
    }
    var at = SnapshotHeader.bytes
    func take(_ to: UnsafeMutableRawPointer, _ count: Int) throws(Failure) {
      try source.copy(at, count, to: to)
      hash.add(Bytes(start: UnsafeRawPointer(to), count: count))
      at += count
    }
    try take(UnsafeMutableRawPointer(tokens.base), h.moment.tokenCount * 4)
    let layers = loaded.pointee.model.layers
    for i in 0..<SessionState.pieceCount(layers) {
      let piece = state.piece(i, layers, tokens: h.moment.position)
      try take(piece.start, piece.bytes)
    }
    if h.moment.hasLogits { try take(UnsafeMutableRawPointer(logitRows.base), logits.bytes.count) }
    if hash.value != expected {
      throw Failure(
        .checksum, "the snapshot changed while it was restored: the session has been reset")
    }
    let vocabulary = Int32(truncatingIfNeeded: loaded.pointee.model.vocabularyCount)
    for i in 0..<h.moment.tokenCount where tokens[i] < 0 || tokens[i] >= vocabulary {
      throw Session.foreignToken
    }
    marks.forget(beyond: -1)
    become(h.moment)
  }

  // MARK: Fork

  /// Makes `other` what this session is.
  package mutating func fork(
    into other: inout Session, _ engine: UnsafeMutablePointer<Engine>
  ) throws(Failure) {
    let m = try moment("fork a session", engine)
    try other.checkIdle("fork into a session")
    if other.loaded != loaded {
      throw Failure(.argument, "the sessions are of different models: save and restore instead")
    }
    if other.state.cacheFormat != state.cacheFormat {
      throw Session.otherCache(state.cacheFormat)
    }
    try other.checkRoom(m)
    try other.adopt(m.adapters, engine, replacing: false)
    other.tokens.base.update(from: tokens.base, count: m.tokenCount)
    let layers = loaded.pointee.model.layers
    for i in 0..<SessionState.pieceCount(layers) {
      let from = state.piece(i, layers, tokens: m.position)
      let to = other.state.piece(i, layers, tokens: m.position)
      to.start.copyMemory(from: from.start, byteCount: from.bytes)
    }
    if m.hasLogits { other.logitRows.base.update(from: logits.base, count: logits.count) }
    other.marks.forget(beyond: -1)
    other.become(m)
  }
}
