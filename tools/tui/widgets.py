"""Widgets that draw what is in sight and nothing else: a table of a section, lines, the call tree, a flame graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from prof.text import shown
from prof.tools.analysis.sections import Section
from prof.tools.modes import families
from prof.tools.screen.colours import colour
from prof.tools.screen.output import STYLES
from prof.tools.screen.tables import Column, Line, fitting, indented
from prof.tools.screen.units import columns as columns_of
from prof.tools.screen.units import count, percent, shorten, shorten_end
from prof.tools.tui.contexts import Box, Contexts
from prof.tools.tui.rows import Filter, order, parsed
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

_CURSOR = Style(reverse=True)
_MOVES: list[BindingType] = [
    Binding("up,k", "move(-1)", show=False),
    Binding("down,j", "move(1)", show=False),
    Binding("pageup", "page(-1)", show=False),
    Binding("pagedown", "page(1)", show=False),
    Binding("home", "move(-1000000000)", show=False),
    Binding("end", "move(1000000000)", show=False),
]


def style_of(name: str) -> Style:
    """A style by the name that tables call it."""
    return Style.parse(STYLES.get(name, "")) if name else Style.null()


class Rows(ScrollView, can_focus=True):
    """A list of rows with a cursor; what a row looks like is `row`, and the first line, if there is one, `heading`."""

    BINDINGS: ClassVar[list[BindingType]] = [*_MOVES, Binding("enter", "choose", "open", show=True)]

    class Chosen(Message):
        """A row was opened, by Enter or a second click."""

        def __init__(self, rows: Rows, index: int) -> None:
            super().__init__()
            self.rows, self.index = rows, index

        @property
        def control(self) -> Rows:
            return self.rows

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.cursor = 0

    # ---- what a subclass has ----

    def length(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def row(self, index: int, width: int) -> list[Segment]:
        """A row, as wide as it likes."""
        raise NotImplementedError

    def heading(self, width: int) -> list[Segment] | None:
        """The line above the rows, which stays there; None where there is none."""
        return None

    def clicked_heading(self, x: int) -> None:
        """The heading was clicked."""

    # ---- what all have ----

    def changed(self) -> None:
        """The rows are others: all is drawn again."""
        self.cursor = max(0, min(self.cursor, self.length() - 1))
        self.virtual_size = Size(0, self.length() + self._above)
        self.refresh()

    @property
    def _above(self) -> int:
        return 1 if self.heading(self.size.width or 80) is not None else 0

    def on_mount(self) -> None:
        self.changed()

    def on_resize(self) -> None:
        self.changed()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        above = self._above
        if above and y == 0:
            return Strip(self.heading(width) or []).adjust_cell_length(width).simplify()
        index = y - above + self.scroll_offset.y
        if not 0 <= index < self.length():
            return Strip.blank(width)
        found = self.row(index, width)
        if index == self.cursor and self.has_focus:
            return Strip([Segment(segment.text, _CURSOR) for segment in found]).adjust_cell_length(width, _CURSOR)
        return Strip(found).adjust_cell_length(width)

    def go(self, index: int) -> None:
        """Puts the cursor on a row, in sight."""
        self.cursor = max(0, min(index, self.length() - 1))
        room = max(1, self.size.height - self._above)
        self.scroll_to_region(Region(0, self.cursor, 1, min(self._above + 1, room)), animate=False, force=True)
        self.refresh()

    def action_move(self, by: int) -> None:
        self.go(self.cursor + by)

    def action_page(self, by: int) -> None:
        self.go(self.cursor + by * max(1, self.size.height - 2))

    def action_choose(self) -> None:
        if self.length():
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        above = self._above
        if above and event.y == 0:
            self.clicked_heading(event.x)
            return
        index = event.y - above + self.scroll_offset.y
        if 0 <= index < self.length():
            again = index == self.cursor and self.has_focus and event.chain > 1
            self.go(index)
            if again:
                self.action_choose()

    def watch_has_focus(self, value: bool) -> None:
        super().watch_has_focus(value)
        self.refresh()


class Table(Rows):
    """A section's table: ordered by any column, filtered, drawn as far as it is in sight."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("less_than_sign", "column(-1)", "<sort", show=False),
        Binding("greater_than_sign", "column(1)", "sort>", show=False),
        Binding("r", "reverse", "reverse", show=False),
    ]

    def __init__(self, section: Section, sortable: bool = True, **more: Any) -> None:
        super().__init__(**more)
        self.sortable = sortable
        self.by: int | None = None
        self.largest = True
        self.filter = Filter()
        self.set_section(section)

    def set_section(self, section: Section) -> None:
        """Shows another section, ordered and filtered as this one where it has those columns."""
        titles = [self.columns[self.by].title] if self.by is not None else []
        self.section = section
        self.columns: list[Column] = [column for column in section.columns if not column.empty] or list(section.columns)
        self.by = next((n for n, column in enumerate(self.columns) if column.title in titles), None)
        self._arrange()

    def every(self) -> int:
        """How many rows there are without the filter."""
        return len(self.columns[0].cells) if self.columns else 0

    def _arrange(self) -> None:
        rows: Sequence[int] = range(self.every())
        rows = self.filter.rows(self.columns, rows)
        if self.by is not None:
            rows = order(self.columns[self.by], rows, self.largest)
        self.rows = rows
        if self.is_mounted:
            self.changed()

    def set_filter(self, text: str) -> None:
        """Leaves the rows that a typed filter leaves."""
        self.filter = parsed(text)
        self._arrange()

    def length(self) -> int:
        return len(self.rows)

    def cell(self, title: str, index: int | None = None) -> str:
        """The text of a row, the cursor's unless another is given, in the column of that title; empty without it."""
        at = self.cursor if index is None else index
        column = next((each for each in self.columns if each.title == title), None)
        return column.cells[self.rows[at]] if column is not None and at < len(self.rows) else ""

    # ---- order ----

    def sort_by(self, column: int) -> None:
        """Orders by a column, the largest first; once more, the smallest."""
        if not self.sortable or not self.columns:
            return
        self.largest = not self.largest if column == self.by else not self.columns[column].left
        self.by = column
        self._arrange()

    def action_column(self, by: int) -> None:
        if self.columns:
            shown = [self.columns.index(each) for each in self._fitting(self.size.width)]
            at = shown.index(self.by) if self.by in shown else -1 if by > 0 else 0
            self.by = None
            self.sort_by(shown[(at + by) % len(shown)])

    def action_reverse(self) -> None:
        self.sort_by(self.by if self.by is not None else 0)

    def clicked_heading(self, x: int) -> None:
        begin = 0
        for column, width in self._laid(self.size.width):
            if begin <= x < begin + width + 2:
                self.sort_by(self.columns.index(column))
                return
            begin += width + 2

    # ---- drawing ----

    def _fitting(self, width: int) -> list[Column]:
        return fitting(self.columns, width, min(self.section.least, max(16, width // 2)))

    def _laid(self, width: int) -> list[tuple[Column, int]]:
        """The columns there is room for, each with its width: the one that stretches has what the others leave."""
        kept = self._fitting(width)
        room = {id(column): column.width for column in kept}
        over = sum(room.values()) + 2 * max(0, len(kept) - 1) - width
        texts = sorted((c for c in kept if c.left), key=lambda c: (not c.stretch, -c.width))
        for column in texts:
            cut = max(0, min(over, column.width - 8))
            room[id(column)] -= cut
            over -= cut
        if over < 0 and (stretching := next((c for c in kept if c.stretch), None)):
            room[id(stretching)] -= over
        return [(column, max(1, room[id(column)])) for column in kept]

    def heading(self, width: int) -> list[Segment]:
        found = []
        for column, room in self._laid(width):
            ordered = self.by is not None and self.columns[self.by] is column
            title = shorten_end(column.title, room)
            found.append(Segment(title.ljust(room) if column.left else title.rjust(room), Style(bold=True)))
            found.append(Segment(("▼ " if self.largest else "▲ ") if ordered else "  "))
        return found

    def row(self, index: int, width: int) -> list[Segment]:
        at, found = self.rows[index], []
        for column, room in self._laid_once(width):
            text = shown(column.cells[at])
            if column.depths:
                text = indented([column.depths[at]], [text], room)[0]
            elif columns_of(text) > room:
                text = (shorten_end if column.code else shorten)(text, room)
            blank = " " * (room - columns_of(text))
            found.append(Segment(text + blank if column.left else blank + text, style_of(column.style)))
            found.append(Segment("  "))
        return found

    def _laid_once(self, width: int) -> list[tuple[Column, int]]:
        key = (id(self.section), width)
        if getattr(self, "_laid_key", None) != key:
            self._laid_key, self._laid_found = key, self._laid(width)
        return self._laid_found


class Lines(Rows):
    """Styled lines of text."""

    def __init__(self, lines: Sequence[Line], **more: Any) -> None:
        super().__init__(**more)
        self.lines = list(lines)

    def length(self) -> int:
        return len(self.lines)

    def row(self, index: int, width: int) -> list[Segment]:
        return [Segment(shown(text), style_of(style)) for text, style in self.lines[index]]


class ContextTree(Rows):
    """The call tree, unfolded row by row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "unfold", show=False),
        Binding("left,h", "fold", show=False),
        Binding("space", "choose", show=False),
        Binding("x", "hottest", "hottest path", show=True),
        Binding("n", "next", "next found", show=False),
    ]

    def __init__(self, contexts: Contexts, **more: Any) -> None:
        super().__init__(**more)
        self.contexts = contexts
        self.sought = ""

    def length(self) -> int:
        return len(self.contexts.rows)

    def heading(self, width: int) -> list[Segment]:
        kind = self.contexts.kind
        return [Segment(f"{kind.title:>10}  {'%':>6}  {'self':>10}  {'calls':>10}  span", Style(bold=True))]

    def row(self, index: int, width: int) -> list[Segment]:
        contexts, row = self.contexts, self.contexts.rows[index]
        if row.more:
            return [Segment(" " * 44 + indented([row.depth], [f"… {count(row.more)} more"], max(8, width - 44))[0])]
        node, form = row.node, contexts.kind.format
        sign = "  " if contexts.leaf(node) else "▾ " if contexts.is_open(node) else "▸ "
        total, own = contexts.total[node], contexts.own(node)
        share, calls = percent(total, contexts.whole), count(contexts.tree.calls[node])
        name = indented([row.depth], [sign + shown(contexts.name(node))], max(8, width - 44))[0]
        return [
            Segment(f"{form(total) if total else '-':>10}  ", style_of(contexts.style)),
            Segment(f"{share:>6}  {form(own) if own else '-':>10}  {calls:>10}  "),
            Segment(name, style_of("name")),
        ]

    def toggle(self) -> None:
        """Unfolds or folds the row with the cursor."""
        if self.length():
            self.contexts.toggle(self.cursor)
            self.changed()

    def action_unfold(self) -> None:
        row = self.contexts.rows[self.cursor]
        if row.more or not self.contexts.is_open(row.node):
            self.toggle()
        else:
            self.go(self.cursor + 1)

    def action_fold(self) -> None:
        rows, row = self.contexts.rows, self.contexts.rows[self.cursor]
        if not row.more and self.contexts.is_open(row.node):
            self.toggle()
            return
        above = next((n for n in range(self.cursor - 1, -1, -1) if rows[n].depth < row.depth), self.cursor)
        self.go(above)

    def action_hottest(self) -> None:
        if self.length():
            index = self.contexts.hottest(self.cursor)
            self.changed()
            self.go(index)

    def find(self, text: str) -> bool:
        """Goes to the next span with that text in its name."""
        self.sought = text
        index = self.contexts.find(text, self.cursor) if text and self.length() else None
        if index is not None:
            self.changed()
            self.go(index)
        return index is not None

    def action_next(self) -> None:
        self.find(self.sought)


class Flame(Widget, can_focus=True):
    """A flame graph, its root at the top: frames that take less than a character are not drawn."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(0,-1)", show=False),
        Binding("down,j", "step(0,1)", show=False),
        Binding("left,h", "step(-1,0)", show=False),
        Binding("right,l", "step(1,0)", show=False),
        Binding("enter", "zoom", "zoom"),
        Binding("backspace,u", "back", "back"),
        Binding("home", "whole", show=False),
    ]

    class Moved(Message):
        """The cursor is on another frame."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    def __init__(self, contexts: Contexts, **more: Any) -> None:
        super().__init__(**more)
        self.contexts = contexts
        self.zoomed = [0]
        self.box = Box(0, 0, 0, 0)
        self._boxes: list[Box] = []
        self._lines: dict[int, list[Box]] = {}
        self._made: object = None

    def boxes(self) -> list[Box]:
        """What is drawn."""
        key = (self.zoomed[-1], self.size)
        if self._made != key:
            self._made = key
            self._boxes = self.contexts.boxes(self.zoomed[-1], self.size.width, self.size.height)
            self._lines = {}
            for box in sorted(self._boxes, key=lambda each: each.begin):
                self._lines.setdefault(box.row, []).append(box)
            self.box = next((each for each in self._boxes if each.node == self.box.node), self._boxes[0])
        return self._boxes

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        self.boxes()
        found, at = [], 0
        for box in self._lines.get(y, ()):
            found.append(Segment(" " * (box.begin - at)))
            found.append(self._segment(box))
            at = box.end
        return Strip(found).adjust_cell_length(width)

    def _segment(self, box: Box) -> Segment:
        room = box.end - box.begin
        label, name = self.contexts.label(box.node), shown(self.contexts.name(box.node))
        text = "▏" + shorten_end(name if columns_of(name) < room else name.rpartition(".")[2], room - 1)
        text += " " * (room - columns_of(text))
        if box.node == self.box.node and self.has_focus:
            return Segment(text[:room], Style(reverse=True, bold=True))
        fill = "hsl(40,8%,80%)"
        if label is not None:
            module = label.module or label.name.rpartition(".")[0]
            fill = colour(label.name, label.kind, module, families(self.contexts.measure))
        return Segment(text[:room], Style(color="#101010", bgcolor=_hex(fill)))

    def _put(self, box: Box) -> None:
        self.box = box
        self.refresh()
        self.post_message(self.Moved(self.contexts.words(box.node)))

    def on_focus(self) -> None:
        if self.size.width:
            self.boxes()
            self._put(self.box)

    def action_step(self, across: int, down: int) -> None:
        self.boxes()
        line = self._lines.get(self.box.row + down, [])
        if across and self.box in line:
            self._put(line[max(0, min(len(line) - 1, line.index(self.box) + across))])
        elif down:
            middle = (self.box.begin + self.box.end) / 2
            below = [b for b in line if b.end > self.box.begin and b.begin < self.box.end] if down > 0 else line
            if below:
                widest = (lambda b: b.begin - b.end) if down > 0 else (lambda b: abs((b.begin + b.end) / 2 - middle))
                around = [b for b in below if b.begin <= middle < b.end] if down < 0 else []
                self._put((around or sorted(below, key=widest))[0])

    def zoom(self, node: int) -> None:
        """Draws a node as wide as the screen."""
        if node != self.zoomed[-1]:
            self.zoomed.append(node)
        self.boxes()
        self._put(self._boxes[0])

    def action_zoom(self) -> None:
        self.zoom(self.box.node)

    def action_back(self) -> None:
        if len(self.zoomed) > 1:
            self.zoomed.pop()
        self.boxes()
        self._put(self.box)

    def action_whole(self) -> None:
        self.zoomed = [0]
        self.action_back()

    def on_click(self, event: events.Click) -> None:
        self.boxes()
        box = next((b for b in self._lines.get(event.y, ()) if b.begin <= event.x < b.end), None)
        if box is not None and box.node == self.box.node:
            self.zoom(box.node)
        elif box is not None:
            self._put(box)


def _hex(fill: str) -> str:
    """`hsl(…)` as rich takes it."""
    from textual.color import Color

    return Color.parse(fill).hex
