"""What lives, by line, against `tracemalloc`: the same program once under each.

In one process they differ by what the recording makes: a note of 24 bytes on each code object that allocates, which
`tracemalloc` sees.
"""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import TypeAlias

import pytest
import quirks
from prof import enable_profiling
from prof.errors import ProfError
from recording import Recorded

Run: TypeAlias = Callable[..., "CompletedProcess[str]"]
Captures: TypeAlias = Callable[[], list[Recorded]]
Held: TypeAlias = dict[tuple[str, int], tuple[int, int]]


@pytest.fixture
def measure(run_program: Run, tmp_path: Path) -> Callable[[str, str], dict[str, Held]]:
    """Bytes and blocks by file and line, as told by `tracemalloc`, `prof`, or both."""

    def run(using: str, program: str) -> dict[str, Held]:
        done = run_program("memory/measure.py", using, program, str(tmp_path), PYTHONHASHSEED="0")
        assert done.returncode == 0, done.stderr
        return {
            tool: {(file, line): (size, count) for file, line, size, count in rows}
            for tool, rows in json.loads(done.stdout).items()
        }

    return run


def total(held: Held) -> int:
    return sum(size for (file, _), (size, _) in held.items() if not file.endswith("/tracemalloc.py"))


def test_every_line_holds_the_same(measure: Callable[[str, str], dict[str, Held]]) -> None:
    theirs = measure("tracemalloc", "plain.py")["tracemalloc"]
    ours = measure("prof", "plain.py")["prof"]
    assert len(ours) > 15
    if quirks.TRACEMALLOC_MOVES_INTS:
        assert total(ours) == total(theirs) and ours.keys() == theirs.keys()
        assert sum(abs(ours[line][1] - theirs[line][1]) for line in ours) <= 8
    else:
        assert ours == theirs


def test_the_standard_library_holds_the_same(measure: Callable[[str, str], dict[str, Held]]) -> None:
    """In all. By line it need not be: a block that comes from a free list is moved there by `tracemalloc`."""
    theirs = measure("tracemalloc", "library.py")["tracemalloc"]
    ours = measure("prof", "library.py")["prof"]
    assert total(ours) == pytest.approx(total(theirs), rel=0.0001)


@pytest.mark.parametrize("program", ["plain.py", "library.py"])
def test_side_by_side(measure: Callable[[str, str], dict[str, Held]], program: str) -> None:
    found = measure("both", program)
    assert total(found["prof"]) == pytest.approx(total(found["tracemalloc"]), rel=0.0005)
    assert total(found["prof"]) <= total(found["tracemalloc"])


def test_numpy(measure: Callable[[str, str], dict[str, Held]]) -> None:
    pytest.importorskip("numpy", reason="the test extra brings it")
    theirs = measure("tracemalloc", "arrays.py")["tracemalloc"]
    ours = measure("prof", "arrays.py")["prof"]
    assert total(ours) == pytest.approx(total(theirs), rel=0.0001)


def test_a_snapshot_is_one_of_tracemalloc(tmp_path: Path) -> None:
    from prof import memory

    with enable_profiling(f"memory,{tmp_path},,true,imports=false,collections=false"):
        first = memory.take_snapshot()
        kept = [bytes(1000) for _ in range(100)]
        second = memory.take_snapshot()
    assert isinstance(second, tracemalloc.Snapshot)
    grown = second.compare_to(first, "lineno")[0]
    assert grown.traceback[0].filename == __file__
    assert (grown.size_diff >= 100 * 1033, grown.count_diff >= 100, len(kept)) == (True, True, 100)
    (line,) = (s for s in second.statistics("lineno") if s.traceback == grown.traceback)
    assert (line.size, line.count) == (grown.size, grown.count)
    filtered = second.filter_traces([tracemalloc.Filter(True, __file__)])
    assert 0 < len(filtered.traces) < len(second.traces)
    path = tmp_path / "snapshot"
    second.dump(str(path))
    assert tracemalloc.Snapshot.load(str(path)).statistics("lineno") == second.statistics("lineno")


@pytest.mark.parametrize("text", [None, "time", "memory"])
def test_a_snapshot_needs_detail(tmp_path: Path, text: str | None) -> None:
    from prof import memory

    if text is None:
        with pytest.raises(ProfError, match=r"needs memory detail: PROF=memory,,,true"):
            memory.take_snapshot()
        return
    with (
        enable_profiling(f"{text},{tmp_path}"),
        pytest.raises(ProfError, match=r"needs memory detail: PROF=memory,,,true"),
    ):
        memory.take_snapshot()
