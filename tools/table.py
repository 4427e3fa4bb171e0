"""Lines of styled text, and tables of them that fit a width."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen
from prof.tools.units import columns as columns_of
from prof.tools.units import shorten, shorten_end

# Characters without which a text says nothing.
LEAST = 16

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
    depths: Sequence[int] = ()
    """How far the cells are indented, of a tree."""
    width: int = field(init=False)
    """Characters that the title and every cell have room in."""

    @width.default
    def _widest(self) -> int:
        indents = (2 * depth for depth in self.depths or (0,) * len(self.cells))
        return max(len(self.title), *(columns_of(c) + indent for c, indent in zip(self.cells, indents, strict=True)), 0)

    def texts(self, room: int) -> list[str]:
        """The cells in so much room."""
        if self.depths:
            return [indented(depth, cell, room) for depth, cell in zip(self.depths, self.cells, strict=True)]
        return [(shorten_end if self.code else shorten)(cell, room) for cell in self.cells]


def plain(text: str = "", style: str = "") -> Line:
    """One span."""
    return [(text, style)]


def indented(depth: int, name: str, room: int) -> str:
    """Two blanks a level, as long as that leaves half of the room; then the level in figures."""
    indent = "  " * depth if depth * 2 <= room // 2 else f"{'  ' * max(0, room // 4 - 3)}[{depth}] "
    return indent + shorten(name, room - len(indent))


def shown_of(shown: int, every: int) -> str:
    """How many rows of a table are shown: `20 of 23`, or `all 23`."""
    return f"{shown:,} of {every:,}" if shown < every else f"all {every:,}"


def _fitting(columns: Sequence[Column], width: int, least: int) -> list[Column]:
    kept = list(columns)

    def room(least: int) -> int:
        return width - sum(min(c.width, least) if c.stretch else c.width + 2 for c in kept)

    while room(least) < 0 and (last := max(kept, key=lambda c: c.rank)).rank:
        kept.remove(last)
    figures = [c for c in kept if not c.left]
    while room(max(LEAST, least // 2)) < 0 and len(figures) > 2:
        kept.remove(figures.pop())
    return kept


def _widths(columns: Sequence[Column], width: int) -> list[int]:
    """What each column gets: what it needs, but for texts where that is too much, the one that stretches first."""
    widths = [c.width for c in columns]
    texts = sorted((n for n, c in enumerate(columns) if c.left), key=lambda n: (not columns[n].stretch, -widths[n]))
    over = sum(widths) + 2 * (len(columns) - 1) - width
    for number in texts:
        cut = max(0, min(over, widths[number] - LEAST))
        widths[number] -= cut
        over -= cut
    return widths


def table(columns: Sequence[Column], width: int, least: int = 34) -> list[Line]:
    """The table's title line and rows, `width` characters at most. `least` is what a stretching column needs.

    Where it cannot have half of that, columns of figures go, too, the last ones first.
    """
    columns = _fitting([c for c in columns if any(cell not in ("", "-") for cell in c.cells)], width, least)
    widths = _widths(columns, width)

    def row(cells: Sequence[str], styles: Sequence[str]) -> Line:
        spans: Line = []
        for column, text, room, style in zip(columns, cells, widths, styles, strict=True):
            spans.append(("  " if spans else "", ""))
            blanks = " " * (room - columns_of(text))
            spans.append((text + blanks if column.left else blanks + text, style))
        while spans and not spans[-1][0].strip():
            spans.pop()
        if spans:
            spans[-1] = (spans[-1][0].rstrip(), spans[-1][1])
        return spans

    lines = [row([c.title for c in columns], ["title"] * len(columns))]
    styles = [c.style for c in columns]
    for cells in zip(*(c.texts(room) for c, room in zip(columns, widths, strict=True)), strict=True):
        lines.append(row(cells, styles))
    return lines
