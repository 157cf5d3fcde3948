// Image models against the authors' PyTorch code (Fixtures/pola), and what the API promises.

import CLintel
import Foundation
import LintelExports
import Testing

func worst(_ a: [Float], _ b: [Float]) -> Float {
  a.count == b.count ? zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
}

@Suite struct Images {
  @Test func fixturesAreThere() { #expect(Case.all.count == 7) }

  @Test(arguments: Case.all)
  func agree(_ c: Case) throws {
    let exact = try ImageHost(c.path, size: c.size, isFloat: true)
    let (features, logits) = try exact.run(c.pixels, c.size, c.size)
    print(
      "\(c.file) at \(c.size): features \(worst(features, c.features)), logits \(worst(logits, c.logits))"
    )
    #expect(worst(features, c.features) < 1e-4)
    #expect(worst(logits, c.logits) < 1e-4)
    // Activations rounded to 8 bits, where there are weights of blocks.
    let rounded = try ImageHost(c.path, size: c.size)
    let (f, l) = try rounded.run(c.pixels, c.size, c.size)
    if c.type == "f32" {
      #expect(l == logits)
    } else {
      print("  8-bit activations: features \(worst(f, c.features)), logits \(worst(l, c.logits))")
      #expect(worst(f, c.features) < 0.5)
      #expect(l != logits)
    }
  }

  @Test(arguments: ["pvt", "pvt-reduced", "pvt-q8", "swin"])
  func sameBits(_ file: String) throws {
    let pixels = Case.pixels(5, 90 * 70 * 3)
    let one = try ImageHost(Case.path(file)).run(pixels, 90, 70)
    for threads in [2, 3, 5] {
      let many = try ImageHost(Case.path(file), threads: threads).run(pixels, 90, 70)
      #expect(many.features == one.features && many.logits == one.logits, "\(threads) threads")
    }
    if file == "swin" { return }
    // A model opened for larger inputs runs smaller ones, and other shapes.
    let large = try ImageHost(Case.path(file), size: 64)
    let small = try large.run(pixels, 90, 70, size: 32)
    #expect(small.logits == one.logits)
    var o = runOptions(64)
    o.input_height = 36
    var result = emptyResult()
    try check { lintel_image_run(large.model, pixels, 90, 70, 270, &o, &result, $0) }
    #expect(ImageHost.arrays(result).logits.allSatisfy { $0.isFinite })
  }

  @Test func steps() throws {
    let host = try ImageHost(Case.path("pvt"))
    let pixels = Case.pixels(1, 32 * 32 * 3)
    let whole = try host.run(pixels, 32, 32)
    var o = runOptions(top: 3)
    try check { lintel_image_begin(host.model, pixels, 32, 32, 96, &o, $0) }
    var result = emptyResult()
    #expect(lintel_image_get_result(host.model, &result, nil) == LINTEL_ERR_STATE)
    var units = 1
    while try check({ lintel_image_step(host.model, 0, $0) }) == LINTEL_MORE { units += 1 }
    // Four patches, five blocks, the end.
    #expect(units == 10)
    try check { lintel_image_get_result(host.model, &result, $0) }
    #expect(ImageHost.arrays(result).logits == whole.logits)
    #expect(result.top_count == 3)
    withUnsafeBytes(of: result.top) { raw in
      let top = raw.bindMemory(to: lintel_image_class.self)
      let order = whole.logits.indices.sorted { whole.logits[$0] > whole.logits[$1] }
      for k in 0..<3 {
        #expect(Int(top[k].index) == order[k])
        let label = UnsafeRawBufferPointer(start: top[k].label, count: top[k].label_bytes)
        #expect(String(decoding: label, as: UTF8.self) == "pvt \(order[k])")
      }
      let sum = whole.logits.reduce(0) { $0 + exp(Double($1)) }
      #expect(
        abs(Double(top[0].probability) - exp(Double(whole.logits[order[0]])) / sum) < 1e-6)
    }
    #expect(lintel_image_step(host.model, 0, nil) == LINTEL_ERR_STATE)
    // A cancelled pass leaves a model that works.
    try check { lintel_image_begin(host.model, pixels, 32, 32, 96, nil, $0) }
    #expect(lintel_image_step(host.model, 0, nil) == LINTEL_MORE)
    #expect(lintel_image_cancel(host.model) == LINTEL_OK)
    #expect(lintel_image_step(host.model, 0, nil) == LINTEL_CANCELLED)
    #expect(lintel_image_step(host.model, 0, nil) == LINTEL_ERR_STATE)
    #expect(lintel_image_get_result(host.model, &result, nil) == LINTEL_ERR_STATE)
    #expect(try host.run(pixels, 32, 32).logits == whole.logits)
  }

  @Test(arguments: ["pvt", "pvt-reduced", "pvt-q8", "swin"])
  func plan(_ file: String) throws {
    for threads in [1, 3] {
      let host = try ImageHost(Case.path(file), threads: threads)
      var memory = lintel_memory()
      memory.struct_size = UInt32(MemoryLayout<lintel_memory>.size)
      #expect(lintel_engine_memory(host.engine, &memory) == LINTEL_OK)
      #expect(memory.total_bytes == host.planned)
      do {
        _ = try ImageHost(Case.path(file), threads: threads, less: 64)
        Issue.record("64 bytes less are enough")
      } catch let refusal as Refusal {
        #expect(refusal.status == LINTEL_ERR_BUDGET)
      }
    }
  }

  @Test func pictures() throws {
    let host = try ImageHost(Case.path("pvt"))
    let pixels = Case.pixels(1, 32 * 32 * 3)
    func refused(
      _ width: UInt32, _ height: UInt32, _ stride: UInt64, _ status: lintel_status,
      _ change: (inout lintel_image_run_options) -> Void = { _ in }
    ) {
      var o = runOptions()
      change(&o)
      do {
        try check { lintel_image_run(host.model, pixels, width, height, stride, &o, nil, $0) }
        Issue.record("\(width) x \(height), \(stride): not refused")
      } catch let refusal as Refusal {
        #expect(refusal.status == status && !refusal.description.isEmpty)
      } catch {}
    }
    refused(0, 32, 96, LINTEL_ERR_PICTURE)
    refused(32, 0, 96, LINTEL_ERR_PICTURE)
    refused(32, 32, 0, LINTEL_ERR_PICTURE)
    refused(32, 32, 95, LINTEL_ERR_PICTURE)
    refused(16385, 1, 49155, LINTEL_ERR_PICTURE)
    refused(.max, .max, .max, LINTEL_ERR_PICTURE)
    refused(32, 32, .max, LINTEL_ERR_PICTURE)
    refused(32, 32, 96, LINTEL_ERR_INPUT_SIZE) { $0.input_width = 64 }
    refused(32, 32, 96, LINTEL_ERR_INPUT_SIZE) { $0.input_width = 31 }
    refused(32, 32, 96, LINTEL_ERR_INPUT_SIZE) { $0.input_width = .max }
    refused(32, 32, 96, LINTEL_ERR_ARGUMENT) { $0.fit = 2 }
    refused(32, 32, 96, LINTEL_ERR_ARGUMENT) { $0.top_count = 17 }
    refused(32, 32, 96, LINTEL_ERR_RESERVED) { $0.reserved0 = 1 }
    refused(32, 32, 96, LINTEL_ERR_RESERVED) { $0.reserved.1 = 1 }
    refused(32, 32, 96, LINTEL_ERR_STRUCT_SIZE) { $0.struct_size = 8 }
    #expect(lintel_image_run(host.model, nil, 32, 32, 96, nil, nil, nil) == LINTEL_ERR_ARGUMENT)
    #expect(lintel_image_run(nil, pixels, 32, 32, 96, nil, nil, nil) == LINTEL_ERR_ARGUMENT)
    #expect(
      lintel_image_run(host.engine, pixels, 32, 32, 96, nil, nil, nil) == LINTEL_ERR_HANDLE)
    // One pixel is a picture, and so is the middle of one.
    #expect(try host.run([1, 2, 3], 1, 1).logits.allSatisfy { $0.isFinite })
    var o = runOptions()
    o.fit = UInt32(LINTEL_IMAGE_CROP)
    #expect(lintel_image_run(host.model, pixels, 32, 32, 96, &o, nil, nil) == LINTEL_OK)
    var info = lintel_image_info()
    info.struct_size = UInt32(MemoryLayout<lintel_image_info>.size)
    #expect(lintel_image_get_info(host.model, &info) == LINTEL_OK)
    #expect(info.class_count == 10 && info.feature_count == 48 && info.block_count == 5)
    var label: UnsafePointer<CChar>?
    var bytes = 0
    #expect(lintel_image_label(host.model, 9, &label, &bytes) == LINTEL_OK && bytes == 5)
    #expect(lintel_image_label(host.model, 10, &label, &bytes) == LINTEL_ERR_ARGUMENT)
  }

  @Test func swinInputs() throws {
    for size in [28, 111, 120, 140] {
      do {
        _ = try ImageHost(Case.path("swin"), size: size)
        Issue.record("\(size) was not refused")
      } catch let refusal as Refusal {
        #expect(refusal.status == LINTEL_ERR_INPUT_SIZE, "\(refusal)")
      }
    }
    let host = try ImageHost(Case.path("swin"), size: 224)
    let pixels = Case.pixels(1, 32 * 32 * 3)
    #expect(try host.run(pixels, 32, 32).logits.allSatisfy { $0.isFinite })
  }
}

/// Files that lie: a status and a sentence, or a model that runs; never a trap.
@Suite struct BrokenImageFiles {
  private func attempt(_ bytes: [UInt8], _ engine: OpaquePointer?) throws -> Bool {
    let block = UnsafeMutableRawPointer.allocate(byteCount: bytes.count + 1, alignment: 64)
    defer { block.deallocate() }
    block.copyMemory(from: bytes, byteCount: bytes.count)
    var model: OpaquePointer?
    var o = imageOptions()
    do {
      try check { lintel_image_open_bytes(engine, block, UInt64(bytes.count), &o, &model, $0) }
    } catch let refusal as Refusal {
      #expect(!refusal.description.isEmpty && model == nil)
      return false
    }
    let pixels = Case.pixels(3, 40 * 40 * 3)
    let status = lintel_image_run(model, pixels, 40, 40, 120, nil, nil, nil)
    #expect(status == LINTEL_OK)
    #expect(lintel_image_close(model) == LINTEL_OK)
    return true
  }

  @Test(arguments: ["pvt-q8", "swin"])
  func mutations(_ file: String) throws {
    let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Case.path(file))))
    var e = lintel_engine_options()
    e.struct_size = UInt32(MemoryLayout<lintel_engine_options>.size)
    e.memory_bytes = 24 << 20
    var engine: OpaquePointer?
    try check { lintel_engine_create(&e, &engine, $0) }
    defer { _ = lintel_engine_destroy(engine) }
    #expect(try attempt(whole, engine))
    // The tensors' data begins after their directory.
    let header = file == "swin" ? 8192 : 8192
    var generator = Generator(77)
    for count in stride(from: 0, to: header, by: 61) {
      #expect(try !attempt(Array(whole[..<count]), engine))
    }
    // The last bytes may be padding, but fewer than the alignment.
    #expect(try !attempt(Array(whole[..<(whole.count - 32)]), engine))
    var opened = 0
    for _ in 0..<400 {
      var bytes = whole
      for _ in 0..<(1 + Int(generator.bits() >> 60) % 3) {
        let at = Int(generator.bits() >> 16) % header
        switch generator.bits() >> 62 {
        case 0: bytes[at] = UInt8(truncatingIfNeeded: generator.bits() >> 8)
        case 1: bytes[at] ^= 1 << UInt8(generator.bits() >> 61)
        case 2: bytes[at] = 0xFF
        default: for k in at..<min(at + 8, header) { bytes[k] = k % 2 == 0 ? 0xFF : 0x7F }
        }
      }
      if try attempt(bytes, engine) { opened += 1 }
    }
    print("\(file): \(opened) of 400 mutants run")
    #expect(opened > 0 && opened < 400)
    // Weights of any bits.
    var bytes = whole
    for k in header..<bytes.count { bytes[k] = UInt8(truncatingIfNeeded: generator.bits() >> 8) }
    #expect(try attempt(bytes, engine))
    var memory = lintel_memory()
    memory.struct_size = UInt32(MemoryLayout<lintel_memory>.size)
    #expect(lintel_engine_memory(engine, &memory) == LINTEL_OK)
    #expect(memory.total_bytes == memory.engine_bytes)
  }
}
