// lintel_image_*: see lintel.h.

import CLintel
import CPlatform
import LintelCore
import LintelKernels
import LintelSession
import LintelVision
import LintelWeights

enum ImageArguments {
  static var topMax: Int { 16 }
  static var topDefault: Int { 5 }

  static func options(
    _ options: UnsafePointer<lintel_image_options>?, threads: Int
  ) throws(Failure) -> LoadedImageModel.Options {
    guard let o = options?.pointee else {
      return LoadedImageModel.Options(
        threads: threads, isFloat: false, inputWidth: nil, inputHeight: nil)
    }
    try Check.size(
      o.struct_size, MemoryLayout<lintel_image_options>.size, "lintel_image_options")
    try Check.zero(o.reserved, "lintel_image_options.reserved")
    try Check.zero(o.reserved0 == 0, "lintel_image_options.reserved0")
    try Check.zero(
      o.flags & ~LINTEL_MODEL_FLOAT_ACTIVATIONS == 0, "unknown bits of lintel_image_options.flags")
    if LoadPolicy(rawValue: o.load) == nil {
      throw Failure(.argument, "load is \(o.load); LINTEL_LOAD_LAZY, _PREFAULT and _LOCKED exist")
    }
    return LoadedImageModel.Options(
      threads: threads, isFloat: o.flags & LINTEL_MODEL_FLOAT_ACTIVATIONS != 0,
      inputWidth: o.input_width == 0 ? nil : Int(o.input_width),
      inputHeight: o.input_height == 0 ? nil : Int(o.input_height))
  }

  static func open(
    _ engine: OpaquePointer?, _ region: MappedRegion,
    _ options: UnsafePointer<lintel_image_options>?,
    _ out_model: UnsafeMutablePointer<OpaquePointer?>
  ) throws(Failure) -> Status {
    do throws(Failure) {
      let header = try Handle.header(engine, .engine, "engine")
      try Handle.enter(header, "engine")
      defer { Handle.leave(header) }
      let e = header.pointee.engine
      let o = try ImageArguments.options(options, threads: e.pointee.pool.threads)
      let index = try e.pointee.openImage(region, o)
      let model = e.pointee.headerOf(index)
      do throws(Failure) {
        try load(&Layout.object(model, LoadedImageModel.self).pointee.region, options)
      } catch {
        e.pointee.remove(index)
        throw error
      }
      out_model.pointee = Handle.make(model)
      return .ok
    } catch {
      region.close()
      if error.status == .cancelled { return .cancelled }
      throw error
    }
  }

  private static func load(
    _ region: inout MappedRegion, _ options: UnsafePointer<lintel_image_options>?
  ) throws(Failure) {
    guard let o = options?.pointee, let policy = LoadPolicy(rawValue: o.load), policy != .lazy
    else { return }
    try region.prefault { done, total in
      o.progress.map { $0(o.progress_user, UInt64(done), UInt64(total)) != 0 } ?? true
    }
    if policy == .locked { try region.lock() }
  }

  /// What is said about a picture, checked.
  static func picture(
    _ pixels: UnsafeRawPointer?, _ width: UInt32, _ height: UInt32, _ strideBytes: UInt64
  ) throws(Failure) -> UnsafePointer<UInt8> {
    guard let pixels else { throw Failure(.argument, "pixels is NULL") }
    if width == 0 || height == 0 || Int(width) > ImageLimits.side
      || Int(height) > ImageLimits.side
    {
      throw Failure(
        .picture,
        "a picture of \(width) x \(height): 1 to \(ImageLimits.side) pixels along an edge are possible",
        needed: Int64(max(width, height)), available: Int64(ImageLimits.side))
    }
    if strideBytes < 3 * UInt64(width) || strideBytes > UInt64(Int.max >> 16) {
      throw Failure(
        .picture,
        "stride_bytes is \(strideBytes); rows of \(width) pixels take \(3 * Int(width)) bytes",
        needed: 3 * Int64(width), available: Int64(clamping: strideBytes))
    }
    return pixels.assumingMemoryBound(to: UInt8.self)
  }

  struct Pass {
    var width: Int
    var height: Int
    var fit = ImageForward.Fit.stretch
    var top = topDefault
  }

  static func pass(
    _ options: UnsafePointer<lintel_image_run_options>?, _ forward: ImageForward
  ) throws(Failure) -> Pass {
    var pass = Pass(width: forward.inputWidth, height: forward.inputHeight)
    guard let o = options?.pointee else { return pass }
    try Check.size(
      o.struct_size, MemoryLayout<lintel_image_run_options>.size, "lintel_image_run_options")
    try Check.zero(o.reserved, "lintel_image_run_options.reserved")
    try Check.zero(o.reserved0 == 0, "lintel_image_run_options.reserved0")
    guard let fit = ImageForward.Fit(rawValue: o.fit) else {
      throw Failure(.argument, "fit is \(o.fit); LINTEL_IMAGE_STRETCH and _CROP exist")
    }
    pass.fit = fit
    if Int(o.top_count) > topMax {
      throw Failure(
        .argument, "top_count is \(o.top_count); at most \(topMax) are possible",
        needed: Int64(o.top_count), available: Int64(topMax))
    }
    if o.top_count > 0 { pass.top = Int(o.top_count) }
    if o.input_width > 0 || o.input_height > 0 {
      pass.width = Int(o.input_width > 0 ? o.input_width : o.input_height)
      pass.height = Int(o.input_height > 0 ? o.input_height : o.input_width)
    }
    try forward.check(height: pass.height, width: pass.width)
    return pass
  }
}

/// Runs `body` on the image model behind a handle, as the only thread inside it, with denormal numbers
/// flushed.
private func withImage(
  _ handle: OpaquePointer?, _ error: UnsafeMutablePointer<lintel_error>?,
  _ body: (inout LoadedImageModel, UnsafeMutablePointer<Engine>) throws(Failure) -> Status
) -> Int32 {
  Report.status(error) { () throws(Failure) in
    let header = try Handle.header(handle, .image, "image model")
    try Handle.enter(header, "image model")
    defer { Handle.leave(header) }
    let mode = lt_float_flush()
    defer { lt_float_restore(mode) }
    return try body(
      &Layout.object(header, LoadedImageModel.self).pointee, header.pointee.engine)
  }
}

private func begin(
  _ m: inout LoadedImageModel, _ engine: UnsafeMutablePointer<Engine>,
  _ pixels: UnsafeRawPointer?, _ width: UInt32, _ height: UInt32, _ strideBytes: UInt64,
  _ options: UnsafePointer<lintel_image_run_options>?
) throws(Failure) {
  let picture = try ImageArguments.picture(pixels, width, height, strideBytes)
  guard let forward = m.forward else { throw Failure(.state, "the image model is not started") }
  let pass = try ImageArguments.pass(options, forward)
  engine.pointee.takeTurn()
  defer { engine.pointee.endTurn() }
  try m.begin(
    picture, width: Int(width), height: Int(height), strideBytes: Int(strideBytes),
    inputWidth: pass.width, inputHeight: pass.height, fit: pass.fit, topCount: pass.top)
}

private func unit(
  _ m: inout LoadedImageModel, _ engine: UnsafeMutablePointer<Engine>
) throws(Failure) -> Status {
  if m.phase != .running { throw Failure(.state, "no pass is under way: begin one") }
  engine.pointee.takeTurn()
  defer { engine.pointee.endTurn() }
  return m.unit()
}

private func checkResult(_ out: UnsafeMutablePointer<lintel_image_result>?) throws(Failure) {
  if let out {
    try Check.size(
      out.pointee.struct_size, MemoryLayout<lintel_image_result>.size, "lintel_image_result")
  }
}

/// The label of class `index`, which exists.
private func label(_ m: LoadedImageModel, _ index: Int) -> Bytes {
  let labels = m.network.parameters.labels
  var at = 0
  for _ in 0..<index { at = labels.element(at: at).next }
  return labels.element(at: at).0
}

private func characters(_ bytes: Bytes) -> UnsafePointer<CChar> {
  bytes.start.assumingMemoryBound(to: CChar.self)
}

private func fill(
  _ out: UnsafeMutablePointer<lintel_image_result>, _ m: LoadedImageModel
) throws(Failure) {
  guard m.phase == .done, let forward = m.forward else {
    throw Failure(.state, "no pass has ended: there is no result")
  }
  let count = m.network.parameters.labels.count
  let logits = forward.logits
  out.pointee.class_count = UInt32(truncatingIfNeeded: count)
  out.pointee.feature_count = UInt32(truncatingIfNeeded: m.network.featureCount)
  out.pointee.logits = UnsafePointer(logits)
  out.pointee.features = UnsafePointer(forward.features)
  out.pointee.elapsed_ns = UInt64(m.elapsedNs)
  out.pointee.longest_step_ns = UInt64(m.longestUnitNs)
  let top = min(m.topCount, count)
  out.pointee.top_count = UInt32(truncatingIfNeeded: top)
  // The best so far, in order; a logit that is no number comes last.
  func isBetter(_ a: Int, _ b: Int) -> Bool {
    logits[a] > logits[b] || (logits[b] != logits[b] && logits[a] == logits[a])
  }
  var best = InlineArray<16, Int>(repeating: 0)
  var filled = 0
  for i in 0..<count {
    var place = filled
    while place > 0 && isBetter(i, best[place - 1]) { place -= 1 }
    if place >= top { continue }
    var k = min(filled, top - 1)
    while k > place {
      best[k] = best[k - 1]
      k -= 1
    }
    best[place] = i
    filled = min(filled + 1, top)
  }
  var sum = 0.0
  for i in 0..<count { sum += lt_exp(Double(logits[i] - logits[best[0]])) }
  withUnsafeMutableBytes(of: &out.pointee.top) { raw in
    let classes = raw.assumingMemoryBound(to: lintel_image_class.self)
    for k in 0..<top {
      let text = label(m, best[k])
      classes[k].index = UInt32(truncatingIfNeeded: best[k])
      classes[k].logit = logits[best[k]]
      classes[k].probability = Float(lt_exp(Double(logits[best[k]] - logits[best[0]])) / sum)
      classes[k].reserved0 = 0
      classes[k].label = characters(text)
      classes[k].label_bytes = text.count
    }
  }
}

@implementation @_cdecl("lintel_image_plan")
public func lintel_image_plan(
  _ path: UnsafePointer<CChar>?, _ engine_options: UnsafePointer<lintel_engine_options>?,
  _ options: UnsafePointer<lintel_image_options>?,
  _ out_memory: UnsafeMutablePointer<lintel_memory>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  Report.status(error) { () throws(Failure) in
    guard let path else { throw Failure(.argument, "path is NULL") }
    try MemoryOut.check(out_memory)
    let threads = try EngineArguments.threads(engine_options)
    let o = try ImageArguments.options(options, threads: threads)
    let region = try MappedRegion.open(path: path)
    defer { region.close() }
    var report = try MemoryPlan.measure(image: region, o)
    report.engine = try Engine.measure(threads: threads)
    try report.check()
    MemoryOut.fill(out_memory, report)
    return .ok
  }
}

@implementation @_cdecl("lintel_image_open")
public func lintel_image_open(
  _ engine: OpaquePointer?, _ path: UnsafePointer<CChar>?,
  _ options: UnsafePointer<lintel_image_options>?,
  _ out_model: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  out_model?.pointee = nil
  return Report.status(error) { () throws(Failure) in
    guard let path, let out_model else {
      throw Failure(.argument, "path and out_model are required")
    }
    _ = try Handle.header(engine, .engine, "engine")
    _ = try ImageArguments.options(options, threads: 1)
    let region = try MappedRegion.open(path: path)
    return try ImageArguments.open(engine, region, options, out_model)
  }
}

@implementation @_cdecl("lintel_image_open_bytes")
public func lintel_image_open_bytes(
  _ engine: OpaquePointer?, _ bytes: UnsafeRawPointer?, _ byte_count: UInt64,
  _ options: UnsafePointer<lintel_image_options>?,
  _ out_model: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  out_model?.pointee = nil
  return Report.status(error) { () throws(Failure) in
    guard let bytes, let out_model else {
      throw Failure(.argument, "bytes and out_model are required")
    }
    if UInt(bitPattern: bytes) & 63 != 0 {
      throw Failure(.argument, "bytes must be 64-byte aligned: weights are used in place")
    }
    if byte_count > UInt64(Int.max / 2) {
      throw Failure(.argument, "byte_count is \(byte_count)")
    }
    _ = try Handle.header(engine, .engine, "engine")
    _ = try ImageArguments.options(options, threads: 1)
    let region = MappedRegion(lent: Bytes(start: bytes, count: Int(byte_count)))
    return try ImageArguments.open(engine, region, options, out_model)
  }
}

@implementation @_cdecl("lintel_image_close")
public func lintel_image_close(_ model: OpaquePointer?) -> lintel_status {
  if model == nil { return LINTEL_OK }
  return Report.status(nil) { () throws(Failure) in
    let header = try Handle.header(model, .image, "image model")
    let e = header.pointee.engine
    let engineHeader = UnsafeMutableRawPointer(e).assumingMemoryBound(to: Header.self)
    try Handle.enter(engineHeader, "engine")
    defer { Handle.leave(engineHeader) }
    try Handle.enter(header, "image model")
    e.pointee.closeImage(header)
    return .ok
  }
}

@implementation @_cdecl("lintel_image_get_info")
public func lintel_image_get_info(
  _ model: OpaquePointer?, _ out_info: UnsafeMutablePointer<lintel_image_info>?
) -> lintel_status {
  Report.status(nil) { () throws(Failure) in
    let header = try Handle.header(model, .image, "image model")
    guard let out_info else { throw Failure(.argument, "out_info is NULL") }
    try Check.size(
      out_info.pointee.struct_size, MemoryLayout<lintel_image_info>.size, "lintel_image_info")
    let m = Layout.object(header, LoadedImageModel.self)
    let n = m.pointee.network
    let p = n.parameters
    out_info.pointee.class_count = UInt32(truncatingIfNeeded: p.labels.count)
    out_info.pointee.feature_count = UInt32(truncatingIfNeeded: n.featureCount)
    out_info.pointee.input_width = UInt32(truncatingIfNeeded: m.pointee.forward?.inputWidth ?? 0)
    out_info.pointee.input_height = UInt32(
      truncatingIfNeeded: m.pointee.forward?.inputHeight ?? 0)
    out_info.pointee.image_size = UInt32(truncatingIfNeeded: p.imageSize)
    out_info.pointee.stage_count = UInt32(truncatingIfNeeded: p.stageCount)
    out_info.pointee.block_count = UInt32(truncatingIfNeeded: n.blockCount)
    var parameters = 0
    for i in 0..<n.directory.slots.count { parameters &+= n.directory.slots[i].entry.elements }
    out_info.pointee.parameter_count = UInt64(truncatingIfNeeded: parameters)
    out_info.pointee.file_bytes = UInt64(m.pointee.region.bytes.count)
    out_info.pointee.variant = characters(Bytes(p.isSwin ? "swin" : "pvt"))
    withUnsafeMutableBytes(of: &out_info.pointee.name) { AdapterOut.write(p.name, $0) }
    withUnsafeMutableBytes(of: &out_info.pointee.licence) { AdapterOut.write(p.licence, $0) }
    return .ok
  }
}

@implementation @_cdecl("lintel_image_label")
public func lintel_image_label(
  _ model: OpaquePointer?, _ class_index: UInt32,
  _ out_label: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
  _ out_label_bytes: UnsafeMutablePointer<Int>?
) -> lintel_status {
  out_label?.pointee = nil
  out_label_bytes?.pointee = 0
  return Report.status(nil) { () throws(Failure) in
    let header = try Handle.header(model, .image, "image model")
    guard let out_label, let out_label_bytes else {
      throw Failure(.argument, "out_label and out_label_bytes are required")
    }
    let m = Layout.object(header, LoadedImageModel.self)
    if Int(class_index) >= m.pointee.network.parameters.labels.count {
      throw Failure(.argument, "there is no class \(class_index)")
    }
    let text = label(m.pointee, Int(class_index))
    out_label.pointee = characters(text)
    out_label_bytes.pointee = text.count
    return .ok
  }
}

@implementation @_cdecl("lintel_image_begin")
public func lintel_image_begin(
  _ model: OpaquePointer?, _ pixels: UnsafeRawPointer?, _ width: UInt32, _ height: UInt32,
  _ stride_bytes: UInt64, _ options: UnsafePointer<lintel_image_run_options>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withImage(model, error) { (m, engine) throws(Failure) in
    try begin(&m, engine, pixels, width, height, stride_bytes, options)
    return .ok
  }
}

@implementation @_cdecl("lintel_image_step")
public func lintel_image_step(
  _ model: OpaquePointer?, _ slice_us: UInt64, _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withImage(model, error) { (m, engine) throws(Failure) in
    let end = lt_now_ns() &+ Int64(clamping: min(slice_us, 1 << 50) &* 1000)
    var status = try unit(&m, engine)
    while status == .more && slice_us > 0 && lt_now_ns() < end { status = try unit(&m, engine) }
    return status
  }
}

@implementation @_cdecl("lintel_image_get_result")
public func lintel_image_get_result(
  _ model: OpaquePointer?, _ out_result: UnsafeMutablePointer<lintel_image_result>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withImage(model, error) { (m, _) throws(Failure) in
    guard let out_result else { throw Failure(.argument, "out_result is NULL") }
    try checkResult(out_result)
    try fill(out_result, m)
    return .ok
  }
}

@implementation @_cdecl("lintel_image_run")
public func lintel_image_run(
  _ model: OpaquePointer?, _ pixels: UnsafeRawPointer?, _ width: UInt32, _ height: UInt32,
  _ stride_bytes: UInt64, _ options: UnsafePointer<lintel_image_run_options>?,
  _ out_result: UnsafeMutablePointer<lintel_image_result>?,
  _ error: UnsafeMutablePointer<lintel_error>?
) -> lintel_status {
  withImage(model, error) { (m, engine) throws(Failure) in
    try checkResult(out_result)
    try begin(&m, engine, pixels, width, height, stride_bytes, options)
    var status = Status.more
    while status == .more { status = try unit(&m, engine) }
    if status == .cancelled { return .cancelled }
    if let out_result { try fill(out_result, m) }
    return .ok
  }
}

@implementation @_cdecl("lintel_image_cancel")
public func lintel_image_cancel(_ model: OpaquePointer?) -> lintel_status {
  Report.status(nil) { () throws(Failure) in
    let header = try Handle.header(model, .image, "image model")
    Layout.object(header, LoadedImageModel.self).pointee.cancel()
    return .ok
  }
}
