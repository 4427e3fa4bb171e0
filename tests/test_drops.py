"""Each counter of what was dropped, healed or folded (enum prof_drop), and the program that makes it count."""

from __future__ import annotations

from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import pytest
from prof.capture import DROPS
from prof.tools.cli import main
from recording import Recorded, Recorder

RECURSION = """
@profiled
def f(n):
    tick(1)
    if n: f(n - 1)
@profiled
def g(n):
    f(n)
def main():
    g(19); g(19)
"""


def test_every_counter_is_explained_here() -> None:
    """The section_… counters are in test_sections, lost_counts in test_operations, events_taken in
    test_operations_by_events, blocks_… in test_memory_robust, those of samples in test_samples, metrics_lost and
    samples_enough in test_profiler, waits_lost in test_waiting, arguments_failed in test_slowest, spans_… in
    test_events."""
    tested = {"healed", "unmatched_leave", "folded_depth", "folded_size", "lost_labels", "open_at_end"}
    in_sections = {"section_open", "section_unopened", "section_order"}
    in_samples = {"ticks_missed", "samples_torn", "samples_cut", "samples_lost", "threads_unmetered"}
    elsewhere = {"lost_counts", "blocks_unfollowed", "events_taken", "metrics_lost", "samples_enough"}
    in_events = {"spans_unkept", "spans_overwritten"}
    in_waiting = {"waits_lost", "arguments_failed"}
    assert set(DROPS) == tested | in_sections | in_samples | in_waiting | in_events | elsewhere


def test_healed(record: Recorder, engine: str) -> None:
    """A span of another kind that nobody ended is closed by the function around it."""
    from prof._core import lib

    recorded = record(
        "@profiled\ndef f():\n    begin()\n    begin()\n    tick(5)\n    return 1\ndef main(): return f()",
        engine=engine, manual=True, begin=lib.prof_own_begin,
    )  # fmt: skip
    for _ in range(2):
        lib.prof_own_end()  # else this thread would work for the profiler ever after
    assert recorded.drops == {"healed": 2}
    assert recorded.result == 1
    assert recorded.counts() == {"f": (1, 0)}


def test_unmatched_leave(record: Recorder) -> None:
    """A function was running already when the recording began: its return is not of a span."""
    space = record.load("""
@profiled
def outer(): return start()
@profiled
def generator():
    yield 1
    yield 2
def nothing(): outer(); list(generator())
""")  # fmt: skip
    space["start"], space["main"] = lambda: None, space["nothing"]
    record.call(space)  # gives them their probes

    from prof import session

    suspended = space["generator"]()
    next(suspended)
    space["start"] = lambda: session.start(f"time,{record.folder},imports=false,collections=false")
    outer = space["outer"]()
    list(suspended)
    (path,) = (file for file in outer.stop() if file.suffix == ".capture")
    recorded = Recorded(path)
    assert recorded.drops == {"unmatched_leave": 1}
    # What resumes in the recording is in it, though it was called before.
    assert recorded.counts() == {"generator": (0, 2)}


def test_folded_depth(record: Recorder, engine: str) -> None:
    recorded = record(RECURSION, engine=engine, manual=True, keys=",depth=5")
    # 20 calls from g: g;f;f;f;f is five deep, and the other 16 fold into the last of these.
    assert recorded.drops == {"folded_depth": 32}
    assert max(recorded.tree.depth) == 5
    assert recorded.counts() == {"f": (40, 0), "g": (2, 0)}
    assert recorded.times() == {"f": (40, 40, 0), "g": (40, 0, 0)}


def test_folded_size(record: Recorder, engine: str) -> None:
    recorded = record(RECURSION, engine=engine, manual=True, keys=",nodes=6")
    assert list(recorded.drops) == ["folded_size"]
    assert recorded.counts() == {"f": (40, 0), "g": (2, 0)}
    assert recorded.times() == {"f": (40, 40, 0), "g": (40, 0, 0)}


def test_folded_size_of_many_functions(record: Recorder) -> None:
    """Those for which there is no node at all are calls of their caller."""
    recorded = record(
        "for n in range(100): exec(f'@profiled\\ndef f{n}(): return {n}')\n"
        "made = [globals()[f'f{n}'] for n in range(100)]\n"
        "@profiled\ndef outer(): return sum(f() for f in made)\n"
        "def main(): return outer()",
        keys=",nodes=20",
    )
    assert recorded.result == sum(range(100))
    assert list(recorded.drops) == ["folded_size"]
    assert sum(recorded.calls().values()) == 101


def test_lost_labels_and_a_full_disk(
    run_program: Callable[..., CompletedProcess[str]],
    captures: Callable[[], list[Recorded]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The file may not grow: the program goes on to its end, and what was recorded until then is there."""
    done = run_program("full.py", "3", PROF="time")
    assert (done.returncode, done.stdout) == (0, "calls 6000\n")
    (recorded,) = captures()
    assert recorded.drops["lost_labels"] > 1000
    assert recorded.calls()["full.first"] == 1
    assert "healed" not in recorded.drops and "unmatched_leave" not in recorded.drops
    assert main(["report", str(recorded.path)]) == 0
    assert "! the capture could not grow (it had its largest size): what came later" in capsys.readouterr().out


def test_a_full_disk_folds_contexts(
    run_program: Callable[..., CompletedProcess[str]], captures: Callable[[], list[Recorded]]
) -> None:
    done = run_program("full.py", "contexts", PROF="time")
    assert (done.returncode, done.stdout) == (0, "contexts\n")
    (recorded,) = captures()
    assert recorded.drops["folded_size"] > 0
    calls = recorded.calls()
    # One of `other` came when no node could be made for its first context: it counts as its caller's.
    assert calls["full.branch"] + calls["full.other"] == 2**15 - 1 + 2**14 - 1
    assert calls["full.branch"] - (2**15 - 1) <= 1


def test_open_at_end(record: Recorder, engine: str) -> None:
    """Of the calling thread and of others, and what time they had until then."""
    recorded = record("""
import threading
ready, leave = threading.Event(), threading.Event()
@profiled
def waits():
    tick(3)
    ready.set()
    leave.wait()
def main():
    threads.append(threading.Thread(target=waits))
    threads[0].start()
    ready.wait()
""", engine=engine, manual=True, threads=(threads := []))  # fmt: skip
    space: Any = threads[0]._target.__globals__  # type: ignore[attr-defined]
    space["leave"].set()
    threads[0].join()
    assert recorded.drops == {"open_at_end": 1}
    assert recorded.counts() == {"waits": (1, 0)}
    assert recorded.times() == {"waits": (3, 3, 0)}
