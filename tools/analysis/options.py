"""How the reader of a report wants it: which part, by which number, how many rows, how deep."""

from __future__ import annotations

from collections.abc import Sequence

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
    """The only part that is wanted: `callers` or `callees` of `name`, the `tree`, the `source` of the file `name`."""
    name: str = ""
    full: bool = True
    """All tables; else those that answer most questions, in about thirty lines."""
    fits: bool = False
    """Whether tables of the report in short have as few rows as those lines have room for, and not `limit`."""
    show: Sequence[str] = ()
    """The only tables that are wanted: keys of sections, or names of modes."""
    own: bool = False
    """Only the user's own functions."""
    libraries: bool = False
    """Functions of libraries have rows of their own, too; else they are charged to the own functions that called
    them."""
    imports: bool = False
    """So has each import; else all together are one."""
    budget: int = 0
    """Tokens that it may take, by the rule of `prof.tools.screen.tokens`; 0: as many as it takes."""
    idle: bool = False
    """Shares of samples are of all threads, also of those that waited for work."""

    @property
    def brief(self) -> bool:
        """Whether the report in short is wanted."""
        return not (self.full or self.part or self.show)
