// lintel_grammar_*: see lintel.h.

import CLintel
import CPlatform
import LintelCore
import LintelKernels
import LintelModel
import LintelSampling
import LintelSession
import LintelStructure
import LintelText
import LintelWeights

enum GrammarArguments {
  static func object(
    _ handle: OpaquePointer
  ) throws(Failure) -> UnsafeMutablePointer<LoadedGrammar> {
    Layout.object(try Handle.header(handle, .grammar, "grammar"), LoadedGrammar.self)
  }

  static func options(
    _ options: UnsafePointer<lintel_grammar_options>?
  ) throws(Failure) -> GrammarOptions {
    guard let o = options?.pointee else { throw Failure(.argument, "options are required") }
    try Check.size(
      o.struct_size, MemoryLayout<lintel_grammar_options>.size, "lintel_grammar_options")
    try Check.zero(o.reserved0 == 0, "lintel_grammar_options.reserved0")
    try Check.zero(o.reserved, "lintel_grammar_options.reserved")
    try Check.zero(
      o.flags & ~(LINTEL_GRAMMAR_COMPACT | LINTEL_GRAMMAR_SPACED) == 0,
      "unknown bits of lintel_grammar_options.flags")
    guard let kind = GrammarKind(rawValue: o.kind) else {
      throw Failure(.argument, "kind is \(o.kind); LINTEL_GRAMMAR_... has 1 to 3")
    }
    guard let spacing = Spacing(rawValue: o.flags) else {
      throw Failure(.argument, "LINTEL_GRAMMAR_COMPACT and _SPACED contradict each other")
    }
    if o.text_bytes > UInt64(Int.max / 2) {
      throw Failure(.argument, "text_bytes is beyond half the address space")
    }
    var g = GrammarOptions(
      kind: kind, text: try Check.bytes(o.text, Int(o.text_bytes), "text"))
    g.spacing = spacing
    if Int(o.states_max) > GrammarOptions.statesMax {
      throw Failure(
        .argument, "states_max is \(o.states_max); at most \(GrammarOptions.statesMax) are possible",
        needed: Int64(o.states_max), available: Int64(GrammarOptions.statesMax))
    }
    if Int(o.depth) > GrammarOptions.depthMax {
      throw Failure(
        .argument, "depth is \(o.depth); at most \(GrammarOptions.depthMax) is possible",
        needed: Int64(o.depth), available: Int64(GrammarOptions.depthMax))
    }
    if o.states_max > 0 { g.states = Int(o.states_max) }
    if o.depth > 0 { g.depth = Int(o.depth) }
    return g
  }

  /// Runs `body` as the only thread that opens and closes on the object's engine.
  static func alone(
    _ header: UnsafeMutablePointer<Header>, _ body: () throws(Failure) -> Void
  ) throws(Failure) {
    let engine = UnsafeMutableRawPointer(header.pointee.engine)
      .assumingMemoryBound(to: Header.self)
    try Handle.enter(engine, "engine")
    defer { Handle.leave(engine) }
    try body()
  }
}

@implementation @_cdecl("lintel_grammar_compile")
public func lintel_grammar_compile(
  _ model: OpaquePointer?, _ options: UnsafePointer<lintel_grammar_options>?,
  _ out_grammar: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  out_grammar?.pointee = nil
  return Report.status(error) { () throws(Failure) in
    let header = try Handle.header(model, .model, "model")
    guard let out_grammar else { throw Failure(.argument, "out_grammar is NULL") }
    let o = try GrammarArguments.options(options)
    try GrammarArguments.alone(header) { () throws(Failure) in
      let grammar = try LoadedModel.compile(
        UnsafePointer(Layout.object(header, LoadedModel.self)), o, header.pointee.engine)
      out_grammar.pointee = Handle.make(grammar)
    }
    return .ok
  }
}

@implementation @_cdecl("lintel_grammar_destroy")
public func lintel_grammar_destroy(_ grammar: OpaquePointer?) -> lintel_status {
  if grammar == nil { return LINTEL_OK }
  return Report.status(nil) { () throws(Failure) in
    let header = try Handle.header(grammar, .grammar, "grammar")
    try GrammarArguments.alone(header) { () throws(Failure) in
      try LoadedModel.removeGrammar(header)
    }
    return .ok
  }
}

@implementation @_cdecl("lintel_grammar_get_info")
public func lintel_grammar_get_info(
  _ grammar: OpaquePointer?, _ out_info: UnsafeMutablePointer<lintel_grammar_info>?
) -> lintel_status {
  Report.status(nil) { () throws(Failure) in
    let header = try Handle.header(grammar, .grammar, "grammar")
    guard let out_info else { throw Failure(.argument, "out_info is NULL") }
    try Check.size(
      out_info.pointee.struct_size, MemoryLayout<lintel_grammar_info>.size, "lintel_grammar_info")
    let loaded = Layout.object(header, LoadedGrammar.self).pointee
    let g = loaded.grammar
    out_info.pointee.state_count = UInt32(truncatingIfNeeded: g.automaton.states.count)
    out_info.pointee.edge_count = UInt32(truncatingIfNeeded: g.automaton.edges.count)
    out_info.pointee.mask_count = UInt32(truncatingIfNeeded: g.rows.count / max(g.trie.words, 1))
    out_info.pointee.bytes = UInt64(loaded.bytes)
    out_info.pointee.compile_ns = UInt64(loaded.compileNs)
    return .ok
  }
}
