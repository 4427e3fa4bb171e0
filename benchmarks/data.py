"""Programs that are only data, or code that runs once: what each line costs that is met for the first time.

The awkward shapes of generated code. Each is compiled and run once, as an import does that finds no cached bytecode; a
peer that looks up each line from the beginning of its function takes minutes for the larger ones, so no peer
is measured.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from math import prod
from pathlib import Path
from time import process_time
from typing import Any

from benchmarks.figures import Result
from benchmarks.rounds import Times, interleave


def rows(count: int) -> str:
    """A list of records, one a line."""
    lines = (f"    {{'id': {i}, 'name': 'n{i}', 'tags': ['a', {i}.5], 'at': [{i}]}},\n" for i in range(count))
    return f"ROWS = [\n{''.join(lines)}]\n"


def nested(count: int) -> str:
    """A dict of dicts, one a line."""
    lines = (f"    'k{i}': {{'a': [{i}, {{'b': {i}}}], 'c': [[{i}]]}},\n" for i in range(count))
    return f"TABLE = {{\n{''.join(lines)}}}\n"


def function(count: int) -> str:
    """A function of so many lines."""
    lines = "".join(f"    kept.append([n + {i}])\n" for i in range(count))
    return f"def large(n):\n    kept = []\n{lines}    return kept\nlarge(1000)\n"


def elements(count: int) -> str:
    """A line of so many elements."""
    return f"def wide(n):\n    return [{', '.join(f'n + {i}' for i in range(count))}]\nwide(1000)\n"


def body(count: int) -> str:
    """A class of so many members, two lines each."""
    return "class Large:\n" + "".join(f"    a{i} = [{i}]\n    def m{i}(self): pass\n" for i in range(count))


def snippets(count: int) -> str:
    """So many tiny modules, dropped as soon as they have run."""
    return f"for n in range({count}):\n    exec(compile('x = [n, {{n}}]', '<snippet>', 'exec'), {{'n': n}})\n"


SHAPES: dict[Callable[[int], str], int] = {
    rows: 20_000, nested: 20_000, function: 20_000, elements: 20_000, body: 10_000, snippets: 10_000
}  # fmt: skip
OPENERS = {"summary": "memory,{}", "detail": "memory,{},,true", "both": "both,{}", "all": "all,{}"}


def run(source: str, opener: Callable[[], Any]) -> Callable[[], float]:
    """Compiles the program anew and runs it."""

    def once() -> float:
        gc.collect()
        with opener():
            start = process_time()
            exec(compile(source, "data.py", "exec"), {"__name__": "data"})
            return process_time() - start

    return once


def measure(session: Callable[[str], Any], directory: Path, quick: bool) -> Iterator[Result]:
    """The worst mode's slowdown, with each mode's and the worst shape's in the note."""
    every: dict[str, Times] = {}
    for shape, size in SHAPES.items():
        source = shape(size // 20 if quick else size)
        turns = {"plain": run(source, nullcontext)}
        for name, settings in OPENERS.items():
            turns[name] = run(source, lambda settings=settings: session(settings.format(directory)))  # type: ignore[misc]
        every[shape.__name__] = interleave(turns, 2 if quick else 3)
    values = {}
    for name in OPENERS:
        ratios = {shape: times.best(name) / times.best("plain") for shape, times in every.items()}
        worst = max(ratios, key=lambda shape: ratios[shape])
        values[name] = prod(ratios.values()) ** (1 / len(ratios)), f"{name} {worst} {ratios[worst]:.2f}"
    means = ", ".join(f"{name} {value:.3f}" for name, (value, _) in values.items())
    note = f"{means}; the worst of each: {', '.join(note for _, note in values.values())}"
    yield Result("memory-data", max(value for value, _ in values.values()), note=note)
