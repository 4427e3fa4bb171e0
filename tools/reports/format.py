"""What a format of `prof report` is: it lays a `Report` out, and knows nothing of captures or modes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from prof.tools.analysis.options import Options
from prof.tools.analysis.report import Report
from prof.tools.screen.tables import Line


class Format(ABC):
    """A format, and how the reader wants it. Below `name`, `suffix` and `words`, all has a default."""

    name: ClassVar[str]
    """`prof report --format NAME`."""
    suffix: ClassVar[str]
    """Of files in that format, with the dot."""
    words: ClassVar[str]
    """Whom it is for, in the help."""
    parts: ClassVar[frozenset[str]] = frozenset()
    """The parts of a report that it can show alone: see `Options.part`; and `lines`, if it takes `Options.lines`."""
    why_whole: ClassVar[str] = "it is of the whole"
    """Why it does without other parts."""
    limit: ClassVar[int] = 20
    """Rows of a table, unless something is asked for; `few`, `depth` and `min_percent` likewise: see `Options`."""
    few: ClassVar[int] = 10
    depth: ClassVar[int] = 12
    min_percent: ClassVar[float] = 1.0
    finds: ClassVar[bool] = False
    """Whether it has findings unasked."""
    budgeted: ClassVar[bool] = False
    """Whether it takes `Options.budget`."""
    beside: ClassVar[bool] = False
    """Whether it goes to a file beside the capture, unless told otherwise; to standard output if not."""

    def __init__(self, options: Options) -> None:
        self.options = options

    @abstractmethod
    def render(self, report: Report) -> Iterator[str]:
        """The text of the file, in parts. They are made as they are asked for: a report may be large."""

    def lines(self, report: Report) -> Iterator[Line] | None:
        """The same as lines for a terminal with colours; None where it has none."""
        return None

    def drawn(self) -> str:
        """Of what goes to a file: what is in it, once it has been written."""
        return ""
