#!/usr/bin/env python3
"""Small PolaFormers with random weights, and what the authors' PyTorch code makes of some images.

    python make_pola_fixtures.py AUTHORS [FOLDER]

AUTHORS is a checkout of github.com/ZacharyMeng/PolaFormer. A checkpoint goes through convert.py, so the
fixtures test that as well. Of a Q8_0 file the reference has the weights as they are in the file.
"""
import json
import os
import sys
import tempfile
from functools import partial

import gguf
import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Examples", "PolaFormer"))
import convert  # noqa: E402
import reference  # noqa: E402


def rounded(model):
    """What convert.py rounds, rounded; the folded scale is part of what is rounded."""
    def through(w, kind):
        w = np.ascontiguousarray(w, dtype=np.float32)
        return gguf.quants.dequantize(gguf.quants.quantize(w, kind), kind).reshape(w.shape)

    state = model.state_dict()
    for name, p in state.items():
        w = p.numpy()
        scale = None
        if name.endswith(("attn.qg.weight", "attn.kv.weight", "attn.qkvg.weight")):
            scale = np.log1p(np.exp(state[name.rsplit(".", 2)[0] + ".scale"].numpy().reshape(-1).astype(np.float64)))
            parts = np.split(w, w.shape[0] // scale.shape[0])
            folded = {"kv": [0], "qg": [0], "qkvg": [0, 1]}[name.split(".")[-2]]
            parts = [q / scale[:, None] if i in folded else q for i, q in enumerate(parts)]
            parts = [through(q, gguf.GGMLQuantizationType.Q8_0) for q in parts]
            parts = [q * scale[:, None] if i in folded else q for i, q in enumerate(parts)]
            w = np.concatenate(parts)
        elif name.endswith("positional_encoding"):
            scale = np.log1p(np.exp(state[name.rsplit(".", 1)[0] + ".scale"].numpy().astype(np.float64)))
            w = through(w / scale, gguf.GGMLQuantizationType.F16) * scale
        elif "pos_embed" in name:
            w = through(w, gguf.GGMLQuantizationType.F16)
        elif name.endswith("weight") and "norm" not in name and "dwc" not in name:
            rows = convert.kernel_rows(w) if w.ndim == 4 else w
            kind = gguf.GGMLQuantizationType.F16 if rows.shape[1] % 32 else gguf.GGMLQuantizationType.Q8_0
            rows = through(rows, kind)
            if w.ndim == 4:
                rows = rows.reshape(w.shape[0], w.shape[2], w.shape[3], w.shape[1]).transpose(0, 3, 1, 2)
            w = rows
        state[name] = torch.from_numpy(np.ascontiguousarray(w).astype(p.numpy().dtype))
    model.load_state_dict(state)
    return model


def main():
    authors, folder = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else os.path.join(HERE, "pola")
    os.makedirs(folder, exist_ok=True)
    pvt, swin = reference.load(authors)
    norm = partial(torch.nn.LayerNorm, eps=1e-6)

    def small_pvt(dims, heads, ratios, classes, image=32):
        return pvt.PyramidVisionTransformer(
            img_size=image, patch_size=4, num_classes=classes, embed_dims=dims, num_heads=heads,
            mlp_ratios=[2, 2, 2, 2], qkv_bias=True, norm_layer=norm, depths=[1, 2, 1, 1],
            la_sr_ratios=ratios, attn_type="LLLL")

    def small_swin(image=112):
        return swin.PolaSwinTransformer(
            img_size=image, patch_size=4, num_classes=7, embed_dim=16, depths=[1, 2, 2], num_heads=[1, 2, 2],
            window_size=56 if image == 112 else 56 * image // 112, mlp_ratio=2, attn_type="LSS")

    plain = partial(small_pvt, [16, 32, 32, 48], [1, 1, 2, 3], "1111", 10)
    reduced = partial(small_pvt, [16, 32, 32, 16], [1, 2, 2, 1], "2211", 5)
    wide = partial(small_pvt, [32, 32, 32, 32], [1, 2, 1, 2], "1111", 6)
    cases = [
        ("pvt", plain, "f32", [32, 48, 64]), ("pvt-reduced", reduced, "f32", [32]),
        ("pvt-q8", wide, "q8_0", [32, 48]), ("swin", small_swin, "f32", [112]),
    ]
    index = []
    for number, (name, make, kind, sizes) in enumerate(cases):
        model = reference.build(make, 100 + number)
        with tempfile.TemporaryDirectory() as temporary:
            checkpoint = os.path.join(temporary, "a.pth")
            torch.save({"model": model.state_dict()}, checkpoint)
            network = convert.Network(convert.read(checkpoint), 4.0)
        labels = [f"{name} {i}" for i in range(model.num_classes)]
        convert.write(network, os.path.join(folder, f"{name}.gguf"), kind, labels, f"Random {name}", "MIT")
        if kind == "q8_0":
            model = rounded(model)
        for size in sizes:
            other = model if size == sizes[0] else reference.at_size(model, make, size)
            seed = 1000 * number + size
            features, logits = reference.outputs(other, reference.pixels(seed, size, size)[None])
            index.append({"file": name, "size": size, "seed": seed, "type": kind,
                          "features": [float(np.float32(v)) for v in features[0]],
                          "logits": [float(np.float32(v)) for v in logits[0]]})
            print(name, size, "largest feature", np.abs(features).max(), "logits", logits[0][:4])
    with open(os.path.join(folder, "expected.json"), "w", encoding="utf-8") as file:
        json.dump(index, file, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main()
