#!/usr/bin/env python3
"""Train Cabin on freshly generated requests; no sentence is stored, none of the held-out ones is ever made.

Matrices of the layers learn with Muon (orthogonalised momentum), everything else with AdamW; both
rates warm up, then fall linearly to zero. Writes DIR/tokenizer.json and DIR/cabin.pt (a state dict in
the layout of transformers' KimiLinearForCausalLM) every few minutes; the last one is the result.
"""
import argparse
import json
import os
import random
import time

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import from_gguf
import grammar
import tokenizer as tok_
from model import MIXERS, Cabin


def encode(tok, turns):
    """-> ids, mask: mask[i] = 1 where ids[i] is to be predicted (the answers and their <|im_end|>)."""
    ids, mask = [], []
    for text, call in turns:
        asked = tok.encode(tok_.prompt(text)).ids
        answer = tok.encode(grammar.text_of(call) + "<|im_end|>").ids
        ids += asked + answer
        mask += [0] * len(asked) + [1] * len(answer)
    return ids, mask


def pad(rows):
    width = -(-max(len(ids) for ids, _ in rows) // 8) * 8
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.bool)
    for r, (i, m) in enumerate(rows):
        ids[r, :len(i)] = torch.tensor(i)
        mask[r, :len(m)] = torch.tensor(m, dtype=torch.bool)
    return ids, mask


def batches(tok, rng, tokens, make):
    """Endless batches of about `tokens` tokens of similar length; make() -> the turns of one sample."""
    while True:
        rows = [encode(tok, make()) for _ in range(1200)]
        rows.sort(key=lambda r: len(r[0]))
        pool, part = [], []
        for row in rows:
            width = -(-len(row[0]) // 8) * 8
            if part and (len(part) + 1) * width > tokens:
                pool.append(part)
                part = []
            part.append(row)
        rng.shuffle(pool)
        for part in pool:
            yield pad(part)


@torch.no_grad()
def exact(net, tok, pairs, size=64):
    """One bool per (text, call text): would greedy decoding give exactly this call? (All its tokens are the argmax.)"""
    rows = [encode(tok, [(text, json.loads(call))]) for text, call in pairs]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]))
    result = [False] * len(rows)
    for s in range(0, len(order), size):
        part = order[s:s + size]
        ids, mask = pad([rows[i] for i in part])
        good = net.logits(ids)[:, :-1].argmax(-1) == ids[:, 1:]
        for i, ok in zip(part, (good | ~mask[:, 1:]).all(1).tolist()):
            result[i] = ok
    return result


NEWTON_SCHULZ = ((4.0848, -6.8946, 2.9270), (3.9505, -6.3029, 2.6377), (3.7418, -5.5913, 2.3037),
                 (2.8769, -3.1427, 1.2046))


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised per matrix by a Newton-Schulz iteration; matrices of one shape go together."""

    def __init__(self, params, lr, momentum=0.95, decay=0.02):
        super().__init__(params, dict(lr=lr, momentum=momentum, decay=decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            shapes = {}
            for p in group["params"]:
                buf = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buf.lerp_(p.grad, 1 - group["momentum"])
                g = p.grad.lerp(buf, group["momentum"])
                g = g if g.ndim == 3 else g.unsqueeze(0)
                # a fused gate|up stack is two matrices
                parts = g.chunk(2, 1) if g.shape[0] > 1 and g.shape[1] > g.shape[2] else [g]
                for k, part in enumerate(parts):
                    shapes.setdefault(tuple(part.shape[1:]), []).append((p, k, len(parts), part))
            for (rows, cols), items in shapes.items():
                x = torch.cat([i[3] for i in items]).bfloat16()
                flip = rows > cols
                x = x.transpose(1, 2) if flip else x
                x = x / (x.flatten(1).norm(dim=1).view(-1, 1, 1) + 1e-7)
                for a, b, c in NEWTON_SCHULZ:
                    s = x @ x.transpose(1, 2)
                    x = a * x + (b * s + c * (s @ s)) @ x
                x = x.transpose(1, 2) if flip else x
                x = x * max(1, rows / cols) ** 0.5
                for p, k, n, part in items:
                    u, x = x[:len(part)], x[len(part):]
                    target = p if p.ndim == 3 else p.unsqueeze(0)
                    target = target.chunk(n, 1)[k]
                    target.mul_(1 - group["lr"] * group["decay"]).add_(u, alpha=-group["lr"])


def optimizers(net, lr, lr_muon):
    muon, adam, plain = [], [], []
    for name, p in net.named_parameters():
        # beta's projection and the second halves of the low-rank pairs (*b_proj), the router and the
        # convolutions stay with AdamW
        matrix = p.ndim == 2 or p.ndim == 3 and "experts" in name
        if "layers" in name and matrix and not name.endswith(("mlp.gate.weight", "b_proj.weight")):
            muon.append(p)
        elif p.ndim >= 2 and "A_log" not in name:
            adam.append(p)
        else:
            plain.append(p)
    groups = [dict(params=adam, weight_decay=0.01), dict(params=plain, weight_decay=0.0)]
    return [torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.97), eps=1e-10, foreach=True), Muon(muon, lr_muon)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--dir", default="checkpoint", help="where tokenizer.json, cabin.pt and log.txt go")
    p.add_argument("--mixer", default="kda", choices=MIXERS, help="what the layers without MLA have")
    p.add_argument("--steps", type=int, default=980)
    p.add_argument("--tokens", type=int, default=3072, help="per step, padding included")
    p.add_argument("--dialogues", type=float, default=0.04, help="share of two-turn samples")
    p.add_argument("--rewording", type=float, default=0.0, help="share of the samples with some words dropped, added or replaced")
    p.add_argument("--wordings", type=float, default=0, help="share of the samples whose phrasing is one of wordings.txt")
    p.add_argument("--simple", type=float, default=0, help="share of the samples with one of the three plainest phrasings of its wish")
    p.add_argument("--lr", type=float, default=3e-3, help="AdamW: embedding, output, router, norms, gates")
    p.add_argument("--lr-muon", type=float, default=0.02, help="Muon: matrices of the layers")
    p.add_argument("--warmup", type=int, default=60)
    p.add_argument("--flat", type=float, default=0.35, help="share of the steps at full rate")
    p.add_argument("--seed", type=int, default=grammar.SEED)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--every", type=float, default=240, help="seconds between checkpoints")
    p.add_argument("--limit", type=float, default=0, help="stop after so many minutes (0: never)")
    p.add_argument("--bf16", action="store_true", help="products of matrices in bfloat16 (weights stay float32)")
    p.add_argument("--init", metavar="FILE", help="start from the weights and the tokenizer of this GGUF instead of from nothing")
    p.add_argument("--resume", action="store_true", help="go on from DIR/resume.pt")
    a = p.parse_args()

    os.makedirs(a.dir, exist_ok=True)
    grammar.SHARE, grammar.SIMPLE = a.wordings, a.simple
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    path = os.path.join(a.dir, "tokenizer.json")
    if not os.path.exists(path):
        (from_gguf.tokenizer(a.init) if a.init else tok_.build()).save(path)
    tok = Tokenizer.from_file(path)
    net = Cabin(tok.get_vocab_size(), mixer=a.mixer)
    if a.init:
        net.load_state_dict(from_gguf.state(a.init))
    opts = optimizers(net, a.lr, a.lr_muon)
    rates = [[g["lr"] for g in o.param_groups] for o in opts]
    start = 0
    resume = os.path.join(a.dir, "resume.pt")
    if a.resume and os.path.exists(resume):
        state = torch.load(resume, weights_only=True)
        net.load_state_dict(state["net"])
        for o, s in zip(opts, state["opts"]):
            o.load_state_dict(s)
        start = state["step"]
    rng = random.Random(a.seed * 1000003 + start)
    stream = batches(tok, rng, a.tokens, lambda: grammar.dialogue(rng) if rng.random() < a.dialogues else [grammar.sample(rng, rewording=a.rewording)])
    watch = grammar.heldout((100, 200, 100), seed=99)   # for the log only; the real held-out set has another seed
    log = open(os.path.join(a.dir, "log.txt"), "a")
    began = last = time.time()
    running, seen = None, 0
    print(f"{sum(x.numel() for x in net.parameters()):,} parameters, {tok.get_vocab_size()} tokens", flush=True)

    def save(step):
        net.eval()
        by = {}
        for row, ok in zip(watch, exact(net, tok, [(r["text"], r["call"]) for r in watch])):
            by.setdefault(row["split"], []).append(ok)
        torch.save(net.state_dict(), os.path.join(a.dir, "cabin.tmp"))
        os.replace(os.path.join(a.dir, "cabin.tmp"), os.path.join(a.dir, "cabin.pt"))
        torch.save(dict(net=net.state_dict(), opts=[o.state_dict() for o in opts], step=step), resume + ".tmp")
        os.replace(resume + ".tmp", resume)
        line = f"step {step} minutes {(time.time() - began) / 60:.1f} tokens {seen:,} loss {running:.4f} " + \
               " ".join(f"{k} {100 * sum(v) / len(v):.1f}" for k, v in by.items())
        print(line, flush=True)
        log.write(line + "\n")
        log.flush()

    for step in range(start, a.steps):
        frac = step / a.steps
        scale = min(1, (step + 1) / a.warmup, max(0.0, (1 - frac) / (1 - a.flat)))
        for o, base in zip(opts, rates):
            for g, lr in zip(o.param_groups, base):
                g["lr"] = lr * scale
        ids, mask = next(stream)
        with torch.autocast("cpu", torch.bfloat16, enabled=a.bf16):
            scores = net.lm_head(net(ids)[:, :-1][mask[:, 1:]])
        loss = F.cross_entropy(scores.float(), ids[:, 1:][mask[:, 1:]])
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for g in opts[0].param_groups for p in g["params"]], 1.0)
        for o in opts:
            o.step()
        net.balance(0.003 * scale)
        net.zero_grad(set_to_none=True)
        seen += ids.numel()
        running = loss.item() if running is None else 0.97 * running + 0.03 * loss.item()
        if step % 20 == 0:
            print(f"step {step} loss {running:.4f} {(time.time() - began) / (step - start + 1):.2f} s/step", flush=True)
        if time.time() - last > a.every:
            save(step + 1)
            last = time.time()
        if a.limit and time.time() - began > 60 * a.limit:
            break
    save(step + 1)


if __name__ == "__main__":
    main()
