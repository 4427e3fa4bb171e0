"""A JSON encoder in pure Python: strings character by character, a recursive function with many returns."""

import json

WARM, SCALE = 2, 16
EXPECTED = True

ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def text(value):
    out = []
    for char in value:
        if char in ESCAPES:
            out.append(ESCAPES[char])
        elif char < " ":
            out.append(f"\\u{ord(char):04x}")
        else:
            out.append(char)
    return '"' + "".join(out) + '"'


def array(values):
    return "[" + ", ".join([encode(value) for value in values]) + "]"


def mapping(pairs):
    return "{" + ", ".join([f"{text(key)}: {encode(value)}" for key, value in pairs.items()]) + "}"


def encode(value):
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, list):
        return array(value)
    return mapping(value)


def document(users):
    return {
        "users": [
            {
                "id": i,
                "name": f'User "{i}"\n',
                "tags": ["a", "bb", "ccc\t", None, True],
                "score": i / 3,
                "on": i % 2 == 0,
            }
            for i in range(users)
        ]
    }


def run(scale):
    value = document(20)
    for _ in range(scale):
        encoded = encode(value)
    return encoded == json.dumps(value)
