"""What to edit in one file, decided on its tree and not yet carried out: that is `splice`."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from attrs import define, field, frozen

from . import compiled, copied, line_numbers, markers, names, namespaces, sections, tags
from .refusal import Refusal
from .rules import LINE_NUMBERS, RULES, Rule
from .scan import Function, Scan, apply_rules, scan
from .source import BLANK, EOLS, continues, eol, indent, leading, logical_start, parse, split
from .splice import Insert

# What pickles functions by value, and so takes them where this file has not been loaded.
BY_VALUE = frozenset(
    ("cloudpickle", "dask", "dill", "distributed", "ipyparallel", "joblib", "loky", "pyspark", "ray", "sklearn")
)


@frozen
class Options:
    """What decides about one file's edits. `sections` holds names out of `sections.KINDS`; `binds` says that the header
    must bind the name it uses."""

    sections: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = RULES
    binds: bool = False


@define
class Plan:
    """The edits of one file, for `splice`, and what was left alone. No edits: `inserts` is empty."""

    tree: ast.Module
    bom: bytes
    lines: list[bytes]
    functions: int = 0
    sections: int = 0
    inserts: list[Insert] = field(factory=list)
    calls: list[tuple[int, bytes]] = field(factory=list)
    skipped: Counter[str] = field(factory=Counter)
    refused: tuple[tuple[int, str], ...] = ()
    warnings: tuple[tuple[int, str], ...] = ()


def make(source: bytes, options: Options) -> Plan:
    """The plan for an uninstrumented file.

    Raises `Refusal` where the file does not parse or has no safe place for an edit.
    """
    tree = parse(source)
    plan = Plan(tree, *split(source))
    lines = plan.lines
    found = scan(tree)
    apply_rules(found, options.rules)
    compiled.apply(tree, found, options.rules)
    marked = markers.find(source, tree)
    plan.refused, plan.warnings = marked.refused, marked.warnings
    computing = line_numbers.find(tree, source)
    together = _keep_line_numbers(computing, found)
    kept = [f for f in found.functions if f.rule is None]
    plan.skipped.update(f.rule.name for f in found.functions if f.rule is not None)
    if computing.whole:
        told = f"{LINE_NUMBERS.reason} on line {computing.whole}, so no line may be put in"
        plan.refused = tuple(sorted((*plan.refused, *((m.line, told) for m in marked.calls))))
        return plan
    areas = copied.regions(tree, lines)
    calls, inside = outside(marked.calls, areas)
    plan.refused = tuple(sorted((*plan.refused, *inside)))
    blocks = sections.find(kept, lines, options.sections) if options.sections else []
    blocks = [b for b in blocks if not copied.around(areas, b.first) and not any(_holds(f, b.first) for f in together)]
    plan.functions, plan.sections = len(kept), len(blocks) + len(calls) // 2
    if kept or calls:
        binds = options.binds or _travels(found, kept, plan.sections)
        _edit(plan, found, kept, calls, blocks, areas, source, binds)
    return plan


def _keep_line_numbers(computing: line_numbers.Computing, found: Scan) -> list[Function]:
    """Sets the rule on functions that must not be edited, and returns the outermost ones into which no line may be put.

    What speaks of a distance is right as long as the lines of the function around it stay together: that one may be
    marked, but nothing inside it. Where the file speaks of lines anywhere, nothing in it may be.
    """
    outermost = [f for f in found.functions if f.parent is None and any(_holds(f, line) for line in computing.within)]
    for f in found.functions:
        if computing.whole or (f.parent is not None and any(_holds(o, f.node.lineno) for o in outermost)):
            f.rule = LINE_NUMBERS
    return outermost


def _holds(function: Function, line: int) -> bool:
    return function.node.lineno <= line <= (function.node.end_lineno or function.node.lineno)


def outside(
    calls: tuple[markers.Marker, ...], areas: list[tuple[int, int]]
) -> tuple[tuple[markers.Marker, ...], list[tuple[int, str]]]:
    """The markers outside of text that is copied into other files, and what is said of the others."""
    inside = {m.line for m in calls if copied.around(areas, m.line)}
    told = [(line, "in text that is copied into other files, where no section is known") for line in sorted(inside)]
    return tuple(m for m in calls if m.line not in inside), told


def _edit(
    plan: Plan,
    found: Scan,
    kept: list[Function],
    calls: tuple[markers.Marker, ...],
    blocks: list[sections.Section],
    areas: list[tuple[int, int]],
    source: bytes,
    binds: bool,
) -> None:
    """Put the edits into the plan."""
    lines = plan.lines
    starts = [_def_start(f, lines) for f in kept]
    first_call = min((m.line for m in calls), default=len(lines))
    name = names.settle(plan.tree, source, min([*starts, first_call]), found.star, binds)
    used = name.used.encode()
    decorator = b"@" + used + tags.LINE
    edits = list(_globals(found, kept, calls, used, lines))
    edits += sections.inserts(blocks, lines, used)
    edits += [Insert(s, indent(lines[s - 1]) + decorator + eol(lines, s)) for s in starts]
    edits += copied.inserts([a for a in areas if any(a[0] < s < a[1] for s in starts)], name.used, lines)
    plan.calls = [(m.line, markers.call(used, m, lines)) for m in calls]
    at = _header_line(plan.tree, lines, first_call)
    at = copied.around(areas, at) or at
    plan.inserts = _header(name, at, edits, len(plan.calls), source, eol(lines, at))


def _header(name: names.Name, at: int, edits: list[Insert], calls: int, source: bytes, end: bytes) -> list[Insert]:
    """All whole lines, the header's first."""
    if name.header is names.Header.LOADS:
        edits = [Insert(at, b"    " + tags.imports(name.used) + tags.LINE + end), *edits]
    code = {
        names.Header.LOADS: tags.LOADS + b"  ",
        names.Header.BINDS: tags.imports(name.used) + b"  ",
        names.Header.SERVED: b"",
    }[name.header]
    return [Insert(at, code + tags.counts(len(edits) + calls, source) + end), *edits]


def _travels(found: Scan, kept: list[Function], sections: int) -> bool:
    """Whether functions that name `profiled` inside may be pickled by value: the file imports what does that."""
    inside = sections or any(f.parent is not None for f in kept)
    return bool(inside) and any(origin.partition(".")[0] in BY_VALUE for origin in found.imported.values())


def _globals(
    found: Scan, kept: list[Function], calls: tuple[markers.Marker, ...], name: bytes, lines: list[bytes]
) -> Iterator[Insert]:
    """`global` lines for the class bodies whose namespace may make names up, each above the body's first edit."""
    unknown = namespaces.unknown(found)
    for node in found.classes:
        if id(node) not in unknown:
            continue
        mine = indent(lines[node.body[0].lineno - 1])
        edits = sorted(f.node.lineno for f in kept if f.owner is node)
        numbers = [
            m.line
            for m in calls
            if node.lineno < m.line <= (node.end_lineno or 0) and indent(lines[m.line - 1]) == mine
        ]
        end = node.lineno
        for stmt in node.body if edits else ():
            number = _statement_line(stmt, lines, end)
            end = stmt.end_lineno or stmt.lineno
            if number <= edits[0] <= end:
                numbers.append(logical_start(lines, number))
                break
        if numbers:
            at = min(numbers)
            yield Insert(at, indent(lines[at - 1]) + b"global " + name + tags.LINE + eol(lines, at))


def _def_start(function: Function, lines: list[bytes]) -> int:
    """The line above which the innermost decorator goes."""
    number = function.node.lineno
    if not lines[number - 1].lstrip(BLANK).startswith((b"def", b"async")):
        # An encoding that can spell ASCII letters in other bytes, or has line ends of its own (utf-7).
        raise Refusal(number, "its bytes do not show the `def` that the decoded text has here")
    return logical_start(lines, number)


def _header_line(tree: ast.Module, lines: list[bytes], first_call: int) -> int:
    """Above which line the header goes: the first after docstring and `__future__` to begin a statement.

    A statement below a `;` or a backslash is passed over. The names are not needed before the first compound
    statement or marker, and compound statements always begin their line.
    """
    end = 0
    for at, stmt in enumerate(tree.body):
        docstring = at == 0 and isinstance(stmt, ast.Expr) and _is_str(stmt.value)
        if docstring or (isinstance(stmt, ast.ImportFrom) and stmt.module == "__future__" and not stmt.level):
            end = stmt.end_lineno or stmt.lineno
            continue
        number = _statement_line(stmt, lines, end)
        if number > first_call:
            break
        clean = len(leading(lines[number - 1])) == stmt.col_offset or number < stmt.lineno
        number = logical_start(lines, number)
        if clean and not (number > 1 and continues(lines[number - 2]) and not _comment(lines[number - 2])):
            return number
    return first_call


def _statement_line(stmt: ast.stmt, lines: list[bytes], end: int) -> int:
    """The first line of a statement and its decorators; the statement before it ended on line `end`."""
    decorators = getattr(stmt, "decorator_list", None)
    if not decorators:
        return stmt.lineno
    number: int = decorators[0].lineno
    # A decorator's expression may begin below its `@`: in brackets, after a backslash.
    while number > end + 1 and not lines[number - 1].lstrip(BLANK).startswith(b"@"):
        number -= 1
    return number


def _comment(line: bytes) -> bool:
    return line.lstrip(BLANK + EOLS).startswith(b"#")


def _is_str(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
