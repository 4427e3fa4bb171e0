"""Allocation churn: lines that allocate most, whether it is freed again or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import evolve
from prof.capture import Line
from prof.tools.analysis.findings import hot
from prof.tools.analysis.findings.evidence import Evidence
from prof.tools.analysis.sections import Verdict
from prof.tools.screen.units import many, percent, size

# What allocating costs is in the time of the line, too: that counts more where it is known.
_WEIGHT = 0.5


def evidence(verdicts: Iterable[Verdict], lines: Iterable[Line]) -> Iterator[Evidence]:
    """With how many blocks each line made, and what of it was freed, where blocks were followed."""
    records = {(line.label.file, line.label.line): line for line in lines}
    of = "bytes allocated"
    for each in hot.evidence(verdicts, "allocation churn", of, "counted exactly", "--show memory", _WEIGHT):
        line = records.get(each.place)
        yield each if line is None or each.whole else evolve(each, text=f"{each.text}; {_blocks(line)}")


def _blocks(line: Line) -> str:
    words = f"{size(line.alloc_bytes)} in {many(line.alloc_count, 'block')}"
    if line.free_bytes is None:
        return words
    return f"{words}, of which {percent(line.free_bytes, line.alloc_bytes).replace('-', 'nothing')} was freed again"
