"""The openai package against linteld, as applications use it."""
import json
import threading
import unittest

import openai
from daemon import TOKEN, TOOLS, Daemon

with open(TOOLS) as file:
    FUNCTIONS = json.load(file)
SAY = [{"role": "user", "content": "open the passenger window halfway"}]
CALL = {"zone": "passenger", "percent": 50}


class OpenAI(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Daemon().__enter__()
        cls.client = openai.OpenAI(base_url=f"http://127.0.0.1:{cls.d.port}/v1", api_key=TOKEN, max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.d.__exit__()

    def create(self, **parameters):
        return self.client.chat.completions.create(
            **{"model": "cabin", "messages": SAY, "temperature": 0, **parameters})

    def test_models(self):
        self.assertEqual([m.id for m in self.client.models.list()], ["cabin"])
        self.assertEqual(self.client.models.retrieve("cabin").id, "cabin")
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("gpt-4o")

    def test_answer(self):
        answer = self.create()
        call = json.loads(answer.choices[0].message.content)
        self.assertEqual((call["name"], call["arguments"]), ("window_set_position", CALL))
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)
        self.assertTrue(answer.id.startswith("chatcmpl-"))
        self.assertEqual((answer.object, answer.model), ("chat.completion", "cabin"))

    def test_stream(self):
        whole = self.create().choices[0].message.content
        chunks = list(self.create(stream=True, stream_options={"include_usage": True}))
        self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks if c.choices), whole)
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertEqual([c.choices[0].finish_reason for c in chunks if c.choices][-1], "stop")
        self.assertGreater(chunks[-1].usage.completion_tokens, 5)
        self.assertEqual(len({c.id for c in chunks}), 1)

    def test_parts_and_roles(self):
        parts = [{"role": "user", "content": [{"type": "text", "text": "open the passenger "},
                                              {"type": "text", "text": "window halfway"}]}]
        self.assertEqual(self.create(messages=parts).choices[0].message.content,
                         self.create().choices[0].message.content)

    def test_tools(self):
        answer = self.create(tools=FUNCTIONS)
        message = answer.choices[0].message
        self.assertEqual(answer.choices[0].finish_reason, "tool_calls")
        self.assertIsNone(message.content)
        self.assertEqual(message.tool_calls[0].type, "function")
        self.assertEqual(message.tool_calls[0].function.name, "window_set_position")
        self.assertEqual(json.loads(message.tool_calls[0].function.arguments), CALL)

    def test_tools_as_a_stream(self):
        name, arguments, identifier, reason = "", "", None, None
        for chunk in self.create(tools=FUNCTIONS, tool_choice="required", stream=True):
            choice = chunk.choices[0]
            reason = choice.finish_reason or reason
            for call in choice.delta.tool_calls or []:
                self.assertEqual(call.index, 0)
                identifier = identifier or call.id
                name += call.function.name or ""
                arguments += call.function.arguments or ""
        self.assertEqual((name, json.loads(arguments), reason), ("window_set_position", CALL, "tool_calls"))
        self.assertTrue(identifier.startswith("call_"))

    def test_tool_choice(self):
        answer = self.create(tools=FUNCTIONS, tool_choice="none")
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertIn("window_set_position", answer.choices[0].message.content)
        only = [f for f in FUNCTIONS if f["function"]["name"] in ("window_set_position", "refuse")]
        answer = self.create(tools=only, tool_choice={"type": "function", "function": {"name": "window_set_position"}})
        self.assertEqual(answer.choices[0].message.tool_calls[0].function.name, "window_set_position")

    def test_the_turn_after_a_call(self):
        """The message of a call and a tool's answer can be sent back."""
        first = self.create(messages=[{"role": "user", "content": "set the temperature to 22 degrees"}], tools=FUNCTIONS)
        messages = [{"role": "user", "content": "set the temperature to 22 degrees"},
                    first.choices[0].message.model_dump(exclude_none=True),
                    {"role": "tool", "tool_call_id": first.choices[0].message.tool_calls[0].id, "content": "done"},
                    {"role": "user", "content": "no, I meant 20"}]
        self.assertTrue(self.create(messages=messages, tools=FUNCTIONS).choices[0].message)

    def test_logprobs(self):
        answer = self.create(logprobs=True)
        entries = answer.choices[0].logprobs.content
        self.assertEqual(len(entries), answer.usage.completion_tokens)
        self.assertTrue(all(e.logprob <= 0 for e in entries))
        text = b"".join(bytes(e.bytes) for e in entries).decode()
        self.assertTrue(text.startswith(answer.choices[0].message.content))
        streamed = [e for c in self.create(logprobs=True, stream=True) if c.choices[0].logprobs
                    for e in c.choices[0].logprobs.content]
        self.assertEqual([(e.token, e.logprob) for e in streamed], [(e.token, e.logprob) for e in entries])

    def test_stop(self):
        whole = self.create().choices[0].message.content
        for stop in (["passenger"], "passenger", ["nothing", '"percent"']):
            answer = self.create(stop=stop)
            first = min((whole.find(s) for s in ([stop] if isinstance(stop, str) else stop) if s in whole))
            self.assertEqual(answer.choices[0].message.content, whole[:first])
            self.assertEqual(answer.choices[0].finish_reason, "stop")
            chunks = self.create(stop=stop, stream=True)
            self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks), whole[:first])

    def test_max_tokens(self):
        for name in ("max_tokens", "max_completion_tokens"):
            answer = self.create(**{name: 5})
            self.assertEqual((answer.choices[0].finish_reason, answer.usage.completion_tokens), ("length", 5))

    def test_seed_and_temperature(self):
        parameters = dict(temperature=2, seed=11, max_tokens=40,
                          messages=[{"role": "user", "content": "something quite different, perhaps"}])
        one, two = (self.create(**parameters).choices[0].message.content for _ in range(2))
        self.assertEqual(one, two)
        others = {self.create(**{**parameters, "seed": seed}).choices[0].message.content for seed in range(12)}
        self.assertGreater(len(others), 1)

    def test_errors(self):
        with self.assertRaises(openai.NotFoundError) as error:
            self.create(model="gpt-4o")
        self.assertEqual((error.exception.code, error.exception.param), ("model_not_found", "model"))
        with self.assertRaises(openai.BadRequestError) as error:
            self.create(temperature=9)
        self.assertEqual(error.exception.param, "temperature")
        with self.assertRaises(openai.BadRequestError) as error:
            self.create(messages=[{"role": "user", "content": "word " * 3000}])
        self.assertEqual(error.exception.code, "context_length_exceeded")
        with self.assertRaises(openai.AuthenticationError):
            self.client.with_options(api_key="wrong").models.list()
        with self.assertRaises(openai.BadRequestError) as error:
            self.create(extra_body={"wheels": 4})
        self.assertEqual(error.exception.code, "unknown_parameter")

    def test_an_error_in_a_stream(self):
        with self.assertRaises(openai.APIError) as error:
            for _ in self.create(stream=True, max_tokens=1000, extra_body={"ignore_eos": True},
                                 extra_headers={"X-Lintel-Deadline-Ms": "30"}):
                pass
        self.assertIn("deadline", str(error.exception))

    def test_leaving_a_stream(self):
        stream = self.create(stream=True, max_tokens=1000, extra_body={"ignore_eos": True})
        next(iter(stream))
        stream.close()
        self.assertTrue(self.d.wait_for(lambda: self.d.status()["active"] == 0))

    def test_many_at_once(self):
        right = self.create().choices[0].message.content
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.create().choices[0].message.content))
                   for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, [right] * 12)

    def test_conversation_and_acting(self):
        header = {"X-Lintel-Conversation": "openai", "X-Lintel-Act": "1"}
        answer = self.create(extra_headers=header)
        self.assertEqual(answer.lintel["act"]["outcome"], "done")
        again = self.client.chat.completions.with_raw_response.create(
            model="cabin", messages=[{"role": "user", "content": "close it"}], extra_headers=header)
        self.assertEqual(again.headers["X-Lintel-Conversation-State"], "resident")


if __name__ == "__main__":
    unittest.main()
