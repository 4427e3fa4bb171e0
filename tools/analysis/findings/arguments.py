"""Calls with the same arguments, among the slowest ones that were kept with theirs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prof.tools.analysis import slowest
from prof.tools.analysis.findings.evidence import Evidence
from prof.tools.screen.units import duration, shorten_end
from prof.waits import Slow

if TYPE_CHECKING:
    from prof.tools.analysis.report import Report

_LEAST = 3
_LONGEST = 80  # characters of arguments


def evidence(report: Report) -> Iterator[Evidence]:
    calls: dict[int, list[Slow]] = defaultdict(list)
    for slow in slowest.calls(report):
        if slow.arguments and not report.whose.library(slow.label):
            calls[slow.label.index].append(slow)
    for kept in calls.values():
        (same, times), *_ = Counter(slow.arguments for slow in kept).most_common(1)
        if times < _LEAST:
            continue
        label, took = kept[0].label, sum(slow.duration_ns for slow in kept if slow.arguments == same)
        text = f"{times} of its {len(kept)} slowest calls had the same arguments ({shorten_end(same, _LONGEST)})"
        yield Evidence(
            kind="repeated identical call", file=label.file, line=label.line, function=label.name,
            begins=(label.file, label.line), text=f"{text} and took {duration(took)} together",
            sure="measured exactly; of calls that were kept", weight=0.1, more="--show slowest", whole=True,
        )  # fmt: skip
