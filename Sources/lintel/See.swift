// lintel see: what an image network makes of pictures.

import ArgumentParser
import CLintel
import Foundation
import LintelExports

struct See: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Sort pictures (PNG, JPEG, PPM) into the classes of an image network.")

  @OptionGroup var file: ModelOption
  @Argument(help: ArgumentHelp("The pictures.", valueName: "picture")) var pictures: [String]
  @Option(name: .long, help: "How many classes to print, at most 16.") var top = 5
  @Option(name: .long, help: "Pixels along the edge of the network's input.") var size: Int?
  @Option(name: .shortAndLong, help: "Threads that compute (default: the processors, at most 8).")
  var threads: Int?
  @Option(name: .long, help: "Run each picture so often, and report the fastest and the median.")
  var repeats = 1
  @Flag(name: .long, help: "Take the middle of the picture, as the authors evaluate.")
  var crop = false
  @Flag(name: .long, help: "Expand weights instead of rounding activations to 8 bits.")
  var floatActivations = false
  @Flag(name: .long, help: "One JSON object a picture.") var json = false
  @Flag(name: .long, help: "Logits and features as well, with --json.") var raw = false

  func validate() throws {
    if top < 1 || top > 16 { throw ValidationError("--top must be 1 to 16.") }
    if let threads, threads < 1 || threads > 64 {
      throw ValidationError("--threads must be 1 to 64.")
    }
    if let size, size < 1 || size > Picture.sideMax {
      throw ValidationError("--size must be 1 to \(Picture.sideMax).")
    }
    if repeats < 1 || repeats > 1_000_000 { throw ValidationError("--repeats is out of range.") }
    if raw && !json { throw ValidationError("--raw needs --json.") }
  }

  func run() throws {
    let model = try ImageRuntime(path: file.model, options)
    var failed = 0
    for path in pictures {
      do {
        try see(path, model)
      } catch let error as ToolError where pictures.count > 1 {
        report("lintel: \(error)")
        failed += 1
      }
    }
    if failed > 0 { throw ToolError(description: "\(failed) of \(pictures.count) pictures failed") }
  }

  private var options: ImageSettings {
    ImageSettings(
      threads: threads ?? min(ProcessInfo.processInfo.activeProcessorCount, 8), size: size,
      isFloat: floatActivations)
  }

  private func see(_ path: String, _ model: ImageRuntime) throws {
    let picture = try Picture(path: path)
    var times: [UInt64] = []
    var result = lintel_image_result()
    for _ in 0..<repeats {
      result = try model.run(picture, top: top, crop: crop)
      times.append(result.elapsed_ns)
    }
    times.sort()
    let classes = withUnsafeBytes(of: result.top) { raw in
      raw.bindMemory(to: lintel_image_class.self).prefix(Int(result.top_count)).map { c in
        (
          index: Int(c.index), label: label(c), probability: Double(c.probability),
          logit: Double(c.logit)
        )
      }
    }
    if json {
      var object: [String: Any] = [
        "picture": path, "width": picture.width, "height": picture.height,
        "ms": Double(times[0]) / 1e6, "ms_median": Double(times[times.count / 2]) / 1e6,
        "private_bytes": model.budget,
        "classes": classes.map {
          [
            "class": $0.index, "label": $0.label, "probability": $0.probability,
            "logit": $0.logit,
          ] as [String: Any]
        },
      ]
      if raw {
        object["logits"] = numbers(result.logits, result.class_count)
        object["features"] = numbers(result.features, result.feature_count)
      }
      print(try lintel.json(object))
      return
    }
    if pictures.count > 1 { print("\(path):") }
    for c in classes { print(String(format: "%6.2f %%  %@", 100 * c.probability, c.label)) }
  }

  private func label(_ c: lintel_image_class) -> String {
    guard let text = c.label else { return "" }
    let bytes = UnsafeRawBufferPointer(start: text, count: c.label_bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  private func numbers(_ p: UnsafePointer<Float>?, _ count: UInt32) -> [Double] {
    UnsafeBufferPointer(start: p, count: Int(count)).map { Double($0) }
  }
}

struct ImageSettings {
  var threads = 1
  var size: Int?
  var isFloat = false
}

/// An engine with one image model, in exactly the bytes that the plan asks for.
final class ImageRuntime {
  let engine: OpaquePointer
  let model: OpaquePointer
  let budget: UInt64

  init(path: String, _ settings: ImageSettings) throws {
    var e = Runtime.engineOptions(EngineSettings(threads: settings.threads))
    var o = lintel_image_options()
    o.struct_size = UInt32(MemoryLayout<lintel_image_options>.size)
    o.input_width = UInt32(settings.size ?? 0)
    o.flags = settings.isFloat ? LINTEL_MODEL_FLOAT_ACTIVATIONS : 0
    var memory = lintel_memory()
    memory.struct_size = UInt32(MemoryLayout<lintel_memory>.size)
    try check { lintel_image_plan(path, &e, &o, &memory, $0) }
    e.memory_bytes = memory.total_bytes
    budget = memory.total_bytes
    var engine: OpaquePointer?
    try check { lintel_engine_create(&e, &engine, $0) }
    guard let engine else { throw ToolError(description: "no engine") }
    var model: OpaquePointer?
    do {
      try check { lintel_image_open(engine, path, &o, &model, $0) }
    } catch {
      _ = lintel_engine_destroy(engine)
      throw error
    }
    guard let model else { throw ToolError(description: "no image model") }
    self.engine = engine
    self.model = model
  }

  deinit { _ = lintel_engine_destroy(engine) }

  func info() throws -> lintel_image_info {
    var info = lintel_image_info()
    info.struct_size = UInt32(MemoryLayout<lintel_image_info>.size)
    if lintel_image_get_info(model, &info) != LINTEL_OK {
      throw ToolError(description: "no information about the image model")
    }
    return info
  }

  func run(_ picture: Picture, top: Int, crop: Bool) throws -> lintel_image_result {
    var o = lintel_image_run_options()
    o.struct_size = UInt32(MemoryLayout<lintel_image_run_options>.size)
    o.fit = UInt32(crop ? LINTEL_IMAGE_CROP : LINTEL_IMAGE_STRETCH)
    o.top_count = UInt32(top)
    var result = lintel_image_result()
    result.struct_size = UInt32(MemoryLayout<lintel_image_result>.size)
    try check {
      lintel_image_run(
        model, picture.pixels, UInt32(picture.width), UInt32(picture.height),
        UInt64(3 * picture.width), &o, &result, $0)
    }
    return result
  }
}

extension Info {
  /// What an image network is.
  func describeImage() throws {
    let runtime: ImageRuntime
    do {
      runtime = try ImageRuntime(path: file.model, ImageSettings())
    } catch {
      if json { print(try lintel.json(["runs": false, "reason": "\(error)"])) }
      throw error
    }
    let i = try runtime.info()
    func text<T>(_ field: T) -> String {
      withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    let variant = i.variant.map { String(cString: $0) } ?? ""
    if json {
      print(
        try lintel.json([
          "runs": true, "architecture": "polaformer", "variant": variant, "name": text(i.name),
          "licence": text(i.licence), "parameters": i.parameter_count, "file_bytes": i.file_bytes,
          "image_size": i.image_size, "stages": i.stage_count, "blocks": i.block_count,
          "features": i.feature_count, "classes": i.class_count, "private_bytes": runtime.budget,
        ]))
      return
    }
    func line(_ label: String, _ value: Any) {
      print(label.padding(toLength: 22, withPad: " ", startingAt: 0) + "\(value)")
    }
    line("architecture", "polaformer (\(variant)): pictures, for lintel see")
    line("name", text(i.name))
    line("licence", text(i.licence))
    line("parameters", i.parameter_count)
    line("file bytes", i.file_bytes)
    line("trained for", "\(i.image_size) x \(i.image_size) pixels")
    line("blocks", "\(i.block_count) in \(i.stage_count) stages")
    line("features", i.feature_count)
    line("classes", i.class_count)
    line("private bytes", "\(runtime.budget) with one thread")
    line("runs here", "yes")
  }
}
