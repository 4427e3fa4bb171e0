"""Functions whose time is in C, with the lock of the interpreter and without it, beside one that loops in Python."""

import hashlib
import json
import random
import zlib

from clocked import clock, run, took
from prof import profiled

DATA = random.Random(1).randbytes(500_000)
NUMBERS = [random.Random(2).random() for _ in range(20_000)]
ROWS = [{"id": i, "name": f"n{i}", "values": [i / 3, None, True]} for i in range(300)]


def hashing():
    began = clock()
    hashlib.sha256(DATA).digest()
    took("hashing", began)


def compressing():
    began = clock()
    zlib.compress(DATA[:30_000], 1)
    took("compressing", began)


def ordering():
    began = clock()
    sorted(NUMBERS)
    took("ordering", began)


def encoding():
    began = clock()
    json.dumps(ROWS)
    took("encoding", began)


def adding():
    began = clock()
    sum(range(50_000))
    took("adding", began)


def looping():
    began, x = clock(), 1
    for _ in range(10_000):
        x = (x * 5 + 1) % 65537
    took("looping", began)


@profiled
def main(seconds):
    order = random.Random(1)
    functions = [hashing, compressing, ordering, encoding, adding, looping]
    end = clock() + seconds * 1e9
    while clock() < end:
        order.choice(functions)()


run(main)
