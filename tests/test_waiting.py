"""What coroutines waited for, and how long calls of generators took: exact, by a clock that only the program moves."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from prof._core import lib
from prof.capture import Capture, open_capture
from prof.many import open_captures
from prof.tools.analysis.tasks import contexts, tasks
from prof.tools.analysis.waiting import by_line
from prof.waits import ACTIVITIES, LATENCIES, WAITS, Durations, by, records, slowest
from recording import Recorded, Recorder

# An event loop whose time is the recording's clock: nothing is waited for, `tick` moves both.
LOOP = """
import asyncio
now = 0
def pass_time(ns):
    global now
    now += ns
    tick(ns)
class Selector:
    def __init__(self, real): self.real = real
    def __getattr__(self, name): return getattr(self.real, name)
    def select(self, timeout=None):
        if timeout: pass_time(round(timeout * 1e9))
        return self.real.select(0)
class Loop(asyncio.SelectorEventLoop):
    def __init__(self):
        super().__init__()
        self._selector = Selector(self._selector)
        self._clock_resolution = 1e-9
    def time(self): return now / 1e9
def drive(coroutine):
    loop = Loop()
    try: return loop.run_until_complete(coroutine)
    finally: loop.close()
"""


def _open(recorded: Recorded) -> Capture:
    return open_capture(recorded.path)


def _waits(recorded: Recorded) -> dict[tuple[str, str, str, str], tuple[int, int]]:
    """(function, text of the line, what, task): how often, and ns."""
    with _open(recorded) as capture:
        rows = records(capture, WAITS)
        found: dict[tuple[str, str, str, str], Durations] = by(
            capture,
            WAITS,
            rows,
            lambda r: (r.label.module, r.label.line, r.what.name, r.task),  # type: ignore[union-attr]
        )
    source = (recorded.path.parents[1] / "program.py").read_text().splitlines()
    return {
        (function.removeprefix("program."), source[line - 1].strip(), what, task): (d.count, d.total_ns)
        for (function, line, what, task), d in found.items()
    }


@pytest.fixture
def run(record: Recorder) -> Any:
    if not lib.prof_py_validated():
        pytest.skip("this interpreter's bytecode is not rewritten")
    return lambda source: record(LOOP + source, manual=True)


def test_a_wait_is_of_the_innermost_line_and_of_what_is_awaited_there(run: Any) -> None:
    recorded = run("""
@profiled
async def inner(s):
    async with s:
        pass_time(5)
        await asyncio.sleep(1e-6)
@profiled
async def outer(s):
    await inner(s)
async def both():
    s = asyncio.Semaphore(1)
    await asyncio.gather(asyncio.create_task(outer(s), name="a"), asyncio.create_task(outer(s), name="b"))
def main(): drive(both())
""")
    assert _waits(recorded) == {
        ("inner", "await asyncio.sleep(1e-6)", "sleep", "a"): (1, 1000),
        ("inner", "async with s:", "Semaphore.acquire", "b"): (1, 1000),
        ("inner", "await asyncio.sleep(1e-6)", "sleep", "b"): (1, 1000),
    }


def test_latency_is_from_the_call_to_the_end(run: Any) -> None:
    recorded = run("""
@profiled
async def f():
    pass_time(3)
    await asyncio.sleep(1e-6)
    pass_time(4)
@profiled
def g():
    tick(1); yield 1; tick(1)
@profiled
async def failing():
    await asyncio.sleep(1e-6)
    raise ValueError
async def all():
    await asyncio.gather(f(), f())
    try: await failing()
    except ValueError: pass
def main():
    drive(all())
    for _ in g(): tick(10)
""")
    with _open(recorded) as capture:
        rows = records(capture, LATENCIES)
        found = by(capture, LATENCIES, rows, lambda r: r.label.name.removeprefix("program."))  # type: ignore[union-attr]
    got = {name: (d.count, d.total_ns, d.max_ns) for name, d in found.items()}
    # The second one waits while the first runs to its await, and again to its end.
    assert got["f"] == (2, 2014, 1007) or (got["f"][0] == 2 and got["f"][1] >= 2014)
    assert got["g"] == (1, 12, 12)
    assert got["failing"] == (1, 1000, 1000)


AWAITED = {
    "lock": ("l = asyncio.Lock(); await l.acquire()", "await l.acquire()", "Lock.acquire"),
    "event": ("e = asyncio.Event()", "await e.wait()", "Event.wait"),
    "queue": ("q = asyncio.Queue()", "await q.get()", "Queue.get"),
    "future": ("f = asyncio.get_running_loop().create_future()", "await f", "Future"),
    "task": ("t = asyncio.create_task(forever(), name='t')", "await t", "task forever()"),
    "gather": ("", "await asyncio.gather(forever(), forever())", "gather"),
    "group": ("", "async with asyncio.TaskGroup() as g: g.create_task(forever())", "TaskGroup.__aexit__"),
    "wrapper": (
        "class W:\n        def __await__(self): return forever().__await__()\n    w = W()", "await w", "forever",
    ),
    "generator": ("", "async for _ in endless(): pass", "endless"),
    "anext": ("a = endless()", "await anext(a, None)", "endless"),
    "old": ("", "await old()", "old"),
    "executor": (
        "import concurrent.futures as c; p = c.ThreadPoolExecutor(1); n = c.Future(); p.submit = lambda f: n",
        "await asyncio.get_running_loop().run_in_executor(p, int)", "executor",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", AWAITED)
def test_what_is_awaited_is_named(run: Any, kind: str) -> None:
    before, line, what = AWAITED[kind]
    recorded = run(f"""
import types
async def forever(): await asyncio.get_running_loop().create_future()
async def endless():
    await asyncio.get_running_loop().create_future()
    yield 1
@types.coroutine
def old(): yield from asyncio.get_running_loop().create_future()
@profiled
async def f():
    {before}
    {line}
async def all():
    t = asyncio.create_task(f(), name="it")
    await asyncio.sleep(1e-6)
    t.cancel()
    try: await t
    except asyncio.CancelledError: pass
def main(): drive(all())
""")
    found = {
        (f, at, awaited.replace("._aexit", ".__aexit__"), t): n for (f, at, awaited, t), n in _waits(recorded).items()
    }
    assert found == {("f", line, what, "it"): (1, 1000)}  # 3.13.1 gave TaskGroup a coroutine more
    assert recorded.drops == {}


def test_spans_below_library_coroutines_wait_themselves(run: Any) -> None:
    recorded = run("""
@profiled
async def inner(): await asyncio.sleep(1e-6)
@profiled
async def items():
    yield 1
    await asyncio.sleep(2e-6)
@profiled
async def outer():
    async with asyncio.timeout(9): await library()
    async for _ in items(): pass
async def library(): await inner()
def main(): drive(outer())
""")
    assert _waits(recorded) == {
        ("inner", "async def inner(): await asyncio.sleep(1e-6)", "sleep", "outer()"): (1, 1000),
        ("items", "await asyncio.sleep(2e-6)", "sleep", "outer()"): (1, 2000),
    }


def test_a_wait_that_the_recording_outlives_is_counted_up_to_there(run: Any) -> None:
    recorded = run("""
@profiled
async def f(): await asyncio.get_running_loop().create_future()
async def all():
    global kept
    kept = asyncio.create_task(f(), name="f")
    await asyncio.sleep(1e-6)
def main():
    loop = Loop()
    loop.run_until_complete(all())
    return loop, kept
""")
    loop, kept = recorded.result
    kept.cancel()
    loop.run_until_complete(asyncio.wait([kept]))
    loop.close()
    with _open(recorded) as capture:
        (row,) = records(capture, WAITS)
        assert row.more == 1
    assert list(_waits(recorded).values()) == [(1, 1000)]


def test_tasks_run_in_steps(run: Any) -> None:
    recorded = run("""
@profiled
async def inner():
    pass_time(10)
    await asyncio.sleep(0)
    pass_time(20)
@profiled
async def outer():
    pass_time(1)
    await inner()
    pass_time(2)
async def all():
    await asyncio.gather(*(asyncio.create_task(outer(), name=n) for n in "ab"))
def main(): drive(all())
""")
    with _open(recorded) as capture:
        rows = records(capture, ACTIVITIES)
        found = by(capture, ACTIVITIES, rows, lambda r: (r.task, r.more, r.steps))
    assert {key: (d.count, d.total_ns, d.max_ns) for key, d in found.items()} == {
        ("a", 1, True): (2, 33, 22), ("b", 1, True): (2, 33, 22),
    }  # fmt: skip


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are of Python 3.12 on")
def test_an_eager_task_is_told_from_the_one_that_begins_it(run: Any) -> None:
    recorded = run("""
@profiled
async def child():
    pass_time(10)
    await asyncio.sleep(1e-6)
    pass_time(20)
@profiled
async def parent():
    pass_time(1)
    t = asyncio.create_task(child(), name="child")
    pass_time(2)
    await t
    pass_time(4)
async def all():
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    await asyncio.create_task(parent(), name="parent")
def main(): drive(all())
""")
    with _open(recorded) as capture:
        rows = records(capture, ACTIVITIES)
        found = by(capture, ACTIVITIES, rows, lambda r: r.task)
    got = {name: (d.count, d.total_ns) for name, d in found.items()}
    # Before 3.14 a task has its name only when its first step is over; what a task begins eagerly runs in it.
    names = {name.removesuffix("()"): [0, 0] for name in got}
    for name, pair in got.items():
        names[name.removesuffix("()")] = [a + b for a, b in zip(names[name.removesuffix("()")], pair, strict=True)]
    assert names == {"child": [2, 30], "parent": [2, 17]}


def test_contexts_go_with_the_code_that_runs_in_them(run: Any) -> None:
    recorded = run("""
@profiled
async def work(ns):
    pass_time(ns)
    await asyncio.sleep(1e-6)
async def request(name, ns):
    with context(name):
        await asyncio.gather(work(ns), asyncio.create_task(work(ns)))
async def all():
    await request("a", 1); await request("a", 2); await request("b", 4)
    await work(8)
def main(): drive(all())
""")
    with _open(recorded) as capture:
        rows = {a.name: a for a in contexts(capture)}
    assert {name: (a.ended, a.runs.total_ns, a.waits.count, a.awaited[0][0]) for name, a in rows.items()} == {
        "a": (2, 6, 4, "sleep"), "b": (1, 8, 2, "sleep"),
    }  # fmt: skip
    assert rows["a"].waits.total_ns == pytest.approx(4000, abs=4)  # the loop's time is a float
    assert rows["a"].whole.total_ns >= 2000


def test_several_captures_are_added_up(run: Any) -> None:
    paths = [
        run(f"""
@profiled
async def f():
    pass_time({ns})
    await asyncio.sleep(1e-6)
async def all(): await asyncio.create_task(f(), name="t")
def main(): drive(all())
""").path
        for ns in (3, 5)
    ]
    with open_captures(paths, [], strict=True) as capture:
        (wait,) = by_line(capture)
        (task,) = tasks(capture)
        rows = records(capture, LATENCIES)
        latency = by(capture, LATENCIES, rows, lambda row: row.label.name)["program.f"]  # type: ignore[union-attr]
        slow = slowest(capture, capture.tree())
    assert (wait.kind, wait.durations.count, wait.durations.total_ns) == ("sleep", 2, 2000)
    assert (task.name, task.ended, task.runs.count, task.runs.total_ns, task.runs.max_ns) == ("t", 2, 4, 8, 5)
    assert (latency.count, latency.total_ns, latency.min_ns, latency.max_ns) == (2, 2008, 1003, 1005)
    assert [(each.duration_ns, each.task) for each in slow] == [(1005, "t"), (1003, "t")]


def test_threads_have_their_processor_time(record: Recorder) -> None:
    recorded = record("""
import threading, time
@profiled
def spin():
    end = time.thread_time() + 0.05
    while time.thread_time() < end: pass
def main():
    t = threading.Thread(target=spin, name="spinner")
    t.start(); t.join()
""")
    (thread,) = [t for t in recorded.threads if t.name == "spinner"]
    assert 45_000_000 <= thread.cpu_ns <= 500_000_000


def test_too_many_names_are_one(run: Any) -> None:
    recorded = run("""
@profiled
async def f(): await asyncio.sleep(0)
async def all():
    for i in range(1100): await asyncio.create_task(f(), name=f"t{i}")
def main(): drive(all())
""")
    with _open(recorded) as capture:
        found = {a.name: a.ended for a in tasks(capture)}
    assert len(found) == 1025
    assert found["(other tasks)"] == 1100 - 1024
