"""Giving functions their probes, against compiling them: what a start costs."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from time import perf_counter
from types import FunctionType

from benchmarks.contenders import execute, recorded
from benchmarks.figures import Result
from benchmarks.rounds import add, interleave

FUNCTIONS, CHUNK = 1000, 20

# Loops, branches, calls, attributes, an exception handler: about 100 code units on each version.
TEMPLATE = '''
def function_{n}(self, items, default=None):
    """Sums and keeps."""
    total = {n}
    for key, value in items:
        if value is None or key in self.skipped_{n}:
            continue
        try:
            total += self.convert(value) * {n}
        except ValueError:
            self.failed.append(key)
    self.total_{n} = total
    return total if total else default
'''


def chunks(functions: int) -> list[str]:
    """The source of so many functions, in modules short enough to compile within a slice of the scheduler."""
    texts = [TEMPLATE.format(n=n) for n in range(functions)]
    return ["".join(texts[i : i + CHUNK]) for i in range(0, functions, CHUNK)]


def made(text: str) -> list[FunctionType]:
    """The functions of a module, compiled anew."""
    return [value for value in execute(compile(text, "start.py", "exec")).values() if isinstance(value, FunctionType)]


def compiling(text: str) -> Callable[[], float]:
    """Seconds to compile the module."""

    def run() -> float:
        start = perf_counter()
        compile(text, "start.py", "exec")
        return perf_counter() - start

    return run


def probing(text: str, probe: Callable[[FunctionType, None], bool]) -> Callable[[], float]:
    """Seconds to probe the module's functions, each time new ones."""

    def run() -> float:
        functions = made(text)
        start = perf_counter()
        for function in functions:
            probe(function, None)
        return perf_counter() - start

    return run


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    texts = chunks(100 if quick else FUNCTIONS)
    functions = [function for text in texts for function in made(text)]
    size = sum(len(function.__code__.co_code) // 2 for function in functions) / len(functions)
    gc.freeze()
    with recorded():
        from prof import _probes  # type: ignore[attr-defined]

        each = [
            interleave({"compile": compiling(text), "probe": probing(text, _probes.probe)}, 6 if quick else 30)
            for text in texts
        ]
    times = add(each)
    seconds = {name: times.best(name) / len(functions) * 1e6 for name in ("probe", "compile")}
    note = f"{seconds['probe']:.2f} us a function of {size:.0f} code units, compiled in {seconds['compile']:.1f} us"
    for figure in ("first-start", "cached-start"):
        yield times.result(figure, lambda t: t.best("probe") / t.best("compile"), note)
        note = "nothing is cached on disk: every start is a first start"
