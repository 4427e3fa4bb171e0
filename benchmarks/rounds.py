"""Interleaved rounds: every contender runs once in each round, so that all of them meet the same moods of the machine.

A figure is computed from the contenders' minima. On a shared machine noise only ever adds time, so the minimum of many
short runs is what comes nearest to the cost itself. Where code and data happen to lie matters as well (some 10 ns for a
generator step, by the processor's predictors), and stays the same as long as a process lives: so what is timed in
nanoseconds is loaded several times, and the spread shown is that between these layouts.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from benchmarks.figures import Result

PARTS = 3


@frozen
class Times:
    """Seconds of each contender, one a round."""

    seconds: dict[str, list[float]]
    layouts: tuple[Times, ...] = ()
    """What was merged into this, if it was: the same contenders loaded anew, at other addresses."""

    def best(self, name: str) -> float:
        """The contender's minimum."""
        return min(self.seconds[name])

    def parts(self) -> list[Times]:
        """The layouts, else the rounds dealt out to three hands; one hand when there are too few."""
        if self.layouts:
            return list(self.layouts)
        count = min(map(len, self.seconds.values()))
        if count < 2 * PARTS:
            return [self]
        return [Times({name: all_[i::PARTS] for name, all_ in self.seconds.items()}) for i in range(PARTS)]

    def result(self, name: str, figure: Callable[[Times], float], note: str = "") -> Result:
        """The figure over all rounds, with its range over the parts."""
        parts = [figure(part) for part in self.parts()]
        return Result(name, figure(self), min(parts), max(parts), note)


def interleave(contenders: dict[str, Callable[[], float]], rounds: int) -> Times:
    """Runs each contender once a round; a contender returns its own time in seconds. One round before is not counted.

    Every other round goes backwards, so that no contender always follows the same one.
    """
    names = list(contenders)
    for name in names:
        contenders[name]()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for i in range(rounds):
        for name in names if i % 2 else reversed(names):
            seconds[name].append(contenders[name]())
    return Times(seconds)


def merge(layouts: list[Times]) -> Times:
    """All rounds of the same contenders in several layouts."""
    names = layouts[0].seconds
    seconds = {name: [second for layout in layouts for second in layout.seconds[name]] for name in names}
    return Times(seconds, tuple(layouts))


def add(pieces: list[Times]) -> Times:
    """The time of a whole measured in pieces: their minima added up, and those of their parts as its layouts."""
    names = pieces[0].seconds
    parts = list(zip(*(piece.parts() for piece in pieces), strict=True))
    layouts = [Times({name: [sum(piece.best(name) for piece in part)] for name in names}) for part in parts]
    return Times({name: [sum(piece.best(name) for piece in pieces)] for name in names}, tuple(layouts))
