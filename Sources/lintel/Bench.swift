// lintel bench: rates, latencies and memory of one model on this machine.

import ArgumentParser
import CLintel
import Foundation
import LintelExports

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure prompt and generation rates, time to ready and memory.")

  @OptionGroup var file: ModelOption
  @Option(name: [.customShort("p"), .long], help: "Prompt tokens.") var prompt = 512
  @Option(name: [.customShort("n"), .long], help: "Generated tokens.") var generate = 128
  @Option(name: [.customShort("r"), .long], help: "Runs; medians are reported.") var runs = 5
  @Flag(name: .long, help: "Also save and restore the conversation, and continue it.")
  var snapshot = false
  @Flag(name: .long, help: "One JSON object.") var json = false
  @OptionGroup var adapters: AdapterOptions
  @OptionGroup var drafts: DraftOptions
  @OptionGroup var pass: PassOptions

  func validate() throws {
    if prompt < 1 || generate < 1 || runs < 1 || prompt + generate > 1 << 28 {
      throw ValidationError("-p, -n and -r must be positive.")
    }
  }

  func run() throws {
    var settings = pass.settings
    settings.context = pass.context ?? prompt + generate + 1
    settings.adapters = try adapters.choices()
    drafts.apply(&settings)
    // A host knows its budget beforehand: planning is not part of becoming ready.
    settings.budget = try Runtime.needed(path: file.model, settings)
    var ready: [Double] = []
    var first: [Double] = []
    var prompts: [Double] = []
    var rates: [Double] = []
    var longest: [Double] = []
    var switches: [Double] = []
    var memory = lintel_memory()
    var snapshots = SnapshotTimes()
    var large: Int?
    for _ in 0..<runs {
      let start = DispatchTime.now().uptimeNanoseconds
      let runtime = try Runtime(path: file.model, settings)
      let session = try runtime.session()
      ready.append(Double(DispatchTime.now().uptimeNanoseconds - start) / 1e6)
      let vocabulary = try Int(runtime.info().vocabulary_count)
      // Ordinary tokens, the same on every run; what they say does not change the work.
      let ids = (0..<prompt).map { Int32(($0 * 7919 + 13) % min(vocabulary, 50_000)) }
      try check { lintel_session_feed_tokens(session, ids, ids.count, $0) }
      var options = lintel_generate_options()
      options.struct_size = UInt32(MemoryLayout<lintel_generate_options>.size)
      options.max_tokens = UInt32(generate)
      options.flags = LINTEL_GENERATE_RAW | LINTEL_GENERATE_IGNORE_END
      options.draft = drafts.flags
      var result = lintel_result()
      result.struct_size = UInt32(MemoryLayout<lintel_result>.size)
      try check { lintel_session_generate(session, &options, nil, nil, &result, $0) }
      prompts.append(Double(result.prompt_tokens) * 1e9 / Double(max(result.prompt_ns, 1)))
      // The first token comes from the prompt's own pass.
      rates.append(
        Double(result.generated_tokens - 1) * 1e9 / Double(max(result.generate_ns, 1)))
      first.append(Double(result.first_token_ns) / 1e6)
      longest.append(Double(result.longest_step_ns) / 1e6)
      memory = try runtime.memory()
      large = LargePages.bytes(ofFile: file.model)
      if snapshot { try snapshots.measure(session) }
      if !settings.adapters.isEmpty { switches += try timeSwitches(runtime, session) }
    }
    func median(_ v: [Double]) -> Double { v.isEmpty ? 0 : v.sorted()[v.count / 2] }
    if json {
      print(
        try lintel.json([
          "prompt_tokens": prompt, "generated_tokens": generate, "threads": settings.threads,
          "runs": runs, "prompt_tokens_per_s": median(prompts),
          "generate_tokens_per_s": median(rates), "ready_ms": median(ready),
          "first_token_ms": median(first), "longest_unit_ms": median(longest),
          "adapters": settings.adapters.map { ["rank": Int($0.info.rank), "path": $0.path] },
          "adapter_switch_us": median(switches),
          "snapshot": snapshot
            ? [
              "bytes": snapshots.bytes, "save_ms": median(snapshots.save),
              "restore_ms": median(snapshots.restore), "save_file_ms": median(snapshots.saveFile),
              "restore_file_ms": median(snapshots.restoreFile),
              "continue_ms": median(snapshots.resume),
            ] : [:],
          "memory": [
            "engine": memory.engine_bytes, "model": memory.model_bytes,
            "adapters": memory.adapter_bytes, "scratch": memory.scratch_bytes, "state": memory.state_bytes,
            "cache": memory.cache_bytes, "session": memory.session_bytes,
            "total": memory.total_bytes,
          ], "weights_bytes": memory.weights_bytes,
          "large_page_bytes": large.map { $0 as Any } ?? NSNull(),
        ]))
      return
    }
    print(String(format: "prompt      %10.1f tokens/s   (%d tokens)", median(prompts), prompt))
    print(String(format: "generate    %10.1f tokens/s   (%d tokens)", median(rates), generate))
    print(String(format: "ready       %10.2f ms", median(ready)))
    print(String(format: "first token %10.2f ms", median(first)))
    print(String(format: "longest unit%10.2f ms", median(longest)))
    print(String(format: "memory      %10.2f MiB of %.2f MiB weights", Double(memory.total_bytes) / 1048576, Double(memory.weights_bytes) / 1048576))
    print("            engine \(memory.engine_bytes) model \(memory.model_bytes) adapters \(memory.adapter_bytes) scratch \(memory.scratch_bytes) state \(memory.state_bytes) cache \(memory.cache_bytes) session \(memory.session_bytes)")
    if let large {
      let share = 100 * Double(large) / Double(max(memory.weights_bytes, 1))
      print(String(format: "pages       %10.0f %% of the file in pages of 2 MiB", share))
    }
    if !settings.adapters.isEmpty {
      let ranks = settings.adapters.map { "\($0.info.rank)" }.joined(separator: " + ")
      print(
        String(
          format: "adapters    %10.2f us to switch a session's, rank %@", median(switches), ranks))
    }
    if snapshot {
      print(
        String(
          format: "snapshot    %10.2f MiB; save %.2f ms, restore %.2f ms; file: %.2f ms, %.2f ms",
          Double(snapshots.bytes) / 1_048_576, median(snapshots.save), median(snapshots.restore),
          median(snapshots.saveFile), median(snapshots.restoreFile)))
      print(
        String(
          format: "continued   %10.2f ms to the next token, the file's restore included; %.1f times as fast as reading the text again",
          median(snapshots.resume), median(first) / max(median(snapshots.resume), 1e-6)))
    }
    print("threads \(settings.threads), median of \(runs) runs")
  }

  /// Microseconds that it takes to take a session's adapters away and to give them back.
  private func timeSwitches(_ runtime: Runtime, _ session: OpaquePointer) throws -> [Double] {
    try (0..<100).map { _ in
      let start = DispatchTime.now().uptimeNanoseconds
      try runtime.use([], session)
      try runtime.use(runtime.settings.adapters, session)
      return Double(DispatchTime.now().uptimeNanoseconds - start) / 2e3
    }
  }
}
