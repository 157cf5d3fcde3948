// The C API as a test drives it, in a block of exactly the plan's size.

import CLintel
import Foundation
import Testing
import LintelExports

struct Refusal: Error, CustomStringConvertible {
  let status: lintel_status
  let description: String
}

@discardableResult
func check(_ call: (UnsafeMutablePointer<lintel_error>) -> lintel_status) throws -> lintel_status {
  var error = lintel_error()
  error.struct_size = UInt32(MemoryLayout<lintel_error>.size)
  let status = call(&error)
  if status >= 0 { return status }
  let text = withUnsafeBytes(of: error.message) { raw in
    String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
  }
  throw Refusal(status: status, description: text)
}

struct Case: Decodable, CustomTestStringConvertible {
  let file: String
  let size: Int
  let seed: UInt64
  let type: String
  let features: [Float]
  let logits: [Float]
  var testDescription: String { "\(file) at \(size)" }

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fixtures/pola")

  static let all: [Case] =
    (try? JSONDecoder().decode(
      [Case].self, from: Data(contentsOf: folder.appendingPathComponent("expected.json")))) ?? []

  var path: String { Case.path(file) }
  static func path(_ file: String) -> String {
    folder.appendingPathComponent(file + ".gguf").path
  }

  var pixels: [UInt8] { Case.pixels(seed, size * size * 3) }

  /// The noise of Examples/PolaFormer/reference.py.
  static func pixels(_ seed: UInt64, _ count: Int) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 56)
    }
  }
}

func imageOptions(_ size: Int = 0, isFloat: Bool = false) -> lintel_image_options {
  var o = lintel_image_options()
  o.struct_size = UInt32(MemoryLayout<lintel_image_options>.size)
  o.input_width = UInt32(size)
  o.flags = isFloat ? LINTEL_MODEL_FLOAT_ACTIVATIONS : 0
  return o
}

func runOptions(_ size: Int = 0, top: Int = 0) -> lintel_image_run_options {
  var o = lintel_image_run_options()
  o.struct_size = UInt32(MemoryLayout<lintel_image_run_options>.size)
  o.input_width = UInt32(size)
  o.top_count = UInt32(top)
  return o
}

func emptyResult() -> lintel_image_result {
  var r = lintel_image_result()
  r.struct_size = UInt32(MemoryLayout<lintel_image_result>.size)
  return r
}

final class ImageHost {
  let engine: OpaquePointer
  let model: OpaquePointer
  let planned: UInt64

  init(_ path: String, size: Int = 0, threads: Int = 1, isFloat: Bool = false, less: UInt64 = 0)
    throws
  {
    var e = lintel_engine_options()
    e.struct_size = UInt32(MemoryLayout<lintel_engine_options>.size)
    e.threads = UInt32(threads)
    var o = imageOptions(size, isFloat: isFloat)
    var memory = lintel_memory()
    memory.struct_size = UInt32(MemoryLayout<lintel_memory>.size)
    try check { lintel_image_plan(path, &e, &o, &memory, $0) }
    planned = memory.total_bytes
    e.memory_bytes = planned - less
    var engine: OpaquePointer?
    var model: OpaquePointer?
    try check { lintel_engine_create(&e, &engine, $0) }
    do {
      try check { lintel_image_open(engine, path, &o, &model, $0) }
    } catch {
      _ = lintel_engine_destroy(engine)
      throw error
    }
    guard let engine, let model else { throw Refusal(status: 0, description: "no model") }
    self.engine = engine
    self.model = model
  }

  deinit { _ = lintel_engine_destroy(engine) }

  func run(
    _ pixels: [UInt8], _ width: Int, _ height: Int, size: Int = 0
  ) throws -> (features: [Float], logits: [Float]) {
    var o = runOptions(size)
    var result = emptyResult()
    try check {
      lintel_image_run(
        model, pixels, UInt32(width), UInt32(height), UInt64(3 * width), &o, &result, $0)
    }
    return ImageHost.arrays(result)
  }

  static func arrays(_ r: lintel_image_result) -> (features: [Float], logits: [Float]) {
    (
      Array(UnsafeBufferPointer(start: r.features, count: Int(r.feature_count))),
      Array(UnsafeBufferPointer(start: r.logits, count: Int(r.class_count)))
    )
  }
}
