"""Exact answers of the multi-token-prediction block of qwen35-mtp-Q8_0.gguf.

    python3 Tests/Fixtures/make_predictor_reference.py

needs torch, transformers and gguf. transformers runs the model and has no such block; the block is put
together from its decoder layer and norm, with the weights of make_qwen_fixtures.py, which are checked
against the file. Two steps: what follows the last token, and what follows the guess.
"""

import json
from pathlib import Path

import gguf
import numpy as np
import torch
from transformers.models.qwen3_5.modeling_qwen3_5 import Qwen3_5DecoderLayer, Qwen3_5RMSNorm

import make_qwen_fixtures as fixtures

NAME = "qwen35-mtp-Q8_0"


def part(exact, prefix):
    return {k.removeprefix(prefix): v for k, v in exact.items() if k.startswith(prefix)}


def main():
    folder = Path(__file__).parent / "models"
    c = fixtures.BASE | fixtures.MODELS[NAME]
    config = fixtures.configuration(c)
    config._attn_implementation = "eager"
    model = fixtures.CLASSES[c["arch"]][1](config).float().eval()
    tensors, exact, _ = fixtures.pack(fixtures.weights(model, c), config, c)
    for t in gguf.GGUFReader(folder / f"{NAME}.gguf").tensors:
        assert np.array_equal(t.data.view(np.uint8).ravel(), tensors[t.name][0].view(np.uint8).ravel())
    model.load_state_dict(
        {k: v for k, v in exact.items() if not k.startswith("mtp.")}, strict=False)
    config.layer_types = config.layer_types + ["full_attention"]
    layer = Qwen3_5DecoderLayer(config, c["layers"]).float().eval()
    layer.load_state_dict(part(exact, "mtp.layers.0."))

    def norm(name):
        n = Qwen3_5RMSNorm(c["hidden"], eps=1e-6)
        n.weight.data = exact[name]
        return n

    of_token, of_output = norm("mtp.pre_fc_norm_embedding.weight"), norm("mtp.pre_fc_norm_hidden.weight")
    last = norm("mtp.norm.weight")
    embedding, head = exact["model.embed_tokens.weight"], exact["lm_head.weight"]
    cases = []
    for prompt in json.loads((folder / f"{NAME}.ref.json").read_text())["prompts"]:
        ids = prompt["ids"]
        if not 1 < len(ids) < 100:
            continue
        outputs = model.model(torch.tensor([ids]), use_cache=False).last_hidden_state[0]
        tokens, before = ids[1:], outputs[:-1]
        logits = []
        for _ in range(2):
            x = torch.cat([of_token(embedding[tokens]), of_output(before)], dim=-1)
            x = (x @ exact["mtp.fc.weight"].T)[None]
            n = len(tokens)
            rope = model.model.rotary_emb(x, torch.arange(n)[None])
            mask = torch.full((n, n), float("-inf")).triu(1)[None, None]
            m = last(layer(x, position_embeddings=rope, attention_mask=mask))[0]
            logits.append(m[-1] @ head.T)
            tokens = tokens + [int(logits[-1].argmax())]
            before = torch.cat([before, m[-1:]])
        cases.append(
            {"ids": ids, "logits": [[round(float(v), 5) for v in row] for row in logits]})
    path = folder / f"{NAME}.predictor.json"
    path.write_text(json.dumps({"cases": cases}, separators=(",", ":")))
    print(f"{path.name}: {len(cases)} cases, {path.stat().st_size} bytes")


with torch.no_grad():
    main()
