"""The call tree as text: the contexts that took most, of time or of memory, indented below their callers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from attrs import define
from prof.capture import Label, Tree
from prof.tools.memory_report import place
from prof.tools.session import Session
from prof.tools.table import Column, Line, plain, table
from prof.tools.units import count, duration, percent
from prof.tools.wish import MEMORY_COLUMNS, Wish, amounts

MEASURED = {
    "peak_bytes": "held at the peak",
    "live_bytes": "held at the end",
    "alloc_bytes": "allocated",
    "alloc_count": "allocations",
    "ops": "operations",
    "samples": "samples",
}
# Of the columns a tree can be by: the title of its own, and the style.
_TITLES = {column: (title, "memory") for column, title in MEMORY_COLUMNS.items()} | {
    "self_ns": ("total", "time"),
    "ops": ("total ops", "ops"),
    "samples": ("samples", "samples"),
}


def measured_column(session: Session, wish: Wish) -> str:
    """What the tree is by: time, unless something else was wished for or is all there is."""
    return wish.tree_column or main_column(session)


def main_column(session: Session) -> str:
    """The first of what a tree can be by that was recorded."""
    if session.timed or session.memory is not None:
        return "self_ns" if session.timed else "alloc_bytes"
    return "samples" if session.operations is None and session.sampler is not None else "ops"


def tree_lines(session: Session, tree: Tree, wish: Wish, most: int = 0) -> Iterator[Line]:
    """The call tree, largest first, without what is too small or too deep; percentages are of the profiled time or of
    all memory or operations. `most` lines at most; 0 for all."""
    column = measured_column(session, wish)
    timed = column == "self_ns"
    total = tree.inclusive(column)
    whole = session.inside_ns if timed else total[0]
    words = duration if timed else amounts(column)
    lines = wish.lines and column in (*MEMORY_COLUMNS, "samples")
    nodes = shown_order(tree, {column: max(1, int(whole * wish.min_percent / 100))}, 0, lines)
    levels = f" and {wish.depth} levels" if wish.depth else ""
    yield plain()
    of = f"  of {words(whole)}{'' if timed else ' ' + MEASURED[column]}, down to {wish.min_percent:g}%{levels}"
    yield [("Call tree", "heading"), (of if whole else "", "dim")]
    yield plain()
    if not nodes:
        yield plain("  nothing" + (" that long" if timed else " that large") * (whole > 0), "dim")
        return
    rows = [row for row in _rows(session, tree, column, nodes) if not wish.depth or row.depth < wish.depth]
    more = len(rows) - most if most else 0
    rows = rows[: most or None]
    yield from table(_columns(session, tree, wish, column, rows, words, whole), wish.width, least=48)
    if more > 0:
        yield plain(f"  … {count(more)} more: see `prof report --tree`", "dim")


def _columns(
    session: Session, tree: Tree, wish: Wish, column: str, rows: Sequence[_Row], words: Callable[[int], str], whole: int
) -> list[Column]:
    total = _totals(session, tree, column, rows)
    title, style = _TITLES[column]
    columns = [
        Column("%", [percent(value, whole) for value in total]),
        Column(title, [words(value) for value in total], style),
        Column("self", [words(row.own) for row in rows]),
        Column("calls", [count(row.calls) for row in rows]),
    ]  # fmt: skip
    for other in ("alloc_bytes", "alloc_count") if session.memory is not None else ():
        if other != column and (column in MEMORY_COLUMNS or other == "alloc_bytes"):
            values = _totals(session, tree, other, rows)
            columns.append(Column(MEMORY_COLUMNS[other], [amounts(other)(value) for value in values]))
    if session.operations is not None and column != "ops":
        columns.append(Column("ops", [count(value) for value in _totals(session, tree, "ops", rows)]))
    if session.sampler is not None and column != "samples":
        samples = _totals(session, tree, "samples", rows)
        columns.append(Column("samples", [count(value) for value in samples], rank=1))
    spans = Column("span", [row.name for row in rows], "name", left=True, stretch=True, depths=[r.depth for r in rows])
    return [*columns, spans]


def _totals(session: Session, tree: Tree, column: str, rows: Sequence[_Row]) -> list[int]:
    """What the rows' subtrees hold; nothing where a span's markers left that out."""
    total = tree.inclusive(column)
    labels = (session.capture.label(tree.label[row.node]) for row in rows)
    return [total[row.node] if label.has(column) else 0 for row, label in zip(rows, labels, strict=True)]


@define
class _Row:
    """A line of the call tree; `own` and `calls` are sums where it stands for several levels of recursion."""

    node: int
    depth: int
    name: str
    own: int
    calls: int
    levels: int = 1


def _name(label: Label) -> str:
    if label.kind != "line":
        return label.name
    return " in ".join(filter(None, (place(label), label.module)))


def own_value(tree: Tree, column: str, node: int) -> int:
    """What a node holds itself: with what the lines directly below it hold, and of a span all of its frames."""
    total, span = tree.inclusive(column), not tree.line[node]
    below = sum(
        total[child] for child in tree.children(node) if tree.line[child] == 0 or (not span and tree.line[child] == 2)
    )
    return int(total[node] - below)


def _rows(session: Session, tree: Tree, column: str, nodes: Sequence[int]) -> list[_Row]:
    """The lines. A function that calls itself, and nothing else that is shown, is one line for all its levels."""
    shown_children = Counter(tree.parent[node] for node in nodes)
    row_of: dict[int, _Row] = {}
    rows: list[_Row] = []
    held = None if column == "self_ns" else tree.column(column)
    for node in nodes:
        above = row_of.get(tree.parent[node])
        own = tree.self_ns[node] if held is None else own_value(tree, column, node)
        if above and tree.label[node] == tree.label[above.node] and shown_children[tree.parent[node]] == 1:
            above.own += own
            above.calls += tree.calls[node]
            above.levels += 1
            row_of[node] = above
            continue
        name = _name(session.capture.label(tree.label[node]))
        row = _Row(node, above.depth + 1 if above else 0, name, own, tree.calls[node])
        row_of[node] = row
        rows.append(row)
    for row in rows:
        row.name += f" ({row.levels} levels)" if row.levels > 1 else ""
    return rows


def shown_order(tree: Tree, least: dict[str, int], depth: int, lines: bool = False) -> list[int]:
    """The nodes to show, without the root: those with the least amount of any of the columns. Depth first, of siblings
    the one with most of the first column first."""
    order: list[int] = []
    selected = {
        node for column, minimum in least.items() for node in tree.select(column, minimum, depth or 0xFFFFFFFF, lines)
    }
    total = tree.inclusive(next(iter(least)))
    children: dict[int, list[int]] = {}
    for node in sorted(selected)[1:]:
        children.setdefault(tree.parent[node], []).append(node)
    waiting = [0]
    while waiting:
        node = waiting.pop()
        order.append(node)
        # Popped from the end: smallest first here is largest first there.
        waiting += sorted(children.get(node, ()), key=lambda n: (total[n], -n))
    return order[1:]
