// lintel_session_*: see lintel.h.

import CLintel
import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelSession
import LintelText
import LintelWeights

enum SessionArguments {
  static func options(
    _ options: UnsafePointer<lintel_session_options>?
  ) throws(Failure) -> SessionOptions {
    var wanted = SessionOptions()
    guard let o = options?.pointee else { return wanted }
    try Check.size(
      o.struct_size, MemoryLayout<lintel_session_options>.size, "lintel_session_options")
    try Check.zero(o.reserved, "lintel_session_options.reserved")
    try Check.zero(o.reserved0 == 0, "lintel_session_options.reserved0")
    if Int(o.priority) > Session.priorityMax {
      throw Failure(
        .argument, "priority is \(o.priority); at most \(Session.priorityMax) is possible",
        needed: Int64(o.priority), available: Int64(Session.priorityMax))
    }
    if o.context_tokens > 1 << 30 {
      throw Failure(.argument, "context_tokens is \(o.context_tokens)")
    }
    guard let cache = CacheChoice(rawValue: o.cache) else {
      throw Failure(.argument, "cache is \(o.cache); LINTEL_CACHE_... has 0 to 2")
    }
    if Int(o.draft_tokens) > DraftSettings.tokensMax {
      throw Failure(
        .argument,
        "draft_tokens is \(o.draft_tokens); at most \(DraftSettings.tokensMax) are possible",
        needed: Int64(o.draft_tokens), available: Int64(DraftSettings.tokensMax))
    }
    if Int(o.rewind_tokens) > DraftSettings.rewindMax {
      throw Failure(
        .argument,
        "rewind_tokens is \(o.rewind_tokens); at most \(DraftSettings.rewindMax) are possible",
        needed: Int64(o.rewind_tokens), available: Int64(DraftSettings.rewindMax))
    }
    if Int(o.marks) > Marks.countMax {
      throw Failure(
        .argument, "marks is \(o.marks); at most \(Marks.countMax) are possible",
        needed: Int64(o.marks), available: Int64(Marks.countMax))
    }
    wanted.context = o.context_tokens == 0 ? nil : Int(o.context_tokens)
    wanted.cache = cache
    wanted.priority = Int(o.priority)
    wanted.marks = Int(o.marks)
    wanted.drafts.tokens = Int(o.draft_tokens)
    wanted.drafts.rewind = Int(o.rewind_tokens)
    return wanted
  }
}

/// Runs `body` on the session behind a handle, as the only thread inside it, with denormal numbers
/// flushed.
func withSession(
  _ handle: OpaquePointer?, _ error: UnsafeMutablePointer<lintel_error>?,
  _ body: (inout Session, UnsafeMutablePointer<Header>) throws(Failure) -> Status
) -> Int32 {
  Report.status(error) { () throws(Failure) in
    let header = try Handle.header(handle, .session, "session")
    try Handle.enter(header, "session")
    defer { Handle.leave(header) }
    if header.pointee.isPoisoned {
      throw Failure(.poisoned, "an earlier error left this session undefined: reset it")
    }
    let mode = lt_float_flush()
    defer { lt_float_restore(mode) }
    header.pointee.hostMode = mode
    return try body(&Layout.object(header, Session.self).pointee, header)
  }
}

@implementation @_cdecl("lintel_session_create")
public func lintel_session_create(
  _ model: OpaquePointer?, _ options: UnsafePointer<lintel_session_options>?,
  _ out_session: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  out_session?.pointee = nil
  return Report.status(error) { () throws(Failure) in
    let header = try Handle.header(model, .model, "model")
    guard let out_session else { throw Failure(.argument, "out_session is NULL") }
    let wanted = try SessionArguments.options(options)
    let e = header.pointee.engine
    let engineHeader = UnsafeMutableRawPointer(e).assumingMemoryBound(to: Header.self)
    try Handle.enter(engineHeader, "engine")
    defer { Handle.leave(engineHeader) }
    let index = try e.pointee.openSession(model: header, wanted)
    out_session.pointee = Handle.make(e.pointee.headerOf(index))
    return .ok
  }
}

@implementation @_cdecl("lintel_session_destroy")
public func lintel_session_destroy(_ session: OpaquePointer?) -> lintel_status {
  if session == nil { return LINTEL_OK }
  return Report.status(nil) { () throws(Failure) in
    let header = try Handle.header(session, .session, "session")
    do throws(Failure) {
      try Handle.enter(header, "session")
    } catch {
      throw Failure(.busy, error.sentence)
    }
    let e = header.pointee.engine
    let engineHeader = UnsafeMutableRawPointer(e).assumingMemoryBound(to: Header.self)
    do throws(Failure) {
      try Handle.enter(engineHeader, "engine")
    } catch {
      Handle.leave(header)
      throw error
    }
    defer { Handle.leave(engineHeader) }
    e.pointee.takeTurn()
    Layout.object(header, Session.self).pointee.releaseAdapters()
    Layout.object(header, Session.self).pointee.giveBack()
    e.pointee.endTurn()
    e.pointee.remove(header.pointee.region)
    return .ok
  }
}

@implementation @_cdecl("lintel_session_reset")
public func lintel_session_reset(
  _ session: OpaquePointer?, _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  Report.status(error) { () throws(Failure) in
    let header = try Handle.header(session, .session, "session")
    try Handle.enter(header, "session")
    defer { Handle.leave(header) }
    Layout.object(header, Session.self).pointee.reset()
    header.pointee.isPoisoned = false
    return .ok
  }
}

@implementation @_cdecl("lintel_session_set_draft")
public func lintel_session_set_draft(
  _ session: OpaquePointer?, _ draft: OpaquePointer?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withSession(session, error) { (s, header) throws(Failure) in
    guard let draft else {
      try s.checkIdle("change the draft session")
      s.giveBack()
      return .ok
    }
    if draft == session { throw Failure(.argument, "a session cannot draft for itself") }
    let other = try Handle.header(draft, .session, "draft session")
    if other.pointee.engine != header.pointee.engine {
      throw Failure(.argument, "the draft session belongs to another engine")
    }
    try Handle.enter(other, "draft session")
    do throws(Failure) {
      if other.pointee.isPoisoned {
        throw Failure(.poisoned, "an earlier error left the draft session undefined: reset it")
      }
      try s.lend(other)
    } catch {
      Handle.leave(other)
      throw error
    }
    return .ok
  }
}

@implementation @_cdecl("lintel_session_rewind_tokens")
public func lintel_session_rewind_tokens(
  _ session: OpaquePointer?, _ count: UInt32, _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withSession(session, error) { (s, _) throws(Failure) in
    try s.rewind(tokens: Int(count))
    return .ok
  }
}

@implementation @_cdecl("lintel_session_feed_tokens")
public func lintel_session_feed_tokens(
  _ session: OpaquePointer?, _ ids: UnsafePointer<Int32>?, _ count: Int,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withSession(session, error) { (s, _) throws(Failure) in
    if count == 0 { return .ok }
    guard let ids, count > 0 else { throw Failure(.argument, "ids is NULL") }
    try s.feed(tokens: ids, count: count)
    return .ok
  }
}

@implementation @_cdecl("lintel_session_feed_text")
public func lintel_session_feed_text(
  _ session: OpaquePointer?, _ text: UnsafePointer<CChar>?, _ text_bytes: Int, _ flags: UInt32,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withSession(session, error) { (s, header) throws(Failure) in
    let bytes = try Check.bytes(text, text_bytes, "text")
    try Check.zero(flags & ~LINTEL_PARSE_SPECIAL == 0, "unknown bits of flags")
    header.pointee.engine.pointee.takeTurn()
    defer { header.pointee.engine.pointee.endTurn() }
    try s.feed(text: bytes, parseSpecial: flags & LINTEL_PARSE_SPECIAL != 0)
    return .ok
  }
}

@implementation @_cdecl("lintel_session_feed_message")
public func lintel_session_feed_message(
  _ session: OpaquePointer?, _ role: Int32, _ text: UnsafePointer<CChar>?, _ text_bytes: Int,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withSession(session, error) { (s, header) throws(Failure) in
    let bytes = try Check.bytes(text, text_bytes, "text")
    guard role >= 0, let r = ChatRole(rawValue: UInt32(role)) else {
      throw Failure(.argument, "role is \(role); LINTEL_ROLE_... has 0 to 3")
    }
    header.pointee.engine.pointee.takeTurn()
    defer { header.pointee.engine.pointee.endTurn() }
    try s.feed(role: r, text: bytes)
    return .ok
  }
}

@implementation @_cdecl("lintel_session_cancel")
public func lintel_session_cancel(_ session: OpaquePointer?) -> lintel_status {
  Report.status(nil) { () throws(Failure) in
    let header = try Handle.header(session, .session, "session")
    let flag = Layout.object(header, Session.self).pointee.cancelFlag
    lt_store_release(flag.base, 1)
    return .ok
  }
}

@implementation @_cdecl("lintel_session_position")
public func lintel_session_position(
  _ session: OpaquePointer?, _ out_position: UnsafeMutablePointer<lintel_position>?
) -> lintel_status {
  Report.status(nil) { () throws(Failure) in
    let header = try Handle.header(session, .session, "session")
    guard let out_position else { throw Failure(.argument, "out_position is NULL") }
    try Check.size(
      out_position.pointee.struct_size, MemoryLayout<lintel_position>.size, "lintel_position")
    try Handle.enter(header, "session")
    defer { Handle.leave(header) }
    let s = Layout.object(header, Session.self)
    out_position.pointee.tokens = UInt32(truncatingIfNeeded: s.pointee.position)
    out_position.pointee.pending_tokens = UInt32(truncatingIfNeeded: s.pointee.pending)
    out_position.pointee.context_tokens = UInt32(truncatingIfNeeded: s.pointee.context)
    return .ok
  }
}

@implementation @_cdecl("lintel_session_logits")
public func lintel_session_logits(
  _ session: OpaquePointer?, _ last: UInt64, _ on_logits: lintel_logits_fn?,
  _ user: UnsafeMutableRawPointer?, _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withSession(session, error) { (s, header) throws(Failure) in
    guard let on_logits else { throw Failure(.argument, "on_logits is NULL") }
    let count = last == 0 || last > UInt64(Int.max) ? Int.max : Int(last)
    let vocabulary = UInt32(
      truncatingIfNeeded: s.loaded.pointee.model.dimensions.vocabulary)
    return try s.score(last: count, header.pointee.engine) { position, logits in
      lt_float_restore(header.pointee.hostMode)
      let answer = on_logits(user, UInt64(position), logits, vocabulary)
      _ = lt_float_flush()
      return answer != 0
    }
  }
}
