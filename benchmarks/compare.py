"""`prof diff` of twice twenty captures of 100,000 calling contexts each: a side of runs of a real program."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter

from benchmarks.contenders import environment
from benchmarks.figures import Result
from benchmarks.report import PROF, record
from benchmarks.rounds import Times

DEPTH = 5  # 1 + 10 + ... + 10**5 contexts
RUNS = 20


def command(*arguments: str, says: str) -> Callable[[], tuple[float, float]]:
    """Seconds of the whole process of a `prof` command, by the clock and on a CPU."""

    def run() -> tuple[float, float]:
        start, used = perf_counter(), _used()
        output = subprocess.check_output([sys.executable, "-c", PROF, *arguments], env=environment(), text=True)
        if says not in output:
            raise RuntimeError(f"prof {' '.join(arguments)} printed {output!r}")
        return perf_counter() - start, _used() - used

    return run


def _used() -> float:
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def sides(directory: Path, runs: int, depth: int) -> Iterator[Path]:
    """Two folders of captures, each of a run of its own."""
    for name in ("before", "after"):
        folder = directory / name
        for number in range(runs):
            recording = folder / str(number)
            recording.mkdir(parents=True)
            shutil.move(record(recording, depth), folder / f"{number}.capture")
        yield folder


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    runs, depth = (4, 2) if quick else (RUNS, DEPTH)
    with tempfile.TemporaryDirectory(prefix="prof-bench-") as directory:
        before, after = sides(Path(directory), runs, depth)
        run = command("diff", str(before), "--", str(after), says="of the whole run")
        times = [run() for _ in range(2 if quick else 4)]
    nodes = sum(10**i for i in range(depth + 1))
    clock, cpu = (Times({"diff": [each[side] for each in times]}) for side in (0, 1))
    note = f"2 x {runs} captures of {nodes:,} nodes; {cpu.best('diff'):.2f} s on a CPU"
    yield clock.result("diff", lambda t: t.best("diff"), note)
