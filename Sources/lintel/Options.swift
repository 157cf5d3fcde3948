// Options that several subcommands share.

import ArgumentParser
import CLintel
import Foundation
import LintelExports

struct ModelOption: ParsableArguments {
  @Option(name: .long, help: "The GGUF file to run.")
  var model: String
}

struct PassOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "Threads that compute (default: the processors, at most 8).")
  var threads: Int?

  @Option(name: .long, help: "Most tokens of the conversation.")
  var context: Int?

  @Option(name: .long, help: "Most prompt tokens in one pass.")
  var chunk: Int?

  @Option(name: .long, help: "The attention cache: auto, f32 or q8.")
  var cache = "auto"

  @Flag(
    name: .long,
    help: "Expand weights to floats instead of rounding activations to 8 bits (exact, slow).")
  var floatActivations = false

  func validate() throws {
    if let threads, threads < 1 || threads > 64 {
      throw ValidationError("--threads must be 1 to 64.")
    }
    if let context, context < 1 || context > 1 << 30 {
      throw ValidationError("--context must be 1 to \(1 << 30).")
    }
    if !["auto", "f32", "q8"].contains(cache) {
      throw ValidationError("--cache must be auto, f32 or q8.")
    }
    if let chunk, chunk < 1 || chunk > 1024 {
      throw ValidationError("--chunk must be 1 to 1024.")
    }
  }

  var settings: EngineSettings {
    EngineSettings(
      threads: threads ?? min(ProcessInfo.processInfo.activeProcessorCount, 8), context: context,
      chunk: chunk, isFloat: floatActivations,
      cache: ["auto": 0, "f32": 1, "q8": 2][cache] ?? 0)
  }
}

/// `--draft N`
struct DraftOptions: ParsableArguments {
  @Option(name: .long, help: "Most guesses a pass; 0 drafts nothing. The text stays the same.")
  var draft = 0

  @Option(
    name: .long,
    help: ArgumentHelp(
      "A smaller model with the same vocabulary, which guesses as well.", valueName: "file"))
  var draftModel: String?

  @Flag(name: .long, help: "Guess whether it pays or not.")
  var ungated = false

  func validate() throws {
    if draft < 0 || draft > 16 { throw ValidationError("--draft must be 0 to 16.") }
    if draftModel != nil && draft == 0 {
      throw ValidationError("--draft-model guesses nothing without --draft.")
    }
  }

  func apply(_ settings: inout EngineSettings) {
    settings.draftTokens = draft
    settings.draftModel = draftModel
  }

  var flags: UInt32 { ungated ? LINTEL_DRAFT_UNGATED : 0 }
}

/// `--adapter FILE[:scale]`
struct AdapterOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "A LoRA adapter to compute with, and how strongly (repeatable).", valueName: "file[:scale]"))
  var adapter: [String] = []

  func choices() throws -> [AdapterChoice] {
    try adapter.map { try AdapterChoice($0) }
  }
}

/// `--schema FILE`, `--tools FILE` or `--grammar FILE`
struct GrammarFileOptions: ParsableArguments {
  @Option(name: .long, help: "A JSON Schema that the answer must satisfy.")
  var schema: String?

  @Option(name: .long, help: "A file of tools (OpenAI's form): the answer is a call of one.")
  var tools: String?

  @Option(name: .long, help: "A GBNF grammar that the answer must follow.")
  var grammar: String?

  @Option(name: .long, help: "Blanks behind colons and commas: free, none or one.")
  var blanks = "free"

  @Option(name: .long, help: "Memory for the grammar in MiB.")
  var grammarMib = 32

  func validate() throws {
    if [schema, tools, grammar].compactMap({ $0 }).count > 1 {
      throw ValidationError("Only one of --schema, --tools and --grammar can hold.")
    }
    if !["free", "none", "one"].contains(blanks) {
      throw ValidationError("--blanks must be free, none or one.")
    }
    if grammarMib < 1 || grammarMib > 1 << 20 {
      throw ValidationError("--grammar-mib must be 1 to \(1 << 20).")
    }
  }

  func choice() throws -> GrammarChoice? {
    let files = [
      (schema, UInt32(LINTEL_GRAMMAR_JSON_SCHEMA)), (tools, UInt32(LINTEL_GRAMMAR_TOOLS)),
      (grammar, UInt32(LINTEL_GRAMMAR_GBNF)),
    ]
    for case (let path?, let kind) in files {
      guard let text = FileManager.default.contents(atPath: path) else {
        throw ToolError(description: "\(path) cannot be read")
      }
      return GrammarChoice(
        text: text, kind: kind,
        flags: ["none": LINTEL_GRAMMAR_COMPACT, "one": LINTEL_GRAMMAR_SPACED][blanks] ?? 0)
    }
    return nil
  }
}

/// What answers must fit.
struct GrammarChoice {
  let text: Data
  let kind: UInt32
  let flags: UInt32
}

/// An adapter file, what it is, and its scale.
struct AdapterChoice {
  let path: String
  let scale: Float
  let info: lintel_adapter_info

  init(_ text: String) throws {
    var path = text
    var scale: Float = 1
    if let colon = text.lastIndex(of: ":"), let number = Float(text[text.index(after: colon)...]) {
      path = String(text[..<colon])
      scale = number
    }
    try self.init(path: path, scale: scale)
  }

  init(path: String, scale: Float = 1) throws {
    self.path = path
    self.scale = scale
    var info = lintel_adapter_info()
    info.struct_size = UInt32(MemoryLayout<lintel_adapter_info>.size)
    try check { lintel_adapter_inspect(path, &info, $0) }
    self.info = info
  }
}

/// The Cabin model that comes with the product: beside the executable's checkout or installed share,
/// or where LINTEL_CABIN says.
enum Cabin {
  static func path() throws -> String {
    let manager = FileManager.default
    if let path = ProcessInfo.processInfo.environment["LINTEL_CABIN"] { return path }
    var candidates: [String] = []
    if let executable = try? manager.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
      var folder = URL(fileURLWithPath: executable).deletingLastPathComponent()
      candidates.append(
        folder.deletingLastPathComponent().appendingPathComponent("share/lintel/cabin.gguf").path)
      for _ in 0..<6 {
        candidates.append(folder.appendingPathComponent("Examples/Cabin/cabin.gguf").path)
        folder.deleteLastPathComponent()
      }
    }
    candidates.append("Examples/Cabin/cabin.gguf")
    for path in candidates where manager.fileExists(atPath: path) { return path }
    throw ToolError(
      description:
        "the bundled Cabin model was not found; name a file with --model or set LINTEL_CABIN")
  }
}
