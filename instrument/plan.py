"""What to edit in one file, decided on its tree and not yet carried out: that is `splice`."""

from __future__ import annotations

import ast
from collections import Counter

from attrs import define, field, frozen

from . import markers, names, sections, tags
from .refusal import Refusal
from .rules import RULES, Rule
from .scan import Function, apply_rules, scan
from .source import BLANK, EOLS, continues, eol, indent, leading, logical_start, parse, split
from .splice import Insert


@frozen
class Options:
    """What decides about one file's edits. `sections` holds names out of `sections.KINDS`."""

    sections: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = RULES


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
    found = scan(tree)
    apply_rules(found, options.rules)
    kept = [f for f in found.functions if f.rule is None]
    plan.skipped.update(f.rule.name for f in found.functions if f.rule is not None)
    marked = markers.find(source, tree)
    plan.refused, plan.warnings = marked.refused, marked.warnings
    blocks = sections.find(kept, plan.lines, options.sections) if options.sections else []
    plan.functions, plan.sections = len(kept), len(blocks) + len(marked.calls) // 2
    if not kept and not marked.calls:
        return plan

    lines = plan.lines
    starts = [_def_start(f, lines) for f in kept]
    wanted = ((tags.PROFILED,) if kept else ()) + ((tags.PROFILE, tags.END) if blocks or marked.calls else ())
    first = min(starts + [m.line for m in marked.calls])
    called = names.settle(tree, source, wanted, first, found.star)
    bound = {name: used.encode() for name, used in called.bound.items()}

    decorator = b"@" + bound.get(tags.PROFILED, b"") + b"  " + tags.TAG
    edits = sections.inserts(blocks, lines, bound)
    edits += [Insert(s, indent(lines[s - 1]) + decorator + eol(lines, s)) for s in starts]
    plan.calls = [(m.line, _call(m, lines, bound)) for m in marked.calls]
    at = _header_line(tree, lines, min((m.line for m in marked.calls), default=len(lines)))
    header = tags.header(called.missing, len(edits) + len(plan.calls), source)
    plan.inserts = [Insert(at, header + eol(lines, at)), *edits]
    return plan


def _call(marker: markers.Marker, lines: list[bytes], bound: dict[str, bytes]) -> bytes:
    return tags.call(bound[marker.kind], markers.label(lines[marker.line - 1])) + b"  "


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
