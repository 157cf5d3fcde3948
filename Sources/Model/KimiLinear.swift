// kimi-linear: Kimi Delta Attention and latent attention in any pattern, mixture of experts.
//
//     x ← x + mixer(rms(x, attn_norm));  x ← x + ffn(rms(x, ffn_norm))
//
// head_count_kv says which layers are which: 0 is KDA, anything else latent attention. RoPE keys are
// present in the files but nothing is rotated. The L2 norm and the latent's norm use the reference
// implementation's 1e-6, not the layers' epsilon.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

enum KimiLinear {
  static func bind(
    _ h: Hyperparameters, _ binder: inout Binder, _ block: Int
  ) throws(Failure) -> (Mixer, FeedForward) {
    let mixer =
      try isLatent(h, block) ? try latent(h, &binder, block) : try delta(h, &binder, block)
    return (mixer, try feedForward(h, &binder, block))
  }

  static func isLatent(_ h: Hyperparameters, _ block: Int) throws(Failure) -> Bool {
    guard let pattern = h.headCountKVPerLayer else {
      throw Failure(
        .missing,
        "key \(h.architecture.name).attention.head_count_kv must be an array, one entry a layer")
    }
    if pattern.count != h.blockCount {
      throw Failure(
        .shape,
        "key \(h.architecture.name).attention.head_count_kv has \(pattern.count) entries for \(h.blockCount) layers"
      )
    }
    return try pattern.int(block, upTo: ModelLimits.heads) != 0
  }

  static func feedForward(
    _ h: Hyperparameters, _ binder: inout Binder, _ block: Int
  ) throws(Failure) -> FeedForward {
    block < h.leadingDenseBlockCount || h.expertCount == 0
      ? FeedForward.dense(
        try binder.dense(
          block, h.embeddingLength, gate: "ffn_gate.weight", up: "ffn_up.weight",
          down: "ffn_down.weight"))
      : FeedForward.experts(try experts(h, &binder, block))
  }

  private static func delta(
    _ h: Hyperparameters, _ b: inout Binder, _ block: Int
  ) throws(Failure) -> Mixer {
    let e = h.embeddingLength
    let heads = h.headCount
    let d = try b.need(h.kdaHeadDim, "kda.head_dim")
    let kernel = try Bind.kernel(h, b)
    let inner = try Checked.multiply(heads, d, "kda heads")
    let x = b.sharedInput()
    var projections: InlineArray<3, Projection>
    var count = 1
    if b.has(block, "attn_qkv.weight") {
      projections = InlineArray(
        repeating: Projection(
          linear: try b.linear(
            block, "attn_qkv.weight", input: x, columns: e, rows: 3 * inner), column: 0))
    } else {
      count = 3
      projections = InlineArray(
        repeating: Projection(
          linear: try b.linear(block, "attn_q.weight", input: x, columns: e, rows: inner),
          column: 0))
      projections[1] = Projection(
        linear: try b.linear(block, "attn_k.weight", input: x, columns: e, rows: inner),
        column: inner)
      projections[2] = Projection(
        linear: try b.linear(block, "attn_v.weight", input: x, columns: e, rows: inner),
        column: 2 * inner)
    }
    var convolutions = InlineArray<3, ConvolutionPiece>(
      repeating: ConvolutionPiece(
        weight: try b.vector(block, "ssm_conv1d_q.weight", inner * kernel), column: 0,
        channels: inner))
    convolutions[1] = ConvolutionPiece(
      weight: try b.vector(block, "ssm_conv1d_k.weight", inner * kernel), column: inner,
      channels: inner)
    convolutions[2] = ConvolutionPiece(
      weight: try b.vector(block, "ssm_conv1d_v.weight", inner * kernel), column: 2 * inner,
      channels: inner)
    let decayRank = try b.rows(of: "ssm_f_a.weight", block)
    let gateRank = try b.rows(of: "ssm_g_a.weight", block)
    return .delta(
      DeltaMixer(
        shape: DeltaRuleJob.Shape(
          keyHeads: heads, valueHeads: heads, keyWidth: d, valueWidth: d, pairing: .tiled,
          isDecayPerChannel: true, isGateSilu: false, l2Epsilon: 1e-6, rmsEpsilon: h.rmsEpsilon),
        kernel: kernel, projections: projections, projectionCount: count,
        convolutions: convolutions, convolutionCount: 3,
        decay: .lowRank(
          down: try b.linear(block, "ssm_f_a.weight", input: x, columns: e, rows: decayRank),
          up: try b.linear(block, "ssm_f_b.weight", columns: decayRank, rows: inner)),
        beta: try b.linear(block, "ssm_beta.weight", input: x, columns: e, rows: heads),
        gate: .lowRank(
          down: try b.linear(block, "ssm_g_a.weight", input: x, columns: e, rows: gateRank),
          up: try b.linear(block, "ssm_g_b.weight", columns: gateRank, rows: inner)),
        dt: try b.vector(block, "ssm_dt.bias", inner), a: try b.vector(block, "ssm_a", heads),
        norm: try b.vector(block, "ssm_norm.weight", d),
        output: try b.linear(block, "attn_output.weight", columns: inner, rows: e)))
  }

  static func latent(
    _ h: Hyperparameters, _ b: inout Binder, _ block: Int
  ) throws(Failure) -> Mixer {
    let e = h.embeddingLength
    let heads = h.headCount
    let rank = try b.need(h.kvLoraRank, "attention.kv_lora_rank")
    let key = try b.need(h.keyLengthMLA, "attention.key_length_mla")
    let value = try b.need(h.valueLengthMLA, "attention.value_length_mla")
    let rope = h.ropeDimensionCount ?? 0
    if rope >= key {
      throw Failure(
        .shape,
        "key \(h.architecture.name).rope.dimension_count is \(rope), not below attention.key_length_mla \(key)"
      )
    }
    let nope = key - rope
    let keyValue: LatentMixer.KeyValue
    if b.has(block, "attn_k_b.weight") {
      keyValue = .split(
        key: try b.linear(block, "attn_k_b.weight", columns: nope, rows: rank, stack: heads),
        value: try b.linear(block, "attn_v_b.weight", columns: rank, rows: value, stack: heads))
    } else {
      let rows = try Checked.multiply(heads, nope + value, "attn_kv_b rows")
      keyValue = .joint(try b.linear(block, "attn_kv_b.weight", columns: rank, rows: rows))
      // The value half's numbers.
      b.nextId += 1
      b.nextInput += 1
    }
    let x = b.sharedInput()
    return .latent(
      LatentMixer(
        heads: heads, nope: nope, rope: rope, rank: rank, value: value,
        query: try b.linear(block, "attn_q.weight", input: x, columns: e, rows: heads * key),
        down: try b.linear(
          block, "attn_kv_a_mqa.weight", input: x, columns: e, rows: rank + rope),
        norm: try b.vector(block, "attn_kv_a_norm.weight", rank), normEpsilon: 1e-6,
        keyValue: keyValue,
        output: try b.linear(block, "attn_output.weight", columns: heads * value, rows: e)))
  }

  private static func experts(
    _ h: Hyperparameters, _ b: inout Binder, _ block: Int
  ) throws(Failure) -> ExpertFeedForward {
    let gating = h.expertGatingFunction ?? 2
    if gating != 2 {
      throw Failure(
        .unsupported,
        "key \(h.architecture.name).expert_gating_func is \(gating); 2 (sigmoid) is supported")
    }
    var x = try Bind.experts(h, &b, block, scoring: .sigmoid)
    x.bias = try b.vector(block, "exp_probs_b.bias", h.expertCount)
    x.scale = h.expertWeightsScale ?? 1
    if h.expertSharedCount > 0 || b.has(block, "ffn_gate_shexp.weight") {
      x.shared = try b.dense(
        block, h.embeddingLength, gate: "ffn_gate_shexp.weight", up: "ffn_up_shexp.weight",
        down: "ffn_down_shexp.weight")
    }
    return x
  }
}

/// Pieces that families share.
enum Bind {
  static func kernel(_ h: Hyperparameters, _ b: Binder) throws(Failure) -> Int {
    let kernel = try b.need(h.convKernel, "ssm.conv_kernel")
    if kernel < 2 || kernel > ShortConvolutionJob.kernelMax {
      throw Failure(
        .unsupported,
        "key \(h.architecture.name).ssm.conv_kernel is \(kernel); 2 to \(ShortConvolutionJob.kernelMax) are supported"
      )
    }
    return kernel
  }

  static func experts(
    _ h: Hyperparameters, _ b: inout Binder, _ block: Int, scoring: Router.Scoring
  ) throws(Failure) -> ExpertFeedForward {
    let e = h.embeddingLength
    let count = h.expertCount
    let chosen = h.expertUsedCount
    if chosen < 1 || chosen > count || chosen > 64 {
      throw Failure(
        .format,
        "key \(h.architecture.name).expert_used_count is \(chosen) of \(count) experts; 1 to 64 are possible"
      )
    }
    let width = try b.rows(of: "ffn_gate_exps.weight", block)
    let x = b.sharedInput()
    return ExpertFeedForward(
      router: try b.linear(block, "ffn_gate_inp.weight", columns: e, rows: count), bias: nil,
      scoring: scoring, scale: h.expertWeightsScale ?? 1, count: count, chosen: chosen,
      gate: try b.linear(
        block, "ffn_gate_exps.weight", input: x, columns: e, rows: width, stack: count),
      up: try b.linear(
        block, "ffn_up_exps.weight", input: x, columns: e, rows: width, stack: count),
      down: try b.linear(block, "ffn_down_exps.weight", columns: width, rows: e, stack: count),
      shared: nil, sharedGate: nil)
  }
}
