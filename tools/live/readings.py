"""What captures hold at a moment, and what two moments differ by. Times in ns, sizes in bytes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from attrs import define, field, frozen
from prof.capture import Capture, Label, Moment, Tree
from prof.many import open_captures
from prof.modes import MODES, Measure

Key = tuple[str, str, str, int]
"""What a span is the same by: its kind, name, file and line."""


@frozen
class Amount:
    """What a measure grew by: by itself, and in the number of what it is of, `counted`, where it has one."""

    measure: Measure
    value: int
    count: int | None


@frozen
class Row:
    """What a function or section did between two moments: of each measure its own, the first one's being what rows are
    ordered by; and how often it was called."""

    kind: str
    name: str
    file: str
    line: int
    calls: int
    values: tuple[int, ...]


def leading(capture: Capture) -> list[Measure]:
    """A measure of each recorded mode: its first."""
    return [found[0] for mode in MODES.values() if (found := mode.recorded_measures(capture))]


@define(slots=False)
class Reading:
    """Captures, read as one, at one moment."""

    paths: tuple[Path, ...]
    capture: Capture
    tree: Tree
    at_ns: int
    """When, of this process's own steady clock."""
    _sums: dict[str, memoryview] = field(factory=dict)
    _named: dict[str, dict[Key, int]] = field(factory=dict)

    @cached_property
    def measures(self) -> list[Measure]:
        """What there are figures of."""
        return leading(self.capture)

    @cached_property
    def moment(self) -> Moment | None:
        """The memory of the process, as its last moment says; None where that was not recorded."""
        return self.capture.series[-1] if self.capture.series else None

    @property
    def dropped(self) -> int:
        """How much was not recorded as it happened."""
        return sum(drop.count for drop in self.capture.drops)

    def whole(self, column: str) -> int:
        """A column's sum, over all there is inside of spans; of calls, their number."""
        return int(self.tree.inclusive(column)[0]) - int(self.tree.column(column)[0])

    def sums(self, column: str) -> memoryview:
        """A column's own sums by label."""
        if column not in self._sums:
            self._sums[column] = self.tree.label_sums(column, self.capture.label_count)[0]
        return self._sums[column]

    def named(self, column: str) -> dict[Key, int]:
        """Likewise, by what stays the same where labels have other numbers."""
        if column not in self._named:
            found: dict[Key, int] = {}
            for index, value in enumerate(self.sums(column)):
                if value:
                    key = key_of(self.capture.label(index))
                    found[key] = found.get(key, 0) + value
            self._named[column] = found
        return self._named[column]

    def close(self) -> None:
        self.capture.close()


def key_of(label: Label) -> Key:
    return label.kind, label.name, label.file, label.line


def read(paths: Sequence[Path]) -> Reading:
    """What the captures hold now. Raises InputError."""
    capture = open_captures(paths)
    return Reading(tuple(paths), capture, capture.tree(), time.monotonic_ns())


def growth(before: Reading, after: Reading, column: str) -> dict[Key, int]:
    """By span, what a column grew by: what it did not is left out, and so are lines."""
    if before.paths == after.paths and len(after.paths) == 1:
        capture, old = after.capture, before.sums(column)
        known = len(old)
        found: dict[Key, int] = {}
        for index, value in enumerate(after.sums(column)):
            more = value - (old[index] if index < known else 0)
            if more > 0:
                key = key_of(capture.label(index))
                found[key] = found.get(key, 0) + more
    else:
        earlier = before.named(column)
        found = {key: value - earlier.get(key, 0) for key, value in after.named(column).items()}
    return {key: more for key, more in found.items() if more > 0 and key[0] != "line"}


def amounts(before: Reading, after: Reading) -> Iterator[Amount]:
    """What each measure grew by."""
    for measure in after.measures:
        column = measure.beside[0] if measure.beside else ""
        counted = column and after.capture.recorded(column)
        count = max(0, after.whole(column) - before.whole(column)) if counted else None
        yield Amount(measure, max(0, after.whole(measure.column) - before.whole(measure.column)), count)


def rows(before: Reading, after: Reading) -> list[Row]:
    """The functions and sections that did something, those with most of the first measure first."""
    measures = after.measures
    grown = [growth(before, after, measure.column) for measure in measures]
    calls = growth(before, after, "calls")
    keys = dict.fromkeys(key for each in (*grown, calls) for key in each)
    found = [Row(*key, calls.get(key, 0), tuple(each.get(key, 0) for each in grown)) for key in keys]
    return sorted(found, key=lambda row: (*(-value for value in row.values), -row.calls, row.name))
