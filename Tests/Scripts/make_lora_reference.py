"""Reference logits of a model with LoRA adapters, for Tests/Fixtures/lora.

The adapters are merged into the dequantised weights in float64, W + scale · alpha / rank · B A, and the
merged model runs token by token in numpy: with the class `Model` of REFERENCE, a Python file in which
`Model(path)` has the weights by name in `W`, in torch's order of dimensions, and `step(token)` returns
logits. Needs numpy and gguf.

    python3 Tests/Scripts/make_lora_reference.py REFERENCE.py FOLDER CASES.json

CASES.json: [{"model": path, "case": name, "adapters": [{"file": path, "scale": s}], "prompt": name,
"ids": [...]}]. Writes FOLDER/lora.ref.json and .bin, `hf` being the logits of all positions.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize


def tensors(path):
    reader = GGUFReader(path)
    alpha = reader.fields.get("adapter.lora.alpha")
    out = {}
    for t in reader.tensors:
        shape = [int(n) for n in t.shape][::-1]
        out[t.name] = dequantize(np.asarray(t.data), t.tensor_type).astype(np.float64).reshape(shape)
    return out, float(alpha.contents()) if alpha else 0.0


def merge(weights, path, scale):
    pairs, alpha = tensors(path)
    for name, a in pairs.items():
        if not name.endswith(".lora_a"):
            continue
        base = name[: -len(".lora_a")]
        b = pairs[base + ".lora_b"]
        factor = scale * alpha / a.shape[-2] if alpha else scale
        weights[base] = weights[base] + factor * (b @ a).reshape(weights[base].shape)


def main():
    spec = importlib.util.spec_from_file_location("reference", sys.argv[1])
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    folder = Path(sys.argv[2])
    cases, rows, at = [], [], 0
    for case in json.loads(Path(sys.argv[3]).read_text()):
        model = reference.Model(case["model"])
        for adapter in case["adapters"]:
            merge(model.W, adapter["file"], adapter["scale"])
        logits = np.stack([model.step(t) for t in case["ids"]]).astype("<f4")
        case["model"] = Path(case["model"]).name
        for adapter in case["adapters"]:
            adapter["file"] = Path(adapter["file"]).name
        case["positions"] = list(range(len(case["ids"])))
        case["hf"] = {"offset": at, "shape": list(logits.shape)}
        at += logits.size
        rows.append(logits.ravel())
        cases.append(case)
    np.concatenate(rows).tofile(folder / "lora.ref.bin")
    text = json.dumps({"cases": cases}, separators=(",", ":"))
    (folder / "lora.ref.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
