"""What is hard on allocator hooks: other hooks above and below them, threads, forks, other interpreters, the end.

Each program runs in a process of its own and must end as if nobody looked.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import TypeAlias

import pytest
import quirks
from allocating import Allocations
from prof.capture import open_capture

PROGRAMS = Path(__file__).resolve().parent / "programs" / "memory"
Run: TypeAlias = Callable[..., "CompletedProcess[str]"]

ORDERS = (
    "+prof -prof",
    "+prof -prof +prof -prof",
    "+trace +prof -prof -trace",
    "+trace +prof -trace -prof",
    "+prof +trace -trace -prof",
    "+prof +trace -prof -trace",
    "+prof +trace -prof -trace +prof -prof",
    "+prof +trace",
    "+trace +prof",
)


@pytest.mark.parametrize("allocators", ["default", "malloc", "debug", "pymalloc_debug"])
@pytest.mark.parametrize("order", ORDERS)
def test_other_hooks(run_program: Run, tmp_path: Path, order: str, allocators: str) -> None:
    """In any order, over any allocators. A session works that comes while hooks of an earlier one are wrapped."""
    for detail in ("false", "true"):
        out = tmp_path / detail
        done = run_program("memory/orders.py", str(out), detail, *order.split(), PYTHONMALLOC=allocators)
        assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
        paths = sorted(out.glob("*.capture"))
        assert len(paths) == order.count("+prof")
        for path in paths:
            found = Allocations(path)
            at = sum(line.alloc_bytes for line in found.lines if line.label.name.startswith("orders.py:"))
            assert 1_000_000 < at < 20_000_000
            check(found)


def check(found: Allocations) -> None:
    """What must hold in any capture."""
    if not found.totals.detail:
        return
    columns = found.columns
    for node in found.leaves():
        assert columns["live_bytes"][node] + columns["free_bytes"][node] == columns["alloc_bytes"][node]
        assert columns["free_count"][node] <= columns["alloc_count"][node]
    assert sum(columns["peak_bytes"]) == found.totals.peak_bytes
    assert sum(columns["live_bytes"]) == found.totals.live_bytes


@pytest.fixture(params=["false", "true"])
def robust(request: pytest.FixtureRequest, run_program: Run, tmp_path: Path) -> Callable[..., list[Allocations]]:
    """Runs what is hard, and returns what was recorded: the program's capture first, then its children's."""

    def run(what: str, **variables: str) -> list[Allocations]:
        out = tmp_path / "out"
        done = run_program("memory/robust.py", what, PROF=f"both,{out},,{request.param}", **variables)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "done"
        said = done.stderr
        if what == "no_memory":
            # CPython's word, one run in hundreds, where even a callback of the collector gets no memory.
            said = said.replace("Exception ignored in: ", "")
        for word in ("Traceback", "Exception", "Fatal", "Error") if what != "atexit_exit" else ():
            assert word not in said, done.stderr
        found = [Allocations(path) for path in sorted(out.glob("*.capture"), key=lambda path: (len(path.name), path))]
        for each in found:
            check(each)
        return found

    return run


def test_threads_free_blocks_of_others(robust: Callable[..., list[Allocations]]) -> None:
    (found,) = robust("exchange")
    (blocks,) = (f for f in found.functions if f.label.name.endswith("blocks"))
    # 4 threads, 300 rounds of 200 blocks, of which one has no bytes: Python keeps that for ever.
    assert blocks.alloc_count >= 4 * 300 * 199
    if found.totals.detail:
        assert blocks.live_bytes is not None and blocks.live_bytes < 100_000


@pytest.mark.parametrize("allocators", ["default", "malloc", "debug"])
def test_blocks_without_the_gil(robust: Callable[..., list[Allocations]], allocators: str) -> None:
    (found,) = robust("without_gil", PYTHONMALLOC=allocators)
    (line,) = (line for line in found.lines if line.label.name == "<threads without the GIL>")
    # What has a Python frame is on that frame's line, but the first time, where that has not allocated with the GIL.
    assert 50 <= line.alloc_count < 50 + 100
    file = str(PROGRAMS / "robust.py")
    source = (PROGRAMS / "robust.py").read_text().splitlines()
    for call, size in {"RawMalloc(5000 + n)": 5000, "RawRealloc(block": 9000}.items():
        (at,) = (number for number, text in enumerate(source, 1) if call in text)
        assert found.of_line(file, at) >= 4 * 299
        assert found.of_line(file, at, "alloc_bytes") >= 4 * sum(size + n for n in range(1, 300))
    if found.totals.detail:
        assert line.live_bytes is not None and 50 * 3000 <= line.live_bytes < 50 * 3000 + (1 << 20) + 10_000
        assert found.totals.live_bytes is not None
        assert (1 << 20) + 50 * 3000 <= found.totals.live_bytes < (1 << 20) + 50 * 3000 + 400_000


def test_fork(robust: Callable[..., list[Allocations]]) -> None:
    found = robust("fork")
    assert len(found) == 6
    for child in found[1:]:
        (blocks,) = (f for f in child.functions if f.label.name.endswith("blocks"))
        assert blocks.calls == 1 and 399 <= (blocks.alloc_count or 0) < 900
        assert not [line for line in child.lines if "in busy" in line.label.name]


def test_fork_and_exec(robust: Callable[..., list[Allocations]]) -> None:
    found = robust("execs")
    assert len(found) == 4
    assert [f.calls for f in found[0].functions if f.label.name.endswith("blocks")] == [3]


@pytest.mark.parametrize("what", ["no_memory", "interpreters", "atexit_exit", "daemons", "finalizers"])
@pytest.mark.parametrize("allocators", ["default", "debug"])
def test_hard_on_a_profiler(robust: Callable[..., list[Allocations]], what: str, allocators: str) -> None:
    if what == "interpreters" and allocators == "debug" and quirks.DEBUG_ALLOCATORS_CRASH_INTERPRETERS:
        pytest.skip("with debug allocators this program crashes CPython itself, without PROF, one time in four")
    if what == "no_memory" and quirks.NO_MEMORY_FREES_LISTS_TWICE:
        pytest.skip("this CPython frees a list twice where memory runs out, without PROF, too")
    (found,) = robust(what, PYTHONMALLOC=allocators)
    assert [f for f in found.functions if f.label.name.endswith("blocks") and (f.alloc_count or 0) >= 199]


def test_left_without_a_stop(robust: Callable[..., list[Allocations]]) -> None:
    """os._exit() ends the capture in order, though nothing else is written."""
    (found,) = robust("leave")
    with open_capture(found.path) as capture:
        assert not capture.recording
    (blocks,) = (f for f in found.functions if f.label.name.endswith("blocks"))
    assert blocks.alloc_count is not None and 199 <= blocks.alloc_count < 500


UNFOLLOWED = """
import resource, tracemalloc
from _testcapi import tracemalloc_track
from prof import profiled

@profiled
def tracks(first, count):
    for n in range(first, first + count):
        tracemalloc_track(5, 0x100000000000 + (n << 20), 1000, n % 2)

tracemalloc.start()
tracks(0, 4)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 10), resource.RLIM_INFINITY))
tracks(4, 50)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print("done")
"""


def test_blocks_that_there_is_no_memory_to_follow(run_program: Run, tmp_path: Path) -> None:
    """Each MiB of addresses needs a part of the map, here more than the process may have; with and without the GIL."""
    pytest.importorskip("_testcapi", reason="this CPython was built without its tests")
    program = tmp_path / "tracks.py"
    program.write_text(UNFOLLOWED)
    done = run_program(program, PROF=f"both,{tmp_path / 'out'},,true")
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    (path,) = (tmp_path / "out").glob("*.capture")
    found = Allocations(path)
    check(found)
    line = UNFOLLOWED.splitlines().index("        tracemalloc_track(5, 0x100000000000 + (n << 20), 1000, n % 2)") + 1
    assert 50 <= found.drops["blocks_unfollowed"] < 60
    assert 54_000 <= found.of_line(str(program), line, "alloc_bytes") < 70_000
    assert 4_000 <= found.of_line(str(program), line, "live_bytes") < 20_000
