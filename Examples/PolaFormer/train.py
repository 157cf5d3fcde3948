#!/usr/bin/env python3
"""Train a micro Pola-PVT on drawn telltales and signs, or the same network with another attention.

    python train.py --out signs                      polar: signs.pth and signs-labels.txt
    python train.py --out relu --attention relu      for comparison
    python train.py --out b --start a.pth --steps 600    go on with a's weights: the rate falls from its height

Then: python convert.py signs.pth --labels signs-labels.txt --type q8_0 -o signs.gguf --mean 0.5 0.5 0.5
--deviation 0.25 0.25 0.25. The training pictures have seeds from 1,000,000 on and are drawn once, into
a file; every time one is used it is moved by up to 4 pixels and its colours are changed a little. The
held-out ones have the seeds 0 ... 3299. Prints the accuracy on those.
"""
import argparse
import math
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

import network
import signs

FIRST = 1_000_000
CLASSES = len(signs.CLASSES)


def draw(first, count):
    """-> [count, 64, 64, 3] uint8; a picture's class is its seed modulo the number of classes"""
    return np.stack([signs.render(seed % CLASSES, seed) for seed in range(first, first + count)])


def drawn(name, count):
    if not os.path.exists(name):
        np.save(name, draw(FIRST, count))
    pictures = np.load(name)
    assert len(pictures) == count, f"{name} has {len(pictures)} pictures, not {count}"
    return pictures


def tensor(pictures):
    return (torch.from_numpy(pictures).float().permute(0, 3, 1, 2) / 255 - 0.5) / 0.25


def varied(pictures, random):
    """Moved, and with other brightness and colours."""
    reach = 4
    side = pictures.shape[1]
    wide = np.pad(pictures, ((0, 0), (reach, reach), (reach, reach), (0, 0)), "edge")
    places = random.integers(0, 2 * reach + 1, (len(pictures), 2))
    moved = np.stack([wide[i, y:y + side, x:x + side] for i, (y, x) in enumerate(places)])
    gain = random.uniform(0.75, 1.25, (len(pictures), 1, 1, 1)) * random.uniform(0.92, 1.08, (len(pictures), 1, 1, 3))
    return tensor(np.clip(moved * gain.astype(np.float32), 0, 255))


@torch.no_grad()
def accuracy(model, x, y):
    model.eval()
    right = sum(int((model(x[i:i + 100]).argmax(1) == y[i:i + 100]).sum()) for i in range(0, len(y), 100))
    model.train()
    return right / len(y)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True)
    p.add_argument("--attention", choices=("polar", "relu", "softmax"), default="polar")
    p.add_argument("--pictures", type=int, default=33000, help="training pictures")
    p.add_argument("--drawn", default="pictures.npy", help="where they are kept")
    p.add_argument("--epochs", type=int, default=4)
    p.add_argument("--steps", type=int, help="of the whole schedule, instead of --epochs")
    p.add_argument("--start", help="weights to begin with")
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--rate", type=float, default=2e-3)
    p.add_argument("--held-out", type=int, default=3300)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--seed", type=int, default=0)
    o = p.parse_args()
    torch.manual_seed(o.seed)
    torch.set_num_threads(o.threads)
    random = np.random.default_rng(o.seed)
    model = network.PolaPVT(CLASSES, o.attention, **network.MICRO)
    print(f"{o.attention}: {sum(p.numel() for p in model.parameters())} parameters", flush=True)
    pictures = drawn(o.drawn, o.pictures)
    held = tensor(draw(0, o.held_out)), torch.arange(o.held_out) % CLASSES
    labels = (FIRST + np.arange(o.pictures)) % CLASSES
    each = o.pictures // o.batch
    steps = o.steps or o.epochs * each
    if o.start:
        model.load_state_dict(torch.load(o.start)["model"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=o.rate, weight_decay=0.05)
    warm = 1 if o.start else steps // 20
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda t: min((t + 1) / warm, 0.01 + 0.99 * (1 + math.cos(math.pi * t / steps)) / 2))
    start = time.process_time()
    for step in range(steps):
        if step % each == 0:
            order = random.permutation(o.pictures)
        chosen = order[step % each * o.batch:][:o.batch]
        x, y = varied(pictures[chosen], random), torch.from_numpy(labels[chosen])
        loss = F.cross_entropy(model(x), y, label_smoothing=0.05)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if (step + 1) % 50 == 0:
            spent = time.process_time() - start
            print(f"step {step + 1} of {steps}: loss {loss.item():.3f}, {spent:.0f} s", flush=True)
        if (step + 1) % each == 0 or step + 1 == steps:
            torch.save({"model": model.state_dict()}, o.out + ".pth")
            print(f"step {step + 1}: held out {accuracy(model, *held):.4f}", flush=True)
    with open(o.out + "-labels.txt", "w", encoding="utf-8") as file:
        file.write("\n".join(signs.LABELS) + "\n")


if __name__ == "__main__":
    main()
