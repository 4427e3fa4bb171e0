"""What a comparison is made of: counts by function, line and call, of one capture, and of all the runs of a side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from statistics import median_low

from attrs import Factory, define, field, frozen
from prof.capture import Capture
from prof.errors import InputError

SPANS = ("function", "section", "native", "other")


@frozen
class Counted:
    """What is compared: a field of `Function`, its title, its unit (as of a `Measure`), and in words."""

    key: str
    title: str
    unit: str
    words: str
    alike: tuple[str, ...] = ()
    """What must be the same of two captures for it to say something (`prof.tools.analysis.timings.Facts`)."""


@frozen
class Place:
    """What a row is of. Of a call, `name` is the callee; of a line, it is empty."""

    name: str
    kind: str
    function: str = ""
    file: str = ""
    line: int = 0


@define
class Entry:
    """A row of one capture; of several runs, with the middle one of their counts."""

    place: Place
    counts: dict[str, int] = field(factory=dict)
    varied: Mapping[str, Sequence[int]] = Factory(dict)
    """The counts that are not the same in all runs, a number a run."""

    def add(self, key: str, number: int | None) -> None:
        self.counts[key] = self.counts.get(key, 0) + (number or 0)


Entries = dict[tuple[object, ...], Entry]


@frozen
class Side:
    """One capture's counts."""

    capture: Capture
    functions: Entries
    lines: Entries
    calls: Entries


def entry(entries: Entries, key: tuple[object, ...], place: Place) -> Entry:
    """The row of that key, made where there is none."""
    return entries.setdefault(key, Entry(place))


def line_key(function: str, file: str, line: int, begins: int) -> tuple[object, ...]:
    """What a line is the same by: its function, its file's name, and how far from the function's beginning it is."""
    return (function, PurePath(file).name, line - begins)


def same_interpreter(before: Capture, after: Capture, why: str) -> None:
    """Raises InputError, with the reason, where the captures are of two minor versions of Python, or of one with its
    JIT and one without."""
    if before.interpreter != after.interpreter:
        raise InputError(
            f"{before.path} ran on {before.interpreter}, {after.path} on {after.interpreter}: {why} between them;"
            " record both on one"
        )


# ---- several runs of a side ----


@define
class _Row:
    """A row over the runs: its counts from one run on, where they changed. Most never do."""

    place: Place
    steps: list[tuple[int, dict[str, int]]]
    last: int

    def add(self, run: int, counts: dict[str, int]) -> None:
        if run > self.last + 1:
            self.steps.append((self.last + 1, {}))
        if counts != self.steps[-1][1]:
            self.steps.append((run, counts))
        self.last = run

    def entry(self, runs: int) -> Entry:
        if self.last < runs - 1:
            self.steps.append((self.last + 1, {}))
        if len(self.steps) == 1:
            return Entry(self.place, self.steps[0][1])
        ends = [*(begin for begin, _ in self.steps[1:]), runs]
        every = [counts for (begin, counts), end in zip(self.steps, ends, strict=True) for _ in range(begin, end)]
        found = Entry(self.place)
        varied = {}
        for key in {key: None for _, counts in self.steps for key in counts}:
            numbers = tuple(counts.get(key, 0) for counts in every)
            found.counts[key] = median_low(numbers)
            if len(set(numbers)) > 1:
                varied[key] = numbers
        found.varied = varied
        return found


class Runs:
    """The rows of one kind, of a run after the other."""

    def __init__(self) -> None:
        self._rows: dict[tuple[object, ...], _Row] = {}
        self._number = 0

    def add(self, entries: Entries) -> None:
        """The next run's."""
        run = self._number
        for key, row in entries.items():
            known = self._rows.get(key)
            if known is not None:
                known.add(run, row.counts)
            else:
                begin: list[tuple[int, dict[str, int]]] = [(0, {})] if run else []
                self._rows[key] = _Row(row.place, [*begin, (run, row.counts)], run)
        self._number += 1

    def entries(self) -> Entries:
        """The side's rows."""
        return {key: row.entry(self._number) for key, row in self._rows.items()}


def total(entries: Iterable[Entry], keys: Sequence[str], place: Place) -> Entry:
    """All of them together, of one run."""
    found = Entry(place)
    for each in entries:
        for key in keys:
            found.add(key, each.counts.get(key))
    return found
