"""Programs made at random, of everything that branches, loops, raises and yields: operations equal what is executed."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from executing import Executed, compiler
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from operating import operate
from test_property import Raised, indent

pytestmark = pytest.mark.skipif(compiler() is None, reason="no C compiler for the oracle")

DEEPEST = 2
TESTS = (
    "n % 2", "n > 2 and n % 3", "not n or n == 4", "n is None", "x := n % 4", "n in (1, 2) or n // 3 > k",
    "1 < n < 6 != k", "(n if k else x) and not (k or n)",
)  # fmt: skip
# A variable that may be unbound is never read first: behind a store to another, where a `try` begins or ends, 3.11 goes
# to the store's handler once it runs the two as one, as test_unbound_behind_the_end_of_a_try has it.
SIMPLE = (
    "n += 1", "k = n and n - 1 or 7", "x = [j for j in range(n % 5) if j % 2 and j != 3]", "assert n < 50, f'{n!r:>3}'",
    "n, *rest = n, k, x", "found = {j: j for j in range(3)}[n % 4]", "x = sum(j for j in range(n % 4) if j) // (n % 3)",
    "x = (lambda q=n: q and 10 // q)()", "x = all(j for j in (n, k, 1)) or any(map(lambda j: j == n, (1, 2)))",
    "del x; x = 0", "x = f0(n - 1) if n else 3", "n = k, late; late = 1",
)  # fmt: skip


@st.composite
def bodies(draw: Callable[..., Any], kind: str, depth: int = 0, loop: bool = False) -> list[str]:
    """The lines of a body; `kind` is that of its function: plain, generator or coroutine."""
    lines: list[str] = []
    kinds = ["simple"] * 4 + ["raise", "return"] + (["break", "continue"] if loop else [])
    kinds += {"generator": ["yield", "delegate"] * 2, "coroutine": ["await"] * 2, "plain": ["drive"]}[kind]
    if depth < DEEPEST:
        kinds += ["if", "for", "while", "try", "finally", "with", "match", "forever"] * 2
        kinds += ["async for", "async with"] * 2 if kind == "coroutine" else []
    for chosen in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4)):

        def inner(loop: bool = loop) -> list[str]:
            return indent(draw(bodies(kind, depth + 1, loop)))

        def orelse(loop: bool = loop) -> list[str]:
            return ["else:", *indent(draw(bodies(kind, depth + 1, loop)))] if draw(st.booleans()) else []

        test = draw(st.sampled_from(TESTS))
        if chosen == "simple":
            lines.append(draw(st.sampled_from(SIMPLE)))
        elif chosen in ("raise", "return", "break", "continue"):
            lines.append(f"if {test}: {chosen}" + {"raise": " Raised", "return": " k"}.get(chosen, ""))
        elif chosen == "yield":
            lines.append("x = yield n")
        elif chosen == "delegate":
            lines.append("x = yield from g0(n - 1)" if draw(st.booleans()) else "yield from range(n % 3)")
        elif chosen == "await":
            lines.append("x = await pause(n)")
        elif chosen == "drive":
            lines += ["for x in g0(2):", *inner(True)] if depth < DEEPEST else ["x = next(g0(n), 5)"]
        elif chosen == "if":
            lines += [f"if {test}:", *inner(), *orelse()]
        elif chosen == "for":
            lines += [f"for k in range({draw(st.integers(0, 3))}):", *inner(True), *orelse()]
        elif chosen == "while":
            lines += [
                f"left{depth} = 3",
                f"while (left{depth} := left{depth} - 1) and ({test}):",
                *inner(True),
                *orelse(),
            ]
        elif chosen == "forever":
            lines += [
                f"left{depth} = 3",
                "while True:",
                f"    left{depth} -= 1",
                f"    if left{depth} < 0: break",
                *inner(True),
            ]
        elif chosen == "try":
            lines += [
                "try:",
                *inner(),
                "except Raised:",
                *inner(),
                "except (KeyError, ZeroDivisionError) as error:",
                *inner(),
            ]
            lines += orelse()
        elif chosen == "finally":
            lines += ["try:", *inner(), "finally:", *inner()]
        elif chosen == "with":
            lines += [f"with Quiet({test}):", *inner()]
        elif chosen == "match":
            lines += [
                "match (n % 3, k):",
                "    case (0, _):",
                *indent(inner()),
                f"    case (1, j) if {test}:",
                *indent(inner()),
            ]
            lines += ["    case _:", *indent(inner())] if draw(st.booleans()) else []
        elif chosen == "async for":
            lines += ["async for x in numbers(n % 4):", *inner(True), *orelse()]
        elif chosen == "async with":
            lines += ["async with Quiet(n % 2):", *inner()]
    return lines


FRAME = """
import asyncio
class Quiet:
    def __init__(self, swallow): self.swallow = swallow
    def __enter__(self): return self
    def __exit__(self, *error): return bool(self.swallow)
    async def __aenter__(self): return await pause(1)
    async def __aexit__(self, *error): return bool(await pause(self.swallow))
async def pause(n):
    await asyncio.sleep(0)
    return 7 // n
async def numbers(n):
    for j in range(n):
        yield j
        await asyncio.sleep(0)
"""
MAIN = """
def main():
    for n in range(5):
        for run in (f, lambda n: list(g(n)), lambda n: asyncio.run(c(n)), halfway):
            try:
                run(n)
            except (Raised, ArithmeticError, LookupError, AssertionError, AttributeError, NameError, RuntimeError,
                    StopIteration, TypeError):
                pass
def halfway(n):
    made = g(n)
    next(made, None)
    made.send(n)
    try:
        made.throw(Raised)
    finally:
        made.close()
"""


@st.composite
def programs(draw: Callable[..., Any]) -> str:
    lines = ["def f0(n): return n and n // 2", "def g0(n):", "    while n > 0:", "        yield n", "        n -= 1"]
    for head, kind in (("def f", "plain"), ("def g", "generator"), ("async def c", "coroutine")):
        lines += [f"{head}(n):", "    k = x = 1", "    if n > 9: yield" if kind == "generator" else "    pass"]
        lines += indent(draw(bodies(kind)))
    return FRAME + "\n".join(lines) + MAIN


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=programs(), everything=st.booleans())
def test_operations_equal_what_is_executed(source: str, everything: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        operated = operate(source, Path(folder), everything=everything, oracle=Executed(), Raised=Raised)
        again = operate(source, Path(folder), everything=everything, times=12, Raised=Raised).by_line()
    assert operated.comparison.differences == []
    assert operated.inexact == []
    # Without the oracle instructions are specialised, and count the same.
    one = operated.by_line()
    assert again == {
        place: (1 if place[0] in ("program.<module>", "program.Quiet") else 12) * count for place, count in one.items()
    }
