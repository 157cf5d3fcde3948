#!/usr/bin/env python3
"""Exact match of whole calls on the held-out set and the hand-written set.

With --lintel the tool runs every request (greedy): `lintel run --model F --prompt TEXT --max-tokens N`,
with `--adapter FILE` if one is given here.
With --dir the PyTorch network is asked instead, all tokens of a call at once.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


def read(paths):
    rows = []
    for path in paths:
        with open(path) as f:
            rows += [json.loads(line) for line in f]
    return rows


def valid(text, tools):
    """Is this one call that the schema allows?"""
    try:
        call = json.loads(text)
        schema, given = tools[call["name"]], call["arguments"]
        if set(call) != {"name", "arguments"} or not set(schema["required"]) <= set(given) <= set(schema["properties"]):
            return False
        for name, value in given.items():
            s = schema["properties"][name]
            kinds = {"string": str, "boolean": bool, "integer": int, "number": (int, float)}[s["type"]]
            if not isinstance(value, kinds) or isinstance(value, bool) != (s["type"] == "boolean"):
                return False
            if value not in s.get("enum", [value]) or not s.get("minimum", value) <= value <= s.get("maximum", value):
                return False
        return True
    except (ValueError, KeyError, TypeError):
        return False


def ask_lintel(tool, model, text, more):
    run = subprocess.run([tool, "run", "--model", model, "--prompt", text, "--max-tokens", "96", *more], capture_output=True, text=True, timeout=120)
    if run.returncode:
        raise SystemExit(f"{tool} failed on {text!r}: {run.stderr.strip()}")
    return run.stdout.strip()


def ask_torch(folder, rows, show):
    """-> an answer per row: the right call where every token is the argmax, else the generated text."""
    import torch
    from tokenizers import Tokenizer
    import tokenizer as tok_
    import train
    from model import Cabin, mixer_of
    torch.set_num_threads(2)
    tok = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    state = torch.load(os.path.join(folder, "cabin.pt"), weights_only=True)
    net = Cabin(tok.get_vocab_size(), mixer=mixer_of(state)).eval()
    net.load_state_dict(state)
    answers = []
    for row, ok in zip(rows, train.exact(net, tok, [(r["text"], r["call"]) for r in rows])):
        if ok or not show:
            answers.append(row["call"] if ok else "")
            continue
        ids = tok.encode(tok_.prompt(row["text"])).ids
        start = len(ids)
        with torch.no_grad():
            while len(ids) < start + 96 and ids[-1] != tok.token_to_id("<|im_end|>") or len(ids) == start:
                ids.append(net.logits(torch.tensor([ids]))[0, -1].argmax().item())
        answers.append(tok.decode(ids[start:]))
    return answers


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("files", nargs="*", default=[os.path.join(HERE, "heldout.jsonl"), os.path.join(HERE, "handwritten.jsonl")])
    p.add_argument("--lintel", metavar="PATH", help="the lintel tool")
    p.add_argument("--model", default=os.path.join(HERE, "cabin.gguf"))
    p.add_argument("--adapter", metavar="FILE", help="an adapter for the tool (give its held-out set as the file)")
    p.add_argument("--dir", help="folder with tokenizer.json and cabin.pt: ask PyTorch instead")
    p.add_argument("--every", type=int, default=1, help="take only every n-th request")
    p.add_argument("--jobs", type=int, default=2, help="runs of the tool at a time")
    p.add_argument("--tools", metavar="FILE", help="answers must fit this tools file (lintel run --tools)")
    p.add_argument("--temperature", type=float, default=0, help="of the tool; seeds are the requests' numbers")
    p.add_argument("--show", action="store_true", help="print every wrong answer")
    a = p.parse_args()
    if not a.lintel and not a.dir:
        p.error("one of --lintel and --dir is needed")
    rows = read(a.files)[::a.every]
    tools = {}
    for name in ("tools", "tools_navigation", "tools_media", "tools_phone"):
        with open(os.path.join(HERE, name + ".json")) as f:
            tools |= {t["function"]["name"]: t["function"]["parameters"] for t in json.load(f)}
    if a.lintel:
        with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
            more = ["--adapter", a.adapter] if a.adapter else []
            if a.tools:
                more += ["--tools", a.tools]
            if a.temperature:
                more += ["--temperature", str(a.temperature)]
            answers = list(pool.map(lambda i: ask_lintel(a.lintel, a.model, rows[i]["text"], more + ["--seed", str(i)]), range(len(rows))))
    else:
        answers = ask_torch(a.dir, rows, a.show)
    right, total, shaped = collections.Counter(), collections.Counter(), 0
    for row, answer in zip(rows, answers):
        total[row["split"]] += 1
        right[row["split"]] += answer == row["call"]
        shaped += valid(answer, tools)
        if a.show and answer != row["call"]:
            print(f"[{row['split']}] {row['text']}\n    wanted {row['call']}\n    got    {answer}")
    for split in total:
        print(f"{split:12} {right[split]:5} / {total[split]:5}  {100 * right[split] / total[split]:.1f} %")
    held = [s for s in total if s not in ("handwritten", "base")]
    if held:
        n, m = sum(right[s] for s in held), sum(total[s] for s in held)
        print(f"{'held out':12} {n:5} / {m:5}  {100 * n / m:.1f} %")
    if a.lintel or a.show:
        print(f"{'valid calls':12} {shaped:5} / {len(rows):5}  {100 * shaped / len(rows):.1f} %")


if __name__ == "__main__":
    main()
