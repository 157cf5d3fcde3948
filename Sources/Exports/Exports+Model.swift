// lintel_model_*: see lintel.h.

import CLintel
import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelSession
import LintelStructure
import LintelText
import LintelWeights

enum ModelArguments {
  static func check(_ options: UnsafePointer<lintel_model_options>?) throws(Failure) {
    guard let o = options?.pointee else { return }
    try Check.size(
      o.struct_size, MemoryLayout<lintel_model_options>.size, "lintel_model_options")
    try Check.zero(o.reserved == 0, "lintel_model_options.reserved")
    try Check.zero(
      o.flags & ~(LINTEL_MODEL_FLOAT_ACTIVATIONS | LINTEL_MODEL_VOCABULARY_ONLY) == 0,
      "unknown bits of lintel_model_options.flags")
    if LoadPolicy(rawValue: o.load) == nil {
      throw Failure(.argument, "load is \(o.load); LINTEL_LOAD_LAZY, _PREFAULT and _LOCKED exist")
    }
    if Int(o.chunk_tokens) > LoadedModel.chunkMax {
      throw Failure(
        .argument, "chunk_tokens is \(o.chunk_tokens); at most \(LoadedModel.chunkMax) are possible",
        needed: Int64(o.chunk_tokens), available: Int64(LoadedModel.chunkMax))
    }
    if o.grammar_bytes > UInt64(Int.max / 256) {
      throw Failure(.argument, "grammar_bytes is \(Int(clamping: o.grammar_bytes))")
    }
    _ = try adapters(o)
  }

  private static func adapters(_ o: lintel_model_options) throws(Failure) -> AdapterOptions {
    var a = AdapterOptions()
    if o.adapter_slots == 0 {
      if o.adapter_slot_bytes != 0 || o.adapter_rank != 0 {
        throw Failure(
          .argument, "adapter_slot_bytes and adapter_rank mean nothing while adapter_slots is 0")
      }
      return a
    }
    if o.flags & LINTEL_MODEL_VOCABULARY_ONLY != 0 {
      throw Failure(.argument, "adapter_slots is set, but only the vocabulary is opened")
    }
    if Int(o.adapter_slots) > AdapterSlots.countMax {
      throw Failure(
        .argument,
        "adapter_slots is \(o.adapter_slots); at most \(AdapterSlots.countMax) are possible",
        needed: Int64(o.adapter_slots), available: Int64(AdapterSlots.countMax))
    }
    if Int(o.adapter_rank) > LowRank.rankMax {
      throw Failure(
        .argument, "adapter_rank is \(o.adapter_rank); at most \(LowRank.rankMax) is possible",
        needed: Int64(o.adapter_rank), available: Int64(LowRank.rankMax))
    }
    if o.adapter_slot_bytes == 0 || o.adapter_slot_bytes > UInt64(Int.max / 256) {
      throw Failure(
        .argument,
        "adapter_slot_bytes is \(o.adapter_slot_bytes): the size of a slot must be set (lintel_adapter_inspect says what an adapter takes)"
      )
    }
    a.slots = Int(o.adapter_slots)
    a.slotBytes = try Checked.alignUp(
      Int(o.adapter_slot_bytes), Arena.alignment, "adapter_slot_bytes")
    a.rank = o.adapter_rank == 0 ? AdapterSlots.rankDefault : Int(o.adapter_rank)
    return a
  }

  static func options(
    _ options: UnsafePointer<lintel_model_options>?, threads: Int
  ) throws(Failure) -> LoadedModel.Options {
    try check(options)
    let chunk = Int(options?.pointee.chunk_tokens ?? 0)
    let flags = options?.pointee.flags ?? 0
    return LoadedModel.Options(
      chunk: chunk == 0 ? LoadedModel.chunkDefault : chunk, threads: threads,
      isFloat: flags & LINTEL_MODEL_FLOAT_ACTIVATIONS != 0,
      isVocabularyOnly: flags & LINTEL_MODEL_VOCABULARY_ONLY != 0,
      adapters: try options.map { (o) throws(Failure) in try adapters(o.pointee) }
        ?? AdapterOptions(),
      grammarBytes: Int(options?.pointee.grammar_bytes ?? 0))
  }

  /// Opens `region` on the engine; on failure the region is closed.
  static func open(
    _ engine: OpaquePointer?, _ region: MappedRegion,
    _ options: UnsafePointer<lintel_model_options>?,
    _ out_model: UnsafeMutablePointer<OpaquePointer?>
  ) throws(Failure) -> Status {
    do throws(Failure) {
      let header = try Handle.header(engine, .engine, "engine")
      try Handle.enter(header, "engine")
      defer { Handle.leave(header) }
      let e = header.pointee.engine
      let o = try ModelArguments.options(options, threads: e.pointee.pool.threads)
      let index = try e.pointee.open(region, o)
      let model = e.pointee.headerOf(index)
      do throws(Failure) {
        try load(&Layout.object(model, LoadedModel.self).pointee.region, options)
      } catch {
        e.pointee.remove(index)
        throw error
      }
      out_model.pointee = Handle.make(model)
      return .ok
    } catch {
      region.close()
      if error.status == .cancelled { return .cancelled }
      throw error
    }
  }

  private static func load(
    _ region: inout MappedRegion, _ options: UnsafePointer<lintel_model_options>?
  ) throws(Failure) {
    guard let o = options?.pointee, let policy = LoadPolicy(rawValue: o.load), policy != .lazy
    else { return }
    try region.prefault { done, total in
      o.progress.map { $0(o.progress_user, UInt64(done), UInt64(total)) != 0 } ?? true
    }
    if policy == .locked { try region.lock() }
  }
}

@implementation @_cdecl("lintel_model_open")
public func lintel_model_open(
  _ engine: OpaquePointer?, _ path: UnsafePointer<CChar>?,
  _ options: UnsafePointer<lintel_model_options>?,
  _ out_model: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  out_model?.pointee = nil
  return Report.status(error) { () throws(Failure) in
    guard let path, let out_model else {
      throw Failure(.argument, "path and out_model are required")
    }
    _ = try Handle.header(engine, .engine, "engine")
    try ModelArguments.check(options)
    let region = try MappedRegion.open(path: path)
    return try ModelArguments.open(engine, region, options, out_model)
  }
}

@implementation @_cdecl("lintel_model_open_bytes")
public func lintel_model_open_bytes(
  _ engine: OpaquePointer?, _ bytes: UnsafeRawPointer?, _ byte_count: UInt64,
  _ options: UnsafePointer<lintel_model_options>?,
  _ out_model: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  out_model?.pointee = nil
  return Report.status(error) { () throws(Failure) in
    guard let bytes, let out_model else {
      throw Failure(.argument, "bytes and out_model are required")
    }
    if UInt(bitPattern: bytes) & 63 != 0 {
      throw Failure(.argument, "bytes must be 64-byte aligned: weights are used in place")
    }
    if byte_count > UInt64(Int.max / 2) {
      throw Failure(.argument, "byte_count is \(byte_count)")
    }
    _ = try Handle.header(engine, .engine, "engine")
    try ModelArguments.check(options)
    let region = MappedRegion(lent: Bytes(start: bytes, count: Int(byte_count)))
    return try ModelArguments.open(engine, region, options, out_model)
  }
}

@implementation @_cdecl("lintel_model_close")
public func lintel_model_close(_ model: OpaquePointer?) -> lintel_status {
  if model == nil { return LINTEL_OK }
  return Report.status(nil) { () throws(Failure) in
    let header = try Handle.header(model, .model, "model")
    let e = header.pointee.engine
    let engineHeader = UnsafeMutableRawPointer(e).assumingMemoryBound(to: Header.self)
    try Handle.enter(engineHeader, "engine")
    defer { Handle.leave(engineHeader) }
    let offset = e.pointee.regions[header.pointee.region].offset
    if e.pointee.sessions(ofModelAt: offset) > 0 {
      throw Failure(.busy, "the model still has sessions")
    }
    e.pointee.closeModel(header)
    return .ok
  }
}

@implementation @_cdecl("lintel_model_get_info")
public func lintel_model_get_info(
  _ model: OpaquePointer?, _ out_info: UnsafeMutablePointer<lintel_model_info>?
) -> lintel_status {
  Report.status(nil) { () throws(Failure) in
    let header = try Handle.header(model, .model, "model")
    guard let out_info else { throw Failure(.argument, "out_info is NULL") }
    try Check.size(
      out_info.pointee.struct_size, MemoryLayout<lintel_model_info>.size, "lintel_model_info")
    let loaded = Layout.object(header, LoadedModel.self)
    let m = loaded.pointee.model
    let d = m.dimensions
    let h = m.hyperparameters
    out_info.pointee.vocabulary_count = UInt32(truncatingIfNeeded: loaded.pointee.vocabulary.count)
    out_info.pointee.context_tokens = UInt32(truncatingIfNeeded: h.contextLength)
    out_info.pointee.layer_count = UInt32(truncatingIfNeeded: m.layers.count)
    out_info.pointee.embedding_width = UInt32(truncatingIfNeeded: d.embedding)
    out_info.pointee.delta_layers = UInt32(truncatingIfNeeded: d.recurrentLayers)
    out_info.pointee.attention_layers = UInt32(truncatingIfNeeded: d.attentionLayers)
    out_info.pointee.expert_count = UInt32(truncatingIfNeeded: h.expertCount)
    var parameters = 0
    for i in 0..<m.directory.slots.count { parameters &+= m.directory.slots[i].entry.elements }
    out_info.pointee.parameter_count = UInt64(truncatingIfNeeded: parameters)
    out_info.pointee.file_bytes = UInt64(loaded.pointee.region.bytes.count)
    out_info.pointee.state_bytes = UInt64((d.recurrentFloats + d.historyFloats) * 4)
    out_info.pointee.cache_bytes_per_token = UInt64(d.cacheFloats * 4)
    out_info.pointee.architecture = UnsafeRawPointer(h.architecture.name.utf8Start)
      .assumingMemoryBound(to: CChar.self)
    out_info.pointee.chat = loaded.pointee.chat == nil ? 0 : 1
    withUnsafeMutableBytes(of: &out_info.pointee.name) { to in
      var s = Sentence()
      s.append(untrusted: h.name, limit: to.count - 1)
      let n = min(s.count, to.count - 1)
      for i in 0..<n { to[i] = s.bytes[i] }
      to[n] = 0
    }
    return .ok
  }
}

@implementation @_cdecl("lintel_model_tokenize")
public func lintel_model_tokenize(
  _ model: OpaquePointer?, _ text: UnsafePointer<CChar>?, _ text_bytes: Int, _ flags: UInt32,
  _ out_ids: UnsafeMutablePointer<Int32>?, _ capacity: Int,
  _ out_count: UnsafeMutablePointer<Int>?, _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  out_count?.pointee = 0
  return Report.status(error) { () throws(Failure) in
    let header = try Handle.header(model, .model, "model")
    let bytes = try Check.bytes(text, text_bytes, "text")
    try Check.zero(flags & ~LINTEL_PARSE_SPECIAL == 0, "unknown bits of flags")
    if capacity < 0 || (out_ids == nil && capacity > 0) {
      throw Failure(.argument, "out_ids is NULL, but capacity is \(capacity)")
    }
    let loaded = Layout.object(header, LoadedModel.self)
    let room = Buffer(
      base: out_ids ?? UnsafeMutablePointer<Int32>(mutating: Placeholder.ids), count: capacity)
    var sink = TokenSink(room)
    let engine = header.pointee.engine
    engine.pointee.takeTurn()
    defer { engine.pointee.endTurn() }
    try loaded.pointee.encoder.append(
      bytes, loaded.pointee.vocabulary, parseSpecial: flags & LINTEL_PARSE_SPECIAL != 0, to: &sink)
    out_count?.pointee = sink.count
    try sink.check()
    return .ok
  }
}

@implementation @_cdecl("lintel_model_token_bytes")
public func lintel_model_token_bytes(
  _ model: OpaquePointer?, _ token: Int32, _ out_bytes: UnsafeMutablePointer<CChar>?,
  _ capacity: Int, _ out_count: UnsafeMutablePointer<Int>?
) -> lintel_status {
  out_count?.pointee = 0
  return Report.status(nil) { () throws(Failure) in
    let header = try Handle.header(model, .model, "model")
    if capacity < 0 || (out_bytes == nil && capacity > 0) {
      throw Failure(.argument, "out_bytes is NULL, but capacity is \(capacity)")
    }
    let vocabulary = Layout.object(header, LoadedModel.self).pointee.vocabulary
    guard vocabulary.contains(token) else {
      throw Failure(.token, "token \(token) is outside the vocabulary", needed: Int64(token))
    }
    let count = vocabulary.byteCount(token)
    out_count?.pointee = count
    if count > capacity {
      throw Failure(
        .capacity, "token \(token) has \(count) bytes", needed: Int64(count),
        available: Int64(capacity))
    }
    guard let out_bytes, count > 0 else { return .ok }
    let room = Buffer(
      base: UnsafeMutableRawPointer(out_bytes).assumingMemoryBound(to: UInt8.self),
      count: capacity)
    _ = try vocabulary.copyBytes(token, rendersSpecial: true, into: room)
    return .ok
  }
}

/// A place to point at where nothing may be written.
enum Placeholder {
  static var ids: UnsafePointer<Int32> {
    UnsafeRawPointer(("\0\0\0\0" as StaticString).utf8Start).assumingMemoryBound(to: Int32.self)
  }
}
