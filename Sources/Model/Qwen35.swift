// qwen35, qwen35moe, qwen3next: gated delta net and gated full attention, dense or with experts.
//
//     x ← x + mixer(rms(x, attn_norm));  x ← x + ffn(rms(x, post_attention_norm))
//
// `attention.recurrent_layers` says which layers are which; without it every
// `full_attention_interval`-th layer is full attention. The families differ in how value heads pair
// with key heads (qwen3next keeps them grouped, the others are tiled) and in whether beta and the
// decay are two maps or one. Multi-token-prediction blocks follow the layers in the file;
// they guess (Predictor.swift).

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

enum Qwen35 {
  static func bind(
    _ h: Hyperparameters, _ binder: inout Binder, _ block: Int
  ) throws(Failure) -> (Mixer, FeedForward) {
    let mixer: Mixer =
      try isRecurrent(h, block) ? delta(h, &binder, block) : .gated(gated(h, &binder, block))
    return (mixer, try feedForward(h, &binder, block))
  }

  /// The layer inside a multi-token-prediction block.
  static func predictor(
    _ h: Hyperparameters, _ binder: inout Binder, _ block: Int
  ) throws(Failure) -> (GatedMixer, FeedForward) {
    (try gated(h, &binder, block), try feedForward(h, &binder, block))
  }

  private static func feedForward(
    _ h: Hyperparameters, _ binder: inout Binder, _ block: Int
  ) throws(Failure) -> FeedForward {
    try binder.refuse(block, "ffn_gate_up_exps.weight", "one stack for the experts' gates and ups")
    if h.expertCount > 0 && binder.has(block, "ffn_gate_exps.weight") {
      return .experts(try experts(h, &binder, block))
    }
    return .dense(
      try binder.dense(
        block, h.embeddingLength, gate: "ffn_gate.weight", up: "ffn_up.weight",
        down: "ffn_down.weight"))
  }

  private static func isRecurrent(_ h: Hyperparameters, _ block: Int) throws(Failure) -> Bool {
    if let pattern = h.recurrentLayers {
      if pattern.count != h.blockCount && pattern.count != Model.layerCount(h) {
        throw Failure(
          .shape,
          "key \(h.architecture.name).attention.recurrent_layers has \(pattern.count) entries for \(h.blockCount) blocks"
        )
      }
      return try pattern.int(block, upTo: 1) != 0
    }
    let interval = h.fullAttentionInterval ?? 4
    if interval == 0 {
      throw Failure(.format, "key \(h.architecture.name).full_attention_interval is zero")
    }
    return (block + 1) % interval != 0
  }

  private static func delta(
    _ h: Hyperparameters, _ b: inout Binder, _ block: Int
  ) throws(Failure) -> Mixer {
    let e = h.embeddingLength
    let width = try b.need(h.ssmStateSize, "ssm.state_size")
    let keyHeads = try b.need(h.ssmGroupCount, "ssm.group_count")
    let valueHeads = try b.need(h.ssmTimeStepRank, "ssm.time_step_rank")
    let kernel = try Bind.kernel(h, b)
    if valueHeads % keyHeads != 0 {
      throw Failure(
        .shape,
        "key \(h.architecture.name).ssm.time_step_rank is \(valueHeads), not a multiple of ssm.group_count \(keyHeads)"
      )
    }
    let keys = try Checked.multiply(keyHeads, width, "key heads")
    let values = try Checked.multiply(valueHeads, width, "value heads")
    if let inner = h.ssmInnerSize, inner != values {
      throw Failure(
        .shape,
        "key \(h.architecture.name).ssm.inner_size is \(inner), but \(valueHeads) heads of \(width) are \(values)"
      )
    }
    let channels = 2 * keys + values
    try b.refuse(
      block, "ssm_in.weight",
      "one map for queries, keys, values and gates (an early qwen3next conversion)")
    let x = b.sharedInput()
    let projection = Projection(
      linear: try b.linear(block, "attn_qkv.weight", input: x, columns: e, rows: channels),
      column: 0)
    let piece = ConvolutionPiece(
      weight: try b.vector(block, "ssm_conv1d.weight", channels * kernel), column: 0,
      channels: channels)
    let beta: Linear
    let decay: DeltaMixer.Decay
    if b.has(block, "ssm_ba.weight") {
      beta = try b.linear(block, "ssm_ba.weight", input: x, columns: e, rows: 2 * valueHeads)
      decay = .withBeta
    } else {
      beta = try b.linear(block, "ssm_beta.weight", input: x, columns: e, rows: valueHeads)
      decay = .perHead(
        try b.linear(block, "ssm_alpha.weight", input: x, columns: e, rows: valueHeads))
    }
    return .delta(
      DeltaMixer(
        shape: DeltaRuleJob.Shape(
          keyHeads: keyHeads, valueHeads: valueHeads, keyWidth: width, valueWidth: width,
          pairing: h.architecture == .qwen3next ? .grouped : .tiled, isDecayPerChannel: false,
          isGateSilu: true, l2Epsilon: 1e-6, rmsEpsilon: h.rmsEpsilon),
        kernel: kernel, projections: InlineArray(repeating: projection), projectionCount: 1,
        convolutions: InlineArray(repeating: piece), convolutionCount: 1, decay: decay,
        beta: beta,
        gate: .full(try b.linear(block, "attn_gate.weight", input: x, columns: e, rows: values)),
        dt: try b.vector(block, "ssm_dt.bias", valueHeads),
        a: try b.vector(block, "ssm_a", valueHeads),
        norm: try b.vector(block, "ssm_norm.weight", width),
        output: try b.linear(block, "ssm_out.weight", columns: values, rows: e)))
  }

  private static func gated(
    _ h: Hyperparameters, _ b: inout Binder, _ block: Int
  ) throws(Failure) -> GatedMixer {
    let e = h.embeddingLength
    let headsKV = try b.need(h.headCountKV, "attention.head_count_kv")
    let width = try b.need(h.keyLength, "attention.key_length")
    let rotary = h.ropeDimensionCount ?? width
    if let value = h.valueLength, value != width {
      throw Failure(
        .unsupported,
        "key \(h.architecture.name).attention.value_length is \(value), unlike key_length \(width)")
    }
    if h.headCount % headsKV != 0 {
      throw Failure(
        .shape,
        "key \(h.architecture.name).attention.head_count is \(h.headCount), not a multiple of head_count_kv \(headsKV)"
      )
    }
    if rotary > width || rotary % 2 != 0 || rotary > Rotary.widthMax {
      throw Failure(
        .unsupported,
        "key \(h.architecture.name).rope.dimension_count is \(rotary); it must be even and at most \(min(width, Rotary.widthMax))"
      )
    }
    guard let base = h.ropeFreqBase, base > 0 else {
      throw Failure(.missing, "key \(h.architecture.name).rope.freq_base is missing or not positive")
    }
    let query = try Checked.multiply(h.headCount, width, "query heads")
    let key = try Checked.multiply(headsKV, width, "key heads")
    let x = b.sharedInput()
    return GatedMixer(
      heads: h.headCount, headsKV: headsKV, width: width, rotary: rotary, frequencyBase: base,
      epsilon: h.rmsEpsilon,
      query: try b.linear(block, "attn_q.weight", input: x, columns: e, rows: 2 * query),
      key: try b.linear(block, "attn_k.weight", input: x, columns: e, rows: key),
      value: try b.linear(block, "attn_v.weight", input: x, columns: e, rows: key),
      queryNorm: try b.vector(block, "attn_q_norm.weight", width),
      keyNorm: try b.vector(block, "attn_k_norm.weight", width),
      output: try b.linear(block, "attn_output.weight", columns: query, rows: e))
  }

  private static func experts(
    _ h: Hyperparameters, _ b: inout Binder, _ block: Int
  ) throws(Failure) -> ExpertFeedForward {
    let gating = h.expertGatingFunction ?? 1
    if gating != 1 {
      throw Failure(
        .unsupported,
        "key \(h.architecture.name).expert_gating_func is \(gating); 1 (softmax) is supported")
    }
    var x = try Bind.experts(h, &b, block, scoring: .softmax)
    if b.has(block, "ffn_gate_shexp.weight") {
      let input = b.sharedInput()
      x.shared = try b.dense(
        block, h.embeddingLength, input: input, gate: "ffn_gate_shexp.weight",
        up: "ffn_up_shexp.weight", down: "ffn_down_shexp.weight")
      x.sharedGate = try b.linear(
        block, "ffn_gate_inp_shexp.weight", input: input, columns: h.embeddingLength, rows: 1)
    }
    return x
  }
}
