"""Samples as whole stacks, from running programs: what is above the spans, the lines that called, and their shares."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from math import sqrt
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from prof import enable_profiling
from prof.capture import Capture, Tree, open_capture
from prof.tools.analysis.calling_lines import EXACT, Sampled
from prof.tools.analysis.report import analyse
from prof.tools.modes import VIEWS
from recording import Recorder

pytestmark = pytest.mark.alone

Stack: TypeAlias = tuple[tuple[str, int], ...]


class Whole:
    """The whole stacks of a capture: functions with their lines, outermost first, and the samples of each."""

    def __init__(self, path: Path) -> None:
        with open_capture(path) as capture:
            tree = capture.tree()
            self.drops = {drop.key: drop.count for drop in capture.drops}
            self.stacks = self._stacks(capture, tree)
            self.by_thread = {t.name: self._stacks(capture, capture.tree(n)) for n, t in enumerate(capture.threads)}
            self.lines = Sampled(capture, tree).by_line
            self.samples = tree.inclusive("samples")[0]
            # Samples that stand for unequal times are worth fewer even ones: (sum w)² / (sum w²), in µs.
            self.worth = (tree.inclusive("sampled_ns")[0] / 1000) ** 2 / tree.inclusive("sampled_square")[0]
            assert sum(self.stacks.values()) == self.samples

    @staticmethod
    def _stacks(capture: Capture, tree: Tree) -> Counter[Stack]:
        whole = capture.stacks(tree, lines=True)
        assert whole.at is not None
        own = whole.column("samples")
        found: list[Stack] = [()]
        for node in range(1, whole.count):
            frame = capture.label(whole.label[node]).name, whole.at[node]
            found.append((*found[whole.parent[node]], frame))
        return Counter({stack: own[node] for node, stack in enumerate(found) if own[node]})


@pytest.fixture
def whole(tmp_path: Path) -> Callable[..., Whole]:
    """Records `call()` in this process."""

    def run(call: Callable[[], Any], modes: str = "time+samples", keys: str = "") -> Whole:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        with enable_profiling(f"{modes},{folder},,,imports=false,collections=false{keys}") as recording:
            call()
        (path,) = (file for file in recording.files if file.suffix == ".capture")
        return Whole(path)

    return run


def interpreters_own(thread: threading.Thread) -> list[tuple[str, int]]:
    """What the interpreter itself says of a thread's stack, outermost first."""
    assert thread.ident is not None
    frame = sys._current_frames()[thread.ident]
    found = [
        (f"{f.f_globals['__name__']}.{f.f_code.co_qualname.replace('<locals>.', '')}", line)
        for f, line in traceback.walk_stack(frame)
    ]
    return found[::-1]


PARKED = """
def between(depth, ready, leave):
    if depth:
        return between(
            depth - 1, ready, leave)
    return marked(ready, leave)

@profiled  # prof:auto
def outer(depth, ready, leave):
    value = 1
    return between(depth, ready, leave)

@profiled
def marked(ready, leave):
    return [next(wait(ready, leave)) for _ in (1,)]

def wait(ready, leave):
    ready.release()
    yield leave.wait()
"""


@pytest.mark.parametrize("depth", [0, 4, 60, 400])
def test_stacks_are_those_of_the_interpreter(record: Recorder, whole: Callable[..., Whole], depth: int) -> None:
    """With every line, above the spans, between them and below."""
    space = record.load(PARKED)
    expected: list[tuple[str, int]] = []

    def main() -> None:
        ready, leave = threading.Semaphore(0), threading.Event()
        thread = threading.Thread(target=space["outer"], args=(depth, ready, leave), name="parked")
        thread.start()
        ready.acquire()
        time.sleep(0.2)
        expected.extend(interpreters_own(thread))
        time.sleep(0.4)
        leave.set()
        thread.join()

    found = whole(main)
    # The tagged line is not of the source.
    stack = tuple((name, line - (name.startswith("program.") and line > 8)) for name, line in expected)
    stacks = found.by_thread["parked"]
    assert stack[0][0] == "threading.Thread._bootstrap"
    assert stacks[stack] >= 0.6 * sum(stacks.values()), (stack, stacks.most_common(2))
    assert len(stack) > depth + 5


def test_stacks_that_are_too_deep_say_so(whole: Callable[..., Whole]) -> None:
    def deep(n: int) -> None:
        if n:
            deep(n - 1)
        else:
            time.sleep(0.1)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(3000)
    try:
        found = whole(lambda: deep(1500), modes="samples")
    finally:
        sys.setrecursionlimit(limit)
    stack, samples = found.stacks.most_common(1)[0]
    assert stack[0] == ("(callers not read)", 0) and len(stack) == 1025
    assert found.drops["samples_cut"] >= samples


SHARES = """
def spin(n):
    x = 0
    for i in range(n):
        x += i
    return x

def again(depth, n):
    if depth:
        return again(depth - 1, n)
    return spin(n)

def values(n):
    for _ in range(4):
        yield spin(n)

@profiled
def work(rounds, clock, took):
    for i in range(rounds):
        a = clock()
        spin(6000 + 7 * i)
        b = clock()
        spin(2000 + 3 * i)
        c = clock()
        again(5, 3000 + 5 * i)
        d = clock()
        sum(values(1000 + i))
        e = clock()
        for line, time in ((21, b - a), (23, c - b), (25, d - c), (27, e - d)):
            took[line] += time
"""


@pytest.mark.parametrize("threads", [1, 3])
def test_lines_have_the_shares_that_they_took(record: Recorder, whole: Callable[..., Whole], threads: int) -> None:
    """Two lines call one function; a third recurses, a fourth uses up a generator. Each has the share of samples that
    the program's own clock says, within four standard deviations of a count (there are dozens of comparisons) and two
    points for what a busy machine does."""
    space = record.load(SHARES)
    took: Counter[int] = Counter()

    def one() -> None:
        own: Counter[int] = Counter()
        space["work"](450 // threads, time.perf_counter_ns, own)
        took.update(own)

    def main() -> None:
        running = [threading.Thread(target=one) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    found = whole(main, keys=",interval=200us")
    lines = {line: sums for (file, line), sums in found.lines.items() if file.endswith("program.py") and line in took}
    all_of_them = sum(sums["sampled_ns"] for sums in lines.values())
    samples = sum(sums["samples"] for sums in lines.values())
    assert samples > 300
    for line, time_taken in took.items():
        share, sampled = time_taken / sum(took.values()), lines[line]["sampled_ns"] / all_of_them
        error = 4 * sqrt(share * (1 - share) / (found.worth * samples / found.samples)) + 0.02
        assert abs(share - sampled) < error, (line, share, sampled, error, samples, found.worth)
    # The recursion's own line is on each of its stacks once, however deep. Some fall between a line and its call.
    recursion = next(sums for (f, n), sums in found.lines.items() if f.endswith("program.py") and n == 10)
    assert recursion["samples"] <= 1.02 * lines[25]["samples"]
    assert recursion["samples"] > 0.7 * lines[25]["samples"]


def test_what_runs_a_coroutine_is_above_it(record: Recorder, whole: Callable[..., Whole]) -> None:
    space = record.load("""
import asyncio
@profiled
async def task(n):
    total = 0
    for _ in range(n):
        await asyncio.sleep(0)
        total += sum(range(20000))
    return total
""")
    found = whole(lambda: asyncio.run(space["task"](400)), modes="time+samples")
    stack, _ = max(
        ((s, n) for s, n in found.stacks.items() if ("program.task", 8) in s), key=lambda each: each[1], default=((), 0)
    )
    names = [name for name, _ in stack]
    run = names.index("asyncio.runners.run")
    assert run < names.index("asyncio.base_events.BaseEventLoop.run_forever") < names.index("program.task")


def test_exactly_what_a_line_called(tmp_path: Path, record: Recorder) -> None:
    """Where the counters know that one line alone calls a function: against the sums of that function's contexts."""
    space = record.load("""
@profiled
def leaf(n):
    return [i for i in range(n)]

@profiled
def middle(n):
    return leaf(n)

class Thing:
    @profiled
    def __init__(self, n):
        self.value = leaf(n)

@profiled
def twice(n):
    leaf(n)
    return leaf(n)

@profiled
def steps(n):
    for i in range(n):
        yield middle(i)

@profiled
def fall(n):
    return fall(n - 1) if n else middle(3)

@profiled
def top():
    for k in range(3):
        middle(10 + k)
    other = twice
    other(5)
    thing = Thing(7)
    list(steps(4))
    fall(5)
    return thing
""")
    with enable_profiling(f"time+memory+ops,{tmp_path},,,imports=false,collections=false") as recording:
        space["top"]()
    (path,) = (file for file in recording.files if file.suffix == ".capture")
    with open_capture(path) as capture:
        report = analyse(capture, tuple(VIEWS.values()))
        tree = report.tree
        (view,) = (view for view in report.summary.views if view.name == "ops")
        found = {line: totals for (_, line), totals in view.lines_inclusive().items()}
        assert {totals.source for totals in found.values()} == {EXACT}
        names = [capture.label(tree.label[n]).name.removeprefix("program.") if n else "" for n in range(tree.count)]

        def expected(caller: str, callee: str) -> Iterator[int]:
            """Of the contexts of `callee` called by `caller`, what they took; below another one, nothing."""
            pairs = [n for n in range(1, tree.count) if (names[tree.parent[n]], names[n]) == (caller, callee)]
            outer = [n for n in pairs if not any(m < n < tree.end[m] for m in pairs)]
            yield sum(tree.calls[n] for n in pairs)
            for column in ("self_ns", "alloc_bytes", "ops"):
                yield sum(tree.inclusive(column)[n] for n in outer)

        calls = {
            8: ("middle", "leaf"), 13: ("Thing.__init__", "leaf"), 23: ("steps", "middle"), 32: ("top", "middle"),
            35: ("top", "Thing.__init__"),
        }  # fmt: skip
        for line, (caller, callee) in calls.items():
            amounts = found[line].amounts
            assert [amounts[c] for c in ("calls", "self_ns", "alloc_bytes", "ops")] == list(expected(caller, callee))
            assert all(amounts.values()), (line, amounts)
        assert found[36].amounts["calls"] == 1
        # Two lines call, or another name does: then nobody knows whose it was.
        assert not found.keys() & {17, 18, 34}
        # Both of its calls are on one line, in its recursion and at its end.
        assert found[27].amounts["calls"] == 5 + 1
