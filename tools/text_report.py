"""The text report: the run, its functions, sections, imports and collections, and the call tree."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from attrs import define, frozen
from prof.capture import Edge, Function, Label, Tree
from prof.tools.session import Session
from prof.tools.table import Column, Line, plain, table
from prof.tools.units import count, duration, percent, shorten

SORTS = {
    "self": "self_ns",
    "total": "total_ns",
    "calls": "calls",
    "suspended": "suspended_ns",
    "p50": "p50_ns",
    "p90": "p90_ns",
    "p99": "p99_ns",
    "max": "max_ns",
}
SORT_WORDS = {"self": "self time", "total": "total time", "suspended": "suspended time"}
TREE_LINES = 60  # in the whole report


@frozen
class Wish:
    """How the reader wants it. `limit` rows a table (0: all), `depth` levels and `min_percent` of the call tree."""

    sort: str = "self"
    limit: int = 20
    depth: int = 12
    min_percent: float = 1.0
    width: int = 100


def where(label: Label) -> str:
    """`file.py:42`, or nothing."""
    if not label.file:
        return ""
    name = PurePath(label.file).name
    return f"{name}:{label.line}" if label.line else name


def header(session: Session, note: str = "") -> Iterator[Line]:
    """The facts of the run, what it cost, and every reason to doubt the numbers."""
    capture = session.capture
    yield [(f"Profile of {session.name}", "heading"), (f"  {note}" if note else "", "dim")]
    yield plain()
    for title, text in _facts(session):
        if text:
            yield [(f"  {title:<10}", "title"), (text, "")]
    for text in _warnings(session):
        yield [("  ! ", "warning"), (text, "warning")]
    if capture.recording and not session.inside_ns:
        yield plain("  Nothing was completed yet: run `prof report` again later.", "dim")


def _facts(session: Session) -> Iterator[tuple[str, str]]:
    capture = session.capture
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(capture.start_unix_ns / 1e9))
    yield "Command", session.command
    yield "Python", ", ".join(filter(None, (session.python, session.platform)))
    yield "Recorded", ", ".join(filter(None, (began, f"process {capture.pid}", session.host and f"on {session.host}")))
    bound = "at least " if session.wall_ns > capture.duration_ns else ""
    wall = f"{bound}{duration(session.wall_ns)} wall"
    if len(session.threads) > 1:
        wall += f", {len(session.threads)} threads"
        if session.alive_ns:
            wall += f" with {duration(session.alive_ns)} together"
    yield "Time", wall
    base = max(session.alive_ns, session.wall_ns)
    inside = f"{duration(session.inside_ns)} inside profiled code"
    whole = "of wall" if len(session.threads) <= 1 else "of the threads' time"
    yield (
        "Profiled",
        inside + (f", {percent(session.inside_ns, base)} {whole}" if session.inside_ns <= base and not bound else ""),
    )
    if session.probed_calls:
        cost = f"{count(session.probed_calls)} calls x {capture.probe_cost_ps / 1000:.0f} ns a call"
        share = f"about {percent(session.overhead_ns, base)}".replace("about <", "below ")
        share += f" ({cost} = {duration(session.overhead_ns)})"
        yield "Overhead", share if session.overhead_ns else "unknown: the cost of a call was not measured"
    clock = f"clock {capture.clock}"
    yield "Recorder", ", ".join(filter(None, (session.engine and f"engine {session.engine}", clock)))


def _warnings(session: Session) -> Iterator[str]:
    capture = session.capture
    if capture.recording:
        yield "killed while recording, or still running: calls that had not returned lack their time"
    if not capture.calibrated:
        yield "ended before its clock was calibrated: all times are in clock ticks, not in ns"
    for drop in session.drops:
        yield f"{count(drop.count)} {drop.words}"


def functions_table(functions: Sequence[Function], title: str, wish: Wish, whole: int) -> Iterator[Line]:
    """One table of functions or sections, ordered by `wish.sort`; percentages are of `whole` ns."""
    key = SORTS[wish.sort]
    rows = sorted(functions, key=lambda f: (-getattr(f, key), -f.total_ns, f.label.name, f.label.index))
    shown = rows[: wish.limit] if wish.limit else rows
    words = SORT_WORDS.get(wish.sort, wish.sort)
    of = f"{len(shown)} of {len(rows)}" if len(shown) < len(rows) else f"all {len(rows)}"
    yield plain()
    yield [(f"{title} by {words}", "heading"), (f"  {of}", "dim")]
    yield plain()
    yield from table(
        [
            Column("self", [duration(f.self_ns) for f in shown], "time"),
            Column("%", [percent(f.self_ns, whole) for f in shown]),
            Column("total", [duration(f.total_ns) for f in shown]),
            Column("calls", [count(f.calls) for f in shown]),
            Column("resumes", [count(f.resumes) for f in shown]),
            Column("suspended", [duration(f.suspended_ns) for f in shown]),
            Column("p50", [duration(f.p50_ns) for f in shown], rank=3),
            Column("p90", [duration(f.p90_ns) for f in shown], rank=4),
            Column("p99", [duration(f.p99_ns) for f in shown]),
            Column("max", [duration(f.max_ns) for f in shown]),
            Column("name", [f.label.name for f in shown], "name", left=True, stretch=True),
            Column("file", [shorten(where(f.label), 24) for f in shown], "dim", left=True, rank=2),
        ],
        wish.width,
    )


def imports_table(functions: Sequence[Function], wish: Wish) -> Iterator[Line]:
    """What importing took; self time is without what a module imports in turn."""
    rows = sorted(functions, key=lambda f: (-f.total_ns, f.label.name))
    shown = rows[: wish.limit] if wish.limit else rows
    yield plain()
    yield [("Imports by cumulative time", "heading"), (f"  {len(shown)} of {len(rows)}", "dim")]
    yield plain()
    yield from table(
        [
            Column("cumulative", [duration(f.total_ns) for f in shown], "time"),
            Column("self", [duration(f.self_ns) for f in shown]),
            Column("module", [f.label.name.removeprefix("import ") for f in shown], "name", left=True, stretch=True),
            Column("file", [shorten(where(f.label), 30) for f in shown], "dim", left=True, rank=1),
        ],
        wish.width,
    )


def collections_table(functions: Sequence[Function], wish: Wish, whole: int) -> Iterator[Line]:
    """What the garbage collector took and gave."""
    rows = sorted(functions, key=lambda f: f.label.name)
    yield plain()
    yield plain("Garbage collections", "heading")
    yield plain()
    yield from table(
        [
            Column("time", [duration(f.total_ns) for f in rows], "time"),
            Column("%", [percent(f.total_ns, whole) for f in rows]),
            Column("runs", [count(f.calls) for f in rows]),
            Column("reclaimed", [count(f.items) for f in rows]),
            Column("longest", [duration(f.max_ns) for f in rows]),
            Column("generation", [f.label.name.removeprefix("gc ") for f in rows], "name", left=True, stretch=True),
        ],
        wish.width,
    )


def edges_table(function: Function, edges: Sequence[Edge], callers: bool, wish: Wish) -> Iterator[Line]:
    """Who called a function, or what it called. Percentages are of the function's total time."""
    rows = [e for e in edges if (e.callee if callers else e.caller) == function.label]
    shown = rows[: wish.limit] if wish.limit else rows
    ends = [(e.caller if callers else e.callee) for e in shown]
    yield plain()
    title = "Callers of" if callers else "Called by"
    facts = f"{count(function.calls)} calls, {duration(function.total_ns)} total, {duration(function.self_ns)} self"
    yield [(f"{title} {function.label.name}", "heading"), (f"  {facts}", "dim")]
    yield plain()
    if not rows:
        yield plain("  none recorded", "dim")
        return
    yield from table(
        [
            Column("total", [duration(e.total_ns) for e in shown], "time"),
            Column("%", [percent(e.total_ns, function.total_ns) for e in shown]),
            Column("self", [duration(e.self_ns) for e in shown]),
            Column("calls", [count(e.calls) for e in shown]),
            Column("resumes", [count(e.resumes) for e in shown]),
            Column("caller" if callers else "callee", [end.name if end else "(outside)" for end in ends], "name",
                   left=True, stretch=True),
            Column("file", [where(end) if end else "" for end in ends], "dim", left=True, rank=1),
        ],
        wish.width,
    )  # fmt: skip


def tree_lines(session: Session, tree: Tree, wish: Wish, most: int = 0) -> Iterator[Line]:
    """The call tree, longest first, without what is too short or too deep; percentages are of the profiled time.

    `most` lines at most; 0 for all.
    """
    whole = session.inside_ns
    nodes = shown_order(tree, max(1, int(whole * wish.min_percent / 100)), 0)
    levels = f" and {wish.depth} levels" if wish.depth else ""
    left_out = f"down to {wish.min_percent:g}%{levels}"
    yield plain()
    yield [("Call tree", "heading"), (f"  of {duration(whole)}, {left_out}", "dim")]
    yield plain()
    if not nodes:
        yield plain("  nothing that long", "dim")
        return
    rows = [row for row in _rows(session, tree, nodes) if not wish.depth or row.depth < wish.depth]
    more = len(rows) - most if most else 0
    rows = rows[: most or None]
    room = max(20, wish.width - 50)
    yield from table(
        [
            Column("%", [percent(tree.total_ns[row.node], whole) for row in rows]),
            Column("total", [duration(tree.total_ns[row.node]) for row in rows], "time"),
            Column("self", [duration(row.self_ns) for row in rows]),
            Column("calls", [count(row.calls) for row in rows]),
            Column("span", [indented(row.depth, row.name, room) for row in rows], "name", left=True, stretch=True),
        ],
        wish.width,
    )
    if more > 0:
        yield plain(f"  … {count(more)} more: see `prof report --tree`", "dim")


@define
class _Row:
    """A line of the call tree; `self_ns` and `calls` are sums where it stands for several levels of recursion."""

    node: int
    depth: int
    name: str
    self_ns: int
    calls: int
    levels: int = 1


def _rows(session: Session, tree: Tree, nodes: Sequence[int]) -> list[_Row]:
    """The lines. A function that calls itself, and nothing else that is shown, is one line for all its levels."""
    shown_children = Counter(tree.parent[node] for node in nodes)
    row_of: dict[int, _Row] = {}
    rows: list[_Row] = []
    for node in nodes:
        above = row_of.get(tree.parent[node])
        if above and tree.label[node] == tree.label[above.node] and shown_children[tree.parent[node]] == 1:
            above.self_ns += tree.self_ns[node]
            above.calls += tree.calls[node]
            above.levels += 1
            row_of[node] = above
            continue
        name = session.capture.label(tree.label[node]).name
        row = _Row(node, above.depth + 1 if above else 0, name, tree.self_ns[node], tree.calls[node])
        row_of[node] = row
        rows.append(row)
    for row in rows:
        row.name += f" ({row.levels} levels)" if row.levels > 1 else ""
    return rows


def indented(depth: int, name: str, room: int) -> str:
    """Two blanks a level, as long as that leaves half of the room; then the level in figures."""
    indent = "  " * depth if depth * 2 <= room // 2 else f"{'  ' * (room // 4 - 3)}[{depth}] "
    return indent + shorten(name, max(12, room - len(indent)))


def shown_order(tree: Tree, minimum: int, depth: int) -> list[int]:
    """The nodes to show, without the root: depth first, the longest of siblings first."""
    order: list[int] = []
    selected = tree.select("total_ns", minimum, depth or 0xFFFFFFFF)
    children: dict[int, list[int]] = {}
    for node in selected[1:]:
        children.setdefault(tree.parent[node], []).append(node)
    waiting = [0]
    while waiting:
        node = waiting.pop()
        order.append(node)
        # Popped from the end: shortest first here is longest first there.
        waiting += sorted(children.get(node, ()), key=lambda n: (tree.total_ns[n], -n))
    return order[1:]


def report(session: Session, tree: Tree, functions: Sequence[Function], wish: Wish, note: str = "") -> Iterator[Line]:
    """The whole report."""
    yield from header(session, note)
    by_kind: dict[str, list[Function]] = {}
    for function in functions:
        by_kind.setdefault(function.label.kind, []).append(function)
    timed = [f for kind in ("function", "native", "other") for f in by_kind.get(kind, ())]
    whole = session.inside_ns
    if timed:
        yield from functions_table(timed, "Functions", wish, whole)
    if "section" in by_kind:
        yield from functions_table(by_kind["section"], "Sections", wish, whole)
    if "import" in by_kind:
        yield from imports_table(by_kind["import"], wish)
    if "gc" in by_kind:
        yield from collections_table(by_kind["gc"], wish, whole)
    if tree.count > 1:
        yield from tree_lines(session, tree, wish, TREE_LINES)
