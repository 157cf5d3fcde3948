#!/usr/bin/env python3
"""Write Cabin with random weights, once per mixer, as GGUF files for timing: kda.gguf, pola.gguf, and
latent.gguf with latent attention (softmax) in all layers, which is how the engine has softmax attention."""
import argparse
import os
import shutil
import tempfile

import torch
from tokenizers import Tokenizer

import convert
from model import CONFIG, Cabin

SOFTMAX = dict(CONFIG, layer_types=["full_attention"] * CONFIG["num_hidden_layers"])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tokenizer", default="checkpoint/tokenizer.json")
    p.add_argument("--out", default=".", help="folder for the files")
    a = p.parse_args()
    torch.manual_seed(1)
    count = Tokenizer.from_file(a.tokenizer).get_vocab_size()
    for name, mixer, config in (("kda", "kda", CONFIG), ("pola", "pola", CONFIG), ("latent", "kda", SOFTMAX)):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(a.tokenizer, os.path.join(folder, "tokenizer.json"))
            torch.save(Cabin(count, config, mixer).state_dict(), os.path.join(folder, "cabin.pt"))
            convert.CONFIG = config
            path = os.path.join(a.out, f"{name}.gguf")
            print(f"{path}: {convert.write(folder, path, 'q8_0'):,} bytes")


if __name__ == "__main__":
    main()
