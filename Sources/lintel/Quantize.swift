// lintel quantize: a smaller file of the same model.

import ArgumentParser
import Foundation
import LintelCore
import LintelQuantise

struct Quantize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a quantised copy of an F32, F16 or BF16 model.",
    discussion: """
      TYPE is one of \(Recipe.names). Each tensor gets the format that llama-quantize gives it in a \
      file of that type. The output appears under its name only when it is complete.
      """)

  @Argument(help: "The GGUF file to read.") var input: String
  @Argument(help: "The GGUF file to write.") var output: String
  @Argument(help: "What to make: \(Recipe.names).") var type: String
  @Option(name: .shortAndLong, help: "Threads that compute (default: the processors, at most 8).")
  var threads = min(ProcessInfo.processInfo.activeProcessorCount, 8)
  @Flag(name: .long, help: "Replace the output if it exists.") var force = false

  func validate() throws {
    if Recipe(name: type) == nil {
      throw ValidationError("TYPE '\(type)' is unknown; it is one of \(Recipe.names).")
    }
    if threads < 1 || threads > 64 { throw ValidationError("--threads must be 1 to 64.") }
  }

  func run() throws {
    guard let recipe = Recipe(name: type) else { return }
    if Output.isSame(input, output) {
      throw ToolError(description: "\(output) is the input itself; name another output")
    }
    if !force && Output.exists(output) {
      throw ToolError(description: "\(output) exists; --force replaces it")
    }
    let work = try Quantisation(Source(path: input), recipe)
    let meter = Meter(isTerminal: isatty(STDERR_FILENO) == 1)
    for t in work.tensors {
      if let wanted = t.choice.instead {
        report(
          "\(t.source.name): rows of \(t.source.entry.ne0) are not whole blocks of \(wanted.name), so \(t.choice.format.name)"
        )
      }
    }
    Interrupt.watch()
    try work.run(to: output, threads: threads) { now in
      meter.show(now, of: work.tensors.count)
      return !Interrupt.isPending
    }
    meter.finish()
    print(summary(work))
  }

  private func summary(_ work: Quantisation) -> String {
    var counts: [String: Int] = [:]
    var elements = 0
    for t in work.tensors {
      counts["\(t.choice.format.name)", default: 0] += 1
      elements += t.source.entry.elements
    }
    let formats = counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
    let mebibytes = Double(work.fileBytes) / 1_048_576
    let before = Double(work.source.container.bytes.count) / 1_048_576
    let bits = Double(work.fileBytes) * 8 / Double(elements)
    return String(
      format: "%@: %@, %.1f MiB of %.1f MiB, %.2f bits per weight; tensors: ", output,
      work.recipe.rawValue, mebibytes, before, bits) + formats.joined(separator: ", ")
  }
}

/// Progress on standard error: one line that grows on a terminal, a line for every tenth elsewhere.
private final class Meter {
  private let isTerminal: Bool
  private var shown = -1

  init(isTerminal: Bool) { self.isTerminal = isTerminal }

  func show(_ now: Quantisation.Progress, of count: Int) {
    let percent = now.doneBytes * 100 / max(now.totalBytes, 1)
    if isTerminal {
      if percent == shown { return }
      let filled = percent * 30 / 100
      let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: 30 - filled)
      let name = now.tensor.source.name.suffix(32)
      FileHandle.standardError.write(
        Data(
          "\r[\(bar)] \(percent) % \(name) \(now.tensor.choice.format.name)\u{1B}[K".utf8))
      shown = percent
    } else if percent / 10 > shown {
      report("\(percent) %, \(now.index + 1) of \(count) tensors")
      shown = percent / 10
    }
  }

  func finish() {
    if isTerminal { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
  }
}

/// The user's wish to stop: a partial file is removed before the process ends.
private enum Interrupt {
  nonisolated(unsafe) private static var pending: sig_atomic_t = 0

  static var isPending: Bool { pending != 0 }

  static func watch() {
    for s in [SIGINT, SIGTERM, SIGHUP] { signal(s) { _ in Interrupt.pending = 1 } }
  }
}
