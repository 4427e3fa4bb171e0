"""Inclusive, self and suspended time, exact, by a clock that only the program moves."""

from __future__ import annotations

from typing import Any

import pytest
from prof._core import lib
from recording import Recorded, Recorder


@pytest.fixture
def run(record: Recorder, engine: str) -> Any:
    def run(source: str) -> Recorded:
        return record(source, engine=engine, manual=True)

    return run


def test_self_and_inclusive(run: Any) -> None:
    recorded = run("""
@profiled
def outer():
    tick(1); inner(); tick(10); inner()
@profiled
def inner():
    tick(100)
def main():
    tick(5); outer(); tick(50)
""")
    assert recorded.times() == {"outer": (211, 11, 0), "inner": (200, 200, 0)}
    assert recorded.tree.total_ns[0] == 266
    assert recorded.tree.self_ns[0] == 55


def test_recursion_counts_once_in_inclusive(run: Any) -> None:
    recorded = run("""
@profiled
def f(n):
    tick(1)
    if n: g(n - 1)
@profiled
def g(n):
    tick(10)
    f(n)
def main():
    f(3)
""")
    assert recorded.times() == {"f": (34, 4, 0), "g": (33, 30, 0)}


def test_exceptions_end_spans_where_they_pass(run: Any) -> None:
    recorded = run("""
@profiled
def low():
    tick(1)
    raise ValueError
@profiled
def middle():
    try: low()
    finally: tick(10)
@profiled
def high():
    try: middle()
    except ValueError: tick(100)
def main():
    high()
""")
    assert recorded.times() == {"low": (1, 1, 0), "middle": (11, 10, 0), "high": (111, 100, 0)}


def test_a_generator_is_charged_while_it_runs(run: Any) -> None:
    recorded = run("""
@profiled
def steps():
    tick(1)
    yield
    tick(10)
    yield
    tick(100)
def main():
    for _ in steps(): tick(1000)
""")
    assert recorded.times() == {"steps": (111, 111, 2000)}
    (steps,) = recorded.of_kind("function")["steps"]
    assert (steps.calls, steps.resumes, steps.completed, steps.min_ns, steps.max_ns) == (1, 2, 1, 111, 111)


@pytest.mark.parametrize("ending", ["g.close()", "del g", "g.throw(KeyError)", "next(g, None)"])
def test_every_ending_of_a_generator_completes_it(run: Any, ending: str) -> None:
    recorded = run(f"""
@profiled
def plain():
    tick(1)
    yield
@profiled
def guarded():
    try:
        tick(1)
        yield
    finally:
        tick(10)
def main():
    for make in plain, guarded:
        g = make()
        next(g)
        tick(1000)
        try: {ending}
        except KeyError: pass
""")
    times = {"plain": (1, 1, 1000), "guarded": (11, 11, 1000)}
    completed = {"program.plain": (1, 1), "program.guarded": (1, 11)}
    assert recorded.drops == {}
    assert recorded.times() == times
    assert {
        f.label.name: (f.completed, f.max_ns) for f in recorded.functions if f.label.kind == "function"
    } == completed


def test_delegation_charges_the_innermost(run: Any) -> None:
    recorded = run("""
@profiled
def inner():
    tick(1)
    got = yield
    tick(10)
    return got
@profiled
def outer():
    tick(100)
    got = yield from inner()
    tick(1000)
    yield got
def main():
    g = outer()
    next(g)
    tick(5)
    assert g.send("x") == "x"
    tick(50)
    g.close()
""")
    assert recorded.times() == {"inner": (11, 11, 5), "outer": (1111, 1100, 55)}


@pytest.mark.parametrize("throw", ["g.throw(KeyError)", "g.close()"])
def test_throwing_through_delegation(run: Any, throw: str) -> None:
    recorded = run(f"""
@profiled
def inner():
    try:
        yield
    finally:
        tick(1)
@profiled
def outer():
    try:
        yield from inner()
    finally:
        tick(10)
def main():
    g = outer()
    next(g)
    tick(100)
    try: {throw}
    except KeyError: pass
""")
    times = recorded.times()
    assert times["inner"] == (1, 1, 100)
    # throw() goes to the innermost first: the outer one is suspended until that has ended.
    assert (times["outer"][1], times["outer"][2]) == (10, 101)
    assert recorded.drops == {}


def test_coroutines_waiting_for_each_other(run: Any) -> None:
    recorded = run("""
import types
@types.coroutine
def pause(): yield
@profiled
async def child():
    tick(1)
    await pause()
    tick(10)
@profiled
async def parent():
    tick(100)
    await child()
    tick(1000)
def main():
    c = parent()
    c.send(None)
    tick(7)
    try: c.send(None)
    except StopIteration: pass
""")
    assert recorded.times() == {"child": (11, 11, 7), "parent": (1111, 1100, 7)}
    assert recorded.counts() == {"child": (1, 1), "parent": (1, 1)}


def test_asynchronous_generators(run: Any) -> None:
    recorded = run("""
import types
@types.coroutine
def pause(): yield
@profiled
async def numbers():
    tick(1)
    await pause()
    tick(10)
    yield 1
    tick(100)
@profiled
async def use():
    async for n in numbers(): tick(1000)
def main():
    c = use()
    try:
        while True:
            c.send(None)
            tick(7)
    except StopIteration: pass
""")
    times = recorded.times()
    assert times["numbers"] == (111, 111, 1007)
    assert times["use"] == (1111, 1000, 7)


def test_latencies_are_of_whole_calls(run: Any) -> None:
    recorded = run("""
@profiled
def f(n): tick(n)
def main():
    for n in (5, 1, 3, 1000): f(n)
""")
    (f,) = recorded.of_kind("function")["f"]
    assert (f.completed, f.min_ns, f.max_ns, f.total_ns) == (4, 1, 1000, 1009)


def test_a_recording_in_a_recording_goes_on(record: Recorder) -> None:
    recorded = record("""
@enable_profiling("time")
@profiled
def f(): tick(1)
def main():
    with enable_profiling("time") as inner:
        f()
    assert inner.files == []
    f()
""", manual=True)  # fmt: skip
    assert recorded.calls() == {"f": 2}
    assert recorded.times() == {"f": (2, 2, 0)}


def test_recordings_one_after_the_other(record: Recorder, engine: str) -> None:
    space = record.load("@profiled\ndef f(): tick(1)\ndef main():\n    for _ in range(n): f()\n")
    for n in (1, 3, 2):
        space["n"] = n
        recorded = record.call(space, engine=engine, manual=True)
        assert recorded.counts() == {"f": (n, 0)}
        assert recorded.times() == {"f": (n, n, 0)}
        assert recorded.drops == {}


def test_one_engine_after_the_other(record: Recorder) -> None:
    """Functions that have probes keep them: a second way to observe them would count them twice."""
    engines = ["bytecode", "monitoring", "bytecode"]
    if not lib.PROF_QUIRK_MONITORING:
        engines.remove("monitoring")
    for first in engines:
        space = record.load("@profiled\ndef f(): tick(1)\ndef main(): f()\n")
        for engine in (first, *engines):
            recorded = record.call(space, engine=engine, manual=True)
            assert recorded.counts() == {"f": (1, 0)}
