"""Pancake flips over all permutations: integers and list slices in one loop, one call in all."""

WARM, SCALE = 5, 7
EXPECTED = 16


def run(scale):
    """The most flips that any permutation of `scale` numbers needs to bring its first number home."""
    first = list(range(scale))
    left = list(range(1, scale + 1))
    most = 0
    width = scale
    while True:
        while width > 1:
            left[width - 1] = width
            width -= 1
        if first[0] and first[-1] != scale - 1:
            cakes = first[:]
            flips = 0
            while top := cakes[0]:
                cakes[: top + 1] = cakes[top::-1]
                flips += 1
            most = max(most, flips)
        while True:
            if width == scale:
                return most
            first.insert(width, first.pop(0))
            left[width] -= 1
            if left[width] > 0:
                break
            width += 1
