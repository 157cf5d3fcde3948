#!/usr/bin/env python3
"""The weighted mean of checkpoints that were trained from the same start: --of DIR[:WEIGHT] ... -> --dir."""
import argparse
import os
import shutil

import torch


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--of", nargs="+", required=True, metavar="DIR[:WEIGHT]", help="folders with tokenizer.json and cabin.pt")
    p.add_argument("--dir", default="checkpoint", help="where tokenizer.json and cabin.pt go")
    a = p.parse_args()
    parts = [(f.partition(":")[0], float(f.partition(":")[2] or 1)) for f in a.of]
    total = sum(weight for _, weight in parts)
    mean = {}
    for folder, weight in parts:
        for name, x in torch.load(os.path.join(folder, "cabin.pt"), weights_only=True).items():
            mean[name] = mean.get(name, 0) + x * (weight / total)
    os.makedirs(a.dir, exist_ok=True)
    shutil.copy(os.path.join(parts[0][0], "tokenizer.json"), a.dir)
    torch.save(mean, os.path.join(a.dir, "cabin.pt"))


if __name__ == "__main__":
    main()
