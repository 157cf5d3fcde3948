// lintel run: one answer, or a conversation.

import ArgumentParser
import CLintel
import Foundation
import LintelExports

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answer a prompt, streaming to standard output; a conversation without one.")

  @Option(name: .long, help: "The GGUF file to run (default: the bundled Cabin model).")
  var model: String?

  @Option(name: .long, help: "What to answer; - reads standard input.")
  var prompt: String?

  @Flag(name: .long, help: "Continue the prompt as text, without the chat format.")
  var raw = false

  @Option(name: .long, help: "What the system message says.")
  var system: String?

  @Option(name: .long, help: "Most tokens to generate.")
  var maxTokens = 512

  @Option(name: .long, help: "0 takes the likeliest token every time.")
  var temperature: Float = 0

  @Option(name: .long, help: "Keep the k likeliest tokens; 0 keeps all.")
  var topK: UInt32 = 0

  @Option(name: .long, help: "Keep the likeliest tokens up to this mass.")
  var topP: Float = 1

  @Option(name: .long, help: "Drop tokens below this fraction of the likeliest one.")
  var minP: Float = 0

  @Option(name: .long, help: "Seed of the random numbers.")
  var seed: UInt64 = 0

  @Option(name: .long, help: "Stop before this text (repeatable).")
  var stop: [String] = []

  @OptionGroup var adapters: AdapterOptions
  @OptionGroup var fit: GrammarFileOptions
  @OptionGroup var pass: PassOptions

  @Option(name: .long, help: "Memory budget in MiB (default: exactly what is needed).")
  var budgetMib: Int?

  @Flag(name: .long, help: "Let the model think first, if its family can.")
  var think = false

  @Flag(name: .long, help: "Figures on standard error when done.")
  var stats = false

  func validate() throws {
    if let budgetMib, budgetMib < 1 || budgetMib > 1 << 30 {
      throw ValidationError("--budget-mib must be 1 to \(1 << 30).")
    }
    if maxTokens < 1 || maxTokens > Int(Int32.max) {
      throw ValidationError("--max-tokens must be positive.")
    }
  }

  func run() throws {
    let path = try model ?? Cabin.path()
    var settings = pass.settings
    settings.budget = budgetMib.map { UInt64($0) << 20 }
    settings.adapters = try adapters.choices()
    let choice = try fit.choice()
    if choice != nil { settings.grammarBytes = UInt64(fit.grammarMib) << 20 }
    let runtime = try Runtime(path: path, settings)
    let grammar = try choice.map { try runtime.grammar($0) }
    if stats, let grammar { reportGrammar(grammar) }
    let session = try runtime.session()
    if let system {
      try feed(session, LINTEL_ROLE_SYSTEM, system)
    }
    if let text = try promptText() {
      try answer(session, text, grammar)
      report("", to: .standardOutput)
    } else {
      try converse(session, grammar)
    }
    if stats { try reportMemory(runtime) }
  }

  /// The prompt, or nil for a conversation.
  private func promptText() throws -> String? {
    if let prompt, prompt != "-" { return prompt }
    if prompt == nil && isatty(STDIN_FILENO) != 0 { return nil }
    let data = FileHandle.standardInput.readDataToEndOfFile()
    guard var text = String(data: data, encoding: .utf8) else {
      throw ToolError(description: "standard input is not UTF-8")
    }
    if !raw {
      while text.hasSuffix("\n") { text.removeLast() }
    }
    return text
  }

  private func converse(_ session: OpaquePointer, _ grammar: OpaquePointer?) throws {
    report("A conversation. /reset forgets it, an empty line or end of input ends it.")
    while true {
      FileHandle.standardError.write(Data("> ".utf8))
      guard let line = readLine(), !line.isEmpty else { return }
      if line == "/reset" {
        try check { lintel_session_reset(session, $0) }
        continue
      }
      do {
        try answer(session, line, grammar)
        report("", to: .standardOutput)
      } catch {
        report("lintel: \(error)")
      }
    }
  }

  private func feed(_ session: OpaquePointer, _ role: Int32, _ text: String) throws {
    let bytes = Array(text.utf8CString)
    try check {
      lintel_session_feed_message(session, role, bytes, bytes.count - 1, $0)
    }
  }

  private func answer(
    _ session: OpaquePointer, _ text: String, _ grammar: OpaquePointer?
  ) throws {
    let bytes = Array(text.utf8CString)
    if raw {
      try check {
        lintel_session_feed_text(session, bytes, bytes.count - 1, LINTEL_PARSE_SPECIAL, $0)
      }
    } else {
      try feed(session, LINTEL_ROLE_USER, text)
    }
    var options = lintel_generate_options()
    options.struct_size = UInt32(MemoryLayout<lintel_generate_options>.size)
    options.max_tokens = UInt32(maxTokens)
    options.temperature = temperature
    options.top_k = topK
    options.top_p = topP
    options.min_p = minP
    options.seed = seed
    options.grammar = grammar
    options.flags = (raw ? LINTEL_GENERATE_RAW : 0) | (think ? LINTEL_GENERATE_THINK : 0)
    let copies = stop.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    let pointers = copies.map { UnsafePointer<CChar>($0) }
    var result = lintel_result()
    result.struct_size = UInt32(MemoryLayout<lintel_result>.size)
    try pointers.withUnsafeBufferPointer { stops in
      options.stops = stops.baseAddress
      options.stop_count = UInt32(stops.count)
      try check {
        lintel_session_generate(
          session, &options,
          { _, event in
            guard let event else { return LINTEL_STOP }
            if event.pointee.text_bytes > 0 {
              _ = write(STDOUT_FILENO, event.pointee.text, event.pointee.text_bytes)
            }
            return LINTEL_CONTINUE
          }, nil, &result, $0)
      }
    }
    if stats { reportFigures(result) }
  }

  private func reportFigures(_ r: lintel_result) {
    func rate(_ n: UInt64, _ ns: UInt64) -> String {
      ns == 0 ? "-" : String(format: "%.1f tokens/s", Double(n) * 1e9 / Double(ns))
    }
    let reasons = ["none", "end", "length", "stop", "context", "callback", "cancel", "error"]
    report("")
    report("prompt     \(r.prompt_tokens) tokens, \(rate(r.prompt_tokens, r.prompt_ns))")
    report("generated  \(r.generated_tokens) tokens, \(rate(r.generated_tokens, r.generate_ns))")
    report(String(format: "first      %.2f ms", Double(r.first_token_ns) / 1e6))
    report(String(format: "longest    %.2f ms in one unit of work", Double(r.longest_step_ns) / 1e6))
    report("finish     \(Int(r.finish) < reasons.count ? reasons[Int(r.finish)] : "?")")
  }

  private func reportGrammar(_ grammar: OpaquePointer) {
    var info = lintel_grammar_info()
    info.struct_size = UInt32(MemoryLayout<lintel_grammar_info>.size)
    _ = lintel_grammar_get_info(grammar, &info)
    report(
      "grammar    \(info.state_count) states, \(info.edge_count) edges, \(info.mask_count) masks, "
        + "\(info.bytes) bytes, "
        + String(format: "%.2f ms", Double(info.compile_ns) / 1e6))
  }

  private func reportMemory(_ runtime: Runtime) throws {
    let m = try runtime.memory()
    report("memory     \(m.total_bytes) bytes of a budget of \(m.budget_bytes)")
  }
}
