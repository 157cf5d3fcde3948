#!/usr/bin/env python3
"""Write a trained Cabin (tokenizer.json and cabin.pt) as GGUF, in F32, F16, BF16, Q8_0 or Q4_0.

Rows whose length the block size does not divide, norms, gates, convolutions and the router stay F32.
"""
import argparse
import json
import os

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type

import tokenizer as tok_
from model import CONFIG, mixer_of

TYPES = {"f32": Type.F32, "f16": Type.F16, "bf16": Type.BF16, "q8_0": Type.Q8_0, "q4_0": Type.Q4_0}
FILE_TYPES = {"f32": gguf.LlamaFileType.ALL_F32, "f16": gguf.LlamaFileType.MOSTLY_F16, "bf16": gguf.LlamaFileType.MOSTLY_BF16,
              "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0, "q4_0": gguf.LlamaFileType.MOSTLY_Q4_0}


def tensors(state, c):
    """-> (GGUF name, float32 array in torch order, may be quantised?)"""
    def get(name):
        return state[name].float().numpy()

    heads, d, nope, dv = c["num_attention_heads"], c["linear_head_dim"], c["qk_nope_head_dim"], c["v_head_dim"]
    yield "token_embd.weight", get("model.embed_tokens.weight"), True
    yield "output_norm.weight", get("model.norm.weight"), False
    yield "output.weight", get("lm_head.weight"), True
    for i in range(c["num_hidden_layers"]):
        src, dst = f"model.layers.{i}.", f"blk.{i}."
        yield dst + "attn_norm.weight", get(src + "input_layernorm.weight"), False
        yield dst + "ffn_norm.weight", get(src + "post_attention_layernorm.weight"), False
        a = src + "self_attn."
        yield dst + "attn_output.weight", get(a + "o_proj.weight"), True
        if a + "power" in state:
            scale = np.log1p(np.exp(get(a + "scale")))[:, None]
            yield dst + "attn_q.weight", get(a + "q_proj.weight") / scale, True
            yield dst + "attn_k.weight", get(a + "k_proj.weight") / scale, True
            yield dst + "attn_v.weight", get(a + "v_proj.weight"), True
            yield dst + "attn_gate.weight", get(a + "g_proj.weight"), True
            yield dst + "attn_power", 1 + 4 / (1 + np.exp(-get(a + "power"))), False
            yield dst + "ssm_conv1d_v.weight", get(a + "conv1d.weight").reshape(1, heads * d, 1, -1), False
        elif c["layer_types"][i] == "linear_attention":
            yield dst + "attn_q.weight", get(a + "q_proj.weight"), True
            yield dst + "attn_k.weight", get(a + "k_proj.weight"), True
            yield dst + "attn_v.weight", get(a + "v_proj.weight"), True
            for n, w in zip("qkv", np.split(get(a + "conv1d.weight"), 3)):
                yield f"{dst}ssm_conv1d_{n}.weight", w.reshape(1, heads * d, 1, -1), False
            yield dst + "ssm_f_a.weight", get(a + "forget_gate.f_a_proj.weight"), True
            yield dst + "ssm_f_b.weight", get(a + "forget_gate.f_b_proj.weight"), True
            yield dst + "ssm_dt.bias", get(a + "forget_gate.dt_bias"), False
            yield dst + "ssm_a", -np.exp(get(a + "forget_gate.A_log")).reshape(1, 1, heads, 1), False
            yield dst + "ssm_beta.weight", get(a + "b_proj.weight"), False
            yield dst + "ssm_g_a.weight", get(a + "g_a_proj.weight"), True
            yield dst + "ssm_g_b.weight", get(a + "g_b_proj.weight"), True
            yield dst + "ssm_norm.weight", get(a + "o_norm.weight"), False
        else:
            yield dst + "attn_q.weight", get(a + "q_proj.weight"), True
            yield dst + "attn_kv_a_mqa.weight", get(a + "kv_a_proj_with_mqa.weight"), True
            yield dst + "attn_kv_a_norm.weight", get(a + "kv_a_layernorm.weight"), False
            kv_b = get(a + "kv_b_proj.weight").reshape(heads, nope + dv, -1)
            yield dst + "attn_k_b.weight", np.ascontiguousarray(kv_b[:, :nope].transpose(0, 2, 1)), True
            yield dst + "attn_v_b.weight", np.ascontiguousarray(kv_b[:, nope:]), True
        m = src + "mlp."
        if c["mlp_layer_types"][i] == "dense":
            for n in ("gate", "up", "down"):
                yield f"{dst}ffn_{n}.weight", get(f"{m}{n}_proj.weight"), True
        else:
            gate, up = np.split(get(m + "experts.gate_up_proj"), 2, axis=1)
            yield dst + "ffn_gate_inp.weight", get(m + "gate.weight"), False
            yield dst + "exp_probs_b.bias", get(m + "gate.e_score_correction_bias"), False
            yield dst + "ffn_gate_exps.weight", np.ascontiguousarray(gate), True
            yield dst + "ffn_up_exps.weight", np.ascontiguousarray(up), True
            yield dst + "ffn_down_exps.weight", get(m + "experts.down_proj"), True
            for n in ("gate", "up", "down"):
                yield f"{dst}ffn_{n}_shexp.weight", get(f"{m}shared_experts.{n}_proj.weight"), True


def vocabulary(w, path):
    with open(path) as f:
        data = json.load(f)
    control = {t["id"]: t["content"] for t in data["added_tokens"]}
    by_id = {i: t for t, i in data["model"]["vocab"].items()} | control
    tokens = [by_id[i] for i in range(len(by_id))]
    ids = {t: i for i, t in enumerate(tokens)}
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("kimi-k2")
    w.add_token_list(tokens)
    w.add_token_types([gguf.TokenType.CONTROL if i in control else gguf.TokenType.NORMAL for i in range(len(tokens))])
    w.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in data["model"]["merges"]])
    w.add_bos_token_id(ids["[BOS]"])
    w.add_eos_token_id(ids["<|im_end|>"])
    w.add_unk_token_id(ids["[UNK]"])
    w.add_pad_token_id(ids["[PAD]"])
    w.add_chat_template(tok_.CHAT_TEMPLATE)
    return len(tokens)


def write(folder, path, kind):
    """-> the size of the file in bytes"""
    c = CONFIG
    state = torch.load(os.path.join(folder, "cabin.pt"), map_location="cpu", weights_only=True)
    mixer = mixer_of(state)
    if mixer == "softmax":
        raise SystemExit(f"{folder} has softmax attention in the place of KDA, which no architecture of the engine has")
    architecture = "polaformer-lm" if mixer == "pola" else "kimi-linear"
    temporary = path + ".tmp"
    w = gguf.GGUFWriter(temporary, architecture)
    w.add_type(gguf.GGUFType.MODEL)
    w.add_name("Cabin")
    w.add_description("Spoken car requests to one JSON call (VSS 6.0); see Examples/Cabin")
    w.add_block_count(c["num_hidden_layers"])
    w.add_context_length(c["max_position_embeddings"])
    w.add_embedding_length(c["hidden_size"])
    w.add_feed_forward_length(c["intermediate_size"])
    w.add_head_count(c["num_attention_heads"])
    w.add_head_count_kv([0 if t == "linear_attention" else 1 for t in c["layer_types"]])
    w.add_layer_norm_rms_eps(c["rms_norm_eps"])
    w.add_rope_freq_base(10000.0)
    w.add_rope_dimension_count(c["qk_rope_head_dim"])
    w.add_key_length(c["kv_lora_rank"] + c["qk_rope_head_dim"])
    w.add_value_length(c["kv_lora_rank"])
    w.add_key_length_mla(c["qk_nope_head_dim"] + c["qk_rope_head_dim"])
    w.add_value_length_mla(c["v_head_dim"])
    w.add_kv_lora_rank(c["kv_lora_rank"])
    w.add_ssm_conv_kernel(c["linear_conv_kernel_dim"])
    if mixer == "pola":
        w.add_uint32(f"{architecture}.polar.head_dim", c["linear_head_dim"])
    else:
        w.add_kda_head_dim(c["linear_head_dim"])
    w.add_expert_count(c["num_local_experts"])
    w.add_expert_used_count(c["num_experts_per_tok"])
    w.add_expert_shared_count(c["n_shared_experts"])
    w.add_expert_feed_forward_length(c["moe_intermediate_size"])
    w.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    w.add_expert_weights_scale(c["routed_scaling_factor"])
    w.add_leading_dense_block_count(c["mlp_layer_types"].count("dense"))
    w.add_file_type(FILE_TYPES[kind])
    w.add_quantization_version(gguf.GGML_QUANT_VERSION)
    w.add_vocab_size(vocabulary(w, os.path.join(folder, "tokenizer.json")))
    for name, x, quantise in tensors(state, c):
        t = TYPES[kind] if quantise and x.shape[-1] % 32 == 0 else Type.F32
        w.add_tensor(name, x.astype(np.float32) if t == Type.F32 else gguf.quants.quantize(x.astype(np.float32), t), raw_dtype=t)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    os.replace(temporary, path)
    return os.path.getsize(path)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--dir", default="checkpoint", help="folder with tokenizer.json and cabin.pt")
    p.add_argument("--type", default="q8_0", choices=TYPES)
    p.add_argument("--out", default="cabin.gguf")
    a = p.parse_args()
    print(f"{a.out}: {write(a.dir, a.out, a.type):,} bytes")


if __name__ == "__main__":
    main()
