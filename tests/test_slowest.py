"""The slowest calls of each span, by a clock that only the program moves, against all calls that there were."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prof.capture import open_capture
from prof.waits import Slow, slowest
from recording import Recorded, Recorder


def _slowest(recorded: Recorded) -> list[Slow]:
    with open_capture(recorded.path) as capture:
        return slowest(capture, capture.tree())


def _by_name(recorded: Recorded) -> dict[str, list[tuple[int, int]]]:
    """(ns, since when) of each, the longest first."""
    found: dict[str, list[tuple[int, int]]] = {}
    for slow in _slowest(recorded):
        name = slow.label.name.removeprefix("program.").removeprefix("profile!")
        found.setdefault(name, []).append((slow.duration_ns, slow.start_ns))
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(calls=st.lists(st.tuples(st.sampled_from("fgs"), st.integers(1, 1000)), max_size=40), kept=st.integers(0, 7))
def test_the_slowest_are_kept_of_all_calls(record: Recorder, calls: Any, kept: int) -> None:
    recorded = record(
        """
@profiled
def f(ns): tick(ns)
@profiled
def g(ns):
    yield tick(ns // 2)
    tick(ns - ns // 2)
def main():
    for name, ns in calls:
        if name == "f": f(ns)
        elif name == "g": all(g(ns))
        else:
            with profile("s"): tick(ns)
""",
        manual=True, keys=f",slowest={kept}", calls=calls, all=list,
    )  # fmt: skip
    expected: dict[str, list[int]] = {}
    for name, ns in calls:
        expected.setdefault(name, []).append(ns)
    got = {name: [ns for ns, _ in rows] for name, rows in _by_name(recorded).items()}
    assert got == {name: sorted(all_of, reverse=True)[:kept] for name, all_of in expected.items() if kept}
    starts, now = {}, 0
    for name, ns in calls:
        starts.setdefault((name, ns), []).append(now)
        now += ns
    assert all(since in starts[name, ns] for name, rows in _by_name(recorded).items() for ns, since in rows)


def test_they_say_where_they_were_called_from_and_in_which_task(record: Recorder, engine: str) -> None:
    recorded = record(
        """
import asyncio
@profiled
def f(): tick(5)
@profiled
async def outer(): f()
async def begin(): await asyncio.create_task(outer(), name="the task")
def main(): asyncio.run(begin())
""",
        engine=engine, manual=True,
    )  # fmt: skip
    (found,) = [slow for slow in _slowest(recorded) if slow.label.name == "program.f"]
    assert [label.name for label in found.stack] == ["program.outer"]
    assert (found.task, found.thread, found.duration_ns, found.arguments) == ("the task", "MainThread", 5, "")


def test_arguments_are_kept_when_asked_for_and_never_fail_the_program(record: Recorder, engine: str) -> None:
    recorded = record(
        """
class Bad:
    def __repr__(self): raise RuntimeError("no")
class Marked:
    @profiled
    def __repr__(self): return "<marked>"
@profiled
def f(a, *rest, b=2, **more):
    c = 9
    tick(7)
@profiled
def g(x): tick(1)
@profiled
def h(x): raise LookupError
@profiled
def long(text): tick(1)
def main():
    f(1, "x", b=Marked(), z=3)
    g(Bad())
    try: h(4)
    except LookupError: pass
    long("y" * 1000)
    return "done"
""",
        engine=engine, manual=True, keys=",args=repr",
    )  # fmt: skip
    assert recorded.result == "done"
    found = {slow.label.name.removeprefix("program."): slow.arguments for slow in _slowest(recorded)}
    assert found["f"] == "a=1, b=<marked>, *rest=('x',), **more={'z': 3}"
    assert found["g"] == "x=<repr() of a Bad raised RuntimeError>"
    assert len(found["long"]) < 100 and found["long"].startswith("text='yyy")
    assert recorded.drops == {"arguments_failed": 1}
    assert recorded.calls() == {"f": 1, "g": 1, "h": 1, "long": 1}  # what a repr() calls is the profiler's work


def test_coroutines_are_slow_by_what_they_wait_as_well(record: Recorder, engine: str) -> None:
    recorded = record(
        """
import asyncio
@profiled
async def f(ns):
    tick(1)
    await asyncio.sleep(0)
    tick(ns)
def main():
    async def all(): await asyncio.gather(f(10), f(20))
    asyncio.run(all())
""",
        engine=engine, manual=True, keys=",slowest=1",
    )  # fmt: skip
    assert _by_name(recorded) == {"f": [(31, 1)]}  # the second began at 1, and ended behind the first
