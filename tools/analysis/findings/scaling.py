"""What grows faster than its input, as two captures show it: of one program, with a smaller input and a larger one.

How much larger the input is, nobody says. But in each function something grows with it: its calls, or the line of it
that grows least. What grows with the square of that does so whatever the input is.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prof.tools.analysis.calling_lines import qualified
from prof.tools.analysis.findings.evidence import Evidence
from prof.tools.analysis.findings.quadratic import KIND
from prof.tools.analysis.source_lines import SourceLine
from prof.tools.screen.units import percent

if TYPE_CHECKING:
    from prof.capture import Function
    from prof.tools.analysis.report import Report
    from prof.tools.analysis.view import View

In = tuple[str, str]
"""A file, and the qualified name of a function."""
# What grew by less says nothing; what grows with less than this power is not faster.
_GREW, _POWER = 1.2, 1.5
_LEAST = 0.05
# Before hot lines of the same share: it was asked for.
_MORE = 0.2


def evidence(report: Report, smaller: Report) -> Iterator[Evidence]:
    """The lines of `report`, that of the larger input, with a twentieth at least of all that a mode counts exactly."""
    functions, before = _functions(report), _functions(smaller)
    for view in report.summary.views:
        column = view.line_column
        if not column or view.estimates or not smaller.capture.recorded(column):
            continue
        amounts, small = _amounts(report, view), _amounts(smaller, view)
        whole = max(1, sum(sum(lines.values()) for lines in amounts.values()))
        for key, lines in amounts.items():
            function, other = functions.get(key), before.get(key)
            if function is None or other is None or not other.calls:
                continue
            grown = {line: amount / small[key][line] for line, amount in lines.items() if small[key].get(line)}
            base = min((g for g in (function.calls / other.calls, *grown.values()) if g >= _GREW), default=0.0)
            for line, times in grown.items():
                share = lines[line] / whole
                if share < _LEAST or not base or times < base**_POWER:
                    continue
                words = view.tree_columns[column].words
                text = f"{times:.1f} times as much with the larger input where the least grew {base:.1f} times in"
                text += f" {function.label.name}, which is the power {math.log(times) / math.log(base):.1f}:"
                text += (
                    f" {view.tree_columns[column].format(lines[line])} {words}, {percent(lines[line], whole)} of all"
                )
                yield Evidence(
                    kind=KIND, file=key[0], line=line, function=function.label.name,
                    begins=(function.label.file, function.label.line), text=text, share=share, of=words,
                    sure="counted exactly, in both captures", weight=share + _MORE, more="--show lines",
                )  # fmt: skip


def _functions(report: Report) -> dict[In, Function]:
    """The user's own."""
    own = (f for f in report.functions if f.label.kind == "function" and not report.whose.library(f.label))
    return {(function.label.file, qualified(function.label)): function for function in own}


def _amounts(report: Report, view: View) -> dict[In, dict[int, int]]:
    """What lines have of a mode's column, by function."""
    found: dict[In, dict[int, int]] = defaultdict(dict)
    line: SourceLine
    for line in report.lines():
        if amount := view.line_amount(line, view.line_column):
            of = found[line.file, line.function]
            of[line.line] = of.get(line.line, 0) + amount
    return found
