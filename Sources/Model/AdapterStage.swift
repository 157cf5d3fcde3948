// An adapter file against its base model: every tensor must belong to a linear map, have its partner,
// and fit. Nothing of the slot is touched.
//
// Adapters made for `attn_kv_b` also fit models whose files hold it as `attn_k_b` and `attn_v_b`. With
// the map W = [K_h; V_h] over all heads h, and B's rows split the same way,
//
//     K_hᵀ + (B_h A)ᵀ = K_hᵀ + Aᵀ B_hᵀ        so the key half has A_h' = B_hᵀ and B' = Aᵀ
//     V_h + B_h A                             and the value half has A' = A and B_h' = B_h

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

/// One linear map's pair of tensors.
struct FoundMap: BitwiseCopyable {
  struct Joint: BitwiseCopyable {
    var heads: Int
    var nope: Int
    var value: Int
  }

  var a: Matrix
  var b: Matrix
  var slices: Int
  var input: Int32
  /// Set where one pair changes both halves of a latent mixer's keys and values.
  var joint: Joint?

  var rank: Int { a.rows }
  /// Linear maps that it stands for.
  var partCount: Int { joint == nil ? 1 : 2 }

  func columns(_ part: Int) -> Int {
    guard let joint else { return a.columns }
    return part == 0 ? joint.nope : a.columns
  }

  func rows(_ part: Int) -> Int {
    guard let joint else { return b.rows }
    return part == 0 ? a.columns : joint.value
  }

  func slicesOfA(_ part: Int) -> Int {
    guard let joint else { return slices }
    return part == 0 ? joint.heads : 1
  }

  func slicesOfB(_ part: Int) -> Int {
    guard let joint else { return slices }
    return part == 0 ? 1 : joint.heads
  }

  /// Rows of B that belong to half `part` of head `h`.
  private func rows(_ joint: Joint, _ part: Int, _ h: Int) -> Range<Int> {
    let start = h * (joint.nope + joint.value)
    return part == 0
      ? start..<(start + joint.nope) : (start + joint.nope)..<(start + joint.nope + joint.value)
  }

  func copyA(_ part: Int, _ slice: Int, to: UnsafeMutableRawPointer, _ format: BlockFormat) {
    if let joint, part == 0 {
      LowRankPack.transpose(b, rows: rows(joint, 0, slice), to: to, format)
    } else {
      LowRankPack.copy(a.slice(slice), rows: 0..<rank, to: to, format)
    }
  }

  func copyB(_ part: Int, _ slice: Int, to: UnsafeMutableRawPointer, _ format: BlockFormat) {
    if let joint {
      if part == 0 {
        LowRankPack.transposedPanels(a, to: to, format)
      } else {
        LowRankPack.panels(b, rows: rows(joint, 1, slice), to: to, format)
      }
    } else {
      LowRankPack.panels(b.slice(slice), rows: 0..<b.rows, to: to, format)
    }
  }

  /// Elements that it takes in a slot.
  func elements() throws(Failure) -> Int {
    var sum = 0
    for part in 0..<partCount {
      let ofA = try Checked.multiply(
        Checked.multiply(rank, columns(part), "an adapter's tensor"), slicesOfA(part),
        "an adapter's tensor")
      let rows = try Checked.alignUp(rows(part), LowRankPack.panelRows, "an adapter's tensor")
      let ofB = try Checked.multiply(
        Checked.multiply(rows, rank, "an adapter's tensor"), slicesOfB(part),
        "an adapter's tensor")
      sum = try Checked.add(sum, Checked.add(ofA, ofB, "an adapter's size"), "an adapter's size")
    }
    return sum
  }
}

/// A map's tensors as they come, in any order.
struct StagedMap: BitwiseCopyable {
  struct Half: BitwiseCopyable {
    var entry: TensorEntry
    var start: UnsafeRawPointer

    var matrix: Matrix {
      Matrix(start: start, format: entry.format, columns: entry.ne0, rows: entry.ne1)
    }
  }

  var base: Bytes
  var input: Int32
  var slices: Int
  var joint: FoundMap.Joint?
  var a: Half?
  var b: Half?

  /// Both halves; nil where the adapter has none.
  var found: FoundMap? {
    guard let a, let b else { return nil }
    return FoundMap(a: a.matrix, b: b.matrix, slices: slices, input: input, joint: joint)
  }

  static var none: StagedMap { StagedMap(base: Bytes(""), input: -1, slices: 1) }
}

extension AdapterSlots {
  /// Checks `file` against `model`. With `exact`, elements stay as precise as they are in the file.
  package func stage(
    _ file: AdapterFile, _ model: Model, exact: Bool
  ) throws(Failure) -> StagedAdapter {
    let architecture = model.hyperparameters.architecture.name
    if !(file.architecture == architecture) {
      throw Failure(
        .unsupported,
        "the adapter is for \(file.architecture) models (general.architecture); this one is \(architecture)"
      )
    }
    staged.fill(.none)
    var formats = AdapterFormats()
    var cursor = file.container.tensors()
    while let entry = try cursor.next() {
      try stage(entry, try file.container.start(of: entry), model)
      formats.include(entry.format)
    }
    var result = StagedAdapter()
    result.format = formats.stored(exact: exact)
    var elements = 0
    for i in 0..<staged.count {
      let s = staged[i]
      if s.a == nil && s.b == nil { continue }
      guard let found = s.found else {
        let there: StaticString = s.a == nil ? ".lora_b" : ".lora_a"
        throw Failure(
          .missing, "tensor \(s.base) has only its \(there): .lora_a and .lora_b are both needed")
      }
      try check(s, found, result.format)
      elements = try Checked.add(elements, found.elements(), "an adapter's size")
      result.rank = max(result.rank, found.rank)
      result.maps += found.partCount
      if found.joint != nil, i + 1 < staged.count, staged[i + 1].base.count > 0 {
        throw Failure(
          .duplicate, "tensors \(s.base) and \(staged[i + 1].base) change the same map")
      }
    }
    result.bytes = try Checked.multiply(elements, result.format.blockBytes, "an adapter's size")
    if result.bytes > options.slotBytes {
      throw Failure(
        .budget,
        "the adapter needs \(result.bytes) bytes, but the model's slots have \(options.slotBytes): raise adapter_slot_bytes",
        needed: Int64(result.bytes), available: Int64(options.slotBytes))
    }
    return result
  }

  private func stage(
    _ entry: TensorEntry, _ start: UnsafeRawPointer, _ model: Model
  ) throws(Failure) {
    let (base, part) = try AdapterFile.part(entry)
    let place = try place(base, entry.name, model)
    let isA = part == .a
    if (isA ? staged[place.id].a : staged[place.id].b) != nil {
      throw Failure(.duplicate, "tensor \(entry.name) occurs twice, or under two names")
    }
    let expected = isA ? place.columns : place.rows
    if (isA ? entry.ne0 : entry.ne1) != expected || entry.ne2 != place.slices || entry.ne3 != 1 {
      let before: StaticString = isA ? "" : "rank, "
      let after: StaticString = isA ? "rank, " : ""
      throw Failure(
        .shape,
        "tensor \(entry.name) is [\(entry.ne0), \(entry.ne1), \(entry.ne2), \(entry.ne3)]; this base model needs [\(before)\(expected), \(after)\(place.slices)]"
      )
    }
    let s = staged + place.id
    s.pointee.base = base
    s.pointee.input = place.input
    s.pointee.slices = place.slices
    s.pointee.joint = place.joint
    let half = StagedMap.Half(entry: entry, start: start)
    if isA { s.pointee.a = half } else { s.pointee.b = half }
  }

  private struct Place {
    var id: Int
    var input: Int32
    var columns: Int
    var rows: Int
    var slices: Int
    var joint: FoundMap.Joint?
  }

  /// The linear map whose weights are called `base` in the model.
  private func place(
    _ base: Bytes, _ name: Bytes, _ model: Model
  ) throws(Failure) -> Place {
    if base == "token_embd.weight" {
      throw Failure(
        .unsupported, "tensor \(name) changes the token embedding, which is not supported")
    }
    var latent: LatentMixer?
    let isJoint = base.hasSuffix(".attn_kv_b.weight")
    if isJoint, let block = Binder.block(base), block < model.layers.count,
      case .latent(let m) = model.layers[block].mixer
    {
      latent = m
    }
    if let m = latent {
      return Place(
        id: Int(m.keyNumbers.id), input: m.keyNumbers.input, columns: m.rank,
        rows: m.heads * (m.nope + m.value), slices: 1,
        joint: FoundMap.Joint(heads: m.heads, nope: m.nope, value: m.value))
    }
    guard let i = model.directory.place(base) else {
      throw Failure(
        .unsupported,
        "tensor \(name): the base model has no tensor \(base) to apply it to")
    }
    let slot = model.directory.slots[i]
    if slot.linear < 0 {
      throw Failure(
        .unsupported, "tensor \(name): \(base) is not a linear map that this engine computes")
    }
    return Place(
      id: Int(slot.linear), input: slot.input, columns: slot.entry.ne0, rows: slot.entry.ne1,
      slices: slot.entry.ne2, joint: nil)
  }

  /// What can be said once both halves are there.
  private func check(
    _ s: StagedMap, _ found: FoundMap, _ format: BlockFormat
  ) throws(Failure) {
    if found.b.columns != found.rank {
      throw Failure(
        .shape,
        "tensors of \(s.base): .lora_a has rank \(found.rank), .lora_b \(found.b.columns)",
        needed: Int64(found.rank), available: Int64(found.b.columns))
    }
    if found.rank > options.rank {
      throw Failure(
        .limit,
        "tensors of \(s.base) have rank \(found.rank), but the model was opened for ranks up to \(options.rank): raise adapter_rank",
        needed: Int64(found.rank), available: Int64(options.rank))
    }
    for isA in 0..<2 {
      guard let half = isA == 0 ? s.a : s.b else { continue }
      var whole = half.matrix
      whole = Matrix(
        start: half.start, format: whole.format, columns: whole.columns,
        rows: whole.rows * half.entry.ne2)
      let greatest = LowRankPack.greatest(whole)
      if greatest == .infinity || (format == .f16 && greatest > 65504) {
        throw Failure(
          .unsupported,
          "tensor \(half.entry.name) holds a number that is not finite, or beyond half precision")
      }
    }
  }
}
