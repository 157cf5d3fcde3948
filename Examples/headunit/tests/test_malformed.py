"""Every malformed request gets an OpenAI-style error object or a clean close, and the next request is served."""
import json
import socket
import time
import unittest

from daemon import TOKEN, Daemon, raw_request, read_all

SAY = [{"role": "user", "content": "open the window"}]


def body(**changes):
    out = {"model": "cabin", "messages": SAY, "temperature": 0}
    out.update(changes)
    return {key: value for key, value in out.items() if value is not ...}


# name, body (an object or bytes), the expected statuses
BODIES = [
    ("no JSON", b"hello", 400),
    ("an empty body", b"", 400),
    ("half a JSON", b'{"model":"cabin","messages":[', 400),
    ("bytes after the JSON", b'{"model":"cabin"} x', 400),
    ("an array", b"[]", 400),
    ("a number", b"17", 400),
    ("a key twice", b'{"model":"cabin","model":"cabin","messages":[]}', 400),
    ("nested 2000 deep", b'{"model":' + b"[" * 2000 + b"]" * 2000 + b"}", 400),
    ("bad UTF-8", b'{"model":"cabin","messages":[{"role":"user","content":"\xff\xfe"}]}', 400),
    ("an overlong NUL in UTF-8", b'{"model":"cabin","messages":[{"role":"user","content":"\xc0\x80"}]}', 400),
    ("a surrogate alone", b'{"model":"cabin","messages":[{"role":"user","content":"\\ud800"}]}', 400),
    ("an escaped NUL", b'{"model":"cabin","messages":[{"role":"user","content":"a\\u0000b"}]}', 400),
    ("a raw NUL", b'{"model":"cabin",\x00"messages":[]}', 400),
    ("a raw newline in a string", b'{"model":"ca\nbin","messages":[]}', 400),
    ("a number beyond doubles", b'{"model":"cabin","messages":[],"temperature":1e999}', 400),
    ("no model", body(model=...), 400),
    ("a model that is a number", body(model=3), 400),
    ("an unknown model", body(model="gpt-4o"), 404),
    ("an unknown adapter", body(model="cabin:nothing"), 404),
    ("no messages", body(messages=...), 400),
    ("empty messages", body(messages=[]), 400),
    ("messages that are a string", body(messages="hello"), 400),
    ("a message that is a string", body(messages=["hello"]), 400),
    ("a message without a role", body(messages=[{"content": "x"}]), 400),
    ("an unknown role", body(messages=[{"role": "wizard", "content": "x"}]), 400),
    ("a message without content", body(messages=[{"role": "user"}]), 400),
    ("content that is a number", body(messages=[{"role": "user", "content": 5}]), 400),
    ("an image", body(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]), 400),
    ("an unknown key in a message", body(messages=[{"role": "user", "content": "x", "mood": "good"}]), 400),
    ("an assistant's message last", body(messages=SAY + [{"role": "assistant", "content": "x"}]), 400),
    ("300 messages", body(messages=SAY * 300), 400),
    ("a prompt beyond the context", body(messages=[{"role": "user", "content": "open the window " * 1000}]), 400),
    ("a negative temperature", body(temperature=-1), 400),
    ("a temperature that is a string", body(temperature="hot"), 400),
    ("a top_p of 2", body(top_p=2), 400),
    ("negative max_tokens", body(max_tokens=-5), 400),
    ("max_tokens of 1.5", body(max_tokens=1.5), 400),
    ("max_tokens beyond the limit", body(max_tokens=10**9), 400),
    ("n of 3", body(n=3), 400),
    ("a stop that is a number", body(stop=7), 400),
    ("five stops", body(stop=["a", "b", "c", "d", "e"]), 400),
    ("an empty stop", body(stop=""), 400),
    ("a stop of 200 bytes", body(stop="x" * 200), 400),
    ("a seed that is a string", body(seed="now"), 400),
    ("a stream that is a string", body(stream="yes"), 400),
    ("stream_options without a stream", body(stream_options={"include_usage": True}), 400),
    ("top_logprobs", body(logprobs=True, top_logprobs=5), 400),
    ("tools that are an object", body(tools={}), 400),
    ("a tool that nobody knows", body(tools=[{"type": "function", "function": {"name": "launch"}}]), 400),
    ("tool_choice without tools", body(tool_choice="required"), 400),
    ("a response_format", body(response_format={"type": "json_object"}), 400),
    ("an unknown parameter", body(wheels=4), 400),
    ("300 unknown parameters", body(**{f"p{i}": i for i in range(300)}), 400),
]
# name, header lines, expected status
HEADERS = [
    ("a conversation with a slash", ["X-Lintel-Conversation: ../../etc/passwd"], 400),
    ("a conversation of 100 letters", ["X-Lintel-Conversation: " + "x" * 100], 400),
    ("a deadline of minus one", ["X-Lintel-Deadline-Ms: -1"], 400),
    ("a deadline in words", ["X-Lintel-Deadline-Ms: soon"], 400),
    ("to act twice", ["X-Lintel-Act: 2"], 400),
]
# name, bytes, expected status; None: closed, or whatever libmicrohttpd says
RAW = [
    ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00", None),
    ("a wrong method", b"BREW /v1/chat/completions HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    ("a method that is not allowed", b"DELETE /v1/models HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    ("an unknown address", b"GET /v2/nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    ("a way out of the page", b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    ("no token", b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n", 401),
    ("a wrong token", b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer guess\r\n\r\n", 401),
    ("another scheme", b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Basic eDp5\r\n\r\n", 401),
    ("a huge body announced", b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
     TOKEN.encode() + b"\r\nContent-Length: 999999999\r\n\r\n", 413),
    ("a length that is negative", b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
     TOKEN.encode() + b"\r\nContent-Length: -5\r\n\r\n", None),
    ("a huge header", b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100000 + b"\r\n\r\n", None),
    ("a huge body in chunks", b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
     TOKEN.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + b"8000\r\n" + b" " * 0x8000 + b"\r\n" +
     b"8000\r\n" + b" " * 0x8000 + b"\r\n8000\r\n" + b" " * 0x8000 + b"\r\n0\r\n\r\n", None),
]


class Malformed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Daemon({"limits": {"request_seconds": 1}}).__enter__()
        cls.right = cls.d.say("open the window")

    @classmethod
    def tearDownClass(cls):
        cls.d.__exit__()

    def still_serves(self):
        self.assertEqual(self.d.say("open the window"), self.right)

    def check_error(self, status, content, expected):
        self.assertEqual(status, expected, content)
        error = json.loads(content)["error"]
        self.assertEqual(set(error), {"message", "type", "param", "code"})
        self.assertTrue(error["message"] and error["type"] and error["code"])

    def test_bodies(self):
        for name, content, expected in BODIES:
            with self.subTest(name):
                status, _, answer = self.d.request("POST", "/v1/chat/completions", content)
                self.check_error(status, answer, expected)
                self.still_serves()

    def test_headers(self):
        for name, lines, expected in HEADERS:
            with self.subTest(name):
                with self.d.connect() as connection:
                    connection.sendall(raw_request(body(), headers=lines + ["Connection: close"]))
                    head, _, answer = read_all(connection).partition(b"\r\n\r\n")
                self.check_error(int(head.split()[1]), answer, expected)
                self.still_serves()

    def test_raw(self):
        for name, content, expected in RAW:
            with self.subTest(name):
                with self.d.connect() as connection:
                    connection.settimeout(5)
                    try:
                        connection.sendall(content)
                        connection.shutdown(socket.SHUT_WR) if expected is None else None
                    except OSError:
                        pass
                    connection.settimeout(3)
                    answer = connection.recv(65536) if expected else read_all(connection)
                if expected:
                    head, _, content = answer.partition(b"\r\n\r\n")
                    self.check_error(int(head.split()[1]), content, expected)
                else:
                    self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:100])
                self.still_serves()

    def test_disconnects(self):
        for when in (0, 0.001, 0.005, 0.02):
            with self.subTest(f"after {when} s"):
                before = self.d.metric('linteld_cancellations_total{reason="gone"}')
                connection = self.d.connect()
                connection.sendall(raw_request(body(ignore_eos=True, max_tokens=400)))
                time.sleep(when)
                connection.close()
                self.assertTrue(self.d.wait_for(lambda: self.d.status()["active"] == 0))
                self.assertTrue(self.d.wait_for(
                    lambda: self.d.metric('linteld_cancellations_total{reason="gone"}') == before + 1))
                self.still_serves()
        with self.subTest("in the middle of the body"):
            connection = self.d.connect()
            connection.sendall(raw_request(body())[:-20])
            connection.close()
            self.still_serves()

    def test_slowloris(self):
        """A byte now and then does not keep a request open: it has a second to come, whole."""
        for part in (raw_request(body())[:60], raw_request(body())[:-10]):
            connection = self.d.connect()
            begun = time.monotonic()
            connection.settimeout(0.2)
            answer = None
            connection.sendall(part)
            while time.monotonic() - begun < 5 and answer is None:
                try:
                    connection.sendall(b"x" if b"\r\n\r\n" in part else b"y")
                    answer = connection.recv(100)
                except TimeoutError:
                    pass
                except OSError:
                    answer = b""
            self.assertIsNotNone(answer)
            self.assertLess(time.monotonic() - begun, 3)
            self.still_serves()


if __name__ == "__main__":
    unittest.main()
