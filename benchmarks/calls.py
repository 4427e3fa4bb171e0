"""What recording adds to a call, a generator step, a coroutine step and a call that raises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from types import FunctionType
from typing import Any

from benchmarks.contenders import Contender, execute, missing, present, recorded
from benchmarks.figures import Result
from benchmarks.rounds import Times, interleave, merge

MARKED = """
import types

def empty(x): return x

def raising(x): raise ValueError

def steps(n):
    for i in range(n): yield i

@types.coroutine
def pause(n):
    for i in range(n): yield i

async def third(n): return await pause(n)
async def second(n): return await third(n)
async def first(n): return await second(n)
"""

# Not recorded by us. A peer that records everything sees one call of each for many of the functions above.
LOOPS = """
def call(n):
    f = empty
    for i in range(n): f(1)

def generator(n):
    for i in steps(n): pass

def coroutine(n):
    send = first(n).send
    try:
        while True: send(None)
    except StopIteration: pass

def raise_(n):
    f = raising
    for i in range(n):
        try: f(1)
        except ValueError: pass
"""

# What is repeated, how often in one timed run, and the figures it gives. A run takes 1 to 4 ms, so that some escape the
# scheduler, and makes fewer events than trace0 drops some of: 20,000 calls it keeps whole, of 100,000 it lost a tenth.
CASES: dict[str, tuple[int, dict[str, str]]] = {
    "call": (
        20_000,
        {"call-cprofile": "cProfile", "call-viztracer": "VizTracer", "call-trace0": "trace0"},
    ),
    "generator": (20_000, {"generator": "cProfile"}),
    "coroutine": (4_000, {"coroutine": "cProfile"}),
    "raise_": (8_000, {"raise": "cProfile"}),
}
WARM = 200


def load(contender: Contender) -> dict[str, Any]:
    """The contender's own copy of functions and loops; for us, the functions marked as a user marks them."""
    namespace = execute(compile(MARKED, "marked.py", "exec"))
    if contender.name == "prof":
        from prof import _probes, profiled  # type: ignore[attr-defined]

        for value in list(namespace.values()):
            if isinstance(value, FunctionType):
                profiled(value)
                if not _probes.is_probed(value.__code__):
                    raise RuntimeError(f"{value.__name__} has no probes: this would measure nothing")
    exec(compile(LOOPS, "loops.py", "exec"), namespace)
    return namespace


def timed(contender: Contender, loop: Callable[[int], None], count: int) -> Callable[[], float]:
    """A run of `loop` under the contender, warmed up after recording began: that can undo specialisation."""

    def run() -> float:
        with contender.recording():
            loop(WARM)
            start = perf_counter()
            loop(count)
            return perf_counter() - start

    return run


def added(times: Times, name: str) -> float:
    """Seconds that the contender adds to the plain run."""
    return times.best(name) - times.best("plain")


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    with recorded() as directory:
        contenders = present(directory)
        # All are kept until the end, so that each has addresses of its own.
        layouts = [{c.name: load(c) for c in contenders} for _ in range(2 if quick else 6)]
        for case, (count, figures) in CASES.items():
            runs = [{c.name: timed(c, spaces[c.name][case], count) for c in contenders} for spaces in layouts]
            times = merge([interleave(each, 4 if quick else 60) for each in runs])
            for figure, peer in figures.items():
                why = missing(peer)
                yield Result(figure, note=f"not measured: {why}") if why else compare(times, figure, peer, count)


def compare(times: Times, figure: str, peer: str, count: int) -> Result:
    """What we add over what the peer adds, with both in ns in the note."""
    ours, theirs = (added(times, name) / count * 1e9 for name in ("prof", peer))
    base = times.best("plain") / count * 1e9
    note = f"+{ours:.1f} ns against +{theirs:.1f} on {base:.1f}"
    return times.result(figure, lambda t: added(t, "prof") / added(t, peer), note)
