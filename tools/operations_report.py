"""The operations part of the text report: by category, line, callee, variable, attribute, branch and expression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath

from prof.capture import Tree
from prof.counted import Operations, Site
from prof.tools import operations as sums
from prof.tools.operations import Met, Use
from prof.tools.session import OperationTotals, Session
from prof.tools.source import Sources
from prof.tools.table import Column, Line, plain, shown_of, table
from prof.tools.units import count, many, percent, shorten_end
from prof.tools.wish import Wish

COMMONEST = 3  # categories in the header
LONGEST = 200  # characters of an expression
# What the categories are, where their name does not say it.
CATEGORY_WORDS = {
    "arithmetic": "+ - * / and the like",
    "comparison": "< == > and the like, match patterns",
    "identity": "is, in, not in",
    "branch": "if, while, and, or, not",
    "attribute": "x.name read, written, deleted",
    "subscript": "x[i]",
    "call": "of anything: functions, classes, C",
    "build": "lists, tuples, dicts, sets, slices",
    "format": "f-strings",
    "local": "local variables read, written",
    "global": "global variables and builtins",
    "closure": "variables of enclosing functions",
    "iteration": "steps of for loops",
    "unpack": "a, b = x",
    "generator": "yield, await, async for",
    "exception": "raise, except, with",
    "import": "imports that ran in a function",
    "define": "def, lambda, class that ran in a function",
    "const": "constants",
    "return": "returns, of None where nothing is written too",
}


def totals(operations: OperationTotals) -> str:
    """Operations' totals, in a line."""
    commonest = [f"{name} {percent(n, operations.count)}" for name, n in operations.categories.items()][:COMMONEST]
    rest = len(operations.categories) - len(commonest)
    others = f" and {many(rest, 'more kind')}" if rest > 0 else ""
    return many(operations.count, "operation") + (f": {', '.join(commonest)}{others}" if commonest else "")


def inexact_words(operations: OperationTotals) -> str:
    """A warning that names the functions whose counts are not exact."""
    names = ", ".join(operations.inexact[:5]) + (", …" if len(operations.inexact) > 5 else "")
    return f"operations of {many(len(operations.inexact), 'function')}, marked ~, are not exact: {names}"


def place(site: Site) -> str:
    """`file.py:42`."""
    return f"{PurePath(site.code.file).name}:{site.line}"


def _range(site: Site) -> str:
    """`file.py:42:9-28`, its columns as editors count them; of more than one line, where it begins."""
    first, last = site.columns
    return f"{place(site)}:{first + 1}" + (f"-{last}" if site.end_line == site.line else "")


def _marked(number: int, exact: bool) -> str:
    return count(number) if exact else f"~{count(number)}"


def operations_section(session: Session, tree: Tree, wish: Wish) -> Iterator[Line]:
    """Operations, all of it."""
    solved, whole = tree.operations, session.operations
    if solved is None or whole is None:
        return
    yield plain()
    yield plain("Operations", "heading")
    yield plain()
    if not whole.count:
        yield plain("  none", "dim")
        return
    yield from _categories(whole, wish)
    sources = Sources(session.capture)
    yield from _lines(solved, whole, sources, wish)
    yield from _calls(sums.calls(solved), wish)
    yield from _accesses("Variables", sums.variables(solved), wish)
    yield from _accesses("Attributes", sums.attributes(solved), wish)
    yield from _branches(solved, sources, wish)
    yield from _expressions(solved, sources, wish)
    yield from _operands(sums.operand_types(solved), wish)
    if sources.unknown:
        names = sorted(PurePath(file).name for file in sources.unknown)
        shown = ", ".join(names[:COMMONEST]) + (", …" if len(names) > COMMONEST else "")
        yield plain()
        yield plain(f"  Without the source of {shown}: what it held was not recorded. See `--source FILE`.", "dim")


def _heading(title: str, shown: int, every: int, more: str = "") -> Iterator[Line]:
    yield plain()
    yield [(title, "heading"), (f"  {shown_of(shown, every)}{more}", "dim")]
    yield plain()


def _categories(whole: OperationTotals, wish: Wish) -> Iterator[Line]:
    rows = whole.categories
    yield from table(
        [
            Column("operations", [count(n) for n in rows.values()], "ops"),
            Column("%", [percent(n, whole.count) for n in rows.values()]),
            Column("kind", list(rows), "name", left=True),
            Column("", [CATEGORY_WORDS.get(name, "-") for name in rows], "dim", left=True, stretch=True, code=True),
        ],
        wish.width,
    )


def _lines(solved: Operations, whole: OperationTotals, sources: Sources, wish: Wish) -> Iterator[Line]:
    rows, every = solved.sites("line", limit=wish.limit)
    yield from _heading("Lines by operations", len(rows), every, "; count: how often its busiest part ran")
    yield from table(
        [
            Column("ops", [_marked(r.ops, not r.code.inexact) for r in rows], "ops"),
            Column("%", [percent(r.ops, whole.count) for r in rows]),
            Column("count", [count(r.count) for r in rows]),
            Column("line", [place(r) for r in rows], "name", left=True),
            Column("function", [r.code.name for r in rows], left=True, rank=1),
            Column("source", [sources.line(r) for r in rows], left=True, stretch=True, code=True),
        ],
        wish.width,
    )


def _parts(use: Use | Met) -> str:
    """The function that has most of it, and how many others have some."""
    first = max(use.functions, key=lambda name: (use.functions[name], name))
    return first + (f" and {len(use.functions) - 1} more" if len(use.functions) > 1 else "")


def _calls(rows: Sequence[Use], wish: Wish) -> Iterator[Line]:
    if not rows:
        return
    shown = rows[: wish.few or None]
    yield from _heading("Calls by name", len(shown), len(rows), "; as the call sites name it, .name of any object")
    yield from table(
        [
            Column("calls", [count(r.count) for r in shown], "ops"),
            Column("%", [percent(r.count, sum(r.count for r in rows)) for r in shown]),
            Column("sites", [count(r.places) for r in shown]),
            Column("callee", [r.name or "(no name: a result, with, a decorator)" for r in shown], "name", left=True),
            Column("in", [_parts(r) for r in shown], left=True, stretch=True),
        ],
        wish.width,
    )


def _accesses(title: str, rows: Sequence[Use], wish: Wish) -> Iterator[Line]:
    if not rows:
        return
    shown = rows[: wish.few or None]
    scopes = [r.scope for r in shown] if title == "Variables" else []
    yield from _heading(f"{title} by accesses", len(shown), len(rows))
    yield from table(
        [
            Column("reads", [count(r.reads) for r in shown], "ops"),
            Column("writes", [count(r.writes) for r in shown], "ops"),
            Column("deletes", [count(r.deletes) for r in shown]),
            Column("scope", scopes or ["-"] * len(shown), left=True),
            Column("name", [r.name for r in shown], "name", left=True),
            Column("in", [_parts(r) for r in shown], left=True, stretch=True),
        ],
        wish.width,
    )


def _branches(solved: Operations, sources: Sources, wish: Wish) -> Iterator[Line]:
    rows, every = solved.sites("branch", limit=wish.few)
    if not rows:
        return
    yield from _heading("Branches by executions", len(rows), every)
    yield plain("  went on: to what follows, as the body of an if or a for does; jumped: past it", "dim")
    yield from table(
        [
            Column("ran", [_marked(r.count, not r.code.inexact) for r in rows], "ops"),
            Column("went on", [count(max(0, r.count - r.taken)) for r in rows]),
            Column("jumped", [count(r.taken) for r in rows]),
            Column("% jumped", [percent(r.taken, r.count) for r in rows]),
            Column("line", [_range(r) for r in rows], "name", left=True),
            Column("function", [r.code.name for r in rows], left=True, rank=1),
            Column("", ["loop" if r.category else "test" for r in rows], left=True),
            Column("source", [_expression(sources, r) for r in rows], left=True, stretch=True, code=True),
        ],
        wish.width,
    )  # fmt: skip


def _expressions(solved: Operations, sources: Sources, wish: Wish) -> Iterator[Line]:
    rows, every = solved.sites("expression", sums.working(solved.categories), wish.few)
    if not rows:
        return
    yield from _heading(
        "Expressions by operations", len(rows), every, "; of their own, and not names, constants, tests"
    )
    yield from table(
        [
            Column("ops", [_marked(r.ops, not r.code.inexact) for r in rows], "ops"),
            Column("count", [count(r.count) for r in rows]),
            Column("line", [_range(r) for r in rows], "name", left=True),
            Column("function", [r.code.name for r in rows], left=True, rank=1),
            Column("expression", [_expression(sources, r) for r in rows], left=True, stretch=True, code=True),
        ],
        wish.width,
    )


def _operands(rows: Sequence[Met], wish: Wish) -> Iterator[Line]:
    if not rows:
        return
    shown = rows[: wish.few or None]
    yield from _heading(
        "Types of operands", len(shown), len(rows), "; sampled: seen in the first executions of each site"
    )
    yield from table(
        [
            Column("seen", [count(r.seen) for r in shown], "ops"),
            Column("of", [count(r.count) for r in shown]),
            Column("sites", [count(r.places) for r in shown]),
            Column("operands", [shorten_end(r.text, 40) for r in shown], "name", left=True),
            Column("in", [_parts(r) for r in shown], left=True, stretch=True),
        ],
        wish.width,
    )


def _expression(sources: Sources, site: Site) -> str:
    """Its text; of a statement with a body, the line that heads it."""
    head = sources.line(site)
    text = head if site.end_line > site.line and head.endswith(":") else sources.text(site)
    return shorten_end(text, LONGEST) or "-"
