"""What each function of a program really took, by the program's own clock: the truth that samples are held against.

A function reads the clock around what it does itself. What it takes besides, until the clock is read and after it was,
is the same for each reading and measured at start; so a function's time is known as a range, and the range is narrow
where pieces are long. Functions too short for a clock of their own run in a loop of known length with the clock around
it: of its fastest round, what the loop takes for itself is at least a loop's that does nothing, at most a loop's with a
callee that does nothing; and of every round the same share. `main` has the rest, with
what the clocks did not see of the others: on a busy machine their first reading after a pause takes long.

Each program is called with seconds and a file, into which `run` writes the ranges.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter_ns as clock

TURNS, CALLS = 30, 1000


class Took:
    """Nanoseconds of one function in one thread, at least and at most."""

    def __init__(self) -> None:
        self.low = self.high = 0.0


class Calls:
    """Nanoseconds of all loops that call one function, and the least for a call."""

    def __init__(self, least: float, most: float) -> None:
        self.ns, self.best = 0, float("inf")
        self.least, self.most = least, most


_calls: dict[str, Calls] = {}
_found: dict[tuple[str, int], Took] = {}
_lives: list[int] = []
_waits: list[int] = []


def took(name: str, began: int) -> None:
    """A piece of this function's own work began at that time, and has just ended."""
    # No call and no jump between reading and adding: another thread can take over at these only.
    ns = clock() - began
    piece = _piece(name)
    piece.low += ns
    piece.high += ns + READING


def took_calls(name: str, began: int, count: int, least: float, most: float) -> None:
    """So many calls of a function, from a loop that began at that time. Of each, the loop takes nanoseconds between
    those two for itself."""
    ns = clock() - began
    calls = _calls.setdefault(name, Calls(least, most))
    calls.ns += ns
    calls.best = min(calls.best, ns / max(1, count))


def lived(began: int) -> None:
    """A thread beside the main one has run since that time."""
    _lives.append(clock() - began)
    _waits.append(_waited())


def run(main: Callable[[float], None]) -> None:
    """Runs the program and writes what each function took, at least and at most, what all threads lived, and how long
    they were ready and had no processor."""
    seconds, file = float(sys.argv[1]), Path(sys.argv[2])
    waited, began = _waited(), clock()
    main(seconds)
    total = clock() - began + sum(_lives)
    waited = _waited() - waited + sum(_waits)
    found: dict[str, list[float]] = {}
    for (name, _), piece in _found.items():
        low, high = found.get(name, [0.0, 0.0])
        found[name] = [low + piece.low, high + piece.high]
    for name, calls in _calls.items():
        found[name] = [calls.ns * max(0.0, 1 - loop / calls.best) for loop in (calls.most, calls.least)]
    found["main"] = [total - sum(high for _, high in found.values()), total - sum(low for low, _ in found.values())]
    file.write_text(json.dumps({"total": total, "waited": waited, "functions": found}))


def _waited() -> int:
    """Nanoseconds that this thread was ready and had no processor, by the kernel; 0 where it keeps no such account."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1])
    except OSError:
        return 0


def _piece(name: str) -> Took:
    key = (name, threading.get_ident())
    piece = _found.get(key)
    if piece is None:
        piece = _found[key] = Took()
    return piece


# ---- what measuring takes --------------------------------------------------------------------------------------------


def nothing() -> None:
    pass


def nothings(count: int) -> Iterator[None]:
    for _ in range(count):
        yield


def each(loop: Callable[[], float | None]) -> float:
    """Nanoseconds of one turn of a loop of CALLS, less those that it says to be known, the least of many."""
    found = []
    for _ in range(TURNS):
        began = clock()
        known = loop() or 0.0
        found.append(clock() - began - known)
    return min(found) / CALLS


def _read() -> float:
    before = _piece("reading").low
    for _ in range(CALLS):
        took("reading", clock())
    return _piece("reading").low - before


def _loop() -> None:
    for _ in range(CALLS):
        pass


def _call() -> None:
    for _ in range(CALLS):
        nothing()


def _step() -> None:
    for _ in nothings(CALLS):
        pass


LOOP, CALL, STEP = each(_loop), each(_call), each(_step)
READING = 0.0
READING = each(_read) - LOOP
"""What a function takes for each piece that its clock does not see."""
_found.clear()
