"""Lintel beside llama.cpp on the same files, in alternating processes: the tables of the README here.

    compare.py --models FOLDER --work FOLDER [SECTION...] [--runs N] [--output results.json]

Sections: table lengths rows depth adapters together kernels. Each is measured now and replaces what the
output file holds of it; the report is made from the whole file. `run` beside this file sets up all that
it needs.
"""

import argparse
import contextlib
import datetime
import json
import mmap
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENGINES = ["lintel", "llama.cpp"]

# Least ratios that hold: decode, prefill, then at most: private memory, time to ready.
BARS = {
    "qwen35-0.8b-q4_k_m": (1.5, 2.0, 0.25, 0.25),
    "kimi-linear-edge-q4_k_m": (1.5, 2.0, 0.25, 0.25),
    "kimi-linear-mini-q4_0": (1.5, 1.7, 0.5, 0.25),
}
LENGTHS = [1, 2, 3, 7, 16, 33, 64, 100, 512, 1000]
DEPTHS = [16, 4096, 32768, 131072]


class Bench:
    def __init__(self, options):
        self.models = Path(options.models)
        self.work = Path(options.work)
        self.runs = options.runs
        self.options = options
        self.worst = 0.0

    def model(self, name):
        return str(self.models / f"{name}.gguf")

    def command(self, engine, model, threads, context, *words):
        driver = {"lintel": "lintel_driver", "llama.cpp": "llama_driver"}[engine]
        return [str(self.work / driver), self.model(model), str(threads), str(context), *words]

    def once(self, engine, model, threads, context, *words):
        """One process: {work: its record}, "ready" among them. Repeated while others use the machine."""
        for _ in range(max(1, self.options.patience)):
            busy, start = busy_seconds(), time.monotonic()
            own = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = subprocess.run(
                self.command(engine, model, threads, context, *words), capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{engine} on {model}: {done.stderr.strip()}")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - own.ru_utime - own.ru_stime
            elapsed = time.monotonic() - start
            self.disturbance = (busy_seconds() - busy - used) / elapsed
            if self.is_quiet(elapsed):
                break
        self.worst = max(self.worst, self.disturbance)
        return {r["work"]: r for r in map(json.loads, done.stdout.splitlines())}

    def is_quiet(self, elapsed):
        # The kernel counts in hundredths of a second.
        return self.disturbance < 0.08 + 0.05 / elapsed

    def await_quiet(self):
        """Until others leave the machine alone; for a quarter of a minute per --patience at most."""
        for _ in range(30 * self.options.patience):
            busy = busy_seconds()
            time.sleep(0.5)
            if busy_seconds() - busy < 0.05:
                break

    def bandwidth(self):
        """GB/s that one thread and two read in sequence from memory, now."""
        return json.loads(output_of(str(self.work / "bandwidth")))["gb_per_s"]

    def alternate(self, model, threads, context, *words, runs=None, engines=ENGINES):
        """Medians over processes of all engines in turn: {engine: {work: {"rate", "seconds", ..}}}."""
        runs = runs or self.runs
        records = {e: [] for e in engines}
        self.large_pages = read_anew(self.model(model))
        for run in range(runs):
            for e in engines if run % 2 == 0 else engines[::-1]:
                records[e].append(self.once(e, model, threads, context, *words))
        return {e: summary(records[e]) for e in engines}


def read_anew(path):
    """Drops a file from the page cache and reads it, as the first program after a restart that asks for
    large pages. Answers the share of it that lies in pages of 2 MiB then."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages:
            # A kernel without large pages refuses.
            with contextlib.suppress(AttributeError, OSError):
                pages.madvise(mmap.MADV_HUGEPAGE)
            for at in range(0, len(pages), mmap.PAGESIZE):
                pages[at]
            with open("/proc/self/smaps") as maps:
                own = maps.read().partition(os.path.realpath(path))[2]
            large = re.search(r"FilePmdMapped:\s+(\d+) kB", own)
            return int(large[1]) * 1024 / len(pages) if large else 0.0


def busy_seconds():
    """Of all processors, whoever used them."""
    with open("/proc/stat") as f:
        ticks = [int(n) for n in f.readline().split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


class Running:
    """A driver that takes its work from here, word by word, and keeps its conversation meanwhile."""

    def __init__(self, engine, command):
        self.engine = engine
        self.position = 0
        self.process = subprocess.Popen(
            [*command, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.record()

    def record(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.engine} ended early")
        return json.loads(line)

    def do(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.record()

    def processor_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def decode(self, b, count):
        """Seconds for `count` tokens at the present position; repeated while others use the machine."""
        for _ in range(max(1, b.options.patience)):
            b.await_quiet()
            busy, own, start = busy_seconds(), self.processor_seconds(), time.monotonic()
            r = self.do(f"depth:{self.position}:{count}")
            elapsed = time.monotonic() - start
            b.disturbance = (busy_seconds() - busy - self.processor_seconds() + own) / elapsed
            # What one engine has kept back is read, and a token of text, before the next reading.
            self.position += count + 2
            if b.is_quiet(elapsed):
                break
        b.worst = max(b.worst, b.disturbance)
        return r["seconds"]

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def summary(records):
    works = [w for r in records for w in r.values()]
    out = {"memory_kb": max(w["private_kb"] for w in works if "private_kb" in w)}
    for work in records[0]:
        seconds = [r[work]["seconds"] for r in records]
        entry = dict(records[0][work], seconds=statistics.median(seconds), all_seconds=seconds)
        if "tokens" in entry:
            entry["rate"] = entry["tokens"] / entry["seconds"]
        out[work] = entry
    return out


def table(b):
    rows = [r for r in b.results.get("table", []) if b.options.only not in (None, r["model"])]
    for model in BARS:
        if b.options.only not in (None, model):
            continue
        for threads in b.options.threads or (2, 1):
            before = b.bandwidth()
            r = b.alternate(model, threads, 2048, "decode:16:64", "prefill:512")
            reads = [(x + y) / 2 for x, y in zip(before, b.bandwidth())]
            rows.append({
                "model": model, "threads": threads, "gb_per_s": reads[min(threads, 2) - 1],
                "large_pages": b.large_pages, **r})
            say(table_text([rows[-1]], heading=False))
    return rows


def ratios(row):
    ours, theirs = row["lintel"], row["llama.cpp"]
    return (
        ours["decode:16:64"]["rate"] / theirs["decode:16:64"]["rate"],
        ours["prefill:512"]["rate"] / theirs["prefill:512"]["rate"],
        ours["memory_kb"] / theirs["memory_kb"],
        ours["ready"]["seconds"] / theirs["ready"]["seconds"],
    )


def table_text(rows, heading=True):
    lines = []
    if heading:
        lines += [
            "| model | threads | memory reads GB/s | in 2 MiB pages | decode tok/s | prefill tok/s "
            "| private MB | ready ms |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        cells = []
        bars = BARS[row["model"]]
        for k, ratio in enumerate(ratios(row)):
            ours, theirs = (
                (row[e]["decode:16:64"]["rate"], row[e]["prefill:512"]["rate"],
                 row[e]["memory_kb"] * 1024 / 1e6, row[e]["ready"]["seconds"] * 1e3)[k]
                for e in ENGINES)
            fails = ratio < bars[k] if k < 2 else ratio > bars[k]
            mark = " **misses %g**" % bars[k] if fails else ""
            cells.append(f"{ours:.4g} / {theirs:.4g} = {ratio:.3g}x{mark}")
        # Older files do not have it.
        reads = f"{row['gb_per_s']:.1f}" if "gb_per_s" in row else "-"
        large = f"{100 * row['large_pages']:.0f} %" if "large_pages" in row else "-"
        lines.append(f"| {row['model']} | {row['threads']} | {reads} | {large} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def lengths(b):
    words = [f"prefill:{n}" for n in LENGTHS]
    rows = []
    for model in BARS:
        r = b.alternate(model, 2, 2048, "prefill:16", *words)
        rates = {e: {n: r[e][f"prefill:{n}"]["rate"] for n in LENGTHS} for e in r}
        rows.append({"model": model, **rates})
    return rows


def lengths_text(rows):
    lines = ["| tokens/s of a prompt of | " + " | ".join(map(str, LENGTHS)) + " |",
             "| --- |" + " --- |" * len(LENGTHS)]
    for row in rows:
        for e in ENGINES:
            rates = {int(n): v for n, v in row[e].items()}
            cells = " | ".join(f"{rates[n]:.4g}" for n in LENGTHS)
            lines.append(f"| {row['model']}, {e} | {cells} |")
    return "\n".join(lines)


def rows(b):
    counts = [1, 2, 3, 4, 5, 6, 8, 16]
    words = [f"rows:{n}:24" for n in counts]
    out = []
    for model in BARS:
        for threads in (2, 1):
            r = b.alternate(model, threads, 2048, "rows:1:8", *words)
            passes = {e: {n: r[e][f"rows:{n}:24"]["seconds"] / 24 for n in counts} for e in r}
            out.append({
                "model": model, "threads": threads,
                **{e: {n: t / passes[e][1] for n, t in passes[e].items()} for e in passes}})
    return out


def rows_text(rows):
    counts = [1, 2, 3, 4, 5, 6, 8, 16]
    numbers = " | ".join(map(str, counts))
    lines = [f"| time of a pass over n rows / over 1, n = | threads | {numbers} |",
             "| --- | --- |" + " --- |" * len(counts)]
    for row in rows:
        for e in ENGINES:
            c = {int(n): v for n, v in row[e].items()}
            cells = " | ".join(f"{c[n]:.2f}" for n in counts)
            lines.append(f"| {row['model']}, {e} | {row['threads']} | {cells} |")
    return "\n".join(lines)


def together(b):
    model = "qwen35-0.8b-q4_k_m"
    out = []
    for threads in (2, 1):
        one = b.alternate(model, threads, 1024, "sessions=1", "together:32")
        for count in (2, 4, 8):
            many = b.alternate(model, threads, 1024, f"sessions={count}", "together:32")
            out.append({
                "model": model, "threads": threads, "sessions": count,
                **{e: {"alone": one[e]["together:32"]["rate"],
                       "together": many[e]["together:32"]["rate"]} for e in ENGINES}})
    return out


def together_text(rows):
    lines = ["| sessions | threads | engine | one alone tok/s | all together tok/s | gain |",
             "| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        for e in ENGINES:
            a, t = row[e]["alone"], row[e]["together"]
            lines.append(
                f"| {row['sessions']} | {row['threads']} | {e} | {a:.4g} | {t:.4g} | {t / a:.2f}x |")
    return "\n".join(lines)


def adapters(b):
    model = "qwen35-0.8b-q4_k_m"
    out = []
    for rank in (8, 16):
        file = b.work / f"{model}-lora{rank}.gguf"
        if not file.exists():
            maker = [sys.executable, str(HERE / "make_models.py")]
            subprocess.run(
                [*maker, "--adapter", b.model(model), str(rank), str(file)], check=True)
        for threads in (2, 1):
            works = ("decode:16:48", "prefill:512")
            ways = {"without": works, "with": (f"adapter={file}", *works)}
            records = {e: {way: [] for way in ways} for e in ENGINES}
            read_anew(b.model(model))
            for _ in range(b.runs):
                for e in ENGINES:
                    for way, words in ways.items():
                        records[e][way].append(b.once(e, model, threads, 1024, *words))
            row = {"model": model, "threads": threads, "rank": rank}
            for e in ENGINES:
                without, with_it = (summary(records[e][way]) for way in ways)
                row[e] = {w: with_it[w]["seconds"] / without[w]["seconds"] - 1 for w in works}
            out.append(row)
    return out


def adapters_text(rows):
    lines = ["| rank | threads | engine | added to a decoded token | added to a prompt of 512 |",
             "| --- | --- | --- | --- | --- |"]
    for row in rows:
        for e in ENGINES:
            d, p = row[e]["decode:16:48"], row[e]["prefill:512"]
            lines.append(
                f"| {row['rank']} | {row['threads']} | {e} | {100 * d:.1f} % | {100 * p:.1f} % |")
    return "\n".join(lines)


def kernels(b):
    """In-cache rates per core, read bandwidth, and what decode makes of them."""
    bench = str(ROOT / ".build/release/KernelBench")
    text = output_of(bench, "f32,q4_0,q8_0,q4_k,q6_k", "1024", "0.25", "1,4,64")
    rates = {}
    for line in text.splitlines():
        m = re.match(r"\s*(\w+)\s+(baseline|wide)" + 3 * r"\s+([\d.]+) \(([\d.]+)\)", line)
        if m:
            rates.setdefault(m[1], {})[m[2]] = {
                "gb_per_s": float(m[3]), "gmac_4": float(m[6]), "gmac_64": float(m[8])}
    decode = []
    for model in BARS:
        needed = weight_bytes(b.model(model))
        ideal = 0.0
        for kind, count in needed.items():
            level = rates[kind].get("wide") or rates[kind]["baseline"]
            ideal += count / (level["gb_per_s"] * 1e9)
        for threads in (2, 1):
            r = b.alternate(model, threads, 2048, "decode:16:64", engines=["lintel"])
            rate = r["lintel"]["decode:16:64"]["rate"]
            decode.append({
                "model": model, "threads": threads, "bytes_per_token": sum(needed.values()),
                "rate": rate, "ideal_rate": threads / ideal, "fraction": rate * ideal / threads})
    return {"rates": rates, "bandwidth": b.bandwidth(), "decode": decode}


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def weight_bytes(path):
    """Bytes of weights that one decoded token reads, by type."""
    import gguf

    reader = gguf.GGUFReader(path)
    names = {t.name for t in reader.tensors}
    architecture = reader.fields["general.architecture"].contents()

    def count(key):
        field = reader.fields.get(f"{architecture}.{key}")
        return field.contents() if field else 1

    share = count("expert_used_count") / count("expert_count")
    out = {}
    for t in reader.tensors:
        if len(t.shape) < 2 or "conv1d" in t.name or t.name.endswith("ssm_a"):
            continue
        if t.name == "token_embd.weight" and "output.weight" in names:
            continue
        part = share if "_exps." in t.name else 1
        kind = t.tensor_type.name.lower()
        out[kind] = out.get(kind, 0) + part * t.n_bytes
    return out


def kernels_text(k):
    lines = ["| in cache, one core | GB/s of weights, 1 row | GMAC/s, 4 rows | GMAC/s, 64 rows |",
             "| --- | --- | --- | --- |"]
    for kind, levels in k["rates"].items():
        for level, v in levels.items():
            lines.append(f"| {kind} {level} | {v['gb_per_s']} | {v['gmac_4']} | {v['gmac_64']} |")
    one, two = k["bandwidth"]
    lines += [
        "", f"Sequential reads: {one:.1f} GB/s with one thread, {two:.1f} with two.", "",
        "| decode | threads | MB of weights per token | tok/s | of what in-cache rates would give |",
        "| --- | --- | --- | --- | --- |"]
    for d in k["decode"]:
        lines.append(
            f"| {d['model']} | {d['threads']} | {d['bytes_per_token'] / 1e6:.1f} | "
            f"{d['rate']:.1f} | {100 * d['fraction']:.0f} % |")
    return "\n".join(lines)


def depth(b):
    """Text is fed up to --fed; what lies deeper is the state that is there, its cache repeated."""
    model, count = "kimi-linear-edge-q4_k_m", 32
    wanted = [d for d in DEPTHS if d <= b.options.deepest]
    context = max(wanted) + 4096
    out = {"model": model, "threads": 2, "context": context, "depths": wanted, "fed": b.options.fed}
    for e in ENGINES:
        fed, restored = (
            b.once(e, model, 2, 512, "fill:255", *words, f"depth:256:{count}")[f"depth:256:{count}"]["ids"]
            for words in ([], ["deepen:255"]))
        if fed != restored:
            sys.exit(f"{e}: a restored state goes on otherwise than the one that was saved")
    read_anew(b.model(model))
    running = [Running(e, b.command(e, model, 2, context)) for e in ENGINES]
    for d in wanted:
        for r in running:
            r.do(f"fill:{d - 1}" if d <= b.options.fed else f"deepen:{d - 1}")
            r.position = d
        seconds = {e: [] for e in ENGINES}
        for run in range(b.runs):
            for r in running if run % 2 == 0 else running[::-1]:
                seconds[r.engine].append(r.decode(b, count))
        for e in ENGINES:
            out.setdefault(e, {})[d] = count / statistics.median(seconds[e])
            out.setdefault("seconds", {}).setdefault(e, {})[d] = seconds[e]
            say(f"{d}, {e}: {', '.join(f'{count / s:.1f}' for s in seconds[e])} tok/s")
    for r in running:
        r.end()
    return out


def depth_text(d):
    lines = ["| position | lintel tok/s | llama.cpp tok/s | ratio |", "| --- | --- | --- | --- |"]
    for n in d["depths"]:
        a, c = (by_number(d[e])[n] for e in ENGINES)
        lines.append(f"| {n}{is_repeated(d, n) * '*'} | {a:.1f} | {c:.1f} | {a / c:.2f}x |")
    if is_repeated(d, max(d["depths"])):
        lines += ["", f"\\* the state at {d['fed']}, its cache repeated up to there"]
    return "\n".join(lines)


def is_repeated(d, position):
    return position > d.get("fed", position)


def by_number(d):
    return {int(k): v for k, v in d.items()}


def picture(d, path):
    """Time per token over position, as SVG."""
    width, height, left, bottom = 640, 360, 60, 50
    depths = d["depths"]
    times = {e: [1e3 / by_number(d[e])[n] for n in depths] for e in ENGINES}
    top = max(max(t) for t in times.values()) * 1.1

    def x(n):
        return left + (width - left - 20) * n / max(depths)

    def y(ms):
        return height - bottom - (height - bottom - 30) * ms / top

    def text(at_x, at_y, anchor, colour, words):
        out.append(
            f'<text x="{at_x:.0f}" y="{at_y:.0f}" text-anchor="{anchor}" fill="{colour}">{words}</text>')

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
           'font-family="sans-serif" font-size="13">',
           f'<rect width="{width}" height="{height}" fill="white"/>',
           f'<path d="M{left} 30V{height - bottom}H{width - 20}" fill="none" stroke="#444"/>']
    for n in depths:
        label = "0" if n < 100 else f"{n // 1024}k"
        text(x(n), height - bottom + 18, "middle", "#444", label)
    for k in range(5):
        ms = top * k / 4
        text(left - 6, y(ms) + 4, "end", "#444", f"{ms:.0f}")
        out.append(f'<path d="M{left} {y(ms):.1f}H{width - 20}" stroke="#ddd"/>')
    for e, colour in zip(ENGINES, ("#c2410c", "#475569")):
        points = " ".join(f"{x(n):.1f},{y(t):.1f}" for n, t in zip(depths, times[e]))
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        for n, t in zip(depths, times[e]):
            inside = "white" if is_repeated(d, n) else colour
            out.append(
                f'<circle cx="{x(n):.1f}" cy="{y(t):.1f}" r="3.5" fill="{inside}" stroke="{colour}"/>')
        text(width - 24, y(times[e][-1]) - 9, "end", colour, e)
    text(left, 18, "start", "#222", f"Milliseconds per decoded token, {d['model']}, 2 threads")
    axis = "position in the conversation"
    if is_repeated(d, max(depths)):
        axis += "; hollow: the cache repeated up to there"
    text((left + width - 20) / 2, height - 10, "middle", "#444", axis)
    out.append("</svg>")
    path.write_text("\n".join(out) + "\n")


SECTIONS = {
    "table": (table, table_text, "Bars"),
    "lengths": (lengths, lengths_text, "Prompt lengths, 2 threads"),
    "rows": (rows, rows_text, "Several rows in one pass"),
    "together": (together, together_text, "Sessions together"),
    "adapters": (adapters, adapters_text, "LoRA adapters on every linear map"),
    "kernels": (kernels, kernels_text, "Kernels and memory"),
    "depth": (depth, depth_text, "Decode at depth, 2 threads"),
}


def say(text):
    print(text, flush=True)


def machine(b):
    with open("/proc/cpuinfo") as f:
        info = f.read()
    name = re.search(r"model name\s*:\s*(.*)", info)
    family = re.search(r"cpu family\s*:\s*(\d+)", info)
    number = re.search(r"^model\s*:\s*(\d+)", info, re.M)
    wide = "AVX-512 VNNI" if "avx512_vnni" in info else "AVX2"
    mini = "kimi-linear-mini-q4_0"
    ready = {e: b.once(e, mini, 1, 64)["ready"] for e in ENGINES}
    huge = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    large = re.search(r"\[(.*)\]", huge.read_text()) if huge.exists() else None
    revision = output_of("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD").strip()
    python = output_of(sys.executable, "-m", "pip", "show", "llama-cpp-python")
    package = re.search(r"Version: (\S+)", python)
    return {
        "date": datetime.date.today().isoformat(),
        "processor": f"{name[1] if name else '?'} (family {family[1]}, model {number[1]}, {wide})",
        "kernel": f"Linux {os.uname().release}, large pages {large[1] if large else 'never'}",
        "lintel": f"{ready['lintel']['version']} at {revision}",
        "llama.cpp": f"{ready['llama.cpp']['version']}, of llama-cpp-python {package[1] if package else '?'}",
        "llama.cpp system": ready["llama.cpp"]["system"],
    }


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("sections", nargs="*")
    parser.add_argument("--models", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--output", default="results.json")
    parser.add_argument("--only", help="of the table: this model")
    parser.add_argument("--deepest", type=int, default=131072, help="of the depths: none beyond this")
    parser.add_argument("--fed", type=int, default=4096, help="depths up to this are fed with text")
    parser.add_argument("--threads", type=int, action="append", help="of the table: these alone")
    parser.add_argument("--patience", type=int, default=4, help="tries to run undisturbed")
    parser.add_argument("--report", action="store_true", help="only print the file")
    options = parser.parse_args()
    if unknown := [s for s in options.sections if s not in SECTIONS]:
        sys.exit(f"no section {unknown[0]}")
    b = Bench(options)
    output = Path(options.output)
    results = json.loads(output.read_text()) if output.exists() else {}
    b.results = results
    if not options.report:
        # Pages of a model just written would count as private ones of whoever maps them.
        os.sync()
        results["machine"] = machine(b)
        for name in options.sections or SECTIONS:
            b.worst = 0.0
            results[name] = SECTIONS[name][0](b)
            results.setdefault("others", {})[name] = round(b.worst, 2)
            output.write_text(json.dumps(results, indent=1) + "\n")
    for key, value in results.get("machine", {}).items():
        say(f"{key}: {value}")
    for name, (_, text, title) in SECTIONS.items():
        if name in results:
            say(f"\n## {title}\n\n{text(results[name])}")
            others = results.get("others", {}).get(name, 0)
            if others > 0.1:
                say(f"\nOther processes used up to {others} of a processor during a run.")
    if "depth" in results:
        picture(results["depth"], output.with_suffix(".svg"))


if __name__ == "__main__":
    main()
