"""The figures, each in one row: what it is called, which group measures it, and what it must and should reach."""

from __future__ import annotations

from typing import Any

from attrs import frozen


@frozen
class Figure:
    """One line of the table. `must` and `aim` are bounds on the measured value, None for a line without a verdict."""

    name: str
    group: str
    """The module of `benchmarks` that measures it."""
    title: str
    must: float | None = None
    aim: float | None = None
    at_least: bool = False
    """Whether the bounds are lower bounds: more is better."""
    unit: str = ""
    """Behind each number: `×`, ` MB/s`, ` s`. Empty for a plain ratio."""

    def verdict(self, value: float | None) -> str:
        """`aim`, `must` or `MISSED`; a dash where nothing is asked or nothing was measured."""
        if value is None or self.must is None or self.aim is None:
            return "-"
        if self._meets(value, self.aim):
            return "aim"
        return "must" if self._meets(value, self.must) else "MISSED"

    def _meets(self, value: float, bound: float) -> bool:
        return value >= bound if self.at_least else value <= bound

    def bound(self, value: float | None) -> str:
        """A bound as the table shows it."""
        return "" if value is None else f"{'>=' if self.at_least else '<='} {number(value)}{self.unit}"


@frozen
class Result:
    """What was measured of a figure. `value` None: not measured, and `note` says why.

    `low` and `high` are the figure computed from parts of the rounds alone (see `rounds`): what it is worth.
    """

    name: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""
    detail: str = ""
    """Tables of its own, which stand below that of the figures."""


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


FIGURES: tuple[Figure, ...] = (
    Figure("call-cprofile", "calls", "added time of an empty call / cProfile's", 0.25, 0.15),
    Figure("call-viztracer", "calls", "added time of an empty call / VizTracer's", 0.35, 0.20),
    Figure("call-trace0", "calls", "added time of an empty call / trace0's", 0.65, 0.45),
    Figure("generator", "calls", "added time of a generator step / cProfile's", 0.30, 0.15),
    Figure("coroutine", "calls", "added time of a coroutine step, 3 awaits deep / cProfile's", 0.30, 0.15),
    Figure("raise", "calls", "added time of a call that raises / cProfile's", 0.30, 0.15),
    Figure("run-program", "ways", "a program under `prof run` / the same edited, PROF=time", 1.03, 1.0, unit="x"),
    Figure("run-import", "ways", "importing a package under `prof run` / from its .pyc files", 1.3, 1.15, unit="x"),
    Figure("standby", "ways", "a program on standby / without prof", 1.005, 1.0, unit="x"),
    Figure("attach", "ways", "from asking a process that runs to its being recorded", 300, 150, unit=" ms"),
    Figure("detach", "ways", "its speed afterwards / before", 1.01, 1.0, unit="x"),
    Figure("span", "span", "a span through the Profiler object, from Python", 250, 120, unit=" ns"),
    Figure("span-kind", "span", "  one with a kind, inside another", unit=" ns"),
    Figure("span-record", "span", "  a value of a metric", unit=" ns"),
    Figure("span-c", "native", "a span through the C API, from C", 30, 30, unit=" ns"),
    Figure("span-c-nested", "native", "  inside another", unit=" ns"),
    Figure("span-c-clock", "native", "  of these, reading the clock twice", unit=" ns"),
    Figure("span-c-off", "native", "  where nothing records", unit=" ns"),
    Figure("span-c-value", "native", "  a value of a metric", unit=" ns"),
    Figure("span-c-python", "native", "  in an extension of a recorded Python program", 30, 30, unit=" ns"),
    Figure("programs", "whole", "slowdown of whole programs, every function recorded", 1.45, 1.25, unit="x"),
    Figure("programs-cprofile", "whole", "  the same under cProfile", unit="x"),
    Figure("programs-viztracer", "whole", "  the same under VizTracer", unit="x"),
    Figure("programs-trace0", "whole", "  the same under trace0", unit="x"),
    Figure("events-viztracer", "events", "added time of an empty call with events / VizTracer's", 0.35, 0.28),
    Figure("events-trace0", "events", "added time of an empty call with events / trace0's", 0.60, 0.48),
    Figure("events-time", "events", "  added time of an empty call with events / without"),
    Figure("events-programs", "events", "7 whole programs, time,trace=64MB / time", 1.15, 1.08, unit="x"),
    Figure("events-bytes", "events", "bytes of the capture for a span", 16, 12.5, unit=" B"),
    Figure("memory-summary", "memory", "slowdown of 8 programs that allocate, memory summary", 1.15, 1.08, unit="x"),
    Figure("memory-summary-worst", "memory", "  the worst of them", 1.35, 1.2, unit="x"),
    Figure("memory-detail", "memory", "slowdown of the same programs, memory detail", 1.25, 1.15, unit="x"),
    Figure("memory-detail-worst", "memory", "  the worst of them", 1.55, 1.35, unit="x"),
    Figure("memory-summary-tracemalloc", "memory", "added time of memory summary / tracemalloc's", 0.10, 0.05),
    Figure("memory-detail-tracemalloc", "memory", "  added time of memory detail / tracemalloc's"),
    Figure("memory-tracemalloc", "memory", "  slowdown of the programs under tracemalloc, 1 frame", unit="x"),
    Figure("memory-memray", "memory", "  the same under memray", unit="x"),
    Figure("memory-memray-python", "memory", "  the same under memray, Python's allocators too", unit="x"),
    Figure("memory-both", "memory", "slowdown by `both`, functions of 1 us and longer recorded", 1.25, 1.15, unit="x"),
    Figure(
        "memory-data", "memory", "slowdown of programs that are only data, compiled and run once", 1.3, 1.15, unit="x"
    ),
    Figure("memory-share", "memory", "memory that detail adds to a heap of 200 MB", 30, 20, unit=" %"),
    Figure("ops", "operations", "slowdown of 5 programs, operations counted", 1.12, 1.06, unit="x"),
    Figure("ops-worst", "operations", "  the worst of them", 1.20, 1.12, unit="x"),
    Figure("ops-micro", "operations", "  the worst of 5 loops that do nothing else", 1.50, 1.30, unit="x"),
    Figure("ops-types", "operations", "  the programs, with the types of operands sampled", 1.15, 1.10, unit="x"),
    Figure("ops-together", "operations", "  time, memory and operations together", 1.35, 1.2, unit="x"),
    Figure("ops-line_profiler", "operations", "  under line_profiler", unit="x"),
    Figure("ops-coverage", "operations", "  under coverage's C tracer", unit="x"),
    Figure("ops-events", "operations", "  under an event for each instruction, to a function in C", unit="x"),
    Figure("ops-start", "operations", "counters for 1,000 functions, each start / compiling them", 0.2, 0.06),
    Figure("ops-solving", "operations", "solving 5,000 functions in 200,000 contexts", 3, 1, unit=" s"),
    Figure("samples-1khz", "samples", "slowdown of five programs, sampled at 1 kHz", 1.02, 1.005, unit="x"),
    Figure("samples-10khz", "samples", "  the same at 10 kHz", 1.05, 1.02, unit="x"),
    Figure("all", "samples", "  the same programs, every function recorded in all modes", 1.40, 1.25, unit="x"),
    Figure("samples-pyinstrument", "samples", "  the same under pyinstrument, 1 kHz", unit="x"),
    Figure("samples-viztracer", "samples", "  the same under VizTracer", unit="x"),
    Figure("samples-scalene", "samples", "  one of them under scalene --cpu-only", unit="x"),
    Figure("sample-20", "samples", "time of a sample of a stack 20 deep", 12, 4, unit=" us"),
    Figure("sample-100", "samples", "  of one 100 deep", 40, 12, unit=" us"),
    Figure("samples-memory", "samples", "memory of 5,000 distinct stacks, for any length of time", 16, 4, unit=" MB"),
    Figure("tachyon-ours", "tachyon", "mean error of a function's share in samples, 7 programs", unit=" points"),
    Figure("tachyon-cpython", "tachyon", "  the same by CPython's profiling.sampling", unit=" points"),
    Figure("tachyon-blocking", "tachyon", "  the same, the program stopped for each sample", unit=" points"),
    Figure("start-time", "start", "PROF=time adds to a program that does nothing", 45, 30, unit=" ms"),
    Figure("start-all", "start", "  PROF=all", 70, 50, unit=" ms"),
    Figure("start-off", "start", "  the markers without PROF", unit=" ms"),
    Figure("start-help", "start", "`prof --help`", 90, 60, unit=" ms"),
    Figure("import-ms", "off", "import of the markers without PROF", 1.0, 1.0, unit=" ms"),
    Figure("import-json", "off", "  the same / `import json`"),
    Figure("identity", "off", "decorated functions that are not the same object and code", 0, 0),
    Figure("first-start", "probing", "probing 1,000 functions, first start / compiling them", 0.8, 0.4),
    Figure("cached-start", "probing", "probing 1,000 functions, later starts / compiling them", 0.1, 0.04),
    Figure("instrument-visitor", "source", "instrument, files a second / LibCST visitor command's", 10, 15, True, "x"),
    Figure("instrument-parse", "source", "instrument, files a second / libcst.parse_module's", 0.8, 1, True, "x"),
    Figure("uninstrument", "source", "uninstrument in memory", 100, 250, True, " MB/s"),
    Figure("uninstrument-hash", "source", "  the same / speed of BLAKE2b on the same bytes", at_least=True, unit="x"),
    Figure("uninstrument-tree", "tree", "uninstrument 1,800 files on disk / copying the tree", 3, 1.5, unit="x"),
    Figure("report", "report", "report of a capture of 1,000,000 nodes, whole process", 3, 1, unit=" s"),
    Figure("tree", "report", "all of its call tree, as text", 10, 5, unit=" s"),
)


def select(names: list[str]) -> list[Figure]:
    """The figures that `names` (of figures or groups) stand for, all for none; KeyError with the name not known."""
    known = {figure.name for figure in FIGURES} | {figure.group for figure in FIGURES}
    for name in names:
        if name not in known:
            raise KeyError(name)
    return [f for f in FIGURES if not names or f.name in names or f.group in names]


def groups(figures: list[Figure]) -> list[str]:
    """The groups of these figures, in order, each once."""
    return list(dict.fromkeys(figure.group for figure in figures))


def row(python: str, figure: Figure, result: Result) -> dict[str, Any]:
    """One line as JSON."""
    return {
        "python": python,
        "figure": figure.name,
        "title": figure.title.strip(),
        "value": result.value,
        "low": result.low,
        "high": result.high,
        "must": figure.must,
        "aim": figure.aim,
        "at_least": figure.at_least,
        "unit": figure.unit.strip(),
        "verdict": figure.verdict(result.value),
        "note": result.note,
    }
