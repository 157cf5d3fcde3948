import LintelCore
import Testing

@Test func measuredSizeIsExactlyTheSmallestThatCarves() throws {
  func build(_ arena: inout Arena) throws(Failure) {
    _ = try arena.carve(Float.self, 33, "a")
    _ = try arena.carve(UInt8.self, 1, "b")
    _ = try arena.carve(Int64.self, 100, "c")
  }
  var measuring = Arena.measuring()
  try build(&measuring)
  let memory = UnsafeMutableRawPointer.allocate(byteCount: measuring.used, alignment: 64)
  defer { memory.deallocate() }
  var exact = Arena(memory: memory, bytes: measuring.used)
  try build(&exact)
  #expect(exact.used == measuring.used)
  var short = Arena(memory: memory, bytes: measuring.used - 1)
  #expect(throws: Failure.self) { try build(&short) }
}

@Test func sentencesEscapeWhatComesFromFiles() {
  let hostile: [UInt8] = [0x61, 0x0A, 0x1B, 0xFF]
  hostile.withUnsafeBytes { raw in
    let s: Sentence = "name \(Bytes(start: raw.baseAddress!, count: 4)) has \(-12)"
    let text = String(decoding: (0..<s.count).map { s.bytes[$0] }, as: UTF8.self)
    #expect(text == "name a\\x0a\\x1b\\xff has -12")
  }
}
