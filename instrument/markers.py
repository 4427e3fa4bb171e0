"""Comment markers: which pairs of `# profile! label` and `# end! label` become calls, and why others cannot.

Decided on the token stream, because comments are not in the tree: each marker is placed between the logical
lines around it, and belongs to the innermost block open there whose indentation it has. Only files that hold
the marker bytes are ever tokenized.
"""

from __future__ import annotations

import ast
import io
import re
import token
import tokenize
from collections.abc import Iterator

from attrs import define, field, frozen

from . import tags
from .refusal import Refusal
from .source import BLANK, EOLS, text_of

HINTS = (b"profile!", b"end!")
_MARKER = re.compile(r"#[ \t]*(profile|end)!(.*)", re.S)
_LABEL = re.compile(r"[ \t]+([^\W\d][\w./-]*)[ \t]*")
_CLAUSES = ("else", "elif", "except", "finally")
_LAYOUT = (token.NL, token.INDENT, token.DEDENT, token.ENCODING)


@frozen
class Marker:
    """A marker that becomes a call: `kind` is `profile` or `end`, `block` tells blocks of the file apart."""

    line: int
    kind: str
    label: str
    block: int


@frozen
class Markers:
    """What a file's markers come to: calls, refused markers and warnings as (line, reason)."""

    calls: tuple[Marker, ...] = ()
    refused: tuple[tuple[int, str], ...] = ()
    warnings: tuple[tuple[int, str], ...] = ()


@frozen
class _Logical:
    """A logical line: its indentation, its first words, and what they make of it."""

    indent: str
    first: str
    opens: bool  # a block follows, indented
    lone_string: bool
    future: bool


@frozen
class _Comment:
    line: int
    indent: str
    kind: str
    rest: str
    own_line: bool
    bracketed: bool


@define
class _Blocks:
    """The blocks open at some point, innermost last: indentation, serial number, header's first word."""

    open: list[tuple[str, int, str]] = field(factory=lambda: [("", 0, "")])
    serial: int = 0

    def enter(self, indent: str, header: str) -> None:
        self.serial += 1
        self.open.append((indent, self.serial, header))

    def leave_to(self, indent: str) -> None:
        while len(self.open) > 1 and self.open[-1][0] != indent:
            self.open.pop()

    def depth(self, indent: str) -> int | None:
        return next((i for i, block in enumerate(self.open) if block[0] == indent), None)


def find(source: bytes, tree: ast.Module) -> Markers:
    """The markers of a file that compiles. Raises `Refusal` where it cannot be decoded or tokenized."""
    if not any(h in source for h in HINTS):
        return Markers()
    placed: list[Marker] = []
    refused: list[tuple[int, str]] = []
    blocks = _Blocks()
    previous: _Logical | None = None
    items = list(_items(text_of(source)))
    following = _following(items)
    last_future = max((i for i, x in enumerate(items) if isinstance(x, _Logical) and x.future), default=-1)
    for i, item in enumerate(items):
        if isinstance(item, _Logical):
            if previous is not None and previous.opens:
                blocks.enter(item.indent, previous.first)
            else:
                blocks.leave_to(item.indent)
            previous = item
            continue
        named = _LABEL.fullmatch(item.rest)
        reason = "no label, or not one word, after the marker" if named is None else None
        reason = reason or _objection(item, previous, following[i], blocks, i < last_future)
        if reason or named is None:
            refused.append((item.line, f"{item.kind}! {reason}"))
            continue
        placed.append(Marker(item.line, item.kind, named[1], _block(item, previous, blocks)))
    calls, unpaired = _pair(placed)
    return Markers(tuple(calls), tuple(sorted(refused + unpaired)), tuple(_escapes(calls, tree)))


def label(line: bytes) -> bytes:
    """The label on a marker's line, in the file's own encoding."""
    return line.partition(b"!")[2].strip(BLANK + EOLS)


def call(used: bytes, marker: Marker, lines: list[bytes]) -> bytes:
    """What goes before the marker's comment; `used` is what the file calls `profiled`."""
    return tags.call(used, marker.kind, label(lines[marker.line - 1])) + b"  "


def _items(text: str) -> Iterator[_Logical | _Comment]:
    """Logical lines and marker comments, in order."""
    words: list[tokenize.TokenInfo] = []
    lines = text.split("\n")
    depth = 0
    try:
        for t in tokenize.generate_tokens(io.StringIO(text).readline):
            if t.type == token.COMMENT:
                m = _MARKER.fullmatch(t.string)
                if m:
                    before = lines[t.start[0] - 1][: t.start[1]]
                    blank = not before.strip(" \t\f")
                    yield _Comment(t.start[0], before.rpartition("\f")[2], m[1], m[2], blank and not words, depth > 0)
            elif t.type == token.NEWLINE:
                if words:
                    yield _logical(words, lines)
                words = []
            elif t.type == token.ENDMARKER:
                return
            elif t.type not in _LAYOUT:
                words.append(t)
                if t.type == token.OP:
                    depth += (t.string in "([{") - (t.string in ")]}")
    except (tokenize.TokenError, SyntaxError, ValueError) as e:
        raise Refusal(0, f"cannot be tokenized: {e}") from None


def _logical(words: list[tokenize.TokenInfo], lines: list[str]) -> _Logical:
    first = words[0]
    second = words[1].string if len(words) > 1 else ""
    return _Logical(
        indent=lines[first.start[0] - 1][: first.start[1]].rpartition("\f")[2],
        first=first.string,
        opens=words[-1].string == ":",
        lone_string=all(_may_document(t) for t in words),
        future=first.string == "from" and second == "__future__",
    )


def _may_document(t: tokenize.TokenInfo) -> bool:
    # A docstring may stand in parentheses; bytes and f-strings are none.
    return t.string in ("(", ")") or (t.type == token.STRING and t.string.lstrip("rRuU")[0] in "'\"")


def _following(items: list[_Logical | _Comment]) -> list[_Logical | None]:
    """For each item the logical line that comes next."""
    found: list[_Logical | None] = [None] * len(items)
    following: _Logical | None = None
    for i in range(len(items) - 1, -1, -1):
        found[i] = following
        item = items[i]
        if isinstance(item, _Logical):
            following = item
    return found


def _objection(
    c: _Comment, before: _Logical | None, after: _Logical | None, blocks: _Blocks, futures_ahead: bool
) -> str | None:
    """Why no statement may stand where the comment stands; None where one may."""
    if c.bracketed:
        return "inside brackets"
    if not c.own_line:
        return "after code on the same line; a marker needs its own line"
    if before is not None and before.first == "@":
        return "between decorators"
    documented = before is None or (before.opens and before.first in ("def", "async", "class"))
    if documented and after is not None and after.lone_string:
        return "before a docstring"
    if futures_ahead:
        return "before a __future__ import"
    if before is not None and before.opens:
        if before.first == "match":
            return "before case"
        return None if after is not None and c.indent == after.indent else "indentation differs from its block"
    depth = blocks.depth(c.indent)
    if depth is None:
        return "indentation fits no open block"
    if blocks.open[depth][2] == "match":
        return "before case"
    if after is not None and after.first in _CLAUSES and c.indent == after.indent:
        return f"before {after.first}"
    if depth < ((blocks.depth(after.indent) or 0) if after is not None else 0):
        return "indented less than the statement below it"
    return None


def _block(c: _Comment, before: _Logical | None, blocks: _Blocks) -> int:
    if before is not None and before.opens:
        return blocks.serial + 1
    return next(serial for indent, serial, _ in reversed(blocks.open) if indent == c.indent)


def _pair(placed: list[Marker]) -> tuple[list[Marker], list[tuple[int, str]]]:
    """Pairs nest like brackets within one block. The rest is refused, pair by pair."""
    open_: list[Marker] = []
    paired: list[Marker] = []
    refused: list[tuple[int, str]] = []
    for m in placed:
        if m.kind == "profile":
            open_.append(m)
            continue
        at = next((i for i in range(len(open_) - 1, -1, -1) if _same(open_[i], m)), None)
        if at is None:
            elsewhere = any(o.label == m.label for o in open_)
            why = "its profile! is in another block" if elsewhere else "no profile! before it"
            refused.append((m.line, f"end! {m.label}: unpaired, {why}"))
            continue
        for crossed in open_[at + 1 :]:
            refused.append((crossed.line, f"profile! {crossed.label}: unpaired, no end! inside {m.label}"))
        paired += [open_[at], m]
        del open_[at:]
    for m in open_:
        refused.append((m.line, f"profile! {m.label}: unpaired, no end! in its block"))
    return sorted(paired, key=lambda m: m.line), refused


def _same(a: Marker, b: Marker) -> bool:
    return a.label == b.label and a.block == b.block


def _escapes(calls: list[Marker], tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Warnings for the statements that can leave between a `profile!` and its `end!`."""
    open_: list[Marker] = []
    for m in calls:
        if m.kind == "profile":
            open_.append(m)
            continue
        begin = open_.pop()
        for line, word in escapes(tree, begin.line, m.line):
            yield line, f"{word} can skip end! {m.label}"


def escapes(tree: ast.AST, above: int, below: int) -> list[tuple[int, str]]:
    """(line, statement) of each return, raise, break and continue that can leave the lines in between."""
    found: list[tuple[int, str]] = []
    stack: list[tuple[ast.AST, bool]] = [(tree, False)]
    while stack:
        node, looped = stack.pop()
        line = getattr(node, "lineno", None)
        if line is not None:
            if line > below or (getattr(node, "end_lineno", line) or line) < above:
                continue
            if above < line < below:
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
                    continue
                leaves_loop = isinstance(node, (ast.Break, ast.Continue)) and not looped
                if leaves_loop or isinstance(node, (ast.Return, ast.Raise)):
                    found.append((line, type(node).__name__.lower()))
                if isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
                    # The else clause of a loop belongs to the loop around it.
                    stack += [(n, True) for n in node.body] + [(n, looped) for n in node.orelse]
                    continue
        if isinstance(node, ast.expr):
            continue
        stack += [(n, looped) for n in ast.iter_child_nodes(node)]
    return sorted(found)
