"""Hot and waiting lines: those with most of what a mode measures. The verdict of reports is the same, by function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from prof.tools.analysis.findings.evidence import Evidence
from prof.tools.analysis.sections import Verdict
from prof.tools.screen.units import percent

# Of a function, and of the whole: lines with less are not named.
_LINES, _LEAST = 3, 0.05


def evidence(
    verdicts: Iterable[Verdict], kind: str, of: str, how: str, more: str = "", weight: float = 1.0
) -> Iterator[Evidence]:
    """Of each function, the lines with most of it; the function itself where its lines are not known. What weighs less
    than its share stands for time that is not known."""
    for verdict in verdicts:
        hot = verdict.hot
        if not hot.begins[0] or not hot.whole or 2 * hot.profiler > hot.amount:
            continue
        sure = f"{how}, ±{100 * hot.error:.1f} points" if hot.error else how
        whole = f"{percent(hot.amount, hot.whole)} of {of} is {verdict.name}'s" + (f": {hot.within}" * bool(hot.within))
        rest: dict[str, Any] = {"kind": kind, "function": hot.function, "begins": hot.begins, "of": of, "sure": sure}
        rest |= {"more": more, "of_run": weight == 1, "indirect": weight != 1}
        lines = [line for line in hot.lines[:_LINES] if line[2] >= _LEAST * hot.whole]
        for number, (file, line, amount) in enumerate(lines):
            share = amount / hot.whole
            text = f"{percent(amount, hot.whole)} of {of} is on this line; {whole}" if not number else ""
            text = text or f"{percent(amount, hot.whole)} of {of} is on this line"
            yield Evidence(file=file, line=line, text=text, share=share, weight=weight * share, **rest)
        if not lines:
            share = hot.amount / hot.whole
            file, line = hot.begins
            yield Evidence(file=file, line=line, text=whole, share=share, weight=weight * share, whole=True, **rest)
