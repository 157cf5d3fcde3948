// Places in a conversation to come back to, by name. A mark copies what has a fixed size (recurrent
// state, convolution history, logits) and what nobody has read yet; tokens and attention cache stay
// where they are and are cut by position.

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelText
import LintelWeights

package struct Mark: BitwiseCopyable {
  package static var nameBytesMax: Int { 63 }

  var isSet = false
  var name = InlineArray<63, UInt8>(repeating: 0)
  var nameCount = 0
  var moment = Moment()

  func isNamed(_ text: Bytes) -> Bool {
    if !isSet || text.count != nameCount { return false }
    for i in 0..<nameCount where name[i] != text[i] { return false }
    return true
  }
}

package struct Marks {
  package static var countMax: Int { 64 }

  let places: Buffer<Mark>
  /// Per mark: recurrent | history | logits | tokens nobody has read.
  private let floats: Buffer<Float>
  private let tokens: Buffer<Int32>
  private let floatsEach: Int
  private let tokensEach: Int

  init(
    _ arena: inout Arena, _ d: Dimensions, context: Int, count: Int
  ) throws(Failure) {
    places = try arena.carve(Mark.self, count, "marks")
    let what: StaticString = "the state at marks"
    floatsEach = try Checked.add(
      Checked.add(d.recurrentFloats, d.historyFloats, what), d.vocabulary, what)
    tokensEach = context
    floats = try arena.carve(Float.self, Checked.multiply(count, floatsEach, what), what)
    tokens = try arena.carve(Int32.self, Checked.multiply(count, tokensEach, what), what)
  }

  func clear() {
    for i in 0..<places.count { (places + i).initialize(to: Mark()) }
  }

  /// Forgets the marks of text after the first `position` tokens read. Whatever shortens a conversation
  /// calls it.
  func forget(beyond position: Int) {
    for i in 0..<places.count where places[i].moment.position > position { places[i].isSet = false }
  }

  func find(_ name: Bytes) -> Int? {
    for i in 0..<places.count where places[i].isNamed(name) { return i }
    return nil
  }

  /// The place of that name, else a free one.
  func place(for name: Bytes) -> Int? {
    if let i = find(name) { return i }
    for i in 0..<places.count where !places[i].isSet { return i }
    return nil
  }

  func floats(of i: Int) -> UnsafeMutablePointer<Float> { floats + i * floatsEach }
  func tokens(of i: Int) -> UnsafeMutablePointer<Int32> { tokens + i * tokensEach }
}

extension Session {
  /// Notes this place under `name`, in place of an older mark of that name.
  package mutating func mark(
    _ name: Bytes, _ engine: UnsafeMutablePointer<Engine>
  ) throws(Failure) {
    if name.count == 0 || name.count > Mark.nameBytesMax {
      throw Failure(
        .argument, "a mark's name has 1 to \(Mark.nameBytesMax) bytes",
        needed: Int64(name.count), available: Int64(Mark.nameBytesMax))
    }
    let m = try moment("mark a place", engine)
    guard let i = marks.place(for: name) else {
      throw Failure(
        .limit,
        "all \(marks.places.count) places for marks are taken: raise lintel_session_options.marks, or use a name again",
        needed: Int64(marks.places.count + 1), available: Int64(marks.places.count))
    }
    var mark = Mark()
    mark.isSet = true
    mark.nameCount = name.count
    for k in 0..<name.count { mark.name[k] = name[k] }
    mark.moment = m
    marks.places[i] = mark
    var to = marks.floats(of: i)
    to.update(from: state.recurrent.base, count: state.recurrent.count)
    to += state.recurrent.count
    to.update(from: state.history.base, count: state.history.count)
    to += state.history.count
    if m.hasLogits { to.update(from: logits.base, count: logits.count) }
    marks.tokens(of: i).update(from: tokens + m.position, count: m.tokenCount - m.position)
  }

  /// Back to the mark `name`, which stays; marks of later text are forgotten.
  package mutating func rewind(
    _ name: Bytes, _ engine: UnsafeMutablePointer<Engine>
  ) throws(Failure) {
    try checkIdle("rewind to a mark")
    guard let i = marks.find(name) else {
      throw Failure(.missing, "there is no mark called \(name), or what it marked is gone")
    }
    let m = marks.places[i].moment
    try adopt(m.adapters, engine, replacing: true)
    var from = marks.floats(of: i)
    state.recurrent.base.update(from: from, count: state.recurrent.count)
    from += state.recurrent.count
    state.history.base.update(from: from, count: state.history.count)
    from += state.history.count
    if m.hasLogits { logitRows.base.update(from: from, count: logits.count) }
    (tokens + m.position).update(from: marks.tokens(of: i), count: m.tokenCount - m.position)
    marks.forget(beyond: m.position)
    become(m)
  }
}
