"""What findings are made of: one thing that is known of one line, with its numbers."""

from __future__ import annotations

from attrs import frozen

# Functions of which a mode looks for hot lines: those with less than a twentieth are none.
MANY = 12


@frozen(kw_only=True)
class Evidence:
    """Something that is known of a line: a fact with a number, and how sure it is."""

    kind: str
    """`hot line`, `repeated call` and the like: what the finding is called where this is the strongest of it."""
    file: str
    line: int
    function: str
    begins: tuple[str, int]
    """The file and line that the function begins at."""
    text: str
    sure: str
    """`counted exactly`, `sampled, ±1.8 points`, and the like."""
    share: float | None = None
    """From 0 to 1, of what `of` says."""
    of: str = ""
    weight: float = 0.0
    """How much it matters beside others: about the share of the run that this may be, from 0 to a little above 1. With
    0 it says more of a line that others have found."""
    more: str = ""
    """What `prof report` is to be asked for more."""
    of_run: bool = False
    """Its share is of the run's time."""
    indirect: bool = False
    """Its weight stands for time that it may take: it cannot be more than the function takes, where that is known."""
    whole: bool = False
    """It is of the function, and its line is where that begins: which line of it, others may know."""

    @property
    def place(self) -> tuple[str, int]:
        return self.file, self.line
