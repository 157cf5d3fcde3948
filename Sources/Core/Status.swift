// The numbers of lintel.h, pinned. ABI tests compare them with the header.

/// A status as the C API returns it: 0 ok, positive ordinary outcomes, negative errors.
package struct Status: Equatable, Sendable {
  package let rawValue: Int32
  @inlinable package init(rawValue: Int32) { self.rawValue = rawValue }

  package static var ok: Status { Status(rawValue: 0) }
  package static var more: Status { Status(rawValue: 1) }
  package static var done: Status { Status(rawValue: 2) }
  package static var cancelled: Status { Status(rawValue: 3) }
  package static var paused: Status { Status(rawValue: 4) }

  package static var argument: Status { Status(rawValue: -1) }
  package static var handle: Status { Status(rawValue: -2) }
  package static var structSize: Status { Status(rawValue: -3) }
  package static var reserved: Status { Status(rawValue: -4) }
  package static var busy: Status { Status(rawValue: -5) }
  package static var reentry: Status { Status(rawValue: -6) }
  package static var poisoned: Status { Status(rawValue: -7) }
  package static var state: Status { Status(rawValue: -8) }

  package static var budget: Status { Status(rawValue: -10) }
  package static var system: Status { Status(rawValue: -11) }
  package static var limit: Status { Status(rawValue: -12) }
  package static var lock: Status { Status(rawValue: -13) }

  package static var file: Status { Status(rawValue: -20) }
  package static var format: Status { Status(rawValue: -21) }
  package static var truncated: Status { Status(rawValue: -22) }
  package static var unsupported: Status { Status(rawValue: -23) }
  package static var missing: Status { Status(rawValue: -24) }
  package static var shape: Status { Status(rawValue: -25) }
  package static var duplicate: Status { Status(rawValue: -26) }

  package static var contextFull: Status { Status(rawValue: -30) }
  package static var token: Status { Status(rawValue: -31) }
  package static var utf8: Status { Status(rawValue: -32) }
  package static var capacity: Status { Status(rawValue: -33) }

  package static var snapshot: Status { Status(rawValue: -40) }
  package static var version: Status { Status(rawValue: -41) }
  package static var otherModel: Status { Status(rawValue: -42) }
  package static var otherAdapters: Status { Status(rawValue: -43) }
  package static var checksum: Status { Status(rawValue: -44) }

  package static var json: Status { Status(rawValue: -50) }
  package static var key: Status { Status(rawValue: -51) }
  package static var value: Status { Status(rawValue: -52) }
  package static var hash: Status { Status(rawValue: -53) }

  package static var schema: Status { Status(rawValue: -60) }
  package static var keyword: Status { Status(rawValue: -61) }
  package static var unsatisfiable: Status { Status(rawValue: -62) }
  package static var grammarSize: Status { Status(rawValue: -63) }

  package static var picture: Status { Status(rawValue: -70) }
  package static var inputSize: Status { Status(rawValue: -71) }
}
