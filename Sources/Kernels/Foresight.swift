// What follows a phase of products, so that a thread asks for it while it ends the phase.
//
// The memory idles where one phase ends and the next begins: the last requests of a phase are made a
// panel or two before its end, and small phases lie between. Passes of few rows go through the same
// phases with the same weights every time, so each phase remembers what every thread began with in the
// phase after it. A wrong memory, where another pass came between, costs some needless requests and no
// result.

import CPlatform
import LintelCore

package struct Foresight: BitwiseCopyable {
  /// Phases of products in a layer, at most; further ones share the last memory.
  package static var phasesPerLayer: Int { 8 }
  /// With more rows than this the weights are used so often that their first arrival hardly counts.
  package static var rowsMax: Int { 8 }

  let threads: Int
  /// `[phases, threads]`
  let beginnings: Buffer<lt_range>
  /// The phase that comes now, and the one before it or -1.
  let place: Buffer<Int>

  package init(arena: inout Arena, layers: Int, threads: Int) throws(Failure) {
    self.threads = threads
    let phases = try Checked.multiply(
      layers + 1, Foresight.phasesPerLayer * threads, "foreseen weights")
    beginnings = try arena.carve(lt_range.self, phases, "foreseen weights")
    place = try arena.carve(Int.self, 2, "foreseen weights")
  }

  /// Forgets everything. Comes before the first pass.
  package func clear() {
    for i in 0..<beginnings.count { beginnings[i] = lt_range() }
    place[0] = 0
    place[1] = -1
  }

  /// The next phases are those of `layer`, or with the number of layers those behind the last one.
  package func enter(layer: Int) {
    place[0] = layer * Foresight.phasesPerLayer
  }

  /// The phase that comes now. With `isRouted` its weights differ from pass to pass.
  package func step(isRouted: Bool) -> Phase {
    let now = place[0]
    let before = place[1]
    place[1] = now
    if (now + 1) % Foresight.phasesPerLayer != 0 { place[0] = now + 1 }
    return Phase(
      before: before < 0 ? nil : beginnings + before * threads, own: beginnings + now * threads,
      isRouted: isRouted)
  }

  /// Of one phase: what each thread began with in the phase after it, and the same of the phase before.
  package struct Phase: BitwiseCopyable {
    let before: UnsafeMutablePointer<lt_range>?
    let own: UnsafeMutablePointer<lt_range>?
    let isRouted: Bool

    package static var none: Phase { Phase(before: nil, own: nil, isRouted: false) }

    /// This phase begins with `range` on the thread `part`.
    func learn(_ part: Int, _ range: @autoclosure () -> lt_range) {
      if let before { before[part] = isRouted ? lt_range() : range() }
    }

    /// The phase after this one will begin with `range`.
    func tell(_ part: Int, _ range: lt_range) {
      if let own { own[part] = range }
    }

    package func next(_ part: Int) -> lt_range? {
      guard let own, own[part].start != nil else { return nil }
      return own[part]
    }
  }
}
