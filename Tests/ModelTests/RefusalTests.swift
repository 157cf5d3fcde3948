// Files with a feature that the engine lacks: refused, with a sentence that names it.

import CLintel
import LintelExports
import Testing

@Suite struct RefusalTests {
  /// Status and sentence of opening `file`.
  private func open(_ file: EditableFile) -> (status: lintel_status, sentence: String) {
    let bytes = file.bytes()
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
    defer { memory.deallocate() }
    memory.copyBytes(from: bytes)
    var options = lintel_engine_options()
    options.struct_size = UInt32(MemoryLayout<lintel_engine_options>.size)
    options.memory_bytes = 64 << 20
    options.threads = 1
    var error = lintel_error()
    error.struct_size = UInt32(MemoryLayout<lintel_error>.size)
    var engine: OpaquePointer?
    #expect(lintel_engine_create(&options, &engine, &error) == LINTEL_OK)
    defer { _ = lintel_engine_destroy(engine) }
    var model: OpaquePointer?
    let status = lintel_model_open_bytes(
      engine, memory.baseAddress, UInt64(memory.count), nil, &model, &error)
    #expect((model != nil) == (status == LINTEL_OK))
    let sentence = withUnsafeBytes(of: error.message) { raw in
      String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
    }
    return (status, sentence)
  }

  private func refused(
    _ words: String..., from fixture: String = "qwen3next-F32",
    as status: lintel_status = LINTEL_ERR_UNSUPPORTED, at location: SourceLocation = #_sourceLocation,
    _ change: (inout EditableFile) -> Void
  ) throws {
    var file = try EditableFile(fixture: fixture)
    change(&file)
    let result = open(file)
    #expect(result.status == status, "\(result.sentence)", sourceLocation: location)
    for word in words {
      #expect(result.sentence.contains(word), sourceLocation: location)
    }
  }

  @Test(arguments: [
    "qwen3next-F32", "qwen35-mtp-Q8_0", "qwen35moe-Q4_K", "polaformer-lm-F32", "polaformer-lm-Q8_0",
  ])
  func unchangedFilesOpen(_ name: String) throws {
    let result = open(try EditableFile(fixture: name))
    #expect(result.status == LINTEL_OK, "\(result.sentence)")
  }

  @Test func architecture() throws {
    try refused("general.architecture", "rwkv7") { $0.set("general.architecture", "rwkv7") }
    try refused("general.architecture", "clip") { $0.set("general.architecture", "clip") }
    try refused("general.type", "adapter") { $0.set("general.type", "adapter") }
  }

  @Test func ropeScaling() throws {
    try refused("qwen3next.rope.scaling.type", "wormhole", "rope scaling") {
      $0.set("qwen3next.rope.scaling.type", "wormhole")
    }
    try refused("qwen3next.rope.scaling.type", "yarn") {
      $0.set("qwen3next.rope.scaling.type", "yarn")
      $0.set("qwen3next.rope.scaling.factor", 4 as Float)
    }
    try refused("qwen3next.rope.scaling.factor") {
      $0.set("qwen3next.rope.scaling.factor", 4 as Float)
    }
    try refused("rope_freqs.weight") { $0.add("rope_freqs.weight", [5]) }
  }

  @Test func keysThatAskForMore() throws {
    try refused("qwen3next.attention.sliding_window") {
      $0.set("qwen3next.attention.sliding_window", 128 as UInt32)
    }
    try refused("expert_gating_func", "2") { $0.set("qwen3next.expert_gating_func", 2 as UInt32) }
    try refused("expert_group_count") { $0.set("qwen3next.expert_group_count", 4 as UInt32) }
  }

  @Test func polarLayers() throws {
    let fixture = "polaformer-lm-F32"
    func changed(
      _ words: String..., as status: lintel_status, at location: SourceLocation = #_sourceLocation,
      _ change: (inout EditableFile) -> Void
    ) throws {
      for word in words {
        try refused(word, from: fixture, as: status, at: location, change)
      }
    }
    try changed("polaformer-lm.polar.head_dim", "75", "even", as: LINTEL_ERR_SHAPE) {
      $0.set("polaformer-lm.polar.head_dim", 75 as UInt32)
    }
    try changed("blk.0.attn_q.weight", "[32, 152, 1, 1]", "[32, 128, 1]", as: LINTEL_ERR_SHAPE) {
      $0.set("polaformer-lm.polar.head_dim", 64 as UInt32)
    }
    try changed("polaformer-lm.polar.head_dim", as: LINTEL_ERR_MISSING) {
      $0.set("polaformer-lm.polar.head_dim", 0 as UInt32)
    }
    try changed("polaformer-lm.ssm.conv_kernel", "9", "2 to 8", as: LINTEL_ERR_UNSUPPORTED) {
      $0.set("polaformer-lm.ssm.conv_kernel", 9 as UInt32)
    }
    try changed("blk.0.ssm_conv1d_v.weight", "456", "608", as: LINTEL_ERR_SHAPE) {
      $0.set("polaformer-lm.ssm.conv_kernel", 4 as UInt32)
    }
    try changed("polaformer-lm.attention.head_count_kv", "one entry a layer", as: LINTEL_ERR_MISSING) {
      $0.keys.removeAll { $0.name == "polaformer-lm.attention.head_count_kv" }
    }
    for name in ["attn_power", "attn_gate.weight", "attn_v.weight", "ssm_conv1d_v.weight"] {
      try changed("blk.2.\(name)", "missing", as: LINTEL_ERR_MISSING) {
        $0.remove("blk.2.\(name)")
      }
    }
    try changed("blk.0.attn_power", "151", "152", as: LINTEL_ERR_SHAPE) {
      $0.edit("blk.0.attn_power") { $0.ne = [151] }
    }
    try changed("blk.0.attn_power", "F16", "F32", as: LINTEL_ERR_UNSUPPORTED) {
      $0.edit("blk.0.attn_power") { $0.type = 1 }
    }
    try changed("blk.0.attn_gate.weight", as: LINTEL_ERR_SHAPE) {
      $0.edit("blk.0.attn_gate.weight") { $0.ne = [152, 32] }
    }
    try changed("blk.0.ssm_beta.weight", "polaformer-lm", as: LINTEL_ERR_UNSUPPORTED) {
      $0.add("blk.0.ssm_beta.weight", [32, 2])
    }
  }

  @Test func visionTower() throws {
    try refused("v.blk.0.attn_q.weight", "vision tower") {
      $0.add("v.blk.0.attn_q.weight", [32, 32])
    }
    try refused("mm.0.weight", "vision tower", from: "qwen35-mtp-Q8_0") {
      $0.add("mm.0.weight", [32, 32])
    }
  }

  @Test func blockFormats() throws {
    for (type, name) in [(39, "MXFP4"), (40, "NVFP4"), (23, "IQ4_XS")] as [(UInt32, String)] {
      try refused("blk.0.ffn_down_exps.weight", name) {
        $0.edit("blk.0.ffn_down_exps.weight") { $0.type = type }
      }
    }
  }

  @Test func arrangements() throws {
    try refused("blk.0.ssm_in.weight", "queries, keys, values and gates") {
      $0.remove("blk.0.attn_qkv.weight")
      $0.remove("blk.0.attn_gate.weight")
      $0.add("blk.0.ssm_in.weight", [32, 384])
    }
    try refused("blk.1.ffn_gate_up_exps.weight", "experts") {
      $0.remove("blk.1.ffn_gate_exps.weight")
      $0.remove("blk.1.ffn_up_exps.weight")
      $0.add("blk.1.ffn_gate_up_exps.weight", [32, 32, 7])
    }
  }

  /// Beyond the layers only announced multi-token-prediction blocks may lie.
  @Test func strayTensors() throws {
    try refused("blk.3.attn_norm.weight") { $0.add("blk.3.attn_norm.weight", [32]) }
    try refused("blk.0.attn_q.bias") { $0.add("blk.0.attn_q.bias", [32]) }
    try refused("blk.3.nextn.", from: "qwen35-mtp-Q8_0") {
      $0.set("qwen35.nextn_predict_layers", 0 as UInt32)
    }
  }
}
