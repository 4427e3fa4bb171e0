"""Text that a file says is copied into others: what stands between `###{name` and `###}`, as lark marks it.

The copy runs where no header has been, perhaps without the profiler: the text brings what stands in for `profiled`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from . import tags
from .source import eol
from .splice import Insert


def regions(tree: ast.Module, lines: list[bytes]) -> list[tuple[int, int]]:
    """The first and last lines of such text, marks included; only marks between statements count."""
    found: list[tuple[int, int]] = []
    begun = 0
    for number, line in enumerate(lines, 1):
        if line.startswith(b"###{") and not begun and not any(_covers(s, number) for s in tree.body):
            begun = number
        elif line.startswith(b"###}") and begun:
            found.append((begun, number))
            begun = 0
    return found


def _covers(stmt: ast.stmt, number: int) -> bool:
    return stmt.lineno <= number <= (stmt.end_lineno or stmt.lineno)


def around(regions: list[tuple[int, int]], number: int) -> int:
    """The first line of the region that holds line `number`; 0 for none."""
    return next((first for first, last in regions if first < number <= last), 0)


def inserts(regions: list[tuple[int, int]], name: str, lines: list[bytes]) -> Iterator[Insert]:
    """The line at the beginning of each region."""
    for first, _ in regions:
        yield Insert(first + 1, tags.spare(name) + tags.LINE + eol(lines, first))
