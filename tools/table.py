"""Lines of styled text, and tables of them that fit a width."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from prof.tools.units import shorten, shorten_end

# A line is spans of text and style; styles are names that `output` knows, "" is plain.
Line = list[tuple[str, str]]


@frozen
class Column:
    """A column of cells. One column may stretch: it takes the width the others leave, and is shortened to it, at its
    beginning, or at its end if it is `code`.

    Of columns with `rank` above 0, those of the highest rank go first where a table is too narrow.
    """

    title: str
    cells: Sequence[str]
    style: str = ""
    left: bool = False
    stretch: bool = False
    rank: int = 0
    code: bool = False

    @property
    def width(self) -> int:
        return max(len(self.title), *(len(cell) for cell in self.cells), 0)


def plain(text: str = "", style: str = "") -> Line:
    """One span."""
    return [(text, style)]


def shown_of(shown: int, every: int) -> str:
    """How many rows of a table are shown: `20 of 23`, or `all 23`."""
    return f"{shown} of {every}" if shown < every else f"all {every}"


def _fitting(columns: Sequence[Column], width: int, least: int) -> list[Column]:
    kept = list(columns)
    while True:
        fixed = sum(c.width + 2 for c in kept if not c.stretch)
        wanted = sum(min(c.width, least) for c in kept if c.stretch)
        last = max(kept, key=lambda c: c.rank)
        if fixed + wanted <= width or last.rank == 0:
            return kept
        kept.remove(last)


def table(columns: Sequence[Column], width: int, least: int = 34) -> list[Line]:
    """The table's title line and rows, `width` characters at most. `least` is what a stretching column needs."""
    columns = _fitting([c for c in columns if any(cell not in ("", "-") for cell in c.cells)], width, least)
    fixed = sum(c.width + 2 for c in columns if not c.stretch)
    widths = [max(8, min(c.width, width - fixed)) if c.stretch else c.width for c in columns]

    def row(cells: Sequence[str], styles: Sequence[str]) -> Line:
        spans: Line = []
        for column, cell, room, style in zip(columns, cells, widths, styles, strict=True):
            text = shorten_end(cell, room) if column.code else shorten(cell, room)
            spans.append(("  " if spans else "", ""))
            spans.append((text.ljust(room) if column.left else text.rjust(room), style))
        while spans and not spans[-1][0].strip():
            spans.pop()
        if spans:
            spans[-1] = (spans[-1][0].rstrip(), spans[-1][1])
        return spans

    lines = [row([c.title for c in columns], ["title"] * len(columns))]
    styles = [c.style for c in columns]
    for cells in zip(*(c.cells for c in columns), strict=True):
        lines.append(row(cells, styles))
    return lines
