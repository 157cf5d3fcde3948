#!/usr/bin/env python3
"""Writes GgufVectors.swift: random blocks of every format and a hash of what gguf-py makes of them.

    pip install gguf numpy
    python3 gguf_vectors.py > GgufVectors.swift
"""
import gguf
import numpy

SCALES = {  # byte offsets of the half precision scales in a block
    "Q8_0": [0], "Q4_0": [0], "IQ4_NL": [0], "Q5_0": [0], "Q5_1": [0, 2], "Q4_K": [0, 2],
    "Q5_K": [0, 2], "Q6_K": [208], "Q2_K": [80, 82], "Q3_K": [108], "F16": [], "BF16": [],
}


def fnv(data):
    h = 0xCBF29CE484222325
    for b in data:
        h = (h ^ b) * 0x100000001B3 % 2**64
    return h


print("// Made by gguf_vectors.py with gguf-py: random blocks, and FNV-1a of the dequantised floats.")
print("import LintelCore\n")
print("let ggufVectors: [(format: BlockFormat, blocks: String, hash: UInt64)] = [")
random = numpy.random.default_rng(5)
for name, offsets in SCALES.items():
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    count = 3 if elements > 1 else 64
    blocks = random.integers(0, 256, (count, size), dtype=numpy.uint8)
    for at in offsets:
        scale = (random.standard_normal(count) * 0.01).astype(numpy.float16)
        scale[0] = numpy.float16(3e-7)  # a denormal
        blocks[:, at:at + 2] = scale.view(numpy.uint8).reshape(count, 2)
    if not offsets:
        blocks[:, 1] &= 0xBB  # finite
    floats = gguf.dequantize(blocks.reshape(1, -1), kind).astype(numpy.float32)
    text = blocks.tobytes().hex()
    lines = [text[i:i + 88] for i in range(0, len(text), 88)]
    print(f"  (\n    .{name.lower()},\n    \"\"\"")
    print("\n".join(f"    {l}" + ("\\" if l is not lines[-1] else "") for l in lines))
    print(f'    """,\n    {fnv(floats.tobytes()):#018x}\n  ),')
print("]")
