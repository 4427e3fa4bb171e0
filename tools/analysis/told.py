"""Findings told in more or fewer words, as there is room for them: the first findings are the last to be left out."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attrs import define
from prof.tools.analysis.findings import Evidence, Finding
from prof.tools.analysis.sections import Section
from prof.tools.analysis.source_lines import place_words
from prof.tools.screen.tables import Column, shown_of
from prof.tools.screen.tokens import Room, size
from prof.tools.screen.units import percent, shorten, shorten_end

if TYPE_CHECKING:
    from prof.tools.analysis.options import Options
    from prof.tools.analysis.report import Report

LEAST = 150
"""Tokens of the smallest budget: the first finding's line, and what was left out, fit in."""
FULL, SHORT, BARE = 2, 1, 0
"""All that is known of a finding; its strongest evidence; its place and what it is."""
NAME, SOURCE = 40, 200
"""Characters of a file's name that a bare finding has room for, and of a line of source."""


@define
class Told:
    """What was told, and what was not."""

    texts: list[str]
    """A text for each finding that is told."""
    shorter: int
    """Findings of which evidence was left out."""
    left_out: int
    """Findings that are not told at all."""


def told(findings: Sequence[Finding], room: Room | None, tell: Callable[[int, Finding, int], str]) -> Told:
    """The findings as `tell` puts them, given a number from 1, a finding, and how much of it; whole without `room`.

    One that would take more than half of the room that is left is told in fewer words.
    """
    texts: list[str] = []
    shorter = 0
    for number, finding in enumerate(findings, 1):
        versions = [(how, tell(number, finding, how)) for how in (FULL, SHORT, BARE)]
        how, text = versions[0]
        if room is not None:
            fitting = [each for each in versions if size(each[1]) <= room.left / 2] or versions[-1:]
            how, text = fitting[0]
            if not room.take(text):
                return Told(texts, shorter, len(findings) - len(texts))
        shorter += how != FULL and text != versions[0][1]
        texts.append(text)
    return Told(texts, shorter, 0)


def file_words(finding: Finding, how: int) -> str:
    """The finding's file: from the working directory, if it is below that; its end, where there is no room."""
    file = finding.first.file
    if os.path.isabs(file):
        below = os.path.relpath(file)
        file = file if below.startswith(os.pardir) else below
    return shorten(file, NAME if file.isascii() else NAME // 2) if how == BARE else file


def sections(report: Report, options: Options) -> Iterator[Section]:
    """`prof report --show findings`."""
    shown = report.findings[: options.limit or None]
    if not shown:
        yield Section("Findings", remarks=["none"], key="findings")
        return
    first = [finding.first for finding in shown]
    columns = [
        Column("share", [share_words(each) or "-" for each in first], left=True),
        Column("finding", [each.kind for each in first], left=True),
        Column("line", [place_words(*each.place) for each in first], "name", left=True),
        Column("evidence", [f"{each.text} ({each.sure})" for each in first], left=True, rank=1),
        Column("source", [finding.source for finding in shown], left=True, stretch=True, code=True),
    ]
    yield Section("Findings", shown_of(len(shown), len(report.findings)), columns=columns, key="findings")


def share_words(evidence: Evidence) -> str:
    """`90.9% of time`; empty where there is no share."""
    return f"{percent(evidence.share, 1)} of {evidence.of}" if evidence.share is not None and evidence.of else ""


def finding_object(number: int, finding: Finding, how: int = FULL) -> dict[str, Any]:
    """A finding for programs: docs/agents.md has its keys."""
    first = finding.first
    row: dict[str, Any] = {
        "rank": number, "kind": first.kind, "file": file_words(finding, how), "line": first.line,
        "share": _rounded(first), "of": first.of,
    }  # fmt: skip
    if how == BARE:
        return row
    evidence = [
        {"kind": each.kind, "share": _rounded(each), "of": each.of, "text": each.text, "sure": each.sure}
        for each in (finding.evidence if how == FULL else finding.evidence[:1])
    ]
    row |= {"kinds": finding.kinds, "function": first.function, "source": shorten_end(finding.source, SOURCE)}
    return row | {"evidence": evidence, "more": finding.command}


def _rounded(evidence: Evidence) -> float | None:
    return None if evidence.share is None else round(evidence.share, 4)


def left_out(told: Told, tables: Sequence[str]) -> str:
    """What was left out, in words; empty if nothing was."""
    parts = []
    if told.left_out:
        parts.append(f"{told.left_out} findings" if told.left_out > 1 else "1 finding")
    if told.shorter:
        parts.append(f"evidence of {told.shorter}")
    if tables:
        parts.append(", ".join(tables))
    return "; ".join(parts)


def whole_command(report: Report, name: str) -> str:
    """The command that tells all in that format."""
    return f"{report.command} --format {shlex.quote(name)}"


def warnings(report: Report) -> Iterator[str]:
    """Every reason to doubt, and why there is so little."""
    header = report.header()
    yield from (*header.warnings, *header.remarks)
