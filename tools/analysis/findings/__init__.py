"""Findings: places in the user's own source, each with all that is known of it, the one that matters most first.

A file of this folder finds one kind of evidence. Modes call them (`View.findings`) for what they have recorded; `waits`
and `arguments` are of any capture that has them. The verdict that each report begins with and the hot lines here are
the same sums: `View.verdict`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import evolve, frozen
from prof.tools.analysis.findings import arguments, scaling, waits
from prof.tools.analysis.findings.evidence import Evidence
from prof.tools.analysis.source_files import Sources

if TYPE_CHECKING:
    from prof.tools.analysis.report import Report

__all__ = ["Evidence", "Finding", "findings"]

# What weighs less is no finding of its own.
_LEAST = 0.03
# Functions with less of the time than this are not among those that a mode names.
_UNNAMED = 0.02


@frozen
class Finding:
    """A line of the user's own, or a function where its line is not known, and what is known of it."""

    evidence: Sequence[Evidence]
    """The strongest first; never empty."""
    weight: float
    source: str
    """The text of the line; empty where the file is not at hand as it was recorded."""
    command: str
    """Shows more."""

    @property
    def first(self) -> Evidence:
        return self.evidence[0]

    @property
    def kinds(self) -> list[str]:
        """What it is, the strongest first."""
        return list(dict.fromkeys(each.kind for each in self.evidence))


def findings(report: Report) -> list[Finding]:
    """All findings of a report, the one that matters most first."""
    found = [each for view in report.summary.views for each in view.findings(report.summary)]
    found += waits.evidence(report)
    found += arguments.evidence(report)
    if report.smaller is not None:
        found += scaling.evidence(report, report.smaller)
    sources = Sources(report.capture)
    made = []
    found = list(_capped(found))
    for (file, line), evidence in _by_place(found).items():
        if (weight := _weight(evidence)) >= _LEAST:
            evidence.sort(key=lambda each: (each.whole, -each.weight, -(each.share or 0), each.kind, each.text))
            command = f"{report.command} {evidence[0].more or _callees(evidence[0])}"
            made.append(Finding(evidence, weight, sources.line_of(file, line), command))
    return sorted(made, key=lambda each: (-each.weight, each.first.place))


def _callees(evidence: Evidence) -> str:
    return f"--callees {shlex.quote(evidence.function)}"


def _capped(found: Sequence[Evidence]) -> Iterator[Evidence]:
    """With what stands for time at most as heavy as the time of its function, where times were recorded."""
    times: dict[tuple[str, int], float] = {}
    for each in found:
        if each.of_run and each.share is not None:
            times[each.begins] = max(times.get(each.begins, 0.0), each.share)
    for each in found:
        most = times.get(each.begins, _UNNAMED) if times and each.indirect else each.weight
        yield evolve(each, weight=min(each.weight, most))


def _weight(evidence: Sequence[Evidence]) -> float:
    """The largest; where a line has a share of something, its function's share of the same does not count."""
    of_line = {each.of for each in evidence if not each.whole}
    return max(each.weight for each in evidence if not (each.whole and each.of in of_line))


def _by_place(found: Iterable[Evidence]) -> dict[tuple[str, int], list[Evidence]]:
    """Evidence by line; that of whole functions with the strongest of their lines."""
    places: dict[tuple[str, int], list[Evidence]] = {}
    strongest: dict[tuple[str, int], Evidence] = {}
    functions = []
    for each in found:
        if each.whole:
            functions.append(each)
            continue
        places.setdefault(each.place, []).append(each)
        known = strongest.get(each.begins)
        if known is None or each.weight > known.weight:
            strongest[each.begins] = each
    for each in functions:
        line = strongest.get(each.begins)
        if line is not None and line.weight:
            each = evolve(each, file=line.file, line=line.line)
        places.setdefault(each.place, []).append(each)
    return places
