"""Functions whose markers leave out a mode of the session: `@profiled("memory")`, `"time"`, `"mem_summary"`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from allocating import Allocations
from prof import enable_profiling, session
from prof.capture import open_capture
from prof.modes import MEASURES
from prof.tools.analysis.frames import frames_of_tree
from prof.tools.cli import main
from recording import MANUAL, Recorder, manual_clock

PROGRAM = """
kept = []

@profiled
def outer():
    tick(100)
    kept.append(bytes(1001))
    untimed()
    unremembered()
    unfollowed()

@profiled("memory")
def untimed():
    tick(20)
    kept.append(bytes(20_001))
    with profile("part"):
        tick(3)
        kept.append(bytes(3001))
    inner()

@profiled("time")
def unremembered():
    tick(40)
    kept.append(bytes(40_001))
    with profile("quiet"):
        kept.append(bytes(50_001))
    inner()

@profiled("time", "mem_summary")
def unfollowed():
    tick(60)
    kept.append(bytes(60_001))
    inner()

@profiled
def inner():
    tick(7)
    kept.append(bytes(7001))

def main():
    outer()
"""
TIMES = ("total_ns", "self_ns", "suspended_ns", "min_ns", "max_ns", "p50_ns", "p90_ns", "p99_ns")
ALLOCATED = ("alloc_count", "alloc_bytes", "total_alloc_count", "total_alloc_bytes")
HELD = ("free_count", "free_bytes", "live_bytes", "peak_bytes", "total_live_bytes", "total_peak_bytes")


@pytest.fixture
def path(engine: str, record: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program's capture, in memory detail."""
    monkeypatch.setitem(session._CLOCKS, "wall", MANUAL)
    space = record.load(PROGRAM)
    space["tick"] = manual_clock()
    settings = f"both,{tmp_path},,true,engine={engine},imports=false,collections=false"
    with enable_profiling(settings) as enabled:
        space["main"]()
    (capture,) = (file for file in enabled.files if file.suffix == ".capture")
    return capture


@pytest.fixture
def report(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["report", str(path), "--format", "json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def short(name: str) -> str:
    return name.removeprefix("program.").removeprefix("profile!")


def nodes(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The nodes of the JSON call tree by path."""
    paths = [""]
    for row in rows[1:]:
        paths.append(f"{paths[row['parent']]};{short(row['name'])}")
    return {path.removeprefix(";"): row for path, row in zip(paths[1:], rows[1:], strict=True)}


def test_time_left_out_is_the_callers(path: Path) -> None:
    with open_capture(path) as capture:
        tree = capture.tree()
        times = {short(f.label.name): (f.total_ns, f.self_ns) for f in capture.functions(tree)}
        assert tree.total_ns[0] - tree.self_ns[0] == 100 + 23 + 40 + 60 + 3 * 7
    assert times["outer"] == (244, 123)
    assert times["untimed"] == times["part"] == (0, 0)
    assert times["unremembered"] == (47, 40)
    assert times["inner"] == (21, 21)


def test_folded_and_drawn(path: Path) -> None:
    time = path.with_name(path.name.replace(".capture", "-time.folded"))
    lines = dict(line.rsplit(" ", 1) for line in time.read_text().splitlines())
    by_path = {";".join(map(short, stack.split(";"))): int(ns) for stack, ns in lines.items()}
    assert by_path == {
        "outer": 123, "outer;untimed;inner": 7, "outer;unremembered": 40, "outer;unremembered;inner": 7,
        "outer;unfollowed": 60, "outer;unfollowed;inner": 7,
    }  # fmt: skip
    with open_capture(path) as capture:
        frames = frames_of_tree(capture, capture.tree(), MEASURES["time"], 0)
    drawn = {short(frames.names[name].name): frames.total[at] for at, name in enumerate(frames.name)}
    assert (drawn["outer"], drawn["untimed"], "part" in drawn) == (244, 7, False)


def test_memory_left_out_is_the_callers(path: Path) -> None:
    found = Allocations(path)
    lines = PROGRAM.splitlines()

    def at(size: str, column: str = "alloc_bytes") -> dict[tuple[str, ...], int]:
        number = next(n for n, line in enumerate(lines, 1) if f"bytes({size})" in line)
        sums = found.sums(column, str(path.parent / "program.py"))
        return {stack: value for (stack, line), value in sums.items() if line == number and value > 500}

    assert at("40_001").keys() == at("50_001").keys() == {("outer",)}
    assert at("3001").keys() == {("outer", "untimed", "part")}
    assert at("60_001").keys() == {("outer", "unfollowed")}
    assert at("60_001", "live_bytes") == at("60_001", "peak_bytes") == {}
    assert at("20_001", "live_bytes").keys() == {("outer", "untimed")}


def test_the_json_leaves_the_keys_out(report: dict[str, Any]) -> None:
    functions = {short(f["name"]): f for f in report["functions"]}
    missing = {name: [key for key in (*TIMES, *ALLOCATED, *HELD) if key not in f] for name, f in functions.items()}
    assert missing == {
        "outer": [], "inner": [], "untimed": [*TIMES], "part": [*TIMES], "unremembered": [*ALLOCATED, *HELD],
        "quiet": [*ALLOCATED, *HELD], "unfollowed": [*HELD],
    }  # fmt: skip
    tree = nodes(report["call_tree"])
    assert "self_ns" not in tree["outer;untimed"] and tree["outer;untimed"]["alloc_bytes"] > 20_000
    assert "alloc_bytes" not in tree["outer;unremembered"] and tree["outer;unremembered"]["self_ns"] == 40
    edges = {(short(e["caller"] or ""), short(e["callee"])): e for e in report["edges"]}
    assert "total_ns" not in edges["outer", "untimed"] and edges["outer", "untimed"]["calls"] == 1
    assert edges["untimed", "inner"]["total_ns"] == 7


def test_the_text_shows_dashes(path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["report", str(path), "--full", "--sort", "calls"]) == 0
    table, _, rest = capsys.readouterr().out.partition("Sections")
    rows = {
        short(line.split("program.")[1].split()[0]): line.split() for line in table.splitlines() if "program.py" in line
    }
    assert rows["untimed"][:4] == ["-", "-", "-", "1"] and "KiB" in rows["untimed"]
    assert rows["unremembered"][:3] == ["40", "ns", "16.4%"] and "KiB" not in rows["unremembered"]
    (row,) = (line.split() for line in rest.partition("Call tree")[2].splitlines() if line.endswith("untimed"))
    assert row[:3] == ["-", "-", "-"]
