"""The Profiler object: sessions, spans, metrics, collectors, hooks, reports, and what it is told by whom."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prof import Collector, Profiler, ProfilerConfig, block, enable_profiling, profile, profiled
from prof import settings as names
from prof.capture import open_capture
from prof.errors import UsageError
from prof.many import open_captures
from prof.tools.cli import main

Run = Callable[..., "subprocess.CompletedProcess[str]"]
QUIET: dict[str, Any] = {"imports": False, "collections": False}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    gc.collect()
    return tmp_path


def profiler(**more: Any) -> Profiler:
    return Profiler(ProfilerConfig(**({"modes": "time", "output": "out"} | QUIET | more)))


def calls(report: Any) -> dict[str, int]:
    return {f.label.name.rpartition(".")[2]: f.calls for f in report.functions}


def said(report: Any) -> dict[tuple[str, str | None], tuple[Any, ...]]:
    """Metrics by name and span: how many values, their sum, the least and the most."""
    return {(m.name, m.label.name if m.label else None): (m.count, m.sum, m.least, m.most) for m in report.metrics}


def written(p: Profiler) -> Any:
    """The report of the last session."""
    return p.snapshot()


# ---- spans ----


def test_a_span_is_counted_below_the_function_that_opens_it(here: Path) -> None:
    @profiled
    def load(p: Profiler, n: int) -> None:
        for _ in range(n):
            with p.span("parse"), p.span("query", kind="db"):
                pass

    with profiler() as p:
        load(p, 3)
        load(p, 4)
    report = written(p)
    names = {f.label.index: f.label.name.rpartition(".")[2] for f in report.functions}
    tree = report.tree
    paths = {}
    for node in range(1, tree.count):
        parent = tree.parent[node]
        paths[names[tree.label[node]]] = (names[tree.label[parent]] if parent else None, tree.calls[node])
    assert paths == {"load": (None, 2), "profile!parse": ("load", 7), "db!query": ("profile!parse", 7)}


def test_a_span_by_hand_ends_once_and_says_how_long_it_took(here: Path) -> None:
    with profiler(clock="monotonic") as p:
        span = p.span("work", "task").begin()
        assert (span.name, span.kind, span.duration_ns) == ("work", "task", None)
        span.end()
        took = span.duration_ns
        span.end()
    (found,) = written(p).functions
    assert (found.calls, found.max_ns) == (1, took) and took is not None and took > 0


def test_a_span_that_is_let_go_of_ends(here: Path) -> None:
    with profiler() as p:
        p.span("lost").begin()
        with p.span("next"):
            pass
    report = written(p)
    assert calls(report) == {"profile!lost": 1, "profile!next": 1}
    assert report.capture.drops == []


def test_exceptions_pass_through_and_the_span_ends(here: Path) -> None:
    with profiler() as p, pytest.raises(KeyError), p.span("fails"):
        raise KeyError
    assert calls(written(p)) == {"profile!fails": 1} and written(p).capture.drops == []


def test_without_a_recording_spans_and_metrics_do_nothing() -> None:
    p = Profiler()
    with p.span("x", kind="y") as span:
        span.record("n", 1)
        p.record("n", 1)
    assert (span.name, span.kind, span.duration_ns) == ("x", "y", None)
    assert p.stop() == []
    with pytest.raises(UsageError, match="start the profiler first"):
        p.snapshot()


def test_sections_that_a_span_leaves_open_are_closed_with_it(here: Path) -> None:
    from prof import _probes  # type: ignore[attr-defined]

    with profiler() as p, p.span("outer"):
        _probes.profile("inner")
    report = written(p)
    assert calls(report) == {"profile!outer": 1, "profile!inner": 1}
    assert {drop.key for drop in report.capture.drops} == {"section_order"}


# ---- tasks, threads, children ----


def test_spans_of_tasks_that_take_turns_do_not_end_each_others(here: Path) -> None:
    """In coroutines that are marked, and in such that are not."""
    steps = 5

    async def unmarked(p: Profiler, name: str) -> None:
        for n in range(steps):
            with p.span(name) as span:
                await asyncio.sleep(0)
                span.record("turn", n)

    @profiled
    async def marked(p: Profiler, name: str) -> None:
        await unmarked(p, name)

    async def run(p: Profiler, task: Any) -> None:
        await asyncio.gather(*(task(p, f"task{n}") for n in range(4)))

    for task in (marked, unmarked):
        with profiler() as p, pytest.warns(RuntimeWarning, match="without @profiled"):
            asyncio.run(run(p, task))
        report = written(p)
        assert report.capture.drops == []
        spans = {name: n for name, n in calls(report).items() if name.startswith("profile!")}
        assert spans == {f"profile!task{n}": steps for n in range(4)}
        assert said(report) == {
            ("turn", f"profile!task{n}"): (steps, sum(range(steps)), 0, steps - 1) for n in range(4)
        }
        tree, parents = report.tree, set()
        names = {f.label.index: f.label.name for f in report.functions}
        for node in range(1, tree.count):
            if names[tree.label[node]].startswith("profile!"):
                parents.add(names[tree.label[tree.parent[node]]] if tree.parent[node] else None)
        assert not any(name and name.startswith("profile!") for name in parents), "no task's span is another's child"
        assert sum(tree.self_ns) == tree.total_ns[0]


def test_a_marked_coroutines_span_is_suspended_with_it(here: Path) -> None:
    @profiled
    async def waits(p: Profiler) -> None:
        with p.span("inside"):
            await asyncio.sleep(0.05)

    with profiler(clock="monotonic") as p:
        asyncio.run(waits(p))
    inside = next(f for f in written(p).functions if f.label.name == "profile!inside")
    assert inside.suspended_ns >= 45_000_000 > inside.total_ns


def test_threads_record_into_one_session_exactly(here: Path) -> None:
    number, rounds = 8, 2000

    def work(p: Profiler, n: int) -> None:
        for k in range(rounds):
            with p.span("work") as span:
                span.record("k", k)
                p.record("n", n)

    with profiler() as p:
        threads = [threading.Thread(target=work, args=(p, n)) for n in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    report = written(p)
    assert calls(report)["profile!work"] == number * rounds
    assert said(report) == {
        ("k", "profile!work"): (number * rounds, number * sum(range(rounds)), 0, rounds - 1),
        ("n", "profile!work"): (number * rounds, rounds * sum(range(number)), 0, number - 1),
    }


FORKS = """
import os, sys
from prof import Profiler, ProfilerConfig
p = Profiler(ProfilerConfig(modes="time", output="out", imports=False, collections=False))
p.start()
with p.span("before"):
    p.record("n", 1)
span = p.span("across").begin()
pid = os.fork()
with p.span("after") as s:
    s.record("n", 10 if pid else 100)
span.end()
if pid:
    os.waitpid(pid, 0)
    p.stop()
else:
    print(len(p.stop()), calls := {f.label.name: f.calls for f in p.snapshot().functions})
"""


def test_a_forked_child_goes_on_in_a_session_of_its_own(here: Path, run_program: Run) -> None:
    (here / "app.py").write_text(FORKS)
    done = run_program(here / "app.py")
    assert done.returncode == 0, done.stderr
    captures = sorted((here / "out").glob("*.capture"))
    assert len(captures) == 2
    with open_captures(captures) as both:
        tree = both.tree()
        assert both.drops == []
        found = {f.label.name: f.calls for f in both.functions(tree)}
        sums = {(m.name, m.label and m.label.name): m.sum for m in both.metrics(tree)}
    assert found == {"profile!before": 1, "profile!across": 1, "profile!after": 2}
    assert sums == {("n", "profile!before"): 1, ("n", "profile!after"): 110}


# ---- sessions ----


def test_sessions_go_by_name(here: Path) -> None:
    p = profiler()
    p.start("warm up")
    with p.span("a"):
        pass
    first = p.stop()
    p.start("load")
    with p.span("b"), p.span("b"):
        pass
    p.stop()
    assert list(p.sessions) == ["warm up", "load"] and p.sessions["warm up"] == first[-1]
    assert calls(p.snapshot("warm up")) == {"profile!a": 1}
    assert calls(p.snapshot()) == {"profile!b": 2}
    assert p.snapshot("warm up").summary.name == "warm up"
    assert [path.name.split("-")[0] for path in p.sessions.values()] == ["warm up", "load"]
    with pytest.raises(UsageError, match="no session 'x'; known: 'warm up', 'load'"):
        p.generate_report(session="x")


def test_a_snapshot_stays_as_it_was_and_ends_nothing(here: Path) -> None:
    def work(n: int) -> None:
        with p.span("a"):
            p.record("n", n)

    with profiler() as p:
        work(1)
        before = p.snapshot()
        work(2)
        assert p.running
        after = p.snapshot()
    assert (calls(before), calls(after)) == ({"profile!a": 1}, {"profile!a": 2})
    assert (said(before), said(after)) == ({("n", "profile!a"): (1, 1, 1, 1)}, {("n", "profile!a"): (2, 3, 1, 2)})


def test_snapshots_while_threads_record_and_are_sampled_can_be_read(here: Path) -> None:
    stop = threading.Event()

    def work(p: Profiler) -> None:
        n = 0
        while not stop.is_set():
            with p.span(f"s{n % 50}") as span:
                span.record(f"m{n % 50}", n)
            n += 1

    with profiler(modes="time+samples", interval="100us") as p:
        threads = [threading.Thread(target=work, args=(p,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(10):
                report = p.snapshot()
                assert report.tree.count > 1
                report.capture.close()
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def test_what_makes_a_snapshot_is_not_the_programs(here: Path, run_program: Run) -> None:
    (here / "json.py").write_text("raise SystemExit('this is of the program, and not the one that is looked for')")
    (here / "app.py").write_text(
        "from prof import Profiler\n"
        "with Profiler('time+memory,out') as p:\n"
        "    with p.span('x'): p.snapshot()\n"
        "print(sorted(f.label.name for f in p.snapshot().functions))\n"
    )
    done = run_program(here / "app.py")
    assert done.stdout == "['profile!x']\n", done.stderr


def test_reset_forgets_what_was_recorded_and_its_file(here: Path) -> None:
    with profiler() as p:
        with p.span("warm"):
            p.record("n", 5)
        p.reset()
        with p.span("real"):
            p.record("n", 7)
    assert calls(written(p)) == {"profile!real": 1}
    assert said(written(p)) == {("n", "profile!real"): (1, 7, 7, 7)}
    assert list((here / "out").glob("*.capture")) == [p.files[-1]]


def test_a_second_profiler_joins_the_first(here: Path) -> None:
    first, second = profiler(), profiler(modes="memory")
    first.start()
    second.start()
    assert (first.joined, second.joined) == (False, True)
    with second.span("inner"):
        pass
    with pytest.raises(UsageError, match="begun elsewhere"):
        second.reset()
    assert calls(second.snapshot()) == {"profile!inner": 1}
    assert second.stop() == [] and first.running
    assert first.stop()
    assert calls(first.snapshot()) == {"profile!inner": 1}


def test_starting_twice_is_a_mistake(here: Path) -> None:
    with profiler() as p, pytest.raises(UsageError, match="records already"):
        p.start()


def test_it_joins_what_PROF_records(here: Path, run_program: Run) -> None:
    (here / "app.py").write_text(
        "from prof import Profiler\n"
        "p = Profiler('memory')\n"
        "with p:\n"
        "    with p.span('x') as s: s.record('rows', 12)\n"
        "    print(p.joined, p.files, [f.label.name for f in p.snapshot().functions if '!' in f.label.name])\n"
    )
    done = run_program(here / "app.py", PROF="time,out,,,imports=false")
    assert done.stdout == "True [] ['profile!x']\n", done.stderr
    (path,) = (here / "out").glob("*.capture")
    with open_capture(path) as capture:
        assert capture.meta["modes"] == ["time"]
        assert [(m.name, m.sum) for m in capture.metrics(capture.tree())] == [("rows", 12)]


def test_a_session_that_is_open_at_the_programs_end_is_written(here: Path, run_program: Run) -> None:
    (here / "app.py").write_text(
        "from prof import Profiler\np = Profiler('time,out').start()\nwith p.span('x'): pass\n"
    )
    done = run_program(here / "app.py")
    assert "prof: wrote out/" in done.stderr
    (path,) = (here / "out").glob("*.capture")
    with open_capture(path) as capture:
        assert not capture.recording


# ---- metrics ----

NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.integers(-5, 5), st.floats(allow_nan=False, allow_infinity=False, width=32)
)


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["rows", "größe"]), NUMBERS), max_size=40))
def test_metrics_equal_a_plain_sum(values: list[tuple[str, str, int | float]]) -> None:
    expected: dict[tuple[str, str], list[int | float]] = defaultdict(list)
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        with profiler(output=folder) as p:
            for span, name, value in values:
                with p.span(span) as s:
                    s.record(name, value)
                expected[name, f"profile!{span}"].append(value)
        found = said(p.snapshot())
    assert found.keys() == expected.keys()
    for key, each in expected.items():
        number, total, least, most = found[key]
        assert (number, least, most) == (len(each), min(each), max(each))
        if all(isinstance(value, int) for value in each):
            assert total == sum(each), "exact, however large"
        else:
            assert total == pytest.approx(sum(map(float, each)), rel=1e-9, abs=1e-3 * max(map(abs, each)) * 2**-20)


def test_what_is_no_number_is_refused_and_what_is_not_finite_is_counted(here: Path) -> None:
    from fractions import Fraction

    with profiler() as p, p.span("x") as span:
        for value in ("1", None, [1]):
            with pytest.raises(TypeError, match="number"):
                span.record("n", value)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="name"):
            span.record(1, 1)  # type: ignore[arg-type]
        for value in (float("nan"), float("inf"), 10**400):
            span.record("n", value)
        span.record("n", Fraction(1, 4))
        span.record("n", True)
    report = written(p)
    assert said(report) == {("n", "profile!x"): (2, 1.25, 0.25, 1)}
    assert [(drop.key, drop.count) for drop in report.capture.drops] == [("metrics_lost", 3)]


def test_names_without_end_do_not_fill_the_file(here: Path) -> None:
    with profiler() as p, p.span("x") as span:
        for n in range(5000):
            span.record(f"name {n}", 1)
    report = written(p)
    assert len(report.metrics) == 4096
    assert {drop.key: drop.count for drop in report.capture.drops} == {"metrics_lost": 5000 - 4096}


def test_record_goes_to_the_innermost_span_of_any_kind(here: Path) -> None:
    from prof import _probes  # type: ignore[attr-defined]

    @profiled
    def f(p: Profiler) -> None:
        p.record("n", 1)
        with _probes.profile("section"):
            p.record("n", 2)

    with profiler() as p:
        p.record("n", 4)
        f(p)
    found = {
        (name, span and span.rpartition(".")[2]): total for (name, span), (_, total, _, _) in said(written(p)).items()
    }
    assert found == {("n", None): 4, ("n", "f"): 1, ("n", "profile!section"): 2}


@pytest.fixture
def two(here: Path) -> list[Path]:
    """Two captures with metrics that differ."""
    found = []
    for rows in (12, 30):
        with profiler() as p:
            for _ in range(2):
                with p.span("load", kind="db") as span:
                    span.record("rows", rows)
                    span.record("sent_bytes", 4096)
                    span.record("wait_ns", 1_500_000)
        found.append(p.files[-1])
    return found


def test_metrics_are_in_every_format(two: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    main(["report", str(two[0])])
    text = capsys.readouterr().out
    assert "Metrics  all 3" in text
    rows = [line.split() for line in text.partition("Metrics  all 3")[2].splitlines()[2:6]]
    assert [row[-3:-1] for row in rows[1:]] == [["rows", "db!load"], ["sent_bytes", "db!load"], ["wait_ns", "db!load"]]
    assert rows[1][:5] == ["24", "2", "12", "12", "12"]
    assert rows[2][:3] == ["8.0", "KiB", "2"] and rows[3][:2] == ["3.00", "ms"]
    main(["report", str(two[0]), "--format", "json"])
    found = json.loads(capsys.readouterr().out)["metrics"]
    assert {**found[0], "file": "", "line": 0} == {
        "name": "rows", "span": "db!load", "kind": "section", "file": "", "line": 0,
        "count": 2, "sum": 24, "least": 12, "most": 12,
    }  # fmt: skip
    main(["report", str(two[0]), "--format", "markdown"])
    assert "\n## Metrics\n" in (markdown := capsys.readouterr().out) and "| 24 | 2 | 12 |" in markdown
    main(["report", str(two[0]), "--format", "html", "-o", "page.html"])
    assert '<details class="metrics">' in (page := Path("page.html").read_text()) and "<td>8.0 KiB</td>" in page


def test_metrics_of_several_captures_are_sums(two: list[Path]) -> None:
    with open_captures(two) as both:
        found = {m.name: (m.count, m.sum, m.least, m.most) for m in both.metrics(both.tree())}
    assert found == {
        "rows": (4, 84, 12, 30),
        "sent_bytes": (4, 16384, 4096, 4096),
        "wait_ns": (4, 6_000_000, *[1_500_000] * 2),
    }


def test_metrics_are_compared(two: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    main(["diff", *map(str, two)])
    text = capsys.readouterr().out
    assert "Metrics by change of their sums  all 1 that differ" in text and "+36" in text and "sent_bytes" not in text
    main(["diff", *map(str, two), "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    assert found["same"] is False
    assert found["metrics"] == [
        {"name": "rows", "span": "db!load", "sum": {"before": 24, "after": 60, "change": 36},
         "count": {"before": 2, "after": 2, "change": 0}}
    ]  # fmt: skip


# ---- collectors and hooks ----


class OpenFiles:
    """Somebody else's: it knows nothing of the profiler but the methods that it is called by."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.calls = 0

    def _open(self) -> int:
        return len(os.listdir("/proc/self/fd"))

    def start(self, profiler: Profiler) -> None:
        self.heard.append("start")

    def start_span(self, span: Any) -> None:
        self.before = self._open()

    def end_span(self, span: Any) -> None:
        self.calls += 1
        span.record("files opened", self._open() - self.before)
        assert span.duration_ns > 0

    def totals(self) -> dict[str, int | float]:
        return {"spans seen": self.calls, "share": 0.5}

    def reset(self) -> None:
        self.heard.append("reset")
        self.calls = 0


def test_a_third_partys_collector(here: Path) -> None:
    p = profiler()
    collector = p.add(OpenFiles())
    p.start()
    with p.span("nothing"):
        pass
    p.reset()
    files = []
    for _ in range(2):
        with p.span("opens"):
            files.append(open(os.devnull))  # noqa: SIM115
    for file in files:
        file.close()
    p.stop()
    assert collector.heard == ["start", "reset"]
    report = written(p)
    assert said(report) == {
        ("files opened", "profile!opens"): (2, 2, 1, 1),
        ("spans seen", None): (1, 2, 2, 2),
        ("share", None): (1, 0.5, 0.5, 0.5),
    }
    assert report.tree.profiler_ns > 0, "what collectors take is the profiler's own"


def test_hooks_are_called_with_what_has_happened(here: Path) -> None:
    p, heard = profiler(), []
    p.on_start(lambda found: heard.append(("start", found.running)))
    p.on_stop(lambda found: heard.append(("stop", len(found.files))))
    p.on_span_end(lambda span: heard.append((span.kind, span.name)))
    with p, p.span("a"), p.span("b", "db"):
        pass
    assert heard == [("start", True), ("db", "b"), ("profile", "a"), ("stop", 2)]


def test_one_that_raises_is_told_once_and_left_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(Collector):
        def end_span(self, span: Any) -> None:
            raise ValueError("no such\nthing")

    p = profiler()
    p.add(Broken())
    with p:
        for _ in range(3):
            with p.span("x"):
                pass
    told = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert len(told) == 1 and told[0].endswith("Broken is left out from now on: ValueError: no such thing")
    assert calls(written(p)) == {"profile!x": 3}
    with pytest.raises(UsageError, match="start, start_span, end_span, totals, reset"):
        p.add(object())


# ---- reports ----


def test_generate_report_in_every_format(here: Path) -> None:
    with profiler() as p:
        with p.span("x"):
            pass
        assert "profile!x" in p.generate_report()
    assert json.loads(p.generate_report("json"))["functions"][0]["name"] == "profile!x"
    assert p.generate_report("html").startswith("<!DOCTYPE html>")
    assert "\n## Sections by calls\n" in p.generate_report("markdown", sort="calls")
    with pytest.raises(UsageError, match="no format 'xml'; known: text, json, html, markdown"):
        p.generate_report("xml")


def test_a_block_leaves_a_report(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with block("task") as measured:
        measured.record("rows", 3)
        sum(range(200_000))
    report = measured.files[-1]
    assert report.suffix == ".txt" and report.name.startswith("task-")
    text = report.read_text()
    assert text.startswith("Profile of task") and "block!task" in text and "rows" in text
    assert report.stat().st_mode & 0o777 == 0o600
    assert f"prof: wrote {report}" in capsys.readouterr().err
    with block("page", "time", format="html") as measured:
        pass
    assert measured.files[-1].read_text().startswith("<!DOCTYPE html>")


def test_samples_of_a_block_have_the_functions_in_it(here: Path) -> None:
    import time

    def spin(until: float) -> None:
        while time.monotonic() < until:
            pass

    with block("task", "time+samples,,,,interval=500us,imports=false") as measured:
        spin(time.monotonic() + 0.2)
    report = measured.profiler.snapshot()
    samples = {f.label.name.rpartition(".")[2]: f.samples for f in report.functions}
    assert samples["spin"] > 0.5 * samples["block!task"] > 0
    (found,) = (f.label for f in report.functions if f.label.name == "block!task")
    assert found.file == __file__


def test_a_block_decorates_functions_of_every_kind(here: Path) -> None:
    @block
    def plain(n: int) -> int:
        return n + 1

    @block("named", "time")
    async def coroutine(n: int) -> int:
        await asyncio.sleep(0)
        return n + 2

    @block("steps", "time")
    def generator() -> Iterator[int]:
        yield 1

    assert (plain(1), asyncio.run(coroutine(1)), list(generator())) == (2, 3, [1])
    assert {path.name.split("-")[0] for path in here.glob("*.txt")} == {"plain", "named", "steps"}


def test_a_block_inside_a_recording_is_a_span_of_that(here: Path) -> None:
    with enable_profiling("time,out,imports=false") as outer, block("task") as measured:
        pass
    assert measured.files == [] and not list(here.glob("*.txt"))
    with open_capture(outer.files[-1]) as capture:
        assert [f.label.name for f in capture.functions(capture.tree()) if "!" in f.label.name] == ["block!task"]


# ---- what it is told ----

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "modes": st.just("all"),
    "output": st.text("abc/._ ü", min_size=1).map(str.strip).filter(bool),
    "log": st.sampled_from(names.LOGS),
    "detail": st.booleans(),
    "mode": st.sampled_from(["600", "640"]),
    "argv": st.booleans(),
    "clock": st.sampled_from(names.CLOCKS),
    "depth": st.integers(1, 10**9),
    "nodes": st.sampled_from(["20k", "4M", 7]),
    "engine": st.sampled_from(names.ENGINES),
    "min": st.sampled_from(["0", "1ms", "2.5us"]),
    "slowest": st.sampled_from(["0", 5, 100]),
    "args": st.sampled_from(["none", "repr"]),
    "trace": st.sampled_from(["64MB", "100kB"]),
    "keep": st.sampled_from(names.KEEPS),
    "dump": st.sampled_from(["200ms", "exception+signal:USR2"]),
    "dump_function": st.sampled_from(["app.*", "handle"]),
    "types": st.sampled_from(["all", 0, 5]),
    "profile": st.just("old.capture"),
    "track": st.sampled_from(["call", "call+attribute", ["arithmetic", "call"]]),
    "interval": st.sampled_from(["100us", "0.5s"]),
    "frames": st.booleans(),
    "max_samples": st.integers(1, 10**9),
    "imports": st.booleans(),
    "collections": st.booleans(),
    "process": st.booleans(),
}


def test_every_name_is_in_the_round_trip() -> None:
    assert VALUES.keys() == names.NAMES.keys()


@given(st.fixed_dictionaries({"modes": VALUES["modes"]}, optional={k: v for k, v in VALUES.items() if k != "modes"}))
def test_a_configuration_is_what_PROF_would_say(values: dict[str, Any]) -> None:
    needs = {"trace": "trace", "keep": "trace", "dump": "trace", "dump_function": "dump"}
    if values.get("clock") == "cpu":
        values.pop("trace", None)
    values = {k: v for k, v in values.items() if k not in needs or needs[k] in values}
    if "dump" not in values or "trace" not in values:
        values.pop("dump_function", None)
    config = ProfilerConfig(**values)
    text = config.text()
    assert ProfilerConfig.parse(text) == config
    assert names.parse(text) == names.settled([config.said()])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"intervall": "1ms"}, r"unknown key 'intervall' \(did you mean 'interval'\?\); known: modes, output"),
        ({"interval": "1"}, r"ProfilerConfig\(interval='1'\): '1' is not an interval"),
        ({"modes": "time", "types": 3}, "mode 'ops', which is not among"),
        ({"modes": "memory", "min": "1ms"}, "mode 'time', which is not among"),
        ({"track": "calls"}, "no operations 'calls'; known: .*call"),
        ({"detail": True, "modes": "time"}, "no mode given records memory"),
    ],
)
def test_a_mistake_in_a_configuration_names_what_is_known(values: dict[str, Any], words: str, here: Path) -> None:
    with pytest.raises(UsageError, match=words):
        Profiler(ProfilerConfig(**values)).start()


PROGRAM = "from prof import profiled\n@profiled\ndef f(): pass\nf()\n"


def settings_of(folder: Path) -> dict[str, Any]:
    (path,) = folder.rglob("*.capture")
    with open_capture(path) as capture:
        return {"modes": capture.meta["modes"], "clock": capture.clock, "folder": path.parent.name}


def test_pyproject_says_what_PROF_does_not(here: Path, run_program: Run) -> None:
    (here / "app").mkdir()
    (here / "app" / "app.py").write_text(PROGRAM)
    (here / "pyproject.toml").write_text(
        '[tool.prof.record]\nmodes = ["time", "memory"]\noutput = "profiles"\nclock = "monotonic"\n'
    )
    run_program(here / "app" / "app.py", PROF=",")
    assert settings_of(here) == {"modes": ["time", "memory"], "clock": "monotonic", "folder": "profiles"}
    run_program(here / "app" / "app.py", PROF="time,own,,,clock=cpu")
    assert settings_of(here / "own") == {"modes": ["time"], "clock": "cpu", "folder": "own"}


def test_the_nearest_table_holds(here: Path, run_program: Run) -> None:
    (here / "app").mkdir()
    (here / "app" / "app.py").write_text(PROGRAM)
    (here / "app" / "pyproject.toml").write_text("[tool.prof]\nexclude = ['x']\n[tool.profile]\nrecord = 1\n")
    (here / "pyproject.toml").write_text("[tool]\nprof.record = { clock = 'monotonic', output = 'near', types = 7 }\n")
    run_program(here / "app" / "app.py", PROF="time")
    assert settings_of(here) == {"modes": ["time"], "clock": "monotonic", "folder": "near"}


def test_a_profiler_takes_what_it_is_told_before_pyproject(here: Path) -> None:
    (here / "pyproject.toml").write_text("[tool.prof.record]\nclock = 'monotonic'\noutput = 'elsewhere'\n")
    with Profiler(ProfilerConfig(output="mine")) as p:
        pass
    assert settings_of(here) == {"modes": ["time"], "clock": "monotonic", "folder": "mine"}
    assert p.files


@pytest.mark.parametrize(
    ("table", "status", "words"),
    [
        (
            "[tool.prof.record]\nintervall = '1ms'",
            2,
            "[tool.prof.record] unknown key 'intervall' (did you mean 'interval'?)",
        ),
        ("[tool.prof.record]\nclock = 'moon'", 2, "[tool.prof.record] clock = 'moon': 'moon' is not one of wall"),
        ("[tool.prof.record", 0, "is no TOML"),
    ],
)
def test_a_mistake_in_pyproject_is_one_line(here: Path, run_program: Run, table: str, status: int, words: str) -> None:
    (here / "app.py").write_text(PROGRAM)
    (here / "pyproject.toml").write_text(table)
    done = run_program(here / "app.py", PROF="time")
    assert (done.returncode, len(done.stderr.splitlines())) == (status, 1), done.stderr
    assert words in done.stderr and "Traceback" not in done.stderr
    assert not list(here.glob("*.capture"))


def test_a_project_without_the_table_costs_no_parser(here: Path, run_program: Run) -> None:
    (here / "app.py").write_text(PROGRAM + "import sys\nprint('tomllib' in sys.modules)\n")
    (here / "pyproject.toml").write_text("[tool.prof]\nexclude = ['x']\n[project]\nname = 'x'\n")
    assert run_program(here / "app.py", PROF="time").stdout == "False\n"


# ---- filters ----


def test_what_never_took_as_long_as_min_is_charged_to_its_caller(here: Path, record: Any) -> None:
    source = """
@profiled
def short(n):
    tick(n)
    return [0] * 1000
@profiled
def long(n):
    tick(1_000_000); short(n); short(20)
@profiled
def outer():
    long(10); long(500_000); short(7)
def main(): outer()
"""
    whole = record(source, manual=True)
    cut = record(source, manual=True, keys=",min=1ms")
    assert whole.calls() == {"outer": 1, "long": 2, "short": 5}
    assert cut.calls() == {"outer": 1, "long": 2}
    assert whole.times()["long"][:2] == (2_500_050, 2_000_000)
    assert cut.times()["long"][:2] == (2_500_050, 2_500_050)
    assert cut.times()["outer"][:2] == (2_500_057, 7)
    same = record(source, manual=True, keys=",min=1us")
    assert same.calls() == whole.calls(), "one call of `short` took long enough"


def test_min_holds_for_several_captures_as_for_one(here: Path, record: Any, capsys: pytest.CaptureFixture[str]) -> None:
    source = "@profiled\ndef f(n): tick(n)\n@profiled\ndef g():\n    tick(5_000_000); f(N)\ndef main(): g()"
    short, long = (record(source.replace("N", n), manual=True, keys=",min=1ms") for n in ("10", "2_000_000"))
    assert (short.calls(), long.calls()) == ({"g": 1}, {"g": 1, "f": 1})
    with open_captures([short.path, long.path]) as both:
        assert {f.label.name: f.calls for f in both.functions(both.tree())} == {"program.g": 2, "program.f": 2}
    main(["report", str(short.path)])
    assert (
        "! 1 function or section of which no call took 1.00 ms: charged to their callers (min=)"
        in capsys.readouterr().out
    )


def test_only_operations_that_are_tracked_are_counted(here: Path) -> None:
    @profiled
    def f(text: str) -> Any:
        for _ in range(10):
            text.strip().split()
        return 1 + len(text)

    found = {}
    for track in ("", "call", "call+arithmetic"):
        with profiler(modes="ops", **({"track": track} if track else {})) as p:
            f("x")
        (function,) = (each for each in written(p).functions if each.label.name.endswith("f"))
        found[track] = Counter(function.operations)
        assert function.ops == sum(function.operations.values()) and function.exact
    assert found["call"] == Counter(call=found[""]["call"]) and found["call"]["call"] == 22
    assert found["call+arithmetic"] == found["call"] + Counter(arithmetic=found[""]["arithmetic"])


def test_no_more_samples_are_kept_than_asked_for(here: Path) -> None:
    import time

    with profiler(modes="time+samples", interval="200us", max_samples=20) as p:
        until = time.monotonic() + 0.1
        while time.monotonic() < until:
            pass
    report = written(p)
    assert report.capture._info.sampler.samples == 20
    assert {drop.key for drop in report.capture.drops} >= {"samples_enough"}


# ---- start ----


def test_prof_itself_stays_cheap() -> None:
    code = "import sys; before = set(sys.modules); import prof; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name for name in done.stdout.split() if name.startswith("prof")} == {"prof"}


def test_profile_and_end_are_as_they_were(here: Path) -> None:
    """A profiler that stops leaves the markers alone."""
    with profiler() as p:
        pass
    assert "span" not in vars(p)
    with profile("x"):
        pass
