// Overflow-checked sizes. Every number that a file or a caller supplied passes through here before
// it is multiplied, added or used as a length.

package enum Checked {
  package static func multiply(
    _ a: Int, _ b: Int, _ what: StaticString
  ) throws(Failure) -> Int {
    let (r, overflow) = a.multipliedReportingOverflow(by: b)
    if overflow || a < 0 || b < 0 {
      throw Failure(.limit, "\(what): \(a) times \(b) does not fit in a size")
    }
    return r
  }

  package static func add(_ a: Int, _ b: Int, _ what: StaticString) throws(Failure) -> Int {
    let (r, overflow) = a.addingReportingOverflow(b)
    if overflow || a < 0 || b < 0 {
      throw Failure(.limit, "\(what): \(a) plus \(b) does not fit in a size")
    }
    return r
  }

  /// Rounds up to a multiple of `alignment`, a power of two.
  package static func alignUp(
    _ value: Int, _ alignment: Int, _ what: StaticString
  ) throws(Failure) -> Int {
    try add(value, alignment - 1, what) & ~(alignment - 1)
  }

  /// A file's unsigned 64-bit number as an Int, refused above `limit`.
  package static func int(
    _ value: UInt64, upTo limit: Int, _ what: StaticString
  ) throws(Failure) -> Int {
    if value > UInt64(limit) {
      throw Failure(
        .limit, "\(what) is \(value), more than the limit \(limit)",
        needed: Int64(clamping: value), available: Int64(limit))
    }
    return Int(value)
  }
}
