"""The HTML report: one page that works offline, with the flame graphs of all modes linked, and tables below.

The styles and scripts stand in `tools/html/`, the data in a script element as JSON. Nothing is loaded from elsewhere:
the page's own policy forbids it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

from prof.modes import recorded_measures
from prof.tools.analysis import metrics, processes
from prof.tools.analysis.contexts import Selection, select
from prof.tools.analysis.options import Options
from prof.tools.analysis.report import Report
from prof.tools.analysis.sections import Header, Section
from prof.tools.reports import html_data
from prof.tools.reports.format import Format
from prof.tools.screen.markup import asset, escape, script_json
from prof.tools.screen.units import count, many

# In the order they build on each other.
SHARED = ("units.js", "shared.js", "timeline.js")
SCRIPTS = (
    "data.js", "tree.js", "folded.js", "callers.js", "graph.js", "tip.js", "search.js", "table.js",
    "calls.js", "source.js", "range.js", "keys.js", "address.js", "page.js",
)  # fmt: skip
MOST_PROCESSES = 100
MOST_METRICS = 500
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


class Html(Format):
    name = "html"
    suffix = ".html"
    words = "a page for any browser"
    why_whole = "the page has the whole tree, and all lines"
    depth = 0
    min_percent = 0.0
    beside = True

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._selection: Selection | None = None

    def render(self, report: Report) -> Iterator[str]:
        measures = [measure for _, measure in recorded_measures(report.capture)]
        options = self.options
        selection = self._selection = select(report.tree, measures, options.min_percent / 100, options.depth)
        header = report.header_anywhere()
        data = html_data.document(report, selection, options.sort.field)
        title = escape(header.title)
        yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        yield '<meta name="color-scheme" content="light dark">\n'
        styles = (asset("theme.css"), asset("timeline.css"), _asset("page.css"))
        yield f"<title>{title}</title>\n<style>\n{''.join(styles)}</style>\n</head>\n<body>\n"
        yield f"<header>\n<h1>{title} <small>{escape(header.note)}</small></h1>\n"
        yield from _verdict(header)
        yield from _warnings(header)
        yield from _facts(header)
        for section in _tables(report):
            yield from _folded(section)
        yield from _cut(selection)
        yield f"</header>\n{_asset('body.html')}"
        yield '<script type="application/json" id="data">'
        yield script_json(data)
        yield "</script>\n"
        for script in (*map(asset, SHARED), *map(_asset, SCRIPTS)):
            yield f"<script>\n{script}</script>\n"
        yield "</body>\n</html>\n"

    def drawn(self) -> str:
        selection = self._selection
        assert selection is not None, "drawn before it was rendered"
        left_out = f", without {count(selection.omitted)} {_why(selection)}" if selection.omitted else ""
        return f"{many(len(selection.nodes), 'calling context')}{left_out}"


def _asset(name: str) -> str:
    return resources.files("prof.tools.reports").joinpath("page", name).read_text("utf-8")


def _verdict(header: Header) -> Iterator[str]:
    if header.verdict:
        yield '<dl id="verdict">\n'
        for title, text in header.verdict:
            yield f"<div><dt>{escape(title)}</dt><dd>{escape(text)}</dd></div>\n"
        yield "</dl>\n"


def _warnings(header: Header) -> Iterator[str]:
    """Every reason to doubt the figures: the first in sight, the others behind a word."""
    if not header.warnings:
        return
    first, *others = (f'<p class="warning">{escape(text)}</p>\n' for text in header.warnings)
    yield f'<div class="warnings">\n{first}'
    if others:
        yield f"<details>\n<summary>{len(others)} more</summary>\n{''.join(others)}</details>\n"
    yield "</div>\n"


def _facts(header: Header) -> Iterator[str]:
    """The run in a line; behind it the facts, as a list of terms, and what else is to be said."""
    facts: list[tuple[str, list[str]]] = []
    for title, text in header.facts:
        if title:
            facts.append((title, [text]))
        else:
            facts[-1][1].append(text)
    facts.insert(min(1, len(facts)), ("Modes", [", ".join(header.modes)]))  # what ran comes first
    yield f'<details id="run">\n<summary>{escape("; ".join(header.in_short)) or "The run"}</summary>\n<dl id="facts">\n'
    for title, texts in facts:
        yield f"<div><dt>{escape(title)}</dt><dd>{'<br>'.join(map(escape, texts))}</dd></div>\n"
    yield "</dl>\n"
    yield from (f'<p class="note">{escape(text)}</p>\n' for text in header.remarks)
    yield "</details>\n"


def _tables(report: Report) -> Iterator[Section]:
    """What the report has as tables alone."""
    if report.capture.processes:
        yield processes.section(report.summary, MOST_PROCESSES)
    if report.metrics:
        yield metrics.section(report.metrics, MOST_METRICS)


def _folded(section: Section) -> Iterator[str]:
    """A table above the graphs, folded so that they stay in sight."""
    columns = [column for column in section.columns if not column.empty]
    yield f'<details class="{escape(section.title.lower())}">\n'
    yield f"<summary>{escape(section.title)} ({escape(section.note)})</summary>\n<table>\n<tr>"
    yield from (f"<th>{escape(column.title)}</th>" for column in columns)
    yield "</tr>\n"
    for index in range(len(columns[0].cells)):
        cells = (
            f"{'&nbsp;&nbsp;' * min(c.depths[index], 20) if c.depths else ''}{escape(c.cells[index])}" for c in columns
        )
        yield f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n"
    notes = escape(" ".join(note.text for note in section.notes))
    yield f"</table>\n{f'<p>{notes}</p>' + chr(10) if notes else ''}</details>\n"


def _cut(selection: Selection) -> Iterator[str]:
    if selection.omitted:
        yield f'<p class="note">Not drawn: {count(selection.omitted)} calling contexts {_why(selection)}. '
        yield "What they have is in the width of their callers, and in the tables.</p>\n"


def _why(selection: Selection) -> str:
    """What kept contexts out of the picture."""
    small = f"with less than {100 * selection.share:.4g}% of every measure" if selection.share else ""
    deep = f"deeper than {selection.depth} levels" if selection.depth else ""
    return " or ".join(filter(None, (small, deep)))
