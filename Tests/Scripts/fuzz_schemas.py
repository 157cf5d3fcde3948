#!/usr/bin/env python3
"""Random schemas x random models: every finished answer must satisfy its schema.

    python3 Tests/Scripts/fuzz_schemas.py --lintel PATH [--count 2000] [--seed 1]

Answers are drawn at temperature 1.5 from the small fixture models, whose weights are random, and checked with the
`jsonschema` package, numbers as decimals. A refusal must be one of the four statuses of grammars; a schema of this
generator is refused only where it asks for nothing that exists. Also truncates and mutates schemas: whatever they
are, the tool must answer or refuse, within seconds.
"""
import argparse
import concurrent.futures
import decimal
import glob
import json
import os
import random
import subprocess
import tempfile

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
PATTERNS = [r"^[a-z]{1,8}$", r"^\d{2}:\d{2}$", r"^(on|off|auto)$", r"^#[0-9A-F]{6}$", r"^\w+@\w+\.(com|org)$", r"^[^\"\\ ]{2,6}$",
            r"^a?b*c{0,3}$", r"^(?:x|yz)+$", r"^[\u00e4\u00f6\u00fc\u20ac]{1,3}$", r"^.{3}$", r"^[-+]?[0-9]{1,3}$"]
NAMES = ["zone", "value", "on", "name", "level", "a", "b", "naïve", "x y", "quo\"te", "back\\slash", "tab\t", "", "zones"]


def scalar(r):
    return r.choice([None, True, False, 0, 1, -7, 3.5, 120, "", "on", "off", "é", "q\"", "a\\b", "line\nbreak", "\u0001", "日本", "😀"])


def number(r, kind):
    s = {"type": kind}
    if r.random() < 0.8:
        low = r.choice([-1000, -40, -3, 0, 1, 16, 99]) if kind == "integer" or r.random() < 0.5 else r.choice([-2.5, -0.05, 0.1, 0.5, 15.99, 16.25])
        high = low + r.choice([0, 1, 5, 12, 100, 4711]) if kind == "integer" or r.random() < 0.5 else float(decimal.Decimal(str(low)) + decimal.Decimal(r.choice(["0.25", "1.5", "7", "33.125", "1000.001"])))
        if r.random() < 0.9:
            s["minimum" if r.random() < 0.7 else "exclusiveMinimum"] = low
        if r.random() < 0.9:
            s["maximum" if r.random() < 0.7 else "exclusiveMaximum"] = high
    if r.random() < 0.3:
        s["multipleOf"] = r.choice([1, 2, 5, 7, 10] if kind == "integer" else [0.5, 0.25, 0.1, 5, 2.5, 0.01, 3])
    return s


def schema(r, depth, defs):
    roll = r.random()
    if roll < 0.05:
        return {"const": value(r, 2)}
    if roll < 0.15:
        return {"enum": [value(r, 1) for _ in range(r.randint(1, 5))]}
    if roll < 0.3:
        s = {"type": "string"}
        if r.random() < 0.35:
            s["pattern"] = r.choice(PATTERNS)
        else:
            s["maxLength"] = r.randint(0, 12)
            if r.random() < 0.5:
                s["minLength"] = r.randint(0, s["maxLength"])
        return s
    if roll < 0.45:
        return number(r, r.choice(["integer", "number"]))
    if roll < 0.52:
        return {"type": r.choice(["boolean", "null"])}
    if roll < 0.57:
        return {"type": r.sample(["boolean", "null", "integer", "number"], 2)}
    if depth <= 0:
        return {"type": "boolean"}
    if roll < 0.7:
        s = {"type": "array", "maxItems": r.randint(0, 4)}
        if r.random() < 0.5:
            s["minItems"] = r.randint(0, s["maxItems"])
        if r.random() < 0.3:
            s["prefixItems"] = [schema(r, depth - 1, defs) for _ in range(r.randint(1, 3))]
            if r.random() < 0.5 or s.get("minItems", 0) > len(s["prefixItems"]):
                s["items"] = schema(r, depth - 1, defs)
        else:
            s["items"] = schema(r, depth - 1, defs)
        return s
    if roll < 0.78:
        return {"anyOf": [schema(r, depth - 1, defs) for _ in range(r.randint(1, 3))]}
    if roll < 0.82:
        tags = r.sample(["red", "green", "blue"], 2)
        return {"oneOf": [{"type": "object", "properties": {"kind": {"const": t}, "v": schema(r, depth - 1, defs)}, "required": ["kind"],
                           "additionalProperties": False} for t in tags]}
    if roll < 0.86 and defs:
        return {"$ref": "#/$defs/" + r.choice(defs)}
    names = r.sample(NAMES, r.randint(0, 5))
    s = {"type": "object", "properties": {n: schema(r, depth - 1, defs) for n in names}, "description": "An object."}
    s["required"] = [n for n in names if r.random() < 0.5]
    if r.random() < 0.8:
        s["additionalProperties"] = False
    elif r.random() < 0.5:
        s["additionalProperties"] = schema(r, 0, [])
    return s


def value(r, depth):
    if depth <= 0 or r.random() < 0.7:
        return scalar(r)
    if r.random() < 0.5:
        return [value(r, depth - 1) for _ in range(r.randint(0, 3))]
    return {n: value(r, depth - 1) for n in r.sample(NAMES, r.randint(0, 3))}


def document(r):
    defs = ["leaf", "tree"]
    s = schema(r, r.randint(0, 3), defs)
    s["$defs"] = {
        "leaf": schema(r, 1, []),
        "tree": {"type": "object", "properties": {"label": {"enum": ["x", "y"]}, "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/tree"}]}},
                 "required": ["label", "next"], "additionalProperties": False},
    }
    return s


def ask(tool, model, text, seed, blanks):
    with tempfile.NamedTemporaryFile("wb", suffix=".json") as f:
        f.write(text)
        f.flush()
        return subprocess.run(
            [tool, "run", "--model", model, "--raw", "--prompt", "call:", "--schema", f.name, "--temperature", "1.5", "--seed", str(seed),
             "--max-tokens", "300", "--blanks", blanks, "--stats", "--threads", "1", "--grammar-mib", "8"], capture_output=True, timeout=60)


def refusal(run):
    err = run.stderr.decode("utf-8", "replace")
    return any(s in err for s in ["LINTEL_ERR_SCHEMA", "LINTEL_ERR_KEYWORD", "LINTEL_ERR_UNSATISFIABLE", "LINTEL_ERR_GRAMMAR_SIZE"])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--lintel", required=True)
    p.add_argument("--models", nargs="*", default=sorted(glob.glob(os.path.join(HERE, "../Fixtures/models/*.gguf"))))
    p.add_argument("--count", type=int, default=100)
    p.add_argument("--hostile", type=int, default=50, help="truncated and mutated schemas")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--jobs", type=int, default=2)
    a = p.parse_args()
    counts = {"valid": 0, "cut": 0, "refused": 0, "hostile": 0}
    bad = []

    def one(i):
        r = random.Random(a.seed * 1_000_003 + i)
        model = a.models[i % len(a.models)]
        s = document(r)
        text = json.dumps(s, ensure_ascii=r.random() < 0.5).encode()
        if i >= a.count:
            if r.random() < 0.5:
                text = text[:r.randint(0, len(text))]
            else:
                text = bytearray(text)
                for _ in range(r.randint(1, 4)):
                    text[r.randrange(len(text))] = r.choice([r.randrange(256), *b'{}[]",:0-e\\'])
                text = bytes(text)
        try:
            run = ask(a.lintel, model, text, i, r.choice(["free", "none", "one"]))
        except subprocess.TimeoutExpired:
            return "hang", i, text
        if i >= a.count:
            return ("hostile" if run.returncode == 0 or refusal(run) else f"status {run.returncode} {run.stderr[-300:]}"), i, text
        if run.returncode:
            return ("refused" if refusal(run) else f"status {run.returncode} {run.stderr[-300:]}"), i, (text, run.stderr)
        if b"finish     end" not in run.stderr:
            return "cut", i, text
        out = run.stdout.decode()
        try:
            answer = json.loads(out, parse_float=decimal.Decimal)
            jsonschema.Draft202012Validator(json.loads(text, parse_float=decimal.Decimal)).validate(answer)
        except Exception as e:
            return f"invalid: {out!r}: {str(e)[:200]}", i, text
        return "valid", i, text

    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for verdict, i, text in pool.map(one, range(a.count + a.hostile)):
            if verdict in counts:
                counts[verdict] += 1
                if verdict == "refused":
                    err = text[1].decode("utf-8", "replace").strip()
                    if "UNSATISFIABLE" not in err and "oneOf" not in err:
                        print(f"refused {i}: {err}")
            else:
                bad.append(i)
                print(f"FAILED {i}: {verdict}\n    {text}")
    print(", ".join(f"{n} {k}" for k, n in counts.items()) + f", {len(bad)} failed")
    return 1 if bad or counts["valid"] * 2 < a.count else 0


if __name__ == "__main__":
    raise SystemExit(main())
