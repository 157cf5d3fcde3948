"""Calls become signal writes: schema, places, interlocks, and the three sinks."""
import contextlib
import json
import shutil
import socket
import subprocess
import threading
import time
import unittest

from daemon import MAP, TOKEN, TOOLS, Daemon

WINDOW = "Vehicle.Cabin.Door.Row1.PassengerSide.Window.Position"


class Vehicle(unittest.TestCase):
    def act(self, d, text):
        status, answer = d.chat(text, headers={"X-Lintel-Act": "1"})
        self.assertEqual(status, 200, answer)
        return answer["lintel"]["act"]

    def feed(self, d, path, value):
        return d.json("POST", "/v1/vehicle/signals", {"signals": [{"path": path, "value": value}]})

    def signals(self, d):
        return d.json("GET", "/v1/vehicle/signals")[1]["signals"]

    def test_datagrams(self):
        d = Daemon({"vehicle": {"sink": {"type": "datagram", "path": "car.sock"}}})
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as car, d:
            act = self.act(d, "open the passenger window halfway")
            self.assertEqual(act["outcome"], "failed")  # nobody is there yet
            self.assertEqual(self.signals(d)[WINDOW], 0)
            car.bind(str(d.directory / "car.sock"))
            car.settimeout(5)
            act = self.act(d, "open the passenger window halfway")
            self.assertEqual((act["outcome"], act["signals"]), ("done", [{"path": WINDOW, "value": 50}]))
            line = json.loads(car.recv(4096))
            self.assertEqual((line["path"], line["value"], line["application"]), (WINDOW, 50, "assistant"))
            self.assertEqual(self.signals(d)[WINDOW], 50)
            act = self.act(d, "it's too cold back here")
            self.assertEqual([json.loads(car.recv(4096))["value"] for _ in act["signals"]], [22.5, 22.5])

    def test_standard_output(self):
        with Daemon({"vehicle": {"sink": {"type": "stdout"}}}) as d:
            self.act(d, "open the passenger window halfway")
            self.assertEqual(json.loads((d.directory / "out").read_text())["path"], WINDOW)

    def test_interlock(self):
        with Daemon() as d:
            act = self.act(d, "open the trunk")
            self.assertEqual(act["outcome"], "refused", "while the speed is not known, the car is taken to move")
            for speed, outcome in ((0, "done"), (3, "done"), (3.5, "refused"), (120, "refused"), (0, "done")):
                self.assertEqual(self.feed(d, "Vehicle.Speed", speed)[0], 200)
                self.assertEqual(self.act(d, "open the trunk")["outcome"], outcome, speed)
            self.feed(d, "Vehicle.Speed", 120)
            self.assertEqual(self.act(d, "close the trunk")["outcome"], "done")
            self.assertGreater(d.metric('linteld_calls_total{function="trunk_set_open",outcome="refused"}'), 2)

    def test_declined_and_invalid(self):
        with Daemon() as d:
            self.assertEqual(self.act(d, "call my brother")["outcome"], "declined")
            status, answer = d.chat("open the window", headers={"X-Lintel-Act": "1"}, stop=["arguments"])
            self.assertEqual(answer["lintel"]["act"]["outcome"], "invalid")
            status, answer = d.chat("open the window", headers={"X-Lintel-Act": "1"}, max_tokens=3)
            self.assertNotIn("lintel", answer)  # an answer that was cut acts on nothing
            self.assertTrue(all(v == 0 for k, v in self.signals(d).items() if "Window.Position" in k))

    def test_an_answer_that_acts_is_a_call(self):
        """Whatever is said, and however hot the sampling: the grammar of the tools holds the answer to the schema."""
        with Daemon() as d:
            self.feed(d, "Vehicle.Speed", 0)
            for seed in range(12):
                status, answer = d.chat("qwertz 17 the of and {", headers={"X-Lintel-Act": "1"}, temperature=2, seed=seed)
                self.assertEqual(status, 200)
                self.assertIn(answer["lintel"]["act"]["outcome"], ("done", "declined", "refused"), answer)
            one = [{"type": "function", "function": {"name": "light_set_dome"}}]
            choice = {"type": "function", "function": {"name": "light_set_dome"}}
            status, answer = d.chat("open the passenger window", tools=one, tool_choice=choice)
            call = answer["choices"][0]["message"]["tool_calls"][0]["function"]
            self.assertEqual(call["name"], "light_set_dome")
            self.assertEqual(set(json.loads(call["arguments"])), {"on"})

    def test_only_those_who_may(self):
        with Daemon({"applications": [{"name": "media", "token_file": "token"}]}) as d:
            status, answer = d.chat("open the window", headers={"X-Lintel-Act": "1"})
            self.assertEqual((status, answer["error"]["code"]), (403, "may_not_act"))
            self.assertEqual(self.feed(d, "Vehicle.Speed", 0)[0], 403)
            self.assertNotIn("lintel", d.chat("open the window")[1])

    def test_broken_signals(self):
        with Daemon() as d:
            before = self.signals(d)
            for path, value in (("Vehicle.Nothing", 1), ("Vehicle.Speed", "fast"), ("Vehicle.Speed", -5),
                                ("Vehicle.Speed", 1e6), ("Vehicle.Speed", None),
                                ("Vehicle.Cabin.Door.Row1.DriverSide.IsLocked", 1)):
                status, answer = self.feed(d, path, value)
                self.assertEqual((status, answer["error"]["type"]), (400, "invalid_request_error"), (path, value))
            good_and_bad = [{"path": "Vehicle.Speed", "value": 5}, {"path": "Vehicle.Nothing", "value": 5}]
            self.assertEqual(d.json("POST", "/v1/vehicle/signals", {"signals": good_and_bad})[0], 400)
            self.assertEqual(self.signals(d), before)

    def test_events(self):
        with Daemon() as d, d.connect() as connection:
            connection.sendall(f"GET /v1/vehicle/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
            text = b""
            while b"\n\n" not in text:
                text += connection.recv(65536)
            self.assertIn(b"event: state", text)
            self.act(d, "open the passenger window halfway")
            self.feed(d, "Vehicle.Speed", 7)
            connection.settimeout(5)
            while b"event: signals" not in text:
                text += connection.recv(65536)
            self.assertIn(b'event: call\ndata: {"outcome":"done","function":"window_set_position"', text)
            self.assertIn(b'{"signals":[{"path":"Vehicle.Speed","value":7}]}', text)

    def test_every_function_has_effects(self):
        """The map covers the tools, and each of its signals is in the state."""
        with open(TOOLS) as tools, open(MAP) as map_:
            names = {t["function"]["name"] for t in json.load(tools)}
            functions = json.load(map_)["functions"]
        self.assertEqual(names - set(functions), {"refuse"})


@unittest.skipUnless(shutil.which("mosquitto"), "needs the mosquitto broker")
class Broker(unittest.TestCase):
    def test_mqtt(self):
        """A real broker; what arrives is read by a subscriber of a few lines, so that no client is needed."""
        with contextlib.closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        d = Daemon({"vehicle": {"sink": {"type": "mqtt", "host": "127.0.0.1", "port": port, "topic": "car/"}}})
        (d.directory / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        broker = subprocess.Popen([shutil.which("mosquitto"), "-c", str(d.directory / "mosquitto.conf")],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                with contextlib.suppress(OSError):
                    subscriber = socket.create_connection(("127.0.0.1", port), timeout=10)
                    break
                time.sleep(0.05)
            with subscriber, d:
                name = b"reader"
                connect = b"\0\4MQTT\4\2\0\x3c" + len(name).to_bytes(2, "big") + name
                subscriber.sendall(b"\x10" + bytes([len(connect)]) + connect)
                self.assertEqual(subscriber.recv(4), b"\x20\2\0\0")
                subscribe = b"\0\1\0\5car/#\0"
                subscriber.sendall(b"\x82" + bytes([len(subscribe)]) + subscribe)
                self.assertEqual(subscriber.recv(5)[:1], b"\x90")
                self.assertTrue(d.wait_for(lambda: "MQTT broker" in d.log_text()))
                status, answer = d.chat("open the passenger window halfway", headers={"X-Lintel-Act": "1"})
                self.assertEqual(answer["lintel"]["act"]["outcome"], "done")
                got = subscriber.recv(4096)
                self.assertIn(b"car/" + WINDOW.replace(".", "/").encode() + b"50", got)
        finally:
            broker.terminate()
            broker.wait()


if __name__ == "__main__":
    unittest.main()
