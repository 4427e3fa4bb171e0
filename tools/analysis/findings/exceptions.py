"""Exceptions as control flow: `except` clauses that run again and again."""

from __future__ import annotations

from collections.abc import Iterator

from prof.tools.analysis.findings.counts import Counts
from prof.tools.analysis.findings.evidence import Evidence
from prof.tools.screen.units import count, many

_LEAST = 1000


def evidence(counts: Counts) -> Iterator[Evidence]:
    """Clauses are known by the text of their line."""
    for site in counts.solved.sites("line", ("exception",))[0]:
        function = counts.own(site.code)
        if site.count < _LEAST or function is None:
            continue
        if counts.sources.line_of(site.code.file, site.line).startswith("except"):
            text = f"met an exception {count(site.count)} times in {many(function.calls, 'call')}"
            yield Evidence(
                kind="exceptions as control flow", file=site.code.file, line=site.line, function=function.label.name,
                begins=(site.code.file, site.code.line), text=text, sure="counted exactly", weight=0.05,
                more="--show ops",
            )  # fmt: skip
