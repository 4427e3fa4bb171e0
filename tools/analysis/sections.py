"""What a report consists of: a header, and sections with facts and tables. Formats lay them out."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from prof.tools.screen.tables import Column

# A title, empty where the fact above goes on, and a text.
Fact = tuple[str, str]


@frozen
class Hot:
    """What one of the user's own functions was charged with, and which of its lines, in the unit of what it is of."""

    function: str
    begins: tuple[str, int]
    """The file and line that the function begins at."""
    lines: Sequence[tuple[str, int, int]]
    """(file, line, amount), most first; empty where lines are not known."""
    amount: int
    whole: int
    error: float
    """How far the share may be off, 0 to 1; 0 where it is exact."""
    profiler: int
    """What of it was the profiler's own work."""
    within: str
    """The libraries that it went into, in words; may be empty."""


@frozen
class Verdict:
    """A sentence about one of the user's own functions: how much of what is `about` it went there, and into which
    library."""

    about: str
    name: str
    share: str
    """`62.1%`; `62.1% ±2.8` of what was sampled: the width of the 99 % interval."""
    text: str
    """`render.py:16  render.page: 58.0% of it in jinja2`."""
    hot: Hot
    """The numbers in it, for findings."""


@frozen
class Header:
    """The run: where it went in short, what it was, what it cost, and every reason to doubt its numbers."""

    title: str
    note: str
    verdict: Sequence[Fact]
    """The answer, and the command that shows more of it."""
    in_short: Sequence[str]
    """The run in a line or two: parts of sentences."""
    facts: Sequence[Fact]
    modes: Sequence[str]
    warnings: Sequence[str]
    remarks: Sequence[str]


@frozen
class Note:
    """What is said below a table where one of the columns with the titles `of` is shown; always, where there are
    none."""

    text: str
    of: frozenset[str] = frozenset()


@frozen
class Section:
    """A part of a report, in the order in which its fields are shown; empty ones are not.

    Each of `columns` has a cell for each row of the table; `least` is how much room the one that stretches needs.
    """

    title: str
    note: str = ""
    facts: Sequence[Fact] = ()
    remarks: Sequence[str] = ()
    columns: Sequence[Column] = ()
    least: int = 34
    notes: Sequence[Note] = ()
    key: str = ""
    """What `prof report --show` calls it; a mode's name is that of all of its sections."""
    mode: str = ""
    """The mode's that it is of."""
