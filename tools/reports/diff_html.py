"""What differs as a page for any browser: flame graphs of before and after, linked, by every measure; and all tables.

The style and the script stand in `diff_page/`. Nothing is loaded from elsewhere: the page's own policy forbids it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any

from prof.capture import Capture
from prof.modes import Measure
from prof.tools.analysis.difference import Difference, Sided
from prof.tools.analysis.frames_beside import FramesBeside, beside, laid_out
from prof.tools.analysis.gate import Verdict
from prof.tools.analysis.sections import Section
from prof.tools.reports.diff_text import broken_words, sections, totals_columns, warnings
from prof.tools.reports.faults import faults
from prof.tools.reports.html import POLICY
from prof.tools.screen.colours import change_colour, change_legend
from prof.tools.screen.markup import escape, script_json, units_script
from prof.tools.screen.tables import Column
from prof.tools.screen.units import many

LEAST = 0.0005
"""Of all of a side: narrower frames are not in the page."""


def render(
    difference: Difference,
    verdicts: Sequence[Verdict],
    captures: tuple[Capture, Capture],
    measures: Sequence[Measure],
    limit: int,
) -> Iterator[str]:
    """The page, in parts; `captures` are all runs of each side as one, `limit` rows a table, 0: all."""
    title = "No difference" if difference.same else "Difference"
    before, after = (f"{each.path}, {many(each.runs, 'run')}" for each in (difference.before, difference.after))
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield '<meta name="color-scheme" content="light dark">\n'
    yield f"<title>{title}: {escape(before)} and {escape(after)}</title>\n"
    yield f"<style>\n{_asset('page.css')}</style>\n</head>\n<body>\n"
    yield f'<h1>{title}</h1>\n<p class="dim">{escape(before)} → {escape(after)}</p>\n'
    yield from (f'<p class="warning">{escape(text)}</p>\n' for text in warnings(difference))
    yield from _rules(verdicts)
    yield from _faults(difference)
    graphs = [
        _graph(beside((captures[0], difference.before.runs), (captures[1], difference.after.runs), measure, LEAST))
        for measure in measures
    ]
    if graphs:
        yield from _panes(difference.before, difference.after)
    yield "<h2>Totals</h2>\n"
    yield from _table(totals_columns(difference))
    for section in sections(difference, limit):
        yield from _section(section)
    if graphs:
        yield f'<script type="application/json" id="data">{script_json(graphs)}</script>\n'
        yield f"<script>\n{units_script()}</script>\n<script>\n{_asset('page.js')}</script>\n"
    yield "</body>\n</html>\n"


def _asset(name: str) -> str:
    return resources.files("prof.tools.reports").joinpath("diff_page", name).read_text("utf-8")


def _rules(verdicts: Sequence[Verdict]) -> Iterator[str]:
    if not verdicts:
        return
    yield '<ul id="rules">\n'
    for verdict in verdicts:
        word = "failed" if verdict.broken else "unsure" if verdict.unsure else "passed"
        rows = "; ".join(broken_words(verdict.rule, row) for row in (verdict.broken or verdict.unsure)[:5])
        yield f'<li class="{word}">{word} <code>{escape(verdict.rule.text)}</code> {escape(rows)}</li>\n'
    yield "</ul>\n"


def _faults(difference: Difference) -> Iterator[str]:
    found = faults(difference)
    if not found:
        return
    columns = [
        Column("line", [fault.where for fault in found], left=True),
        Column("function", [fault.change.place.function for fault in found], left=True),
        Column("measure", [fault.measure.words for fault in found], left=True),
        Column("change", [fault.amounts for fault in found]),
    ]
    yield "<h2>Lines at fault</h2>\n"
    yield from _table(columns)


def _panes(before: Sided, after: Sided) -> Iterator[str]:
    yield '<h2>Where <small>a run, on average</small></h2>\n<div id="bar"><span id="modes"></span>'
    yield '<input id="query" placeholder="Search (/)"><button id="unzoom" hidden>Reset zoom</button></div>\n'
    words = "".join(f'<span><i style="background:{fill}"></i>{escape(text)}</span>' for text, fill in change_legend())
    yield f'<p class="legend">{words}</p>\n<p id="details" class="dim"></p>\n<div id="panes">\n'
    for name, title, side in (("before", "Before", before), ("after", "After", after)):
        yield f"<div><h3>{title} <small>{escape(side.path)}</small> <small></small></h3>"
        yield f'<div class="graph" id="{name}"></div></div>\n'
    yield "</div>\n"


def _graph(frames: FramesBeside) -> dict[str, Any]:
    colours = [change_colour(frames.change(frame), *frames.total[frame]) for frame in range(len(frames.name))]
    fills = {fill: number for number, fill in enumerate(dict.fromkeys(colours))}
    return {
        "title": frames.measure.title,
        "unit": frames.measure.unit,
        "names": [[name.name, name.where] for name in frames.names],
        "name": frames.name,
        "parent": frames.parent,
        "left": [laid_out(frames, side)[0] for side in (0, 1)],
        "total": [[total[side] for total in frames.total] for side in (0, 1)],
        "own": [[own[side] for own in frames.own] for side in (0, 1)],
        "fills": list(fills),
        "fill": [fills[colour] for colour in colours],
    }


def _section(section: Section) -> Iterator[str]:
    yield f"<h2>{escape(section.title)} <small>{escape(section.note)}</small></h2>\n"
    yield from _table(section.columns)
    yield from (f'<p class="note">{escape(note.text)}</p>\n' for note in section.notes)


def _table(columns: Sequence[Column]) -> Iterator[str]:
    kept = [column for column in columns if not column.empty]
    left = [' class="left"' if column.left else "" for column in kept]
    cells = [f' class="left {"name" if column.style == "name" else ""}"' if column.left else "" for column in kept]
    heads = "".join(f"<th{kind}>{escape(column.title)}</th>" for kind, column in zip(left, kept, strict=True))
    yield f'<div class="scroll"><table>\n<tr>{heads}</tr>\n'
    for row in zip(*(column.cells for column in kept), strict=True):
        yield f"<tr>{''.join(f'<td{kind}>{escape(cell)}</td>' for kind, cell in zip(cells, row, strict=True))}</tr>\n"
    yield "</table></div>\n"
