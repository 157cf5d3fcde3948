#!/usr/bin/env python3
"""The reverse of convert.py: the state dict and the tokenizer of a Cabin GGUF, weights dequantised to float32."""
import argparse
import os

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize

import tokenizer as tok_
from model import CONFIG, Cabin


# Linear maps and norms that are the same matrix in both: parameters of a layer in model.py, tensors of a block.
NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.forget_gate.f_a_proj": "ssm_f_a", "self_attn.forget_gate.f_b_proj": "ssm_f_b",
    "self_attn.g_a_proj": "ssm_g_a", "self_attn.g_b_proj": "ssm_g_b", "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "mlp.shared_experts.gate_proj": "ffn_gate_shexp", "mlp.shared_experts.up_proj": "ffn_up_shexp", "mlp.shared_experts.down_proj": "ffn_down_shexp",
}
SMALL = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.o_norm": "ssm_norm", "self_attn.kv_a_layernorm": "attn_kv_a_norm",
    "self_attn.b_proj": "ssm_beta", "mlp.gate": "ffn_gate_inp",
}


def state(path):
    """-> the parameters under their names in model.py. A second conversion gives the same file again."""
    w = {t.name: dequantize(np.asarray(t.data), t.tensor_type).reshape([int(n) for n in t.shape[::-1]]) for t in GGUFReader(path).tensors}
    result = Cabin(w["token_embd.weight"].shape[0]).state_dict()
    heads, d = CONFIG["num_attention_heads"], CONFIG["linear_head_dim"]

    def get(name):
        return torch.from_numpy(np.array(w[name], np.float32))

    result["model.embed_tokens.weight"] = get("token_embd.weight")
    result["model.norm.weight"] = get("output_norm.weight")
    result["lm_head.weight"] = get("output.weight")
    for i in range(CONFIG["num_hidden_layers"]):
        dst, src = f"model.layers.{i}.", f"blk.{i}."
        for ours, theirs in (NAMES | SMALL).items():
            if dst + ours + ".weight" in result:
                result[dst + ours + ".weight"] = get(f"{src}{theirs}.weight")
        a, m = dst + "self_attn.", dst + "mlp."
        if CONFIG["layer_types"][i] == "linear_attention":
            result[a + "conv1d.weight"] = torch.cat([get(f"{src}ssm_conv1d_{n}.weight").view(heads * d, 1, -1) for n in "qkv"])
            result[a + "forget_gate.dt_bias"] = get(src + "ssm_dt.bias")
            result[a + "forget_gate.A_log"] = (-get(src + "ssm_a")).log().view(1, 1, heads, 1)
        else:
            k, v = get(src + "attn_k_b.weight").transpose(1, 2), get(src + "attn_v_b.weight")
            result[a + "kv_b_proj.weight"] = torch.cat([k, v], 1).reshape(-1, k.shape[-1])
        if CONFIG["mlp_layer_types"][i] == "sparse":
            result[m + "experts.gate_up_proj"] = torch.cat([get(src + "ffn_gate_exps.weight"), get(src + "ffn_up_exps.weight")], 1)
            result[m + "experts.down_proj"] = get(src + "ffn_down_exps.weight")
            result[m + "gate.e_score_correction_bias"] = get(src + "exp_probs_b.bias")
    return result


def tokenizer(path):
    """-> a Tokenizer with the vocabulary and the merges of the file."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    fields = GGUFReader(path).fields
    tokens, merges = fields["tokenizer.ggml.tokens"].contents(), fields["tokenizer.ggml.merges"].contents()
    vocabulary = {t: i for i, t in enumerate(tokens) if t not in tok_.CONTROL}
    tok = Tokenizer(models.BPE(vocab=vocabulary, merges=[tuple(m.split(" ")) for m in merges]))
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(tok_.KIMI_REGEX), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.add_special_tokens([t for t in tokens if t in tok_.CONTROL])
    assert [tok.id_to_token(i) for i in range(len(tokens))] == tokens
    return tok


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("model", help="a GGUF that convert.py wrote")
    p.add_argument("--dir", default="checkpoint", help="where tokenizer.json and cabin.pt go")
    a = p.parse_args()
    os.makedirs(a.dir, exist_ok=True)
    tokenizer(a.model).save(os.path.join(a.dir, "tokenizer.json"))
    torch.save(state(a.model), os.path.join(a.dir, "cabin.pt"))


if __name__ == "__main__":
    main()
