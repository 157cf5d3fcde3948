"""GGUF files of real shapes with random weights, and random LoRA adapters for them: what speed and
memory need, where no trained weights are at hand. Names, shapes and metadata are those of real files,
so every engine does the real amount of work.

    make_models.py FOLDER [NAME...]        the models that are missing there, or only those named
    make_models.py --adapter MODEL.gguf RANK OUT.gguf
"""

import sys
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

# Bytes of a block; then where half-precision factors lie, and their values. The values keep the
# activations of a deep model within bounds.
BLOCKS = {
    Type.Q4_0: (32, 18, [(0, 0.0043)]),
    Type.Q4_K: (256, 144, [(0, 1.1e-4), (2, 8.25e-4)]),
    Type.Q6_K: (256, 210, [(208, 3e-5)]),
}

# The type of most weights, of the embedding and output layer, and of those that bear least.
MIXTURES = {
    "q4_k_m": (Type.Q4_K, Type.Q6_K, Type.Q6_K),
    "q4_0": (Type.Q4_0, Type.Q6_K, Type.Q4_0),
}


class Writer:
    def __init__(self, path, architecture, mixture):
        self.out = gguf.GGUFWriter(path, architecture)
        self.architecture = architecture
        self.plain, self.outer, self.tender = MIXTURES[mixture]
        self.random = np.random.default_rng(11)
        self.out.add_name("random weights")

    def set(self, **keys):
        for key, value in keys.items():
            name = self.architecture + "." + key.replace("__", ".")
            if isinstance(value, bool):
                self.out.add_bool(name, value)
            elif isinstance(value, int):
                self.out.add_uint32(name, value)
            elif isinstance(value, float):
                self.out.add_float32(name, value)
            else:
                self.out.add_array(name, value)

    def quantised(self, name, columns, *rows, kind=None):
        kind = kind or self.plain
        per_block, size, factors = BLOCKS[kind]
        blocks = columns * int(np.prod(rows)) // per_block
        data = self.random.integers(0, 256, (blocks, size), np.uint8)
        for at, value in factors:
            data[:, at : at + 2] = np.frombuffer(np.float16(value).tobytes(), np.uint8)
        if kind == Type.Q6_K:
            scales = self.random.integers(-64, 64, (blocks, 16)).astype(np.int8)
            data[:, 192:208] = scales.view(np.uint8)
        self.out.add_tensor(name, data.reshape(*reversed(rows), -1), raw_dtype=kind)

    def floats(self, name, *shape, mean=0.0, spread=0.02):
        values = mean + spread * self.random.standard_normal(shape[::-1])
        self.out.add_tensor(name, values.astype(np.float32))

    def vocabulary(self, count, pre):
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        other = [b for b in range(256) if b not in printable]
        spelling = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(other)}
        words = [spelling[b] for b in range(256)]
        words += [f"word{i}" for i in range(256, count - 2)] + ["<|endoftext|>", "<|im_end|>"]
        self.out.add_tokenizer_model("gpt2")
        self.out.add_tokenizer_pre(pre)
        self.out.add_token_list(words)
        self.out.add_token_types([1] * (count - 2) + [3, 3])
        self.out.add_token_merges(["w o"])
        self.out.add_bos_token_id(count - 2)
        self.out.add_eos_token_id(count - 1)

    def feed_forward(self, prefix, suffix, width, inner):
        self.quantised(f"{prefix}ffn_gate{suffix}.weight", width, *inner)
        self.quantised(f"{prefix}ffn_up{suffix}.weight", width, *inner)
        self.quantised(f"{prefix}ffn_down{suffix}.weight", inner[0], width, *inner[1:], kind=self.tender)

    def close(self):
        self.out.write_header_to_file()
        self.out.write_kv_data_to_file()
        self.out.write_tensors_to_file()
        self.out.close()


def qwen35(path, mixture, layers, width, inner, heads, heads_kv, head, delta_heads, state, vocabulary):
    w = Writer(path, "qwen35", mixture)
    channels = 3 * delta_heads * state
    w.set(
        block_count=layers, context_length=262144, embedding_length=width, feed_forward_length=inner,
        attention__head_count=heads, attention__head_count_kv=heads_kv, attention__key_length=head,
        attention__value_length=head, attention__layer_norm_rms_epsilon=1e-6, rope__freq_base=1e7,
        rope__dimension_count=head // 4, rope__dimension_sections=[11, 11, 10, 0],
        ssm__conv_kernel=4, ssm__inner_size=delta_heads * state, ssm__state_size=state,
        ssm__time_step_rank=delta_heads, ssm__group_count=delta_heads, full_attention_interval=4)
    w.vocabulary(vocabulary, "qwen35")
    w.quantised("token_embd.weight", width, vocabulary, kind=w.outer)
    w.floats("output_norm.weight", width, mean=1)
    for i in range(layers):
        p = f"blk.{i}."
        w.floats(p + "attn_norm.weight", width, mean=1)
        w.floats(p + "post_attention_norm.weight", width, mean=1)
        if i % 4 == 3:
            w.quantised(p + "attn_q.weight", width, 2 * heads * head)
            w.quantised(p + "attn_k.weight", width, heads_kv * head)
            w.quantised(p + "attn_v.weight", width, heads_kv * head, kind=w.tender)
            w.quantised(p + "attn_output.weight", heads * head, width)
            w.floats(p + "attn_q_norm.weight", head, mean=1)
            w.floats(p + "attn_k_norm.weight", head, mean=1)
        else:
            w.quantised(p + "attn_qkv.weight", width, channels)
            w.quantised(p + "attn_gate.weight", width, delta_heads * state)
            w.quantised(p + "ssm_out.weight", delta_heads * state, width)
            w.floats(p + "ssm_conv1d.weight", 4, channels, spread=0.4)
            w.floats(p + "ssm_alpha.weight", width, delta_heads)
            w.floats(p + "ssm_beta.weight", width, delta_heads)
            w.floats(p + "ssm_dt.bias", delta_heads)
            w.floats(p + "ssm_a", delta_heads, mean=-4, spread=1)
            w.floats(p + "ssm_norm.weight", state, mean=1)
        w.feed_forward(p, "", width, [inner])
    w.close()


def kimi_linear(
    path, mixture, layers, width, inner, expert, experts, chosen, heads, state, rank, plain, turned,
    value, vocabulary
):
    w = Writer(path, "kimi-linear", mixture)
    w.set(
        block_count=layers, context_length=1048576, embedding_length=width, feed_forward_length=inner,
        attention__head_count=heads,
        attention__head_count_kv=[int(i % 4 == 3) for i in range(layers)],
        attention__layer_norm_rms_epsilon=1e-5, rope__freq_base=1e4, rope__dimension_count=turned,
        attention__key_length=rank + turned, attention__value_length=rank,
        attention__key_length_mla=plain + turned, attention__value_length_mla=value,
        attention__kv_lora_rank=rank, ssm__conv_kernel=4, kda__head_dim=state, expert_count=experts,
        expert_used_count=chosen, expert_feed_forward_length=expert, expert_shared_count=1,
        leading_dense_block_count=1, expert_weights_scale=2.446, expert_weights_norm=True,
        expert_gating_func=2)
    w.vocabulary(vocabulary, "kimi-k2")
    w.quantised("token_embd.weight", width, vocabulary, kind=w.outer)
    w.quantised("output.weight", width, vocabulary, kind=w.outer)
    w.floats("output_norm.weight", width, mean=1)
    total = heads * state
    for i in range(layers):
        p = f"blk.{i}."
        w.floats(p + "attn_norm.weight", width, mean=1)
        w.floats(p + "ffn_norm.weight", width, mean=1)
        if i % 4 == 3:
            w.quantised(p + "attn_q.weight", width, heads * (plain + turned))
            w.quantised(p + "attn_kv_a_mqa.weight", width, rank + turned)
            w.floats(p + "attn_kv_a_norm.weight", rank, mean=1)
            if plain % BLOCKS[w.plain][0]:
                w.floats(p + "attn_k_b.weight", plain, rank, heads)
            else:
                w.quantised(p + "attn_k_b.weight", plain, rank, heads)
            w.quantised(p + "attn_v_b.weight", rank, value, heads)
            w.quantised(p + "attn_output.weight", heads * value, width)
        else:
            for map in "qkv":
                w.quantised(p + f"attn_{map}.weight", width, total)
                w.floats(p + f"ssm_conv1d_{map}.weight", 4, 1, total, 1, spread=0.4)
            for map in "fg":
                w.floats(p + f"ssm_{map}_a.weight", width, state)
                w.floats(p + f"ssm_{map}_b.weight", state, total)
            w.floats(p + "ssm_beta.weight", width, heads)
            w.floats(p + "ssm_a", 1, heads, 1, 1, mean=-2, spread=0.5)
            w.floats(p + "ssm_dt.bias", total)
            w.floats(p + "ssm_norm.weight", state, mean=1)
            w.quantised(p + "attn_output.weight", total, width)
        if i == 0:
            w.feed_forward(p, "", width, [inner])
        else:
            w.floats(p + "ffn_gate_inp.weight", width, experts)
            w.floats(p + "exp_probs_b.bias", experts)
            w.feed_forward(p, "_exps", width, [expert, experts])
            w.feed_forward(p, "_shexp", width, [expert])
    w.close()


MODELS = {
    "qwen35-0.8b-q4_k_m": lambda p: qwen35(
        p, "q4_k_m", 24, 1024, 3584, 8, 2, 256, 16, 128, 248320),
    "kimi-linear-edge-q4_k_m": lambda p: kimi_linear(
        p, "q4_k_m", 16, 1024, 4096, 512, 64, 4, 8, 128, 512, 128, 64, 128, 32768),
    "kimi-linear-mini-q4_0": lambda p: kimi_linear(
        p, "q4_0", 8, 512, 2048, 256, 16, 2, 4, 128, 256, 128, 64, 128, 8192),
}


def make_adapter(model, rank, path):
    """F16, on every linear map of the layers."""
    reader = gguf.GGUFReader(model)
    architecture = reader.fields["general.architecture"].contents()
    out = gguf.GGUFWriter(path, architecture)
    out.add_string("general.type", "adapter")
    out.add_string("adapter.type", "lora")
    out.add_float32("adapter.lora.alpha", float(rank))
    random = np.random.default_rng(5)
    for t in reader.tensors:
        if not t.name.startswith("blk.") or len(t.shape) < 2 or "conv1d" in t.name:
            continue
        columns, rows = int(t.shape[0]), [int(n) for n in t.shape[:0:-1]]
        a = 0.01 * random.standard_normal((*rows[:-1], rank, columns))
        b = 0.01 * random.standard_normal((*rows, rank))
        out.add_tensor(t.name + ".lora_a", a.astype(np.float16))
        out.add_tensor(t.name + ".lora_b", b.astype(np.float16))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "--adapter":
        make_adapter(sys.argv[2], int(sys.argv[3]), sys.argv[4])
        return
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or MODELS:
        path = folder / f"{name}.gguf"
        if not path.exists():
            print(f"writing {path}", file=sys.stderr)
            MODELS[name](path)


if __name__ == "__main__":
    main()
