#!/usr/bin/env python3
"""A domain beside the car's own: the wishes of one adapter, in the notation and with the split of grammar.py.

A domain has tables: {name: {value: "spoken one way|or another"}}. {name} in a phrasing is filled from the
table, and the value is an argument of the call. Of every wish about one phrasing in six is held out; of the
tables called open (places, names, numbers) also about one value in eight per function.
"""
import argparse
import importlib
import json
import os
import random
import re

import grammar
from grammar import FIX_HELD, FIX_TRAIN, SLOT, divide, expand, finish, pick, say_percent, text_of, wrap


class Domain:
    def __init__(self, name, tables, open_tables=(), base_refuses="", more_refuses="$^", more_values=""):
        """base_refuses: a regular expression that finds, among the base's phrasings of things it refuses, those
        that this domain knows (or comes near to). more_refuses: others, of wordings.txt, which is for training only.
        more_values: values of the open table for training only, with bars between them, so that a value is copied
        from the sentence and not known by heart."""
        self.name, self.tables, self.open = name, tables, set(open_tables) | {"percent"}
        self.wishes, self.copying = [], []   # copying: those with a name in them
        self.more_values = {table: more_values.split("|") for table in open_tables if more_values}
        self.base_refuses, self.more_refuses = re.compile(base_refuses), re.compile(more_refuses)

    def wish(self, fn, args, text, weight=1.0):
        """args: (name, value) pairs in the order of the call; "$table" is drawn from a table, "$percent" a number."""
        templates = list(dict.fromkeys(t.strip() for t in text.strip().splitlines() if t.strip()))
        held, seen = divide(fn, templates)
        self.wishes.append(dict(fn=fn, args=args, held=held, seen=seen, more=[], weight=weight))
        if any(isinstance(src, str) and src[1:] in self.more_values for _, src in args):
            self.copying.append(self.wishes[-1])

    def add_wordings(self, path):
        """Phrasings for training only: "## " and function and values of a wish, then one a line."""
        with open(path) as f:
            lines = f.read().splitlines()
        names = {" ".join([w["fn"]] + [str(v) for _, v in w["args"]]): w for w in self.wishes}
        for line in filter(None, map(str.strip, lines)):
            if line.startswith("## "):
                w = names[line[3:]]
            elif not line.startswith("#") and line not in w["seen"] and line not in w["held"]:
                w["more"].append(line)

    def vet(self, path):
        """Write the file again without what a held-out phrasing or the held-out set can say."""
        rng, bad = random.Random(1), set()
        said = self.patterns(())
        texts = set().union(*(said.cores(r["text"]) for r in self.heldout(PER_SPLIT) if r["split"] != "values"))
        joined = "\n" + "\n".join(sorted(texts)) + "\n"
        held = [re.compile(grammar.pattern(t)) for w in self.wishes for t in w["held"]]
        for w in self.wishes:
            for template in w["more"]:
                spoken = (grammar.squash(self.core(w, template, rng)) for _ in range(60))
                if re.search("\n" + grammar.pattern(template) + "\n", joined) or any(p.fullmatch(t) for t in spoken for p in held):
                    bad.add(template)
        with open(path) as f:
            lines = f.read().splitlines()
        with open(path, "w") as f:
            f.writelines(line + "\n" for line in lines if line not in bad)
        print(f"{path}: {len(bad)} phrasings removed")

    def core(self, w, template, rng):
        v = self.draw(w, rng)
        return SLOT.sub(lambda m: self.say(m[1], w, v, rng), expand(template.lstrip("~"), rng))

    def draw(self, w, rng, more=False):
        v = {}
        for name, src in w["args"]:
            if src == "$percent":
                v[name] = rng.choice([rng.randrange(0, 101, 5), rng.randrange(10, 91, 10), rng.randint(1, 100)])
            elif more and isinstance(src, str) and src[1:] in self.more_values and rng.random() < MORE_VALUES:
                v[name] = rng.choice(self.more_values[src[1:]])
            elif isinstance(src, str) and src.startswith("$"):
                v[name] = rng.choice(list(self.tables[src[1:]]))
            else:
                v[name] = src
        return v

    def held_value(self, w, v):
        return any(grammar._hash("value", w["fn"], v[name]) % 8 == 0 for name, src in w["args"] if isinstance(src, str) and src[1:] in self.open and src[0] == "$")

    def say(self, slot, w, v, rng):
        for name, src in w["args"]:
            if src == "$" + slot:
                return say_percent(v[name], rng) if slot == "percent" else pick(self.tables[slot].get(v[name], v[name]), rng)
        return pick(rng.choice(list(self.tables[slot].values())), rng)

    def one(self, rng, split):
        while True:
            wishes = self.copying if split == "train" and self.copying and rng.random() < COPYING else self.wishes
            w = rng.choices(wishes, [w["weight"] for w in wishes])[0]
            more = split == "train" and w["more"] and rng.random() < SHARE
            template = rng.choice(w["more" if more else "held" if split in ("phrasing", "both") else "seen"])
            v = self.draw(w, rng, split == "train")
            if self.held_value(w, v) == (split in ("values", "both")):
                return w, v, expand(template.lstrip("~"), rng), template.startswith("~")

    def sample(self, rng, split="train", noise=True):   # split: also "known", as train without wordings
        """-> text, call, the phrasing alone"""
        w, v, template, statement = self.one(rng, split)
        held = split in ("phrasing", "both")
        call = {"name": w["fn"], "arguments": v}

        def fill(values, slot=None, other=None):
            return SLOT.sub(lambda m: self.say(m[1], w, other if m[1] == slot else values, rng), template)

        slots = [s for s in SLOT.findall(template) if any(src == "$" + s for _, src in w["args"])]
        if slots and rng.random() < 0.08:
            slot = rng.choice(slots)
            other = self.draw(w, rng)
            if other != v and not self.held_value(w, other):
                core = fill(v, slot, other)
                fix = rng.choice(FIX_HELD if held and rng.random() < 0.4 else FIX_TRAIN)
                a = re.sub(r",? please$", "", wrap(core, statement, held, rng))
                return finish(fix.format(a=a, b=self.say(slot, w, v, rng)), rng, noise), call, core
        core = fill(v)
        return finish(wrap(core, statement, held, rng), rng, noise), call, core

    def patterns(self, templates):
        """What phrasings of this domain can say, as grammar.Said understands it."""
        for name, table in self.tables.items():
            grammar.SLOTS[name] = grammar.pattern("(" + "|".join(table.values()) + ")")
        return grammar.Said(templates)

    def base(self, rng, split="train"):
        """A request of the base model's own kind, or one that both refuse."""
        while True:
            text, call, core = grammar.sample_core(rng, split)
            known = self.base_refuses.search(core) or split == "train" and self.more_refuses.search(core)
            if call["arguments"].get("reason") != "unsupported" or not known:
                return text, call

    def mixed(self, rng, share):
        """-> (text, call) for training: of the base with the given probability."""
        return self.base(rng) if rng.random() < share else self.sample(rng)[:2]

    def heldout(self, per_split, base=0, seed=grammar.SEED + 2):
        """[{text, call, split}]: this domain's, and so many requests of the base's held-out kind (split "base")."""
        rng, out = random.Random(seed), []
        said = self.patterns([t for w in self.wishes for t in w["seen"]])
        seen = {grammar.squash(self.sample(rng, "known")[0]) for _ in range(30000)}
        open_ = any(isinstance(src, str) and src[1:] in self.open for w in self.wishes for _, src in w["args"])
        for split, n in per_split.items():
            while n and (open_ or split == "phrasing"):
                text, call, core = self.sample(rng, split)
                if grammar.squash(text) in seen or split != "values" and (said.by(core) or said.by(text)):
                    continue
                seen.add(grammar.squash(text))
                out.append(dict(text=text, call=text_of(call), split=split))
                n -= 1
        while base:
            text, call = self.base(rng, rng.choice(("values", "phrasing", "phrasing", "both")))
            out.append(dict(text=text, call=text_of(call), split="base"))
            base -= 1
        return out


PER_SPLIT = {"values": 80, "phrasing": 240, "both": 80}
MORE_VALUES = 0.4   # share of the open values in training that are values for training only
COPYING = 0.25   # share of the training samples that surely have a name in them
SHARE = 0.7   # of the training samples whose phrasing is one of wordings_DOMAIN.txt


def wordings(name):
    return os.path.join(grammar.HERE, f"wordings_{name}.txt")


def load(name):
    d = importlib.import_module("grammar_" + name).DOMAIN
    if os.path.exists(wordings(name)) and not any(w["more"] for w in d.wishes):
        d.add_wordings(wordings(name))
    return d


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("domain", choices=["navigation", "media", "phone"])
    p.add_argument("--split", default="train", choices=["train", "values", "phrasing", "both"])
    p.add_argument("--count", type=int, default=20, help="how many samples to print")
    p.add_argument("--stats", action="store_true", help="print the size of the grammar instead")
    p.add_argument("--vet", action="store_true", help="remove from wordings_DOMAIN.txt what a held-out phrasing can say")
    p.add_argument("--write-heldout", metavar="FILE", help="write the held-out set (JSON lines) instead")
    a = p.parse_args()
    d = load(a.domain)
    if a.stats:
        print(f"{len({w['fn'] for w in d.wishes})} functions, {len(d.wishes)} wishes, {sum(len(w['seen']) for w in d.wishes)} training phrasings, "
              f"{sum(len(w['more']) for w in d.wishes)} of wordings_{a.domain}.txt, {sum(len(w['held']) for w in d.wishes)} held out")
    elif a.vet:
        d.vet(wordings(a.domain))
    elif a.write_heldout:
        with open(a.write_heldout, "w") as f:
            for row in d.heldout(PER_SPLIT, 100):
                f.write(json.dumps(row, ensure_ascii=False) + "\n")
    else:
        rng = random.Random(1)
        for _ in range(a.count):
            text, call = d.sample(rng, a.split)[:2]
            print(f"{text}\n    {text_of(call)}")


if __name__ == "__main__":
    main()
