"""Tiny random polaformer-lm models as GGUF, with exact answers.

    python3 Tests/Fixtures/make_polaformer_lm_fixtures.py TOKENIZER.gguf [OUTPUT [NAME...]]

needs numpy and gguf. Takes the tokenizer of a Kimi GGUF (256 byte tokens, merges in order, added tokens
last) and cuts it to the vocabulary. The reference is written here in float64, one token after the other,
straight from the formulas, with the exactly dequantised weights of the written file. The format of
.ref.json and .ref.bin is that of Tests/Fixtures/models.

The shapes are chosen so that mistakes show: halves of a head that 32 and 8 do not divide, three taps and
four, latent attention in the middle and at the end, exponents that differ from channel to channel.
"""

import copy
import hashlib
import json
import sys
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Q

import shrunk_tokenizer

MODELS = {
    "polaformer-lm-F32": dict(
        type=Q.F32, seed=1, hidden=32, pattern=[0, 1, 0], heads=2, width=76, kernel=3, rank=24, nope=12,
        rope=4, value=10, ff=48, dense=1, experts=5, chosen=2, expert_ff=20, shared=1, tied=True),
    "polaformer-lm-Q8_0": dict(
        type=Q.Q8_0, seed=2, hidden=64, pattern=[0, 0, 0, 1], heads=2, width=64, kernel=4, rank=64,
        nope=32, rope=32, value=32, ff=64, dense=2, experts=4, chosen=2, expert_ff=32, shared=1,
        tied=False),
}
VOCABULARY = 512
EPSILON = 1e-5
SCALE = 1.5
GREEDY = 32
# Routing scores closer than this may be ordered either way by honest rounding.
CLOSE = 1e-4


def shapes(c):
    """-> {GGUF name: shape in rows, columns}"""
    e, heads, inner = c["hidden"], c["heads"], c["heads"] * c["width"]
    s = {"token_embd.weight": [VOCABULARY, e], "output_norm.weight": [e]}
    if not c["tied"]:
        s["output.weight"] = [VOCABULARY, e]
    for i, is_latent in enumerate(c["pattern"]):
        layer = {"attn_norm.weight": [e], "ffn_norm.weight": [e]}
        if is_latent:
            layer |= {
                "attn_q.weight": [heads * (c["nope"] + c["rope"]), e],
                "attn_kv_a_mqa.weight": [c["rank"] + c["rope"], e], "attn_kv_a_norm.weight": [c["rank"]],
                "attn_k_b.weight": [heads, c["rank"], c["nope"]],
                "attn_v_b.weight": [heads, c["value"], c["rank"]],
                "attn_output.weight": [e, heads * c["value"]]}
        else:
            layer |= {f"attn_{n}.weight": [inner, e] for n in ("q", "k", "v", "gate")}
            layer |= {
                "attn_power": [inner], "ssm_conv1d_v.weight": [inner, c["kernel"]],
                "attn_output.weight": [e, inner]}
        if i < c["dense"]:
            layer |= {
                "ffn_gate.weight": [c["ff"], e], "ffn_up.weight": [c["ff"], e],
                "ffn_down.weight": [e, c["ff"]]}
        else:
            n, f = c["experts"], c["expert_ff"]
            layer |= {
                "ffn_gate_inp.weight": [n, e], "exp_probs_b.bias": [n],
                "ffn_gate_exps.weight": [n, f, e], "ffn_up_exps.weight": [n, f, e],
                "ffn_down_exps.weight": [n, e, f], "ffn_gate_shexp.weight": [f, e],
                "ffn_up_shexp.weight": [f, e], "ffn_down_shexp.weight": [e, f]}
        s |= {f"blk.{i}.{k}": v for k, v in layer.items()}
    return s


def fill(name, shape, rng):
    """Random weights under which every part of the model matters."""
    x = rng.standard_normal(shape)
    if name.endswith("attn_power"):
        return 1 + 4 / (1 + np.exp(-1.5 * x))
    if "norm" in name:
        return 1 + 0.2 * x
    if "exp_probs_b" in name:
        return 0.1 * x
    if "conv1d" in name:
        return 0.5 * x
    return x * (3 if "ffn_gate_inp" in name else 1.2 if "blk" in name else 0.8) / shape[-1] ** 0.5


def pack(c):
    """-> {name: (what is written, its type)}, {name: float64 values that the file really holds}"""
    rng = np.random.default_rng(c["seed"])
    tensors, exact = {}, {}
    for name, shape in shapes(c).items():
        x = fill(name, shape, rng).astype(np.float32)
        small = x.ndim < 2 or "ffn_gate_inp" in name or "conv1d" in name
        kind = Q.F32 if small or x.shape[-1] % 32 else c["type"]
        data = x if kind == Q.F32 else gguf.quants.quantize(x, kind)
        if kind != Q.F32:
            x = gguf.quants.dequantize(data, kind).reshape(shape)
        tensors[name] = (data, kind)
        exact[name] = x.astype(np.float64)
    return tensors, exact


def write(path, name, tensors, c, tokenizer):
    w = gguf.GGUFWriter(path, "polaformer-lm")
    w.add_type("model")
    w.add_name(name)
    w.add_block_count(len(c["pattern"]))
    w.add_context_length(4096)
    w.add_embedding_length(c["hidden"])
    w.add_feed_forward_length(c["ff"])
    w.add_head_count(c["heads"])
    w.add_head_count_kv(c["pattern"])
    w.add_layer_norm_rms_eps(EPSILON)
    w.add_rope_dimension_count(c["rope"])
    w.add_key_length_mla(c["nope"] + c["rope"])
    w.add_value_length_mla(c["value"])
    w.add_kv_lora_rank(c["rank"])
    w.add_ssm_conv_kernel(c["kernel"])
    w.add_uint32("polaformer-lm.polar.head_dim", c["width"])
    w.add_expert_count(c["experts"])
    w.add_expert_used_count(c["chosen"])
    w.add_expert_shared_count(c["shared"])
    w.add_expert_feed_forward_length(c["expert_ff"])
    w.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    w.add_expert_weights_scale(SCALE)
    w.add_leading_dense_block_count(c["dense"])
    kinds = {Q.F32: gguf.LlamaFileType.ALL_F32, Q.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0}
    w.add_file_type(kinds[c["type"]])
    w.add_vocab_size(VOCABULARY)
    shrunk_tokenizer.write(w, tokenizer, VOCABULARY, "kimi-k2")
    for key, (data, kind) in tensors.items():
        w.add_tensor(key, data, raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def rms(x, weight, epsilon):
    return x / np.sqrt(np.mean(x * x) + epsilon) * weight


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rounded(x):
    """Activations as llama.cpp rounds them: 8 bits, blocks of 32."""
    blocks = x.reshape(-1, 32)
    step = np.abs(blocks).max(-1, keepdims=True) / 127
    return (np.round(blocks / np.maximum(step, 1e-30)) * step.astype(np.float16)).reshape(x.shape)


class Network:
    """One token after the other, in float64. With `kinds` the inputs of quantised maps are rounded."""

    def __init__(self, weights, c, kinds=None):
        self.w, self.c, self.kinds = weights, c, kinds
        self.margin = 1.0
        d, heads = c["width"], c["heads"]
        # Of a polar layer: S, z, the values read; of a latent one: the cached rows.
        self.state = [
            [] if is_latent else [np.zeros((heads, 2, d, d)), np.zeros((heads, 2, d)), []]
            for is_latent in c["pattern"]]

    def map(self, name, x, part=None):
        w = self.w[name] if part is None else self.w[name][part]
        if self.kinds and self.kinds[name] != Q.F32:
            x = rounded(x)
        return w @ x

    def step(self, token):
        """-> the logits after one more token"""
        c = self.c
        x = self.w["token_embd.weight"][token]
        for i, is_latent in enumerate(c["pattern"]):
            b = f"blk.{i}."
            y = rms(x, self.w[b + "attn_norm.weight"], EPSILON)
            x = x + (self.latent if is_latent else self.polar)(b, self.state[i], y)
            y = rms(x, self.w[b + "ffn_norm.weight"], EPSILON)
            x = x + (self.dense(b, "", y) if i < c["dense"] else self.experts(b, y))
        y = rms(x, self.w["output_norm.weight"], EPSILON)
        return self.map("token_embd.weight" if c["tied"] else "output.weight", y)

    def polar(self, b, state, x):
        sums, normalisers, past = state
        d, heads = self.c["width"], self.c["heads"]
        q, k, v, gate = (self.map(f"{b}attn_{n}.weight", x) for n in ("q", "k", "v", "gate"))
        p = self.w[b + "attn_power"]
        past.append(v)
        out = np.zeros(heads * d)
        for h in range(heads):
            own = slice(h * d, (h + 1) * d)
            query, key = np.abs(q[own]) ** p[own], np.abs(k[own]) ** p[own]
            for s in range(2):
                of_sign = key * ((k[own] < 0) == s)
                sums[h, s] += np.outer(of_sign, v[own])
                normalisers[h, s] += of_sign
            same = [query * ((q[own] < 0) == s) for s in range(2)]
            for half in range(2):
                columns = slice(half * d // 2, (half + 1) * d // 2)
                a, o = same[half], same[1 - half]
                total = a @ normalisers[h, 0] + o @ normalisers[h, 1] + 1e-6
                out[own][columns] = (a @ sums[h, 0] + o @ sums[h, 1])[columns] / total
        taps = self.w[b + "ssm_conv1d_v.weight"]
        for j, value in enumerate(reversed(past[-self.c["kernel"] :])):
            out += taps[:, -1 - j] * value
        return self.map(b + "attn_output.weight", out * gate)

    def latent(self, b, cache, x):
        c = self.c
        q = self.map(b + "attn_q.weight", x).reshape(c["heads"], c["nope"] + c["rope"])
        row = self.map(b + "attn_kv_a_mqa.weight", x)
        row[: c["rank"]] = rms(row[: c["rank"]], self.w[b + "attn_kv_a_norm.weight"], 1e-6)
        cache.append(row)
        rows = np.array(cache)
        out = []
        for h in range(c["heads"]):
            absorbed = self.map(b + "attn_k_b.weight", q[h, : c["nope"]], h)
            scores = rows @ np.concatenate([absorbed, q[h, c["nope"] :]]) / np.sqrt(q.shape[1])
            weights = np.exp(scores - scores.max())
            out.append(
                self.map(b + "attn_v_b.weight", weights @ rows[:, : c["rank"]] / weights.sum(), h))
        return self.map(b + "attn_output.weight", np.concatenate(out))

    def dense(self, b, suffix, x, part=None):
        gate = self.map(f"{b}ffn_gate{suffix}.weight", x, part)
        y = gate * sigmoid(gate) * self.map(f"{b}ffn_up{suffix}.weight", x, part)
        return self.map(f"{b}ffn_down{suffix}.weight", y, part)

    def experts(self, b, x):
        p = sigmoid(self.map(b + "ffn_gate_inp.weight", x))
        score = p + self.w[b + "exp_probs_b.bias"]
        order = np.argsort(-score)
        n = self.c["chosen"]
        self.margin = min(self.margin, score[order[n - 1]] - score[order[n]])
        total = p[order[:n]].sum()
        return self.dense(b, "_shexp", x) + sum(
            p[e] / total * SCALE * self.dense(b, "_exps", x, e) for e in order[:n])


class Reference:
    def __init__(self):
        self.floats = []
        self.count = 0

    def keep(self, x):
        x = np.asarray(x).astype("<f4")
        self.floats.append(x.reshape(-1))
        self.count += x.size
        return {"offset": self.count - x.size, "shape": list(x.shape)}


def log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def prompts(weights, c, kinds, reference):
    rng = np.random.default_rng(100 + c["seed"])
    for n in (1, 7, 65, 200):
        margin = 0
        while margin < CLOSE:
            ids = rng.integers(0, VOCABULARY, n).tolist()
            network = Network(weights, c)
            logits = np.array([network.step(t) for t in ids])
            margin = network.margin
        rows = min(n, 8) if n <= 65 else 4
        total = logits.max(-1) + np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1))
        tokens, margins = [], []
        last, ahead = logits[-1], copy.deepcopy(network)
        for _ in range(GREEDY):
            order = np.argsort(-last)
            tokens.append(int(order[0]))
            margins.append(round(float(last[order[0]] - last[order[1]]), 6))
            last = ahead.step(tokens[-1])
        coarse = Network(weights, c, kinds)
        p = log_softmax(logits)
        q = log_softmax(np.array([coarse.step(t) for t in ids]))
        kl = (np.exp(p) * (p - q)).sum(-1)[n - rows :].mean()
        yield {
            "id": f"r{n}", "ids": ids, "positions": list(range(n - rows, n)),
            "hf": reference.keep(logits[n - rows :]),
            "summary_hf": reference.keep(np.stack([logits.argmax(-1), logits.max(-1), total], 1)),
            "greedy_hf": tokens, "greedy_hf_margin": margins, "router_margin_min": float(margin),
            "agreement": {"kl_mean": max(float(kl), 0.0)}}


def make(name, output, tokenizer):
    c = MODELS[name]
    tensors, exact = pack(c)
    path = output / f"{name}.gguf"
    write(path, name, tensors, c, tokenizer)
    reference = Reference()
    types = {}
    for _, kind in tensors.values():
        types[kind.name] = types.get(kind.name, 0) + 1
    index = {
        "format": "ref-v1: .bin is raw little-endian float32; offsets/shapes below are in floats",
        "model": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "n_vocab": VOCABULARY, "types": types, "n_greedy": GREEDY,
        "prompts": list(prompts(exact, c, {k: v[1] for k, v in tensors.items()}, reference))}
    data = np.concatenate(reference.floats)
    (output / f"{name}.ref.bin").write_bytes(data.tobytes())
    (output / f"{name}.ref.json").write_text(json.dumps(index, separators=(",", ":")))
    kl = [p["agreement"]["kl_mean"] for p in index["prompts"]]
    print(f"{name}: {path.stat().st_size} + {data.nbytes} bytes, rounded activations KL "
          f"{sum(kl) / len(kl):.1e}, logits ~{data[:VOCABULARY].std():.1f}", types)


def main():
    tokenizer = gguf.GGUFReader(sys.argv[1])
    output = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent / "models"
    output.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[3:] or MODELS:
        make(name, output, tokenizer)


if __name__ == "__main__":
    main()
