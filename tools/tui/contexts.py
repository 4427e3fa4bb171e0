"""The call tree as rows that are unfolded one at a time, and as boxes of a flame graph. Knows no terminal."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from attrs import define, field, frozen
from prof.capture import ROOT, Label
from prof.modes import MEASURES
from prof.tools.analysis.call_tree import own_amounts
from prof.tools.analysis.report import Report
from prof.tools.analysis.source_lines import place
from prof.tools.screen.units import percent

# Of one node's children, so many are shown, and so many more when they are asked for.
STEP = 500


@frozen
class Node:
    """A row: a node of the tree, or, where `more` is not 0, so many children of it that are not shown yet."""

    node: int
    depth: int
    more: int = 0


@frozen
class Box:
    """A frame of the flame graph: columns from `begin` up to `end`, in a `row` from the root's, 0, on."""

    row: int
    begin: int
    end: int
    node: int


def columns_of(report: Report) -> list[str]:
    """What the tree can be by, of what was recorded."""
    found = [column for view in report.summary.views for column in view.tree_columns]
    return list(dict.fromkeys(found)) or [report.main_column]


def title_of(column: str) -> str:
    """What a column of the tree is, in words; empty where no measure is of it."""
    return next((measure.title for measure in MEASURES.values() if measure.column == column), "")


@define(slots=False)
class Contexts:
    """The calling contexts of a report by one column of the tree."""

    report: Report
    column: str
    rows: list[Node] = field(factory=list)
    _opened: set[int] = field(factory=set)
    _shown: dict[int, int] = field(factory=dict)
    _children: dict[int, list[int]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        report, column = self.report, self.column
        self.tree = report.tree_of(column)
        self.kind = report.tree_columns[column]
        self.total = self.tree.inclusive(column)
        self.whole = report.tree_whole(column)
        self.own = own_amounts(self.tree, column) if self.kind.lines else self.tree.column(column).__getitem__
        self.rows = list(self._below(ROOT, 0))

    @property
    def measure(self) -> str:
        """The name of the measure that decides the colours."""
        return next((name for name, each in MEASURES.items() if each.column == self.column), "")

    @property
    def style(self) -> str:
        """The style of its figures: the name of the mode that they are of."""
        return next((view.name for view in self.report.summary.views if self.column in view.tree_columns), "")

    def children(self, node: int) -> list[int]:
        """The children of a node that have some of the column, or were called, the largest first."""
        found = self._children.get(node)
        if found is None:
            total, calls = self.total, self.tree.calls
            found = [child for child in self.tree.children(node) if total[child] or calls[child]]
            found.sort(key=lambda child: total[child], reverse=True)
            self._children[node] = found
        return found

    def label(self, node: int) -> Label | None:
        """What a node is of; None of the root."""
        return None if node == ROOT else self.report.capture.label(self.tree.label[node])

    def name(self, node: int) -> str:
        """Its name."""
        label = self.label(node)
        if label is None:
            return "all"
        return " in ".join(filter(None, (place(label), label.module))) if label.kind == "line" else label.name

    def words(self, node: int) -> str:
        """A node in a line: its name, how much it has, how much of it itself, and calls."""
        total, own = (self.kind.format(n) for n in (self.total[node], self.own(node)))
        calls = f", {self.tree.calls[node]:,} calls" if self.tree.calls[node] and node != ROOT else ""
        share = percent(self.total[node], self.whole)
        return f"{self.name(node)}: {total} {self.kind.words}, {share}, self {own}{calls}".replace(" ,", ",")

    # ---- rows ----

    def _below(self, node: int, depth: int) -> Iterator[Node]:
        """The rows of a node's children, with what is unfolded below them."""
        waiting = list(reversed(self._rows_of(node, depth)))
        while waiting:
            row = waiting.pop()
            yield row
            if not row.more and row.node in self._opened:
                waiting += reversed(self._rows_of(row.node, row.depth + 1))

    def _rows_of(self, node: int, depth: int) -> list[Node]:
        every, most = self.children(node), self._shown.get(node, STEP)
        found = [Node(child, depth) for child in every[:most]]
        return [*found, Node(node, depth, len(every) - most)] if len(every) > most else found

    def is_open(self, node: int) -> bool:
        return node in self._opened

    def leaf(self, node: int) -> bool:
        """Whether there is nothing below it."""
        return self.tree.end[node] == node + 1 or not self.children(node)

    def toggle(self, index: int) -> None:
        """Unfolds a row, or folds it; of a row that stands for more, shows these."""
        row = self.rows[index]
        if row.more:
            self._shown[row.node] = self._shown.get(row.node, STEP) + STEP
            more = self._rows_of(row.node, row.depth)
            self.rows[index : index + 1] = more[self._shown[row.node] - STEP :]
        elif row.node in self._opened:
            self._opened.discard(row.node)
            end = index + 1
            while end < len(self.rows) and self.rows[end].depth > row.depth:
                end += 1
            del self.rows[index + 1 : end]
        elif not self.leaf(row.node):
            self._opened.add(row.node)
            self.rows[index + 1 : index + 1] = list(self._below(row.node, row.depth + 1))

    def hottest(self, index: int) -> int:
        """Unfolds the row, and the largest below it, down to the last one with half of what the row has. Its index."""
        least = self.total[self.rows[index].node] // 2
        while True:
            row = self.rows[index]
            if row.more or self.leaf(row.node):
                return index
            if row.node not in self._opened:
                self.toggle(index)
            if self.total[self.rows[index + 1].node] < max(1, least):
                return index
            index += 1

    def find(self, text: str, after: int) -> int | None:
        """The next node whose name has the text in it, from the row `after` on, unfolded. The index of its row."""
        labels = self._labels_with(text.lower())
        label = array("I", self.tree.label.tobytes())
        begin = self.rows[after].node + 1 if 0 <= after < len(self.rows) else 1
        order = (*range(begin, self.tree.count), *range(1, min(begin, self.tree.count)))
        found = (
            next((node for node in order if label[node] in labels and self._is_shown(node)), None) if labels else None
        )
        return None if found is None else self.reveal(found)

    def _is_shown(self, node: int) -> bool:
        return bool(self.total[node] or self.tree.calls[node])

    def _labels_with(self, text: str) -> set[int]:
        capture = self.report.capture
        used = set(array("I", self.tree.label.tobytes())[1:])
        return {index for index in used if text in capture.label(index).name.lower()}

    def reveal(self, node: int) -> int:
        """Unfolds all above a node. The index of its row."""
        path = [node]
        while path[-1] != ROOT:
            path.append(self.tree.parent[path[-1]])
        for above, below in zip(reversed(path), list(reversed(path))[1:], strict=False):
            at = self.children(above).index(below)
            self._shown[above] = max(self._shown.get(above, STEP), at + 1)
            if above != ROOT:
                self._opened.add(above)
        self.rows = list(self._below(ROOT, 0))
        return next(index for index, row in enumerate(self.rows) if row.node == node and not row.more)

    # ---- the flame graph ----

    def boxes(self, root: int, width: int, height: int) -> list[Box]:
        """The frames below a node that take a column or more, `height` rows of them; the row above has the node."""
        found: list[Box] = []
        if not self.amount(root):
            return [Box(0, 0, width, root)]
        waiting = [(root, 0, 0.0, float(width))]
        while waiting:
            node, row, begin, size = waiting.pop()
            left, right = round(begin), round(begin + size)
            if right <= left:
                continue
            found.append(Box(row, left, right, node))
            if row + 1 < height and not self.leaf(node):
                waiting += self._boxes_below(node, row + 1, begin, size)
        return found

    def amount(self, node: int) -> int:
        """How wide a frame is: of the root, what its children have."""
        return sum(self.total[child] for child in self.children(ROOT)) if node == ROOT else self.total[node]

    def _boxes_below(self, node: int, row: int, begin: float, size: float) -> Sequence[tuple[int, int, float, float]]:
        scale = size / self.amount(node)
        found = []
        for child in self.children(node):
            taken = self.total[child] * scale
            if taken < 0.25:
                break  # they are ordered: no other is wider
            found.append((child, row, begin, taken))
            begin += taken
        return found
