"""Spans as they went, by a clock that only the program moves, against what the program notes of itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prof import Profiler, ProfilerConfig
from prof.capture import open_capture
from prof.many import open_captures
from recording import Recorded, Recorder


@frozen
class Span:
    name: str
    start: int
    duration: int
    depth: int
    open: bool = False


def short(name: str) -> str:
    return name.removeprefix("program.").removeprefix("profile!").removeprefix("p.")


def tracks_of(path: Path) -> dict[str, list[Span]]:
    """Each thread's spans, whose columns are held against each other on the way."""
    found = {}
    with open_capture(path) as capture:
        events = capture.events()
        assert events is not None
        for track in events.tracks:
            columns = (track.start_ns, track.duration_ns, track.label, track.depth)
            assert {len(column) for column in columns} == {track.spans}
            found[track.thread] = [
                Span(short(events.labels[label].name), start, duration, depth, index in track.open)
                for index, (start, duration, label, depth) in enumerate(zip(*columns, strict=True))
            ]
            assert nested(found[track.thread])
    return found


def nested(spans: list[Span]) -> bool:
    """By start, and each within the last one before it that is less deep, behind all that end there."""
    around: list[Span] = []
    for before, span in zip([None, *spans], spans, strict=False):
        assert before is None or before.start <= span.start
        assert span.depth <= len(around)
        ended = around[span.depth :]
        assert all(each.start + each.duration <= span.start for each in ended)
        del around[span.depth :]
        assert not around or span.start + span.duration <= around[-1].start + around[-1].duration
        around.append(span)
    return True


PROGRAM = """
spans = []
def noted(name):
    def decorate(f):
        def inner(*args):
            begin = now()
            try: return f(*args)
            finally: spans.append((name, begin, now() - begin))
        return inner
    return decorate
time = 0
def now(): return time
def pass_(ns):
    global time
    time += ns
    tick(ns)
class Stop(Exception): pass
def run(steps):
    for step in steps:
        kind, ns, inner = step
        pass_(ns)
        {"call": call, "raise": caught, "section": section, "generate": generate}[kind](inner)
@profiled
def called(inner): run(inner)
call = noted("called")(called)
@profiled
def raises(inner):
    run(inner)
    raise Stop
def caught(inner):
    try: noted("raises")(raises)(inner)
    except Stop: pass
def section(inner):
    with profile("section"): noted("section")(run)(inner)
@profiled
def generator(inner):
    half = len(inner) // 2
    begin = now()
    run(inner[:half])
    spans.append(("generator", begin, now() - begin))
    yield
    begin = now()
    run(inner[half:])
    spans.append(("generator", begin, now() - begin))
def generate(inner):
    for _ in generator(inner): pass_(7)
def main(): run(steps)
"""
STEPS: Any = st.deferred(
    lambda: st.lists(
        st.tuples(
            st.sampled_from(["call", "raise", "section", "generate"]),
            st.sampled_from([0, 1, 5, 1000, 2**31, 2**33]),
            STEPS,
        ),
        max_size=3,
    )
)


@settings(suppress_health_check=list(HealthCheck), max_examples=60, deadline=None)
@given(steps=STEPS)
def test_events_are_what_the_program_did_and_sum_to_the_tree(record: Recorder, steps: Any) -> None:
    space = record.load(PROGRAM, steps=steps)
    recorded = record.call(space, manual=True, keys=",trace=1MB")
    (spans,) = tracks_of(recorded.path).values()
    spans = [span for span in spans if span.name in ("called", "raises", "section", "generator")]
    assert Counter((s.name, s.start, s.duration) for s in spans) == Counter(space["spans"])
    assert not any(span.open for span in spans)
    assert sums(spans) == tree_sums(recorded)


def sums(spans: list[Span]) -> dict[str, tuple[int, int]]:
    """How often, and how long in all, each recursion by itself."""
    found: dict[str, tuple[int, int]] = {}
    for span in spans:
        number, ns = found.get(span.name, (0, 0))
        found[span.name] = number + 1, ns + span.duration
    return found


def tree_sums(recorded: Recorded) -> dict[str, tuple[int, int]]:
    """The same of the calling contexts: entries and resumes, and inclusive time."""
    tree, found = recorded.tree, {}
    total = tree.inclusive("self_ns")
    for node in range(1, tree.count):
        label = recorded.labels[tree.label[node]]
        if label.kind in ("function", "section"):
            number, ns = found.get(short(label.name), (0, 0))
            found[short(label.name)] = number + tree.calls[node] + tree.resumes[node], ns + total[node]
    return {name: row for name, row in found.items() if row[0]}


DAY = 86_400 * 10**9


def test_a_day_overflows_nothing(record: Recorder) -> None:
    recorded = record(
        """
@profiled
def long(): tick(day)
@profiled
def short(): tick(3)
@profiled
def outer():
    short(); long(); short(); long(); short()
def main():
    outer(); tick(2**32 - 3); short(); tick(2**32); short()
""",
        manual=True, keys=",trace=64kB", day=DAY,
    )  # fmt: skip
    (spans,) = tracks_of(recorded.path).values()
    behind = 2 * DAY + 9 + 2**32 - 3
    assert [span for span in spans if span.name != "prof"] == [
        Span("outer", 0, 2 * DAY + 9, 0),
        Span("short", 0, 3, 1), Span("long", 3, DAY, 1), Span("short", DAY + 3, 3, 1),
        Span("long", DAY + 6, DAY, 1), Span("short", 2 * DAY + 6, 3, 1),
        Span("short", behind, 3, 0), Span("short", behind + 3 + 2**32, 3, 0),
    ]  # fmt: skip


MANY = """
@profiled
def f(): tick(10)
@profiled
def outer():
    for _ in range(20_000): f()
def main():
    outer()
    f()
"""


def test_the_first_are_kept_with_what_was_around_them(record: Recorder) -> None:
    recorded = record(MANY, manual=True, keys=",trace=64kB")
    (spans,) = tracks_of(recorded.path).values()
    assert spans[0] == Span("outer", 0, 200_000, 0)  # it ended long after there was no more room
    inner = spans[1:]
    assert inner == [Span("f", 10 * n, 10, 1) for n in range(len(inner))]
    assert 4_500 < len(inner) < 5_461
    with open_capture(recorded.path) as capture:
        events = capture.events()
        assert events is not None
        ((first, last, count),) = events.tracks[0].missing
    assert (first, last) == (10 * len(inner), 200_010)
    assert count >= 20_001 - len(inner)
    assert recorded.drops["spans_unkept"] == count
    assert recorded.calls() == {"outer": 1, "f": 20_001}  # the sums have them all


def test_the_last_are_kept(record: Recorder) -> None:
    recorded = record(MANY, manual=True, keys=",trace=64kB,keep=last")
    (spans,) = tracks_of(recorded.path).values()
    spans = [span for span in spans if span.name != "prof"]
    number = len(spans) - 2
    assert spans[0] == Span("outer", 0, 200_000, 0)
    assert spans[-1] == Span("f", 200_000, 10, 0)
    assert [span.start for span in spans[1:-1]] == list(range(200_000 - 10 * number, 200_000, 10))
    assert 4_000 < number < 5_461
    with open_capture(recorded.path) as capture:
        events = capture.events()
        assert events is not None
        ((first, last, count),) = events.tracks[0].missing
    assert (first, last, count) == (0, 200_000 - 10 * number, 20_000 - number)
    assert recorded.drops["spans_overwritten"] == count


def test_short_ones_stay_in_the_sums(record: Recorder) -> None:
    recorded = record(
        "@profiled\ndef f(ns): tick(ns)\ndef main():\n    for ns in (5, 50, 19, 20): f(ns)",
        manual=True, keys=",trace=64kB,min=20us".replace("20us", "0.02us"),
    )  # fmt: skip
    (spans,) = tracks_of(recorded.path).values()
    assert [(span.start, span.duration) for span in spans if span.name == "f"] == [(5, 50), (74, 20)]
    assert recorded.times()["f"][0] == 94


def test_threads_and_what_they_leave_open(record: Recorder) -> None:
    def start(target: Any) -> None:
        thread = threading.Thread(target=target, name="worker")
        thread.start()
        thread.join()

    recorded = record(
        """
@profiled
def f(): tick(2)
@profiled
def worker():
    f()
    profile("left")
    f()
def main():
    start(worker)
    profile("open")
    tick(5)
""",
        manual=True, keys=",trace=64kB", start=start,
    )  # fmt: skip
    found = tracks_of(recorded.path)
    assert found["worker"] == [Span("worker", 0, 4, 0), Span("f", 0, 2, 1), Span("left", 2, 2, 1), Span("f", 2, 2, 2)]
    main = [span for name, spans in found.items() if name != "worker" for span in spans]
    assert Span("open", 4, 5, 0, open=True) in main


def test_metrics_are_points(tmp_path: Path) -> None:
    with Profiler(ProfilerConfig(modes="time", output=str(tmp_path), trace="64kB")) as p, p.span("load") as span:
        span.record("rows", -7)
        span.record("share", 0.25)
    (path,) = tmp_path.glob("*.capture")
    with open_capture(path) as capture:
        events = capture.events()
        assert events is not None
        found = [(p.name, p.value, p.label and p.label.name) for p in events.points]
        (spans,) = tracks_of(path).values()
        (load,) = [span for span in spans if span.name == "load"]
        times = [load.start, *(p.time_ns for p in events.points), load.start + load.duration]
    assert found == [("rows", -7, "profile!load"), ("share", 0.25, "profile!load")]
    assert times == sorted(times)


def test_without_trace_there_are_none(record: Recorder) -> None:
    recorded = record("@profiled\ndef f(): pass\ndef main(): f()", manual=True)
    with open_capture(recorded.path) as capture:
        assert capture.events() is None


KILLED = """
import os, signal
from prof import profiled, profile
@profiled
def f(): pass
@profiled
def inner():
    for _ in range(1000): f()
    print("ready", flush=True)
    signal.pause()
@profiled
def outer():
    profile("part")
    inner()
outer()
"""


def run(tmp_path: Path, source: str, settings: str, kill: bool = False) -> list[Path]:
    """Runs a program, until it says that it is ready if it is killed then; the captures."""
    (tmp_path / "p.py").write_text(source)
    environment = os.environ | {"PROF": f"time,{tmp_path},{settings}"}
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "p.py")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        if kill:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGKILL)
        _, said = process.communicate(timeout=60)
    assert kill or process.returncode == 0, said
    return sorted(tmp_path.glob("*.capture"))


@pytest.mark.parametrize("keep", ["first", "last"])
def test_a_killed_process_leaves_its_timeline(tmp_path: Path, keep: str) -> None:
    (path,) = run(tmp_path, KILLED, f"trace=64MB,keep={keep},imports=false", kill=True)
    (spans,) = tracks_of(path).values()
    spans = [span for span in spans if span.name != "prof"]
    assert [(s.name, s.depth, s.open) for s in spans[:3]] == [("outer", 0, True), ("part", 1, True), ("inner", 2, True)]
    assert [(s.name, s.depth, s.open) for s in spans[3:]] == [("f", 3, False)] * 1000


FORKS = """
import os
from prof import profiled
@profiled
def child(): pass
@profiled
def main():
    pid = os.fork()
    child()
    if pid: os.waitpid(pid, 0)
main()
"""


def test_processes_are_on_one_clock(tmp_path: Path) -> None:
    paths = run(tmp_path, FORKS, "trace=64MB,imports=false")
    assert len(paths) == 2
    with open_captures(paths) as capture:
        events = capture.events()
        assert events is not None
        tracks = {track.process: track for track in events.tracks}
        assert len(tracks) == 2
        names = {
            pid: [short(events.labels[label].name) for label in track.label if events.labels[label].kind == "function"]
            for pid, track in tracks.items()
        }
        assert sorted(names.values()) == [["main", "child"]] * 2
        parent, son = sorted(tracks.values(), key=lambda track: track.start_ns[0])
        assert son.start_ns[0] > parent.start_ns[0]  # as the child's part of `main` began in it


def test_deep_recursion(record: Recorder) -> None:
    """Deeper than the calling contexts that are kept apart, and than a stack has room for at first."""
    recorded = record(
        "@profiled\ndef f(n):\n    tick(1)\n    if n: f(n - 1)\ndef main(): f(699)",
        manual=True, keys=",trace=64kB,depth=20",
    )  # fmt: skip
    (spans,) = tracks_of(recorded.path).values()
    assert [span for span in spans if span.name == "f"] == [Span("f", n, 700 - n, n) for n in range(700)]


CONCURRENT = """
import asyncio
@profiled
async def task(n):
    with profile("own"):
        await asyncio.sleep(0)
        await step(n)
@profiled
async def step(n):
    for _ in range(n): await asyncio.sleep(0)
async def unmarked(n):
    with profile("loose"):
        for _ in range(n): await asyncio.sleep(0)
@profiled
def steps(n): yield from range(n)
async def together(): await asyncio.gather(*(task(n) for n in range(5)), *(unmarked(n) for n in range(3)))
def main():
    asyncio.run(together())
    abandoned = [steps(3) for _ in range(4)]
    for each in abandoned: next(each)
    sum(steps(5))
"""
GREENLETS = """
from greenlet import greenlet, getcurrent
@profiled
def work(n):
    with profile("part"):
        for _ in range(n):
            inner()
            main_greenlet.switch()
@profiled
def inner(): pass
def main():
    global main_greenlet
    main_greenlet = getcurrent()
    each = [greenlet(work) for _ in range(3)]
    for g in each: g.switch(4)
    while any(not g.dead for g in each):
        for g in each:
            if not g.dead: g.switch()
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("source", [CONCURRENT, GREENLETS], ids=["tasks", "greenlets"])
def test_what_takes_turns_is_nested_and_sums_to_the_tree(record: Recorder, source: str) -> None:
    if source is GREENLETS:
        pytest.importorskip("greenlet")
    recorded = record(source, keys=",trace=1MB,clock=monotonic")
    (spans,) = tracks_of(recorded.path).values()
    names = set(tree_sums(recorded))
    assert names
    found, expected = sums([span for span in spans if span.name in names]), tree_sums(recorded)
    if source is GREENLETS:  # a switch is counted as no resume
        found, expected = ({name: (0, ns) for name, (_, ns) in each.items()} for each in (found, expected))
    assert found == expected


def test_recordings_one_after_the_other(record: Recorder) -> None:
    space = record.load("@profiled\ndef f(): tick(3)\ndef main():\n    f(); f()")
    for keys in (",trace=64kB", "", ",trace=1MB,keep=last", ",trace=64kB"):
        path = record.call(space, manual=True, keys=keys).path
        with open_capture(path) as capture:
            assert (capture.events() is not None) == bool(keys)
        if keys:
            (spans,) = tracks_of(path).values()
            assert [(span.start, span.duration) for span in spans if span.name == "f"] == [(0, 3), (3, 3)]
