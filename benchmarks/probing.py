"""Giving functions their probes, against compiling them: what a start costs."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from time import perf_counter
from types import FunctionType

from benchmarks.contenders import execute, recorded
from benchmarks.figures import Result
from benchmarks.rounds import interleave

FUNCTIONS = 1000

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


def source(functions: int) -> str:
    """A module of so many functions."""
    return "".join(TEMPLATE.format(n=n) for n in range(functions))


def units(functions: list[FunctionType]) -> float:
    """Code units of a function, on average."""
    return sum(len(function.__code__.co_code) // 2 for function in functions) / len(functions)


class Start:
    """One start of a program after the other: compile, execute, probe, each time new code objects."""

    def __init__(self, functions: int) -> None:
        self.text = source(functions)
        self.functions: list[FunctionType] = []

    def compile(self) -> float:
        """Seconds to compile the module; executes it too, outside the time."""
        self.functions.clear()
        gc.collect()
        start = perf_counter()
        code = compile(self.text, "start.py", "exec")
        seconds = perf_counter() - start
        self.functions.extend(v for v in execute(code).values() if isinstance(v, FunctionType))
        return seconds

    def probe(self, probe: Callable[[FunctionType, None], bool]) -> float:
        """Seconds to probe what was compiled last."""
        start = perf_counter()
        for function in self.functions:
            probe(function, None)
        return perf_counter() - start


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    start = Start(100 if quick else FUNCTIONS)
    with recorded():
        from prof import _probes  # type: ignore[attr-defined]

        def compile_and_probe() -> float:
            compiled.append(start.compile())
            return start.probe(_probes.probe)

        compiled: list[float] = []
        times = interleave({"probe": compile_and_probe}, 5 if quick else 40)
        times.seconds["compile"] = compiled[1:]
        start.compile()
        size, count = units(start.functions), len(start.functions)
    each = times.best("probe") / count * 1e6
    note = (
        f"{each:.2f} us a function of {size:.0f} code units, compiled in {times.best('compile') / count * 1e6:.1f} us"
    )
    for figure in ("first-start", "cached-start"):
        yield times.result(figure, lambda t: t.best("probe") / t.best("compile"), note)
        note = "nothing is cached on disk: every start is a first start"
