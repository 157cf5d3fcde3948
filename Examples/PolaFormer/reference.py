"""The authors' PyTorch code with random weights, for comparisons. Its path comes from the command line.

Of timm and einops their model files use a few names for training only; stand-ins are enough here."""
import importlib.util
import os
import sys
import types
import contextlib
import io

import numpy as np
import torch
import torch.nn.functional as F

MEAN = torch.tensor([0.485, 0.456, 0.406])
DEVIATION = torch.tensor([0.229, 0.224, 0.225])


def stand_ins():
    class DropPath(torch.nn.Module):
        def __init__(self, *_):
            super().__init__()

        def forward(self, x):
            return x

    names = {
        "timm": {}, "timm.models": {},
        "timm.models.layers": {"DropPath": DropPath, "trunc_normal_": torch.nn.init.trunc_normal_,
                               "to_2tuple": lambda x: x if isinstance(x, tuple) else (x, x)},
        "timm.models.registry": {"register_model": lambda f: f},
        "timm.models.vision_transformer": {"_cfg": dict}, "einops": {"rearrange": None},
    }
    for name, members in names.items():
        module = types.ModuleType(name)
        vars(module).update(members)
        sys.modules.setdefault(name, module)


def load(authors):
    """-> the modules pola_pvt and pola_swin of a checkout of the authors' repository"""
    stand_ins()
    found = []
    for name in ("pola_pvt", "pola_swin"):
        spec = importlib.util.spec_from_file_location(name, os.path.join(authors, "models", name + ".py"))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found.append(module)
    return found


def build(make, seed):
    """A model in which no parameter has its initial value."""
    with contextlib.redirect_stdout(io.StringIO()):
        model = make()
    generator = torch.Generator().manual_seed(seed)

    def normal(p, deviation, mean=0.0):
        p.data = torch.randn(p.shape, generator=generator) * deviation + mean

    for name, p in model.named_parameters():
        if name.endswith(("power", "scale")):
            normal(p, 0.7)
        elif "norm" in name and name.endswith("weight"):
            normal(p, 0.1, 1.0)
        elif name.endswith("bias") or "table" in name:
            normal(p, 0.1)
        elif "pos_embed" in name or "positional_encoding" in name:
            normal(p, 0.2)
        else:
            normal(p, p[0].numel() ** -0.5)
    return torch.nn.Module.eval(model)


def at_size(model, make, image):
    """The same weights in a model for another image size: positions resized as the authors' code does,
    those of patches bilinearly (in forward) and those of keys bicubically (when it loads weights)."""
    with contextlib.redirect_stdout(io.StringIO()):
        other = make(image)
    state = model.state_dict()
    for name, p in other.state_dict().items():
        if name.endswith(("attn_mask", "relative_position_index")):
            state[name] = p
        elif name in state and state[name].shape != p.shape:
            mode = "bicubic" if name.endswith("positional_encoding") else "bilinear"
            old, new = int(state[name].shape[1] ** 0.5), int(p.shape[1] ** 0.5)
            grid = state[name].reshape(1, old, old, -1).permute(0, 3, 1, 2)
            state[name] = F.interpolate(grid, size=(new, new), mode=mode).flatten(2).permute(0, 2, 1)
    for name in [n for n in state if n.endswith("attn_mask") and n not in other.state_dict()]:
        del state[name]
    other.load_state_dict(state)
    return torch.nn.Module.eval(other)


def pixels(seed, height, width):
    """Blurred noise of a linear congruential generator, as the Swift tests make it: [height, width, 3] uint8"""
    count = height * width * 3
    state = np.uint64(seed)
    out = np.empty(count, np.uint8)
    a, c = np.uint64(6364136223846793005), np.uint64(1442695040888963407)
    with np.errstate(over="ignore"):
        for i in range(count):
            state = state * a + c
            out[i] = state >> np.uint64(56)
    return out.reshape(height, width, 3)


def normalised(images):
    x = torch.from_numpy(np.ascontiguousarray(images)).float() / 255
    return ((x - MEAN) / DEVIATION).permute(0, 3, 1, 2).contiguous()


@torch.no_grad()
def outputs(model, images):
    """-> features, logits of [n, height, width, 3] uint8"""
    features = model.forward_features(normalised(images))
    return features.numpy(), model.head(features).numpy()
