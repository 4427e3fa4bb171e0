"""What events add to `PROF=time`: of an empty call, beside tracers that keep events too, and of whole programs."""

from __future__ import annotations

import contextlib
import gc
import io
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from math import prod
from pathlib import Path
from types import CodeType
from typing import Any

from benchmarks.calls import LOOPS, MARKED, compare, timed
from benchmarks.contenders import Contender, Plain, Prof, Trace0, VizTracer, missing
from benchmarks.figures import Result
from benchmarks.rounds import Times, interleave, merge
from benchmarks.whole import PROGRAMS, source
from benchmarks.whole import timed as timed_program

CALLS = 20_000


class Alone:
    """This project, with a recording for each run."""

    def __init__(self, name: str, settings: str, directory: Path) -> None:
        self.name = name
        self._settings = settings
        self._directory = directory
        self._prof = Prof()

    def load(self, code: CodeType) -> dict[str, Any]:
        with self.recording():
            return self._prof.load(code)

    @contextmanager
    def _recording(self) -> Iterator[None]:
        import prof

        with contextlib.redirect_stderr(io.StringIO()), prof.enable_profiling(self._settings):
            yield
        for path in self._directory.iterdir():
            path.unlink()

    def recording(self) -> AbstractContextManager[Any]:
        return self._recording()


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    gc.freeze()
    with tempfile.TemporaryDirectory(prefix="prof-bench-") as name:
        directory = Path(name)
        (directory / "ours").mkdir()
        time = f"time,{directory / 'ours'},imports=false,collections=false"
        ours = [
            Alone("time", time, directory / "ours"),
            Alone("prof", f"{time},trace=64MB", directory / "ours"),
        ]
        yield from calls(ours, directory, quick)
        yield programs(ours, quick)
        yield size(time, directory / "ours")


def calls(ours: list[Alone], directory: Path, quick: bool) -> Iterator[Result]:
    contenders: list[Contender] = [Plain(), *ours]
    if not missing("VizTracer"):
        contenders.append(VizTracer())
    if not missing("trace0"):
        contenders.append(Trace0(directory))
    code = compile(MARKED + LOOPS, "marked.py", "exec")
    layouts = [{c.name: c.load(code)["call"] for c in contenders} for _ in range(1 if quick else 4)]
    runs = [{c.name: timed(c, loops[c.name], CALLS) for c in contenders} for loops in layouts]
    times = merge([interleave(each, 4 if quick else 30) for each in runs])
    for figure, peer in (("events-viztracer", "VizTracer"), ("events-trace0", "trace0"), ("events-time", "time")):
        why = missing(peer) if peer != "time" else ""
        yield Result(figure, note=f"not measured: {why}") if why else compare(times, figure, peer, CALLS)


def programs(ours: list[Alone], quick: bool) -> Result:
    every: dict[str, Times] = {}
    for program in PROGRAMS:
        spaces = {c.name: c.load(source(program)) for c in ours}
        runs = {c.name: timed_program(c, spaces[c.name]) for c in ours}
        every[program] = interleave(runs, 3 if quick else 30)

    def mean(of: list[Times]) -> float:
        return float(prod(times.best("prof") / times.best("time") for times in of) ** (1 / len(of)))

    parts = [mean(list(part)) for part in zip(*(times.parts() for times in every.values()), strict=True)]
    note = ", ".join(f"{name} {times.best('prof') / times.best('time'):.2f}" for name, times in every.items())
    return Result("events-programs", mean(list(every.values())), min(parts), max(parts), note)


def size(settings: str, directory: Path) -> Result:
    """Bytes of the capture for a span, of a program that makes a million."""
    from prof.capture import open_capture

    ours = Alone("prof", f"{settings},trace=64MB", directory)
    call = ours.load(compile(MARKED + LOOPS, "marked.py", "exec"))["call"]
    with ours.recording():
        call(1_000_000)
        (path,) = directory.glob("*.capture")
        with open_capture(path) as capture:
            events = capture.events()
            assert events is not None
            spans, size = events.spans, capture.event_bytes
    return Result("events-bytes", size / spans, note=f"{spans:,} spans")
