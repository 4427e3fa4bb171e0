"""Accidental quadratic work, as far as a single run shows it: loops of about as many steps as there are loops, and
searches through lists."""

from __future__ import annotations

from collections.abc import Iterator

from prof.counted import Code, Operation
from prof.tools.analysis.findings.counts import Counts
from prof.tools.analysis.findings.evidence import Evidence
from prof.tools.screen.units import count, many, percent

KIND = "accidental quadratic"
# Loops that matter: so many loops, and so much of all operations in their function.
_LOOPS, _SHARE = 50, 0.1
# Steps of a loop, as a part of the number of loops: a triangle has half as many, a square as many.
_LEAST, _MOST = 0.2, 1.1
# Searches through a list in one call of a function.
_SEARCHES = 200


def evidence(counts: Counts) -> Iterator[Evidence]:
    yield from _loops(counts)
    yield from _searches(counts)


def _loops(counts: Counts) -> Iterator[Evidence]:
    for code in counts.solved.codes():
        function = counts.own(code)
        ops = (function.ops or 0) if function is not None else 0
        if function is None or ops < _SHARE * counts.whole or not function.calls:
            continue
        around = max(1, function.calls // counts.callers_calls(function))
        for line, loops, steps in _entered(counts, code):
            # Loops within one call of the function; where that is one, calls within one call of its caller.
            inside = loops // function.calls
            many_loops = inside if inside >= _LOOPS else around * max(1, inside)
            each = steps / max(1, loops)
            if many_loops < _LOOPS or not _LEAST * many_loops <= each <= _MOST * many_loops:
                continue
            share = ops / counts.whole
            of = "one call" if inside >= _LOOPS else "one call of its caller"
            text = f"{count(steps)} steps: {many(loops, 'loop')} of {each:,.0f} steps on average, and {of} has"
            text += f" {many_loops:,} of these loops, so that steps grow with the square of the loops; the function has"
            text += f" {percent(ops, counts.whole)} of operations"
            yield Evidence(
                kind=KIND, file=code.file, line=line, function=function.label.name, begins=(code.file, code.line),
                text=text, sure="counted exactly; that it grows so is inferred from one size of input",
                share=share, of="operations of the function", weight=0.5 * share, indirect=True, more="--show branches",
            )  # fmt: skip


def _entered(counts: Counts, code: Code) -> Iterator[tuple[int, int, int]]:
    """The for loops of a code object: line, how often they were entered, and their steps in all."""
    entered: Operation | None = None
    for operation in counts.solved.of_code(code):
        if "iteration" not in operation.categories:
            continue
        if operation.taken is None:
            entered = operation
        elif entered is not None and entered.count:
            yield operation.line, entered.count, operation.count - operation.taken
            entered = None


def _searches(counts: Counts) -> Iterator[Evidence]:
    """`in` with a list on its right: how long the list is, is not counted."""
    for operands in counts.solved.operands():
        function = counts.own(operands.code)
        if operands.category != "identity" or operands.types[-1:] != ("list",) or function is None:
            continue
        calls = operands.count // max(1, function.calls)
        around = calls if calls >= _SEARCHES else operands.count // counts.callers_calls(function)
        if around < _SEARCHES:
            continue
        text = f"`{operands.name or 'in'}` looked through a list {count(operands.count)} times,"
        text += f" {count(around)} in one call of {'the function' if calls >= _SEARCHES else 'its caller'}"
        yield Evidence(
            kind=KIND, file=operands.code.file, line=operands.line, function=function.label.name,
            begins=(operands.code.file, operands.code.line), text=text, weight=0.1, indirect=True,
            sure=f"counted exactly; a list in the first {operands.seen:,} executions; its length is not known",
            more="--show operands",
        )  # fmt: skip
