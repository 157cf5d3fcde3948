#!/usr/bin/env python3
"""The time that llama.cpp's grammar sampler takes per step, on a vocabulary and a schema.

    grammar.py VOCABULARY.gguf --schema FILE [--answer TEXT]...
    grammar.py VOCABULARY.gguf --tools FILE [--answer TEXT]...

Needs llama-cpp-python. A tools file becomes the schema of its calls. Walks each answer byte token by byte token as
the vocabulary's longest matches spell it, applies the grammar to candidates of the whole vocabulary before every
token, and prints median and maximum in microseconds. `swift test --filter masksOfAFile` measures ours, with
LINTEL_VOCABULARY=FILE and LINTEL_TOOLS=FILE.
"""
import argparse
import ctypes
import json
import statistics
import time

import llama_cpp
from llama_cpp import llama_grammar


def calls(tools):
    if isinstance(tools, dict):
        tools = tools["tools"]
    functions = [t.get("function", t) for t in tools]
    return {"anyOf": [{"type": "object", "properties": {"name": {"const": f["name"]}, "arguments": f.get("parameters", {"type": "object"})},
                       "required": ["name", "arguments"], "additionalProperties": False} for f in functions]}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("vocabulary")
    p.add_argument("--schema")
    p.add_argument("--tools")
    p.add_argument("--answer", action="append", default=[])
    p.add_argument("--repeat", type=int, default=3)
    a = p.parse_args()
    with open(a.tools or a.schema) as f:
        schema = json.load(f)
    if a.tools:
        schema = calls(schema)
    params = llama_cpp.llama_model_default_params()
    params.vocab_only = True
    llama_cpp.llama_backend_init()
    model = llama_cpp.llama_model_load_from_file(a.vocabulary.encode(), params)
    vocab = llama_cpp.llama_model_get_vocab(model)
    n = llama_cpp.llama_vocab_n_tokens(vocab)
    gbnf = llama_grammar.json_schema_to_gbnf(json.dumps(schema))
    start = time.perf_counter()
    sampler = llama_cpp.llama_sampler_init_grammar(vocab, gbnf.encode(), b"root")
    made = time.perf_counter() - start
    if not sampler:
        raise SystemExit("the grammar was refused")
    pieces = {}
    buffer = ctypes.create_string_buffer(512)
    for t in range(n):
        k = llama_cpp.llama_token_to_piece(vocab, t, buffer, 512, 0, False)
        if k > 0:
            pieces.setdefault(buffer.raw[:k], t)
    longest = max(map(len, pieces))
    data = (llama_cpp.llama_token_data * n)()
    times = []
    for _ in range(a.repeat):
        for answer in a.answer:
            llama_cpp.llama_sampler_reset(sampler)
            text, i = answer.encode(), 0
            while i < len(text):
                for t in range(n):
                    data[t].id, data[t].logit, data[t].p = t, 0.0, 0.0
                array = llama_cpp.llama_token_data_array(data=ctypes.cast(data, ctypes.POINTER(llama_cpp.llama_token_data)), size=n, selected=-1, sorted=False)
                start = time.perf_counter()
                llama_cpp.llama_sampler_apply(sampler, ctypes.byref(array))
                times.append((time.perf_counter() - start) * 1e6)
                length = next(k for k in range(min(longest, len(text) - i), 0, -1) if text[i:i + k] in pieces)
                token = pieces[text[i:i + length]]
                if data[token].logit == float("-inf"):
                    raise SystemExit(f"{answer!r} does not fit at byte {i}")
                llama_cpp.llama_sampler_accept(sampler, token)
                i += length
    print(f"llama.cpp ({llama_cpp.__version__} of llama-cpp-python): {n} tokens, grammar made in {made * 1e3:.1f} ms; "
          f"{len(times)} steps: median {statistics.median(times):.0f} us, maximum {max(times):.0f} us")


if __name__ == "__main__":
    main()
