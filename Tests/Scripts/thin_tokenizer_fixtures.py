#!/usr/bin/env python3
"""Copies the tokenizer fixtures from FROM to Tests/Fixtures/tokenizer, keeping only what is tested.

    python3 Tests/Scripts/thin_tokenizer_fixtures.py FROM

Of every line: the text (hex), the ids without and with control tokens parsed ("on" only where it
differs). The ids come from the reference implementation, Hugging Face `tokenizers`, with the true
regex of each family. Texts of more than 4000 bytes stay behind.
"""
import json
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TO = os.path.join(HERE, "..", "Fixtures", "tokenizer")
os.makedirs(TO, exist_ok=True)
for name in ("tok-kimi-k2", "tok-qwen35"):
    target = os.path.join(TO, name + ".gguf")
    shutil.copyfile(os.path.join(sys.argv[1], name + ".gguf"), target)
    os.chmod(target, 0o644)
    with open(os.path.join(TO, name + ".jsonl"), "w") as out:
        for line in open(os.path.join(sys.argv[1], name + ".jsonl")):
            full = json.loads(line)
            if len(full["utf8_hex"]) > 8000:
                continue
            thin = {"utf8_hex": full["utf8_hex"], "hf_off": full["hf_off"]}
            if full["hf_on"] != full["hf_off"]:
                thin["hf_on"] = full["hf_on"]
            out.write(json.dumps(thin, separators=(",", ":")) + "\n")
