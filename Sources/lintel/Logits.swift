// lintel logits: exact numbers, for comparison with other implementations.

import ArgumentParser
import CLintel
import Foundation
import LintelExports

struct Logits: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write the logits of given tokens as raw little-endian float32 rows.")

  @OptionGroup var file: ModelOption
  @Option(name: .long, help: "A file of whitespace-separated token ids.") var tokens: String
  @Option(name: .long, help: "Where the logits go: [rows, vocabulary].") var out: String?
  @Option(name: .long, help: "Only the last N rows.") var last = 0
  @Option(name: .long, help: "Print {\"greedy\": [...]}: N tokens that continue the prompt.")
  var greedy = 0
  @OptionGroup var adapters: AdapterOptions
  @OptionGroup var pass: PassOptions

  func validate() throws {
    if out == nil && greedy == 0 { throw ValidationError("Name --out FILE, --greedy N, or both.") }
    if last < 0 || greedy < 0 { throw ValidationError("--last and --greedy are not negative.") }
  }

  func run() throws {
    let text = try String(contentsOfFile: tokens, encoding: .utf8)
    let ids = try text.split(whereSeparator: \.isWhitespace).map { word -> Int32 in
      guard let id = Int32(word) else {
        throw ToolError(description: "\(tokens): '\(word)' is not a token id")
      }
      return id
    }
    if ids.isEmpty { throw ToolError(description: "\(tokens) holds no token ids") }
    var settings = pass.settings
    settings.context = pass.context ?? ids.count + greedy + 1
    settings.adapters = try adapters.choices()
    let runtime = try Runtime(path: file.model, settings)
    let session = try runtime.session()
    try check { lintel_session_feed_tokens(session, ids, ids.count, $0) }
    if let out {
      guard let handle = fopen(out, "wb") else {
        throw ToolError(description: "\(out) cannot be written")
      }
      try check {
        lintel_session_logits(
          session, UInt64(last),
          { user, _, logits, count in
            guard let user, let logits else { return 0 }
            let file = user.assumingMemoryBound(to: FILE.self)
            return fwrite(logits, 4, Int(count), file) == Int(count) ? 1 : 0
          }, UnsafeMutableRawPointer(handle), $0)
      }
      if fclose(handle) != 0 { throw ToolError(description: "\(out) could not be written whole") }
    }
    if greedy > 0 { try printGreedy(session) }
  }

  private func printGreedy(_ session: OpaquePointer) throws {
    var options = lintel_generate_options()
    options.struct_size = UInt32(MemoryLayout<lintel_generate_options>.size)
    options.max_tokens = UInt32(greedy)
    options.flags = LINTEL_GENERATE_RAW | LINTEL_GENERATE_IGNORE_END
    final class Collected { var ids: [Int] = [] }
    let collected = Collected()
    try check {
      lintel_session_generate(
        session, &options,
        { user, event in
          if let user, let event, event.pointee.kind == LINTEL_EVENT_TOKEN {
            Unmanaged<Collected>.fromOpaque(user).takeUnretainedValue().ids.append(
              Int(event.pointee.token))
          }
          return LINTEL_CONTINUE
        }, Unmanaged.passUnretained(collected).toOpaque(), nil, $0)
    }
    print(try json(["greedy": collected.ids]))
  }
}
