// Sessions: their model, memory, adapters, prompt, tools, and how they generate.

import CLintel
import CPlatform
import CcJSON
import LintelCore

extension Reader {
  mutating func readSessions(_ item: JsonItem, _ place: Place) {
    if !object(item, place) { return }
    var member = item.child
    while let m = member {
      member = m.next
      let p = place.key(m.key, line: m.line)
      if specification.sessionCount == specification.sessions.count {
        problems.report(p, .limit, "a deployment has at most \(Limits.sessions) sessions")
        return
      }
      name(m, p)
      session(m, p)
    }
    for i in 0..<specification.sessionCount { findDraft(i) }
  }

  /// Sessions may name each other in any order.
  private mutating func findDraft(_ i: Int) {
    let sessions = specification.sessions
    guard let name = sessions[i].draftName else { return }
    for k in 0..<specification.sessionCount where sessions[k].name == name {
      sessions.base[i].draft = k
      return
    }
    problems.report(sessions[i].draftPlace, .value, "there is no session called '\(name)'")
  }

  private mutating func session(_ item: JsonItem, _ place: Place) {
    var session = SessionSpecification()
    session.name = item.key
    session.place = place
    session.sampling.struct_size = UInt32(MemoryLayout<lintel_generate_options>.size)
    session.options.struct_size = UInt32(MemoryLayout<lintel_session_options>.size)
    defer {
      specification.sessions[specification.sessionCount] = session
      specification.sessionCount += 1
    }
    if !object(item, place) { return }
    model(&session, item, place)
    var member = item.child
    while let m = member {
      member = m.next
      let p = place.key(m.key, line: m.line)
      if m.key == "model" {
        continue
      } else if m.key == "context_tokens" {
        if let n = integer(m, p, 1, 1 << 30) { session.options.context_tokens = UInt32(n) }
      } else if m.key == "cache" {
        if let n = choice(m, p, "auto", "f32", "q8") { session.options.cache = UInt32(n) }
      } else if m.key == "priority" {
        if let n = integer(m, p, 0, 7) { session.options.priority = UInt32(n) }
      } else if m.key == "draft_tokens" {
        if let n = integer(m, p, 0, 16) { session.options.draft_tokens = UInt32(n) }
      } else if m.key == "rewind_tokens" {
        if let n = integer(m, p, 0, 64) { session.options.rewind_tokens = UInt32(n) }
      } else if m.key == "marks" {
        if let n = integer(m, p, 0, 64) { session.options.marks = UInt32(n) }
      } else if m.key == "draft_session" {
        session.draftPlace = p
        if expect(m, .string, p) { session.draftName = m.text }
      } else if m.key == "adapters" {
        adapters(&session, m, p)
      } else if m.key == "sampling" {
        sampling(&session, m, p)
      } else if m.key == "system" {
        session.systemPlace = p
        session.system = text(m, p, upTo: TextFile.bytesMax)
      } else if m.key == "system_file" {
        session.systemPlace = p
        session.systemFile = textFile(m, p, isTools: false)
      } else if m.key == "tools" {
        session.toolsPlace = p
        session.tools = textFile(m, p, isTools: true)
      } else if m.key == "tools_in_system" {
        session.isToolsInSystem = flag(m, p) ?? false
      } else if m.key == "must_call_tool" {
        session.mustCallPlace = p
        session.mustCall = flag(m, p) ?? false
      } else if m.key == "blanks" {
        switch choice(m, p, "free", "none", "one") {
        case 1: session.blanks = LINTEL_GRAMMAR_COMPACT
        case 2: session.blanks = LINTEL_GRAMMAR_SPACED
        default: break
        }
      } else {
        unknown(
          p,
          "model, context_tokens, cache, priority, draft_tokens, rewind_tokens, draft_session, marks, adapters, system, system_file, tools, tools_in_system, must_call_tool, blanks and sampling"
        )
      }
    }
    if item.member("system") != nil && item.member("system_file") != nil {
      problems.report(place, .value, "system and system_file say the same thing: keep one")
    }
    if item.member("tools") == nil {
      if session.isToolsInSystem {
        problems.report(place, .missing, "the key tools is missing, but tools_in_system is true")
      }
      if session.mustCall {
        problems.report(place, .missing, "the key tools is missing, but must_call_tool is true")
      }
    }
    if item.member("blanks") != nil && !session.mustCall {
      problems.report(place, .missing, "blanks is there, but must_call_tool is not true")
    }
  }

  private mutating func model(
    _ session: inout SessionSpecification, _ item: JsonItem, _ place: Place
  ) {
    guard let m = item.member("model") else {
      problems.report(place, .missing, "the key model is missing")
      return
    }
    let p = place.key(m.key, line: m.line)
    guard expect(m, .string, p) else { return }
    if let index = specification.model(m.text) {
      session.model = index
    } else {
      problems.report(p, .value, "there is no model called '\(m.text)'")
    }
  }

  /// `{ name: scale }`
  private mutating func adapters(
    _ session: inout SessionSpecification, _ item: JsonItem, _ place: Place
  ) {
    session.adaptersPlace = place
    if !object(item, place) { return }
    var member = item.child
    while let m = member {
      member = m.next
      let p = place.key(m.key, line: m.line)
      guard let scale = number(m, p, -1000, 1000) else { continue }
      if session.model < 0 { continue }
      guard let index = specification.adapter(m.key, ofModel: session.model) else {
        problems.report(
          p, .value,
          "the model '\(specification.models[session.model].name)' has no adapter called '\(m.key)'"
        )
        continue
      }
      if session.adapterCount == Limits.adaptersOfSession {
        problems.report(
          p, .limit, "a session has at most \(Limits.adaptersOfSession) adapters")
        return
      }
      session.adapters[session.adapterCount] = index
      session.scales[session.adapterCount] = scale
      session.adapterCount += 1
    }
  }

  private mutating func textFile(_ item: JsonItem, _ place: Place, isTools: Bool) -> Int {
    guard let path = path(item, place) else { return -1 }
    let texts = specification.texts
    for i in 0..<specification.textCount where texts[i].path == path && texts[i].isTools == isTools
    {
      return i
    }
    let index = specification.textCount
    if index == texts.count { return -1 }
    texts[index] = TextSpecification(path: path, file: nil, isTools: isTools)
    specification.textCount += 1
    return index
  }

  private mutating func sampling(
    _ session: inout SessionSpecification, _ item: JsonItem, _ place: Place
  ) {
    if !object(item, place) { return }
    var member = item.child
    while let m = member {
      member = m.next
      let p = place.key(m.key, line: m.line)
      if m.key == "temperature" {
        session.sampling.temperature = number(m, p, 0, 1000) ?? 0
      } else if m.key == "top_k" {
        session.sampling.top_k = UInt32(integer(m, p, 0, Int(Int32.max)) ?? 0)
      } else if m.key == "top_p" {
        session.sampling.top_p = number(m, p, 0, 1) ?? 0
      } else if m.key == "min_p" {
        session.sampling.min_p = number(m, p, 0, 1) ?? 0
      } else if m.key == "repetition_penalty" {
        session.sampling.repetition_penalty = number(m, p, 0.01, 100) ?? 0
      } else if m.key == "frequency_penalty" {
        session.sampling.frequency_penalty = number(m, p, -100, 100) ?? 0
      } else if m.key == "presence_penalty" {
        session.sampling.presence_penalty = number(m, p, -100, 100) ?? 0
      } else if m.key == "penalty_tokens" {
        session.sampling.penalty_tokens = UInt32(integer(m, p, 1, 1024) ?? 0)
      } else if m.key == "seed" {
        session.sampling.seed = UInt64(integer(m, p, 0, (1 << 53) - 1) ?? 0)
      } else if m.key == "max_tokens" {
        session.sampling.max_tokens = UInt32(integer(m, p, 1, Int(Int32.max)) ?? 0)
      } else if m.key == "stop" {
        stops(&session, m, p)
      } else if m.key == "stop_tokens" {
        stopTokens(&session, m, p)
      } else if m.key == "ignore_end" {
        flag(&session, m, p, LINTEL_GENERATE_IGNORE_END)
      } else if m.key == "think" {
        flag(&session, m, p, LINTEL_GENERATE_THINK)
      } else if m.key == "raw" {
        flag(&session, m, p, LINTEL_GENERATE_RAW)
      } else {
        unknown(
          p,
          "temperature, top_k, top_p, min_p, repetition_penalty, frequency_penalty, presence_penalty, penalty_tokens, seed, max_tokens, stop, stop_tokens, ignore_end, think and raw"
        )
      }
    }
  }

  private mutating func flag(
    _ session: inout SessionSpecification, _ item: JsonItem, _ place: Place, _ bit: UInt32
  ) {
    if flag(item, place) ?? false { session.sampling.flags |= bit }
  }

  /// Whether the item is an array of 1 to `limit` elements.
  private mutating func list(_ item: JsonItem, _ place: Place, upTo limit: Int) -> Bool {
    if !expect(item, .array, place) { return false }
    let n = item.count
    if n < 1 || n > limit {
      problems.report(place, .value, "the list has \(n) elements; 1 to \(limit) are possible")
      return false
    }
    return true
  }

  private mutating func stops(
    _ session: inout SessionSpecification, _ item: JsonItem, _ place: Place
  ) {
    if !list(item, place, upTo: Limits.stops) { return }
    session.stopCount = 0
    var element = item.child
    var i = 0
    while let e = element {
      element = e.next
      if let text = text(e, place.element(i, line: e.line), upTo: Limits.stopBytes) {
        session.stops[session.stopCount] = text
        session.stopCount += 1
      }
      i += 1
    }
  }

  private mutating func stopTokens(
    _ session: inout SessionSpecification, _ item: JsonItem, _ place: Place
  ) {
    if !list(item, place, upTo: Limits.stopTokens) { return }
    session.stopTokenCount = 0
    var element = item.child
    var i = 0
    while let e = element {
      element = e.next
      if let id = integer(e, place.element(i, line: e.line), 0, Int(Int32.max)) {
        session.stopTokens[session.stopTokenCount] = Int32(id)
        session.stopTokenCount += 1
      }
      i += 1
    }
  }
}
