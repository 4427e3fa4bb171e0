"""Uninstrumenting a tree of files on disk, against copying it."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from prof.instrument.cli import instrument_main, uninstrument_main
from prof.instrument.tags import HEADER

from benchmarks import corpus
from benchmarks.figures import Result
from benchmarks.rounds import interleave

FILES = 1800


def instrumented(root: Path) -> int:
    """How many files below `root` carry our header."""
    return sum(HEADER.search(path.read_bytes()) is not None for path in root.rglob("*.py"))


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    count = 40 if quick else FILES
    with tempfile.TemporaryDirectory(prefix="prof-bench-") as directory:
        edited, copy = Path(directory) / "edited", Path(directory) / "copy"
        corpus.tree(edited, count)
        with contextlib.redirect_stderr(io.StringIO()) as refused:
            instrument_main(["--quiet", str(edited)])
        changed = instrumented(edited)

        def copying() -> float:
            shutil.rmtree(copy, ignore_errors=True)
            start = perf_counter()
            shutil.copytree(edited, copy)
            return perf_counter() - start

        def uninstrumenting() -> float:
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(edited, copy)
            start = perf_counter()
            if uninstrument_main(["--quiet", str(copy)]):
                raise RuntimeError("prof-uninstrument did not restore the tree")
            seconds = perf_counter() - start
            if instrumented(copy):
                raise RuntimeError("prof-uninstrument left edits behind")
            return seconds

        times = interleave({"copy": copying, "uninstrument": uninstrumenting}, 3 if quick else 6)
    lines = refused.getvalue().count("\n")
    seconds = f"{times.best('uninstrument'):.2f} s against {times.best('copy'):.2f}"
    note = f"{seconds} for {count} files, {changed} of them edited, {lines} refused"
    yield times.result("uninstrument-tree", lambda t: t.best("uninstrument") / t.best("copy"), note)
