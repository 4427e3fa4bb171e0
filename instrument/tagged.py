"""Our own nodes in a parsed file: finding them, taking them out of the tree, comparing what is left."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from attrs import define, field

from . import tags
from .scan import BLOCKS
from .source import BLANK, EOLS


@define
class Tagged:
    """Where our lines are, as code and not as text in a string. Lines count from 1."""

    whole: set[int] = field(factory=set)  # added lines
    calls: set[int] = field(factory=set)  # converted markers
    nodes: set[int] = field(factory=set)  # `id` of each of our nodes
    header: int = 0


def statements(tree: ast.Module) -> Iterator[tuple[ast.AST, str, list[ast.stmt]]]:
    """Each statement list of the tree, as (owner, field, list)."""
    stack: list[ast.AST] = [tree]
    while stack:
        owner = stack.pop()
        for name in ("body",) if isinstance(owner, ast.Module) else BLOCKS.get(type(owner), ()):
            block = getattr(owner, name)
            stack += block
            if block and isinstance(block[0], ast.stmt):
                yield owner, name, block


def find(tree: ast.Module, lines: list[bytes]) -> Tagged:
    """The nodes of `tree`, parsed from `lines`, that carry the tag or are converted markers."""
    found = Tagged()
    for _, _, block in statements(tree):
        for stmt in block:
            for decorator in getattr(stmt, "decorator_list", ()):
                if isinstance(decorator, ast.Name) and tags.is_line(_text(lines, decorator.lineno)):
                    _add(found, decorator)
            if isinstance(stmt, (ast.ImportFrom, ast.If)) and _header(stmt, lines):
                _add(found, stmt)
                found.header = found.header or stmt.lineno
            elif isinstance(stmt, (ast.ImportFrom, ast.Global, ast.Expr)):
                text = _text(lines, stmt.lineno)
                if tags.is_line(text):
                    _add(found, stmt)
                elif isinstance(stmt, ast.Expr) and tags.MARKER.match(text):
                    found.calls.add(stmt.lineno)
                    found.nodes.add(id(stmt))
    _find_comment_header(tree, lines, found)
    return found


def _add(found: Tagged, node: ast.stmt | ast.expr) -> None:
    found.whole.add(node.lineno)
    found.nodes.add(id(node))


def _header(stmt: ast.ImportFrom | ast.If, lines: list[bytes]) -> bool:
    if not tags.is_header(_text(lines, stmt.lineno)):
        return False
    if isinstance(stmt, ast.ImportFrom):
        return True
    # More than our import below the `if` is somebody's edit.
    ours = tags.is_line(_text(lines, stmt.body[0].lineno))
    return ours and len(stmt.body) == 1 and not stmt.orelse


def _find_comment_header(tree: ast.Module, lines: list[bytes], found: Tagged) -> None:
    alone = [n for n, line in enumerate(lines, 1) if tags.TAG in line and _text(lines, n).startswith(tags.TAG + b" n=")]
    if not alone:
        return
    inside = in_strings(tree)
    for number in alone:
        if number not in inside and tags.is_header(_text(lines, number)):
            found.whole.add(number)
            found.header = found.header or number


def in_strings(tree: ast.Module) -> set[int]:
    """The lines that a string literal of several lines covers."""
    covered: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Constant, ast.JoinedStr)) and (node.end_lineno or 0) > node.lineno:
            covered.update(range(node.lineno, (node.end_lineno or 0) + 1))
    return covered


def _text(lines: list[bytes], number: int) -> bytes:
    return lines[number - 1].strip(BLANK + EOLS)


def strip(tree: ast.Module, found: Tagged) -> bool:
    """Take our nodes out of `tree`. False if one of them stood before what would else be a docstring."""
    faithful = True
    for owner, name, block in statements(tree):
        kept = [s for s in block if id(s) not in found.nodes]
        if len(kept) < len(block):
            hidden = kept and kept[0] is not block[0] and isinstance(owner, _DOCUMENTED) and _is_str(kept[0])
            faithful = faithful and not hidden
            setattr(owner, name, kept)
        for stmt in kept:
            if isinstance(stmt, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                stmt.decorator_list = [d for d in stmt.decorator_list if id(d) not in found.nodes]
    return faithful


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _is_str(stmt: ast.stmt) -> bool:
    return isinstance(stmt, ast.Expr) and isinstance(stmt.value, ast.Constant) and isinstance(stmt.value.value, str)


def same(a: ast.AST, b: ast.AST) -> bool:
    """Whether two trees are equal but for positions. Not recursive: trees may be deeper than the stack."""
    stack: list[tuple[object, object]] = [(a, b)]
    while stack:
        x, y = stack.pop()
        if type(x) is not type(y):
            return False
        if isinstance(x, ast.AST):
            stack += [(getattr(x, f, None), getattr(y, f, None)) for f in x._fields]
        elif isinstance(x, list):
            assert isinstance(y, list)
            if len(x) != len(y):
                return False
            stack += zip(x, y, strict=True)
        elif x != y:
            return False
    return True
