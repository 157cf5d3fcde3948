// Bytes by category: the plan, and what is in use.

import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelStructure
import LintelText
import LintelWeights

package struct MemoryReport: BitwiseCopyable, Sendable {
  package var engine = 0
  package var model = 0
  package var adapters = 0
  package var grammars = 0
  package var scratch = 0
  package var state = 0
  package var cache = 0
  package var session = 0
  package var budget = 0
  package var weights = 0

  package init() {}

  package var total: Int { engine + model + adapters + grammars + scratch + state + cache + session }

  /// Refuses what `total` could not add up.
  package func check() throws(Failure) {
    var sum = try Checked.add(engine, model, "the plan's total")
    sum = try Checked.add(sum, adapters, "the plan's total")
    sum = try Checked.add(sum, grammars, "the plan's total")
    sum = try Checked.add(sum, scratch, "the plan's total")
    sum = try Checked.add(sum, state, "the plan's total")
    sum = try Checked.add(sum, cache, "the plan's total")
    _ = try Checked.add(sum, session, "the plan's total")
  }

  package mutating func add(_ m: MemoryReport) {
    engine += m.engine
    model += m.model
    adapters += m.adapters
    grammars += m.grammars
    scratch += m.scratch
    state += m.state
    cache += m.cache
    session += m.session
    weights += m.weights
  }
}
