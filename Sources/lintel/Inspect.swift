// lintel info, plan, tokenize: what a file is, what it would need, how it reads text.

import ArgumentParser
import CLintel
import Foundation
import LintelExports

struct Info: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what a GGUF file is, and whether and how it runs here.")

  @OptionGroup var file: ModelOption
  @Flag(name: .long, help: "One JSON object.") var json = false

  func run() throws {
    if try describeAdapter() { return }
    let runtime: Runtime
    do {
      runtime = try Runtime(path: file.model, EngineSettings(sessions: 0))
    } catch {
      if "\(error)".contains("lintel_image_open") { return try describeImage() }
      if json { print(try lintel.json(["runs": false, "reason": "\(error)"])) }
      throw error
    }
    let i = try runtime.info()
    let name = withUnsafeBytes(of: i.name) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    let architecture = i.architecture.map { String(cString: $0) } ?? ""
    if json {
      print(
        try lintel.json([
          "runs": true, "architecture": architecture, "name": name,
          "vocabulary": i.vocabulary_count, "context": i.context_tokens, "layers": i.layer_count,
          "embedding": i.embedding_width, "delta_layers": i.delta_layers,
          "attention_layers": i.attention_layers, "experts": i.expert_count,
          "parameters": i.parameter_count, "file_bytes": i.file_bytes,
          "state_bytes": i.state_bytes, "cache_bytes_per_token": i.cache_bytes_per_token,
          "chat": i.chat != 0,
        ]))
      return
    }
    func line(_ label: String, _ value: Any) {
      print(label.padding(toLength: 22, withPad: " ", startingAt: 0) + "\(value)")
    }
    line("architecture", architecture)
    line("name", name)
    line("parameters", i.parameter_count)
    line("file bytes", i.file_bytes)
    line("vocabulary", i.vocabulary_count)
    line("trained context", i.context_tokens)
    line("embedding width", i.embedding_width)
    line("layers", "\(i.layer_count) (\(i.delta_layers) with a constant state, \(i.attention_layers) attention)")
    line("experts", i.expert_count)
    line("state of a session", "\(i.state_bytes) bytes, whatever the text's length")
    line("cache of a session", "\(i.cache_bytes_per_token) bytes per token")
    line("chat format", i.chat != 0 ? "yes" : "none known")
    line("runs here", "yes")
  }
}

extension Info {
  /// Whether the file says that it is an adapter; then what it is has been printed.
  private func describeAdapter() throws -> Bool {
    let choice: AdapterChoice
    do {
      choice = try AdapterChoice(path: file.model)
    } catch {
      if "\(error)".contains("this file is not an adapter") { return false }
      if json { print(try lintel.json(["runs": false, "reason": "\(error)"])) }
      throw error
    }
    let i = choice.info
    func text<T>(_ field: T) -> String {
      withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    if json {
      print(
        try lintel.json([
          "adapter": true, "architecture": text(i.architecture), "name": text(i.name),
          "rank": i.rank, "alpha": i.alpha, "maps": i.map_count, "slot_bytes": i.slot_bytes,
          "float_slot_bytes": i.float_slot_bytes,
          "content_hash": String(format: "%016lx", i.content_hash),
        ]))
      return true
    }
    func line(_ label: String, _ value: Any) {
      print(label.padding(toLength: 22, withPad: " ", startingAt: 0) + "\(value)")
    }
    line("LoRA adapter for", text(i.architecture))
    line("name", text(i.name))
    line("rank", i.rank)
    line("alpha", i.alpha)
    line("linear maps", i.map_count)
    line("in a slot", "\(i.slot_bytes) bytes, \(i.float_slot_bytes) with float activations")
    line("content hash", String(format: "%016lx", i.content_hash))
    return true
  }
}

struct Plan: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say how many bytes a configuration will need, by category, before it takes any.")

  @OptionGroup var file: ModelOption
  @OptionGroup var adapters: AdapterOptions
  @OptionGroup var pass: PassOptions
  @Option(name: .long, help: "How many sessions.") var sessions = 1
  @Flag(name: .long, help: "One JSON object.") var json = false

  func validate() throws {
    if sessions < 0 || sessions > 1 << 20 { throw ValidationError("--sessions is out of range.") }
  }

  func run() throws {
    var settings = pass.settings
    settings.sessions = sessions
    settings.adapters = try adapters.choices()
    let m = try Runtime.plan(path: file.model, settings)
    if json {
      print(try lintel.json(Plan.object(m)))
    } else {
      Plan.show(m)
    }
  }

  static func object(_ m: lintel_memory) -> [String: Any] {
    var object: [String: Any] = [
      "engine": m.engine_bytes, "model": m.model_bytes, "adapters": m.adapter_bytes,
      "scratch": m.scratch_bytes, "state": m.state_bytes, "cache": m.cache_bytes,
      "session": m.session_bytes, "total": m.total_bytes, "weights": m.weights_bytes,
    ]
    if m.grammar_bytes > 0 { object["grammar"] = m.grammar_bytes }
    if m.deployment_bytes > 0 {
      object["deployment"] = m.deployment_bytes
      object["transient"] = m.transient_bytes
    }
    return object
  }

  static func show(_ m: lintel_memory) {
    func line(_ label: String, _ bytes: UInt64, _ what: String) {
      let number = String(repeating: " ", count: max(0, 14 - "\(bytes)".count)) + "\(bytes)"
      print(label.padding(toLength: 10, withPad: " ", startingAt: 0) + number + "  " + what)
    }
    line("engine", m.engine_bytes, "bookkeeping, worker threads and their stacks")
    line("model", m.model_bytes, "tensor directory, layers, vocabulary index")
    if m.adapter_bytes > 0 { line("adapters", m.adapter_bytes, "slots and scratch of adapters") }
    line("scratch", m.scratch_bytes, "activations of the largest chunk")
    line("state", m.state_bytes, "recurrent states and convolution histories")
    line("cache", m.cache_bytes, "attention caches")
    line("session", m.session_bytes, "tokens, logits, sampler, text")
    if m.grammar_bytes > 0 { line("grammars", m.grammar_bytes, "what answers must fit") }
    if m.deployment_bytes > 0 { line("deployment", m.deployment_bytes, "names, prompts, tools") }
    line("total", m.total_bytes, "the smallest budget that works")
    line("weights", m.weights_bytes, "mapped read-only, not part of the total")
    if m.transient_bytes > 0 {
      line("transient", m.transient_bytes, "while files are read, given back before the engine")
    }
  }
}

struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "JSON lines {\"text\": ...} in, {\"ids\": [...], \"pieces\": [...]} out.")

  @OptionGroup var file: ModelOption
  @Flag(name: .long, help: "Control tokens in the text count as such.") var parseSpecial = false

  func run() throws {
    let runtime = try Runtime(
      path: file.model, EngineSettings(isVocabularyOnly: true, sessions: 0))
    var number = 0
    while let line = readLine() {
      number += 1
      if line.isEmpty { continue }
      guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)),
        let text = (object as? [String: Any])?["text"] as? String
      else { throw ToolError(description: "line \(number) is not an object with a string \"text\"") }
      let ids = try runtime.tokenize(text, parseSpecial: parseSpecial)
      let pieces = try ids.map { String(decoding: try runtime.piece($0), as: UTF8.self) }
      print(try json(["ids": ids.map { Int($0) }, "pieces": pieces]))
    }
  }
}
