"""Tiny random Qwen3.5, Qwen3.5-MoE and Qwen3-Next models as GGUF, with exact answers.

    python3 Tests/Fixtures/make_qwen_fixtures.py TOKENIZER.gguf [OUTPUT [NAME...]]

needs torch, transformers and gguf. Takes the tokenizer of a Qwen3.5 GGUF (256 byte tokens, merges in
order, added tokens last) and cuts it to the vocabulary. The reference is transformers in float32, eager,
on the CPU, with the exactly dequantised weights of the written file. The format of .ref.json and
.ref.bin is that of Tests/Fixtures/models.

The shapes are chosen so that mistakes show: three key heads with two or three value heads each (tiled
and grouped orders differ, and neither permutation is its own inverse), attention heads unlike
hidden / heads, an odd number of rotary pairs, full attention at odd layers.
"""

import hashlib
import json
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Q
from transformers import (
    Qwen3_5ForCausalLM, Qwen3_5MoeForCausalLM, Qwen3_5MoeTextConfig, Qwen3_5TextConfig,
    Qwen3NextConfig, Qwen3NextForCausalLM)

import shrunk_tokenizer
from q4_k import quantise_q4_k
from qwen_to_gguf import arrange, finish

CLASSES = {
    "qwen35": (Qwen3_5TextConfig, Qwen3_5ForCausalLM),
    "qwen35moe": (Qwen3_5MoeTextConfig, Qwen3_5MoeForCausalLM),
    "qwen3next": (Qwen3NextConfig, Qwen3NextForCausalLM),
}
BASE = dict(
    arch="qwen35", type=Q.F32, seed=1, vocab=512, hidden=64, layers=3, heads=4, heads_kv=2, width=24,
    rotary=0.25, key_heads=3, value_heads=9, linear_width=16, kernel=4, ff=64, experts=7, chosen=3,
    expert_ff=32, shared_ff=64, tied=False, recurrent_list=False, mtp=False)
MODELS = {
    "qwen35-heads-F32": dict(hidden=32, value_heads=6, tied=True),
    "qwen35-mtp-Q8_0": dict(
        type=Q.Q8_0, seed=2, linear_width=32, width=32, rotary=0.5, kernel=3, mtp=True,
        recurrent_list=True),
    "qwen35moe-F32": dict(
        arch="qwen35moe", seed=3, hidden=32, value_heads=6, expert_ff=16, shared_ff=24),
    "qwen35moe-Q4_K": dict(
        arch="qwen35moe", type=Q.Q4_K, seed=4, hidden=256, recurrent_list=True, experts=4, chosen=2,
        value_heads=6, shared_ff=32, tied=True),
    "qwen3next-F32": dict(
        arch="qwen3next", seed=5, hidden=32, expert_ff=16, shared_ff=24, heads=3, heads_kv=1,
        width=40),
    "qwen3next-Q8_0": dict(
        arch="qwen3next", type=Q.Q8_0, seed=6, value_heads=6, experts=9, chosen=4, width=64, heads=2,
        heads_kv=1, tied=True),
}
GREEDY = 32
# Routing logits closer than this may be ordered either way by honest rounding.
CLOSE = 1e-4


def configuration(c):
    rope = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": c["rotary"]}
    options = dict(
        vocab_size=c["vocab"], hidden_size=c["hidden"], num_hidden_layers=c["layers"],
        num_attention_heads=c["heads"], num_key_value_heads=c["heads_kv"], head_dim=c["width"],
        linear_num_key_heads=c["key_heads"], linear_num_value_heads=c["value_heads"],
        linear_key_head_dim=c["linear_width"], linear_value_head_dim=c["linear_width"],
        linear_conv_kernel_dim=c["kernel"], rms_norm_eps=1e-6, max_position_embeddings=4096,
        tie_word_embeddings=c["tied"], pad_token_id=None,
        layer_types=["full_attention" if i % 2 else "linear_attention" for i in range(c["layers"])])
    if c["arch"] != "qwen3next":
        pairs = int(c["width"] * c["rotary"]) // 2
        rope |= {
            "mrope_section": [pairs - 2 * (pairs // 3), pairs // 3, pairs // 3],
            "mrope_interleaved": True}
    if c["arch"] == "qwen35":
        options |= dict(intermediate_size=c["ff"])
    else:
        options |= dict(
            num_experts=c["experts"], num_experts_per_tok=c["chosen"],
            moe_intermediate_size=c["expert_ff"],
            shared_expert_intermediate_size=c["shared_ff"])
    if c["arch"] == "qwen3next":
        options |= dict(intermediate_size=c["ff"], norm_topk_prob=True)
    return CLASSES[c["arch"]][0](rope_parameters=rope, **options)


def fill(name, shape, generator):
    """Random weights under which every part of the model matters."""
    x = torch.randn(shape, generator=generator)
    if name.endswith("A_log"):
        return torch.rand(shape, generator=generator) * 4 - 2.5
    if name.endswith("dt_bias"):
        return x * 0.7 - 1
    if "norm" in name:
        return x * 0.2 + (1 if "linear_attn" in name else 0)
    if "conv1d" in name:
        return x * 0.5
    gain = 3 if "embed" in name or "lm_head" in name or "mlp.gate." in name else 1.2
    return x * gain / shape[-1] ** 0.5


def predictor_shapes(c):
    """A multi-token-prediction block, which transformers leaves out."""
    h, heads, kv, d = c["hidden"], c["heads"], c["heads_kv"], c["width"]
    layer = {
        "input_layernorm": [h], "post_attention_layernorm": [h], "self_attn.q_norm": [d],
        "self_attn.k_norm": [d], "self_attn.q_proj": [2 * heads * d, h],
        "self_attn.k_proj": [kv * d, h], "self_attn.v_proj": [kv * d, h],
        "self_attn.o_proj": [h, heads * d], "mlp.gate_proj": [c["ff"], h],
        "mlp.up_proj": [c["ff"], h], "mlp.down_proj": [h, c["ff"]]}
    shapes = {f"mtp.layers.0.{k}.weight": v for k, v in layer.items()}
    return shapes | {
        "mtp.fc.weight": [h, 2 * h], "mtp.norm.weight": [h],
        "mtp.pre_fc_norm_embedding.weight": [h], "mtp.pre_fc_norm_hidden.weight": [h]}


def weights(model, c):
    generator = torch.Generator().manual_seed(c["seed"])
    state = {k: v for k, v in model.state_dict().items() if not (c["tied"] and k == "lm_head.weight")}
    shapes = {k: list(v.shape) for k, v in state.items()}
    if c["mtp"]:
        shapes |= predictor_shapes(c)
    return {k: fill(k, s, generator) for k, s in shapes.items()}


def file_type(name, x, wanted):
    """As llama-quantize: small and sensitive tensors stay F32, K-quants fall back to Q8_0."""
    is_small = x.ndim < 2 or "ffn_gate_inp" in name or "ssm_conv1d" in name or "norm" in name
    if is_small or wanted == Q.F32 or x.shape[-1] % 32:
        return Q.F32
    return Q.Q8_0 if wanted == Q.Q4_K and x.shape[-1] % 256 else wanted


def pack(state, config, c):
    """-> {name: (bytes, type)}, the state dict with the values that the file really holds, and the
    types of its entries"""
    is_next = c["arch"] == "qwen3next"
    numbers = {k: torch.arange(v.numel()).reshape(v.shape) for k, v in state.items()}
    origin = arrange(numbers, config, is_next)
    exact = {k: v.clone() for k, v in state.items()}
    tensors, types = {}, {}
    for name, (source, x) in arrange(state, config, is_next).items():
        x = finish(name, x).contiguous().numpy()
        kind = types[source] = file_type(name, x, c["type"])
        if kind == Q.F32:
            tensors[name] = (x, kind)
            continue
        raw = quantise_q4_k(x) if kind == Q.Q4_K else gguf.quants.quantize(x, kind)
        back = gguf.quants.dequantize(raw, kind).reshape(x.shape).astype(np.float32)
        assert np.sqrt(np.mean((back - x) ** 2)) < 0.1 * x.std(), name
        exact[source].view(-1)[origin[name][1].reshape(-1)] = torch.from_numpy(back).view(-1)
        tensors[name] = (raw, kind)
    return tensors, exact, types


def write(path, name, tensors, config, c, tokenizer):
    w = gguf.GGUFWriter(path, c["arch"])
    w.add_type("model")
    w.add_name(name)
    w.add_block_count(c["layers"] + c["mtp"])
    w.add_context_length(4096)
    w.add_embedding_length(c["hidden"])
    if c["arch"] != "qwen35moe":
        w.add_feed_forward_length(c["ff"])
    w.add_head_count(c["heads"])
    w.add_head_count_kv(c["heads_kv"])
    rope = config.rope_parameters
    if "mrope_section" in rope:
        w.add_rope_dimension_sections(rope["mrope_section"] + [0])
    w.add_rope_freq_base(rope["rope_theta"])
    w.add_layer_norm_rms_eps(1e-6)
    if c["arch"] != "qwen35":
        w.add_expert_count(c["experts"])
        w.add_expert_used_count(c["chosen"])
        w.add_expert_feed_forward_length(c["expert_ff"])
        w.add_expert_shared_feed_forward_length(c["shared_ff"])
    w.add_key_length(c["width"])
    w.add_value_length(c["width"])
    kinds = {Q.F32: gguf.LlamaFileType.ALL_F32, Q.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0}
    w.add_file_type(kinds.get(c["type"], gguf.LlamaFileType.MOSTLY_Q4_K_M))
    w.add_ssm_conv_kernel(c["kernel"])
    w.add_ssm_state_size(c["linear_width"])
    w.add_ssm_group_count(c["key_heads"])
    w.add_ssm_time_step_rank(c["value_heads"])
    w.add_ssm_inner_size(c["value_heads"] * c["linear_width"])
    w.add_full_attention_interval(4 if c["recurrent_list"] else 2)
    if c["recurrent_list"]:
        # It wins over the interval, which says something else here.
        layers = [kind == "linear_attention" for kind in config.layer_types] + [False] * c["mtp"]
        w.add_array(f"{c['arch']}.attention.recurrent_layers", layers)
    if c["mtp"]:
        w.add_nextn_predict_layers(1)
    w.add_rope_dimension_count(int(c["width"] * c["rotary"]))
    shrunk_tokenizer.write(w, tokenizer, c["vocab"], "qwen35")
    w.add_add_bos_token(False)
    for key, (data, kind) in tensors.items():
        w.add_tensor(key, data, raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


class Reference:
    def __init__(self):
        self.floats = []
        self.count = 0

    def keep(self, x):
        x = x.numpy().astype("<f4")
        self.floats.append(x.reshape(-1))
        self.count += x.size
        return {"offset": self.count - x.size, "shape": list(x.shape)}


def run(model, ids, c):
    """Logits of every position, and the least distance between a chosen expert and the next one."""
    margins = [torch.tensor([1.0])]

    def watch(_, __, output):
        p = output[0].sort(-1, descending=True).values
        margins.append(p[:, c["chosen"] - 1] - p[:, c["chosen"]])

    hooks = [
        m.register_forward_hook(watch) for k, m in model.named_modules() if k.endswith("mlp.gate")]
    logits = model(torch.tensor([ids]), use_cache=False).logits[0]
    for hook in hooks:
        hook.remove()
    return logits, float(torch.cat(margins).min())


def rounded(x, kind):
    """Activations as llama.cpp rounds them: 8 bits, blocks of 32 (of 256 for K-quants)."""
    size = 256 if kind == Q.Q4_K else 32
    blocks = x.reshape(*x.shape[:-1], -1, size)
    step = blocks.abs().amax(-1, keepdim=True) / 127
    kept = step if kind == Q.Q4_K else step.half().float()
    return ((blocks / step.clamp_min(1e-30)).round() * kept).reshape(x.shape)


def run_rounded(model, ids, c, kinds):
    plain = torch.nn.functional.linear

    def linear(x, weight, bias=None):
        kind = kinds.get(weight.untyped_storage().data_ptr(), Q.F32)
        return plain(x if kind == Q.F32 else rounded(x, kind), weight, bias)

    torch.nn.functional.linear = linear
    try:
        return run(model, ids, c)[0]
    finally:
        torch.nn.functional.linear = plain


def greedy(model, ids):
    tokens, margins = [], []
    out = model(torch.tensor([ids]), use_cache=True)
    for _ in range(GREEDY):
        best = out.logits[0, -1].topk(2)
        tokens.append(int(best.indices[0]))
        margins.append(round(float(best.values[0] - best.values[1]), 6))
        out = model(
            torch.tensor([tokens[-1:]]), past_key_values=out.past_key_values, use_cache=True)
    return tokens, margins


def prompts(model, c, kinds, reference):
    generator = torch.Generator().manual_seed(100 + c["seed"])
    for n in (1, 7, 65, 200):
        margin = 0
        while margin < CLOSE:
            ids = torch.randint(0, c["vocab"], (n,), generator=generator).tolist()
            logits, margin = run(model, ids, c)
        most = 32 if c["type"] == Q.F32 and c["arch"] == "qwen35" else 8
        rows = min(n, most) if n <= 65 else 4
        best = logits.max(-1)
        summary = torch.stack(
            [best.indices.float(), best.values, logits.logsumexp(-1)], dim=1)
        tokens, margins = greedy(model, ids)
        p = logits.log_softmax(-1)
        q = run_rounded(model, ids, c, kinds).log_softmax(-1)
        yield {
            "id": f"r{n}", "ids": ids, "positions": list(range(n - rows, n)),
            "hf": reference.keep(logits[n - rows :]), "summary_hf": reference.keep(summary),
            "greedy_hf": tokens, "greedy_hf_margin": margins, "router_margin_min": margin,
            "agreement": {
                "kl_mean": float((p.exp() * (p - q)).sum(-1)[n - rows :].clamp_min(0).mean())}}


def make(name, output, tokenizer):
    c = BASE | MODELS[name]
    config = configuration(c)
    config._attn_implementation = "eager"
    config._experts_implementation = "eager"
    model = CLASSES[c["arch"]][1](config).float().eval()
    tensors, exact, sources = pack(weights(model, c), config, c)
    known = {k: v for k, v in exact.items() if not k.startswith("mtp.")}
    missing, unexpected = model.load_state_dict(known, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    kinds = {
        v.untyped_storage().data_ptr(): sources[k] for k, v in model.state_dict().items()
        if k in sources}
    path = output / f"{name}.gguf"
    write(path, name, tensors, config, c, tokenizer)
    reference = Reference()
    types = {}
    for _, kind in tensors.values():
        types[kind.name] = types.get(kind.name, 0) + 1
    index = {
        "format": "ref-v1: .bin is raw little-endian float32; offsets/shapes below are in floats",
        "model": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "n_vocab": c["vocab"], "types": types, "n_greedy": GREEDY,
        "prompts": list(prompts(model, c, kinds, reference))}
    data = np.concatenate(reference.floats)
    (output / f"{name}.ref.bin").write_bytes(data.tobytes())
    (output / f"{name}.ref.json").write_text(json.dumps(index, separators=(",", ":")))
    kl = [p["agreement"]["kl_mean"] for p in index["prompts"]]
    print(f"{name}: {path.stat().st_size} + {data.nbytes} bytes, rounded activations KL "
          f"{sum(kl) / len(kl):.1e}, logits ~{data[: 8 * c['vocab']].std():.1f}", types)


def main():
    tokenizer = gguf.GGUFReader(sys.argv[1])
    output = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent / "models"
    output.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        for name in sys.argv[3:] or MODELS:
            make(name, output, tokenizer)


if __name__ == "__main__":
    main()
