"""Calling contexts as rows: which are shown, in which order, and what recursion comes to."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator

from attrs import define, field
from prof.capture import NO_LABEL, Capture, Tree
from prof.tools.screen.tables import Cells

_WRAP = 2**64 - 1  # sums wrap around as those of the reader do, where a damaged capture has such figures


def _copied(column: memoryview) -> array[int]:
    """A column as an array, which is read in half the time that a view takes."""
    found = array(column.format)
    found.frombytes(column.cast("B"))
    return found


def _children(tree: Tree, least: dict[str, int], lines: bool, deepest: int = NO_LABEL) -> Callable[[int], list[int]]:
    """What gives a node's children that are shown: those with the least amount of any of the columns, the one with
    least of the first column first, and of equal ones the last."""
    (total, minimum), *others = ((_copied(tree.inclusive(column)), least[column]) for column in least)
    end, line, depth = _copied(tree.end), tree.line, tree.depth
    amount, every = total.__getitem__, lines or not any(line)

    def children(node: int) -> list[int]:
        child, stop = node + 1, end[node]
        found: list[int] = []
        if depth[node] >= deepest:
            return found
        while child < stop:
            enough = total[child] >= minimum or any(sums[child] >= least for sums, least in others)
            if enough and (every or not line[child]):
                found.append(child)
            child = end[child]
        if len(found) > 1:
            found.reverse()
            found.sort(key=amount)
        return found

    return children


def shown_order(tree: Tree, least: dict[str, int], depth: int, lines: bool = False) -> Iterator[int]:
    """The nodes to show, without the root: those with the least amount of any of the columns, `depth` levels of them
    (0: all). Depth first, of siblings the one with most of the first column first."""
    children = _children(tree, least, lines, depth or NO_LABEL)
    waiting = children(0)
    while waiting:
        node = waiting.pop()
        yield node
        waiting += children(node)


@define
class CallTree:
    """Rows of a call tree by one column, as columns with an entry a row: a capture may have millions.

    A function that calls itself, and nothing else that is shown, is one row for all of its levels.
    """

    tree: Tree
    column: str
    node: array[int] = field(factory=lambda: array("I"))
    """The outermost of the nodes that the row is of, and `label` the label of them all."""
    label: array[int] = field(factory=lambda: array("I"))
    depth: array[int] = field(factory=lambda: array("I"))
    own: array[int] = field(factory=lambda: array("Q"))
    """What these hold themselves."""
    calls: array[int] = field(factory=lambda: array("Q"))
    levels: array[int] = field(factory=lambda: array("I"))
    """How many nodes, each below the one before."""

    def __len__(self) -> int:
        return len(self.node)

    def cut(self, most: int) -> int:
        """Keeps `most` rows, and returns how many were more."""
        more = max(0, len(self) - most)
        for column in (self.node, self.label, self.depth, self.own, self.calls, self.levels):
            del column[most:]
        return more

    def totals(self, column: str, capture: Capture) -> array[int]:
        """What the rows' subtrees hold; nothing where a span's markers left that out."""
        total = self.tree.inclusive(column)
        left_out = {label for label in set(self.label) if not capture.label(label).has(column)}
        if not left_out:
            return array("Q", map(total.__getitem__, self.node))
        pairs = zip(self.node, self.label, strict=True)
        return array("Q", (0 if label in left_out else total[node] for node, label in pairs))

    def named(self, name: Callable[[int, int], str]) -> Cells:
        """The names of the rows: what `name` makes of a label and the number of levels."""
        # Both in one number: most rows have the name of others.
        keys = array("Q", (label | levels << 32 for label, levels in zip(self.label, self.levels, strict=True)))
        names = {key: name(key & 0xFFFFFFFF, key >> 32) for key in set(keys)}
        return Cells(keys, names.__getitem__)


def own_amounts(tree: Tree, column: str) -> Callable[[int], int]:
    """What gives a node's own amount of a column that lines hold some of: with what the lines directly below it hold,
    and of a span all of its frames."""
    total, end, line = tree.inclusive(column), tree.end, tree.line

    def own(node: int) -> int:
        child, stop, span = node + 1, end[node], not line[node]
        rest: int = total[node]
        while child < stop:
            if line[child] == 0 or (not span and line[child] == 2):
                rest -= total[child]
            child = end[child]
        return rest

    return own


def call_tree(tree: Tree, column: str, least: int, depth: int, lines: bool, in_lines: bool) -> CallTree:
    """The rows with at least so much of the column, `depth` levels of them (0: all), with `lines` or without.

    `in_lines` says whether lines hold some of the column: what a line holds is its function's own.
    """
    found = CallTree(tree, column)
    children = _children(tree, {column: least}, lines)
    own = own_amounts(tree, column) if in_lines else tree.column(column).__getitem__
    label, end, calls = _copied(tree.label), _copied(tree.end), tree.calls
    deepest = depth - 1 if depth else NO_LABEL
    add_node, add_label, add_depth = found.node.append, found.label.append, found.depth.append
    add_own, add_calls, add_levels = found.own.append, found.calls.append, found.levels.append
    waiting = children(0)
    depths = [0] * len(waiting)
    while waiting:
        node, at = waiting.pop(), depths.pop()
        add_node(node)
        add_label(of := label[node])
        add_depth(at)
        held, called, levels = own(node), calls[node], 1
        below = children(node) if end[node] > node + 1 else ()
        while len(below) == 1 and label[below[0]] == of:
            (node,) = below
            held, called, levels = held + own(node), called + calls[node], levels + 1
            below = children(node)
        add_own(held & _WRAP)
        add_calls(called & _WRAP)
        add_levels(levels)
        if below and at < deepest:
            waiting += below
            depths += [at + 1] * len(below)
    return found
