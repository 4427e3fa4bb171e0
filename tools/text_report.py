"""The text report: the run, its functions, sections, memory, operations, imports and collections, and the call tree."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from prof.capture import Edge, Function, Label, Tree
from prof.tools.call_tree import tree_lines
from prof.tools.modes.view import View
from prof.tools.process import FATES, facts
from prof.tools.session import Session
from prof.tools.table import Column, Line, plain, shown_of, table
from prof.tools.units import count, duration, many, shorten
from prof.tools.wish import Wish

TREE_LINES = 60  # in the whole report


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
    wall = f"{'at least ' if session.at_least else ''}{duration(session.wall_ns)} wall"
    if len(session.threads) > 1:
        wall += f", {len(session.threads)} threads"
        if session.alive_ns:
            wall += f" with {duration(session.alive_ns)} together"
    yield "Time", wall
    for view in sorted(session.views, key=lambda view: view.facts_order):
        yield from view.facts(session)
    yield from facts(capture)
    recorder = ", ".join(filter(None, (session.engine and f"engine {session.engine}", f"clock {capture.clock}")))
    yield "Recorder", recorder


def _warnings(session: Session) -> Iterator[str]:
    capture = session.capture
    if session.fate in FATES:
        yield f"{FATES[session.fate]}: calls that had not returned lack their time"
    if capture.full:
        yield f"the capture could not grow ({capture.full}): what came later is missing, or charged to outer calls"
    if not capture.calibrated:
        yield "ended before its clock was calibrated: all times are in clock ticks, not in ns"
    for view in session.views:
        yield from view.warnings()
    if capture.interleaved:
        yield "greenlets switched inside spans: the call tree and times mix what ran in turn; calls are right"
    yield from session.unrecorded
    for drop in session.drops:
        yield f"{count(drop.count)} {drop.words}"


def functions_table(functions: Sequence[Function], title: str, wish: Wish, session: Session) -> Iterator[Line]:
    """One table of functions or sections, ordered by `wish.sort`: first what that is about."""
    sort = wish.sort
    rows = sorted(functions, key=lambda f: (-(getattr(f, sort.field) or 0), -f.total_ns, f.label.name, f.label.index))
    shown = rows[: wish.limit] if wish.limit else rows
    of = shown_of(len(shown), len(rows))
    yield plain()
    yield [(f"{title} by {sort.words}", "heading"), (f"  {of}", "dim")]
    yield plain()
    columns = [
        *_figures(shown, wish, session),
        Column("name", [f.label.name for f in shown], "name", left=True, stretch=True),
        Column("file", [shorten(where(f.label), 24) for f in shown], "dim", left=True, rank=7 if _wide(session) else 2),
    ]
    lines = table(columns, wish.width)
    yield from lines
    titles = [text.strip() for text, _ in lines[0]]
    for note in (note for view in session.views for note in view.notes_below(shown, titles)):
        yield plain(f"  {note}", "dim")


def _wide(session: Session) -> bool:
    return any(view.wide for view in session.views)


def lead_of(wish: Wish, session: Session) -> View | None:
    """The mode that a table is led by: that of what it is sorted by, or the first that was recorded; None without
    one."""
    sorted_by = (view for view in session.views if wish.sort in view.sorts.values())
    return next(sorted_by, next(iter(session.views), None))


def _figures(shown: Sequence[Function], wish: Wish, session: Session) -> list[Column]:
    """The columns of the mode that leads, and among them those of the others."""
    lead = lead_of(wish, session)
    if lead is None:
        return [Column("calls", [count(f.calls) for f in shown])]  # of modes that are not known here
    before, behind = lead.columns(shown, wish, session)
    placed: list[Column] = []
    for view in sorted(session.views, key=lambda view: view.beside_order):
        if view is not lead:
            placed += view.columns_beside(shown, lead, placed)
    return [*before, *placed, *behind]


def imports_table(functions: Sequence[Function], wish: Wish, session: Session) -> Iterator[Line]:
    """What importing took; self time is without what a module imports in turn."""
    key, words = next(view.import_sort for view in session.views if view.import_sort is not None)
    rows = sorted(functions, key=lambda f: (-(getattr(f, key) or 0), f.label.name))
    shown = rows[: wish.limit] if wish.limit else rows
    yield plain()
    yield [(f"Imports by cumulative {words}", "heading"), (f"  {len(shown)} of {len(rows)}", "dim")]
    yield plain()
    yield from table(
        [
            *(column for view in session.views for column in view.import_columns(shown)),
            Column("module", [f.label.name.removeprefix("import ") for f in shown], "name", left=True, stretch=True),
            Column("file", [shorten(where(f.label), 30) for f in shown], "dim", left=True, rank=1),
        ],
        wish.width,
    )


def collections_table(functions: Sequence[Function], wish: Wish, session: Session) -> Iterator[Line]:
    """What the garbage collector took and gave."""
    rows = sorted(functions, key=lambda f: f.label.name)
    yield plain()
    yield plain("Garbage collections", "heading")
    yield plain()
    of_modes = [view.collection_columns(rows, session) for view in session.views]
    columns = [
        *(column for before, _ in of_modes for column in before),
        Column("runs", [count(f.calls) for f in rows]),
        Column("reclaimed", [count(f.items) for f in rows]),
        *(column for _, behind in of_modes for column in behind),
    ]
    names = [f.label.name.removeprefix("gc ") for f in rows]
    yield from table([*columns, Column("generation", names, "name", left=True, stretch=True)], wish.width)


def edges_table(
    function: Function, edges: Sequence[Edge], callers: bool, wish: Wish, session: Session
) -> Iterator[Line]:
    """Who called a function, or what it called. Percentages are of the function's total time."""
    rows = [e for e in edges if (e.callee if callers else e.caller) == function.label]
    shown = rows[: wish.limit] if wish.limit else rows
    ends = [(e.caller if callers else e.callee) for e in shown]
    yield plain()
    title = "Callers of" if callers else "Called by"
    facts = many(function.calls, "call")
    facts += "".join(view.edge_facts(function) for view in session.views)
    yield [(f"{title} {function.label.name}", "heading"), (f"  {facts}", "dim")]
    yield plain()
    if not rows:
        yield plain("  none recorded", "dim")
        return
    yield from table(
        [
            *(column for view in session.views for column in view.edge_columns(function, shown)),
            Column("calls", [count(e.calls) for e in shown]),
            Column("resumes", [count(e.resumes) for e in shown]),
            Column("caller" if callers else "callee", [end.name if end else "(outside)" for end in ends], "name",
                   left=True, stretch=True),
            Column("file", [where(end) if end else "" for end in ends], "dim", left=True, rank=1),
        ],
        wish.width,
    )  # fmt: skip


def report(session: Session, tree: Tree, functions: Sequence[Function], wish: Wish, note: str = "") -> Iterator[Line]:
    """The whole report."""
    yield from header(session, note)
    by_kind: dict[str, list[Function]] = {}
    for function in functions:
        by_kind.setdefault(function.label.kind, []).append(function)
    functions = [f for kind in ("function", "native", "other") for f in by_kind.get(kind, ())]
    if functions:
        yield from functions_table(functions, "Functions", wish, session)
    if "section" in by_kind:
        yield from functions_table(by_kind["section"], "Sections", wish, session)
    for view in sorted(session.views, key=lambda view: view.section_order(wish)):
        yield from view.section(session, wish)
    if "import" in by_kind and any(view.import_sort is not None for view in session.views):
        yield from imports_table(by_kind["import"], wish, session)
    if "gc" in by_kind:
        yield from collections_table(by_kind["gc"], wish, session)
    if tree.count > 1:
        yield from tree_lines(session, tree, wish, TREE_LINES)
