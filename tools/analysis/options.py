"""How the reader of a report wants it: which part, by which number, how many rows, how deep."""

from __future__ import annotations

from attrs import frozen


@frozen
class Sort:
    """An order of the tables: by a field of `Function`, where the capture has that column. `words` are for headings.

    The call tree is by the column, too, where it can be.
    """

    field: str
    column: str
    words: str


@frozen
class Options:
    """How the reader wants it."""

    sort: Sort
    limit: int
    """Rows of a table; 0: all."""
    few: int
    """Rows of the lesser tables."""
    depth: int
    """Levels of the call tree; 0: all."""
    min_percent: float
    """What is smaller is left out of the call tree, or of the graphs."""
    width: int = 100
    """Characters a line has room for."""
    lines: bool = False
    """Whether lines are in the call tree."""
    part: str = ""
    """The only part that is wanted: `callers` or `callees` of `name`, the `tree`, the `source` of the file `name`, or
    one of `prof.tools.analysis.report.PARTS`."""
    name: str = ""
