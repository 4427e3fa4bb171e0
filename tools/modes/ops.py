"""Operations in the reports: by function, category, line, callee, variable, attribute, branch and expression."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import frozen
from prof.capture import ROOT, Capture, Function, Label, Tree
from prof.counted import Code, Operands, Operations, Site
from prof.errors import InputError
from prof.tools.analysis import name_uses as sums
from prof.tools.analysis.calling_lines import EXACT, Exact, Totals
from prof.tools.analysis.compared import Counted, Place, Side, entry, line_key, same_interpreter
from prof.tools.analysis.findings import exceptions, hot, operand_types, quadratic, repeated
from prof.tools.analysis.findings.counts import Counts
from prof.tools.analysis.findings.evidence import MANY, Evidence
from prof.tools.analysis.name_uses import NameUse, OperandTypes
from prof.tools.analysis.options import Options, Sort
from prof.tools.analysis.owners import Charges
from prof.tools.analysis.sections import Fact, Section, Verdict
from prof.tools.analysis.source_files import Sources
from prof.tools.analysis.source_lines import Names, SourceLine
from prof.tools.analysis.view import Around, Charge, Margin, TreeColumn, View
from prof.tools.screen.colours import Families
from prof.tools.screen.json_text import Object, Rows
from prof.tools.screen.tables import Column, shown_of
from prof.tools.screen.units import count, many, percent, shorten_end

if TYPE_CHECKING:
    from prof.tools.analysis.summary import Summary

COMMONEST = 3  # categories in the header
LONGEST = 200  # characters of an expression
HOTTEST = 5  # lines of a file
# What a line's calls of marked functions took: columns, and keys of JSON.
_CALLED = {"calls": "calls", "self_ns": "total_ns", "alloc_bytes": "total_alloc_bytes", "ops": "total_ops"}
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


@frozen
class OperationTotals:
    """The ops mode's totals: all operations, by category, most first; and whose counts contradict themselves."""

    count: int
    categories: dict[str, int]
    inexact: list[str]


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


def _place(site: Site) -> str:
    """`file.py:42`."""
    return f"{PurePath(site.code.file).name}:{site.line}"


def _range_words(site: Site) -> str:
    """`file.py:42:9-28`, its columns as editors count them; of more than one line, where it begins."""
    first, last = site.columns
    return f"{_place(site)}:{first + 1}" + (f"-{last}" if site.end_line == site.line else "")


def _marked(number: int, exact: bool) -> str:
    return count(number) if exact else f"~{count(number)}"


def operations_sections(
    capture: Capture, solved: Operations, whole: OperationTotals, options: Options
) -> Iterator[Section]:
    """Operations, all of it."""
    if not whole.count:
        yield Section("Operations", remarks=["none"], key="kinds")
        return
    sources = Sources(capture)
    tables = (
        _categories(whole),
        _lines(solved, whole, sources, options),
        _calls(sums.calls(solved), options),
        _accesses("Variables", sums.variables(solved), options, scopes=True),
        _accesses("Attributes", sums.attributes(solved), options),
        _branches(solved, sources, options),
        _expressions(solved, sources, options),
        _operands_section(sums.operand_types(solved), options),
    )
    yield from filter(None, tables)
    if sources.unknown:
        names = sorted(PurePath(file).name for file in sources.unknown)
        shown = ", ".join(names[:COMMONEST]) + (", …" if len(names) > COMMONEST else "")
        words = f"Without the source of {shown}: what it held was not recorded. See `--source FILE`."
        yield Section("", remarks=[words], key="lines")


def _categories(whole: OperationTotals) -> Section:
    rows = whole.categories
    columns = [
        Column("operations", [count(n) for n in rows.values()], Ops.name),
        Column("%", [percent(n, whole.count) for n in rows.values()]),
        Column("kind", list(rows), "name", left=True),
        Column("", [CATEGORY_WORDS.get(name, "-") for name in rows], "dim", left=True, stretch=True, code=True),
    ]
    return Section("Operations", columns=columns, key="kinds")


def _lines(solved: Operations, whole: OperationTotals, sources: Sources, options: Options) -> Section:
    rows, every = solved.sites("line", limit=options.limit)
    columns = [
        Column("ops", [_marked(r.ops, not r.code.inexact) for r in rows], Ops.name),
        Column("%", [percent(r.ops, whole.count) for r in rows]),
        Column("count", [count(r.count) for r in rows]),
        Column("line", [_place(r) for r in rows], "name", left=True),
        Column("function", [r.code.name for r in rows], left=True, rank=1),
        Column("source", [sources.line(r) for r in rows], left=True, stretch=True, code=True),
    ]
    note = f"{shown_of(len(rows), every)}; count: how often its busiest part ran"
    return Section("Lines by operations", note, columns=columns, key="lines")


def _parts(use: NameUse | OperandTypes) -> str:
    """The function that has most of it, and how many others have some."""
    first = max(use.functions, key=lambda name: (use.functions[name], name))
    return first + (f" and {len(use.functions) - 1} more" if len(use.functions) > 1 else "")


def _calls(rows: Sequence[NameUse], options: Options) -> Section | None:
    if not rows:
        return None
    shown = rows[: options.few or None]
    columns = [
        Column("calls", [count(r.count) for r in shown], Ops.name),
        Column("%", [percent(r.count, sum(r.count for r in rows)) for r in shown]),
        Column("sites", [count(r.places) for r in shown]),
        Column("callee", [r.name or "(no name: a result, with, a decorator)" for r in shown], "name", left=True),
        Column("in", [_parts(r) for r in shown], left=True, stretch=True),
    ]
    note = f"{shown_of(len(shown), len(rows))}; as the call sites name it, .name of any object"
    return Section("Calls by name", note, columns=columns, key="calls")


def _accesses(title: str, rows: Sequence[NameUse], options: Options, scopes: bool = False) -> Section | None:
    if not rows:
        return None
    shown = rows[: options.few or None]
    columns = [
        Column("reads", [count(r.reads) for r in shown], Ops.name),
        Column("writes", [count(r.writes) for r in shown], Ops.name),
        Column("deletes", [count(r.deletes) for r in shown]),
        Column("scope", [r.scope if scopes else "-" for r in shown], left=True),
        Column("name", [r.name for r in shown], "name", left=True),
        Column("in", [_parts(r) for r in shown], left=True, stretch=True),
    ]
    return Section(f"{title} by accesses", shown_of(len(shown), len(rows)), columns=columns, key=title.lower())


def _branches(solved: Operations, sources: Sources, options: Options) -> Section | None:
    rows, every = solved.sites("branch", limit=options.few)
    if not rows:
        return None
    columns = [
        Column("ran", [_marked(r.count, not r.code.inexact) for r in rows], Ops.name),
        Column("went on", [count(max(0, r.count - r.taken)) for r in rows]),
        Column("jumped", [count(r.taken) for r in rows]),
        Column("% jumped", [percent(r.taken, r.count) for r in rows]),
        Column("line", [_range_words(r) for r in rows], "name", left=True),
        Column("function", [r.code.name for r in rows], left=True, rank=1),
        Column("", ["loop" if r.category else "test" for r in rows], left=True),
        Column("source", [_expression(sources, r) for r in rows], left=True, stretch=True, code=True),
    ]
    remarks = ["went on: to what follows, as the body of an if or a for does; jumped: past it"]
    return Section(
        "Branches by executions", shown_of(len(rows), every), remarks=remarks, columns=columns, key="branches"
    )


def _expressions(solved: Operations, sources: Sources, options: Options) -> Section | None:
    rows, every = solved.sites("expression", sums.working(solved.categories), options.few)
    if not rows:
        return None
    columns = [
        Column("ops", [_marked(r.ops, not r.code.inexact) for r in rows], Ops.name),
        Column("count", [count(r.count) for r in rows]),
        Column("line", [_range_words(r) for r in rows], "name", left=True),
        Column("function", [r.code.name for r in rows], left=True, rank=1),
        Column("expression", [_expression(sources, r) for r in rows], left=True, stretch=True, code=True),
    ]
    note = f"{shown_of(len(rows), every)}; of their own, and not names, constants, tests"
    return Section("Expressions by operations", note, columns=columns, key="expressions")


def _operands_section(rows: Sequence[OperandTypes], options: Options) -> Section | None:
    if not rows:
        return None
    shown = rows[: options.few or None]
    columns = [
        Column("seen", [count(r.seen) for r in shown], Ops.name),
        Column("of", [count(r.count) for r in shown]),
        Column("sites", [count(r.places) for r in shown]),
        Column("operands", [shorten_end(r.text, 40) for r in shown], "name", left=True),
        Column("in", [_parts(r) for r in shown], left=True, stretch=True),
    ]
    note = f"{shown_of(len(shown), len(rows))}; sampled: seen in the first executions of each site"
    return Section("Types of operands", note, columns=columns, key="operands")


def _expression(sources: Sources, site: Site) -> str:
    """Its text; of a statement with a body, the line that heads it."""
    head = sources.line(site)
    text = head if site.end_line > site.line and head.endswith(":") else sources.text(site)
    return shorten_end(text, LONGEST) or "-"


# ---- JSON ----


def _range(site: Site | Operands) -> dict[str, Any]:
    return {
        "function": site.code.name, "file": site.code.file, "line": site.line, "end_line": site.end_line,
        "column": site.columns[0], "end_column": site.columns[1],
    }  # fmt: skip


def _call(site: Site) -> dict[str, Any]:
    return {"function": site.code.name, "callee": sums.callee(site) or None, "count": site.count}


def _access(site: Site) -> dict[str, Any]:
    counts = {"reads": site.reads, "writes": site.writes, "deletes": site.deletes}
    return {"function": site.code.name, "name": site.name} | counts


def _variable(site: Site) -> dict[str, Any]:
    return _access(site) | {"scope": site.category}


def _branch(site: Site) -> dict[str, Any]:
    counts = {"count": site.count, "taken": site.taken, "not_taken": max(0, site.count - site.taken)}
    return _range(site) | {"kind": "loop" if site.category else "test"} | counts


def _executed(site: Site) -> dict[str, Any]:
    return _range(site) | {"count": site.count, "ops_total": site.ops, "ops": site.operations}


def _operands(operands: Operands) -> dict[str, Any]:
    found = {"category": operands.category, "name": operands.name or None, "types": operands.types}
    return _range(operands) | found | {"seen": operands.seen, "count": operands.count}


def operations(solved: Operations, totals: OperationTotals, limit: int) -> Iterator[tuple[str, Any]]:
    """The key "operations", list by list."""
    yield from {"total": totals.count, "categories": totals.categories, "inexact": totals.inexact}.items()
    tables = (
        ("calls", _call, "callee", sums.CALLS),
        ("variables", _variable, "name", sums.VARIABLES),
        ("attributes", _access, "name", sums.ATTRIBUTES),
        ("branches", _branch, "branch", None),
        ("expressions", _executed, "expression", sums.working(solved.categories)),
    )
    omitted = {}
    for key, make, by, categories in tables:
        sites, every = solved.sites(by, categories, limit, apart=by == "expression")
        omitted[key] = every - len(sites)
        yield key, Rows(map(make, sites))
    operands = [each for each in solved.operands() if each.count]
    shown = operands[: limit or None]
    omitted["operands"] = len(operands) - len(shown)
    yield "operands", Rows(map(_operands, shown))
    yield "omitted", omitted


def _figure(function: Function, number: int | None) -> str:
    """A figure of operations, marked where it is not exact."""
    return count(number or 0) if function.exact else f"~{number or 0:,}"


# Indigo.
FAMILIES: Families = {
    "function": (240, 20, 58),
    "section": (190, 20, 44),
    "import": (120, 30, 36),
    "gc": (300, 24, 42),
    "native": (160, 14, 34),
}


class Ops(View):
    name = "ops"
    terminal = "bold magenta"
    facts_order = 20
    beside_order = 10
    line_order = 60
    sorts: ClassVar = {
        "ops": Sort("ops", "ops", "operations"),
        "total-ops": Sort("total_ops", "ops", "operations with those of what it called"),
    }
    tree_columns: ClassVar = {"ops": TreeColumn("total ops", "operations", count, title_beside="ops")}
    counted = (Counted("ops", "ops", "", "operations"),)
    answers = "ops"
    verdict_order = 40
    line_keys = ("count",)
    margins: ClassVar = {
        "count": Margin("count", "ops", "", count, "how often the line ran (its busiest part)", largest=True),
        "ops": Margin("ops", "ops", name, count, "operations"),
    }
    themes: ClassVar = {"ops": FAMILIES}
    counting = "operations"
    line_column = "ops"

    @classmethod
    def recorded(cls, capture: Capture) -> bool:
        return capture.recorded("ops")

    @property
    def solved(self) -> Operations:
        """The operations of each instruction."""
        found = self.tree.operations
        assert found is not None
        return found

    @cached_property
    def totals(self) -> OperationTotals:
        """Over the whole recording."""
        categories: Counter[str] = Counter()
        for function in self.functions:
            categories.update(function.operations or {})
        inexact = sorted(self.inexact(self.functions))
        return OperationTotals(self.tree.inclusive("ops")[ROOT], dict(categories.most_common()), inexact)

    # ---- text ----

    def facts(self, summary: Summary) -> Iterator[Fact]:
        yield "Executed", totals(self.totals)

    def warnings(self) -> Iterator[str]:
        if self.totals.inexact:
            yield inexact_words(self.totals)

    def verdict(self, most: int = 0) -> Iterator[Verdict]:
        found = self.charged("ops")
        yield from (each.verdict(self.answers, found.whole) for each in found.largest(most or 1))

    def findings(self, summary: Summary) -> Iterator[Evidence]:
        verdicts = self.verdict(MANY)
        # Operations are what own lines did themselves: what they called in C is in none of them.
        yield from hot.evidence(verdicts, "hot line", "operations", "counted exactly", "--show ops", weight=0.5)
        made = self.capture, self.tree, self.functions, self.whose, self.solved
        counts = Counts(*made, self.totals.count, self._called.by_line)
        for kind in (quadratic, repeated, operand_types, exceptions):
            yield from kind.evidence(counts)

    @property
    def charge(self) -> Charge:
        return Charge("ops", "ops", "operations", "total_ops", count)

    def _charged(self, column: str, idle: bool) -> Charges:
        """With the lines that executed them."""
        found = super()._charged(column, idle)
        if column == "ops":
            owners = {each.label.index: each for each in found.owners if each.label is not None}
            for site in self.solved.sites("line", limit=0)[0]:
                if site.code.label in owners:
                    owners[site.code.label].lines[site.code.file, site.line] += site.ops
        return found

    def in_short(self, summary: Summary) -> Iterator[str]:
        yield many(self.totals.count, "operation")

    def columns(self, shown: Sequence[Function], options: Options, summary: Summary) -> Around:
        """What the functions executed."""
        whole = self.totals.count
        return [
            Column("ops", [_figure(f, f.ops) for f in shown], self.name),
            Column("%", [percent(f.ops or 0, whole) for f in shown]),
            Column("total", [_figure(f, f.total_ops) for f in shown]),
            Column("total %", [percent(f.total_ops or 0, whole) for f in shown], rank=3),
            Column("calls", [count(f.calls) for f in shown]),
            Column("ops a call", [count((f.ops or 0) // f.calls) if f.calls else "-" for f in shown], rank=2),
        ], []

    def columns_beside(self, shown: Sequence[Function], lead: View, placed: Sequence[Column]) -> list[Column]:
        """The functions' own operations, beside other exact figures."""
        return [] if lead.estimates else [Column("ops", [_figure(f, f.ops) for f in shown], self.name)]

    def section_order(self, options: Options) -> int:
        return 0 if options.sort in self.sorts.values() else self.facts_order

    def sections(self, summary: Summary, options: Options) -> Iterator[Section]:
        yield from operations_sections(self.capture, self.solved, self.totals, options)

    def tree_columns_beside(self, column: str) -> list[tuple[str, int]]:
        return [("ops", 0)]

    def listing_facts(self, values: dict[str, dict[int, int]]) -> Iterator[Fact]:
        """How much of all is here, and on which lines most."""
        here, whole = values["ops"], self.totals.count
        most = sorted(here, key=lambda line: (-here[line], line))[:HOTTEST]
        hottest = ", ".join(f"{line} ({percent(here[line], whole)})" for line in most if here[line])
        share = f"{count(sum(here.values()))} operations, {percent(sum(here.values()), whole)} of all"
        yield "here", share + (f"; most on lines {hottest}" if hottest else "")

    @cached_property
    def _called(self) -> Exact:
        return Exact(self.capture, self.tree, self.solved, list(_CALLED))

    def lines_inclusive(self) -> Mapping[tuple[str, int], Totals]:
        """What the marked functions took that a line called, where the counters say that it alone did."""
        return {place: Totals(EXACT, amounts) for place, amounts in self._called.by_line.items()}

    # ---- JSON ----

    def function_values(self, function: Function) -> dict[str, Any]:
        if function.operations is None:
            return {}
        return {"ops_total": function.ops, "total_ops": function.total_ops, "ops": function.operations}

    def line_values(self, line: SourceLine) -> dict[str, Any]:
        site = line.executed
        if site is None:
            return {}
        found = {"count": site.count, "ops_total": site.ops, "ops": site.operations, "exact": not site.code.inexact}
        if called := self._called.by_line.get((line.file, line.line)):
            found["called"] = {_CALLED[column]: amount for column, amount in called.items()}
        return found

    def node_values(self, label: Label | None, node: int) -> dict[str, Any]:
        if label and not label.has("ops"):
            return {}
        return {"ops_total": self.tree.column("ops")[node], "total_ops": self.tree.inclusive("ops")[node]}

    def documents(self, summary: Summary, limit: int) -> Iterator[tuple[int, str, Any]]:
        yield 40, "operations", Object(operations(self.solved, self.totals, limit))

    # ---- lines ----

    @classmethod
    def codes(cls, tree: Tree) -> Iterable[Code]:
        return tree.operations.codes() if tree.operations is not None else ()

    @classmethod
    def sites(cls, tree: Tree, apart: bool) -> Iterable[Site]:
        return tree.operations.sites("line", apart=apart)[0] if tree.operations is not None else ()

    @classmethod
    def call_sites(cls, tree: Tree) -> Iterable[Site]:
        return tree.operations.sites("call", sums.CALLS)[0] if tree.operations is not None else ()

    @classmethod
    def line_amount(cls, line: SourceLine, column: str) -> int:
        return line.executed.ops if line.executed is not None else 0

    @classmethod
    def line_counts(cls, lines: Sequence[SourceLine]) -> Iterator[tuple[str, Sequence[int]]]:
        yield "count", [line.executed.count if line.executed is not None else 0 for line in lines]

    @classmethod
    def margin_figures(cls, line: SourceLine) -> Iterator[tuple[str, int | None]]:
        if line.executed is not None:
            yield "count", line.executed.count
            yield "ops", line.executed.ops

    # ---- two captures ----

    @classmethod
    def check(cls, before: Capture, after: Capture) -> None:
        same_interpreter(before, after, "a program's operations differ")
        if before.categories != after.categories:
            raise InputError(
                f"{before.path} and {after.path} count other kinds of operations: record both with one prof"
            )
        for capture in (before, after):
            lost = next((drop.count for drop in capture.drops if drop.key == "lost_counts"), 0)
            if lost:
                raise InputError(f"{capture.path} lacks {lost:,} operations for want of space: record it again")

    @classmethod
    def inexact(cls, functions: Sequence[Function]) -> Iterable[str]:
        return {f.label.name for f in functions if not f.exact}

    @classmethod
    def add_lines(cls, side: Side, tree: Tree, names: Names) -> None:
        assert tree.operations is not None
        for site in tree.operations.sites("line")[0]:
            code = site.code
            of = Place("", "line", code.name, code.file, site.line)
            row = entry(side.lines, line_key(code.name, code.file, site.line, code.line), of)
            row.add("ops", site.ops)
            row.add("count", site.count)
        for site in tree.operations.sites("callee", sums.CALLS)[0]:
            name = sums.callee(site)
            of = Place(name, "call", site.code.name, site.code.file, site.code.line)
            entry(side.calls, (site.code.name, name), of).add("count", site.count)


VIEW = Ops
