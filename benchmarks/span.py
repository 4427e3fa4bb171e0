"""A span through the Profiler object and a value of a metric, from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

from benchmarks.contenders import execute, recorded
from benchmarks.figures import Result
from benchmarks.rounds import Times, interleave, merge

# A run takes a millisecond, so that some escape the scheduler.
COUNT, WARM, LAYOUTS = 5_000, 200, 3
LOOPS = """
def nothing(p, n):
    for i in range(n): pass

def span(p, n):
    for i in range(n):
        with p.span("work"): pass

def nested(p, n):
    with p.span("outer", kind="db"):
        for i in range(n):
            with p.span("work", kind="db"): pass

def record(p, n):
    with p.span("outer") as s:
        for i in range(n): s.record("rows", i)
"""


def timed(loop: Callable[[Any, int], None], profiler: Any) -> Callable[[], float]:
    """Seconds of a run."""

    def run() -> float:
        loop(profiler, WARM)
        start = perf_counter()
        loop(profiler, COUNT)
        return perf_counter() - start

    return run


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    from prof import Profiler

    layouts = []
    with recorded():
        profiler = Profiler().start()
        for _ in range(1 if quick else LAYOUTS):
            loops = execute(compile(LOOPS, "loops.py", "exec"))
            names = ("nothing", "span", "nested", "record")
            runs = {name: timed(loops[name], profiler) for name in names}
            layouts.append(interleave(runs, 6 if quick else 60))
        profiler.stop()
    times = merge(layouts) if len(layouts) > 1 else layouts[0]
    yield times.result("span", lambda t: each(t, "span"), "`with p.span(name): pass`, without the loop")
    yield times.result("span-kind", lambda t: each(t, "nested"))
    yield times.result("span-record", lambda t: each(t, "record"))


def each(times: Times, name: str) -> float:
    """Nanoseconds of one turn of a loop, without those of the loop."""
    return (times.best(name) - times.best("nothing")) / COUNT * 1e9
