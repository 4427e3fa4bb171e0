"""What the server answers with: the list of captures, the page of some, the difference of two. Knows no sockets."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import Factory, define
from prof.capture import captures_in
from prof.errors import InputError
from prof.many import open_captures
from prof.modes import MEASURES
from prof.tools.analysis.catalogue import Entry, entries
from prof.tools.analysis.difference import Input, compare
from prof.tools.analysis.frames_beside import common
from prof.tools.analysis.report import analyse
from prof.tools.analysis.whose import ruled
from prof.tools.modes import VIEWS, comparable
from prof.tools.reports import FORMATS, diff_html
from prof.tools.reports.asked import made
from prof.tools.screen.markup import escape
from prof.tools.screen.units import duration, size

# Pages that are kept, since making one takes a moment.
_KEPT = 4
# Of each table of a difference.
_ROWS = 200
_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}tbody tr:hover{background:#8882}"
    "div.wide{overflow-x:auto}button{font:inherit;padding:.3rem 1rem;margin:1rem .5rem 0 0}"
    ".warning{color:#a50}"
)


@define
class Pages:
    """The pages of a folder."""

    folder: Path
    _made: OrderedDict[object, str] = Factory(OrderedDict)

    def index(self) -> str:
        """The list of captures: each is a link, some can be read as one, two compared."""
        try:
            rows = entries(self.folder)
        except InputError as error:
            return _document("Captures", f"<p>{escape(str(error))}</p>")
        titles = ("as one", "old", "new", "program", "began", "lasted", "modes", "size", "state")
        head = "".join(f'<th scope="col">{title}</th>' for title in titles)
        body = "".join(_row(each, number) for number, each in enumerate(rows))
        return _document(
            "Captures",
            f'<form method="get"><div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>'
            '</table></div>\n<button formaction="page">Show those as one</button>'
            '<button formaction="diff">Compare old with new</button></form>',
        )

    def page(self, idents: Sequence[str]) -> str:
        """The linked page of some captures, as one. Raises InputError."""
        paths = [self._path(ident) for ident in idents]
        if not paths:
            raise InputError("pick a capture first")
        return self._once(("page", *map(_version, paths)), lambda: self._render(paths))

    def difference(self, before: str, after: str) -> str:
        """What two captures count differently. Raises InputError."""
        paths = self._path(before), self._path(after)
        return self._once(("difference", *map(_version, paths)), lambda: _difference(*paths))

    def _path(self, ident: str) -> Path:
        """The capture of the folder that is called so: nothing else is opened."""
        for _, path in captures_in(self.folder):
            if ident_of(path) == ident:
                return path
        raise InputError("there is no such capture in this folder any more")

    def _render(self, paths: list[Path]) -> str:
        with open_captures(paths) as capture:
            report = analyse(capture, tuple(VIEWS.values()), "", "", ruled())
            return "".join(made(report, FORMATS["html"]).render(report))

    def _once(self, key: object, make: Callable[[], str]) -> str:
        if key not in self._made:
            self._made[key] = make()
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return self._made[key]


def message(text: str) -> str:
    """A page with one sentence, and the way back."""
    return _document("prof", f'<p>{escape(text)}</p><p><a href="./">All captures</a></p>')


def _difference(before: Path, after: Path) -> str:
    sides = Input(before.name, [[before]]), Input(after.name, [[after]])
    difference = compare(*sides, comparable(), skip_inexact=True)
    with open_captures([before]) as old, open_captures([after]) as new:
        measures = common(old, new, list(MEASURES.values()))
        return "".join(diff_html.render(difference, [], (old, new), measures, _ROWS))


def _version(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return str(path), status.st_mtime_ns, status.st_size


def ident_of(path: Path) -> str:
    """What a capture is called in addresses: its name may hold anything."""
    return hashlib.sha256(os.fsencode(path.name)).hexdigest()[:24]


def _row(entry: Entry, number: int) -> str:
    """A capture of the list. The newest is picked to be compared with the one before."""
    ident = ident_of(entry.path)
    label = escape(f"{entry.program}, {entry.began}")
    cells = [f'<input type="checkbox" name="c" value="{ident}" aria-label="{label}: show as one">']
    for column, picked in (("old", 1), ("new", 0)):
        checked = " checked" if number == picked else ""
        cells.append(f'<input type="radio" name="{column}" value="{ident}"{checked} aria-label="{label}: {column}">')
    link = escape(entry.program) if entry.why else f'<a href="page?c={ident}">{escape(entry.program)}</a>'
    state = escape(entry.why or entry.state)
    rest = [link, entry.began, duration(entry.wall_ns), escape(entry.modes), size(entry.size)]
    numbers = {5, 7}  # how long it lasted, and its size
    found = "".join(
        f"<td{' class=n' if n in numbers else ''}>{cell}</td>" for n, cell in enumerate([*cells, *rest])
    )  # fmt: skip
    return f'<tr>{found}<td class="warning">{state}</td></tr>\n'


def _document(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>'
        f'{title}</title><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n{body}\n</body></html>\n"
    )


def parts(text: str) -> Iterator[bytes]:
    """A page in pieces that are sent one after the other."""
    data = text.encode("utf-8", "replace")
    for begin in range(0, len(data), 1 << 20):
        yield data[begin : begin + (1 << 20)]
