"""State dicts of transformers' Qwen3.5, Qwen3.5-MoE and Qwen3-Next text models, arranged as in GGUF.

`arrange` only moves elements (splits, permutations, stacks), so it can be run on the weights and
also on the elements' own numbers: the latter says where each element of a GGUF tensor came from.
`finish` does the arithmetic (zero-centred norms become plain ones, A_log becomes -exp(A_log)).

What goes where was read off llama.cpp's converter (conversion/qwen.py).
"""

import torch

LINEAR = {
    "in_proj_z.weight": "attn_gate.weight",
    "in_proj_a.weight": "ssm_alpha.weight",
    "in_proj_b.weight": "ssm_beta.weight",
    "in_proj_ba.weight": "ssm_ba.weight",
    "dt_bias": "ssm_dt.bias",
    "A_log": "ssm_a",
    "norm.weight": "ssm_norm.weight",
}
ATTENTION = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "q_norm": "attn_q_norm",
    "k_norm": "attn_k_norm",
}
FEED_FORWARD = {
    "gate_proj.weight": "ffn_gate.weight",
    "up_proj.weight": "ffn_up.weight",
    "down_proj.weight": "ffn_down.weight",
    "gate.weight": "ffn_gate_inp.weight",
    "shared_expert.gate_proj.weight": "ffn_gate_shexp.weight",
    "shared_expert.up_proj.weight": "ffn_up_shexp.weight",
    "shared_expert.down_proj.weight": "ffn_down_shexp.weight",
    "shared_expert_gate.weight": "ffn_gate_inp_shexp.weight",
    "experts.down_proj": "ffn_down_exps.weight",
}
PREDICTOR = {
    "fc": "eh_proj",
    "pre_fc_norm_embedding": "enorm",
    "pre_fc_norm_hidden": "hnorm",
    "norm": "shared_head_norm",
}


def tile(x, dim, config, width):
    """Value heads grouped by key head -> key heads fastest, along `dim` in units of `width`."""
    keys = config.linear_num_key_heads
    per = config.linear_num_value_heads // keys
    heads = [j * per + i for i in range(per) for j in range(keys)]
    index = torch.tensor([h * width + d for h in heads for d in range(width)])
    return x.index_select(dim, index)


def linear_attention(name, x, config, is_next):
    d = config.linear_value_head_dim
    keys = config.linear_num_key_heads * config.linear_key_head_dim
    if name == "in_proj_qkvz.weight":
        # Per key head [query | key | values | gates].
        per = config.linear_num_value_heads // config.linear_num_key_heads
        parts = x.reshape(config.linear_num_key_heads, -1, x.shape[1]).split(
            [config.linear_key_head_dim, config.linear_key_head_dim, per * d, per * d], dim=1)
        q, k, v, z = (p.reshape(-1, x.shape[1]) for p in parts)
        return [("attn_qkv.weight", torch.cat([q, k, v])), ("attn_gate.weight", z)]

    def tiled(x, dim, width):
        return x if is_next else tile(x, dim, config, width)

    if name == "in_proj_qkv.weight":
        return [("attn_qkv.weight", torch.cat([x[: 2 * keys], tiled(x[2 * keys :], 0, d)]))]
    if name == "conv1d.weight":
        x = x.reshape(x.shape[0], x.shape[2])
        return [("ssm_conv1d.weight", torch.cat([x[: 2 * keys], tiled(x[2 * keys :], 0, d)]))]
    if name == "out_proj.weight":
        return [("ssm_out.weight", tiled(x, 1, d))]
    if name == "in_proj_z.weight":
        x = tiled(x, 0, d)
    elif name in ("in_proj_a.weight", "in_proj_b.weight", "A_log", "dt_bias"):
        x = tiled(x, 0, 1)
    return [(LINEAR[name], x)]


def block(name, x, config, is_next):
    part, _, rest = name.partition(".")
    if part == "input_layernorm":
        return [("attn_norm.weight", x)]
    if part == "post_attention_layernorm":
        return [("post_attention_norm.weight", x)]
    if part == "self_attn":
        return [(ATTENTION[rest.removesuffix(".weight")] + ".weight", x)]
    if part == "linear_attn":
        return linear_attention(rest, x, config, is_next)
    if rest == "experts.gate_up_proj":
        gate, up = x.chunk(2, dim=1)
        return [("ffn_gate_exps.weight", gate), ("ffn_up_exps.weight", up)]
    return [(FEED_FORWARD[rest], x)]


def arrange(state, config, is_next):
    """{GGUF name: (source name, tensor)}; tensors keep torch's order of dimensions."""
    out = {}
    layers = config.num_hidden_layers
    for name, x in state.items():
        word = name.removeprefix("model.").split(".")
        if word[0] == "mtp" and word[1] == "layers":
            word = ["layers", str(layers + int(word[2]))] + word[3:]
        if word[0] == "embed_tokens":
            pieces = [("token_embd.weight", x)]
        elif word[0] == "norm":
            pieces = [("output_norm.weight", x)]
        elif word[0] == "lm_head":
            pieces = [("output.weight", x)]
        elif word[0] == "mtp":
            pieces = [(f"blk.{layers}.nextn.{PREDICTOR[word[1]]}.weight", x)]
        else:
            pieces = [
                (f"blk.{word[1]}.{new}", y)
                for new, y in block(".".join(word[2:]), x, config, is_next)
            ]
        for new, y in pieces:
            out[new] = (name, y)
    return out


def finish(name, x):
    if name.endswith("ssm_a"):
        return -torch.exp(x)
    if name.endswith("norm.weight") and not name.endswith("ssm_norm.weight"):
        return x + 1
    return x
