"""Code that computes with its own line numbers, and so must not find lines between its own.

Reading a line number, showing it, or counting from 0 instead of 1 is no computing. A distance is (`f_lineno + 9`), or a
number written down (`tb_lineno == 42`).
"""

from __future__ import annotations

import ast
import re

from attrs import define, field

_HINT = re.compile(
    rb"f_lineno|tb_lineno|co_firstlineno|getlineno|extract_stack|extract_tb|getframeinfo|get(?:inner|outer)frames"
    rb"|inspect\.(?:stack|trace)"
)
_LINES = ("f_lineno", "tb_lineno", "co_firstlineno")
# What returns records of frames, in which a line number is `lineno`, or at an index.
_RECORDS = ("extract_stack", "extract_tb", "getframeinfo", "getinnerframes", "getouterframes")
_OF_INSPECT = ("stack", "trace")
_OFFSETS = (ast.Add, ast.Sub)
_Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef


@define
class Computing:
    """`whole`: the line of what speaks of lines anywhere in the file, 0 for none. `within`: lines of what speaks of a
    distance, which is right as long as nothing is put into the function around it."""

    whole: int = 0
    within: list[int] = field(factory=list)


def find(tree: ast.Module, source: bytes) -> Computing:
    """Where the file computes with line numbers of source."""
    found = Computing()
    if not _HINT.search(source):
        return found
    nodes = _gather(tree)
    names = _Names(nodes)
    for node in nodes.compares:
        if _fixes(names, [node.left, *node.comparators]):
            found.whole = found.whole or node.lineno
    for moved in nodes.sums:
        line = names.moved(moved)
        if line is not None and names.is_first(line):
            found.whole = found.whole or moved.lineno
        elif line is not None:
            found.within.append(moved.lineno)
    return found


def _fixes(names: _Names, sides: list[ast.expr]) -> bool:
    """Whether a comparison holds a line against a number written down, or its distance from another one."""
    numbers = [n for n in map(names.number, sides) if n is not None]
    return (any(map(names.is_line, sides)) and any(map(_far, numbers))) or (
        any(map(names.is_distance, sides)) and bool(numbers)
    )


def _far(number: int) -> bool:
    # 0 and -1 stand for "no line", 1 for the first.
    return number > 1


@define
class _Nodes:
    """What matters of a file: (what is bound, to what), comparisons, and sums that are no bounds."""

    bindings: list[tuple[ast.expr | str, ast.expr]] = field(factory=list)
    items: list[tuple[ast.expr, ast.expr]] = field(factory=list)  # (what is bound, to the items of what)
    compares: list[ast.Compare] = field(factory=list)
    sums: list[ast.BinOp | ast.AugAssign] = field(factory=list)


def _gather(tree: ast.Module) -> _Nodes:
    found = _Nodes()
    # With each node the function around it, and whether it is part of a bound: an index, an argument of `range`.
    stack: list[tuple[ast.AST, str, bool]] = [(tree, "", False)]
    while stack:
        node, function, bound = stack.pop()
        inner = False
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            function = node.name
        elif isinstance(node, ast.Return) and node.value is not None and function:
            found.bindings.append((function, node.value))  # a helper that returns a line is one
        elif isinstance(node, ast.Assign):
            found.bindings += [(target, node.value) for target in node.targets]
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            found.bindings.append((node.target, node.value))
        elif isinstance(node, (ast.For, ast.comprehension)):
            found.items.append((node.target, node.iter))
        elif isinstance(node, ast.Compare):
            found.compares.append(node)
        elif isinstance(node, (ast.BinOp, ast.AugAssign)):
            inner = bound
            if isinstance(node.op, _OFFSETS) and not bound:
                found.sums.append(node)
        elif isinstance(node, (ast.Slice, ast.Subscript)):
            inner = True
        elif isinstance(node, ast.Call):
            inner = _name(node.func) in ("range", "max", "min")
        stack += [(child, function, inner) for child in ast.iter_child_nodes(node)]
    return found


class _Names:
    """What the file's names stand for: lines, the first line of a function, records of frames, numbers."""

    def __init__(self, nodes: _Nodes) -> None:
        self._lines: set[str] = set()
        self._first: set[str] = set()
        self._records: set[str] = set()
        self._numbers: dict[str, int] = {}
        self._distances: set[str] = set()
        for _ in range(3):  # names of names of names
            for target, value in nodes.bindings:
                if isinstance(target, str):
                    self._bind(target, value)
                else:
                    self._assign(target, value)
            for target, value in nodes.items:
                if self.is_record(value):
                    self._assign(target, value)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, (ast.Name, ast.Attribute)):
            self._bind(_name(target), value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                for t, v in zip(target.elts, value.elts, strict=True):
                    self._assign(t, v)
            elif self.is_record(value):
                # (file, line, function, text), or with the frame before them.
                at = 1 if len(target.elts) <= 5 else 2
                if len(target.elts) > at and isinstance(target.elts[at], ast.Name):
                    self._lines.add(_name(target.elts[at]))

    def _bind(self, name: str, value: ast.expr) -> None:
        number = self.number(value)
        if number is not None:
            self._numbers[name] = number
        elif self.is_line(value):
            self._lines.add(name)
            if self.is_first(value):
                self._first.add(name)
        elif self.is_record(value):
            self._records.add(name)
        elif self.is_distance(value):
            self._distances.add(name)

    def number(self, node: ast.expr) -> int | None:
        """The value of an integer written down, here or under a name."""
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self.number(node.operand)
            return None if inner is None else -inner
        return self._numbers.get(_name(node))

    def is_line(self, node: ast.expr) -> bool:
        """Whether an expression is a line number of running code."""
        if isinstance(node, ast.Attribute) and node.attr in _LINES:
            return True
        if isinstance(node, ast.Attribute) and node.attr == "lineno":
            return self.is_record(node.value)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value in (1, 2):
            return self.is_record(node.value)
        if isinstance(node, ast.Call):
            return _name(node.func).endswith("getlineno") or _name(node.func) in self._lines
        if isinstance(node, ast.BoolOp):
            return any(map(self.is_line, node.values))
        return _name(node) in self._lines

    def moved(self, node: ast.BinOp | ast.AugAssign) -> ast.expr | None:
        """The line number that a sum moves by a number written down; None where it does not."""
        left, right = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
        line, other = (left, right) if self.is_line(left) else (right, left)
        offset = self.number(other)
        # Down by one is how an index is made.
        moves = offset is not None and (abs(offset) > 1 or (offset == 1 and isinstance(node.op, ast.Add)))
        return line if moves and self.is_line(line) else None

    def is_first(self, node: ast.expr) -> bool:
        """Whether a line is where a function begins: a decorator of ours comes before its `def`."""
        name = _name(node.func if isinstance(node, ast.Call) else node)
        return name.endswith("co_firstlineno") or name in self._first

    def is_record(self, node: ast.expr) -> bool:
        """Whether an expression is a record of a frame, or a list of them."""
        if isinstance(node, ast.Call):
            name = _name(node.func)
            module, _, last = name.rpartition(".")
            return last in _RECORDS or (module == "inspect" and last in _OF_INSPECT) or name in self._records
        if isinstance(node, ast.Subscript):
            return self.is_record(node.value)
        if isinstance(node, ast.BoolOp):
            return any(map(self.is_record, node.values))
        return _name(node) in self._records

    def is_distance(self, node: ast.expr) -> bool:
        """Whether an expression is the distance of two lines."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            return self.is_line(node.left) and self.is_line(node.right)
        return _name(node) in self._distances


def _name(node: ast.expr) -> str:
    """`a.b` as text; the last part alone where it hangs on something else; empty for what has no name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _name(node.value)
        return f"{before}.{node.attr}" if before else f".{node.attr}"
    return ""
