#!/usr/bin/env python3
"""Many clients that behave badly for a long time: `soak.py --minutes 30 --clients 8`.

Clients stream and do not, cancel, disconnect, read slowly, hold conversations, use adapters; meanwhile adapters are
replaced and the configuration is read again. Every answer that finishes must equal the same request alone, private
memory must stay flat and under the plan, and the process must end with 0 (with sanitizers: without a leak)."""
import argparse
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import sys
import threading
import time

import adapter
from daemon import MODEL, ROOT, TOKEN, Daemon, raw_request

ADAPTERS = ("warm", "cold")


def cases(count):
    """Requests of all kinds: some hundred texts, greedy and not, of the base and its adapters."""
    lines = (ROOT / "Examples/Cabin/heldout.jsonl").read_text().splitlines()
    out = []
    for i in range(count):
        text = json.loads(lines[i * 7 % len(lines)])["text"]
        model = "cabin" + random.choice(["", "", ":warm", ":cold"])
        body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 80}
        kind = i % 4
        if kind == 0:
            body["temperature"] = 0
        elif kind == 1:
            body.update(temperature=1.1, top_p=0.9, seed=i)
        elif kind == 2:
            body.update(temperature=0, ignore_eos=True, max_tokens=random.randint(60, 200))
        else:
            body.update(temperature=0, stop=['", "', "arguments"])
        out.append(body)
    return out


class Soak:
    def __init__(self, d, options):
        self.d = d
        self.end = time.monotonic() + options.minutes * 60
        self.lock = threading.Lock()
        self.counts = {}
        self.first, self.between = [], []
        self.failures = []
        self.samples = []

    def count(self, name):
        with self.lock:
            self.counts[name] = self.counts.get(name, 0) + 1

    def check(self, body, content, expected, how):
        if content != expected:
            with self.lock:
                self.failures.append((how, body, content, expected))
        self.count(how)

    # -- what clients do

    def connect(self, buffer=None):
        connection = socket.socket(socket.AF_UNIX)
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.settimeout(120)
        connection.connect(str(self.d.directory / "linteld.sock"))
        return connection

    def whole(self, body, expected):
        status, answer = self.d.json("POST", "/v1/chat/completions", body)
        if status != 200:
            raise AssertionError(answer)
        self.check(body, answer["choices"][0]["message"]["content"], expected, "whole")

    def stream(self, body, expected, pace=0.0, how="streamed"):
        """Reads events; with a pace, a few bytes at a time."""
        times = [time.monotonic()]
        content, rest, ended = "", b"", False
        with contextlib.closing(self.connect(2048 if pace else None)) as connection:
            connection.sendall(raw_request({**body, "stream": True, "logprobs": bool(pace)},
                                           headers=["Connection: close"]))
            response = http.client.HTTPResponse(connection, method="POST")
            response.begin()
            while data := response.read1(256 if pace else 65536):
                if pace:
                    time.sleep(pace)
                rest += data
                *events, rest = rest.split(b"\n\n")
                for event in events:
                    ended = ended or event == b"data: [DONE]"
                    if event.startswith(b"data: {"):
                        chunk = json.loads(event[6:])
                        assert "error" not in chunk, chunk
                        part = chunk["choices"][0]["delta"].get("content") if chunk["choices"] else None
                        if part:
                            content += part
                            times.append(time.monotonic())
        assert ended, (body, content, rest)
        self.check(body, content, expected, how)
        if not pace and len(times) > 2:
            with self.lock:
                self.first.append(times[1] - times[0])
                self.between += [b - a for a, b in zip(times[1:], times[2:])]

    def cancel(self, body):
        with contextlib.closing(self.connect()) as connection:
            connection.sendall(raw_request({**body, "stream": True, "ignore_eos": True, "max_tokens": 300}))
            for _ in range(random.randint(0, 5)):
                connection.recv(300)
        self.count("cancelled")

    def disconnect(self, body):
        with contextlib.closing(self.connect()) as connection:
            data = raw_request(body)
            connection.sendall(data[:random.randint(1, len(data))])
        self.count("disconnected")

    def converse(self, text, follow, expected):
        name = f"soak-{random.randint(0, 40)}-{threading.get_ident()}-{time.monotonic_ns()}"
        header = {"X-Lintel-Conversation": name[:60].replace(".", "-")}
        self.d.say(text, headers=header, max_tokens=80)
        content = self.d.say(follow, headers=header, max_tokens=80)
        self.check(text, content, expected, "conversations")

    def client(self, table, dialogues, seed):
        pick = random.Random(seed)
        try:
            while time.monotonic() < self.end and not self.failures:
                body, expected = pick.choice(table)
                kind = pick.random()
                if kind < 0.30:
                    self.stream(body, expected)
                elif kind < 0.55:
                    self.whole(body, expected)
                elif kind < 0.68:
                    self.cancel(body)
                elif kind < 0.78:
                    self.disconnect(body)
                elif kind < 0.86:
                    self.stream(body, expected, pace=pick.random() * 0.01, how="read slowly")
                else:
                    self.converse(*pick.choice(dialogues))
        except Exception as error:  # what a client could not explain ends the soak
            with self.lock:
                self.failures.append(("client", repr(error)))

    # -- what the operator does

    def disturb(self):
        turn = 0
        while time.monotonic() < self.end and not self.failures:
            time.sleep(min(5.0, max(0.2, (self.end - time.monotonic()) / 4)))
            status = self.d.status()
            self.samples.append((time.monotonic(), status["memory"]["private_bytes"]))
            turn += 1
            if turn % 3 == 0:  # the same adapter as a new file
                name = random.choice(ADAPTERS)
                shutil.copy(self.d.directory / f"{name}.gguf", self.d.directory / "copy")
                os.replace(self.d.directory / "copy", self.d.directory / f"{name}.gguf")
                self.d.process.send_signal(signal.SIGHUP)
                self.count("adapters replaced")
            if turn % 7 == 0:  # a broken configuration, then a good one
                (self.d.directory / "linteld.json").write_text("{")
                self.d.process.send_signal(signal.SIGHUP)
                time.sleep(0.3)
                self.d.write()
                self.d.process.send_signal(signal.SIGHUP)
                self.count("configurations reloaded")


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] * 1000 if values else float("nan")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=160)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    random.seed(options.seed)
    sessions = {name: {"model": "cabin", "context_tokens": 512, "marks": 1} for name in "bcdefgh"}
    d = Daemon({"conversations": {"limit": 24}, "limits": {"send_buffer_bytes": 4096, "queue": 64}, "grace_seconds": 10,
                "applications": [{"name": "assistant", "token_file": "token", "users": [os.getuid()], "act": False,
                                  "deadline_seconds": 120}]},
               {"engine": {"threads": options.threads},
                "sessions": sessions,
                "models": {"cabin": {"path": MODEL, "adapters": {n: {"path": f"{n}.gguf"} for n in ADAPTERS}}}})
    for i, name in enumerate(ADAPTERS):
        adapter.write(d.directory / f"{name}.gguf", MODEL, seed=i + 1, scale=0.1)
    with d:
        table = []
        for body in cases(options.cases):
            status, answer = d.json("POST", "/v1/chat/completions", body)
            assert status == 200, answer
            table.append((body, answer["choices"][0]["message"]["content"]))
        dialogues = []
        for degrees in range(17, 28):
            first = f"set the temperature to {degrees} degrees"
            history = [{"role": "user", "content": first}]
            history += [{"role": "assistant", "content": d.say("", messages=history, max_tokens=80)},
                        {"role": "user", "content": "no, I meant 21"}]
            dialogues.append((first, "no, I meant 21", d.say("", messages=history, max_tokens=80)))
        soak = Soak(d, options)
        threads = [threading.Thread(target=soak.client, args=(table, dialogues, options.seed * 1000 + i))
                   for i in range(options.clients)]
        threads.append(threading.Thread(target=soak.disturb))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert d.wait_for(lambda: d.status()["active"] == 0, 20), d.status()
        limit = d.status()["memory"]["private_limit_bytes"]
        pauses = d.metric("linteld_pauses_total")
        loads = d.metric('linteld_adapter_loads_total{result="loaded"}')
        lost = d.metric('linteld_conversations_total{state="lost"}')
        tokens = d.status()["generated_tokens"]
    print(json.dumps(soak.counts, sort_keys=True))
    values = [value for _, value in soak.samples]
    third = max(1, len(values) // 3)
    early, late = max(values[:third]), max(values[-third:])
    print(f"{tokens} tokens, {pauses:.0f} pauses for slow readers, {loads:.0f} adapters loaded again, "
          f"{lost:.0f} conversations lost")
    print(f"private memory {early / 2**20:.2f} MiB at most in the first third, {late / 2**20:.2f} in the last; "
          f"limit {limit / 2**20:.2f}")
    print(f"time to first token p50 {percentile(soak.first, .5):.1f} ms, p99 {percentile(soak.first, .99):.1f}; "
          f"between tokens p50 {percentile(soak.between, .5):.2f} ms, p99 {percentile(soak.between, .99):.2f} "
          f"(both with {options.clients} clients, as they saw it)")
    for failure in soak.failures[:5]:
        print("FAILED:", failure)
    checked = "checked" in os.path.basename(os.environ.get("LINTELD", ""))
    if soak.failures or lost or (not checked and (late > early + 2**20 or max(values) > limit)):
        sys.exit("the soak failed")
    print("every finished answer equals the same request alone")


if __name__ == "__main__":
    main()
