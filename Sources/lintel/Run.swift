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

  @OptionGroup var deployed: DeploymentOptions

  // Without a value these are the deployment's, or what the help says.
  @Option(name: .long, help: "Most tokens to generate (default: 512).")
  var maxTokens: Int?

  @Option(name: .long, help: "0 takes the likeliest token every time (default).")
  var temperature: Float?

  @Option(name: .long, help: "Keep the k likeliest tokens; 0 keeps all (default).")
  var topK: UInt32?

  @Option(name: .long, help: "Keep the likeliest tokens up to this mass (default: all).")
  var topP: Float?

  @Option(name: .long, help: "Drop tokens below this fraction of the likeliest one (default: 0).")
  var minP: Float?

  @Option(name: .long, help: "Seed of the random numbers (default: 0).")
  var seed: UInt64?

  @Option(name: .long, help: "Stop before this text (repeatable).")
  var stop: [String] = []

  @Option(name: .long, help: "Continue the conversation that was saved in this file.")
  var load: String?

  @Option(
    name: .long, help: "Save the conversation in this file after every answer, whole or not at all.")
  var save: String?

  @OptionGroup var adapters: AdapterOptions
  @OptionGroup var fit: GrammarFileOptions
  @OptionGroup var drafts: DraftOptions
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
    if let maxTokens, maxTokens < 1 || maxTokens > Int(Int32.max) {
      throw ValidationError("--max-tokens must be positive.")
    }
    if load != nil && system != nil {
      throw ValidationError("--system is at the start of a conversation, and --load brings one.")
    }
    if deployed.deployment != nil {
      if model != nil || system != nil || !adapters.adapter.isEmpty || budgetMib != nil
        || pass.context != nil || pass.chunk != nil || pass.threads != nil
        || pass.cache != "auto" || pass.floatActivations || !stop.isEmpty || drafts.draft != 0
      {
        throw ValidationError(
          "A deployment says itself what model, memory, adapters, system message, stops and drafts it has.")
      }
    }
  }

  func run() throws {
    if let file = deployed.deployment, let name = deployed.session {
      let deployed = try Deployed(path: file, session: name)
      try serve(deployed.session, deployed.sampling) { try deployed.restart() }
      if stats { reportMemory(try deployed.memory()) }
      return
    }
    let path = try model ?? Cabin.path()
    var settings = pass.settings
    settings.budget = budgetMib.map { UInt64($0) << 20 }
    settings.adapters = try adapters.choices()
    drafts.apply(&settings)
    let choice = try fit.choice()
    if choice != nil { settings.grammarBytes = UInt64(fit.grammarMib) << 20 }
    let runtime = try Runtime(path: path, settings)
    let grammar = try choice.map { try runtime.grammar($0) }
    if stats, let grammar { reportGrammar(grammar) }
    let session = try runtime.session()
    if let system {
      try feed(session, LINTEL_ROLE_SYSTEM, system)
    }
    var sampling = lintel_generate_options()
    sampling.struct_size = UInt32(MemoryLayout<lintel_generate_options>.size)
    sampling.max_tokens = 512
    sampling.grammar = grammar
    try serve(session, sampling) { try check { lintel_session_reset(session, $0) } }
    if stats { reportMemory(try runtime.memory()) }
  }

  private func serve(
    _ session: OpaquePointer, _ sampling: lintel_generate_options, reset: () throws -> Void
  ) throws {
    if let load { try check { lintel_session_restore_file(session, load, $0) } }
    if let text = try promptText() {
      try answer(session, text, sampling)
      report("", to: .standardOutput)
    } else {
      try converse(session, sampling, reset)
    }
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

  private func converse(
    _ session: OpaquePointer, _ sampling: lintel_generate_options, _ reset: () throws -> Void
  ) throws {
    report("A conversation. /reset forgets it, an empty line or end of input ends it.")
    while true {
      FileHandle.standardError.write(Data("> ".utf8))
      guard let line = readLine(), !line.isEmpty else { return }
      if line == "/reset" {
        try reset()
        continue
      }
      do {
        try answer(session, line, sampling)
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
    _ session: OpaquePointer, _ text: String, _ sampling: lintel_generate_options
  ) throws {
    let bytes = Array(text.utf8CString)
    if raw {
      try check {
        lintel_session_feed_text(session, bytes, bytes.count - 1, LINTEL_PARSE_SPECIAL, $0)
      }
    } else {
      try feed(session, LINTEL_ROLE_USER, text)
    }
    var options = sampling
    if let maxTokens { options.max_tokens = UInt32(maxTokens) }
    if let temperature { options.temperature = temperature }
    if let topK { options.top_k = topK }
    if let topP { options.top_p = topP }
    if let minP { options.min_p = minP }
    if let seed { options.seed = seed }
    options.flags |= (raw ? LINTEL_GENERATE_RAW : 0) | (think ? LINTEL_GENERATE_THINK : 0)
    options.draft |= drafts.flags
    let copies = stop.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    let pointers = copies.map { UnsafePointer<CChar>($0) }
    var result = lintel_result()
    result.struct_size = UInt32(MemoryLayout<lintel_result>.size)
    try pointers.withUnsafeBufferPointer { stops in
      if !stops.isEmpty {
        options.stops = stops.baseAddress
        options.stop_count = UInt32(stops.count)
      }
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
    if let save {
      try check { lintel_session_save_file(session, save, $0) }
    }
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
    if drafts.draft > 0 {
      report(
        "drafted    \(r.drafted_tokens) tokens, \(r.accepted_tokens) right; \(r.passes) passes for \(r.generated_tokens) tokens"
      )
    }
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

  private func reportMemory(_ m: lintel_memory) {
    report("memory     \(m.total_bytes) bytes of a budget of \(m.budget_bytes)")
  }
}
