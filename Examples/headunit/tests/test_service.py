"""Queue, deadlines, access, back-pressure, conversations, signals, the service manager's protocols."""
import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

import adapter
from daemon import BINARY, MODEL, TOKEN, Daemon, raw_request, read_all

LONG = {"ignore_eos": True, "max_tokens": 1000}


def in_background(function, *arguments, **more):
    box = []
    thread = threading.Thread(target=lambda: box.append(function(*arguments, **more)))
    thread.start()
    return lambda: (thread.join(60), box[0])[1]


class Queue(unittest.TestCase):
    def test_full(self):
        with Daemon({"limits": {"queue": 1, "active": 1}}) as d:
            active = in_background(d.chat, "hello", **LONG)
            self.assertTrue(d.wait_for(lambda: d.status()["active"] == 1))
            waiting = in_background(d.chat, "hello", **LONG)
            self.assertTrue(d.wait_for(lambda: d.status()["waiting"] == 1))
            status, headers, answer = d.request("POST", "/v1/chat/completions",
                                                {"model": "cabin", "messages": [{"role": "user", "content": "x"}]})
            self.assertEqual((status, json.loads(answer)["error"]["code"]), (503, "queue_full"))
            self.assertEqual(headers["Retry-After"], "1")
            self.assertEqual(active()[0], 200)
            self.assertEqual(waiting()[0], 200)

    def test_deadlines(self):
        with Daemon({"limits": {"active": 1}}) as d:
            active = in_background(d.chat, "hello", **LONG)
            self.assertTrue(d.wait_for(lambda: d.status()["active"] == 1))
            status, answer = d.chat("hello", headers={"X-Lintel-Deadline-Ms": "60"})
            self.assertEqual((status, answer["error"]["code"]), (504, "queue_timeout"))
            self.assertEqual(active()[0], 200)
            status, answer = d.chat("hello", headers={"X-Lintel-Deadline-Ms": "20"}, **LONG)
            self.assertEqual((status, answer["error"]["code"]), (504, "deadline_exceeded"))

    def test_priorities(self):
        applications = [{"name": "low", "token_file": "token", "priority": 1},
                        {"name": "high", "token_file": "high", "priority": 6}]
        d = Daemon({"applications": applications, "limits": {"active": 1}})
        (d.directory / "high").write_text("another-token-for-tests")
        with d:
            order = []
            first = in_background(d.chat, "hello", **LONG)
            self.assertTrue(d.wait_for(lambda: d.status()["active"] == 1))
            low = in_background(lambda: (d.chat("hello"), order.append("low")))
            self.assertTrue(d.wait_for(lambda: d.status()["waiting"] == 1))
            high = in_background(lambda: (d.chat("hello", token="another-token-for-tests"), order.append("high")))
            first(), low(), high()
            self.assertEqual(order, ["high", "low"])

    def test_limits_of_an_application(self):
        with Daemon({"applications": [{"name": "assistant", "token_file": "token", "max_queued": 1, "max_active": 1,
                                       "requests_per_minute": 30, "deadline_seconds": 120}]}) as d:
            active = in_background(d.chat, "hello", **LONG)
            self.assertTrue(d.wait_for(lambda: d.status()["active"] == 1))
            waiting = in_background(d.chat, "hello", **LONG)
            self.assertTrue(d.wait_for(lambda: d.status()["waiting"] == 1))
            status, answer = d.chat("hello")
            self.assertEqual((status, answer["error"]["code"]), (429, "too_many_requests"))
            active(), waiting()
            codes = [d.chat("hello")[0] for _ in range(6)]
            self.assertIn(200, codes)
            self.assertIn(429, codes)

    def test_eight_together_are_as_alone(self):
        texts = ["open the window", "it's too cold back here", "turn on the wipers", "open the trunk",
                 "make the light purple", "massage please", "how far can I drive", "close the sunroof"]
        sessions = {name: {"model": "cabin", "context_tokens": 512, "marks": 1} for name in "efgh"}
        with Daemon(deployment={"sessions": sessions}) as d:
            alone = [d.say(text, temperature=0.8, seed=7) for text in texts]
            together = [in_background(d.say, text, temperature=0.8, seed=7) for text in texts]
            self.assertEqual([get() for get in together], alone)


class Readers(unittest.TestCase):
    def test_a_slow_reader_pauses_alone(self):
        """All of the answer waits for it, nothing is lost, and the others are served meanwhile."""
        parameters = {"stream": True, "logprobs": True, "temperature": 0, **LONG}
        body = {"model": "cabin", "messages": [{"role": "user", "content": "hello"}], **parameters}
        with Daemon({"limits": {"send_buffer_bytes": 4096}}) as d:
            whole = d.request("POST", "/v1/chat/completions", body)[2]
            connection = socket.socket(socket.AF_UNIX)
            with contextlib.closing(connection):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.connect(str(d.directory / "linteld.sock"))
                connection.sendall(raw_request(body, headers=["Connection: close"]))
                self.assertTrue(d.wait_for(lambda: d.status()["paused"] == 1))
                time.sleep(0.3)
                tokens = d.status()["generated_tokens"]
                self.assertEqual(d.chat("open the window")[0], 200)
                after = d.status()
                self.assertEqual(after["paused"], 1)
                self.assertLess(after["generated_tokens"] - tokens, 60)  # the other answer's alone
                slowly = b""
                while chunk := connection.recv(512):
                    slowly += chunk
            self.assertGreater(d.metric("linteld_pauses_total"), 0)
            pattern = rb'"content":"((?:[^"\\]|\\.)*)"'
            self.assertEqual(re.findall(pattern, dechunked(slowly)), re.findall(pattern, whole))

    def test_a_reader_that_reads_nothing_is_given_up(self):
        body = {"model": "cabin", "messages": [{"role": "user", "content": "hello"}], "stream": True,
                "logprobs": True, **LONG}
        with Daemon({"limits": {"send_buffer_bytes": 4096, "stall_seconds": 0.5}}) as d:
            connection = socket.socket(socket.AF_UNIX)
            with contextlib.closing(connection):
                connection.connect(str(d.directory / "linteld.sock"))
                connection.sendall(raw_request(body))
                self.assertTrue(d.wait_for(lambda: d.metric('linteld_cancellations_total{reason="stalled"}') == 1))
                self.assertTrue(d.wait_for(lambda: d.status()["active"] == 0))


def dechunked(answer):
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"chunked" in head.lower(), head
    out = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        count = int(size, 16)
        out, rest = out + rest[:count], rest[count + 2:]
    return out


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Access(unittest.TestCase):
    def ask(self, d):
        with contextlib.closing(UnixConnection(str(d.directory / "linteld.sock"))) as connection:
            connection.request("GET", "/v1/models")
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def test_peers(self):
        with Daemon() as d:
            self.assertEqual(self.ask(d)[0], 403)
            self.assertEqual((d.directory / "linteld.sock").stat().st_mode & 0o777, 0o660)
        for peers in ({"users": [os.getuid()]}, {"groups": [os.getgid()]}):
            with Daemon({"applications": [{"name": "own", **peers, "models": ["cabin"]}]}) as d:
                status, answer = self.ask(d)
                self.assertEqual((status, [m["id"] for m in answer["data"]]), (200, ["cabin"]))

    def test_models_of_an_application(self):
        with Daemon({"applications": [{"name": "own", "token_file": "token", "models": ["cabin:x"]}]}) as d:
            status, answer = d.chat("hello")
            self.assertEqual((status, answer["error"]["code"]), (403, "model_not_allowed"))
            status, answer = d.chat("hello", headers={"X-Lintel-Act": "1"}, model="cabin:x")
            self.assertIn(status, (403, 404))

    def test_broken_configurations(self):
        cases = [({"wheels": 4}, "unknown key 'wheels'"), ({"listen": {"tcp": {"address": "0.0.0.0"}}}, "127.0.0.1"),
                 ({"limits": {"queue": 0}}, "queue"), ({"applications": [{"name": "A B"}]}, "a-z"),
                 ({"applications": [{"name": "x", "token_file": "none"}]}, "none"),
                 ({"vehicle": {"sink": {"type": "carrier pigeon"}}}, "carrier pigeon"),
                 ({"deployment": "none.json"}, "none.json"),
                 ({"self_test": {"model": "none"}}, "none")]
        for changes, words in cases:
            with self.subTest(words):
                d = Daemon(changes)
                with self.assertRaisesRegex(AssertionError, re.escape(words)):
                    d.start()
                d.log.close()
                d.temporary.cleanup()


class Conversations(unittest.TestCase):
    def test_a_state_goes_on(self):
        with Daemon() as d:
            header = {"X-Lintel-Conversation": "trip-1"}
            first = d.say("set the temperature to 22 degrees", headers=header)
            second = d.say("no, I meant 20", headers=header)
            history = [{"role": "user", "content": "set the temperature to 22 degrees"},
                       {"role": "assistant", "content": first}, {"role": "user", "content": "no, I meant 20"}]
            self.assertEqual(d.say("", messages=history), second)
            self.assertIn("20", second)
            status, answer = d.chat("", messages=history + [{"role": "assistant", "content": second},
                                                            {"role": "user", "content": "and open the window"}],
                                    headers=header)
            self.assertEqual(status, 200)
            self.assertGreater(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 30)
            self.assertLess(answer["usage"]["prompt_tokens"] -
                            answer["usage"]["prompt_tokens_details"]["cached_tokens"], 20)

    def test_a_history_that_differs_begins_anew(self):
        with Daemon() as d:
            header = {"X-Lintel-Conversation": "x"}
            d.say("set the temperature to 22 degrees", headers=header)
            history = [{"role": "user", "content": "open the window"}, {"role": "assistant", "content": "no"},
                       {"role": "user", "content": "close it"}]
            status, answer = d.chat("", messages=history, headers=header)
            self.assertEqual(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 0)
            self.assertEqual(answer["choices"][0]["message"]["content"], d.say("", messages=history))

    def test_more_than_sessions_and_a_restart(self):
        with Daemon() as d:
            for i in range(7):
                d.say(f"set the temperature to {18 + i} degrees", headers={"X-Lintel-Conversation": f"c{i}"})
            self.assertLessEqual(d.status()["resident_conversations"], 4)
            answers = [d.say("one degree more", headers={"X-Lintel-Conversation": f"c{i}"}) for i in range(3)]
            self.assertTrue(d.metric('linteld_conversations_total{state="restored"}') >= 3)
            self.assertEqual(d.metric('linteld_conversations_total{state="lost"}'), 0)
            history = [{"role": "user", "content": "set the temperature to 18 degrees"}]
            history += [{"role": "assistant", "content": d.say("", messages=history)},
                        {"role": "user", "content": "one degree more"}]
            self.assertEqual(d.say("", messages=history), answers[0])
            d.stop()
            d.start()
            d.say("close the window", headers={"X-Lintel-Conversation": "c1"})
            self.assertEqual(d.metric('linteld_conversations_total{state="restored"}'), 1)

    def test_a_cancelled_turn_leaves_no_trace(self):
        with Daemon() as d:
            header = {"X-Lintel-Conversation": "x"}
            d.say("set the temperature to 22 degrees", headers=header)
            d.say("set the temperature to 22 degrees", headers={"X-Lintel-Conversation": "y"})
            status, _ = d.chat("hello", headers={**header, "X-Lintel-Deadline-Ms": "20"}, **LONG)
            self.assertEqual(status, 504)
            self.assertEqual(d.say("no, I meant 20", headers=header),
                             d.say("no, I meant 20", headers={"X-Lintel-Conversation": "y"}))

    def test_conversations_are_their_applications_own(self):
        applications = [{"name": "a", "token_file": "token"}, {"name": "b", "token_file": "other"}]
        d = Daemon({"applications": applications})
        (d.directory / "other").write_text("another-token-for-tests")
        with d:
            d.chat("set the temperature to 22 degrees", headers={"X-Lintel-Conversation": "x"})
            _, answer = d.chat("no, I meant 20", headers={"X-Lintel-Conversation": "x"},
                               token="another-token-for-tests")
            self.assertEqual(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 0)

    def test_a_pinned_prefix(self):
        """The fork answers as a session that read the same messages; the prefix is read once."""
        prefix = [{"session": "d", "model": "cabin", "system": "You are the car."}]
        messages = [{"role": "system", "content": "You are the car."}, {"role": "user", "content": "open the window"}]
        with Daemon() as d:
            plain = d.chat("", messages=messages)[1]
        with Daemon({"prefixes": prefix}) as d:
            forked = d.chat("", messages=messages)[1]
            self.assertEqual(forked["choices"], plain["choices"])
            self.assertGreater(forked["usage"]["prompt_tokens_details"]["cached_tokens"], 0)
            self.assertEqual(forked["usage"]["prompt_tokens"], plain["usage"]["prompt_tokens"])


class Signals(unittest.TestCase):
    def test_reload(self):
        with Daemon() as d:
            d.config["applications"][0]["act"] = False
            d.write()
            d.process.send_signal(signal.SIGHUP)
            self.assertTrue(d.wait_for(lambda: d.status()["last_reload"] == "used"))
            self.assertEqual(d.chat("hello", headers={"X-Lintel-Act": "1"})[0], 403)
            for broken, words in ((b"{", "broken"), (json.dumps({**d.config, "limits": {"queue": -1}}).encode(), "queue"),
                                  (json.dumps({**d.config, "vehicle": {"map": "none", "sink": {"type": "none"}}}).encode(), "none")):
                (d.directory / "linteld.json").write_bytes(broken)
                d.process.send_signal(signal.SIGHUP)
                self.assertTrue(d.wait_for(lambda: d.status()["last_reload"].startswith("refused")))
                self.assertIn(words, d.status()["last_reload"])
                self.assertEqual(d.chat("hello")[0], 200)
                d.write()
                d.process.send_signal(signal.SIGHUP)
                self.assertTrue(d.wait_for(lambda: d.status()["last_reload"] == "used"))

    def test_adapters_are_loaded_again(self):
        d = Daemon(deployment={"models": {"cabin": {"path": MODEL, "adapters": {"media": {"path": "media.gguf"}}}}})
        adapter.write(d.directory / "media.gguf", MODEL, seed=1, scale=0.3)
        with d:
            self.assertEqual([m["id"] for m in d.json("GET", "/v1/models")[1]["data"]], ["cabin", "cabin:media"])
            base, first = d.say("open the window"), d.say("open the window", model="cabin:media")
            self.assertNotEqual(base, first)
            streams = [in_background(d.say, "open the window", model="cabin:media") for _ in range(3)]
            adapter.write(d.directory / "new", MODEL, seed=2, scale=0.3)
            os.replace(d.directory / "new", d.directory / "media.gguf")
            d.process.send_signal(signal.SIGHUP)
            self.assertTrue(d.wait_for(lambda: d.metric('linteld_adapter_loads_total{result="loaded"}') == 1))
            second = d.say("open the window", model="cabin:media")
            self.assertNotEqual(first, second)
            self.assertTrue(all(get() in (first, second) for get in streams))
            (d.directory / "media.gguf").write_bytes(b"GGUF but broken")
            d.process.send_signal(signal.SIGHUP)
            self.assertTrue(d.wait_for(lambda: d.metric('linteld_adapter_loads_total{result="refused"}') == 1))
            self.assertEqual(d.say("open the window", model="cabin:media"), second)
            self.assertEqual(d.say("open the window"), base)

    def test_term_finishes_what_is_under_way(self):
        with Daemon({"grace_seconds": 10}) as d:
            answer = in_background(d.chat, "hello", **LONG)
            self.assertTrue(d.wait_for(lambda: d.status()["active"] == 1))
            self.assertEqual(d.stop(), 0)
            self.assertEqual(answer()[0], 200)

    def test_term_gives_up_after_its_grace(self):
        with Daemon({"grace_seconds": 0}) as d:
            answer = in_background(d.chat, "hello", **LONG)
            self.assertTrue(d.wait_for(lambda: d.status()["active"] == 1))
            begun = time.monotonic()
            self.assertEqual(d.stop(), 0)
            self.assertLess(time.monotonic() - begun, 3)
            status, content = answer()
            self.assertEqual((status, content["error"]["code"]), (503, "shutting_down"))


PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17


class Manager(unittest.TestCase):
    def listen(self, directory):
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        receiver.bind(str(directory / "notify"))
        receiver.settimeout(10)
        return receiver

    def test_notify_and_watchdog(self):
        d = Daemon()
        with contextlib.closing(self.listen(d.directory)) as receiver:
            d.environment = {"NOTIFY_SOCKET": str(d.directory / "notify"), "WATCHDOG_USEC": "800000"}
            with d:
                self.assertIn(b"READY=1", receiver.recv(1000))
                for _ in range(3):
                    self.assertIn(b"WATCHDOG=1", receiver.recv(1000))
                answer = in_background(d.chat, "hello", **LONG)
                self.assertIn(b"WATCHDOG=1", receiver.recv(1000))
                answer()
                self.stop_engine_thread(d, receiver)

    def stop_engine_thread(self, d, receiver):
        """With its engine's thread held, the process answers but feeds its watchdog no more."""
        libc = ctypes.CDLL(None, use_errno=True)
        tasks = pathlib.Path(f"/proc/{d.process.pid}/task")
        thread = next(int(t.name) for t in tasks.iterdir() if (t / "comm").read_text().strip() == "engine")
        if libc.ptrace(PTRACE_SEIZE, thread, 0, 0) != 0:
            self.skipTest("ptrace is not permitted here")
        try:
            libc.ptrace(PTRACE_INTERRUPT, thread, 0, 0)
            os.waitpid(thread, 0x40000000)
            receiver.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                for _ in range(3):
                    receiver.recv(1000)
            receiver.settimeout(1.5)
            with self.assertRaises(TimeoutError):
                receiver.recv(1000)
            self.assertEqual(d.request("GET", "/health", token=None)[0], 503)
        finally:
            libc.ptrace(PTRACE_DETACH, thread, 0, 0)
        receiver.settimeout(10)
        self.assertIn(b"WATCHDOG=1", receiver.recv(1000))
        self.assertEqual(d.request("GET", "/health", token=None)[0], 200)

    def test_passed_sockets(self):
        """As the service manager does it: both sockets are there before the process is."""
        launcher = [sys.executable, "-c", """
import os, socket, sys
unix = socket.socket(socket.AF_UNIX); unix.bind(sys.argv[1]); unix.listen()
tcp = socket.create_server(("127.0.0.1", 0))
open(sys.argv[2], "w").write(str(tcp.getsockname()[1]))
fds = [os.dup2(s.fileno(), t) for s, t in ((unix, 103), (tcp, 104))]
os.dup2(103, 3); os.dup2(104, 4)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2")
os.execv(sys.argv[3], sys.argv[3:])
"""]
        d = Daemon({"applications": [{"name": "assistant", "token_file": "token", "users": [os.getuid()]}]})
        d.launcher = launcher + [str(d.directory / "passed.sock"), str(d.directory / "port")]
        with d:
            d.port = int((d.directory / "port").read_text())
            self.assertEqual(d.chat("hello")[0], 200)
            with contextlib.closing(UnixConnection(str(d.directory / "passed.sock"))) as connection:
                connection.request("GET", "/v1/models")
                self.assertEqual(connection.getresponse().status, 200)

    def test_metrics(self):
        with Daemon() as d:
            d.chat("open the window", headers={"X-Lintel-Act": "1"})
            status, headers, content = d.request("GET", "/metrics")
            self.assertEqual((status, headers["Content-Type"].split(";")[0]), (200, "text/plain"))
            line = re.compile(r'^[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [-+0-9.e]+$')
            for entry in content.decode().splitlines():
                self.assertTrue(entry.startswith("# ") or line.match(entry), entry)
            self.assertEqual(d.metric("linteld_first_token_seconds_count"), 1)
            self.assertGreaterEqual(d.metric('linteld_requests_total{application="assistant",code="200"}'), 2)
            self.assertGreater(d.metric("linteld_generated_tokens_total"), 10)

    def test_plan(self):
        with Daemon() as d:
            run = lambda mode: subprocess.run([BINARY, "--config", str(d.directory / "linteld.json"), mode],
                                              capture_output=True, text=True, check=True).stdout
            unit = run("--print-unit")
            most = int(re.search(r"^MemoryMax=(\d+)$", unit, re.M)[1])
            memory = d.status()["memory"]
            self.assertEqual(most, memory["private_limit_bytes"] + memory["weights_bytes"])
            self.assertLess(memory["private_bytes"], memory["private_limit_bytes"])
            self.assertIn("MemoryMax", run("--plan"))
            self.assertIn("are fine", run("--check"))
            d.deployment["sessions"]["a"]["model"] = "none"
            d.write()
            broken = subprocess.run([BINARY, "--config", str(d.directory / "linteld.json"), "--check"],
                                    capture_output=True, text=True)
            self.assertEqual(broken.returncode, 1)
            self.assertIn("sessions.a.model", broken.stderr)


if __name__ == "__main__":
    unittest.main()
