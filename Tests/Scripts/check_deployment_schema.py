#!/usr/bin/env python3
"""Whether Examples/deployment.schema.json and the parser say the same.

    check_deployment_schema.py LINTEL       the tool; needs jsonschema (Debian: python3-jsonschema)

The deployments of Tests/Fixtures and Examples, the broken ones of broken.txt, and every value of
full.json replaced by others, left out, or joined by a key that does not exist: what the schema
refuses, `lintel check` refuses; what `lintel check` refuses, the schema refuses too, unless it is
among the things that a schema cannot say.
"""
import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "Tests/Fixtures/deployments"
lintel = sys.argv[1]
schema = json.loads((ROOT / "Examples/deployment.schema.json").read_text())
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)

# Names of nothing, numbers that contradict others: sentences that a schema has no words for.
BEYOND = re.compile(
    "there is no model called|there is no session called|has no adapter called|holds another adapter already|"
    "adapters take slots up to|mean nothing without adapters|adapter_slot_bytes is missing|"
    "raise adapter_rank|of the file")
# What is about the text and the values themselves, and not about files or memory.
ABOUT_VALUES = {"LINTEL_ERR_KEY", "LINTEL_ERR_VALUE", "LINTEL_ERR_MISSING", "LINTEL_ERR_LIMIT"}

passed = failed = 0


def judge(ok, what):
    global passed, failed
    passed += ok
    failed += not ok
    if not ok:
        print("FAILED:", what)


def parse(path):
    """The parser's problems with the values of the file at `path`, and all of its problems."""
    run = subprocess.run([lintel, "check", "--json", str(path)], capture_output=True, text=True)
    problems = json.loads(run.stdout)["problems"]
    judge((run.returncode == 0) == (not problems), f"{path}: exit status {run.returncode}")
    values = [p for p in problems
              if p["status"] in ABOUT_VALUES and not BEYOND.search(p["sentence"])
              and not p["sentence"].startswith("context_tokens is")]
    return values, problems


def agree(value, path, what):
    refused = not validator.is_valid(value)
    values, problems = parse(path)
    judge(refused == bool(values), f"{what}: the schema {'refuses' if refused else 'accepts'} it, "
          f"lintel check says {[p['sentence'] for p in problems]}")


def places(value, at=()):
    """Every value below, by its path."""
    yield at
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], at + (key,))
    elif isinstance(value, list):
        for i in range(len(value)):
            yield from places(value[i], at + (i,))


def get(value, at):
    for key in at:
        value = value[key]
    return value


def mutations(whole):
    others = [None, True, 0, -1, 1, 1.5, 65, 5000, 2 ** 53, "", "x", "96 MiB", [], [1], ["x"], {}]
    for at in places(whole):
        if not at:
            continue
        for other in others:
            changed = copy.deepcopy(whole)
            if type(get(changed, at)) is type(other) and get(changed, at) == other:
                continue
            get(changed, at[:-1])[at[-1]] = other
            yield f"{at} is {json.dumps(other)}", changed
        changed = copy.deepcopy(whole)
        del get(changed, at[:-1])[at[-1]]
        yield f"{at} is left out", changed
    for at in places(whole):
        if isinstance(get(whole, at), dict):
            for key in ["else", "a b"]:
                changed = copy.deepcopy(whole)
                get(changed, at)[key] = {}
                yield f"{at} has '{key}'", changed


for path in [FIXTURES / "full.json", FIXTURES / "least.json", FIXTURES / "applications.json"]:
    value = json.loads(path.read_text())
    judge(validator.is_valid(value), f"{path.name}: the schema refuses it")
    judge(parse(path)[1] == [], f"{path.name}: {parse(path)[1]}")
cabin = ROOT / "Examples/Cabin/deployment.json"
judge(validator.is_valid(json.loads(cabin.read_text())), "the schema refuses Cabin's")
judge(parse(cabin)[1] == [], f"Cabin's: {parse(cabin)[1]}")

for case in re.split(r"^# ", (FIXTURES / "broken.txt").read_text(), flags=re.M)[1:]:
    name, rest = case.split("\n", 1)
    lines = rest.split("\n")
    text = "\n".join(line for line in lines if not line.startswith("> "))
    verdict = next(line for line in lines if line.startswith("> schema "))[9:]
    if verdict == "-":
        try:
            value = json.loads(text, strict=True)
            # Python takes lone surrogates and NUL, which this parser refuses.
            texts = "".join(get(value, at) for at in places(value)
                            if isinstance(get(value, at), str))
            judge(any(ord(c) == 0 or 0xD800 <= ord(c) < 0xE000 for c in texts), name)
        except json.JSONDecodeError:
            judge(True, name)
    else:
        refuses = not validator.is_valid(json.loads(text))
        judge(refuses == (verdict == "refuses"), f"{name}: the schema should {verdict[:-1]} it")

whole = json.loads((FIXTURES / "full.json").read_text())
for model in whole["models"].values():  # paths that hold from anywhere, no hashes to compute
    model["path"] = str((FIXTURES / model["path"]).resolve())
    for adapter in model.get("adapters", {}).values():
        adapter["path"] = str((FIXTURES / adapter["path"]).resolve())
for session in whole["sessions"].values():
    for key in ("tools", "system_file"):
        if key in session:
            session[key] = str(FIXTURES / session[key])
whole["engine"]["load"] = "lazy"
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "case.json"
    count = 0
    for what, value in mutations(whole):
        path.write_text(json.dumps(value, indent=1))
        agree(value, path, what)
        count += 1
print(f"schema: {count} changed deployments")
print(f"schema: {passed} passed, {failed} failed")
sys.exit(failed > 0)
