#!/usr/bin/env python3
"""Three programs, one model: the PyTorch network here, transformers' KimiLinearForCausalLM, and the GGUF.

1. transformers (float32, CPU, eager) loads the trained weights under their own names, no key missing or
   left over, and its logits are compared with model.py's on held-out prompts;
2. transformers answers held-out prompts greedily, one token at a time from its cache: the result is
   written as a fixture (DIR/greedy.json: text, prompt_ids, greedy_ids) beside DIR/cabin-F32.gguf;
3. the GGUF is read back and run token by token in float64 numpy, written from the formulas and sharing
   no code with the converter, and compared with transformers.
"""
import argparse
import json
import os

import numpy as np
import torch
from tokenizers import Tokenizer

import convert
import tokenizer as tok_
from model import CONFIG, Cabin


def reference(state, vocabulary, stop, pad):
    from transformers import KimiLinearConfig, KimiLinearForCausalLM
    config = KimiLinearConfig(**CONFIG, vocab_size=vocabulary, eos_token_id=stop, pad_token_id=pad, bos_token_id=0, attn_implementation="eager")
    net = KimiLinearForCausalLM(config).float().eval()
    result = net.load_state_dict(state, strict=True)
    assert not result.missing_keys and not result.unexpected_keys
    return net


@torch.no_grad()
def greedy(net, ids, stop, limit=96):
    """Plain greedy decoding over the cache. -> the new tokens (with the stop token), smallest top-1 margin"""
    out, cache, feed, margin = [], None, torch.tensor([ids]), float("inf")
    while len(out) < limit:
        step = net(input_ids=feed, past_key_values=cache, use_cache=True)
        cache = step.past_key_values
        best = step.logits[0, -1].topk(2)
        margin = min(margin, (best.values[0] - best.values[1]).item())
        out.append(best.indices[0].item())
        if out[-1] == stop:
            break
        feed = torch.tensor([[out[-1]]])
    return out, margin


class Float64:
    """The forward pass of a kimi-linear GGUF in numpy, one token at a time."""

    def __init__(self, path):
        from gguf import GGUFReader
        from gguf.quants import dequantize
        reader = GGUFReader(path)
        self.kv = {k.removeprefix("kimi-linear."): f.contents() for k, f in reader.fields.items()}
        self.w = {t.name: dequantize(np.asarray(t.data), t.tensor_type).reshape([int(n) for n in t.shape[::-1]]).astype(np.float64) for t in reader.tensors}
        self.conv, self.S, self.rows = {}, {}, {}

    @staticmethod
    def rms(x, w, eps):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * w

    def kda(self, p, x):
        H, D, K = self.kv["attention.head_count"], self.kv["kda.head_dim"], self.kv["ssm.conv_kernel"]
        z = []
        for n in "qkv":
            row = self.w[f"{p}attn_{n}.weight"] @ x
            seen = self.conv.get(p + n, np.zeros((H * D, K - 1)))
            window = np.concatenate([seen, row[:, None]], 1)
            self.conv[p + n] = window[:, 1:]
            y = (window * self.w[f"{p}ssm_conv1d_{n}.weight"].reshape(H * D, K)).sum(1)
            z.append((y / (1 + np.exp(-y))).reshape(H, D))
        q, k = (t / np.sqrt((t * t).sum(-1, keepdims=True) + 1e-6) for t in z[:2])
        g = np.logaddexp(0, self.w[p + "ssm_f_b.weight"] @ (self.w[p + "ssm_f_a.weight"] @ x) + self.w[p + "ssm_dt.bias"]).reshape(H, D) * self.w[p + "ssm_a"].reshape(H, 1)
        beta = 1 / (1 + np.exp(-self.w[p + "ssm_beta.weight"] @ x))
        S = self.S.get(p, np.zeros((H, D, D))) * np.exp(g)[..., None]
        S = S + np.einsum("hk,hv->hkv", k, beta[:, None] * (z[2] - np.einsum("hkv,hk->hv", S, k)))
        self.S[p] = S
        o = self.rms(np.einsum("hkv,hk->hv", S, q / np.sqrt(D)), self.w[p + "ssm_norm.weight"], self.kv["attention.layer_norm_rms_epsilon"])
        gate = self.w[p + "ssm_g_b.weight"] @ (self.w[p + "ssm_g_a.weight"] @ x)
        return self.w[p + "attn_output.weight"] @ (o.reshape(-1) / (1 + np.exp(-gate)))

    def mla(self, p, x):
        H, r, width = self.kv["attention.head_count"], self.kv["attention.kv_lora_rank"], self.kv["attention.key_length_mla"]
        nope = width - self.kv["rope.dimension_count"]
        q = (self.w[p + "attn_q.weight"] @ x).reshape(H, width)
        c = self.w[p + "attn_kv_a_mqa.weight"] @ x
        self.rows.setdefault(p, []).append(np.concatenate([self.rms(c[:r], self.w[p + "attn_kv_a_norm.weight"], 1e-6), c[r:]]))
        rows = np.stack(self.rows[p])
        query = np.concatenate([np.einsum("hrn,hn->hr", self.w[p + "attn_k_b.weight"], q[:, :nope]), q[:, nope:]], 1)
        a = query @ rows.T / np.sqrt(width)
        a = np.exp(a - a.max(-1, keepdims=True))
        o = np.einsum("hvr,hr->hv", self.w[p + "attn_v_b.weight"], a / a.sum(-1, keepdims=True) @ rows[:, :r])
        return self.w[p + "attn_output.weight"] @ o.reshape(-1)

    def glu(self, x, gate, up, down):
        y = gate @ x
        return down @ (y / (1 + np.exp(-y)) * (up @ x))

    def ffn(self, p, x):
        f = [self.w.get(f"{p}ffn_{n}.weight") for n in ("gate", "up", "down")]
        if f[0] is not None:
            return self.glu(x, *f)
        score = 1 / (1 + np.exp(-self.w[p + "ffn_gate_inp.weight"] @ x))
        best = np.argsort(-(score + self.w[p + "exp_probs_b.bias"]), kind="stable")[:self.kv["expert_used_count"]]
        out = self.glu(x, *(self.w[f"{p}ffn_{n}_shexp.weight"] for n in ("gate", "up", "down")))
        for e in best:
            out = out + score[e] / score[best].sum() * self.kv["expert_weights_scale"] * self.glu(x, *(self.w[f"{p}ffn_{n}_exps.weight"][e] for n in ("gate", "up", "down")))
        return out

    def step(self, token):
        x, eps = self.w["token_embd.weight"][token], self.kv["attention.layer_norm_rms_epsilon"]
        for i, kv_heads in enumerate(self.kv["attention.head_count_kv"]):
            p = f"blk.{i}."
            y = self.rms(x, self.w[p + "attn_norm.weight"], eps)
            x = x + (self.mla(p, y) if kv_heads else self.kda(p, y))
            x = x + self.ffn(p, self.rms(x, self.w[p + "ffn_norm.weight"], eps))
        return self.w["output.weight"] @ self.rms(x, self.w["output_norm.weight"], eps)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--dir", default="checkpoint", help="folder with tokenizer.json and cabin.pt")
    p.add_argument("--heldout", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "heldout.jsonl"))
    p.add_argument("--count", type=int, default=100, help="prompts answered by transformers")
    p.add_argument("--out", default="parity", help="folder for cabin-F32.gguf and greedy.json")
    a = p.parse_args()
    torch.set_num_threads(2)
    tok = Tokenizer.from_file(os.path.join(a.dir, "tokenizer.json"))
    stop = tok.token_to_id("<|im_end|>")
    state = torch.load(os.path.join(a.dir, "cabin.pt"), weights_only=True)
    ours = Cabin(tok.get_vocab_size()).eval()
    ours.load_state_dict(state)
    theirs = reference(state, tok.get_vocab_size(), stop, tok.token_to_id("[PAD]"))
    os.makedirs(a.out, exist_ok=True)
    path = os.path.join(a.out, "cabin-F32.gguf")
    convert.write(a.dir, path, "f32")

    with open(a.heldout) as f:
        rows = [json.loads(line) for line in f]
    rows = rows[::max(1, len(rows) // a.count)][:a.count]
    fixture, worst_torch, worst_gguf, same, right, margins = [], 0.0, 0.0, 0, 0, []
    for n, row in enumerate(rows):
        ids = tok.encode(tok_.prompt(row["text"])).ids
        out, margin = greedy(theirs, ids, stop)
        margins.append(margin)
        right += tok.decode(out[:-1]) == row["call"]
        fixture.append(dict(text=row["text"], prompt_ids=ids, greedy_ids=out))
        whole = torch.tensor([ids + out])
        with torch.no_grad():
            a_, b_ = ours.logits(whole)[0], theirs(input_ids=whole).logits[0]
        worst_torch = max(worst_torch, (a_ - b_).abs().max().item())
        same += a_[len(ids) - 1:-1].argmax(-1).tolist() == out
        if n < 10:
            net = Float64(path)
            exact = np.stack([net.step(t) for t in ids + out])
            worst_gguf = max(worst_gguf, np.abs(exact - b_.numpy()).max())
    with open(os.path.join(a.out, "greedy.json"), "w") as f:
        json.dump(fixture, f)
    print(f"transformers, greedy, {len(rows)} held-out prompts: {right} calls exactly right; smallest top-1 margin {min(margins):.3g}")
    print(f"model.py against transformers: largest difference of a logit {worst_torch:.2g}; same greedy tokens on {same} of {len(rows)}")
    print(f"GGUF (F32, run in float64) against transformers, 10 prompts: largest difference of a logit {worst_gguf:.2g}")


if __name__ == "__main__":
    main()
