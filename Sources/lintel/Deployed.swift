// A session of a deployment, for `lintel run`.

import ArgumentParser
import CLintel
import Foundation
import LintelDeployment
import LintelExports

struct DeploymentOptions: ParsableArguments {
  @Option(name: .long, help: "A deployment, a JSON file, instead of a model: see lintel check.")
  var deployment: String?

  @Option(name: .long, help: "Which of the deployment's sessions answers.")
  var session: String?

  func validate() throws {
    if (deployment == nil) != (session == nil) {
      throw ValidationError("--deployment and --session go together.")
    }
  }
}

/// An open deployment and one of its sessions.
final class Deployed {
  let deployment: OpaquePointer
  let session: OpaquePointer
  let name: String
  /// What the file says about the session's answers.
  let sampling: lintel_generate_options

  init(path: String, session name: String) throws {
    var made: OpaquePointer?
    try check { lintel_deployment_open(path, nil, &made, $0) }
    guard let deployment = made else { throw ToolError(description: "no deployment") }
    var session: OpaquePointer?
    var sampling = lintel_generate_options()
    sampling.struct_size = UInt32(MemoryLayout<lintel_generate_options>.size)
    do {
      try check { lintel_deployment_session(deployment, name, &session, $0) }
      try check { lintel_deployment_generate_options(deployment, name, &sampling, $0) }
    } catch {
      _ = lintel_deployment_close(deployment)
      throw error
    }
    guard let session else { throw ToolError(description: "no session") }
    self.deployment = deployment
    self.session = session
    self.name = name
    self.sampling = sampling
  }

  deinit { _ = lintel_deployment_close(deployment) }

  func restart() throws {
    try check { lintel_deployment_restart(deployment, name, $0) }
  }

  func memory() throws -> lintel_memory {
    var memory = lintel_memory()
    memory.struct_size = UInt32(MemoryLayout<lintel_memory>.size)
    try check { _ in lintel_deployment_memory(deployment, &memory) }
    return memory
  }
}
