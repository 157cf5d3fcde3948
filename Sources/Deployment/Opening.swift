// From a path to an open deployment. First everything that is transient: the text, libcjson's tree,
// the tables; the deployment's own part of the block is filled from them, and they are given up.
// Then the engine takes the rest of the block, and models, adapters and sessions are opened.

import CLintel
import CPlatform
import LintelCore

struct Opening {
  /// What the host gives: its block, or a limit on ours; 0 is none.
  var memory: UnsafeMutableRawPointer?
  var memoryBytes = 0
  /// Every problem is looked for, and what is opened is in a mapping of exactly the plan.
  var isCheck = false
  var progress = Progress(onProgress: nil, user: nil)
  var problems: Problems
  /// Set as soon as it is known.
  var plan: lintel_memory?

  init(_ problems: Problems) { self.problems = problems }

  /// Nil: problems left nothing to open, and this is a check.
  mutating func run(
    _ path: UnsafePointer<CChar>
  ) throws(Failure) -> UnsafeMutablePointer<Deployment>? {
    let deployment: UnsafeMutablePointer<Deployment>
    do throws(Failure) {
      guard let made = try prepare(Bytes(c: path)) else {
        try problems.check()
        return nil
      }
      deployment = made
    } catch {
      // What is no problem of a place, such as memory that the system does not have.
      if problems.count == 0 && error.status != .cancelled { problems.report(.whole, error) }
      throw error
    }
    let isComplete = deployment.pointee.build(&problems, &progress)
    if isComplete && problems.count == 0 { return deployment }
    _ = Deployment.close(deployment)
    if !isComplete { throw cancelled }
    try problems.check()
    return nil
  }

  private var cancelled: Failure {
    Failure(.cancelled, "opening was stopped by the progress callback at byte \(progress.done)")
  }

  /// Ends opening at the first stage that has a problem; a check goes on.
  private func check() throws(Failure) {
    if !isCheck { try problems.check() }
  }

  private mutating func prepare(
    _ path: Bytes
  ) throws(Failure) -> UnsafeMutablePointer<Deployment>? {
    let file: TextFile
    do throws(Failure) {
      file = try TextFile.read(path)
    } catch {
      problems.report(.whole, error)
      return nil
    }
    defer { file.close() }
    var line = 0
    let tree: JsonTree
    do throws(Failure) {
      if file.bytes.count == 0 { throw Failure(.truncated, "the file is empty") }
      tree = try JsonTree.parse(file.bytes, levelsMax: Limits.levels, line: &line)
    } catch {
      problems.report(Place.whole.at(line: line), error)
      return nil
    }
    defer { tree.free() }
    let directory = Opening.directory(path)
    var measuring = Arena.measuring()
    _ = try Specification(&measuring, tree.root, directory: directory.count)
    let workspaceBytes = max(measuring.used, 1)
    let workspace = try Transient.map(workspaceBytes)
    defer { lt_unmap(workspace, workspaceBytes) }
    var arena = Arena(memory: workspace, bytes: measuring.used)
    let empty = try Specification(&arena, tree.root, directory: directory.count)
    var reader = Reader(empty, problems, directory: directory)
    reader.read(tree.root)
    problems = reader.problems
    try check()
    let held = file.mappedBytes + tree.heapBytes + measuring.used
    return try survey(reader.specification, transient: held)
  }

  private mutating func survey(
    _ specification: Specification, transient: Int
  ) throws(Failure) -> UnsafeMutablePointer<Deployment>? {
    var survey = Survey(specification, problems)
    defer { survey.specification.close() }
    survey.open()
    problems = survey.problems
    try check()
    progress.total = survey.readBytes
    if !survey.verify(&progress) { throw cancelled }
    let planned = survey.plan()
    problems = survey.problems
    try check()
    guard var memory = planned else { return nil }
    var held = transient + survey.toolsHeapBytes
    let s = survey.specification
    for i in 0..<s.textCount { held += s.texts[i].file?.mappedBytes ?? 0 }
    memory.transient_bytes = UInt64(held)
    try complete(&memory, s)
    plan = memory
    let total = Int(clamping: memory.total_bytes)
    judge(total, s)
    try check()
    return try take(isCheck ? total : s.budget ?? total, s)
  }

  /// Adds the deployment's own bytes, and everything up.
  private func complete(
    _ memory: inout lintel_memory, _ s: Specification
  ) throws(Failure) {
    var measuring = Arena.measuring()
    memory.deployment_bytes = UInt64(try Deployment(&measuring, s).bytes)
    var total = 0
    func add(_ bytes: UInt64) throws(Failure) {
      total = try Checked.add(total, Int(clamping: bytes), "the deployment's plan")
    }
    try add(memory.engine_bytes)
    try add(memory.model_bytes)
    try add(memory.scratch_bytes)
    try add(memory.adapter_bytes)
    try add(memory.grammar_bytes)
    try add(memory.state_bytes)
    try add(memory.cache_bytes)
    try add(memory.session_bytes)
    try add(memory.deployment_bytes)
    memory.total_bytes = UInt64(total)
  }

  /// Whether the plan fits what the file and the host allow.
  private mutating func judge(_ total: Int, _ s: Specification) {
    if let budget = s.budget, total > budget {
      problems.report(
        s.budgetPlace,
        Failure(
          .budget,
          "the plan needs \(total) bytes, but the budget is \(budget): raise it, or lower context_tokens, chunk_tokens, threads or the number of sessions",
          needed: Int64(total), available: Int64(budget)))
    }
    let wanted = max(s.budget ?? total, total)
    if memoryBytes > 0 && wanted > memoryBytes {
      problems.report(
        s.budget == nil ? .whole : s.budgetPlace,
        Failure(
          .budget,
          "\(wanted) bytes are needed, but memory_bytes allows \(memoryBytes): raise it, or lower what the deployment asks for",
          needed: Int64(wanted), available: Int64(memoryBytes)))
    }
  }

  private func take(
    _ bytes: Int, _ s: Specification
  ) throws(Failure) -> UnsafeMutablePointer<Deployment> {
    let block: UnsafeMutableRawPointer
    if let memory { block = memory } else { block = try Transient.map(bytes) }
    let cell = block.bindMemory(to: Deployment.self, capacity: 1)
    do throws(Failure) {
      var arena = Arena(memory: block, bytes: bytes)
      var deployment = try Deployment(&arena, s)
      deployment.fill(s)
      deployment.kind = Deployment.mark
      deployment.address = UInt(bitPattern: block)
      deployment.block = block
      deployment.blockBytes = bytes
      deployment.isOwned = memory == nil
      cell.initialize(to: deployment)
    } catch {
      if memory == nil { lt_unmap(block, bytes) }
      throw error
    }
    return cell
  }

  /// Up to and with the last slash.
  private static func directory(_ path: Bytes) -> Bytes {
    var n = path.count
    while n > 0 && path[n - 1] != 0x2F { n -= 1 }
    return path.slice(0, n)
  }
}
