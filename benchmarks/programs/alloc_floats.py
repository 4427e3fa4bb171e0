"""List comprehensions of floats: a signal is made, smoothed, scaled and compared."""

from math import cos, sin, sqrt

SCALE = 10_000
EXPECTED = 10_000


def signal(count):
    return [sin(i * 0.01) + 0.25 * cos(i * 0.37) for i in range(count)]


def smoothed(values):
    padded = [values[0], *values, values[-1]]
    return [(a + 2 * b + c) / 4 for a, b, c in zip(padded, padded[1:], padded[2:], strict=False)]


def scaled(values):
    low, high = min(values), max(values)
    width = (high - low) or 1.0
    return [(value - low) / width for value in values]


def distance(these, those):
    return sqrt(sum([(a - b) ** 2 for a, b in zip(these, those, strict=True)]))


def run(scale):
    values = signal(scale)
    smooth = smoothed(smoothed(values))
    ours, theirs = scaled(values), scaled(smooth)
    if not 0 < distance(ours, theirs) < sqrt(scale):
        raise ValueError("not a distance")
    return len([value for value in ours if 0.0 <= value <= 1.0])
