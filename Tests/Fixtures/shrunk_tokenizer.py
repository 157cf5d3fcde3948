"""A real tokenizer, cut to a small vocabulary: its bytes, its first merges and its added tokens."""


def write(w, source, count, pre):
    """Write to `w` the tokenizer of the file that the GGUFReader `source` has open, cut to `count` tokens. The
    added tokens keep their order at the end."""
    field = {k.removeprefix("tokenizer.ggml."): f.contents() for k, f in source.fields.items() if k.startswith("tokenizer.")}
    tokens, kinds, merges = field["tokens"], field["token_type"], field["merges"]
    added = len(tokens) - 256 - len(merges)
    kept = count - 256 - added
    moved = len(tokens) - count
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(pre)
    w.add_token_list(tokens[: 256 + kept] + tokens[len(tokens) - added :])
    w.add_token_types(kinds[: 256 + kept] + kinds[len(tokens) - added :])
    w.add_token_merges(merges[:kept])
    if "bos_token_id" in field:
        w.add_bos_token_id(field["bos_token_id"] - moved)
    w.add_eos_token_id(field["eos_token_id"] - moved)
    w.add_pad_token_id(field["padding_token_id"] - moved)
