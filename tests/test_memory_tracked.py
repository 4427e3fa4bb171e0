"""Blocks that CPython's allocators never see, and libraries tell tracemalloc of: numpy's arrays above all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, TypeAlias

import pytest
from allocating import Allocations, record
from test_memory_robust import check

Run: TypeAlias = Callable[..., "CompletedProcess[str]"]

PROGRAM = Path(__file__).resolve().parent / "programs/memory/tracked.py"
ARRAY = 5000  # bytes


@pytest.fixture(params=["false", "true"])
def tracked(request: pytest.FixtureRequest, run_program: Run, tmp_path: Path) -> Callable[..., list[Allocations]]:
    """Runs a part of the program, and returns what was recorded, in order."""

    def run(what: str, **variables: str) -> list[Allocations]:
        if what != "without_gil":
            pytest.importorskip("numpy", reason="the test extra brings it")
        out = tmp_path / "out"
        done = run_program("memory/tracked.py", str(out), request.param, what, **variables)
        assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
        assert "Traceback" not in done.stderr
        found = [Allocations(path) for path in sorted(out.glob("*.capture"), key=lambda path: path.stat().st_mtime_ns)]
        for each in found:
            check(each)
        return found

    return run


def arrays(found: Allocations, column: str = "alloc_bytes") -> int:
    """A column of the line that makes the arrays."""
    lines = PROGRAM.read_text().splitlines()
    (number,) = (number for number, line in enumerate(lines, 1) if "numpy.zeros(" in line)
    return found.of_line(str(PROGRAM), number, column)


@pytest.mark.parametrize("allocators", ["default", "malloc", "debug"])
def test_imported_while_recording(tracked: Callable[..., list[Allocations]], allocators: str) -> None:
    (found,) = tracked("imported", PYTHONMALLOC=allocators)
    assert arrays(found) >= 100 * ARRAY


def test_the_summary_counts_what_detail_counts(tmp_path: Path) -> None:
    """By line, once: a block that comes from CPython and is told of is one block."""
    pytest.importorskip("numpy", reason="the test extra brings it")
    path = PROGRAM.with_name("arrays.py")
    space: dict[str, Any] = {}
    exec(compile(path.read_text(), path, "exec"), space)
    for _ in range(3):
        space["work"]()
    summary, detail = (record(tmp_path / str(detail), space["work"], detail) for detail in (False, True))
    for column in ("alloc_count", "alloc_bytes"):
        ours, theirs = summary.sums(column, str(path)), detail.sums(column, str(path))
        assert ours == pytest.approx(theirs, rel=0.2)  # what comes from free lists may differ
        assert sum(ours.values()) == pytest.approx(sum(theirs.values()), rel=0.01)
        assert sum(ours.values()) > 5000


def test_threads(tracked: Callable[..., list[Allocations]]) -> None:
    (found,) = tracked("threads")
    made = 4 * 200 * 20
    assert made * ARRAY <= arrays(found) < made * (ARRAY + 300)
    if found.totals.detail:
        assert arrays(found, "live_bytes") < ARRAY


def test_fork(tracked: Callable[..., list[Allocations]]) -> None:
    found = sorted(tracked("fork"), key=lambda each: len(each.path.name))
    for each, made in zip(found, (100, 50), strict=True):
        assert made * ARRAY <= arrays(each) < made * (ARRAY + 300)
        if each.totals.detail:
            assert arrays(each, "live_bytes") >= made * ARRAY


def test_orders(tracked: Callable[..., list[Allocations]]) -> None:
    found = tracked("orders")
    assert len(found) == 6
    assert min(map(arrays, found)) >= 150 * ARRAY


def test_freed_later(tracked: Callable[..., list[Allocations]]) -> None:
    first, second = tracked("left")
    assert 200 * ARRAY <= arrays(first) < 200 * (ARRAY + 300)
    assert 10 * ARRAY <= arrays(second) < 10 * (ARRAY + 300)
    if first.totals.detail:
        assert arrays(first, "live_bytes") >= 200 * ARRAY
        assert second.totals.live_bytes == second.totals.alloc_bytes - (second.totals.free_bytes or 0)


def test_told_twice_and_without_the_gil(tracked: Callable[..., list[Allocations]]) -> None:
    """One address is one block, whatever its domains: the second call moves it. Domain 0 is CPython's own."""
    pytest.importorskip("_testcapi", reason="this CPython was built without its tests")
    (found,) = tracked("without_gil")
    lines = PROGRAM.read_text().splitlines()
    first, second = (n for n, line in enumerate(lines, 1) if "tracemalloc_track(" in line)
    tracked_at = [found.of_line(str(PROGRAM), n, "alloc_bytes") // 1_000_000 for n in (first, second)]
    assert tracked_at == [100, 50]  # of the first, every other one was told of without the GIL
    if found.totals.detail:
        held = [found.of_line(str(PROGRAM), n, "live_bytes") // 1_000_000 for n in (first, second)]
        assert held == [50, 20]
