"""What the memory mode costs: time, beside the peers that follow memory, and memory of its own.

Allocator hooks are the whole process's, so no two contenders can be on at once. They take turns: one begins, the
program runs once to warm up what beginning undid, then for the clock, and the contender ends. `plain` runs with no
hooks. It has a second turn under another name, of which the notes tell the same figure: as far as that is from 1, the
machine was noisy or somebody left something behind.

Times are processor time, of all threads together and the kernel's share with it: the programs take a few milliseconds,
and on a shared machine hardly one in many runs that long without being interrupted.

No function has probes here but those for `both`, which records their time as well. How much memory detail takes is
measured in processes of their own.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from math import prod
from pathlib import Path
from time import process_time
from types import CodeType
from typing import Any

from benchmarks import data
from benchmarks.contenders import environment, execute
from benchmarks.figures import Result
from benchmarks.rounds import Times, interleave
from benchmarks.whole import check, source

PROGRAMS = ("rows", "index", "objects", "format", "json", "floats", "words", "tree")
LONG = ("rows", "index", "format", "json", "floats", "words")
"""Of these, the ones whose functions run for about a microsecond or longer, counted per call."""

ROUNDS = 6
RUNS = 5  # Timed, in each turn; 1 for peers, which are slower and of which less is asked.
LEAST = 1e-3  # Added time below this share of the plain run's is noise, and counts as this much.
ROWS = 800_000  # of 5 objects each: about 200 MB
ROOT = Path(__file__).resolve().parent.parent

PEERS = ("tracemalloc", "memray", "memray-python")

Open = Callable[[], AbstractContextManager[Any]]


@contextmanager
def session(settings: str) -> Iterator[None]:
    """A recording of this project; its files are gone afterwards."""
    import prof

    recording = prof.enable_profiling(f"{settings},imports=false,collections=false")
    with contextlib.redirect_stderr(io.StringIO()), recording:
        yield
    for file in recording.files:
        file.unlink()


@contextmanager
def traced() -> Iterator[None]:
    """tracemalloc as it comes: one frame."""
    import tracemalloc

    tracemalloc.start(1)
    try:
        yield
    finally:
        tracemalloc.stop()


@contextmanager
def tracked(path: Path, python: bool) -> Iterator[None]:
    """memray as it comes, or with each Python allocator."""
    import memray

    with memray.Tracker(path, trace_python_allocators=python):
        yield
    path.unlink()


def missing(peer: str) -> str:
    """Why a peer cannot be measured here; empty when it can."""
    if peer.startswith("memray") and importlib.util.find_spec("memray") is None:
        return "memray is not installed"
    return ""


def openers(directory: Path) -> dict[str, Open]:
    """Every contender that can run here, by what turns it on."""
    found: dict[str, Open] = {
        "plain": nullcontext,
        "again": nullcontext,
        "summary": lambda: session(f"memory,{directory}"),
        "detail": lambda: session(f"memory,{directory},,true"),
        "tracemalloc": traced,
        "memray": lambda: tracked(directory / "memray.bin", False),
        "memray-python": lambda: tracked(directory / "memray.bin", True),
    }
    return {name: opener for name, opener in found.items() if not missing(name)}


def turn(opener: Open, namespace: dict[str, Any], name: str) -> Callable[[], float]:
    """The best of the runs of a turn; the program's result must stay what it is."""
    run, scale, expected = namespace["run"], namespace["SCALE"], namespace["EXPECTED"]
    runs = 1 if name in PEERS else RUNS

    def once() -> float:
        gc.collect()
        best = float("inf")
        with opener():
            for i in range(1 + runs):
                start = process_time()
                result = run(scale)
                seconds = process_time() - start
                best = min(best, seconds) if i else best
                if result != expected:
                    raise RuntimeError(f"{name}: the program gave {result!r}, expected {expected!r}")
                del result
        return best

    return once


def slowdown(times: Times, name: str) -> float:
    """The contender's time over the plain one."""
    return times.best(name) / times.best("plain")


def added(times: Times, name: str) -> float:
    """Seconds that the contender adds, as many as can be told from none."""
    return max(times.best(name) - times.best("plain"), LEAST * times.best("plain"))


def mean(values: list[float]) -> float:
    """Geometric."""
    return prod(values) ** (1 / len(values))


def overall(
    every: dict[str, Times], figure: str, ratio: Callable[[Times], float], reduce: Callable[[list[float]], float] = mean
) -> Result:
    """The ratio of each program reduced to one, with each of them in the note."""
    parts = zip(*(times.parts() for times in every.values()), strict=True)
    ranged = [reduce([ratio(times) for times in part]) for part in parts]
    values = {program: ratio(times) for program, times in every.items()}
    note = ", ".join(f"{program} {value:.3f}" for program, value in values.items())
    return Result(figure, reduce(list(values.values())), min(ranged), max(ranged), note)


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    gc.freeze()
    # On disk, as in `contenders.recorded`.
    with tempfile.TemporaryDirectory(prefix="prof-bench-") as directory:
        yield from alone(Path(directory), quick)
        yield from both(Path(directory), quick)
        yield from data.measure(session, Path(directory), quick)
    yield share(quick)


def alone(directory: Path, quick: bool) -> Iterator[Result]:
    """The memory mode by itself."""
    contenders = openers(directory)
    every: dict[str, Times] = {}
    for program in PROGRAMS:
        code = source(f"alloc_{program}")
        turns = {name: turn(opener, execute(code), name) for name, opener in contenders.items()}
        every[program] = interleave(turns, 2 if quick else ROUNDS)
    control = mean([slowdown(times, "again") for times in every.values()])
    for name in ("summary", "detail"):
        result = overall(every, f"memory-{name}", lambda t, name=name: slowdown(t, name))  # type: ignore[misc]
        yield Result(result.name, result.value, result.low, result.high, f"{result.note}; plain again {control:.3f}")
        yield overall(every, f"memory-{name}-worst", lambda t, name=name: slowdown(t, name), max)  # type: ignore[misc]
    for name in ("summary", "detail"):
        yield overall(
            every,
            f"memory-{name}-tracemalloc",
            lambda t, name=name: added(t, name) / added(t, "tracemalloc"),  # type: ignore[misc]
        )
    for peer in PEERS:
        figure = f"memory-{peer}"
        if why := missing(peer):
            yield Result(figure, note=f"not measured: {why}")
        else:
            yield overall(every, figure, lambda t, peer=peer: slowdown(t, peer))  # type: ignore[misc]


def probed(code: CodeType) -> dict[str, Any]:
    """A namespace in which every function has probes."""
    from prof import _probes  # type: ignore[attr-defined]

    namespace = execute(_probes.probe_code(code, "program", True))
    check(namespace)
    return namespace


def both(directory: Path, quick: bool) -> Iterator[Result]:
    """Time and memory at once, every function with probes."""
    settings = f"both,{directory}"
    every: dict[str, Times] = {}
    for program in LONG:
        code = source(f"alloc_{program}")
        with session(settings):
            ours = probed(code)
        turns = {
            "plain": turn(nullcontext, execute(code), "plain"),
            "both": turn(lambda: session(settings), ours, "both"),
        }
        every[program] = interleave(turns, 2 if quick else ROUNDS)
    yield overall(every, "memory-both", lambda t: slowdown(t, "both"))


# ---- memory of its own -----------------------------------------------------------------------------------------------


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def held(directory: str, rows: int) -> None:
    """Run in a process of its own: fills a heap, under `detail` if there is a directory; prints by how much it grew."""
    import_module("prof.session")
    with tempfile.TemporaryDirectory(dir=directory or None) as files:
        opener = session(f"memory,{files},,true") if directory else nullcontext()
        before = resident()
        with opener:
            heap = [(i, str(i), [i]) for i in range(rows)]
            print(json.dumps(resident() - before), flush=True)
        del heap


def share(quick: bool) -> Result:
    """What detail adds to a heap of small objects, as a share of that heap."""
    rows = ROWS // 10 if quick else ROWS
    with tempfile.TemporaryDirectory(prefix="prof-bench-") as directory:
        grown = {}
        for name, where in (("plain", ""), ("detail", directory)):
            command = [sys.executable, "-c", f"from benchmarks.memory import held; held({where!r}, {rows})"]
            output = subprocess.check_output(command, cwd=ROOT, env=environment(), text=True)
            grown[name] = json.loads(output.splitlines()[-1])
    plain, detail = grown["plain"] / 1e6, grown["detail"] / 1e6
    note = f"{detail - plain:.1f} MB on {plain:.1f} MB"
    return Result("memory-share", (detail - plain) / plain * 100, note=note)
