#!/usr/bin/env python3
"""Ten held-out signs, and what `lintel see` makes of them.

    python look.py LINTEL signs.gguf [--pictures pictures] [--sheet sheet.png]

Runs the tool on the ten, whose seeds are 100, 110 ... 190, and draws a sheet with the class above each and
the answer below, right or wrong. The ones answered right stay in the folder, under their class's name, for
the tests.
With --accuracy N the tool also sorts the first N held-out pictures, and the share of right answers is printed.
"""
import argparse
import json
import os
import subprocess
import tempfile

import numpy as np
from PIL import Image, ImageDraw

import signs

SEEDS = range(100, 200, 10)


def label(seed):
    return signs.LABELS[seed % len(signs.LABELS)]


def see(tool, model, paths):
    out = subprocess.run([tool, "see", "--model", model, "--top", "1", "--json", *paths], check=True,
                         capture_output=True, text=True).stdout
    return [json.loads(line)["classes"][0] for line in out.splitlines()]


def accuracy(tool, model, count):
    right = 0
    with tempfile.TemporaryDirectory() as folder:
        for first in range(0, count, 500):
            seeds = range(first, min(first + 500, count))
            paths = []
            for seed in seeds:
                pixels = signs.render(seed % len(signs.LABELS), seed)
                paths.append(os.path.join(folder, f"{seed}.ppm"))
                with open(paths[-1], "wb") as file:
                    file.write(b"P6 %d %d 255\n" % pixels.shape[1::-1] + pixels.tobytes())
            right += sum(c["label"] == label(seed) for c, seed in zip(see(tool, model, paths), seeds))
    return right


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("tool")
    p.add_argument("model")
    p.add_argument("--pictures", default="pictures")
    p.add_argument("--sheet", default="sheet.png")
    p.add_argument("--accuracy", type=int, default=0)
    o = p.parse_args()
    os.makedirs(o.pictures, exist_ok=True)
    paths = []
    for seed in SEEDS:
        paths.append(os.path.join(o.pictures, label(seed).replace(" ", "-") + ".png"))
        Image.fromarray(signs.render(seed % len(signs.LABELS), seed)).save(paths[-1], optimize=True)
    answers = see(o.tool, o.model, paths)
    side, gap, columns = 128, 34, 5
    sheet = Image.new("RGB", (columns * (side + 16), -(-len(paths) // columns) * (side + gap)), (255, 255, 255))
    d = ImageDraw.Draw(sheet)
    for i, (seed, path, c) in enumerate(zip(SEEDS, paths, answers)):
        x, y = i % columns * (side + 16) + 8, i // columns * (side + gap)
        is_right = c["label"] == label(seed)
        d.text((x, y + 2), label(seed), fill=(0, 0, 0))
        sheet.paste(Image.open(path).resize((side, side), Image.NEAREST), (x, y + 15))
        text = f"{c['probability']:.0%}" + ("" if is_right else f" {c['label']}")
        d.text((x, y + 16 + side), text, fill=(0, 120, 0) if is_right else (200, 0, 0))
        if not is_right:
            os.remove(path)
        print(f"{label(seed):26} {c['label']:26} {c['probability']:.3f}")
    sheet.quantize(128).save(o.sheet, optimize=True)
    if o.accuracy:
        right = accuracy(o.tool, o.model, o.accuracy)
        print(f"{right} of {o.accuracy} held-out pictures: {right / o.accuracy:.4f}")


if __name__ == "__main__":
    main()
