#!/usr/bin/env python3
"""Random strings with their Normalization Form C and their pre-tokenizer pieces.

    pip install unicodedata2==16.0.0 regex
    python3 Tests/Scripts/make_text_fixtures.py [FOLDER [COUNT [SEED]]]

Writes nfc.txt (text, form C; hex) and pieces.txt (text, hex; byte offsets at which the pieces of
kimi-k2, qwen35 and qwen2 end). Form C comes from unicodedata2, pieces from the true regular
expressions run by the `regex` module. Characters newer than Unicode 16 do not occur.
"""
import os
import random
import sys
import regex
import unicodedata2 as u

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "..", "Fixtures", "tokenizer")
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 400
rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 20261124)

HAN = r"[^\p{Han}]"
U = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&" + HAN + "]"
L = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&" + HAN + "]"
C = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LEAD = r"[^\r\n\p{L}\p{N}]?"
TAIL = r"\s*[\r\n]+|\s+(?!\S)|\s+"
PATTERNS = [
    rf"[\p{{Han}}]+|{LEAD}{U}*{L}+{C}?|{LEAD}{U}+{L}*{C}?|\p{{N}}{{1,3}}"
    rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{TAIL}",
    rf"{C}|{LEAD}[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{TAIL}",
    rf"{C}|{LEAD}\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{TAIL}",
]
COMPILED = [regex.compile(p, regex.V1) for p in PATTERNS]

every = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and u.category(chr(c)) != "Cn"]
decomposing = [c for c in every if u.normalize("NFD", chr(c)) != chr(c)]
marks = [c for c in every if u.combining(chr(c))]
hangul = decomposing[:0] + [*range(0x1100, 0x1113), *range(0x1161, 0x1176), *range(0x11A7, 0x11C3)]
joining = [0x9BE, 0x9D7, 0xB3E, 0xB56, 0xBBE, 0xCC2, 0xD3E, 0xDCF, 0x102E, 0x1B35, 0x11127, 0x114B0]
by_category = {}
for c in every:
    by_category.setdefault(u.category(chr(c)), []).append(c)
han = [c for c in every if regex.match(r"\p{Han}", chr(c)) and c < 0x4E10 or 0x16FE0 <= c < 0x16FF2]


def some_nfc():
    pools = [decomposing, marks, marks, hangul, joining, [0x41, 0x65, 0x20, 0x4E2D, 0xAC00, 0x9C7]]
    return "".join(chr(rng.choice(rng.choice(pools))) for _ in range(rng.randint(1, 9)))


def some_pieces():
    out = ""
    for _ in range(rng.randint(1, 8)):
        k = rng.randint(0, 9)
        if k == 0:
            out += rng.choice(["'s", "'S", "'re", "'VE", "'ll", "'\u017f", "'d", "'x", "'", "'lL"])
        elif k == 1:
            out += rng.choice(["\n", "\r\n", " ", "  ", "\t", "\u00a0", "\u3000", " \n ", "\x0b", "\x1c"])
        elif k == 2:
            out += chr(rng.choice(han))
        elif k == 3:
            out += rng.choice(["Hello", "ABC", "abc", "12345", "...", "!", "a\u0301", "\u00aa", "7"])
        else:
            out += chr(rng.choice(by_category[rng.choice(list(by_category))]))
    return out


def ends(compiled, text):
    offsets, at = [], 0
    for m in compiled.finditer(text):
        assert m.start() == at and m.end() > at
        at = m.end()
        offsets.append(len(text[:at].encode()))
    assert at == len(text)
    return ",".join(map(str, offsets))


with open(os.path.join(FOLDER, "nfc.txt"), "w") as f:
    for _ in range(COUNT):
        s = some_nfc()
        f.write(f"{s.encode().hex()} {u.normalize('NFC', s).encode().hex()}\n")
with open(os.path.join(FOLDER, "pieces.txt"), "w") as f:
    for _ in range(COUNT):
        s = some_pieces()
        f.write(" ".join([s.encode().hex()] + [ends(c, s) for c in COMPILED]) + "\n")
