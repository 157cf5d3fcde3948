import Foundation
import LintelCore
import LintelStructure
import LintelText

/// An automaton in memory of its own.
final class Compiled {
  let memory: UnsafeMutableRawPointer
  let bytes: Int
  let automaton: Automaton
  let used: Int

  init(
    _ text: [UInt8], kind: GrammarKind = .jsonSchema, spacing: Spacing = .free, bytes: Int = 16 << 20,
    states: Int? = nil, depth: Int? = nil
  ) throws {
    self.bytes = bytes
    memory = .allocate(byteCount: bytes + 64, alignment: 64)
    memset(memory + bytes, 0xA5, 64)
    var arena = Arena(memory: memory, bytes: bytes)
    do {
      automaton = try text.withBytes { b in
        var options = GrammarOptions(kind: kind, text: b)
        options.spacing = spacing
        if let states { options.states = states }
        if let depth { options.depth = depth }
        return try Automaton.compile(&arena, options)
      }
    } catch {
      memory.deallocate()
      throw error
    }
    used = arena.used
  }

  convenience init(
    _ text: String, kind: GrammarKind = .jsonSchema, spacing: Spacing = .free, states: Int? = nil,
    depth: Int? = nil
  ) throws {
    try self.init(
      Array(text.utf8), kind: kind, spacing: spacing, states: states, depth: depth)
  }

  deinit { memory.deallocate() }

  func accepts(_ text: String) -> Bool { accepts(Array(text.utf8)) }
  func accepts(_ text: [UInt8]) -> Bool { text.withBytes { automaton.accepts($0) } }
  func run(_ text: String) -> Int32 {
    Array(text.utf8).withBytes { automaton.run(Automaton.start, $0) }
  }
}

/// The status and sentence of a refusal; nil if there was none.
func refusal(
  _ text: String, kind: GrammarKind = .jsonSchema, states: Int? = nil
) -> (Status, String)? {
  do {
    _ = try Compiled(text, kind: kind, states: states)
    return nil
  } catch let f as Failure {
    return (f.status, sentenceText(f))
  } catch {
    return (.state, "another error")
  }
}
