// An adapter on a model against a model whose weights it has been merged into: every linear map of every
// family, by the engine's own exact arithmetic on both sides.

import CLintel
import Foundation
import LintelCore
import LintelExports
import LintelKernels
import Testing

/// Row-major matrices, one after another.
private struct Stack {
  var columns: Int
  var rows: Int
  var slices: Int
  var values: [Float]

  init(columns: Int, rows: Int, slices: Int, values: [Float]) {
    self.columns = columns
    self.rows = rows
    self.slices = slices
    self.values = values
  }

  init(_ file: EditableFile, _ t: EditableFile.Tensor) {
    columns = Int(t.ne[0])
    rows = t.ne.count > 1 ? Int(t.ne[1]) : 1
    slices = t.ne.count > 2 ? Int(t.ne[2]) : 1
    values = [Float](repeating: 0, count: columns * rows * slices)
    let (columns, rows) = (columns, rows * slices)
    guard let format = BlockFormat(rawValue: t.type) else { return }
    file.data.withUnsafeBytes { data in
      let matrix = Matrix(
        start: data.baseAddress! + Int(t.offset), format: format, columns: columns, rows: rows)
      values.withUnsafeMutableBufferPointer { to in
        for r in 0..<rows { Dequantise.row(matrix, r, into: to.baseAddress! + r * columns) }
      }
    }
  }

  subscript(slice: Int, row: Int, column: Int) -> Float {
    get { values[(slice * rows + row) * columns + column] }
    set { values[(slice * rows + row) * columns + column] = newValue }
  }
}

private struct Noise {
  var state: UInt64
  mutating func next() -> Float {
    var sum: Float = 0
    for _ in 0..<6 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      sum += Float(Int32(truncatingIfNeeded: state >> 32)) / 2_147_483_648
    }
    return sum / 1.41
  }
}

@Suite(.serialized) struct MergedTests {
  private static let alpha: Float = 24
  private static let suffixes = [
    "attn_q", "attn_k", "attn_v", "attn_qkv", "attn_gate", "attn_output", "attn_kv_a_mqa",
    "attn_k_b", "attn_v_b", "attn_kv_b", "ssm_f_a", "ssm_f_b", "ssm_g_a", "ssm_g_b", "ssm_beta",
    "ssm_alpha", "ssm_ba", "ssm_out", "ffn_gate", "ffn_up", "ffn_down", "ffn_gate_inp",
    "ffn_gate_inp_shexp", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps", "ffn_gate_shexp",
    "ffn_up_shexp", "ffn_down_shexp",
  ]

  private static func isLinear(_ name: String) -> Bool {
    if name == "output.weight" { return true }
    let parts = name.split(separator: ".")
    return parts.count == 4 && parts[3] == "weight" && suffixes.contains(String(parts[2]))
  }

  /// Values that `format` holds exactly.
  private static func rounded(_ x: Float, _ format: BlockFormat) -> Float {
    switch format {
    case .f16: Float(Float16(x))
    case .bf16: Float(bitPattern: x.bitPattern & 0xFFFF_0000)
    default: x
    }
  }

  /// An adapter for the linear maps that `isMeant`, of ranks 1, 3, 8, 16 in turn and in three formats.
  private func adapter(
    _ file: EditableFile, scale: Float, _ isMeant: (String) -> Bool
  ) -> EditableFile {
    var out = EditableFile(architecture: file.architecture)
    out.set("general.type", "adapter")
    out.set("adapter.type", "lora")
    out.set("adapter.lora.alpha", MergedTests.alpha)
    var noise = Noise(state: 77)
    let ranks = [3, 8, 1, 16]
    let formats: [BlockFormat] = [.f32, .f16, .bf16]
    var n = 0
    for t in file.tensors where MergedTests.isLinear(t.name) && isMeant(t.name) {
      let w = Stack(file, t)
      let rank = ranks[n % 4]
      let format = formats[n % 3]
      n += 1
      let size = w.values.reduce(0) { $0 + $1 * $1 } / Float(w.values.count)
      let ratio = MergedTests.alpha / Float(rank) * scale
      let factor = 0.3 * size.squareRoot() / Float(rank).squareRoot() / abs(ratio)
      func draw(_ count: Int, _ by: Float) -> [Float] {
        (0..<count).map { _ in MergedTests.rounded(noise.next() * by, format) }
      }
      out.append(
        t.name + ".lora_a", [w.columns, rank, w.slices], format,
        draw(w.columns * rank * w.slices, 1))
      out.append(
        t.name + ".lora_b", [rank, w.rows, w.slices], format,
        draw(rank * w.rows * w.slices, factor))
    }
    return out
  }

  /// `file` with its linear maps in F32 and `adapter` merged into them.
  private func merged(
    _ file: EditableFile, _ adapter: EditableFile, scale: Float
  ) -> EditableFile {
    var out = file
    for (i, t) in file.tensors.enumerated() {
      guard let ta = adapter.tensor(t.name + ".lora_a"), let tb = adapter.tensor(t.name + ".lora_b")
      else { continue }
      var w = Stack(file, t)
      let a = Stack(adapter, ta), b = Stack(adapter, tb)
      let factor = Double(MergedTests.alpha / Float(a.rows) * scale)
      for s in 0..<w.slices {
        for o in 0..<w.rows {
          for c in 0..<w.columns {
            var sum = 0.0
            for j in 0..<a.rows { sum += Double(b[s, o, j]) * Double(a[s, j, c]) }
            w[s, o, c] = Float(Double(w[s, o, c]) + factor * sum)
          }
        }
      }
      out.replace(i, w.values)
    }
    return out
  }

  private func logits(
    _ model: EditableFile, _ adapter: EditableFile?, scale: Float, isFloat: Bool = true
  ) throws -> [Float] {
    let host = try BytesHost(model.bytes(), adapter: adapter?.bytes(), isFloat: isFloat)
    if adapter != nil {
      var use = lintel_adapter_use(slot: 0, scale: scale)
      #expect(lintel_session_set_adapters(host.session, &use, 1, nil) == LINTEL_OK)
    }
    return try host.logits([5, 17, 300, 2, 9, 250, 31, 44, 100, 7, 8, 60, 61, 62, 63, 64, 65])
  }

  private func compare(
    _ file: EditableFile, _ name: String, scale: Float = 0.75, _ isMeant: (String) -> Bool
  ) throws {
    let adapter = adapter(file, scale: scale, isMeant)
    #expect(!adapter.tensors.isEmpty)
    let ours = try logits(file, adapter, scale: scale)
    let theirs = try logits(merged(file, adapter, scale: scale), nil, scale: 0)
    let plain = try logits(file, nil, scale: 0)
    let worst = zip(ours, theirs).reduce(Float(0)) {
      let d = abs($1.0 - $1.1)
      return d.isNaN ? .infinity : max($0, d)
    }
    let effect = zip(ours, plain).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
    print("\(name): \(adapter.tensors.count / 2) maps, max abs \(worst), effect \(effect)")
    #expect(worst < 1e-3 && effect > 0.1, "\(name)")
  }

  @Test(arguments: [
    "kimi-tiny-Q5_K_M", "kimi-kq-tiny-Q4_K_M", "qwen35-tiny-Q2_K", "qwen35-heads-F32",
    "qwen35moe-F32", "qwen35moe-Q4_K", "qwen3next-F32", "qwen3next-Q8_0", "polaformer-lm-F32",
    "polaformer-lm-Q8_0",
  ])
  func everyMap(_ name: String) throws {
    try compare(EditableFile(fixture: name), name) { _ in true }
  }

  @Test(arguments: ["output.weight", "ffn_gate_inp.weight", "attn_k_b.weight", "attn_v_b.weight"])
  func oneMap(_ suffix: String) throws {
    try compare(EditableFile(fixture: "kimi-tiny-Q5_K_M"), suffix, scale: -2) {
      $0.hasSuffix(suffix)
    }
  }

  /// Adapters of `attn_kv_b`, on a model that has it whole and on one that has it in two.
  @Test func jointKeysAndValues() throws {
    let split = try EditableFile(fixture: "kimi-tiny-Q5_K_M")
    let whole = joined(split)
    #expect(whole.tensors.contains { $0.name.hasSuffix("attn_kv_b.weight") })
    try compare(whole, "attn_kv_b") { $0.hasSuffix("attn_kv_b.weight") }
    let adapter = adapter(whole, scale: 0.75) { $0.hasSuffix("attn_kv_b.weight") }
    let a = try logits(whole, adapter, scale: 0.75)
    let b = try logits(split, adapter, scale: 0.75)
    let worst = zip(a, b).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
    print("attn_kv_b on a split model: max abs \(worst)")
    #expect(worst < 1e-3)
  }

  /// `attn_k_b` and `attn_v_b` as one legacy tensor `attn_kv_b`.
  private func joined(_ file: EditableFile) -> EditableFile {
    var out = file
    for t in file.tensors where t.name.hasSuffix(".attn_k_b.weight") {
      let base = t.name.dropLast("attn_k_b.weight".count)
      guard let v = file.tensor(base + "attn_v_b.weight") else { continue }
      let key = Stack(file, t), value = Stack(file, v)
      let rank = key.rows
      var values: [Float] = []
      for h in 0..<key.slices {
        for n in 0..<key.columns { values += (0..<rank).map { key[h, $0, n] } }
        for o in 0..<value.rows { values += (0..<rank).map { value[h, o, $0] } }
      }
      out.remove(t.name)
      out.remove(v.name)
      out.append(
        base + "attn_kv_b.weight", [rank, key.slices * (key.columns + value.rows), 1], .f32, values)
    }
    return out
  }
}

/// An engine, a model and a session over bytes, with room for one adapter.
final class BytesHost {
  private let memory: UnsafeMutableRawBufferPointer
  private(set) var engine: OpaquePointer?
  private(set) var model: OpaquePointer?
  private(set) var session: OpaquePointer?
  private var vocabulary = 0

  init(_ bytes: [UInt8], adapter: [UInt8]?, isFloat: Bool) throws {
    memory = .allocate(byteCount: bytes.count, alignment: 64)
    memory.copyBytes(from: bytes)
    var e = lintel_engine_options()
    e.struct_size = UInt32(MemoryLayout<lintel_engine_options>.size)
    e.memory_bytes = 96 << 20
    e.threads = 2
    var m = lintel_model_options()
    m.struct_size = UInt32(MemoryLayout<lintel_model_options>.size)
    m.flags = isFloat ? LINTEL_MODEL_FLOAT_ACTIVATIONS : 0
    m.chunk_tokens = 8
    m.adapter_slots = 2
    m.adapter_slot_bytes = 16 << 20
    m.adapter_rank = 16
    var s = lintel_session_options()
    s.struct_size = UInt32(MemoryLayout<lintel_session_options>.size)
    s.context_tokens = 64
    var error = lintel_error()
    error.struct_size = UInt32(MemoryLayout<lintel_error>.size)
    try #require(lintel_engine_create(&e, &engine, &error) == LINTEL_OK)
    let status = lintel_model_open_bytes(
      engine, memory.baseAddress, UInt64(memory.count), &m, &model, &error)
    try #require(status == LINTEL_OK, "\(sentence(error))")
    try #require(lintel_session_create(model, &s, &session, &error) == LINTEL_OK)
    if let adapter {
      let loaded = lintel_adapter_load_bytes(
        model, 0, adapter, UInt64(adapter.count), "tested", &error)
      try #require(loaded == LINTEL_OK, "\(sentence(error))")
    }
  }

  deinit {
    _ = lintel_engine_destroy(engine)
    memory.deallocate()
  }

  func logits(_ ids: [Int32]) throws -> [Float] {
    final class Rows { var values: [Float] = [] }
    let rows = Rows()
    try #require(lintel_session_feed_tokens(session, ids, ids.count, nil) == LINTEL_OK)
    let status = lintel_session_logits(
      session, 0,
      { user, _, logits, count in
        guard let user, let logits else { return 0 }
        Unmanaged<Rows>.fromOpaque(user).takeUnretainedValue().values
          += UnsafeBufferPointer(start: logits, count: Int(count))
        return 1
      }, Unmanaged.passUnretained(rows).toOpaque(), nil)
    try #require(status == LINTEL_DONE)
    return rows.values
  }
}

func sentence(_ error: lintel_error) -> String {
  withUnsafeBytes(of: error.message) { raw in
    String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
  }
}
