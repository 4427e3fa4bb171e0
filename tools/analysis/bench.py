"""What runs of commands took, as the system tells it of their processes from outside."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field, frozen
from prof.tools.analysis.compared import Counted
from prof.tools.analysis.confidence import PRECISION, Interval, judged, spread

MEASURES = (
    Counted("wall_ns", "wall", "ns", "wall time"),
    Counted("cpu_ns", "cpu", "ns", "processor time"),
)


@frozen
class Contender:
    """A command, and the folder it runs in; None: this one."""

    words: tuple[str, ...]
    folder: str | None = None


@frozen
class Run:
    """What one run took, with all processes that it waited for."""

    wall_ns: int
    cpu_ns: int


@frozen
class Taken:
    """What the runs of a command took: the mean without a fifth at each end, and its 95 % interval."""

    measure: Counted
    mean: float
    low: float
    high: float
    least: float
    most: float


@define
class Bench:
    """Commands, and their runs so far."""

    contenders: Sequence[Contender]
    runs: list[list[Run]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.runs = [[] for _ in self.contenders]

    def values(self, index: int, measure: Counted) -> list[float]:
        """A measure of a command, a value a run."""
        return [float(getattr(run, measure.key)) for run in self.runs[index]]

    def taken(self, index: int) -> list[Taken]:
        """What a command took, by measure."""
        found = []
        for measure in MEASURES if self.runs[index] else ():
            values = self.values(index, measure)
            low, mean, high = spread(values)
            found.append(Taken(measure, mean, low, high, min(values), max(values)))
        return found

    def compared(self, precision: float = PRECISION) -> list[Interval]:
        """The second command beside the first, by measure; empty where there is none, or nothing of one was run."""
        if len(self.runs) < 2 or not all(self.runs):
            return []
        rows = [(self.values(0, measure), self.values(1, measure)) for measure in MEASURES]
        return judged(rows, precision=precision)

    def precise(self, part: float) -> bool:
        """Whether the time, or of two commands the difference of the times, is known to that part of the time.

        It is asked after each round. To stop when a difference shows would find one where none is, sooner or later; how
        wide an interval is says nothing of where it is.
        """
        if len(self.runs) > 1:
            interval = self.compared()[0]
            return (interval.high - interval.low) / 2 <= part * interval.before
        wall = self.taken(0)[0]
        return (wall.high - wall.low) / 2 <= part * wall.mean
