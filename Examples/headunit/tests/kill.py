#!/usr/bin/env python3
"""SIGKILL while answers are written and while conversations are saved: `kill.py --times 50`.

Each time: the next process must serve within a second, and the conversation must go on from its last snapshot, so that
the answer to the whole history is the one of a process that was never killed."""
import argparse
import json
import random
import signal
import time

from daemon import Daemon, raw_request

TURNS = ["set the temperature to 22 degrees", "no, I meant 20", "open the window halfway", "one degree more"]


def long_request():
    return raw_request({"model": "cabin", "messages": [{"role": "user", "content": "hello"}], "stream": True,
                        "ignore_eos": True, "max_tokens": 450})


def turn(d, history, text, conversation):
    """(answer, where the state was, the cached tokens) of one more message of a history."""
    messages = history + [{"role": "user", "content": text}]
    headers = {"X-Lintel-Conversation": conversation} if conversation else {}
    status, got, content = d.request("POST", "/v1/chat/completions",
                                     {"model": "cabin", "messages": messages, "temperature": 0}, headers=headers)
    answer = json.loads(content)
    assert status == 200, answer
    text = answer["choices"][0]["message"]["content"]
    history[:] = messages + [{"role": "assistant", "content": text}]
    return text, got["X-Lintel-Conversation-State"], answer["usage"]["prompt_tokens_details"]["cached_tokens"]


def serve_after_start(d):
    """Seconds from the start of the process to its first answer."""
    begun = time.monotonic()
    d.start()
    status, _ = d.chat("hello", max_tokens=1)
    assert status == 200
    return time.monotonic() - begun


def is_saved(d, conversation, history):
    """Whether the conversation's record on disk knows all of the history."""
    try:
        record = json.loads((d.directory / f"conversations/assistant.{conversation}.json").read_text())
    except FileNotFoundError:
        return False
    return record["messages"] == len(history)


def kill_during_generation(d, history, conversation):
    """The conversation is on disk; another answer is being written."""
    turn(d, history, random.choice(TURNS), conversation)
    assert d.wait_for(lambda: is_saved(d, conversation, history))
    connection = d.connect()
    connection.sendall(long_request())
    connection.recv(1000)
    time.sleep(random.random() * 0.05)
    d.stop(signal.SIGKILL)
    connection.close()


def kill_during_snapshot(d, history, conversation):
    """The state is saved as soon as the answer is out: the kill comes at a random time of that."""
    turn(d, history, random.choice(TURNS), conversation)
    time.sleep(random.random() ** 2 * 0.03)
    d.stop(signal.SIGKILL)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random.seed(options.seed)
    times = []
    cached = 0
    d = Daemon({"conversations": {"save_seconds": 0}})
    serve_after_start(d)
    with Daemon() as other:  # never killed, keeps no conversations: what the answers must be
        history, conversation = [], None
        for i in range(options.times):
            if conversation is None or len(history) > 12:
                history, conversation = [], f"kill-{i}"
                turn(d, history, TURNS[0], conversation)
                assert d.wait_for(lambda: is_saved(d, conversation, history))
            kill = (kill_during_generation, kill_during_snapshot)[i % 2]
            kill(d, history, conversation)
            times.append(serve_after_start(d))
            text = random.choice(TURNS)
            copy = list(history)
            answer, state, tokens = turn(d, history, text, conversation)
            assert state == "restored", (i, kill.__name__, state, d.log_text()[-2000:])
            assert tokens > 10, (i, tokens)
            assert answer == turn(other, copy, text, None)[0], (i, kill.__name__, text)
            cached += tokens
    d.stop()
    assert "begins anew" not in d.log_text(), d.log_text()
    times.sort()
    print(f"killed {options.times} times: serving again after {times[len(times) // 2] * 1000:.0f} ms (median), "
          f"{times[-1] * 1000:.0f} ms (longest); every conversation went on from its snapshot "
          f"({cached / options.times:.0f} tokens on average)")
    assert times[-1] < 1, "a restart took longer than a second"
    d.temporary.cleanup()


if __name__ == "__main__":
    main()
