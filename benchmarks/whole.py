"""The slowdown of whole programs, every function in them recorded."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from importlib import resources
from math import prod
from time import perf_counter
from types import CodeType
from typing import Any

from benchmarks.contenders import Contender, missing, present, recorded
from benchmarks.figures import Result
from benchmarks.rounds import Times, interleave, merge

PROGRAMS = ("nbody", "fannkuch", "richards", "jsonenc", "spectral", "calculator", "queens")
FIGURES = {
    "programs": "prof",
    "programs-cprofile": "cProfile",
    "programs-viztracer": "VizTracer",
    "programs-trace0": "trace0",
}


def source(program: str) -> CodeType:
    """A program's code, compiled for one contender alone."""
    path = resources.files("benchmarks.programs") / f"{program}.py"
    return compile(path.read_text(), f"{program}.py", "exec")


def timed(contender: Contender, namespace: dict[str, Any]) -> Callable[[], float]:
    """A run of the program under the contender, which must not change its result; warmed up as in `calls`."""
    run, scale, expected = namespace["run"], namespace["SCALE"], namespace["EXPECTED"]

    def once() -> float:
        gc.collect()
        with contender.recording():
            run(namespace["WARM"])
            start = perf_counter()
            result = run(scale)
            seconds = perf_counter() - start
        if result != expected:
            raise RuntimeError(f"{contender.name}: the program gave {result!r}, expected {expected!r}")
        return seconds

    return once


def check(namespace: dict[str, Any]) -> None:
    """Raises RuntimeError unless the program has probes."""
    from prof import _probes  # type: ignore[attr-defined]

    if not _probes.is_probed(namespace["run"].__code__):
        raise RuntimeError("the program has no probes: this would measure nothing")


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    every: dict[str, Times] = {}
    gc.freeze()
    with recorded() as directory:
        contenders = present(directory)
        for program in PROGRAMS:
            layouts = [{c.name: c.load(source(program)) for c in contenders} for _ in range(1 if quick else 3)]
            check(layouts[0]["prof"])
            runs = [{c.name: timed(c, spaces[c.name]) for c in contenders} for spaces in layouts]
            every[program] = merge([interleave(each, 3 if quick else 50) for each in runs])
    for figure, name in FIGURES.items():
        if name != "prof" and missing(name):
            yield Result(figure, note=f"not measured: {missing(name)}")
        else:
            yield geomean(every, figure, name)


def slowdown(times: Times, name: str) -> float:
    """The contender's time over the plain one."""
    return times.best(name) / times.best("plain")


def geomean(every: dict[str, Times], figure: str, name: str) -> Result:
    """The geometric mean of the slowdowns, with each of them in the note."""

    def mean(of: list[Times]) -> float:
        return prod(slowdown(times, name) for times in of) ** (1 / len(of))

    parts = [mean(list(part)) for part in zip(*(times.parts() for times in every.values()), strict=True)]
    note = ", ".join(f"{program} {slowdown(times, name):.2f}" for program, times in every.items())
    return Result(figure, mean(list(every.values())), min(parts), max(parts), note)
