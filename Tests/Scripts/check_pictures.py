#!/usr/bin/env python3
"""`lintel see` on the bundled signs, and on files that are no pictures or lie about what they are.

    python check_pictures.py LINTEL MODEL PICTURES

Every PNG in PICTURES is called like its class and must be answered with it. What is broken must end with an
exit status that is no signal, one sentence that names the file, and no answer.
"""
import glob
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib

failures = []


def expect(condition, what):
    if not condition:
        failures.append(what)
        print("FAILED:", what)


def see(*arguments):
    return subprocess.run([tool, "see", "--model", model, *arguments], capture_output=True, text=True, timeout=120)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, rows=None, depth=8, color=2):
    if rows is None:
        rows = b"".join(b"\0" + bytes(3 * width) for _ in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


BROKEN = {
    "empty.png": b"",
    "text.png": b"this is no picture\n",
    "cut.png": png(40, 40)[:60],
    "short.png": png(40, 40, b"\0" + bytes(30)),
    "checksum.png": png(40, 40)[:20] + b"\xff" + png(40, 40)[21:],
    "zero.png": png(0, 40, b""),
    "vast.png": png(0x7FFFFFFF, 0x7FFFFFFF, b""),
    "wide.png": png(16385, 1),
    "depth.png": png(8, 8, depth=3),
    "start.jpg": b"\xff\xd8",
    "cut.jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00",
    "nonsense.jpg": b"\xff\xd8\xff" + bytes(range(256)),
    "header.ppm": b"P6",
    "letters.ppm": b"P6 a b 255\n",
    "zero.ppm": b"P6 0 8 255\n",
    "vast.ppm": b"P6 999999999 999999999 255\n",
    "endless.ppm": b"P6 99999999999999999999999999 1 255\n",
    "cut.ppm": b"P6 8 8 255\n" + bytes(191),
    "deep.ppm": b"P6 2 2 65535\n" + bytes(24),
    "comment.ppm": b"P6 # no end",
}


def main():
    names = sorted(glob.glob(os.path.join(pictures, "*.png")))
    expect(len(names) >= 6, f"there are {len(names)} pictures in {pictures}")
    for path in names:
        r = see("--top", "1", "--json", path)
        answer = json.loads(r.stdout)["classes"][0]["label"] if r.returncode == 0 else r.stderr
        expected = os.path.basename(path)[:-4].replace("-", " ")
        expect(answer == expected, f"{path}: {answer}")
    together = see("--top", "1", *names)
    expect(together.returncode == 0 and together.stdout.count("%") == len(names), "all pictures in one call")
    with tempfile.TemporaryDirectory() as folder:
        good = os.path.join(folder, "good.png")
        with open(good, "wb") as file:
            file.write(png(5, 3))
        expect(see(good).returncode == 0, "a picture of 5 x 3 runs: " + see(good).stderr)
        for name, data in BROKEN.items():
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                file.write(data)
            r = see(path)
            expect(r.returncode > 0 and r.stdout == "", f"{name}: exit status {r.returncode}, {r.stdout!r}")
            lines = r.stderr.strip().splitlines()
            expect(len(lines) == 1 and name in lines[0] and len(lines[0]) > len(path) + 12, f"{name}: {r.stderr!r}")
            # A broken one beside a good one: the good one is answered, and the status says that one failed.
            r = see(path, good)
            expect(r.returncode > 0 and r.stdout.count("%") == 5, f"{name} beside a good one: {r.stdout!r}")
        r = see(os.path.join(folder, "none.png"))
        expect(r.returncode > 0 and "cannot be read" in r.stderr, f"no file: {r.stderr!r}")
        for size in ("0", "3", "99999999", "-1"):
            r = see("--size", size, good)
            expect(r.returncode > 0 and r.stderr and not r.stdout, f"--size {size}: {r.returncode} {r.stderr!r}")
    r = subprocess.run([tool, "info", "--model", model, "--json"], capture_output=True, text=True, timeout=120)
    expect(r.returncode == 0 and json.loads(r.stdout)["classes"] == 33, f"info: {r.stderr!r}")
    r = subprocess.run([tool, "run", "--model", model, "--prompt", "x"], capture_output=True, text=True, timeout=120)
    expect(r.returncode > 0 and "lintel_image_open" in r.stderr, f"an image network as a text model: {r.stderr!r}")
    print(f"{len(names)} pictures, {len(BROKEN)} broken ones, {len(failures)} failures")
    return bool(failures)


if __name__ == "__main__":
    tool, model, pictures = sys.argv[1:]
    sys.exit(main())
