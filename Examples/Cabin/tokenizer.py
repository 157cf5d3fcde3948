#!/usr/bin/env python3
"""The Cabin tokenizer: a byte-level BPE with Kimi's splitting rule and Kimi's control tokens."""
import argparse
import random

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

import grammar

KIMI_REGEX = (r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
              r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
              r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CONTROL = ["[BOS]", "[EOS]", "<|im_end|>", "<|im_user|>", "<|im_assistant|>", "<|im_system|>", "<|im_middle|>", "[UNK]", "[PAD]"]
CHAT_TEMPLATE = ("{%- for message in messages -%}"
                 "{%- if message['role'] == 'user' -%}<|im_user|>user<|im_middle|>"
                 "{%- elif message['role'] == 'assistant' -%}<|im_assistant|>assistant<|im_middle|>"
                 "{%- else -%}<|im_system|>{{ message['role'] }}<|im_middle|>{%- endif -%}"
                 "{{ message['content'] }}<|im_end|>{%- endfor -%}"
                 "{%- if add_generation_prompt -%}<|im_assistant|>assistant<|im_middle|>{%- endif -%}")
VOCABULARY = 1280


def prompt(text):
    """One question, as the chat template writes it."""
    return f"<|im_user|>user<|im_middle|>{text}<|im_end|><|im_assistant|>assistant<|im_middle|>"


def build(samples=60000, seed=grammar.SEED):
    """Train on the text of the training split, each as it stands in the prompt."""
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(KIMI_REGEX), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY - len(CONTROL), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    rng = random.Random(seed)

    def corpus():
        yield from ["user", "assistant"] * 1000
        for n in range(1000):
            yield from [str(n)] * (40 if n <= 100 else 0)
        for _ in range(samples):
            text, call = grammar.sample(rng)
            yield text
            if rng.random() < 0.3:
                yield grammar.text_of(call)

    tok.train_from_iterator(corpus(), trainer)
    tok.add_special_tokens(CONTROL)
    return tok


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--out", default="tokenizer.json")
    a = p.parse_args()
    tok = build()
    tok.save(a.out)
    rng = random.Random(1)
    pairs = [grammar.sample(rng) for _ in range(2000)]
    print(tok.get_vocab_size(), "tokens; on average", sum(len(tok.encode(t).ids) for t, _ in pairs) / 2000, "per request,",
          sum(len(tok.encode(grammar.text_of(c)).ids) for _, c in pairs) / 2000, "per call")


if __name__ == "__main__":
    main()
