// The command-line tool: ordinary Swift, a client of the C API like any other.

import ArgumentParser

@main
struct Lintel: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lintel",
    abstract: "Run small linear-attention language models in a fixed number of bytes.",
    version: "0.1.0",
    subcommands: [
      Run.self, Info.self, Plan.self, Check.self, Tokenize.self, Logits.self, Bench.self, See.self,
      Quantize.self,
    ])
}
