"""Files of other profilers, read as captures: what comes out is what the file says, by a pass of the test's own."""

from __future__ import annotations

import json
import pstats
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from example import example, memory_example
from prof.capture import Capture
from prof.modes import recorded_measures
from prof.tools.cli import main
from prof.tools.importers import read_foreign

PROGRAM = """
def fall(n): return n and fall(n - 1) + swing(n - 2)
def swing(n): return n > 0 and fall(n - 1)
def work(n): return sum(i * i for i in range(n))
def main():
    fall(9), swing(7), work(9999), sorted(range(999), key=lambda n: -n)
main()
"""
# What py-spy writes: a profile for each thread, in seconds.
SAMPLED = {
    "$schema": "https://www.speedscope.app/file-format-schema.json",
    "exporter": "py-spy@0.4.0",
    "name": "py-spy profile",
    "activeProfileIndex": 0,
    "shared": {"frames": [{"name": n, "file": "/src/app.py", "line": 7} for n in ("main", "work", "rest")]},
    "profiles": [
        {"type": "sampled", "name": "Thread 1", "unit": "seconds", "startValue": 0.0, "endValue": 0.05,
         "samples": [[0, 1], [0], [0, 1, 1]], "weights": [0.01, 0.02, 0.02]},
        {"type": "sampled", "name": "Thread 2", "unit": "seconds", "startValue": 0.0, "endValue": 0.01,
         "samples": [[2]], "weights": [0.01]},
    ],
}  # fmt: skip
# What pyinstrument writes: frames that open and close.
EVENTED = {
    **SAMPLED,
    "exporter": "pyinstrument",
    "profiles": [
        {"type": "evented", "name": "run", "unit": "milliseconds", "startValue": 0, "endValue": 10, "events": [
            {"type": "O", "at": 0, "frame": 0}, {"type": "O", "at": 2, "frame": 1},
            {"type": "C", "at": 7.5, "frame": 1},
            {"type": "O", "at": 8, "frame": 1}, {"type": "C", "at": 9, "frame": 1}, {"type": "C", "at": 10, "frame": 0},
        ]},
    ],
}  # fmt: skip
# What viztracer writes: complete events, in the order in which they end, in microseconds; and what others do.
CHROME = {
    "traceEvents": [
        {"ph": "M", "pid": 1, "tid": 1, "name": "process_name", "args": {"name": "MainProcess"}},
        {"ph": "X", "pid": 1, "tid": 1, "ts": 12.5, "dur": 3.25, "name": "work (/src/app.py:2)", "cat": "FEE"},
        {"ph": "X", "pid": 1, "tid": 1, "ts": 16.0, "dur": 2.0, "name": "work (/src/app.py:2)", "cat": "FEE"},
        {"ph": "X", "pid": 1, "tid": 1, "ts": 10.0, "dur": 20.0, "name": "main (/src/app.py:1)", "cat": "FEE"},
        {"ph": "B", "pid": 1, "tid": 2, "ts": 11, "name": "rest"},
        {"ph": "E", "pid": 1, "tid": 2, "ts": 19},
    ],
    "viztracer_metadata": {"version": "1.0.0"},
}
# What Node writes: the last sample lasts until the end.
V8 = {
    "nodes": [
        {"id": 1, "callFrame": {"functionName": "(root)", "url": "", "lineNumber": -1}, "children": [2]},
        {"id": 2, "callFrame": {"functionName": "main", "url": "a.js", "lineNumber": 3}, "children": [3]},
        {"id": 3, "callFrame": {"functionName": "", "url": "a.js", "lineNumber": 7}},
    ],
    "startTime": 1000, "endTime": 1100, "samples": [2, 3, 1, 3], "timeDeltas": [10, 20, 30, 5],
}  # fmt: skip
FOLDED = "main (app.py:9);work (app.py:2) 7\nmain (app.py:9);work (app.py:3) 2\nmain (app.py:8) 1\nnot a stack\n"


def write(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document) if not isinstance(document, str) else document)
    return path


def foreign(path: Path) -> Capture:
    found = read_foreign(path)
    assert found is not None
    return found


def times(path: Path) -> dict[str, tuple[int, int, int]]:
    """By name, calls, self and total."""
    with foreign(path) as capture:
        rows = capture.functions(capture.tree())
        assert all(row.label.kind == "function" for row in rows)
        return {row.label.name: (row.calls, row.self_ns, row.total_ns) for row in rows}


def test_cprofile(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    path = tmp_path / "profile"  # of any name
    subprocess.run([sys.executable, "-m", "cProfile", "-o", path, tmp_path / "app.py"], check=True)
    expected = pstats.Stats(str(path))
    table: dict[Any, Any] = expected.stats  # type: ignore[attr-defined]
    with foreign(path) as capture:
        rows = capture.functions(capture.tree())
        found = {(row.label.file or "~", row.label.line, row.label.name): row for row in rows}
        assert found.keys() == table.keys()
        for key, (_, calls, own, total, callers) in table.items():
            assert (found[key].calls, found[key].self_ns) == (calls, round(own * 1e9)), key
            if len(callers) <= 1 and key[2] in ("work", "main"):
                assert found[key].total_ns == pytest.approx(total * 1e9, rel=0.02, abs=20_000), key
        assert sum(row.self_ns for row in rows) == pytest.approx(expected.total_tt * 1e9, abs=1000)  # type: ignore[attr-defined]
        edges = {(edge.caller.name, edge.callee.name) for edge in capture.edges(capture.tree()) if edge.caller}
    assert {("main", "work"), ("main", "fall"), ("fall", "swing"), ("main", "swing")} <= edges


def test_speedscope_of_samples(tmp_path: Path) -> None:
    ms = 1_000_000
    assert times(write(tmp_path / "a", SAMPLED)) == {
        "main": (0, 20 * ms, 50 * ms), "work": (0, 30 * ms, 30 * ms), "rest": (0, 10 * ms, 10 * ms)
    }  # fmt: skip


def test_speedscope_of_events(tmp_path: Path) -> None:
    assert times(write(tmp_path / "a.txt", EVENTED)) == {
        "main": (1, 3_500_000, 10_000_000), "work": (2, 6_500_000, 6_500_000)
    }  # fmt: skip


@pytest.mark.parametrize("events_alone", [False, True])
def test_chrome(events_alone: bool, tmp_path: Path) -> None:
    document: Any = CHROME["traceEvents"] if events_alone else CHROME
    path = write(tmp_path / "a.json", document)
    assert times(path) == {"main": (1, 14_750, 20_000), "work": (2, 5250, 5250), "rest": (1, 8000, 8000)}
    with foreign(path) as capture:
        (work,) = (row.label for row in capture.functions(capture.tree()) if row.label.name == "work")
        assert (work.file, work.line) == ("/src/app.py", 2)


def test_v8(tmp_path: Path) -> None:
    expected = {"main": (0, 20_000, 85_000), "(anonymous)": (0, 65_000, 65_000)}
    assert times(write(tmp_path / "a.cpuprofile", V8)) == expected


def test_folded_stacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "spy.txt", FOLDED)
    with foreign(path) as capture:
        tree = capture.tree()
        rows = {row.label.name: (row.samples_self, row.samples) for row in capture.functions(tree)}
        assert rows == {"main": (1, 10), "work": (9, 9)}
        assert {line.label.name: line.samples for line in capture.lines(tree, "samples")} == {
            "app.py:2": 7, "app.py:3": 2, "app.py:8": 1
        }  # fmt: skip
    assert main(["report", str(path)]) == 0
    out = capsys.readouterr().out
    assert "has samples, no time, no memory, no ops" in out and "1 line of" in out and "work" in out


@pytest.mark.parametrize("build", [example, memory_example])
def test_what_we_wrote_comes_back(build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("app.capture").write_bytes(build().build())
    assert main(["export", "--format", "speedscope", "-o", "out"]) == 0
    document = json.loads(Path("out").read_text())
    sums = {profile["name"]: sum(profile["weights"]) for profile in document["profiles"]}
    with foreign(Path("out")) as capture:
        found = {m.title: capture.tree().inclusive(m.column)[0] for _, m in recorded_measures(capture) if m.unit}
    assert found == {title: sums[title] for title in found} and "time" in found


def test_every_command_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("a.json"), CHROME)
    write(Path("b.json"), EVENTED)
    for command in (
        ["report", "a.json", "--full"], ["report", "a.json", "--format", "html", "-o", "-"],
        ["folded", "a.json", "-o", "out"], ["flamegraph", "a.json", "-o", "-"],
        ["export", "--format", "pprof", "a.json", "-o", "out"], ["diff", "a.json", "b.json"],
        ["report", "a.json", "--callers", "work"], ["report", "--focus", "main", "a.json"],
    ):  # fmt: skip
        assert main(command) == 0, command
        shown = capsys.readouterr().out
        assert "work" in shown or "out" in shown or "rest" in shown
    assert main(["folded", "a.json", "--mode", "memory", "-o", "out"]) == 2
    assert "was recorded without memory-summary; it has: time" in capsys.readouterr().err


BAD = {
    "cut.json": json.dumps(CHROME)[:300],
    "other.json": '{"some": "thing"}',
    "list.json": "[1, 2]",
    "no-frames.json": json.dumps({**SAMPLED, "shared": {"frames": []}}),
    "negative.json": json.dumps(SAMPLED).replace("0.02", "-1"),
    "text.json": json.dumps(SAMPLED).replace("0.02", '"x"'),
    "closes.json": json.dumps(EVENTED).replace('"O"', '"C"'),
    "ends.json": json.dumps(CHROME["traceEvents"][-1:]),
    "no-time.json": json.dumps([{"ph": "X", "name": "f"}]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_damaged_file_is_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / name, BAD[name])
    assert main(["report", str(path)]) == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_a_damaged_pstats_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "app.pstats"
    (tmp_path / "app.py").write_text(PROGRAM)
    subprocess.run([sys.executable, "-m", "cProfile", "-o", path, tmp_path / "app.py"], check=True)
    whole = path.read_bytes()
    statuses: Counter[int] = Counter()
    for at in range(3, len(whole), 101):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]):
            path.write_bytes(damaged)
            statuses[main(["folded", str(path), "-o", str(tmp_path / "out")])] += 1
            errors = capsys.readouterr().err.splitlines()
            assert len([line for line in errors if "is damaged" in line or "no capture" in line]) <= 1
    assert statuses.keys() <= {0, 3} and statuses[3] > 10
