// lintel bench --snapshot: what it takes to keep a conversation and to come back to it.

import CLintel
import Foundation
import LintelExports

struct SnapshotTimes {
  var bytes: UInt64 = 0
  /// Milliseconds of each run.
  var save: [Double] = []
  var restore: [Double] = []
  var saveFile: [Double] = []
  var restoreFile: [Double] = []
  /// From a session without text to the next token, by way of the file.
  var resume: [Double] = []

  mutating func measure(_ session: OpaquePointer) throws {
    // The last token of the generation is read first: then there are logits, as after a prompt.
    while try check({ lintel_session_step(session, .max, nil, $0) }) == LINTEL_MORE {}
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("lintel-bench-\(getpid()).session").path
    defer { unlink(path) }
    _ = lintel_session_snapshot_bytes(session, &bytes)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: Int(bytes), alignment: 64)
    defer { memory.deallocate() }
    // Once untimed: the memory's pages, and the model's identity.
    try check { lintel_session_save(session, memory, bytes, nil, $0) }
    save.append(try time { lintel_session_save(session, memory, bytes, nil, $0) })
    saveFile.append(try time { lintel_session_save_file(session, path, $0) })
    restore.append(try time { lintel_session_restore(session, memory, bytes, $0) })
    try check { lintel_session_reset(session, $0) }
    let back = try time { lintel_session_restore_file(session, path, $0) }
    restoreFile.append(back)
    var options = lintel_generate_options()
    options.struct_size = UInt32(MemoryLayout<lintel_generate_options>.size)
    options.max_tokens = 1
    options.flags = LINTEL_GENERATE_RAW | LINTEL_GENERATE_IGNORE_END
    resume.append(
      back + (try time { lintel_session_generate(session, &options, nil, nil, nil, $0) }))
  }

  private func time(
    _ call: (UnsafeMutablePointer<lintel_error>) -> lintel_status
  ) throws -> Double {
    let start = DispatchTime.now().uptimeNanoseconds
    try check(call)
    return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e6
  }
}
