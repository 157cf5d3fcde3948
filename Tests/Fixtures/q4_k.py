"""Q4_K, which the gguf package can read but not write: superblocks of 256 values, eight groups of 32
with a 6-bit scale and a 6-bit minimum each, under one float16 scale for either."""

import numpy as np


def quantise_q4_k(x):
    groups = x.reshape(-1, 8, 32).astype(np.float32)
    low = np.minimum(groups.min(-1), 0)
    step = (groups.max(-1) - low) / 15

    def six_bits(v):
        whole = (v.max(-1, keepdims=True) / 63).astype(np.float16)
        number = np.rint(v / np.maximum(whole.astype(np.float32), 1e-30))
        return whole, np.clip(number, 0, 63).astype(np.uint8)

    d, scale = six_bits(step)
    m, minimum = six_bits(-low)
    step = (d.astype(np.float32) * scale)[..., None]
    offset = (m.astype(np.float32) * minimum)[..., None]
    q = np.clip(np.rint((groups + offset) / np.maximum(step, 1e-30)), 0, 15).astype(np.uint8)
    a, b = scale[:, :4], scale[:, 4:]
    c, e = minimum[:, :4], minimum[:, 4:]
    numbers = np.concatenate(
        [a | (b >> 4) << 6, c | (e >> 4) << 6, (b & 15) | (e & 15) << 4], axis=1)
    nibbles = q[:, 0::2] | q[:, 1::2] << 4
    blocks = np.concatenate(
        [d.view(np.uint8), m.view(np.uint8), numbers, nibbles.reshape(len(q), 128)], axis=1)
    return blocks.reshape(*x.shape[:-1], x.shape[-1] // 256 * 144)
