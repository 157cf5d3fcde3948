"""A Pola-PVT of any size in PyTorch, for training, and the same network with other attentions.

Written from the paper; its state dictionary has the names that convert.py reads, so that what is
trained here converts like the authors' checkpoints. `attention` is one of

    polar     polarity-aware linear attention with learned powers
    relu      linear attention with relu features, the same convolution and gate
    softmax   softmax attention, the same convolution and gate
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

MICRO = {"image": 64, "patch": 4, "widths": (32, 64, 128, 192), "heads": (1, 2, 4, 6), "depths": (1, 1, 2, 1),
         "ratios": (4, 4, 4, 4)}


class Attention(nn.Module):
    def __init__(self, width, heads, tokens, attention, alpha=4.0, kernel=5):
        super().__init__()
        self.heads, self.kind, self.alpha = heads, attention, alpha
        d = width // heads
        self.qg = nn.Linear(width, 2 * width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        self.dwc = nn.Conv2d(d, d, kernel, padding=kernel // 2, groups=d)
        self.power = nn.Parameter(torch.zeros(1, heads, 1, d))
        self.scale = nn.Parameter(torch.zeros(1, 1, width))
        self.positional_encoding = nn.Parameter(torch.zeros(1, tokens, width))

    def split(self, x):
        b, n, c = x.shape
        return x.view(b, n, self.heads, c // self.heads).transpose(1, 2)

    def forward(self, x, side):
        b, n, c = x.shape
        q, g = self.qg(x).chunk(2, -1)
        k, v = self.kv(x).chunk(2, -1)
        scale = F.softplus(self.scale)
        q, k, v = self.split(q / scale), self.split((k + self.positional_encoding) / scale), self.split(v)
        if self.kind == "polar":
            p = 1 + self.alpha * torch.sigmoid(self.power)
            a, m = self.powers(q, p)
            keys = torch.cat(self.powers(k, p), -1)
            halves = v.chunk(2, -1)
            o = torch.cat([self.read(torch.cat(f, -1), keys, h) for f, h in zip(((a, m), (m, a)), halves)], -1)
        elif self.kind == "relu":
            o = self.read(F.relu(q), F.relu(k), v)
        else:
            o = F.scaled_dot_product_attention(q, k, v)
        o = o.transpose(1, 2).reshape(b, n, c)
        grid = v.transpose(-1, -2).reshape(b * self.heads, -1, side, side)
        o = o + self.dwc(grid).reshape(b, c, n).transpose(1, 2)
        return self.proj(o * g)

    @staticmethod
    def powers(x, p):
        """Powers of the positive and of the negative parts, with one logarithm for both."""
        y = torch.exp(p * torch.log(x.abs().clamp_min(1e-30)))
        positive = torch.where(x > 0, y, 0)
        return positive, y - positive

    @staticmethod
    def read(q, k, v):
        n = k.shape[-2]
        return q @ (k.transpose(-1, -2) @ v / n) / (q @ k.mean(-2, keepdim=True).transpose(-1, -2) + 1e-6)


class FeedForward(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width, heads, tokens, ratio, attention):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads, tokens, attention)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = FeedForward(width, ratio * width)

    def forward(self, x, side):
        x = x + self.attn(self.norm1(x), side)
        return x + self.mlp(self.norm2(x))


class Patches(nn.Module):
    def __init__(self, channels, width, size):
        super().__init__()
        self.proj = nn.Conv2d(channels, width, size, size)
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        return self.norm(self.proj(x).flatten(2).transpose(1, 2))


class PolaPVT(nn.Module):
    def __init__(self, classes, attention="polar", image=64, patch=4, widths=(), heads=(), depths=(), ratios=()):
        super().__init__()
        self.sides = [image // patch >> i for i in range(len(widths))]
        for i, width in enumerate(widths):
            before = 3 if i == 0 else widths[i - 1]
            tokens = self.sides[i] ** 2
            setattr(self, f"patch_embed{i + 1}", Patches(before, width, patch if i == 0 else 2))
            setattr(self, f"pos_embed{i + 1}", nn.Parameter(0.02 * torch.randn(1, tokens, width)))
            setattr(self, f"block{i + 1}", nn.ModuleList(
                Block(width, heads[i], tokens, ratios[i], attention) for _ in range(depths[i])))
        self.norm = nn.LayerNorm(widths[-1])  # the authors' checkpoints have it, and no code applies it
        self.head = nn.Linear(widths[-1], classes)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.trunc_normal_(m.weight, std=0.02)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        for i, side in enumerate(self.sides):
            x = getattr(self, f"patch_embed{i + 1}")(x) + getattr(self, f"pos_embed{i + 1}")
            for block in getattr(self, f"block{i + 1}"):
                x = block(x, side)
            if i + 1 < len(self.sides):
                x = x.transpose(1, 2).reshape(x.shape[0], -1, side, side)
        return self.head(x.mean(1))
