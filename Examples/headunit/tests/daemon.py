"""A linteld for one test: its configuration, its process, and plain HTTP to it. Only the standard library."""
import contextlib
import copy
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
BINARY = os.environ.get("LINTELD", str(ROOT / "build/headunit/linteld"))
MODEL = os.environ.get("LINTELD_MODEL", str(ROOT / "Examples/Cabin/cabin.gguf"))
TOOLS = str(ROOT / "Examples/Cabin/tools.json")
MAP = str(HERE.parent / "config/vehicle.json")
PAGE = str(HERE.parent / "page")
TOKEN = "a-token-for-tests-only"

DEPLOYMENT = {
    "engine": {"threads": 1},
    "models": {"cabin": {"path": MODEL, "grammar_bytes": "8 MiB"}},
    "sessions": {name: {"model": "cabin", "context_tokens": 1536, "marks": 1, **({"tools": TOOLS} if name == "a" else {})}
                 for name in "abcd"},
}
CONFIG = {
    "deployment": "deployment.json",
    "listen": {"tcp": {"port": 0}, "unix": {"path": "linteld.sock"}},
    "applications": [{"name": "assistant", "token_file": "token", "act": True, "signals": True, "priority": 5,
                      "deadline_seconds": 120}],
    "conversations": {"directory": "conversations", "limit": 8, "save_seconds": 0.05},
    "vehicle": {"map": MAP, "sink": {"type": "none"}},
    "page": PAGE,
    "self_test": {"model": "cabin", "prompt": "open the window"},
    "grace_seconds": 2,
}


def merged(base, changes):
    out = copy.deepcopy(base)
    for key, value in changes.items():
        out[key] = merged(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out


class Daemon:
    """`with Daemon(config_changes) as d:`; the files stay in d.directory until the block ends."""

    def __init__(self, config=None, deployment=None, environment=None, launcher=()):
        self.temporary = tempfile.TemporaryDirectory(prefix="linteld-")
        self.directory = pathlib.Path(self.temporary.name)
        self.config = merged(CONFIG, config or {})
        self.deployment = merged(DEPLOYMENT, deployment or {})
        self.environment = environment or {}
        self.launcher = list(launcher)
        self.process = None
        self.port = None
        self.ready_after = None
        (self.directory / "token").write_text(TOKEN + "\n")
        self.write()

    def write(self):
        (self.directory / "deployment.json").write_text(json.dumps(self.deployment))
        (self.directory / "linteld.json").write_text(json.dumps(self.config))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.temporary.cleanup()

    def start(self, wait=20):
        begun = time.monotonic()
        mode = "ab"
        self.log = open(self.directory / "log", mode)
        offset = self.log.tell()
        self.process = subprocess.Popen(
            self.launcher + [BINARY, "--config", str(self.directory / "linteld.json")],
            stdout=open(self.directory / "out", mode), stderr=self.log, env={**os.environ, **self.environment})
        while time.monotonic() - begun < wait:
            text = self.log_text()[offset:]
            if "listening on http://127.0.0.1:" in text:
                self.port = int(text.split("listening on http://127.0.0.1:")[1].split("/")[0])
            if "ready after" in text:
                self.ready_after = time.monotonic() - begun
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.002)
        raise AssertionError("linteld did not start:\n" + self.log_text()[-3000:])

    def stop(self, how=signal.SIGTERM, wait=30):
        """The exit status; sanitizers' complaints are one."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            status = self.process.wait(wait)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("linteld did not end:\n" + self.log_text()[-3000:])
        finally:
            self.log.close()
            self.process = None
        if how != signal.SIGKILL and status != 0:
            raise AssertionError(f"linteld ended with {status}:\n" + self.log_text()[-6000:])
        return status

    def log_text(self):
        return (self.directory / "log").read_text(errors="replace")

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def request(self, method, path, body=None, headers=None, token=TOKEN, timeout=60):
        """(status, headers, bytes)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = "Bearer " + token
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        with contextlib.closing(connection):
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def json(self, method, path, body=None, **more):
        status, _, content = self.request(method, path, body, **more)
        return status, json.loads(content)

    def chat(self, text, headers=None, token=TOKEN, messages=None, **parameters):
        """(status, answer)"""
        body = {"model": "cabin", "messages": messages or [{"role": "user", "content": text}], "temperature": 0,
                **parameters}
        return self.json("POST", "/v1/chat/completions", body, headers=headers, token=token)

    def say(self, text, **more):
        """The content of an answer."""
        status, answer = self.chat(text, **more)
        assert status == 200, answer
        return answer["choices"][0]["message"]["content"]

    def status(self):
        return self.json("GET", "/v1/status")[1]

    def metric(self, line):
        text = self.request("GET", "/metrics")[2].decode()
        for entry in text.splitlines():
            if entry.startswith(line + " "):
                return float(entry.rsplit(" ", 1)[1])
        return 0.0

    def wait_for(self, condition, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.02)
        return False


def raw_request(body, path="/v1/chat/completions", headers=()):
    """The bytes of a POST with a token."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {TOKEN}", f"Content-Length: {len(body)}",
            *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def read_all(connection):
    """What comes until the other side closes, or nothing more does."""
    out = b""
    with contextlib.suppress(OSError):
        while chunk := connection.recv(65536):
            out += chunk
    return out
