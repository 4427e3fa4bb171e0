"""How time grows with what there is to do: a ratio, which says the same on a slow machine and on a busy one."""

from __future__ import annotations

from collections.abc import Callable

ROUNDS = 3


def growth(seconds: Callable[[int], float], small: int, large: int) -> float:
    """How many times longer `large` takes than `small`. `seconds` is the processor's time for a size.

    The two take turns, and the best of each counts: what else the machine does comes to both.
    """
    found = [(seconds(small), seconds(large)) for _ in range(ROUNDS)]
    return min(each[1] for each in found) / min(each[0] for each in found)
