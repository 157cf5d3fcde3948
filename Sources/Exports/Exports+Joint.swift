// lintel_step_many: see lintel.h.

import CLintel
import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelSession
import LintelText
import LintelWeights

/// The sessions of a call, entered by this thread.
private struct Entered {
  var headers = InlineArray<8, UnsafeMutablePointer<Header>?>(repeating: nil)
  var count = 0

  mutating func enter(
    _ sessions: UnsafePointer<OpaquePointer?>, _ total: Int
  ) throws(Failure) {
    for i in 0..<total {
      for j in 0..<i where sessions[i] == sessions[j] {
        throw Failure(.argument, "sessions \(j) and \(i) are the same")
      }
      let header = try Handle.header(sessions[i], .session, "session")
      try Handle.enter(header, "session")
      headers[i] = header
      count = i + 1
      if header.pointee.isPoisoned {
        throw Failure(
          .poisoned, "an earlier error left session \(i) undefined: reset it",
          needed: Int64(i))
      }
      if Layout.object(header, Session.self).pointee.loaded
        != Layout.object(headers[0] ?? header, Session.self).pointee.loaded
      {
        throw Failure(
          .argument, "session \(i) is of another model than session 0: step them apart")
      }
    }
  }

  func leave() {
    for i in 0..<count {
      if let header = headers[i] { Handle.leave(header) }
    }
  }
}

@implementation @_cdecl("lintel_step_many")
public func lintel_step_many(
  _ sessions: UnsafePointer<OpaquePointer?>?, _ count: Int, _ slice_us: UInt64,
  _ out_statuses: UnsafeMutablePointer<lintel_status>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  Report.status(error) { () throws(Failure) in
    guard let sessions, let out_statuses else {
      throw Failure(.argument, "sessions and out_statuses are required")
    }
    if count < 1 || count > JointSessions.countMax {
      throw Failure(
        .argument, "count is \(count); 1 to \(JointSessions.countMax) sessions can be stepped",
        needed: Int64(clamping: count), available: Int64(JointSessions.countMax))
    }
    var entered = Entered()
    defer { entered.leave() }
    try entered.enter(sessions, count)
    guard let engine = entered.headers[0]?.pointee.engine else { return .done }
    let mode = lt_float_flush()
    defer { lt_float_restore(mode) }
    var joint = JointSessions()
    joint.count = count
    for i in 0..<count {
      guard let header = entered.headers[i] else { continue }
      header.pointee.hostMode = mode
      joint.items[i] = Layout.object(header, Session.self)
    }
    let end = lt_now_ns() &+ Int64(clamping: min(slice_us, 1 << 50) &* 1000)
    repeat { joint.round(engine) } while joint.hasMore && !joint.hasPaused && slice_us > 0
      && lt_now_ns() < end
    for i in 0..<count {
      out_statuses[i] = joint.statuses[i].rawValue
      if joint.statuses[i].rawValue < 0 { entered.headers[i]?.pointee.isPoisoned = true }
    }
    if let failure = joint.failure { Report.fill(error, failure) }
    return joint.hasMore ? .more : joint.hasPaused ? .paused : .done
  }
}
