// Which format each tensor gets: the same choice as llama-quantize makes without an importance
// matrix, so that a file of a name is the same mixture whoever made it.
//
// Tensors are visited by layer, within a layer by name; some choices depend on how many of a kind
// came before. Norms, convolutions, routers, biases and everything one-dimensional stay as they are.

import LintelCore

/// What the mixture asks about a model.
package struct ModelFacts {
  package var architecture = ""
  package var layers = 0
  package var experts = 0
  package var heads = 0
  /// Of the first layer.
  package var keyHeads = 0

  /// Query heads per key head of the first layer, 0 where it has no key heads.
  var headsPerKeyHead: Int { keyHeads > 0 ? heads / keyHeads : 0 }
}

package struct Mixture {
  package struct Choice: Equatable {
    package let format: BlockFormat
    /// What the mixture wanted, when rows are not whole blocks of it.
    package let instead: BlockFormat?
  }

  private enum Role { case output, embedding, value, key, attentionOutput, down, other }

  private let recipe: Recipe
  private let facts: ModelFacts
  private let isTied: Bool
  private let valueCount: Int
  private var valuesSeen = 0
  private var downsSeen = 0

  /// The formats of `tensors`, in their order.
  package static func choose(
    _ recipe: Recipe, _ facts: ModelFacts, _ tensors: [SourceTensor]
  ) -> [Choice] {
    var mixture = Mixture(recipe, facts, tensors)
    let order = tensors.indices.sorted {
      let a = tensors[$0].name, b = tensors[$1].name
      let i = layer(a) ?? -1, j = layer(b) ?? -1
      return i != j ? i < j : Array(a.utf8).lexicographicallyPrecedes(Array(b.utf8))
    }
    var choices = tensors.map { Choice(format: $0.entry.format, instead: nil) }
    for i in order where isQuantised(tensors[i]) {
      choices[i] = fit(mixture.want(tensors[i]), columns: tensors[i].entry.ne0)
    }
    return choices
  }

  private init(_ recipe: Recipe, _ facts: ModelFacts, _ tensors: [SourceTensor]) {
    self.recipe = recipe
    self.facts = facts
    isTied = !tensors.contains { $0.name == "output.weight" }
    valueCount = tensors.count { Mixture.role($0.name) == .value }
  }

  /// Weights of two dimensions and more, but for what is small or chooses.
  package static func isQuantised(_ t: SourceTensor) -> Bool {
    let kept = [
      "_norm.weight", "ffn_gate_inp.weight", "ssm_conv1d", "shortconv.conv.weight",
      "position_embd.weight", "token_types.weight",
    ]
    return t.entry.ne1 * t.entry.ne2 * t.entry.ne3 > 1 && t.name.hasSuffix("weight")
      && !kept.contains { t.name.contains($0) }
  }

  private static func role(_ name: String) -> Role {
    if name == "output.weight" { return .output }
    if name == "token_embd.weight" { return .embedding }
    for value in ["attn_qkv.weight", "attn_kv_b.weight", "attn_v.weight"] where name.contains(value) {
      return .value
    }
    if name.contains("attn_k.weight") { return .key }
    if name.contains("attn_q.weight") { return .other }
    if name.contains("attn_output.weight") { return .attentionOutput }
    return name.contains("ffn_down") ? .down : .other
  }

  /// The n of a name that begins with "blk.n.".
  private static func layer(_ name: String) -> Int? {
    let parts = name.split(separator: ".", maxSplits: 2)
    return parts.count == 3 && parts[0] == "blk" ? Int(parts[1]) : nil
  }

  private mutating func want(_ t: SourceTensor) -> BlockFormat {
    let base = recipe.base
    switch Mixture.role(t.name) {
    case .output: return outputFormat(t)
    case .embedding: return isTied ? outputFormat(t) : base
    case .value:
      defer { valuesSeen += 1 }
      if facts.experts == 8 { return .q8_0 }
      if isMixed { return Mixture.deservesMore(valuesSeen, of: valueCount) ? .q6_k : base }
      return recipe == .iq4_nl && facts.headsPerKeyHead >= 4 ? .q5_k : base
    case .key: return facts.experts == 8 ? .q8_0 : base
    case .attentionOutput:
      return facts.experts == 8 && (recipe == .q4_k_m || recipe == .iq4_nl) ? .q5_k : base
    case .down:
      let layer = facts.experts > 1 ? Mixture.layer(t.name) ?? downsSeen : downsSeen
      downsSeen += 1
      if isMixed { return Mixture.deservesMore(layer, of: facts.layers) ? .q6_k : base }
      return recipe == .iq4_nl && layer < facts.layers / 8 ? .q5_k : base
    case .other: return base
    }
  }

  private var isMixed: Bool { recipe == .q4_k_m || recipe == .q5_k_m }

  private func outputFormat(_ t: SourceTensor) -> BlockFormat {
    recipe == .q8_0 || t.entry.ne0 % recipe.base.blockElements != 0 ? .q8_0 : .q6_k
  }

  /// The first and the last eighth, and every third between.
  private static func deservesMore(_ i: Int, of n: Int) -> Bool {
    i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2
  }

  /// Rows that are not whole blocks of 256 get the next larger format in blocks of 32, and those
  /// that are not whole blocks of that are kept in half precision.
  package static func fit(_ wanted: BlockFormat, columns: Int) -> Choice {
    if columns % wanted.blockElements == 0 { return Choice(format: wanted, instead: nil) }
    let smaller: BlockFormat =
      switch wanted {
      case .q4_k: .q5_0
      case .q5_k: .q5_1
      case .q6_k: .q8_0
      default: .f16
      }
    return Choice(
      format: columns % smaller.blockElements == 0 ? smaller : .f16, instead: wanted)
  }
}
