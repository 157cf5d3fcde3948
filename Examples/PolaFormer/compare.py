#!/usr/bin/env python3
"""Networks of real size with random weights: Lintel against the authors' PyTorch code.

    python compare.py AUTHORS LINTEL [--folder F] [--images 200] [--apart 60] [--networks TSw]

AUTHORS is a checkout of github.com/ZacharyMeng/PolaFormer, LINTEL the tool. A checkpoint with random
weights goes through convert.py; features and logits at 224 x 224 are compared, in F32 and Q8_0, and
the best class over many pictures. What Q8_0 changes is told apart: the weights' rounding, by PyTorch
with the weights that the file has, and the activations' rounding, by the tool with and without it.
"""
import argparse
import copy
import json
import os
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type

import convert
import reference


def models(authors):
    pvt, swin = reference.load(authors)
    common = {"la_sr_ratios": "1111", "attn_type": "LLLL"}
    return {
        "Pola-PVT-T": lambda size=224: pvt.pola_pvt_tiny(img_size=size, **common),
        "Pola-PVT-S": lambda size=224: pvt.pola_pvt_small(img_size=size, **common),
        "Pola-Swin-T": lambda size=224: swin.PolaSwinTransformer(
            img_size=size, window_size=size // 4, embed_dim=96, depths=[2, 2, 6, 2],
            num_heads=[3, 6, 12, 24], attn_type="LLSS"),
    }


def prepare(folder, name, make, kinds=("f32", "q8_0")):
    """-> the PyTorch model, and GGUF files by type"""
    model = reference.build(make, 7)
    files = {k: os.path.join(folder, f"{name}-{k}.gguf") for k in kinds}
    if not all(os.path.exists(f) for f in files.values()):
        with tempfile.TemporaryDirectory() as temporary:
            checkpoint = os.path.join(temporary, "a.pth")
            torch.save({"model": model.state_dict()}, checkpoint)
            for kind, file in files.items():
                convert.write(convert.Network(convert.read(checkpoint), 4.0), file, kind, None, name, "MIT")
    return model, files


def round_trip(w, kind):
    return gguf.quants.dequantize(gguf.quants.quantize(np.ascontiguousarray(w, np.float32), kind), kind)


def rounded(model):
    """The PyTorch model with the weights that its Q8_0 file has."""
    state = model.state_dict()
    scales = {k[:-5]: np.log1p(np.exp(v.double().numpy().reshape(-1))) for k, v in state.items() if k.endswith("scale")}
    for name, value in state.items():
        parent, w = name.rsplit(".", 2)[0] + ".", value.numpy()
        if name.endswith("positional_encoding"):
            scale = scales[name[:-len("positional_encoding")]]
            w = round_trip(w / scale, Type.F16) * scale
        elif name.startswith("pos_embed"):
            w = round_trip(w, Type.F16)
        elif not name.endswith(".weight") or w.ndim < 2 or ".dwc." in name:
            continue
        else:
            # Rows as the file has them: divided by the scale, kernels in order (row, column, channel).
            divisor = np.ones(len(w))
            if parent in scales and name.endswith(("qg.weight", "kv.weight", "qkvg.weight")):
                c = len(scales[parent])
                divisor[:c] = scales[parent]
                if name.endswith("qkvg.weight"):
                    divisor[c:2 * c] = scales[parent]
            rows = convert.kernel_rows(w) if w.ndim == 4 else w
            rows = round_trip(rows / divisor[:, None], Type.F16 if rows.shape[1] % 32 else Type.Q8_0)
            rows = rows * divisor[:, None]
            w = rows.reshape(w.shape[0], *w.shape[2:], w.shape[1]).transpose(0, 3, 1, 2) if w.ndim == 4 else rows
        state[name] = torch.from_numpy(np.ascontiguousarray(w, np.float32))
    other = copy.deepcopy(model)
    other.load_state_dict(state)
    return other


def logits_of(model, pictures):
    return np.concatenate([reference.outputs(model, np.stack(pictures[i:i + 20]))[1]
                           for i in range(0, len(pictures), 20)])


def agreement(what, a, b):
    """How often two networks agree on the best class, and how near to a tie b is where they do not."""
    same = a.argmax(1) == b.argmax(1)
    top = np.sort(b, 1)
    margin = top[:, -1] - top[:, -2]
    # A difference of the logits can turn a margin of up to twice its size.
    explained = margin <= 2 * np.abs(a - b).max(1)
    line = f"  {what}: the same best class on {same.sum()} of {len(a)}, logits within {np.abs(a - b).max():.1e}"
    if not same.all():
        line += (f"; where not, margins of at most {margin[~same].max():.3f} (median of all {np.median(margin):.3f}), "
                 f"{explained[~same].sum()} of {(~same).sum()} within twice the difference")
    print(line)


def picture(seed, size=224):
    """Smooth patches, bars and noise, of strong and weak contrast: [size, size, 3] uint8"""
    g = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    image = np.zeros((size, size, 3))
    for _ in range(6):
        f, phase = g.normal(0, 6, 2), g.uniform(0, 7)
        image += g.normal(0, 1, 3) * np.sin(f[0] * x + f[1] * y + phase)[..., None]
    for _ in range(3):
        a, b, r = g.uniform(0, 1), g.uniform(0, 1), g.uniform(0.05, 0.4)
        image += ((x - a) ** 2 + (y - b) ** 2 < r * r)[..., None] * g.normal(0, 2, 3)
    image += g.normal(0, g.uniform(0, 0.6), image.shape)
    return np.clip(128 + 40 * image, 0, 255).astype(np.uint8)


def save(path, pixels):
    with open(path, "wb") as file:
        file.write(b"P6 %d %d 255\n" % (pixels.shape[1], pixels.shape[0]) + pixels.tobytes())


def see(tool, model, paths, *options):
    """-> the objects that `lintel see` prints for pictures"""
    out = subprocess.run([tool, "see", "--model", model, "--json", "--raw", *options, *paths], check=True,
                         capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("authors")
    p.add_argument("tool")
    p.add_argument("--folder", default="build/pola")
    p.add_argument("--images", type=int, default=200)
    p.add_argument("--apart", type=int, default=60, help="pictures on which the kinds of rounding are told apart")
    p.add_argument("--networks", default="TSw", help="letters: T, S, w for Swin")
    p.add_argument("--few", type=int, default=4, help="pictures that all networks and types are compared on")
    p.add_argument("--threads", type=int, default=2)
    o = p.parse_args()
    os.makedirs(o.folder, exist_ok=True)
    torch.set_num_threads(o.threads)
    paths = [os.path.join(o.folder, f"{i}.ppm") for i in range(o.images)]
    pictures = [picture(i) for i in range(o.images)]
    for path, pixels in zip(paths, pictures):
        save(path, pixels)
    threads = ("-t", str(o.threads))
    sys.stdout.reconfigure(line_buffering=True)
    for letter, (name, make) in zip("TSw", models(o.authors).items()):
        if letter not in o.networks:
            continue
        model, files = prepare(o.folder, name, make)
        features, logits = reference.outputs(model, np.stack(pictures[:o.few]))
        print(f"{name}: largest feature {np.abs(features).max():.2f}, logit {np.abs(logits).max():.2f}")
        for kind, options in (("f32", ()), ("q8_0", ("--float-activations",)), ("q8_0", ())):
            ours = see(o.tool, files[kind], paths[:o.few], *threads, *options)
            f = np.abs(np.array([r["features"] for r in ours]) - features).max()
            l = np.abs(np.array([r["logits"] for r in ours]) - logits).max()
            print(f"  {kind} {' '.join(options):20} max abs difference: features {f:.2e}, logits {l:.2e}")

        def ours(kind, count, *options):
            return np.array([r["logits"] for r in see(o.tool, files[kind], paths[:count], *threads, *options)])

        exact, full = logits_of(model, pictures), ours("q8_0", o.images)
        print(f"  {len(set(exact.argmax(1)))} classes occur as the best")
        agreement("Q8_0, Lintel and PyTorch with F32 weights", full, exact)
        n = o.apart
        coarse = logits_of(rounded(model), pictures[:n])
        agreement("F32, Lintel and PyTorch", ours("f32", n), exact[:n])
        agreement("weights rounded, PyTorch with Q8_0 weights and with F32 weights", coarse, exact[:n])
        agreement("Q8_0 and float activations, Lintel and PyTorch with Q8_0 weights",
                  ours("q8_0", n, "--float-activations"), coarse)
        agreement("activations rounded, Lintel and PyTorch with Q8_0 weights", full[:n], coarse)


if __name__ == "__main__":
    main()
