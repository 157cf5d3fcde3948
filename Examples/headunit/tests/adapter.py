"""A LoRA adapter of random numbers for a GGUF model, for tests of loading and switching."""
import random
import struct

STRING, ARRAY, UINT32, FLOAT32 = 8, 9, 4, 6
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        value = struct.unpack_from("<" + form, self.data, self.at)[0]
        self.at += struct.calcsize("<" + form)
        return value

    def string(self):
        length = self.take("Q")
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            inner, count = self.take("I"), self.take("Q")
            for _ in range(count):
                self.value(inner)
            return None
        value = struct.unpack_from({4: "<I", 6: "<f"}.get(kind, f"<{SIZES[kind]}s"), self.data, self.at)[0]
        self.at += SIZES[kind]
        return value


def shapes(path):
    """(architecture, {tensor: [columns, rows]})"""
    reader = Reader(open(path, "rb").read())
    assert reader.take("I") == 0x46554747
    reader.take("I")
    tensors, keys = reader.take("Q"), reader.take("Q")
    values = {}
    for _ in range(keys):
        key = reader.string()
        values[key] = reader.value(reader.take("I"))
    out = {}
    for _ in range(tensors):
        name = reader.string()
        out[name] = [reader.take("Q") for _ in range(reader.take("I"))]
        reader.take("I"), reader.take("Q")
    return values["general.architecture"], out


def text(value):
    value = value.encode()
    return struct.pack("<Q", len(value)) + value


def write(path, model, seed=1, rank=4, scale=0.02, tensors=("blk.0.ffn_down.weight", "output.weight")):
    architecture, known = shapes(model)
    random.seed(seed)
    pairs = []
    for name in tensors:
        columns, rows = known[name]
        pairs += [(name + ".lora_a", [columns, rank]), (name + ".lora_b", [rank, rows])]
    keys = [("general.architecture", STRING, text(architecture)), ("general.type", STRING, text("adapter")),
            ("general.name", STRING, text(f"random {seed}")), ("adapter.type", STRING, text("lora")),
            ("adapter.lora.alpha", FLOAT32, struct.pack("<f", rank)),
            ("general.alignment", UINT32, struct.pack("<I", 32))]
    head = struct.pack("<IIQQ", 0x46554747, 3, len(pairs), len(keys))
    for key, kind, value in keys:
        head += text(key) + struct.pack("<I", kind) + value
    data = b""
    for name, shape in pairs:
        head += text(name) + struct.pack("<IQQIQ", 2, *shape, 0, len(data))
        data += struct.pack(f"<{shape[0] * shape[1]}f", *(random.gauss(0, scale) for _ in range(shape[0] * shape[1])))
        data += b"\0" * (-len(data) % 32)
    with open(path, "wb") as file:
        file.write(head + b"\0" * (-len(head) % 32) + data)
