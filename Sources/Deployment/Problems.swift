// What is wrong with a deployment: the first problem for `lintel_deployment_open`, each as it is
// found for `lintel_deployment_check`.

import CLintel
import CPlatform
import LintelCore

struct Problems {
  private let onProblem: lintel_problem_fn?
  private let user: UnsafeMutableRawPointer?
  private(set) var count = 0
  private var first: Failure?

  init(_ onProblem: lintel_problem_fn?, _ user: UnsafeMutableRawPointer?) {
    self.onProblem = onProblem
    self.user = user
  }

  mutating func report(_ place: Place, _ failure: Failure) {
    count += 1
    if first == nil {
      var sentence = Sentence()
      let path = place.path
      if place.line > 0 { sentence = "line \(place.line)" }
      if path.count > 0 { sentence = "\(sentence), \(path)" }
      if sentence.count > 0 { sentence.append(": ") }
      first = Failure(
        failure.status, "\(sentence)\(failure.sentence)", needed: failure.needed,
        available: failure.available)
    }
    guard let onProblem else { return }
    var problem = lintel_problem()
    problem.struct_size = UInt32(MemoryLayout<lintel_problem>.size)
    problem.status = failure.status.rawValue
    problem.line = UInt32(truncatingIfNeeded: place.line)
    problem.needed = failure.needed
    problem.available = failure.available
    let path = place.path
    // A sentence never fills its array: the last byte stays NUL.
    withUnsafeBytes(of: path.bytes) { pathRaw in
      withUnsafeBytes(of: failure.sentence.bytes) { sentenceRaw in
        problem.path = pathRaw.baseAddress?.assumingMemoryBound(to: CChar.self)
        problem.sentence = sentenceRaw.baseAddress?.assumingMemoryBound(to: CChar.self)
        onProblem(user, &problem)
      }
    }
  }

  mutating func report(_ place: Place, _ status: Status, _ sentence: Sentence) {
    report(place, Failure(status, sentence))
  }

  /// Throws the first problem, if there is one, and says how many follow it.
  func check() throws(Failure) {
    guard let first else { return }
    if count == 1 { throw first }
    throw Failure(
      first.status, "\(first.sentence) (and \(count - 1) more: lintel check lists them)",
      needed: first.needed, available: first.available)
  }
}

/// The error of a C call as a failure of ours.
struct CallError {
  var error = lintel_error()

  init() { error.struct_size = UInt32(MemoryLayout<lintel_error>.size) }

  func failure(_ status: lintel_status) -> Failure {
    var sentence = Sentence()
    withUnsafeBytes(of: error.message) { raw in
      for byte in raw {
        if byte == 0 { break }
        sentence.appendByte(byte)
      }
    }
    if sentence.count == 0 {
      if let name = lintel_status_name(status) { sentence.append(untrusted: Bytes(c: name)) }
    }
    return Failure(
      Status(rawValue: status), sentence, needed: error.needed, available: error.available)
  }
}

/// Calls a C function and throws its error.
func call(
  _ body: (UnsafeMutablePointer<lintel_error>) -> lintel_status
) throws(Failure) {
  var e = CallError()
  let status = body(&e.error)
  if status != LINTEL_OK { throw e.failure(status) }
}
