#!/usr/bin/env python3
"""The Cabin network: architecture kimi-linear, small, with a KDA forward made for short sequences;
for comparison also with polarity-aware linear attention or softmax attention in the place of KDA.

The parameters carry the names and shapes of `transformers.KimiLinearForCausalLM`, so a state
dict moves between the two without renaming. Only the arithmetic of training differs: the gated
delta rule of a whole (short) sequence is one masked product and one triangular solve instead of
a loop over tokens or chunks.
"""
import argparse
import math

import torch
import torch.nn.functional as F
from torch import nn

CONFIG = dict(
    hidden_size=256,
    intermediate_size=512,
    moe_intermediate_size=256,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=4,
    kv_lora_rank=128,
    qk_nope_head_dim=64,
    qk_rope_head_dim=32,
    v_head_dim=64,
    num_local_experts=8,
    num_experts_per_tok=2,
    n_shared_experts=1,
    n_group=1,
    topk_group=1,
    norm_topk_prob=True,
    routed_scaling_factor=1.5,
    linear_head_dim=64,
    linear_num_heads=4,
    linear_conv_kernel_dim=4,
    layer_types=["linear_attention"] * 3 + ["full_attention"],
    mlp_layer_types=["dense"] + ["sparse"] * 3,
    rms_norm_eps=1e-5,
    max_position_embeddings=4096,
    tie_word_embeddings=False,
)

BLOCK = 8          # tokens that share one reference point in the KDA decay products
MIN_LOG_DECAY = -20.0  # exp(-20) is 2e-9: a clamp here is below float32 noise, and keeps exp() finite


def rms(x, weight, eps):
    return F.rms_norm(x.float(), (x.shape[-1],), weight, eps)


def l2(x):
    return x * torch.rsqrt((x * x).sum(-1, keepdim=True) + 1e-6)


def gated_delta(q, k, v, g, beta):
    """The recurrence  S <- diag(e^g) S;  S <- S + k (beta (v - S^T k))^T;  o = S^T q / sqrt(d)
    for whole sequences that start from a zero state. q, k, v, g: [B, H, T, D]; beta: [B, H, T].

    With G the running sum of g, the decayed products A[i, j] = sum_c x_i[c] k_j[c] e^(G_i[c] - G_j[c])
    are factored around the middle G_m of the block of row i: e^(G_i - G_m) e^(G_m - G_j). Columns
    after the block are cut off, so no exponent exceeds BLOCK / 2 * 20.
    """
    B, H, T, D = q.shape
    n = T // BLOCK
    G = g.float().clamp(min=MIN_LOG_DECAY).cumsum(2)
    blocks = G.view(B, H, n, BLOCK, D)
    mid = blocks[:, :, :, BLOCK // 2]                                     # [B, H, n, D]
    row = (blocks - mid.unsqueeze(3)).exp()
    last = torch.arange(n).view(n, 1) * BLOCK + BLOCK                     # first column not needed
    seen = (torch.arange(T).view(1, T) < last).view(1, 1, n, T, 1)
    col = (mid.unsqueeze(3) - G.unsqueeze(2)).masked_fill(~seen, float("-inf")).exp()
    kc = (k.unsqueeze(2) * col).transpose(-1, -2)                         # [B, H, n, D, T]
    rows = torch.cat([q.view(B, H, n, BLOCK, D) * row, k.view(B, H, n, BLOCK, D) * row], 3)
    both = rows @ kc                                                      # [B, H, n, 2 BLOCK, T]
    qk = both[:, :, :, :BLOCK].reshape(B, H, T, T).tril()
    kk = both[:, :, :, BLOCK:].reshape(B, H, T, T).tril(-1) * beta.unsqueeze(-1)
    u = torch.linalg.solve_triangular(
        (kk + torch.eye(T)).float(), (v * beta.unsqueeze(-1)).float(), upper=False, unitriangular=True)
    return qk @ u / math.sqrt(D)


class ForgetGate(nn.Module):
    def __init__(self, c):
        super().__init__()
        h, heads, d = c["hidden_size"], c["linear_num_heads"], c["linear_head_dim"]
        self.heads, self.d = heads, d
        self.dt_bias = nn.Parameter(torch.empty(heads * d))
        self.A_log = nn.Parameter(torch.empty(1, 1, heads, 1))
        self.f_a_proj = nn.Linear(h, d, bias=False)
        self.f_b_proj = nn.Linear(d, heads * d, bias=False)

    def forward(self, x):
        g = F.softplus(self.f_b_proj(self.f_a_proj(x)) + self.dt_bias)
        return -self.A_log.exp() * g.view(*x.shape[:2], self.heads, self.d)


class Weight(nn.Module):
    """A bare `weight`, for a norm or a convolution."""

    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(*shape))


class KDA(nn.Module):
    """Kimi delta attention: the linear-attention layer."""

    def __init__(self, c):
        super().__init__()
        h, heads, d = c["hidden_size"], c["linear_num_heads"], c["linear_head_dim"]
        self.heads, self.d, self.eps, self.taps = heads, d, c["rms_norm_eps"], c["linear_conv_kernel_dim"]
        for name in "qkv":
            setattr(self, f"{name}_proj", nn.Linear(h, heads * d, bias=False))
        self.conv1d = Weight(3 * heads * d, 1, self.taps)
        self.forget_gate = ForgetGate(c)
        self.b_proj = nn.Linear(h, heads, bias=False)
        self.g_a_proj = nn.Linear(h, d, bias=False)
        self.g_b_proj = nn.Linear(d, heads * d, bias=False)
        self.o_norm = Weight(d)
        self.o_proj = nn.Linear(heads * d, h, bias=False)

    def forward(self, x):
        B, T, _ = x.shape
        z = x @ torch.cat([self.q_proj.weight, self.k_proj.weight, self.v_proj.weight]).t()
        w = self.conv1d.weight[:, 0]
        padded = F.pad(z, (0, 0, self.taps - 1, 0))
        z = sum(padded[:, j:j + T] * w[:, j] for j in range(self.taps))   # the last tap meets the newest token
        q, k, v = (t.view(B, T, self.heads, self.d).transpose(1, 2) for t in F.silu(z).chunk(3, -1))
        g = self.forget_gate(x).transpose(1, 2)
        beta = self.b_proj(x).sigmoid().transpose(1, 2)
        o = gated_delta(l2(q), l2(k), v.contiguous(), g, beta).transpose(1, 2)
        gate = self.g_b_proj(self.g_a_proj(x)).view(B, T, self.heads, self.d)
        o = rms(o, self.o_norm.weight, self.eps) * gate.sigmoid()
        return self.o_proj(o.reshape(B, T, -1))


class Pola(nn.Module):
    """Polarity-aware linear attention, causal, whole sequences at once. Same-signed channels of q and k meet in
    the first half of a head's values, opposite-signed ones in the second half; each stream is a weighted mean."""

    def __init__(self, c):
        super().__init__()
        h, self.heads, self.d = c["hidden_size"], c["linear_num_heads"], c["linear_head_dim"]
        self.taps = c["linear_conv_kernel_dim"]
        for name in "qkvg":
            setattr(self, f"{name}_proj", nn.Linear(h, self.heads * self.d, bias=False))
        self.scale = nn.Parameter(torch.zeros(self.heads * self.d))   # q and k are divided by softplus(scale)
        self.power = nn.Parameter(torch.zeros(self.heads * self.d))   # the exponent is 1 + 4 sigmoid(power)
        self.conv1d = Weight(self.heads * self.d, 1, self.taps)
        self.o_proj = nn.Linear(self.heads * self.d, h, bias=False)

    def forward(self, x):
        B, T, _ = x.shape
        def split(t):
            return t.view(B, T, self.heads, self.d).transpose(1, 2)
        s, p = F.softplus(self.scale), 1 + 4 * self.power.sigmoid()
        q, k = self.q_proj(x) / s, self.k_proj(x) / s
        q = [split(t.clamp(min=0).pow(p)) for t in (q, -q)]
        k = torch.cat([split(t.clamp(min=0).pow(p)) for t in (k, -k)], -1).transpose(-1, -2)
        z = self.v_proj(x)
        streams = []
        for weights, v in zip((torch.cat(q, -1) @ k, torch.cat(q[::-1], -1) @ k), split(z).chunk(2, -1)):
            weights = weights.tril()
            streams.append(weights @ v / (weights.sum(-1, keepdim=True) + 1e-6))
        o = torch.cat(streams, -1).transpose(1, 2).reshape(B, T, -1)
        padded = F.pad(z, (0, 0, self.taps - 1, 0))
        o = o + sum(padded[:, j:j + T] * self.conv1d.weight[:, 0, j] for j in range(self.taps))
        return self.o_proj(o * self.g_proj(x))


class Softmax(nn.Module):
    """Causal multi-head softmax attention with rotary positions, for comparison."""

    def __init__(self, c):
        super().__init__()
        h, self.heads, self.d = c["hidden_size"], c["linear_num_heads"], c["linear_head_dim"]
        for name in "qkv":
            setattr(self, f"{name}_proj", nn.Linear(h, self.heads * self.d, bias=False))
        self.o_proj = nn.Linear(self.heads * self.d, h, bias=False)

    def forward(self, x):
        B, T, _ = x.shape
        q, k, v = (p(x).view(B, T, self.heads, self.d).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        angle = torch.arange(T).view(T, 1) * 10000.0 ** (-torch.arange(0, self.d, 2) / self.d)
        cos, sin = angle.cos(), angle.sin()
        def rotated(t):
            a, b = t.chunk(2, -1)
            return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)
        o = F.scaled_dot_product_attention(rotated(q), rotated(k), v, is_causal=True)
        return self.o_proj(o.transpose(1, 2).reshape(B, T, -1))


class MLA(nn.Module):
    """Multi-head latent attention without positions: the full-attention layer."""

    def __init__(self, c):
        super().__init__()
        h, self.heads = c["hidden_size"], c["num_attention_heads"]
        self.nope, self.rope, self.dv = c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"]
        self.rank = c["kv_lora_rank"]
        self.q_proj = nn.Linear(h, self.heads * (self.nope + self.rope), bias=False)
        self.kv_a_proj_with_mqa = nn.Linear(h, self.rank + self.rope, bias=False)
        self.kv_a_layernorm = Weight(self.rank)
        self.kv_b_proj = nn.Linear(self.rank, self.heads * (self.nope + self.dv), bias=False)
        self.o_proj = nn.Linear(self.heads * self.dv, h, bias=False)

    def forward(self, x):
        B, T, _ = x.shape
        q = self.q_proj(x).view(B, T, self.heads, -1).transpose(1, 2)
        latent, k_rope = self.kv_a_proj_with_mqa(x).split([self.rank, self.rope], -1)
        latent = rms(latent, self.kv_a_layernorm.weight, 1e-6)
        k, v = self.kv_b_proj(latent).view(B, T, self.heads, -1).transpose(1, 2).split([self.nope, self.dv], -1)
        k = torch.cat([k, k_rope.unsqueeze(1).expand(-1, self.heads, -1, -1)], -1)
        o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(o.transpose(1, 2).reshape(B, T, -1))


class MLP(nn.Module):
    def __init__(self, h, f):
        super().__init__()
        self.gate_proj, self.up_proj = nn.Linear(h, f, bias=False), nn.Linear(h, f, bias=False)
        self.down_proj = nn.Linear(f, h, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Router(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.k, self.scale = c["num_experts_per_tok"], c["routed_scaling_factor"]
        self.weight = nn.Parameter(torch.empty(c["num_local_experts"], c["hidden_size"]))
        self.register_buffer("e_score_correction_bias", torch.zeros(c["num_local_experts"]))
        self.load = None  # experts chosen in the last forward, for balancing

    def forward(self, x):
        p = (x @ self.weight.t()).sigmoid()
        chosen = (p + self.e_score_correction_bias).topk(self.k, -1).indices
        w = p.gather(1, chosen)
        self.load = torch.bincount(chosen.flatten(), minlength=p.shape[1])
        return chosen, w / w.sum(-1, keepdim=True) * self.scale


class Experts(nn.Module):
    def __init__(self, c):
        super().__init__()
        e, h, f = c["num_local_experts"], c["hidden_size"], c["moe_intermediate_size"]
        self.gate_up_proj = nn.Parameter(torch.empty(e, 2 * f, h))
        self.down_proj = nn.Parameter(torch.empty(e, h, f))


class MoE(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.experts, self.gate = Experts(c), Router(c)
        self.shared_experts = MLP(c["hidden_size"], c["moe_intermediate_size"] * c["n_shared_experts"])

    def forward(self, x):
        flat = x.reshape(-1, x.shape[-1])
        chosen, weights = self.gate(flat)
        order = chosen.flatten().argsort(stable=True)
        token = order // chosen.shape[1]
        parts = flat[token].split(self.gate.load.tolist())
        out = []
        for part, up, down in zip(parts, self.experts.gate_up_proj.unbind(0), self.experts.down_proj.unbind(0)):
            gate, lin = (part @ up.t()).chunk(2, -1)
            out.append((F.silu(gate) * lin) @ down.t())
        routed = torch.cat(out) * weights.flatten()[order].unsqueeze(-1)
        flat = self.shared_experts(flat)
        flat = flat.index_add(0, token, routed.to(flat.dtype))
        return flat.view_as(x)


MIXERS = {"kda": KDA, "pola": Pola, "softmax": Softmax}


def mixer_of(state):
    """The name of the mixer that a state dict has beside MLA."""
    a = "model.layers.0.self_attn."
    if a + "power" in state:
        return "pola"
    return "softmax" if a + "k_proj.weight" in state and a + "conv1d.weight" not in state else "kda"


class Layer(nn.Module):
    def __init__(self, c, i):
        super().__init__()
        self.eps = c["rms_norm_eps"]
        self.input_layernorm, self.post_attention_layernorm = Weight(c["hidden_size"]), Weight(c["hidden_size"])
        self.self_attn = MIXERS[c["mixer"]](c) if c["layer_types"][i] == "linear_attention" else MLA(c)
        self.mlp = MLP(c["hidden_size"], c["intermediate_size"]) if c["mlp_layer_types"][i] == "dense" else MoE(c)

    def forward(self, x):
        x = x + self.self_attn(rms(x, self.input_layernorm.weight, self.eps))
        return x + self.mlp(rms(x, self.post_attention_layernorm.weight, self.eps))


class Cabin(nn.Module):
    """`forward(ids)` takes [B, T] token ids (right padding is harmless: all is causal) and returns the
    final hidden states; `logits(ids)` the scores."""

    def __init__(self, vocab_size, config=CONFIG, mixer="kda"):
        super().__init__()
        c = self.config = dict(config, vocab_size=vocab_size, mixer=mixer)
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(vocab_size, c["hidden_size"])
        self.model.layers = nn.ModuleList(Layer(c, i) for i in range(c["num_hidden_layers"]))
        self.model.norm = Weight(c["hidden_size"])
        self.lm_head = nn.Linear(c["hidden_size"], vocab_size, bias=False)
        self.reset()

    @torch.no_grad()
    def reset(self):
        for name, p in self.named_parameters():
            if name.endswith("A_log"):
                p.copy_(torch.empty_like(p).uniform_(1, 8).log())
            elif name.endswith("dt_bias"):
                dt = torch.empty_like(p).uniform_(math.log(1e-3), math.log(1e-1)).exp()
                p.copy_(dt + torch.log(-torch.expm1(-dt)))
            elif "conv1d" in name:
                p.uniform_(-0.5, 0.5)
            elif p.ndim >= 2:
                residual = name.endswith(("o_proj.weight", "down_proj.weight", "down_proj"))
                p.normal_(std=0.02 if "embed" in name or "lm_head" in name
                          else p.shape[-1] ** -0.5 * (0.35 if residual else 0.7))

    def forward(self, ids):
        x = self.model.embed_tokens(F.pad(ids, (0, -ids.shape[1] % BLOCK)))
        for layer in self.model.layers:
            x = layer(x)
        return rms(x, self.model.norm.weight, self.config["rms_norm_eps"])[:, :ids.shape[1]]

    def logits(self, ids):
        return self.lm_head(self(ids))

    def balance(self, rate):
        """After a step: make crowded experts a little less, empty ones a little more attractive."""
        for layer in self.model.layers:
            if isinstance(layer.mlp, MoE):
                load = layer.mlp.gate.load.float()
                layer.mlp.gate.e_score_correction_bias += rate * (load.mean() - load).sign()


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    net = Cabin(1024)
    for name, p in net.state_dict().items():
        print(f"{name:60} {tuple(p.shape)}")
    print(f"{sum(p.numel() for p in net.parameters()):,} parameters with a vocabulary of 1,024")


if __name__ == "__main__":
    main()
