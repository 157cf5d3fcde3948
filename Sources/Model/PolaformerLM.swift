// polaformer-lm: causal polarity-aware linear attention (PolaFormer) in the place that Kimi Delta
// Attention has in kimi-linear; everything else of a block is that of kimi-linear, tensor by tensor:
// norms, latent attention where head_count_kv is not 0, dense or expert feed-forward.
//
//     keys      those of kimi-linear under polaformer-lm., but instead of kda.head_dim
//               polar.head_dim   u32, even: d, the width of a head's queries, keys and values
//               ssm.conv_kernel  u32, 2 to 8: K, the taps of the convolution over the values
//     tensors   of a block whose head_count_kv is 0, with C = attention.head_count · d:
//               attn_q, attn_k, attn_v, attn_gate .weight  [embedding, C]
//               attn_power           [C]     F32: the exponents p, 1 + alpha · sigmoid(w) as trained
//               ssm_conv1d_v.weight  [K, C]  F32: the last tap meets the newest value
//               attn_output.weight   [C, embedding]
//     output    output.weight, or token_embd.weight where that is absent
//
// q and k of training are divided by softplus(scale) per channel; a file has that in the rows of attn_q
// and attn_k. The gate is linear. Nothing is rotated, and no positions are added to the keys.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

enum PolaformerLM {
  static func bind(
    _ h: Hyperparameters, _ binder: inout Binder, _ block: Int
  ) throws(Failure) -> (Mixer, FeedForward) {
    let mixer =
      try KimiLinear.isLatent(h, block)
      ? try KimiLinear.latent(h, &binder, block) : try polar(h, &binder, block)
    return (mixer, try KimiLinear.feedForward(h, &binder, block))
  }

  private static func polar(
    _ h: Hyperparameters, _ b: inout Binder, _ block: Int
  ) throws(Failure) -> Mixer {
    let e = h.embeddingLength
    let d = try b.need(h.polarHeadDim, "polar.head_dim")
    if d % 2 != 0 {
      throw Failure(
        .shape, "key polaformer-lm.polar.head_dim is \(d); the two streams need an even width")
    }
    let kernel = try Bind.kernel(h, b)
    let inner = try Checked.multiply(h.headCount, d, "polar heads")
    let x = b.sharedInput()
    return .polar(
      PolarMixer(
        shape: PolarRecurrenceJob.Shape(heads: h.headCount, width: d, kernel: kernel),
        query: try b.linear(block, "attn_q.weight", input: x, columns: e, rows: inner),
        key: try b.linear(block, "attn_k.weight", input: x, columns: e, rows: inner),
        value: try b.linear(block, "attn_v.weight", input: x, columns: e, rows: inner),
        gate: try b.linear(block, "attn_gate.weight", input: x, columns: e, rows: inner),
        power: try b.vector(block, "attn_power", inner),
        taps: try b.vector(block, "ssm_conv1d_v.weight", inner * kernel),
        output: try b.linear(block, "attn_output.weight", columns: inner, rows: e)))
  }
}
