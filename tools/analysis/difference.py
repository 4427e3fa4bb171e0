"""Two captures' exact counts, compared: by function, by line and by call, whatever else differs between the runs.

Functions and sections are the same by kind and name; lines by function, file name and distance from where the
function begins, so that code may move (where that is not known, from its first line that was recorded). What ran or
allocated outside of them (imports, garbage collections, the interpreter's end) is not the program's own, and is left
out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import field, frozen
from prof.capture import Capture, Function
from prof.errors import InputError, UsageError
from prof.tools.analysis.compared import SPANS, Counted, Entries, Entry, Place, Side, entry
from prof.tools.analysis.fate import FATES, fate
from prof.tools.analysis.metrics import MetricChange, changes, metrics
from prof.tools.analysis.source_lines import names_of
from prof.tools.analysis.view import View

__all__ = ["CALLS", "Change", "Counted", "Difference", "Entry", "Place", "compare", "counted"]

CALLS = Counted("calls", "calls", "", "calls")


def counted(modes: Iterable[type[View]]) -> tuple[Counted, ...]:
    """What is compared by these modes, and by the calls that every capture has."""
    return (*(each for mode in modes for each in mode.counted), CALLS)


@frozen
class Change:
    """A row of both; None is what was not there."""

    before: Entry | None
    after: Entry | None

    @property
    def place(self) -> Place:
        entry = self.after or self.before
        assert entry is not None
        return entry.place

    def pair(self, key: str) -> tuple[int, int]:
        """A count before and after."""
        return _count(self.before, key), _count(self.after, key)

    def rise(self, key: str) -> int:
        before, after = self.pair(key)
        return after - before

    @property
    def status(self) -> str:
        return "added" if self.before is None else "removed" if self.after is None else "changed"


def _count(entry: Entry | None, key: str) -> int:
    return 0 if entry is None else entry.counts.get(key, 0)


@frozen
class Difference:
    """What differs, largest change first; `same` are functions without any. `every` has all functions."""

    before: Capture
    after: Capture
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
    """What the program said of its spans itself."""

    @property
    def same(self) -> bool:
        return not (self.functions or self.lines or self.calls or self.metrics)


def compare(
    before: Capture,
    after: Capture,
    known: Sequence[type[View]],
    modes: Iterable[str] = (),
    skip_inexact: bool = False,
) -> Difference:
    """The difference of two captures by the `modes` named, or by all they have; `known` are those that can be.

    Raises InputError where they cannot be compared, and UsageError for a mode that there is not.
    """
    views = _views(before, after, known, list(modes))
    what = counted(views)
    keys = tuple(c.key for c in what)
    for view in views:
        view.check(before, after)
    sides = [_side(capture, views, known, keys) for capture in (before, after)]
    inexact: set[str] = set()
    for view in views:
        names = {name for _, functions in sides for name in view.inexact(functions)}
        if names and not skip_inexact:
            raise InputError(
                f"the {view.counting} of {', '.join(sorted(names))} are not exact, so they cannot be compared;"
                " --skip-inexact compares those of the others"
            )
        for side, _ in sides:
            _skip(side, names, view)
        inexact |= names
    before_side, after_side = (side for side, _ in sides)
    every = _changes(before_side.functions, after_side.functions)
    totals = Change(*(_total(side.functions.values(), keys) for side in (before_side, after_side)))
    return Difference(
        before=before,
        after=after,
        counted=what,
        totals=totals,
        functions=_differing(every, keys),
        lines=_differing(_changes(before_side.lines, after_side.lines), keys[:-1]),
        calls=_differing(_changes(before_side.calls, after_side.calls), ("count",)),
        every=every,
        skipped=sorted(inexact),
        notes=list(_notes(before, after)),
        metrics=changes(*(metrics(each, each.tree()) if each.metric_count else [] for each in (before, after))),
    )


# ---- what can be compared ----


def _views(before: Capture, after: Capture, comparable: Sequence[type[View]], modes: list[str]) -> list[type[View]]:
    """The modes to compare by: those named, or all that either has. Both must have them."""
    known = {view.name: view for view in comparable}
    for mode in modes:
        if mode not in known:
            raise UsageError(f"no counts of mode {mode!r} to compare; known: {', '.join(known)}")
    wanted = modes or [name for name, view in known.items() if view.recorded(before) or view.recorded(after)]
    for mode in wanted:
        for capture, other in ((before, after), (after, before)):
            if not known[mode].recorded(capture):
                has = ", ".join(sorted(name for name, view in known.items() if view.recorded(capture)))
                also = f" and {other.path} with it" if known[mode].recorded(other) else ""
                raise InputError(
                    f"{capture.path} was recorded without {mode}{also}: they cannot be compared by it; it has:"
                    f" {has or 'only calls'}"
                )
    return [view for name, view in known.items() if name in wanted]


def _notes(before: Capture, after: Capture) -> Iterable[str]:
    for capture in (before, after):
        if capture.recording:
            yield f"{capture.path}: {FATES[fate(capture)]}"
        yield from (f"{capture.path}: {note}" for note in capture.notes)
        for drop in capture.drops:
            if drop.key in ("folded_depth", "folded_size"):
                yield f"{capture.path}: {drop.count:,} {drop.words}"


# ---- one side ----


def _side(
    capture: Capture, views: Sequence[type[View]], known: Sequence[type[View]], keys: tuple[str, ...]
) -> tuple[Side, list[Function]]:
    """One capture's counts, and its functions."""
    tree = capture.tree()
    functions = capture.functions(tree)
    side = Side(capture, {}, {}, {})
    for function in functions:
        if function.label.kind in SPANS:
            _add_function(side.functions, function, keys)
    names = names_of(tree, functions, known)
    for view in views:
        view.add_lines(side, tree, names)
    return side, functions


def _add_function(entries: Entries, function: Function, keys: tuple[str, ...]) -> None:
    label = function.label
    row = entry(entries, (label.kind, label.name), Place(label.name, label.kind, label.name, label.file, label.line))
    for key in keys:
        row.add(key, getattr(function, key))


def _skip(side: Side, names: set[str], view: type[View]) -> None:
    """Leaves out what a mode counted of those functions."""
    keys = (*(c.key for c in view.counted), *view.line_keys)
    for row in (row for entries in (side.functions, side.lines, side.calls) for row in entries.values()):
        if row.place.function in names:
            for key in keys:
                row.counts.pop(key, None)


def _total(entries: Iterable[Entry], keys: tuple[str, ...]) -> Entry:
    found = Entry(Place("total", "total"))
    for each in entries:
        for key in keys:
            found.add(key, each.counts.get(key))
    return found


# ---- both ----


def _changes(before: Entries, after: Entries) -> list[Change]:
    return [Change(before.get(key), after.get(key)) for key in {**before, **after}]


def _differing(changes: list[Change], keys: tuple[str, ...]) -> list[Change]:
    """Those that differ, by the largest change of the first key, then of the others, then by place."""

    def order(change: Change) -> tuple[object, ...]:
        place = change.place
        return (*(-abs(change.rise(key)) for key in keys), place.file, place.line, place.function, place.name)

    return sorted((change for change in changes if any(change.rise(key) for key in keys)), key=order)
