"""The call tree as text: the contexts that took most, of time or of memory, indented below their callers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from attrs import define
from prof.capture import Label, Tree
from prof.tools.lines import own_value, place
from prof.tools.modes import TREE_COLUMNS
from prof.tools.session import Session
from prof.tools.table import Column, Line, plain, table
from prof.tools.units import count, percent
from prof.tools.wish import Wish


def measured_column(session: Session, wish: Wish) -> str:
    """What the tree is by: what the tables are by, where it can be that, or the first that it can be."""
    return wish.sort.column if wish.sort.column in TREE_COLUMNS else main_column(session)


def main_column(session: Session) -> str:
    """The first of what a tree can be by that was recorded; where nothing was, one without figures."""
    recorded = [column for view in session.views for column in view.tree_columns]
    return (recorded or list(TREE_COLUMNS))[0]


def tree_lines(session: Session, tree: Tree, wish: Wish, most: int = 0) -> Iterator[Line]:
    """The call tree, largest first, without what is too small or too deep; percentages are of the profiled time or of
    all memory or operations. `most` lines at most; 0 for all."""
    column = measured_column(session, wish)
    kind = TREE_COLUMNS[column]
    words = kind.format
    whole = _whole(session, tree, column)
    lines = wish.lines and kind.lines
    nodes = shown_order(tree, {column: max(1, int(whole * wish.min_percent / 100))}, 0, lines)
    levels = f" and {wish.depth} levels" if wish.depth else ""
    yield plain()
    of = f"  of {words(whole)}{' ' * bool(kind.words)}{kind.words}, down to {wish.min_percent:g}%{levels}"
    yield [("Call tree", "heading"), (of if whole else "", "dim")]
    yield plain()
    if not nodes:
        yield plain("  nothing" + (" that long" if kind.time else " that large") * (whole > 0), "dim")
        return
    rows = [row for row in _rows(session, tree, column, nodes) if not wish.depth or row.depth < wish.depth]
    more = len(rows) - most if most else 0
    rows = rows[: most or None]
    yield from table(_columns(session, tree, column, rows, whole), wish.width, least=48)
    if more > 0:
        yield plain(f"  … {count(more)} more: see `prof report --tree`", "dim")


def _whole(session: Session, tree: Tree, column: str) -> int:
    """What percentages are of."""
    of = next((view for view in session.views if column in view.tree_columns), None)
    return of.tree_whole(column, session) if of is not None else int(tree.inclusive(column)[0])


def _columns(session: Session, tree: Tree, column: str, rows: Sequence[_Row], whole: int) -> list[Column]:
    total = _totals(session, tree, column, rows)
    kind = TREE_COLUMNS[column]
    style = next((view.name for view in session.views if column in view.tree_columns), "")
    columns = [
        Column("%", [percent(value, whole) for value in total]),
        Column(kind.title, [kind.format(value) for value in total], style),
        Column("self", [kind.format(row.own) for row in rows]),
        Column("calls", [count(row.calls) for row in rows]),
    ]  # fmt: skip
    for other, rank in (each for view in session.views for each in view.tree_columns_beside(column)):
        if other != column:
            beside = TREE_COLUMNS[other]
            values = [beside.format(value) for value in _totals(session, tree, other, rows)]
            columns.append(Column(beside.title_beside or beside.title, values, rank=rank))
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


def _rows(session: Session, tree: Tree, column: str, nodes: Sequence[int]) -> list[_Row]:
    """The lines. A function that calls itself, and nothing else that is shown, is one line for all its levels."""
    shown_children = Counter(tree.parent[node] for node in nodes)
    row_of: dict[int, _Row] = {}
    rows: list[_Row] = []
    held = None if TREE_COLUMNS[column].lines else tree.column(column)
    for node in nodes:
        above = row_of.get(tree.parent[node])
        own = own_value(tree, column, node) if held is None else held[node]
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
