"""Automatic sections: loops, and paragraphs (statements under a comment), of functions that are profiled.

A block is taken only where its `end` cannot be skipped while its function goes on: nothing in it breaks or
continues a loop around it, and it does not stand where an exception can be caught around it in the same
function. A `return` or an exception that leaves the function closes its sections anyway.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from attrs import frozen

from . import tags
from .markers import escapes
from .rules import dotted
from .scan import BLOCKS, Function, FunctionNode
from .source import BLANK, EOLS, continues, eol, indent, logical_start
from .splice import Insert

LOOPS, PARAGRAPHS = "loops", "paragraphs"
KINDS = (LOOPS, PARAGRAPHS)
_LOOP_NODES = (ast.For, ast.AsyncFor, ast.While)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LONGEST = 40
# Context managers known to swallow exceptions. One of the user's own only leaves the section open until its
# function returns.
_SWALLOWING = {"suppress", "raises", "assertRaises", "assertRaisesRegex", "ExitStack", "AsyncExitStack"}
_PRAGMA = re.compile(rb"#[!:]|#\s*(type|noqa|pragma|pylint|mypy|fmt|yapf|isort|ruff|flake8|pyright|nosec)\b", re.I)


@frozen
class Section:
    """Lines `first` to `last`, both included, under the name `label`. `depth` is how deep it is nested."""

    first: int
    last: int
    label: str
    depth: int


def slug(text: str) -> str:
    """A readable ASCII name: `for line in fh:` is `for_line_in_fh`. Empty when there is no word in `text`."""
    words = re.sub(r"\W+", " ", text.lower(), flags=re.ASCII).split()
    name = ""
    for word in words:
        if name and len(name) + len(word) >= _LONGEST:
            break
        name = f"{name}_{word}" if name else word[:_LONGEST]
    return name.strip("_")


def find(functions: Sequence[Function], lines: list[bytes], kinds: frozenset[str]) -> list[Section]:
    """The sections of the given kinds, in the order of their first lines."""
    found: list[Section] = []
    for function in functions:
        seen: Counter[str] = Counter()
        for first, last, name, depth in sorted(_blocks(function.node, lines, kinds)):
            seen[name] += 1
            label = name if seen[name] == 1 else f"{name}_{seen[name]}"
            found.append(Section(first, last, label, depth))
    return sorted(found, key=lambda s: (s.first, s.depth))


def inserts(found: list[Section], lines: list[bytes], name: bytes) -> list[Insert]:
    """The tagged lines of the sections. Where several meet, inner ones end first, outer ones begin first."""
    ends = [_line(s, s.last + 1, name, "end", lines) for s in sorted(found, key=lambda s: -s.depth)]
    return ends + [_line(s, s.first, name, "profile", lines) for s in found]


def _line(s: Section, at: int, name: bytes, kind: str, lines: list[bytes]) -> Insert:
    call = tags.call(name, kind, s.label.encode())
    return Insert(at, indent(lines[s.first - 1]) + call + tags.LINE + eol(lines, s.first))


def _blocks(function: FunctionNode, lines: list[bytes], kinds: frozenset[str]) -> Iterator[tuple[int, int, str, int]]:
    """(first line, last line, name, depth) of each section of one function, nested functions left out."""
    stack: list[tuple[Sequence[ast.stmt], int]] = [(function.body, 0)]
    while stack:
        block, depth = stack.pop()
        for stmt in block:
            if isinstance(stmt, _SCOPES) or _catches(stmt):
                continue
            if LOOPS in kinds and isinstance(stmt, _LOOP_NODES):
                span = _span([stmt], block, lines)
                if span and not escapes(ast.Module(list(stmt.orelse), []), 0, span[1] + 1):
                    yield *span, _loop_name(stmt), depth
            stack += [(inner, depth + 2) for inner in _inner(stmt)]
        if PARAGRAPHS in kinds:
            for run, name in _paragraphs(block, lines):
                span = _span(run, block, lines)
                if span and not _docstring(run[0]) and not _leaves_for_a_loop(run):
                    yield *span, name, depth + 1


def _docstring(stmt: ast.stmt) -> bool:
    return isinstance(stmt, ast.Expr) and isinstance(stmt.value, ast.Constant)


def _leaves_for_a_loop(run: Sequence[ast.stmt]) -> bool:
    # Only break and continue go on elsewhere in the same function; return and raise leave it.
    leaving = escapes(ast.Module(list(run), []), 0, sys.maxsize)
    return any(word in ("break", "continue") for _, word in leaving)


def _inner(stmt: ast.stmt) -> Iterator[Sequence[ast.stmt]]:
    for name in BLOCKS.get(type(stmt), ()):
        for part in [getattr(stmt, name)]:
            if part and isinstance(part[0], (ast.ExceptHandler, ast.match_case)):
                yield from (p.body for p in part)
            elif part:
                yield part


def _catches(stmt: ast.stmt) -> bool:
    """Whether an exception inside may be caught there, so that the function goes on."""
    if isinstance(stmt, (ast.Try, ast.TryStar)):
        return True
    if isinstance(stmt, (ast.With, ast.AsyncWith)):
        return any(dotted(i.context_expr).rpartition(".")[2] in _SWALLOWING for i in stmt.items)
    return False


def _span(run: Sequence[ast.stmt], block: Sequence[ast.stmt], lines: list[bytes]) -> tuple[int, int] | None:
    """The lines of consecutive statements, if they have these lines to themselves and can take one below."""
    first, last = logical_start(lines, run[0].lineno), run[-1].end_lineno or run[-1].lineno
    if len(lines[run[0].lineno - 1]) - len(lines[run[0].lineno - 1].lstrip(BLANK)) != run[0].col_offset:
        return None  # behind a `:` or a `;`
    if (first > 1 and continues(lines[first - 2])) or continues(lines[last - 1]):
        return None
    after = block.index(run[-1]) + 1
    if after < len(block) and block[after].lineno <= last:
        return None
    if not lines[last - 1].endswith((b"\n", b"\r")):
        return None  # the file's last line, without an EOL: a line below it could not be undone as a line
    return first, last


def _loop_name(loop: ast.For | ast.AsyncFor | ast.While) -> str:
    if isinstance(loop, ast.While):
        return slug(f"while {ast.unparse(loop.test)}")
    return slug(f"for {ast.unparse(loop.target)} in {ast.unparse(loop.iter)}")


def _paragraphs(block: Sequence[ast.stmt], lines: list[bytes]) -> Iterator[tuple[list[ast.stmt], str]]:
    """Runs of two or more statements under a comment of their own, up to a blank line or the next comment."""
    run: list[ast.stmt] = []
    name = ""
    previous = 0
    for stmt in block:
        scope = isinstance(stmt, _SCOPES)  # not a step of the function, and its decorators begin it elsewhere
        if scope or not run or stmt.lineno > previous + 1:
            if len(run) > 1 and name:
                yield run, name
            run, name = [], "" if scope else _heading(lines, stmt.lineno, previous)
        if not scope:
            run.append(stmt)
        previous = stmt.end_lineno or stmt.lineno
    if len(run) > 1 and name:
        yield run, name


def _heading(lines: list[bytes], number: int, previous: int) -> str:
    """The name that the comment lines directly above line `number` give; empty without any."""
    text = ""
    mine = indent(lines[number - 1])
    for at in range(number - 2, max(previous - 1, -1), -1):
        line = lines[at].strip(BLANK + EOLS)
        if not line.startswith(b"#") or indent(lines[at]) != mine:
            break
        if _PRAGMA.match(line) or b"profile!" in line or b"end!" in line:
            return ""
        text = slug(line.lstrip(b"#").decode("ascii", "replace")) or text
    return text
