"""Thins a reference (.ref.json, .ref.bin) for Tests/Fixtures/models.

Keeps of every prompt its ids, the reference's logits of the last ROWS positions (of all of them for
prompts of at most ROWS), its summary of every position, and its greedy tokens; drops llama.cpp's
logits, but keeps how far they are from the reference's.

    python3 Tests/Scripts/trim_reference.py FOLDER/kimi-tiny-IQ4_NL Tests/Fixtures/models [ROWS]

copies kimi-tiny-IQ4_NL.gguf and writes the thinned reference beside it.
"""

import array
import json
import shutil
import sys
from pathlib import Path


def main():
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    rows = int(sys.argv[3]) if len(sys.argv) > 3 else 8
    data = array.array("f", source.with_name(source.name + ".ref.bin").read_bytes())
    reference = json.loads(source.with_name(source.name + ".ref.json").read_text())
    kept = array.array("f")

    def keep(entry, first):
        width = entry["shape"][1]
        start = entry["offset"] + first * width
        end = entry["offset"] + entry["shape"][0] * width
        moved = {"offset": len(kept), "shape": [entry["shape"][0] - first, width]}
        kept.extend(data[start:end])
        return moved

    prompts = []
    for p in reference["prompts"]:
        first = max(len(p["positions"]) - rows, 0)
        prompts.append(
            {
                "id": p["id"],
                "ids": p["ids"],
                "positions": p["positions"][first:],
                "hf": keep(p["hf"], first),
                "summary_hf": keep(p["summary_hf"], 0),
                "greedy_hf": p["greedy_hf"],
                "greedy_hf_margin": p["greedy_hf_margin"],
                "agreement": p["agreement"],
            }
        )
    names = ["format", "model", "sha256", "n_vocab", "types", "n_greedy"]
    thinned = {k: reference[k] for k in names} | {"prompts": prompts}
    target.mkdir(parents=True, exist_ok=True)
    (target / (source.name + ".ref.json")).write_text(json.dumps(thinned, separators=(",", ":")))
    (target / (source.name + ".ref.bin")).write_bytes(kept.tobytes())
    shutil.copyfile(source.with_name(source.name + ".gguf"), target / (source.name + ".gguf"))


main()
