#!/usr/bin/env python3
"""Pola-PVT-T with random weights: images a second of Lintel, PyTorch eager and ONNX Runtime, in one run.

    python bench.py AUTHORS LINTEL [--folder F] [--threads 2] [--rounds 3] [--repeats 8]

The three take turns; per round the median of the repeats counts, of the rounds the median is printed.
Lintel's time is that of all units of work, resizing and normalising included; the others get a
normalised tensor. Then Lintel's time against the input's size, and private memory.
"""
import argparse
import os
import statistics
import subprocess
import sys
import time

import numpy as np

import compare


def anonymous():
    """Private bytes of this process now."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon"))


def median_ms(run, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def memory_of(kind, o):
    """Peak private memory of one pass in a process of its own, above what its libraries take."""
    return int(subprocess.run(
        [sys.executable, os.path.abspath(__file__), o.authors, o.tool, "--folder", o.folder, "--threads",
         str(o.threads), "--memory", kind], check=True, capture_output=True, text=True).stdout.split()[-1])


def peak(run):
    import threading
    best, stop = [0], threading.Event()

    def watch():
        while not stop.wait(0.0005):
            best[0] = max(best[0], anonymous())

    thread = threading.Thread(target=watch)
    thread.start()
    run()
    best[0] = max(best[0], anonymous())
    stop.set()
    thread.join()
    return best[0]


def torch_pass(o):
    import torch
    import reference
    torch.set_num_threads(o.threads)
    model = reference.build(compare.models(o.authors)["Pola-PVT-T"], 7)
    x = reference.normalised(compare.picture(0)[None])

    def run():
        with torch.no_grad():
            return model(x)
    return model, x, run


def onnx_pass(o, name, x):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = o.threads
    session = onnxruntime.InferenceSession(name, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: x}
    return lambda: session.run(None, feed)[0]


def export(o, model, x):
    import torch
    name = os.path.join(o.folder, "pola-pvt-t.onnx")
    if not os.path.exists(name):
        torch.onnx.export(model, (x,), name, dynamo=True)
    return name


def ours(o, file, path, repeats, *options):
    return compare.see(o.tool, file, [path], "-t", str(o.threads), "--repeats", str(repeats), *options)[0]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("authors")
    p.add_argument("tool")
    p.add_argument("--folder", default="build/pola")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--repeats", type=int, default=8)
    p.add_argument("--prepare", action="store_true", help="make the files, and measure nothing")
    p.add_argument("--memory", choices=("torch", "onnx"), help=argparse.SUPPRESS)
    o = p.parse_args()
    os.makedirs(o.folder, exist_ok=True)
    if o.memory == "onnx":
        x = np.load(os.path.join(o.folder, "input.npy"))
        import onnxruntime  # noqa: F401
        before = anonymous()
        run = onnx_pass(o, os.path.join(o.folder, "pola-pvt-t.onnx"), x)
        print(peak(run) - before)
        return
    if o.memory == "torch":
        import torch  # noqa: F401
        before = anonymous()
        _, _, run = torch_pass(o)
        print(peak(run) - before)
        return
    sys.stdout.reconfigure(line_buffering=True)
    model, x, torch_run = torch_pass(o)
    np.save(os.path.join(o.folder, "input.npy"), x.numpy())
    onnx = export(o, model, x)
    _, files = compare.prepare(o.folder, "Pola-PVT-T", compare.models(o.authors)["Pola-PVT-T"])
    path = os.path.join(o.folder, "0.ppm")
    compare.save(path, compare.picture(0))
    onnx_run = onnx_pass(o, onnx, x.numpy())
    a, b = torch_run().numpy(), onnx_run()
    c = np.array(ours(o, files["f32"], path, 1)["logits"])
    print(f"logits: ONNX Runtime {np.abs(a - b).max():.1e}, Lintel {np.abs(a - c).max():.1e} from PyTorch's")
    if o.prepare:
        return
    times = {"PyTorch eager": [], "ONNX Runtime": [], "Lintel F32": [], "Lintel Q8_0": []}
    for _ in range(o.rounds):
        times["PyTorch eager"].append(median_ms(torch_run, o.repeats))
        times["ONNX Runtime"].append(median_ms(onnx_run, o.repeats))
        times["Lintel F32"].append(ours(o, files["f32"], path, o.repeats)["ms_median"])
        times["Lintel Q8_0"].append(ours(o, files["q8_0"], path, o.repeats)["ms_median"])
    base = statistics.median(times["PyTorch eager"])
    other = statistics.median(times["ONNX Runtime"])
    for name, list_ in times.items():
        ms = statistics.median(list_)
        print(f"{name:14} {ms:7.1f} ms {1e3 / ms:6.1f} images/s  {base / ms:5.2f}x PyTorch {other / ms:5.2f}x ONNX"
              f"  (rounds {', '.join(f'{t:.1f}' for t in list_)})")
    first = None
    for size in (224, 448, 896):
        r = ours(o, files["f32"], path, max(2, o.repeats * 224 * 224 // size // size), "--size", str(size))
        each = r["ms_median"] / (size / 224) ** 2
        first = first or each
        print(f"F32 at {size}: {r['ms_median']:.1f} ms, {each:.1f} ms per 3136 patches ({each / first:.2f}), "
              f"{r['private_bytes'] / 1e6:.1f} MB private")
    for kind in ("torch", "onnx"):
        print(f"peak private memory of {kind}, weights included, libraries not: {memory_of(kind, o) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
