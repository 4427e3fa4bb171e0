"""How the reader of a report wants it: by which number, how many rows, how deep."""

from __future__ import annotations

from attrs import frozen

LIMIT, FEW, DEPTH, MIN_PERCENT = 20, 10, 12, 1.0


@frozen
class Sort:
    """An order of the tables: by a field of `Function`, where the capture has that column. `words` are for headings.

    The call tree is by the column, too, where it can be.
    """

    field: str
    column: str
    words: str


@frozen
class Wish:
    """How the reader wants it. `limit` rows a table (0: all), `few` of the lesser tables, `depth` levels and
    `min_percent` of the call tree, and whether `lines` are in that."""

    sort: Sort
    limit: int = LIMIT
    few: int = FEW
    depth: int = DEPTH
    min_percent: float = MIN_PERCENT
    width: int = 100
    lines: bool = False
