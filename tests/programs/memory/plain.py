"""Allocates by each of Python's own ways, with no object of a type that has a free list freed."""


class Point:
    def __init__(self, x):
        self.x = x
        self.name = "point %d" % x


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


def growing(n):
    found = []
    for i in range(n):
        found.append(bytes(i))
    return found


def work():
    kept = []
    kept.append([0] * 5000)
    kept.append(growing(1500))
    kept.append([Point(i) for i in range(1000)])
    kept.append([Slotted("value %d" % i) for i in range(1000)])
    kept.append([str(i) * 3 for i in range(1000, 3000)])
    kept.append(bytearray(1 << 20))
    kept[-1].extend(b"x" * 100_000)
    kept.append(b"y" * (5 << 20))
    kept.append([bytes(size) for size in range(400, 600)])
    kept.append([bytes(size) for size in range(960, 1100)])
    kept.append([b"x"[:0] + bytes(0), "é" * 100, "\U0001f600" * 1000])
    text = ""
    for i in range(200):
        text += "ab%d" % i
    kept.append(text)
    kept.append(set(range(3000)))
    kept.append({i + 100_000: None for i in range(3000)})
    kept.append([object() for _ in range(1000)])
    return kept
