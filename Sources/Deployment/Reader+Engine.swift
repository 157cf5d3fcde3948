// The configuration as a whole, its engine, its models and their adapters.

import CLintel
import CPlatform
import CcJSON
import LintelCore

extension Reader {
  mutating func read(_ root: JsonItem) {
    let whole = Place.whole.at(line: root.line)
    if !object(root, whole) { return }
    // Sessions name models, wherever they stand: models are read first.
    var sessions: JsonItem?
    var hasModels = false
    var member = root.child
    while let m = member {
      member = m.next
      let place = whole.key(m.key, line: m.line)
      if m.key == "engine" {
        engine(m, place)
      } else if m.key == "models" {
        if !hasModels { models(m, place) }
        hasModels = true
      } else if m.key == "sessions" {
        if sessions == nil { sessions = m }
      } else if m.key == "$schema" {
        _ = expect(m, .string, place)
      } else {
        unknown(place, "engine, models, sessions and $schema")
      }
    }
    if !hasModels {
      problems.report(whole, .missing, "the key models is missing: a deployment has at least one")
    }
    if let sessions { readSessions(sessions, whole.key(sessions.key, line: sessions.line)) }
  }

  private mutating func engine(_ item: JsonItem, _ place: Place) {
    if !object(item, place) { return }
    var member = item.child
    while let m = member {
      member = m.next
      let p = place.key(m.key, line: m.line)
      if m.key == "budget" {
        specification.budgetPlace = p
        specification.budget = size(m, p)
      } else if m.key == "threads" {
        if let n = integer(m, p, 1, 64) { specification.engine.threads = UInt32(n) }
      } else if m.key == "load" {
        if let n = choice(m, p, "lazy", "prefault", "locked") { specification.load = UInt32(n) }
      } else if m.key == "first_cpu" {
        if let n = integer(m, p, 0, 1023) { specification.engine.first_cpu = Int32(n) + 1 }
      } else {
        unknown(p, "budget, threads, load and first_cpu")
      }
    }
  }

  private mutating func models(_ item: JsonItem, _ place: Place) {
    if !object(item, place) { return }
    if item.child == nil {
      problems.report(place, .missing, "there is no model: a deployment has at least one")
    }
    var member = item.child
    while let m = member {
      member = m.next
      let p = place.key(m.key, line: m.line)
      if specification.modelCount == specification.models.count {
        problems.report(p, .limit, "a deployment has at most \(Limits.models) models")
        return
      }
      name(m, p)
      model(m, p)
    }
  }

  private mutating func model(_ item: JsonItem, _ place: Place) {
    var model = ModelSpecification()
    model.name = item.key
    model.place = place
    let index = specification.modelCount
    // In the table before its adapters, which refer to it.
    specification.models[index] = model
    specification.modelCount += 1
    model.artifact.isBroken = true
    defer { specification.models[index] = model }
    if !object(item, place) { return }
    var member = item.child
    while let m = member {
      member = m.next
      let p = place.key(m.key, line: m.line)
      if m.key == "path" || m.key == "sha256" {
        artifact(&model.artifact, m, p)
      } else if m.key == "chunk_tokens" {
        model.chunk = integer(m, p, 1, 1024) ?? 0
      } else if m.key == "float_activations" {
        model.isFloat = flag(m, p) ?? false
      } else if m.key == "adapter_slots" {
        model.slots = integer(m, p, 1, Limits.adapters) ?? 0
      } else if m.key == "adapter_slot_bytes" {
        model.slotBytes = size(m, p) ?? 0
      } else if m.key == "adapter_rank" {
        model.rank = integer(m, p, 1, 256) ?? 0
      } else if m.key == "grammar_bytes" {
        model.grammarBytes = size(m, p) ?? 0
      } else if m.key == "adapters" {
        adapters(m, p, index)
      } else {
        unknown(
          p,
          "path, sha256, chunk_tokens, float_activations, grammar_bytes, adapters, adapter_slots, adapter_slot_bytes and adapter_rank"
        )
      }
    }
    if item.member("path") == nil { problems.report(place, .missing, "the key path is missing") }
    model.artifact.isBroken = model.artifact.path.count == 0
    slots(&model, index)
  }

  /// Gives adapters without a slot the lowest free ones, and the model as many as are needed.
  private mutating func slots(_ model: inout ModelSpecification, _ index: Int) {
    var taken: UInt64 = 0
    let table = specification.adapters
    for i in 0..<specification.adapterCount where table[i].model == index && table[i].slot >= 0 {
      let bit = UInt64(1) << UInt64(table[i].slot)
      if taken & bit != 0 {
        problems.report(
          table[i].place, .value,
          "slot \(table[i].slot) holds another adapter already: one slot holds one")
      }
      taken |= bit
    }
    var needed = 0
    for i in 0..<specification.adapterCount where table[i].model == index {
      if table.base[i].slot < 0 {
        let slot = (~taken).trailingZeroBitCount
        table.base[i].slot = slot
        taken |= UInt64(1) << UInt64(min(slot, 63))
      }
      needed = max(needed, table.base[i].slot + 1)
    }
    if model.slots == 0 { model.slots = needed }
    if needed > model.slots {
      problems.report(
        model.place, .value,
        "adapters take slots up to \(needed - 1), but adapter_slots is \(model.slots)")
    }
    if model.slots == 0 && (model.slotBytes > 0 || model.rank > 0) {
      problems.report(
        model.place, .value,
        "adapter_slot_bytes and adapter_rank mean nothing without adapters or adapter_slots")
    }
    if needed == 0 && model.slots > 0 && model.slotBytes == 0 {
      problems.report(
        model.place, .missing,
        "the key adapter_slot_bytes is missing: there is no adapter to take a slot's size from")
    }
  }

  private mutating func adapters(_ item: JsonItem, _ place: Place, _ model: Int) {
    if !object(item, place) { return }
    var member = item.child
    var n = 0
    while let m = member {
      member = m.next
      let p = place.key(m.key, line: m.line)
      n += 1
      if n > Limits.adapters || specification.adapterCount == specification.adapters.count {
        problems.report(p, .limit, "a model has at most \(Limits.adapters) adapters")
        return
      }
      name(m, p)
      adapter(m, p, model)
    }
  }

  private mutating func adapter(_ item: JsonItem, _ place: Place, _ model: Int) {
    var adapter = AdapterSpecification()
    adapter.name = item.key
    adapter.place = place
    adapter.model = model
    adapter.artifact.isBroken = true
    defer {
      specification.adapters[specification.adapterCount] = adapter
      specification.adapterCount += 1
    }
    if !object(item, place) { return }
    var member = item.child
    while let m = member {
      member = m.next
      let p = place.key(m.key, line: m.line)
      if m.key == "path" || m.key == "sha256" {
        artifact(&adapter.artifact, m, p)
      } else if m.key == "slot" {
        adapter.slot = integer(m, p, 0, Limits.adapters - 1) ?? -1
      } else {
        unknown(p, "path, sha256 and slot")
      }
    }
    if item.member("path") == nil { problems.report(place, .missing, "the key path is missing") }
    adapter.artifact.isBroken = adapter.artifact.path.count == 0
  }

  private mutating func artifact(_ artifact: inout Artifact, _ item: JsonItem, _ place: Place) {
    if item.key == "path" {
      artifact.place = place
      artifact.path = path(item, place) ?? Bytes("")
    } else if let digest = hash(item, place) {
      artifact.hash = digest
      artifact.hashPlace = place
    }
  }
}
