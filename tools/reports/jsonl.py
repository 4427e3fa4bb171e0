"""JSON lines for programs and coding agents: the run, findings, functions, and what was left out, an object a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from prof.tools.analysis.findings import Finding
from prof.tools.analysis.report import Report
from prof.tools.analysis.told import finding_object, told, warnings, whole_command
from prof.tools.reports.format import Format
from prof.tools.reports.json import function_object
from prof.tools.screen.json_text import encode
from prof.tools.screen.tokens import Room, size
from prof.tools.screen.units import shorten_end

# Bytes kept for the last line, which says what was left out; and characters of a name.
_LAST, _NAME = 130, 60


class JsonLines(Format):
    """Functions are those with most of what the report is sorted by; `limit` of them."""

    name = "jsonl"
    suffix = ".jsonl"
    words = "JSON lines, findings first, for programs and coding agents"
    parts: ClassVar = frozenset()
    why_whole = "JSON lines have findings and functions"
    finds = budgeted = True

    def render(self, report: Report) -> Iterator[str]:
        room = Room(self.options.budget) if self.options.budget else None
        if room is not None:
            room.left -= _LAST
        yield _run(report, room)
        found = told(report.findings, room, _finding)
        yield from found.texts
        field = self.options.sort.field
        functions = sorted(report.met, key=lambda f: (-(getattr(f, field) or 0), f.label.name, f.label.index))
        functions = functions[: self.options.limit or None]
        shown = 0
        for function in functions:
            line = _line({"type": "function", **function_object(function, report.summary.views)})
            if room is not None and not room.take(line):
                break
            shown += 1
            yield line
        yield _last(report, found.left_out, found.shorter, len(report.met) - shown, room is not None)


def _line(row: dict[str, Any]) -> str:
    return encode(row) + "\n"


def _run(report: Report, room: Room | None) -> str:
    """The run: short where there is little room."""
    summary = report.summary
    row: dict[str, Any] = {"type": "run", "name": shorten_end(summary.name, _NAME), "findings": len(report.findings)}
    more = {
        "modes": list(summary.modes),
        "duration_ns": summary.wall_ns,
        "state": summary.fate,
        "warnings": list(warnings(report)),
        "command": summary.command,
    }
    for key, value in more.items():
        longer = row | {key: value}
        if room is None or size(_line(longer)) <= room.left / 4:
            row = longer
    text = _line(row)
    if room is not None and not room.take(text):
        text = _line({"type": "run", "findings": len(report.findings)})
        room.take(text)
    return text


def _finding(number: int, finding: Finding, how: int) -> str:
    return _line({"type": "finding", **finding_object(number, finding, how)})


def _last(report: Report, findings: int, shorter: int, functions: int, limited: bool) -> str:
    row: dict[str, Any] = {"type": "left_out", "findings": findings, "shortened": shorter, "functions": functions}
    longer = _line(row | {"all": whole_command(report, JsonLines.name)})
    return longer if not limited or size(longer) <= _LAST else _line(row)
