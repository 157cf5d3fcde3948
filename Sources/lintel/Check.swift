// lintel check: everything that is wrong with a deployment, and its plan.

import ArgumentParser
import CLintel
import Foundation
import LintelDeployment
import LintelExports

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what a deployment needs, and everything that is wrong with it.",
    discussion: "The exit status is 1 if there is any problem.")

  @Argument(help: "The deployment, a JSON file.") var file: String
  @Flag(name: .long, help: "One JSON object.") var json = false

  func run() throws {
    let problems = Problems()
    var memory = lintel_memory()
    memory.struct_size = UInt32(MemoryLayout<lintel_memory>.size)
    let status = lintel_deployment_check(
      file,
      { user, problem in
        guard let user, let problem = problem?.pointee else { return }
        Unmanaged<Problems>.fromOpaque(user).takeUnretainedValue().list.append(Problem(problem))
      }, Unmanaged.passUnretained(problems).toOpaque(), &memory, nil)
    let isPlanned = memory.total_bytes > 0
    if json {
      var object: [String: Any] = [
        "ok": status == LINTEL_OK, "problems": problems.list.map { $0.object },
      ]
      if isPlanned { object["plan"] = Plan.object(memory) }
      print(try lintel.json(object))
    } else {
      for p in problems.list { print(p.line(of: file)) }
      if isPlanned {
        if !problems.list.isEmpty { print() }
        Plan.show(memory)
      }
    }
    if status != LINTEL_OK { throw ExitCode(1) }
  }

  private final class Problems {
    var list: [Problem] = []
  }

  private struct Problem {
    let line: UInt32
    let path: String
    let sentence: String
    let status: String
    let needed: Int64
    let available: Int64

    init(_ p: lintel_problem) {
      line = p.line
      path = String(cString: p.path)
      sentence = String(cString: p.sentence)
      status = String(cString: lintel_status_name(p.status))
      needed = p.needed
      available = p.available
    }

    func line(of file: String) -> String {
      let place = line > 0 ? "\(file):\(line)" : file
      return "\(place): \(path.isEmpty ? "" : path + ": ")\(sentence) (\(status))"
    }

    var object: [String: Any] {
      [
        "line": line, "path": path, "sentence": sentence, "status": status, "needed": needed,
        "available": available,
      ]
    }
  }
}
