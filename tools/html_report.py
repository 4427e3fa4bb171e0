"""The HTML report: one page that works offline, with the flame graphs of all modes linked, and tables below.

The styles and scripts stand in `tools/html/`, the data in a script element as JSON. Nothing is loaded from elsewhere:
the page's own policy forbids it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources

from prof.capture import Function, Tree
from prof.tools import html_data, processes, text_report
from prof.tools.flamegraph import escape
from prof.tools.session import Session
from prof.tools.table import Line
from prof.tools.units import count, many

# In the order they build on each other.
SCRIPTS = ("data.js", "words.js", "graph.js", "table.js", "page.js")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def _asset(name: str) -> str:
    return resources.files("prof.tools").joinpath("html", name).read_text("utf-8")


def _facts(lines: Iterable[Line], modes: Sequence[str]) -> Iterator[str]:
    """The header of the text report, as a list of terms and, of every reason to doubt, a paragraph each."""
    facts: list[tuple[str, list[str]]] = [("Modes", [", ".join(modes)])]
    warnings: list[str] = []
    for line in lines:
        words = "".join(text for text, _ in line[1:]).strip()
        first, style = line[0]
        if style == "title" and first.strip():
            facts.append((first.strip(), [words]))
        elif style == "title":
            facts[-1][1].append(words)
        elif style == "warning":
            warnings.append(words)
        elif first.strip():
            warnings.append(first.strip())
    # What ran comes first, as in the text.
    facts[:2] = facts[1::-1] if len(facts) > 1 else facts
    yield '<dl id="facts">\n'
    for title, texts in facts:
        yield f"<div><dt>{escape(title)}</dt><dd>{'<br>'.join(map(escape, texts))}</dd></div>\n"
    yield "</dl>\n"
    if warnings:
        yield '<div class="warnings">\n'
        yield from (f'<p class="warning">{escape(text)}</p>\n' for text in warnings)
        yield "</div>\n"


def _cut(selection: html_data.Selection) -> Iterator[str]:
    if selection.omitted:
        yield f'<p class="note">Not drawn: {count(selection.omitted)} calling contexts {_why(selection)}. '
        yield "What they have is in the width of their callers, and in the tables.</p>\n"


def _why(selection: html_data.Selection) -> str:
    """What kept contexts out of the picture."""
    small = f"with less than {100 * selection.share:.4g}% of every measure" if selection.share else ""
    deep = f"deeper than {selection.depth} levels" if selection.depth else ""
    return " or ".join(filter(None, (small, deep)))


def _script_json(value: object) -> str:
    # ASCII, and no "<": nothing in it can end the script element.
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def document(
    session: Session, tree: Tree, functions: Sequence[Function], selection: html_data.Selection, note: str, sort: str
) -> Iterator[str]:
    """The page, in parts. The table of functions is sorted by `sort`, a field of `Function`."""
    data = html_data.document(session.capture, tree, functions, selection)
    data["sort"] = sort
    heading, *facts = [line for line in text_report.header(session, note) if any(text.strip() for text, _ in line)]
    title, *rest = [text.strip() for text, _ in heading]
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield '<meta name="color-scheme" content="light dark">\n'
    yield f"<title>{escape(title)}</title>\n<style>\n{_asset('page.css')}</style>\n</head>\n<body>\n"
    yield f"<header>\n<h1>{escape(title)} <small>{escape(' '.join(rest))}</small></h1>\n"
    yield from _facts(facts, session.modes)
    yield from processes.html(session)
    yield from _cut(selection)
    yield f"</header>\n{_asset('body.html')}"
    yield '<script type="application/json" id="data">'
    yield _script_json(data)
    yield "</script>\n"
    for name in SCRIPTS:
        yield f"<script>\n{_asset(name)}</script>\n"
    yield "</body>\n</html>\n"


def summary(selection: html_data.Selection, path: object) -> str:
    """What was written, for standard error."""
    left_out = f", without {count(selection.omitted)} {_why(selection)}" if selection.omitted else ""
    return f"{path}: {many(len(selection.nodes), 'calling context')}{left_out}"
