#!/usr/bin/env python3
"""Write a PolaFormer checkpoint (.pth) as GGUF, in F32, F16 or Q8_0.

    python convert.py pola_pvt_tiny.pth --labels imagenet.txt -o pola-pvt-t.gguf --type q8_0

Everything but alpha, labels, mean, deviation and licence follows from the tensors' names and shapes.
README.md lists what is written. Three things are folded in, and change nothing but rounding: the
division of queries and keys by softplus(scale) goes into their maps, 1 + alpha sigmoid(power) is
stored as the power, and kernels of convolutions are rows in order (ky, kx, channel).
"""
import argparse
import pickle
import re

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type

TYPES = {"f32": Type.F32, "f16": Type.F16, "q8_0": Type.Q8_0}
FILE_TYPES = {"f32": gguf.LlamaFileType.ALL_F32, "f16": gguf.LlamaFileType.MOSTLY_F16,
              "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's


class Inert(dict):
    """What a checkpoint holds beside tensors (its configuration, its optimizer) is not needed."""

    def __init__(self, *_, **__):
        super().__init__()

    def __setstate__(self, _):
        pass


class TensorsOnly:
    """A pickle module for torch.load: tensors and containers, and inert objects for all else."""

    class Unpickler(pickle.Unpickler):
        def find_class(self, module, name):
            allowed = (module, name) == ("collections", "OrderedDict") or (
                module.split(".")[0] == "torch" and (
                    name in ("_rebuild_tensor_v2", "_rebuild_parameter", "Size")
                    or name.endswith("Storage") or isinstance(getattr(torch, name, None), torch.dtype)))
            return super().find_class(module, name) if allowed else Inert

    @staticmethod
    def load(file, **options):
        return TensorsOnly.Unpickler(file, **options).load()


def read(path):
    """The state dictionary of a checkpoint, as float32 arrays."""
    checkpoint = torch.load(path, map_location="cpu", pickle_module=TensorsOnly, weights_only=False)
    state = checkpoint.get("model", checkpoint)
    return {k: v.float().numpy() for k, v in state.items()
            if isinstance(v, torch.Tensor) and not k.endswith(("relative_position_index", "attn_mask"))}


class State:
    """Arrays by name, each taken once."""

    def __init__(self, arrays):
        self.arrays = dict(arrays)

    def __contains__(self, name):
        return name in self.arrays

    def __getitem__(self, name):
        if name not in self.arrays:
            raise SystemExit(f"the checkpoint has no {name}: not a PolaFormer that is known here")
        return self.arrays[name]

    def take(self, name):
        array = self[name]
        del self.arrays[name]
        return array

    def count(self, pattern):
        found = [int(m[1]) for m in (re.match(pattern, k) for k in self.arrays) if m]
        return max(found) + 1 if found else 0


def root(count, what):
    side = round(count ** 0.5)
    if side * side != count:
        raise SystemExit(f"{what}: {count} is not a square")
    return side


def kernel_rows(w):
    """[out, in, ky, kx] -> [out, (ky, kx, in)]"""
    return w.transpose(0, 2, 3, 1).reshape(w.shape[0], -1)


class Network:
    """The checkpoint as a list of (name, array in torch order, kind) and a description."""

    def __init__(self, arrays, alpha):
        self.state = State(arrays)
        self.alpha = alpha
        self.tensors = []
        self.block = 0
        self.keys = {k: [] for k in ("embedding_lengths", "block_counts", "head_counts", "feed_forward_lengths",
                                     "reduction_ratios", "window_sizes")}
        self.types = ""
        self.variant = "swin" if "layers.0.blocks.0.norm1.weight" in self.state else "pvt"
        self.swin() if self.variant == "swin" else self.pvt()
        if self.state.arrays:
            raise SystemExit(f"tensors that are not part of a PolaFormer: {sorted(self.state.arrays)[:4]}")

    def matrix(self, name, w):
        self.tensors.append((name, w, "matrix"))

    def vector(self, name, v):
        self.tensors.append((name, v.reshape(-1), "vector"))

    def linear(self, to, source, bias=True):
        self.matrix(to + ".weight", self.state.take(source + ".weight"))
        if bias:
            self.vector(to + ".bias", self.state.take(source + ".bias"))

    def norm(self, to, source):
        self.vector(to + ".weight", self.state.take(source + ".weight"))
        self.vector(to + ".bias", self.state.take(source + ".bias"))

    def convolution(self, to, source):
        self.matrix(to + ".weight", kernel_rows(self.state.take(source + ".weight")))
        self.vector(to + ".bias", self.state.take(source + ".bias"))

    def linear_attention(self, a, b, width):
        s = self.state
        power = s.take(a + "power")
        heads = power.shape[1]
        self.vector(b + "attn_power", 1 + self.alpha / (1 + np.exp(-power.astype(np.float64))))
        scale = np.log1p(np.exp(s.take(a + "scale").reshape(-1).astype(np.float64)))
        if a + "qkvg.weight" in s:
            (wq, wk, wv, wg), (bq, bk, bv, bg) = (np.split(s.take(f"{a}qkvg.{x}"), 4) for x in ("weight", "bias"))
        else:
            (wq, wg), (bq, bg) = (np.split(s.take(f"{a}qg.{x}"), 2) for x in ("weight", "bias"))
            (wk, wv), (bk, bv) = (np.split(s.take(f"{a}kv.{x}"), 2) for x in ("weight", "bias"))
        self.matrix(b + "attn_qg.weight", np.concatenate([wq / scale[:, None], wg]))
        self.vector(b + "attn_qg.bias", np.concatenate([bq / scale, bg]))
        self.matrix(b + "attn_kv.weight", np.concatenate([wk / scale[:, None], wv]))
        self.vector(b + "attn_kv.bias", np.concatenate([bk / scale, bv]))
        position = s.take(a + "positional_encoding")[0] / scale
        self.tensors.append((b + "attn_position", position, "position"))
        w = s.take(a + "dwc.weight")
        self.kernel = w.shape[-1]
        self.tensors.append((b + "attn_conv.weight", w.reshape(width // heads, -1).T, "small"))
        self.vector(b + "attn_conv.bias", s.take(a + "dwc.bias"))
        self.linear(b + "attn_output", a + "proj")
        ratio = 1
        if a + "sr.weight" in s:
            ratio = s[a + "sr.weight"].shape[-1]
            self.convolution(b + "attn_reduce", a + "sr")
            self.norm(b + "attn_reduce_norm", a + "norm")
        return heads, ratio, position.shape[0]

    def window_attention(self, a, b):
        table = self.state.take(a + "relative_position_bias_table")
        side = root(table.shape[0], a + "relative_position_bias_table")
        # Rows are query minus key; the file has key minus query, per head.
        table = table.reshape(side, side, -1)[::-1, ::-1].transpose(2, 0, 1)
        self.tensors.append((b + "attn_relative", table.reshape(table.shape[0], -1), "small"))
        self.linear(b + "attn_qkv", a + "qkv")
        self.linear(b + "attn_output", a + "proj")
        return table.shape[0], (side + 1) // 2

    def feed_forward(self, source, b):
        hidden = self.state[source + "mlp.fc1.weight"].shape[0]
        self.norm(b + "ffn_norm", source + "norm2")
        self.linear(b + "ffn_up", source + "mlp.fc1")
        self.linear(b + "ffn_down", source + "mlp.fc2")
        return hidden

    def blocks(self, prefix, width):
        """-> what one stage is"""
        count = self.state.count(re.escape(prefix) + r"(\d+)\.")
        window, tokens, ratio = 0, 0, 1
        for j in range(count):
            source, b = f"{prefix}{j}.", f"blk.{self.block}."
            self.norm(b + "attn_norm", source + "norm1")
            if source + "attn.power" in self.state:
                self.types += "L"
                heads, ratio, tokens = self.linear_attention(source + "attn.", b, width)
            elif source + "attn.relative_position_bias_table" in self.state:
                self.types += "S"
                heads, window = self.window_attention(source + "attn.", b)
            else:
                raise SystemExit(f"{source}attn is neither linear nor window attention: not supported")
            hidden = self.feed_forward(source, b)
            self.block += 1
        for key, value in (("embedding_lengths", width), ("block_counts", count), ("head_counts", heads),
                           ("feed_forward_lengths", hidden), ("reduction_ratios", ratio),
                           ("window_sizes", window)):
            self.keys[key].append(value)
        return root(tokens, prefix + "attn.positional_encoding") * ratio if tokens else 0

    def pvt(self):
        s = self.state
        self.epsilon = 1e-6
        for i in range(s.count(r"patch_embed(\d+)\.") - 1):
            n, p = i + 1, f"stage.{i}."
            w = s[f"patch_embed{n}.proj.weight"]
            if i == 0:
                self.patch = w.shape[-1]
            self.convolution(p + "patch", f"patch_embed{n}.proj")
            self.norm(p + "patch_norm", f"patch_embed{n}.norm")
            position = s.take(f"pos_embed{n}")[0]
            if i == 0:
                self.image = root(position.shape[0], "pos_embed1") * self.patch
            self.tensors.append((p + "position", position, "position"))
            self.blocks(f"block{n}.", w.shape[0])
        for x in ("weight", "bias"):  # in every checkpoint, and applied by no code
            s.take("norm." + x)
        self.linear("output", "head")

    def swin(self):
        s = self.state
        self.epsilon = 1e-5
        w = s["patch_embed.proj.weight"]
        self.patch = w.shape[-1]
        if "absolute_pos_embed" in s or "patch_embed.norm.weight" not in s:
            raise SystemExit("absolute positions, or patches that are not normalised: not supported")
        self.convolution("stage.0.patch", "patch_embed.proj")
        self.norm("stage.0.patch_norm", "patch_embed.norm")
        width = w.shape[0]
        for i in range(s.count(r"layers\.(\d+)\.")):
            grid = self.blocks(f"layers.{i}.blocks.", width)
            if i == 0:
                if not grid:
                    raise SystemExit("the first stage has no linear attention: the image size is unknown")
                self.image = grid * self.patch
            elif grid and grid != self.image // self.patch >> i:
                raise SystemExit(f"stage {i}: linear attention in windows of {grid} is not supported")
            if f"layers.{i}.downsample.norm.weight" not in s:
                break
            # Parts of a merged patch are (0,0) (1,0) (0,1) (1,1) there, in order (ky, kx) here.
            order = np.concatenate([np.arange(width) + width * k for k in (0, 2, 1, 3)])
            p, d = f"stage.{i + 1}.", f"layers.{i}.downsample."
            for x in ("weight", "bias"):
                self.vector(f"{p}patch_norm.{x}", s.take(f"{d}norm.{x}")[order])
            self.matrix(p + "patch.weight", s.take(d + "reduction.weight")[:, order])
            width *= 2
        self.norm("output_norm", "norm")
        self.linear("output", "head")


def write(network, path, kind, labels, name="", licence="", mean=MEAN, deviation=DEVIATION):
    classes = next(a.shape[0] for n, a, _ in network.tensors if n == "output.weight")
    labels = labels or [f"class {i}" for i in range(classes)]
    if len(labels) != classes:
        raise SystemExit(f"there are {len(labels)} labels for {classes} classes")
    writer = gguf.GGUFWriter(path, "polaformer")
    writer.add_name(name or f"Pola-{network.variant}")
    if licence:
        writer.add_license(licence)
    writer.add_file_type(FILE_TYPES[kind])
    p = "polaformer."
    writer.add_string(p + "variant", network.variant)
    writer.add_uint32(p + "image_size", network.image)
    writer.add_uint32(p + "patch_size", network.patch)
    writer.add_uint32(p + "kernel_size", network.kernel)
    writer.add_float32(p + "alpha", network.alpha)
    writer.add_float32(p + "layer_norm_epsilon", network.epsilon)
    writer.add_float32(p + "patch_norm_epsilon", 1e-5)
    writer.add_string(p + "attention_types", network.types)
    for key, values in network.keys.items():
        writer.add_array(p + key, values)
    writer.add_array(p + "image_mean", [float(v) for v in mean])
    writer.add_array(p + "image_deviation", [float(v) for v in deviation])
    writer.add_array(p + "labels", labels)
    for tensor, array, role in network.tensors:
        chosen = TYPES[kind] if role in ("matrix", "position") else Type.F32
        if chosen == Type.Q8_0 and (role == "position" or array.shape[-1] % 32):
            chosen = Type.F16
        array = np.ascontiguousarray(array, dtype=np.float32)
        writer.add_tensor(tensor, gguf.quants.quantize(array, chosen), raw_dtype=chosen)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("checkpoint")
    p.add_argument("-o", "--output", required=True)
    p.add_argument("--type", choices=TYPES, default="f32")
    p.add_argument("--labels", help="a text file, one label a line, in order of class")
    p.add_argument("--name", default="")
    p.add_argument("--licence", default="MIT")
    p.add_argument("--alpha", type=float, default=4.0)
    p.add_argument("--mean", type=float, nargs=3, default=MEAN)
    p.add_argument("--deviation", type=float, nargs=3, default=DEVIATION)
    o = p.parse_args()
    labels = open(o.labels, encoding="utf-8").read().splitlines() if o.labels else None
    network = Network(read(o.checkpoint), o.alpha)
    write(network, o.output, o.type, labels, o.name, o.licence, o.mean, o.deviation)


if __name__ == "__main__":
    main()
