#!/usr/bin/env python3
"""Train a micro Pola-PVT on drawn telltales and signs, or the same network with another attention.

    python train.py --out signs                      polar: signs.pth and signs-labels.txt
    python train.py --out relu --attention relu      for comparison

Then: python convert.py signs.pth --labels signs-labels.txt --type q8_0 -o signs.gguf --mean 0.5 0.5 0.5
--deviation 0.25 0.25 0.25. Training pictures have seeds from 1,000,000 on and are drawn as they are
needed, by worker processes; the held-out ones have the seeds 0 ... 4999. Prints the accuracy on those.
"""
import argparse
import math
import multiprocessing
import time

import numpy as np
import torch

import network
import signs


def draw(seed):
    return signs.render(seed % len(signs.CLASSES), seed)


def batch(pool, seeds):
    pictures = pool.map(draw, seeds, chunksize=16)
    x = torch.from_numpy(np.stack(pictures)).float().permute(0, 3, 1, 2) / 255
    return (x - 0.5) / 0.25, torch.tensor([s % len(signs.CLASSES) for s in seeds])


@torch.no_grad()
def accuracy(model, x, y, device):
    model.eval()
    right = sum(int((model(x[i:i + 250].to(device)).argmax(1).cpu() == y[i:i + 250]).sum())
                for i in range(0, len(y), 250))
    model.train()
    return right / len(y)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True)
    p.add_argument("--attention", choices=("polar", "relu", "softmax"), default="polar")
    p.add_argument("--steps", type=int, default=6000)
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--rate", type=float, default=1e-3)
    p.add_argument("--held-out", type=int, default=5000)
    p.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    p.add_argument("--seed", type=int, default=0)
    o = p.parse_args()
    torch.manual_seed(o.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = network.PolaPVT(len(signs.CLASSES), o.attention, **network.MICRO).to(device)
    print(f"{o.attention}: {sum(p.numel() for p in model.parameters())} parameters, on {device}")
    optimizer = torch.optim.AdamW(model.parameters(), lr=o.rate, weight_decay=0.05)
    warm = max(1, o.steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda t: min((t + 1) / warm, 0.02 + 0.98 * (1 + math.cos(math.pi * t / o.steps)) / 2))
    with multiprocessing.Pool(o.workers) as pool:
        held = batch(pool, list(range(o.held_out)))
        start = time.time()
        for step in range(o.steps):
            first = 1_000_000 + step * o.batch
            x, y = batch(pool, list(range(first, first + o.batch)))
            loss = torch.nn.functional.cross_entropy(model(x.to(device)), y.to(device), label_smoothing=0.1)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if (step + 1) % 250 == 0 or step + 1 == o.steps:
                print(f"step {step + 1}: loss {loss.item():.3f}, held out {accuracy(model, *held, device):.4f}, "
                      f"{time.time() - start:.0f} s", flush=True)
    torch.save({"model": model.cpu().state_dict()}, o.out + ".pth")
    with open(o.out + "-labels.txt", "w", encoding="utf-8") as file:
        file.write("\n".join(signs.LABELS) + "\n")


if __name__ == "__main__":
    main()
