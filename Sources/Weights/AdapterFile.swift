// A GGUF LoRA adapter: for some linear maps of a base model two tensors each,
//
//     <name of the base tensor>.lora_a   [columns, rank]   or, per slice, [columns, rank, slices]
//     <name of the base tensor>.lora_b   [rank, rows]      or [rank, rows, slices]
//
// and y += scale · alpha / rank · B (A x), with scale · B (A x) where alpha is 0 or absent. What would
// change more than that (DoRA's magnitudes, invocation tokens, trained norms) is refused by name.

import LintelCore

package struct AdapterFile: BitwiseCopyable, Sendable {
  package let container: Container
  package private(set) var architecture = Bytes("")
  package private(set) var name = Bytes("")
  package private(set) var alpha: Float = 0

  package enum Part: Sendable {
    case a
    case b
  }

  package init(_ bytes: Bytes) throws(Failure) {
    container = try Container(bytes)
    var type: Bytes?
    var kind: Bytes?
    var seen: UInt8 = 0
    func once(_ bit: UInt8, _ key: Bytes) throws(Failure) {
      if seen & bit != 0 { throw Failure(.duplicate, "key \(key) occurs twice") }
      seen |= bit
    }
    var cursor = container.metadata()
    while let entry = try cursor.next() {
      let key = entry.key
      if key == "general.type" {
        try once(1, key)
        type = try entry.string()
      } else if key == "general.architecture" {
        try once(2, key)
        architecture = try entry.string()
      } else if key == "general.name" {
        try once(4, key)
        name = try entry.string()
      } else if key == "adapter.type" {
        try once(8, key)
        kind = try entry.string()
      } else if key == "adapter.lora.alpha" {
        try once(16, key)
        alpha = try entry.float()
      } else if key == "adapter.alora.invocation_tokens" {
        throw Failure(
          .unsupported,
          "key \(key): an adapter that acts only after its invocation tokens is not supported")
      } else if key == "adapter.lora.task_name" || key == "adapter.lora.prompt_prefix" {
        // What it is for, and what its host may put before a prompt: no part of the arithmetic.
        _ = try entry.string()
      } else if key.hasPrefix("adapter.") {
        throw Failure(
          .unsupported, "key \(key) asks for a feature of adapters that this engine does not have")
      }
    }
    guard let type, type == "adapter" else {
      throw Failure(
        .unsupported,
        "general.type is \(type ?? Bytes("absent")): this file is not an adapter (expected 'adapter')"
      )
    }
    guard let kind, kind == "lora" else {
      throw Failure(
        .unsupported, "adapter.type is \(kind ?? Bytes("absent")); 'lora' is supported")
    }
    if architecture.count == 0 {
      throw Failure(.missing, "key general.architecture is missing: it names the base model's")
    }
    if container.tensorCount == 0 {
      throw Failure(.missing, "the adapter has no tensors: it would change nothing")
    }
  }

  /// The base tensor that `entry` belongs to, and which half it is.
  package static func part(
    _ entry: TensorEntry
  ) throws(Failure) -> (base: Bytes, part: Part) {
    let name = entry.name
    if name.hasSuffix(".lora_a") { return (name.slice(0, name.count - 7), .a) }
    if name.hasSuffix(".lora_b") { return (name.slice(0, name.count - 7), .b) }
    if name.hasSuffix("magnitude") || name.hasSuffix("magnitude_vector")
      || name.hasSuffix(".lora_m") || name.hasSuffix(".dora_scale")
    {
      throw Failure(
        .unsupported, "tensor \(name) is a magnitude (DoRA), which is not supported")
    }
    throw Failure(
      .unsupported, "tensor \(name) is neither a .lora_a nor a .lora_b: it cannot be applied")
  }
}

/// The formats of an adapter's tensors, and the one that it is kept in.
package struct AdapterFormats: BitwiseCopyable {
  private var isF16 = true
  private var isBF16 = true

  package init() {}

  package mutating func include(_ format: BlockFormat) {
    if format != .f16 { isF16 = false }
    if format != .bf16 { isBF16 = false }
  }

  /// As it is in the file, if that is a half-precision format throughout; else 32-bit floats where
  /// arithmetic must be exact, and half precision where activations are rounded to 8 bits anyway.
  package func stored(exact: Bool) -> BlockFormat {
    if isF16 { return .f16 }
    if isBF16 { return .bf16 }
    return exact ? .f32 : .f16
  }
}

/// Facts about an adapter file that need no base model.
package struct AdapterSummary {
  package var rank = 0
  /// Linear maps that it changes.
  package var maps = 0
  /// Elements of all A's, and of all B's with their rows rounded up to whole panels.
  package var elements = 0
  package var formats = AdapterFormats()

  /// Every tensor checked for its partner in `directory`, which has been indexed.
  package init(_ directory: TensorDirectory, panelRows: Int) throws(Failure) {
    for i in 0..<directory.slots.count {
      let e = directory.slots[i].entry
      let (base, part) = try AdapterFile.part(e)
      if e.ne3 != 1 { throw Failure(.shape, "tensor \(e.name) has four dimensions") }
      formats.include(e.format)
      guard let partner = AdapterSummary.partner(directory, e.name) else {
        throw Failure(
          .missing,
          "tensor \(e.name) has no partner: \(base) needs both .lora_a and .lora_b")
      }
      let rank = part == .a ? e.ne1 : e.ne0
      let other = part == .a ? partner.ne0 : partner.ne1
      if rank != other || e.ne2 != partner.ne2 {
        throw Failure(
          .shape,
          "tensors of \(base): .lora_a and .lora_b disagree about the rank, \(rank) and \(other), or their slices",
          needed: Int64(rank), available: Int64(other))
      }
      self.rank = max(self.rank, rank)
      var count = e.elements
      if part == .b {
        maps += 1
        let rows = try Checked.alignUp(e.ne1, panelRows, "an adapter's rows")
        count = try Checked.multiply(
          Checked.multiply(rows, rank, "an adapter's tensor"), e.ne2, "an adapter's tensor")
      }
      elements = try Checked.add(elements, count, "an adapter's size")
    }
  }

  /// The tensor of the same name that ends in the other letter.
  private static func partner(_ directory: TensorDirectory, _ name: Bytes) -> TensorEntry? {
    var copy = InlineArray<256, UInt8>(repeating: 0)
    for i in 0..<min(name.count, 255) { copy[i] = name[i] }
    let last = min(name.count, 255) - 1
    copy[last] = copy[last] == 97 ? 98 : 97
    return withUnsafeBytes(of: copy) { raw -> TensorEntry? in
      guard let start = raw.baseAddress,
        let i = directory.place(Bytes(start: start, count: last + 1))
      else { return nil }
      return directory.slots[i].entry
    }
  }
}
