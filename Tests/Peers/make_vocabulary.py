#!/usr/bin/env python3
"""A vocabulary of 248,320 tokens as a GGUF file without weights, for measuring grammars.

    make_vocabulary.py RANKS OUT.gguf        RANKS: a tiktoken file ("base64 rank" per line), of Qwen for example

The ranks' tokens, then joined pairs of them (as larger vocabularies have: longer words, several characters) up to the
count, then the control tokens.
"""
import argparse
import base64
import random

import gguf


def alphabet():
    """GPT-2's spelling of bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {b: chr(b) for b in plain}
    n = 0
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + n)
            n += 1
    return table


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("ranks")
    p.add_argument("out")
    p.add_argument("--count", type=int, default=248_320)
    p.add_argument("--arch", default="qwen2")
    p.add_argument("--pre", default="qwen2")
    a = p.parse_args()
    with open(a.ranks, "rb") as f:
        tokens = [base64.b64decode(line.split()[0]) for line in f if line.strip()]
    known = set(tokens)
    r = random.Random(7)
    words = [t for t in tokens if len(t) > 1 and t.strip().isalpha() or len(t) > 2 and t[0] >= 0xC0]
    ends = [t for t in words if not t.startswith(b" ")]
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    while len(tokens) < a.count - len(specials):
        t = r.choice(words) + r.choice(ends)
        if len(t) <= 16 and t not in known:
            known.add(t)
            tokens.append(t)
    table = alphabet()
    spelled = ["".join(table[b] for b in t) for t in tokens]
    w = gguf.GGUFWriter(a.out, a.arch)
    w.add_name("vocabulary")
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(a.pre)
    w.add_token_list(spelled + specials)
    w.add_token_types([1] * len(tokens) + [3] * len(specials))
    w.add_token_merges([f"{table[ord('t')]} {table[ord('o')]}"])
    w.add_eos_token_id(len(tokens) + 2)
    w.add_bos_token_id(len(tokens))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    print(f"{len(tokens) + len(specials)} tokens, {sum(map(len, tokens))} bytes")


if __name__ == "__main__":
    main()
