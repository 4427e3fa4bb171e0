"""Lines of styled text, and tables of them that fit a width."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import overload

from attrs import field, frozen
from prof.tools.screen.units import all_narrow, shorten, shorten_end, widest
from prof.tools.screen.units import columns as columns_of

# Characters without which a text says nothing.
LEAST = 16
# Of a table that is not cut.
NO_LIMIT = 1_000_000
# Rows that are made at a time.
CHUNK = 1000

# A line is spans of text and style; styles are names that `output` knows, "" is plain.
Line = list[tuple[str, str]]


@frozen
class Cells(Sequence[str]):
    """Cells that are made of numbers when they are asked for: a table may have a million rows."""

    values: Sequence[int]
    format: Callable[[int], str]

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if not isinstance(index, slice):
            return self.format(self.values[index])
        values = self.values[index]
        different = set(values)
        if 2 * len(different) > len(values):
            return list(map(self.format, values))
        texts = {value: self.format(value) for value in different}
        return [texts[value] for value in values]

    def __iter__(self) -> Iterator[str]:
        return map(self.format, self.values)

    def width(self, depths: Sequence[int] = ()) -> int:
        """Characters of the widest cell, indented as far as `depths` say."""
        if depths:
            deepest: dict[int, int] = {}
            for value, depth in zip(self.values, depths, strict=True):
                if depth > deepest.get(value, -1):
                    deepest[value] = depth
            return max(columns_of(self.format(value)) + 2 * depth for value, depth in deepest.items())
        found, most = 0, widest(self.format, max(self.values, default=0))
        for begin in range(0, len(self), CHUNK):
            found = max(found, *map(columns_of, self[begin : begin + CHUNK]))
            if found == most:
                break  # no other cell can be wider
        return found


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
        return max(len(self.title), self._widest_cell())

    def _widest_cell(self) -> int:
        if isinstance(self.cells, Cells):
            return self.cells.width(self.depths)
        depths = self.depths or (0,) * len(self.cells)
        return max(map(lambda cell, depth: columns_of(cell) + 2 * depth, self.cells, depths), default=0)

    @property
    def empty(self) -> bool:
        """Whether no cell says anything."""
        return all(cell in ("", "-") for cell in self.cells)

    def texts(self, room: int, begin: int, end: int) -> list[str]:
        """Some of the cells, in so much room at most."""
        cells = self.cells[begin:end]
        if self.depths:
            return indented(self.depths[begin:end], cells, room)
        if self.width > room:
            return [(shorten_end if self.code else shorten)(cell, room) for cell in cells]
        return list(cells)


def _padded(texts: Sequence[str], room: int, left: bool) -> list[str]:
    """Texts with blanks, so that each takes so much room."""
    pairs = ((text, " " * (room - columns_of(text))) for text in texts)
    return [text + blanks if left else blanks + text for text, blanks in pairs]


def plain(text: str = "", style: str = "") -> Line:
    """One span."""
    return [(text, style)]


def indented(depths: Sequence[int], names: Sequence[str], room: int) -> list[str]:
    """Names behind two blanks a level, as long as that leaves half of the room; then behind the level in figures."""
    indents = ["  " * depth for depth in range(room // 4 + 1)]
    deepest = len(indents) - 1
    return [
        indents[depth] + name
        if depth <= deepest and name.isascii() and len(name) + 2 * depth <= room
        else _indented(depth, name, room)
        for depth, name in zip(depths, names, strict=True)
    ]


def _indented(depth: int, name: str, room: int) -> str:
    indent = "  " * depth if depth <= room // 4 else f"{'  ' * max(0, room // 4 - 3)}[{depth}] "
    return indent + shorten(name, room - len(indent))


def shown_of(shown: int, every: int) -> str:
    """How many rows of a table are shown: `20 of 23`, or `all 23`."""
    return f"{shown:,} of {every:,}" if shown < every else f"all {every:,}"


def fitting(columns: Sequence[Column], width: int, least: int = 34) -> list[Column]:
    """The columns that say something, as far as there is room for them. `least` is what a stretching column needs.

    Where it cannot have half of that, columns of figures go, too, the last ones first.
    """
    kept = [column for column in columns if not column.empty]

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


def table(columns: Sequence[Column], width: int, styled: bool = True) -> Iterator[Line]:
    """The title line and rows of columns that `fitting` has left, `width` characters at most.

    Rows are made as they are asked for. Where they are not to be `styled`, a row is one span: of a million rows, most
    of the time would go into spans.
    """
    widths = _widths(columns, width)
    titles = zip(columns, widths, strict=True)
    yield _row([c.title.ljust(room) if c.left else c.title.rjust(room) for c, room in titles], ["title"] * len(columns))
    styles = [column.style for column in columns]
    # Pads texts whose characters take a column each, which nearly all are.
    forms = [f"%{'-' * c.left}{room}s" for c, room in zip(columns, widths, strict=True)]
    template = "  ".join([*forms[:-1], "%s"] if columns and columns[-1].left else forms)
    count = len(columns[0].cells) if columns else 0
    for begin in range(0, count, CHUNK):
        texts = [c.texts(room, begin, begin + CHUNK) for c, room in zip(columns, widths, strict=True)]
        if not styled and all(map(all_narrow, texts)):
            yield from ([((template % cells).rstrip(), "")] for cells in zip(*texts, strict=True))
            continue
        texts = [_padded(each, room, c.left) for each, c, room in zip(texts, columns, widths, strict=True)]
        for cells in zip(*texts, strict=True):
            yield _row(cells, styles) if styled else [("  ".join(cells).rstrip(), "")]


def _row(cells: Sequence[str], styles: Sequence[str]) -> Line:
    spans: Line = []
    for text, style in zip(cells, styles, strict=True):
        spans.append(("  " if spans else "", ""))
        spans.append((text, style))
    while spans and not spans[-1][0].strip():
        spans.pop()
    if spans:
        spans[-1] = (spans[-1][0].rstrip(), spans[-1][1])
    return spans
