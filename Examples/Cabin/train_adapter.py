#!/usr/bin/env python3
"""Train a LoRA adapter that teaches the frozen Cabin one more domain, and write it as GGUF.

The base is the committed file as it is used: Q8_0, dequantised. Adapted are the linear maps of the KDA and
MLA layers (but not MLA's kv_b, which a GGUF holds in two parts), the dense, shared and routed FFNs, and the
output. Part of the samples are the base's own requests, so that it goes on answering them as before. Both
factors of a pair learn with Muon: every direction of the rank moves equally far in a step.
"""
import argparse
import os
import random
import time

import gguf
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

import domain
import from_gguf
import train
from model import CONFIG, Cabin


class Delta(nn.Module):
    """W + scale / rank · B A, of a matrix, of a stack of them, or of stacks lying one above the other."""

    def __init__(self, shape, parts, rank, alpha):
        super().__init__()
        *stack, rows, columns = shape
        self.scale = alpha / rank
        self.a = nn.ParameterList(torch.randn(*stack, rank, columns) / columns ** 0.5 for _ in range(parts))
        self.b = nn.ParameterList(torch.zeros(*stack, rows // parts, rank) for _ in range(parts))

    def forward(self, w):
        return w + self.scale * torch.cat([b @ a for a, b in zip(self.a, self.b)], -2)


def adapt(net, rank, expert_rank, alpha):
    """Put a Delta on every adapted map. -> [(names of the GGUF tensors, one per part, Delta)]"""
    for p in net.parameters():
        p.requires_grad_(False)
    deltas = []
    for i, layer in enumerate(net.model.layers):
        for ours, theirs in from_gguf.NAMES.items():
            try:
                module = layer.get_submodule(ours)
            except AttributeError:
                continue
            delta = Delta(module.weight.shape, 1, rank, alpha)
            parametrize.register_parametrization(module, "weight", delta)
            deltas.append(([f"blk.{i}.{theirs}.weight"], delta))
        if CONFIG["mlp_layer_types"][i] == "sparse":
            for name, theirs in (("gate_up_proj", ["ffn_gate_exps", "ffn_up_exps"]), ("down_proj", ["ffn_down_exps"])):
                delta = Delta(getattr(layer.mlp.experts, name).shape, len(theirs), expert_rank, alpha)
                parametrize.register_parametrization(layer.mlp.experts, name, delta)
                deltas.append(([f"blk.{i}.{t}.weight" for t in theirs], delta))
    delta = Delta(net.lm_head.weight.shape, 1, rank, alpha)
    parametrize.register_parametrization(net.lm_head, "weight", delta)
    deltas.append((["output.weight"], delta))
    return deltas


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised per matrix, as in train.py; without the factor for tall matrices, so that the two
    factors of a pair move alike."""

    def __init__(self, params, lr, momentum=0.95):
        super().__init__(params, dict(lr=lr, momentum=momentum))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            shapes = {}
            for p in group["params"]:
                buf = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buf.lerp_(p.grad, 1 - group["momentum"])
                g = p.grad.lerp(buf, group["momentum"])
                g = g if g.ndim == 3 else g.unsqueeze(0)
                g = g.transpose(1, 2) if g.shape[1] > g.shape[2] else g
                shapes.setdefault(tuple(g.shape[1:]), []).append((p, g))
            for items in shapes.values():
                x = torch.cat([g for _, g in items])
                x = x / (x.flatten(1).norm(dim=1).view(-1, 1, 1) + 1e-7)
                for a, b, c in train.NEWTON_SCHULZ:
                    s = x @ x.transpose(1, 2)
                    x = a * x + (b * s + c * (s @ s)) @ x
                for p, g in items:
                    u, x = x[:len(g)], x[len(g):]
                    u = u.transpose(1, 2) if p.shape[-2] > p.shape[-1] else u
                    p.add_(u.view(p.shape) if p.ndim == 3 else u[0], alpha=-group["lr"])


def read(path, deltas):
    """Take the weights from an adapter that write() made."""
    tensors = {t.name: torch.from_numpy(np.array(t.data, np.float32)) for t in gguf.GGUFReader(path).tensors}
    with torch.no_grad():
        for names, delta in deltas:
            for tensor, a, b in zip(names, delta.a, delta.b):
                a.copy_(tensors[tensor + ".lora_a"].view_as(a))
                b.copy_(tensors[tensor + ".lora_b"].view_as(b))


def write(path, name, deltas, alpha):
    """-> the size of the file in bytes"""
    w = gguf.GGUFWriter(path + ".tmp", "kimi-linear")
    w.add_type("adapter")
    w.add_name(name)
    w.add_string("adapter.type", "lora")
    w.add_float32("adapter.lora.alpha", alpha)
    for names, delta in deltas:
        for tensor, a, b in zip(names, delta.a, delta.b):
            w.add_tensor(tensor + ".lora_a", a.detach().numpy().astype(np.float16))
            w.add_tensor(tensor + ".lora_b", b.detach().numpy().astype(np.float16))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    os.replace(path + ".tmp", path)
    return os.path.getsize(path)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("domain", choices=["navigation", "media", "phone"])
    p.add_argument("--base", default="cabin.gguf")
    p.add_argument("--out", help="the adapter's file; adapters/DOMAIN.gguf if not given")
    p.add_argument("--start", metavar="FILE", help="go on from this adapter (of the same ranks)")
    p.add_argument("--steps", type=int, default=200)
    p.add_argument("--tokens", type=int, default=2560, help="per step, padding included")
    p.add_argument("--share", type=float, default=0.3, help="of the samples, the base's own requests")
    p.add_argument("--lr", type=float, default=0.02)
    p.add_argument("--warmup", type=int, default=10)
    p.add_argument("--flat", type=float, default=0.4, help="share of the steps at full rate")
    p.add_argument("--rank", type=int, default=16)
    p.add_argument("--expert-rank", type=int, default=8)
    p.add_argument("--alpha", type=float, default=16)
    p.add_argument("--seed", type=int, default=8)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--limit", type=float, default=0, help="end after so many minutes, the rate falling accordingly (0: never)")
    p.add_argument("--every", type=int, default=60, help="steps between looks at held-out requests")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    rng = random.Random(a.seed)
    d = domain.load(a.domain)
    tok = from_gguf.tokenizer(a.base)
    net = Cabin(tok.get_vocab_size())
    net.load_state_dict(from_gguf.state(a.base))
    deltas = adapt(net, a.rank, a.expert_rank, a.alpha)
    if a.start:
        read(a.start, deltas)
    weights = [x for x in net.parameters() if x.requires_grad]
    opt = Muon(weights, a.lr)
    print(f"{sum(x.numel() for x in weights):,} parameters", flush=True)
    watch = d.heldout({"values": 30, "phrasing": 60, "both": 30}, 60, seed=98)   # for the log only
    stream = train.batches(tok, rng, a.tokens, lambda: [d.mixed(rng, a.share)])
    out = a.out or os.path.join("adapters", a.domain + ".gguf")
    os.makedirs(os.path.dirname(out) or ".", exist_ok=True)
    began, running = time.time(), None
    for step in range(a.steps):
        done = max(step / a.steps, (time.time() - began) / (60 * a.limit) if a.limit else 0)
        if done >= 1:
            break
        scale = min(1, (step + 1) / a.warmup, (1 - done) / (1 - a.flat))
        opt.param_groups[0]["lr"] = a.lr * scale
        ids, mask = next(stream)
        loss = F.cross_entropy(net.lm_head(net(ids)[:, :-1][mask[:, 1:]]), ids[:, 1:][mask[:, 1:]])
        loss.backward()
        opt.step()
        opt.zero_grad(set_to_none=True)
        running = loss.item() if running is None else 0.95 * running + 0.05 * loss.item()
        if step % 10 == 0:
            print(f"step {step} loss {running:.4f} {(time.time() - began) / (step + 1):.2f} s/step", flush=True)
        if (step + 1) % a.every == 0 or step + 1 == a.steps:
            by = {}
            for row, ok in zip(watch, train.exact(net, tok, [(r["text"], r["call"]) for r in watch])):
                by.setdefault(row["split"], []).append(ok)
            print(f"step {step + 1} minutes {(time.time() - began) / 60:.1f} loss {running:.4f} " + " ".join(f"{k} {100 * sum(v) / len(v):.1f}" for k, v in by.items()), flush=True)
            write(out, "Cabin " + a.domain, deltas, a.alpha)
    print(f"{out}: {write(out, 'Cabin ' + a.domain, deltas, a.alpha):,} bytes")


if __name__ == "__main__":
    main()
