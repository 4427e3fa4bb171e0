"""Rows of a table that people order and filter: what cells say, as numbers. Knows no terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from attrs import frozen
from prof.tools.screen.tables import Cells, Column

_NUMBER = re.compile(r"^([<+-]?)([\d,]+(?:\.\d+)?)\s*(ns|µs|us|ms|s|B|KiB|MiB|GiB|%)?(?![\w.])")
_SCALE = {"ns": 1e-9, "µs": 1e-6, "us": 1e-6, "ms": 1e-3, "KiB": 1024.0, "MiB": 1024.0**2, "GiB": 1024.0**3}
_CONDITION = re.compile(r"^(.+?)(>=|<=|>|<|=)(.+)$")
_COMPARED: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b, "<": lambda a, b: a < b, ">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b,
    "=": lambda a, b: a == b,
}  # fmt: skip
NOTHING = ("", "-")


def number(cell: str) -> float | None:
    """What a cell says, in seconds, bytes or as it is; None where it is no number. A dash is 0."""
    if cell in NOTHING:
        return 0.0
    found = _NUMBER.match(cell.strip())
    if found is None:
        return None
    sign, digits, unit = found.groups()
    try:
        value = float(digits.replace(",", "")) * _SCALE.get(unit or "", 1.0)
    except ValueError:
        return None
    return -value if sign == "-" else value / 2 if sign == "<" else value


def order(column: Column, rows: Sequence[int], largest: bool) -> list[int]:
    """The rows by a column: by its numbers where it has any, else by its text; equal ones stay as they are."""
    if isinstance(column.cells, Cells):
        values = column.cells.values
        return sorted(rows, key=values.__getitem__, reverse=largest)
    numbers = {row: number(column.cells[row]) for row in rows}
    if column.left and any(each is None for each in numbers.values()):
        return sorted(rows, key=lambda row: column.cells[row].lower(), reverse=largest)
    return sorted(rows, key=lambda row: numbers[row] or 0.0, reverse=largest)


@frozen
class Filter:
    """What rows are to say: all `words` in one of their texts, none of those `without`, and numbers of columns."""

    words: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    conditions: tuple[tuple[str, str, float], ...] = ()
    """(a column's title, how, a number)."""

    def rows(self, columns: Sequence[Column], rows: Sequence[int]) -> list[int]:
        """The rows that are so. A condition on a column that there is not leaves none."""
        found = list(rows)
        for title, how, limit in self.conditions:
            column = next((each for each in columns if each.title.lower() == title), None)
            if column is None:
                return []
            compared, cells = _COMPARED[how], column.cells
            found = [row for row in found if (n := number(cells[row])) is not None and compared(n, limit)]
        texts = [column.cells for column in columns if column.left]
        if not (self.words or self.without):
            return found
        return [row for row in found if self._is_so("\n".join(cells[row] for cells in texts).lower())]

    def _is_so(self, text: str) -> bool:
        return all(word in text for word in self.words) and not any(word in text for word in self.without)


def parsed(text: str) -> Filter:
    """`render -test self>10ms`: what is typed, as a filter."""
    words, without, conditions = [], [], []
    for part in text.lower().split():
        found = _CONDITION.match(part)
        limit = number(found[3].replace("kib", "KiB").replace("mib", "MiB").replace("gib", "GiB")) if found else None
        if found and limit is not None:
            conditions.append((found[1].replace("_", " "), found[2], limit))
        elif part.startswith("-") and len(part) > 1:
            without.append(part[1:])
        else:
            words.append(part)
    return Filter(tuple(words), tuple(without), tuple(conditions))
