"""Two sides of captures, compared: exact counts by function, by line and by call, and times by interval.

Functions and sections are the same by kind and name; lines by function, file name and distance from where the
function begins, so that code may move (where that is not known, from its first line that was recorded). What ran or
allocated outside of them (imports, garbage collections, the interpreter's end) is not the program's own, and is left
out.

A side is a run, or several. A count that is the same in all runs of its side is exact. One that is not is told apart as
times are, by an interval (`prof.tools.analysis.confidence`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from attrs import Factory, define, evolve, field, frozen
from prof.capture import Capture, Function, Tree
from prof.errors import InputError, UsageError
from prof.many import open_captures
from prof.tools.analysis.compared import (
    SPANS,
    Counted,
    Entries,
    Entry,
    Place,
    Runs,
    Side,
    entry,
    total,
)
from prof.tools.analysis.confidence import PRECISION, Interval
from prof.tools.analysis.fate import FATES, fate
from prof.tools.analysis.metrics import MetricChange, changes, metrics
from prof.tools.analysis.source_lines import names_of
from prof.tools.analysis.timings import MOST_ROWS, WALL, Times, Timings, compare_times
from prof.tools.analysis.view import View

__all__ = ["CALLS", "Change", "Counted", "Difference", "Entry", "Input", "Place", "by_interval", "compare", "counted"]

CALLS = Counted("calls", "calls", "", "calls")


def counted(modes: Iterable[type[View]]) -> tuple[Counted, ...]:
    """What is compared by these modes, and by the calls that every capture has."""
    return (*(each for mode in modes for each in mode.counted), CALLS)


def by_interval(modes: Iterable[type[View]]) -> tuple[Counted, ...]:
    """What of these modes is compared by interval, and the time of the run."""
    return (WALL, *(each for mode in modes for each in mode.by_interval))


Opener: TypeAlias = Callable[[Sequence[Path]], Capture]


def _opened(paths: Sequence[Path]) -> Capture:
    return open_captures(paths, strict=True)


@frozen
class Input:
    """A side, as it is to be read: of each run, its captures."""

    title: str
    """How it is named in messages."""
    runs: Sequence[Sequence[Path]]
    open: Opener = _opened
    """Opens a run's captures as one."""


@frozen
class Sided:
    """A side, as it was read."""

    path: str
    name: str
    python: str
    runs: int
    folder: str = ""
    """Where its first run ran."""


@frozen
class Change:
    """A row of both; None is what was not there. `intervals` are of counts that not all runs of a side agree in."""

    before: Entry | None
    after: Entry | None
    intervals: Mapping[str, Interval] = Factory(dict)

    @property
    def place(self) -> Place:
        entry = self.after or self.before
        assert entry is not None
        return entry.place

    def pair(self, key: str) -> tuple[int, int]:
        """A count before and after; of several runs that differ, the middle one."""
        return _count(self.before, key), _count(self.after, key)

    def rise(self, key: str) -> int:
        before, after = self.pair(key)
        return after - before

    def differs(self, key: str) -> bool:
        """Whether a count differs: exactly, or as an interval shows."""
        if key in self.intervals:
            return self.intervals[key].shown
        return self.rise(key) != 0 and (self.place.kind in ("line", "call") or key not in self.varied)

    @property
    def varied(self) -> set[str]:
        """The counts that are not the same in all runs of a side."""
        return {key for side in (self.before, self.after) if side is not None for key in side.varied}

    def values(self, key: str, runs: tuple[int, int]) -> tuple[Sequence[int], Sequence[int]]:
        """A count in each run of both sides."""
        before, after = (
            (0,) * number if side is None else side.varied.get(key, (_count(side, key),) * number)
            for side, number in zip((self.before, self.after), runs, strict=True)
        )
        return before, after

    @property
    def status(self) -> str:
        return "added" if self.before is None else "removed" if self.after is None else "changed"


def _count(entry: Entry | None, key: str) -> int:
    return 0 if entry is None else entry.counts.get(key, 0)


@frozen
class Difference:
    """What differs, largest change first; `same` are functions without any. `every` has all functions."""

    before: Sided
    after: Sided
    counted: tuple[Counted, ...]
    totals: Change
    functions: list[Change]
    lines: list[Change]
    calls: list[Change]
    every: list[Change]
    skipped: list[str]
    """Functions whose operations are left out, since they are not exact."""
    notes: list[str]
    metrics: list[MetricChange] = field(factory=list)
    """What the program said of its spans itself; of several runs a side, nothing."""
    timings: Timings = field(factory=Timings)
    unsteady: list[str] = field(factory=list)
    """Functions with counts that are not the same in all runs of a side."""

    @property
    def same(self) -> bool:
        """Whether no count differs, and no time is shown to."""
        return not (self.functions or self.lines or self.calls or self.metrics or self.timings.shown)

    @property
    def runs(self) -> tuple[int, int]:
        return self.before.runs, self.after.runs


def compare(
    before: Input,
    after: Input,
    known: Sequence[type[View]],
    modes: Sequence[str] = (),
    skip_inexact: bool = False,
    precision: float = PRECISION,
    any_machine: bool = False,
) -> Difference:
    """The difference of two sides by the `modes` named, or by all they have; `known` are those that can be.

    `precision` is the part of a value that an interval may reach from its middle and still say that there is no
    difference. Times of two machines are compared if `any_machine`. Raises InputError where the sides cannot be
    compared, and UsageError for a mode that there is not.
    """
    for side in (before, after):
        if not side.runs:
            raise InputError(f"{side.title} has no captures")
    with before.open(before.runs[0]) as base:
        reading = _Reading(base, known, modes, skip_inexact)
        sides = [reading.side(each) for each in (before, after)]
    reading.leave_out(sides)
    keys = tuple(c.key for c in reading.counted)
    functions, lines, calls = (_changes(*(side.entries[kind] for side in sides)) for kind in range(3))
    first, second = sides
    every = [Change(first.total, second.total), *functions]
    unsteady = _unsteady(every, keys)
    rows = [every[index].values(key, (len(before.runs), len(after.runs))) for index, key in unsteady]
    timings, intervals = compare_times(first.times, second.times, reading.by_interval, precision, any_machine, rows)
    reading.want(modes, timings)
    totals, *functions = _with_intervals(every, unsteady, intervals)
    differing = _differing(functions, keys)
    # Of counts that vary, the lines of functions that differ, and no others: a line is not asked on its own.
    names = {change.place.name for change in differing}
    return Difference(
        before=sides[0].sided,
        after=sides[1].sided,
        counted=reading.counted,
        totals=totals,
        functions=differing,
        lines=_differing(_inside(lines, names), keys[:-1]),
        calls=_differing(_inside(calls, names), ("count",)),
        every=functions,
        skipped=sorted(reading.inexact),
        notes=[*(note for side in sides for note in side.notes()), *reading.notes, *timings.notes],
        metrics=reading.metrics(sides),
        timings=timings,
        unsteady=sorted({change.place.name for change in functions if change.varied}),
    )


# ---- reading ----


@define
class _Read:
    """A side while it is read."""

    sided: Sided
    rows: tuple[Runs, Runs, Runs] = Factory(lambda: (Runs(), Runs(), Runs()))
    """Functions, lines, calls."""
    totals: Runs = Factory(Runs)
    times: Times = Factory(Times)
    said: dict[str, list[str]] = Factory(dict)
    """What is to be said, and of which captures."""
    metrics: list[object] = Factory(list)
    entries: tuple[Entries, ...] = ()
    total: Entry | None = None

    def notes(self) -> Iterator[str]:
        for words, paths in self.said.items():
            others = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
            yield f"{paths[0]}{others}: {words}"


class _Reading:
    """Reads capture after capture; each must be like the first."""

    def __init__(self, base: Capture, known: Sequence[type[View]], modes: Sequence[str], skip_inexact: bool) -> None:
        self._base, self._known, self._modes, self._skip = base, known, list(modes), skip_inexact
        self._views: list[type[View]] | None = None
        self._timed: list[type[View]] = []
        self.inexact: set[str] = set()
        self._inexact: dict[str, set[str]] = {}
        self.notes: list[str] = []

    @property
    def counted(self) -> tuple[Counted, ...]:
        return counted(self._views or ())

    @property
    def by_interval(self) -> tuple[Counted, ...]:
        """What can be compared by interval: what every capture has."""
        wanted = self._modes or [view.name for view in self._timed]
        return by_interval(view for view in self._timed if view.name in wanted)

    def side(self, given: Input) -> _Read:
        """All runs of a side."""
        found: _Read | None = None
        for paths in given.runs:
            if list(paths) == list(self._base.files):
                found = self._run(self._base, given, found)
                continue
            with given.open(paths) as capture:
                found = self._run(capture, given, found)
        assert found is not None
        return found

    def _run(self, capture: Capture, given: Input, side: _Read | None) -> _Read:
        self._check(capture)
        assert self._views is not None
        if side is None:
            meta = capture.meta
            path = given.title if len(given.runs) > 1 else str(capture.path)
            name, python = (str(meta.get(key) or "") for key in ("name", "python"))
            side = _Read(Sided(path, name, python, len(given.runs), capture.directory))
        keys = tuple(c.key for c in self.counted)
        counts, tree, functions = _side(capture, self._views, self._known, keys)
        for view in self._views:
            names = set(view.inexact(functions))
            if names and not self._skip:
                raise InputError(
                    f"the {view.counting} of {', '.join(sorted(names))} are not exact, so they cannot be compared;"
                    " --skip-inexact compares those of the others"
                )
            self._inexact.setdefault(view.name, set()).update(names)
        for rows, entries in zip(side.rows, (counts.functions, counts.lines, counts.calls), strict=True):
            rows.add(entries)
        of = Place("total", "total")
        side.totals.add({(): total(counts.functions.values(), keys, of)})
        side.times.add(capture, tree, functions, self._timed)
        if len(given.runs) == 1:
            side.metrics = list(metrics(capture, tree)) if capture.metric_count else []
        for words in _said(capture):
            side.said.setdefault(words, []).append(str(capture.path))
        return side

    def _check(self, capture: Capture) -> None:
        """Raises InputError where a capture is not like the first."""
        base = self._base
        views = _views(base, capture, self._known, self._modes)
        for view in views:
            view.check(base, capture)
        if self._views is None:
            self._timed = [view for view in self._known if view.by_interval and view.recorded(base)]
        self._views = views
        without = [view for view in self._timed if not view.recorded(capture)]
        also = [view for view in self._known if view.by_interval and view.recorded(capture) and not view.recorded(base)]
        for view in (*without, *also):
            words = f"{view.name} is not in all captures, and is left out"
            if words not in self.notes:
                self.notes.append(words)
        self._timed = [view for view in self._timed if view not in without]

    def leave_out(self, sides: Sequence[_Read]) -> None:
        """Makes the rows of each side, without what is not exact in any run."""
        for side in sides:
            side.entries = tuple(rows.entries() for rows in side.rows)
            side.total = side.totals.entries()[()]
        for view in self._views or ():
            names = self._inexact.get(view.name, set())
            self.inexact |= names
            for side in sides if names else ():
                _skip(side.entries, names, view)
                keys = [c.key for c in view.counted]
                left = total(side.entries[0].values(), keys, Place("total", "total"))
                assert side.total is not None
                side.total.counts |= left.counts
                side.total.varied = {key: every for key, every in side.total.varied.items() if key not in keys}

    def want(self, modes: Sequence[str], timings: Timings) -> None:
        """Raises InputError for a mode that was asked for by name and cannot be compared here."""
        for view in (view for view in self._timed if view.name in modes):
            if not any(measure in timings.measures for measure in view.by_interval) and timings.notes:
                raise InputError(timings.notes[0])

    def metrics(self, sides: Sequence[_Read]) -> list[MetricChange]:
        return changes(*(side.metrics for side in sides))  # type: ignore[arg-type]


def _views(before: Capture, after: Capture, comparable: Sequence[type[View]], modes: list[str]) -> list[type[View]]:
    """The modes with counts to compare by: those named, or all that either has. Both must have them."""
    every = {view.name: view for view in comparable}
    for mode in modes:
        if mode not in every:
            raise UsageError(f"no counts of mode {mode!r} to compare; known: {', '.join(every)}")
    known = {name: view for name, view in every.items() if view.counted}
    wanted = modes or [name for name, view in known.items() if view.recorded(before) or view.recorded(after)]
    for mode in wanted:
        for capture, other in ((before, after), (after, before)):
            if not every[mode].recorded(capture):
                has = ", ".join(sorted(name for name, view in every.items() if view.recorded(capture)))
                also = f" and {other.path} with it" if every[mode].recorded(other) else ""
                raise InputError(
                    f"{capture.path} was recorded without {mode}{also}: they cannot be compared by it; it has:"
                    f" {has or 'only calls'}"
                )
    return [view for name, view in known.items() if name in wanted]


def _said(capture: Capture) -> Iterable[str]:
    """What is to be said of a capture."""
    if capture.recording:
        yield FATES[fate(capture)]
    yield from capture.notes
    for drop in capture.drops:
        if drop.key in ("folded_depth", "folded_size"):
            yield f"{drop.count:,} {drop.words}"


# ---- one run ----


def _side(
    capture: Capture, views: Sequence[type[View]], known: Sequence[type[View]], keys: tuple[str, ...]
) -> tuple[Side, Tree, list[Function]]:
    """One run's counts, its tree, and its functions."""
    tree = capture.tree()
    functions = capture.functions(tree)
    side = Side(capture, {}, {}, {})
    for function in functions:
        if function.label.kind in SPANS:
            _add_function(side.functions, function, keys)
    names = names_of(tree, functions, known)
    for view in views:
        view.add_lines(side, tree, names)
    return side, tree, functions


def _add_function(entries: Entries, function: Function, keys: tuple[str, ...]) -> None:
    label = function.label
    row = entry(entries, (label.kind, label.name), Place(label.name, label.kind, label.name, label.file, label.line))
    for key in keys:
        row.add(key, getattr(function, key))


def _skip(every: Iterable[Entries], names: set[str], view: type[View]) -> None:
    """Leaves out what a mode counted of those functions."""
    keys = {*(c.key for c in view.counted), *view.line_keys}
    for row in (row for entries in every for row in entries.values()):
        if row.place.function in names:
            row.counts = {key: number for key, number in row.counts.items() if key not in keys}
            row.varied = {key: numbers for key, numbers in row.varied.items() if key not in keys}


# ---- both ----


def _changes(before: Entries, after: Entries) -> list[Change]:
    return [Change(before.get(key), after.get(key)) for key in {**before, **after}]


def _unsteady(every: Sequence[Change], keys: Sequence[str]) -> list[tuple[int, str]]:
    """The rows, by index, and the counts of them that are not the same in all runs of a side: the first ones, which is
    that of all, and the largest."""
    found = [(index, key) for index, change in enumerate(every) for key in keys if key in change.varied]
    wholes = {key: max(1, *every[0].pair(key)) for key in keys}
    found.sort(key=lambda row: -max(every[row[0]].pair(row[1])) / wholes[row[1]])
    return found[:MOST_ROWS]


def _with_intervals(
    every: Sequence[Change], rows: Sequence[tuple[int, str]], intervals: Sequence[Interval]
) -> list[Change]:
    found: dict[int, dict[str, Interval]] = {}
    for (index, key), interval in zip(rows, intervals, strict=True):
        found.setdefault(index, {})[key] = interval
    return [evolve(change, intervals=found[i]) if i in found else change for i, change in enumerate(every)]


def _inside(changes: Iterable[Change], names: set[str]) -> list[Change]:
    return [change for change in changes if not change.varied or change.place.function in names]


def _differing(changes: list[Change], keys: tuple[str, ...]) -> list[Change]:
    """Those that differ, by the largest change of the first key, then of the others, then by place."""

    def order(change: Change) -> tuple[object, ...]:
        place = change.place
        return (*(-abs(change.rise(key)) for key in keys), place.file, place.line, place.function, place.name)

    return sorted((change for change in changes if any(change.differs(key) for key in keys)), key=order)
