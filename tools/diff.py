"""Two captures' exact counts, compared: by function, by line and by call, whatever else differs between the runs.

Functions and sections are the same by kind and name; lines by function, file name and distance from where the
function begins, so that code may move (where that is not known, from its first line that was recorded). What ran or
allocated outside of them (imports, garbage collections, the interpreter's end) is not the program's own, and is left
out.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from attrs import define, field, frozen
from prof.capture import Capture, Function, Tree
from prof.errors import InputError, UsageError
from prof.modes import MODES
from prof.tools.lines import Names
from prof.tools.operations import CALLS, callee
from prof.tools.process import FATES, fate

SPANS = ("function", "section", "native", "other")


@frozen
class Counted:
    """What is compared: a field of `Function`, its title, its unit (as of a `Measure`) and the mode that counts it."""

    key: str
    title: str
    unit: str
    mode: str
    words: str


COUNTED = (
    Counted("ops", "ops", "", "ops", "operations"),
    Counted("alloc_bytes", "alloc", "B", "memory", "bytes allocated"),
    Counted("alloc_count", "allocs", "", "memory", "allocations"),
    Counted("calls", "calls", "", "", "calls"),
)


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
    """A row of one capture."""

    place: Place
    counts: dict[str, int] = field(factory=dict)

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
    inexact: frozenset[str]


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

    @property
    def same(self) -> bool:
        return not (self.functions or self.lines or self.calls)


def compare(before: Capture, after: Capture, modes: Iterable[str] = (), skip_inexact: bool = False) -> Difference:
    """The difference of two captures by the modes named, or by all they have.

    Raises InputError where they cannot be compared, and UsageError for a mode that there is not.
    """
    counted = _counted(before, after, list(modes))
    keys = tuple(c.key for c in counted)
    _check(before, after, keys)
    sides = [_side(capture, keys) for capture in (before, after)]
    inexact = sorted(sides[0].inexact | sides[1].inexact)
    if inexact and not skip_inexact:
        raise InputError(
            f"the operations of {', '.join(inexact)} are not exact, so they cannot be compared;"
            " --skip-inexact compares those of the others"
        )
    for side in sides:
        _skip(side, frozenset(inexact))
    every = _changes(sides[0].functions, sides[1].functions)
    totals = Change(*(_total(side.functions.values(), keys) for side in sides))
    return Difference(
        before=before,
        after=after,
        counted=counted,
        totals=totals,
        functions=_differing(every, keys),
        lines=_differing(_changes(sides[0].lines, sides[1].lines), keys[:-1]),
        calls=_differing(_changes(sides[0].calls, sides[1].calls), ("count",)),
        every=every,
        skipped=inexact,
        notes=list(_notes(before, after, keys)),
    )


# ---- what can be compared ----


def _has(capture: Capture) -> set[str]:
    return {name for name, mode in MODES.items() if capture.recorded(mode.measures[0].column)} | {""}


def _counted(before: Capture, after: Capture, modes: list[str]) -> tuple[Counted, ...]:
    comparable = list(dict.fromkeys(c.mode for c in COUNTED if c.mode))
    for mode in modes:
        if mode not in comparable:
            raise UsageError(f"no counts of mode {mode!r} to compare; known: {', '.join(comparable)}")
    wanted = modes or [mode for mode in comparable if mode in _has(before) | _has(after)]
    for mode in wanted:
        for capture, other in ((before, after), (after, before)):
            if mode not in _has(capture):
                has = ", ".join(sorted(_has(capture) & set(comparable))) or "only calls"
                also = "" if mode not in _has(other) else f" and {other.path} with it"
                raise InputError(
                    f"{capture.path} was recorded without {mode}{also}: they cannot be compared by it; it has: {has}"
                )
    return tuple(c for c in COUNTED if c.mode in ("", *wanted))


def _version(capture: Capture) -> str:
    """`cpython 3.12`: what decides which operations a program is made of."""
    version = ".".join(str(capture.meta.get("python") or "?").split(".")[:2])
    return f"{capture.meta.get('implementation') or '?'} {version}".lower()


def _check(before: Capture, after: Capture, keys: tuple[str, ...]) -> None:
    if "ops" not in keys:
        return
    if _version(before) != _version(after):
        raise InputError(
            f"{before.path} ran on {_version(before)}, {after.path} on {_version(after)}: a program's operations differ"
            " between them; record both on one, or compare with --mode memory"
        )
    if before.categories != after.categories:
        raise InputError(f"{before.path} and {after.path} count other kinds of operations: record both with one prof")
    for capture in (before, after):
        lost = next((drop.count for drop in capture.drops if drop.key == "lost_counts"), 0)
        if lost:
            raise InputError(f"{capture.path} lacks {lost:,} operations for want of space: record it again")


def _notes(before: Capture, after: Capture, keys: tuple[str, ...]) -> Iterable[str]:
    if "alloc_count" in keys and _version(before) != _version(after):
        yield f"{_version(before)} and {_version(after)} allocate differently: some of this may be theirs"
    for capture in (before, after):
        if capture.recording:
            yield f"{capture.path}: {FATES[fate(capture)]}"
        for drop in capture.drops:
            if drop.key in ("folded_depth", "folded_size"):
                yield f"{capture.path}: {drop.count:,} {drop.words}"


# ---- one side ----


def _side(capture: Capture, keys: tuple[str, ...]) -> Side:
    tree = capture.tree()
    functions = capture.functions(tree)
    side = Side(capture, {}, {}, {}, frozenset(f.label.name for f in functions if "ops" in keys and not f.exact))
    for function in functions:
        if function.label.kind in SPANS:
            _add_function(side.functions, function, keys)
    names = Names(tree, functions)
    if "ops" in keys:
        _add_operations(side, tree)
    if "alloc_count" in keys:
        _add_allocations(side, tree, names)
    return side


def _entry(entries: Entries, key: tuple[object, ...], place: Place) -> Entry:
    return entries.setdefault(key, Entry(place))


def _add_function(entries: Entries, function: Function, keys: tuple[str, ...]) -> None:
    label = function.label
    entry = _entry(entries, (label.kind, label.name), Place(label.name, label.kind, label.name, label.file, label.line))
    for key in keys:
        entry.add(key, getattr(function, key))


def _line_key(function: str, file: str, line: int, begins: int) -> tuple[object, ...]:
    return (function, PurePath(file).name, line - begins)


def _add_operations(side: Side, tree: Tree) -> None:
    assert tree.operations is not None
    for site in tree.operations.sites("line")[0]:
        code = site.code
        place = Place("", "line", code.name, code.file, site.line)
        entry = _entry(side.lines, _line_key(code.name, code.file, site.line, code.line), place)
        entry.add("ops", site.ops)
        entry.add("count", site.count)
    for site in tree.operations.sites("callee", CALLS)[0]:
        name = callee(site)
        place = Place(name, "call", site.code.name, site.code.file, site.code.line)
        _entry(side.calls, (site.code.name, name), place).add("count", site.count)


def _add_allocations(side: Side, tree: Tree, names: Names) -> None:
    every = side.capture.lines_in_spans(tree, "alloc_count", tree.count)[0]
    lines = [line for line in every if line.span is not None and line.span.kind in SPANS]
    first: dict[tuple[str, str], int] = {}
    for line in lines:
        key = (line.label.file, line.label.module)
        first[key] = min(first.get(key, line.label.line), line.label.line)
    for line in lines:
        label = line.label
        function, begins = names.begins(label.module, label.file)
        place = Place("", "line", function, label.file, label.line)
        begins = begins or first[label.file, label.module]
        entry = _entry(side.lines, _line_key(function, label.file, label.line, begins), place)
        entry.add("alloc_count", line.alloc_count)
        entry.add("alloc_bytes", line.alloc_bytes)


def _skip(side: Side, names: frozenset[str]) -> None:
    """Leaves out the operations of those functions."""
    if not names:
        return
    for entries, keys in ((side.functions, ("ops",)), (side.lines, ("ops", "count")), (side.calls, ("count",))):
        for entry in entries.values():
            if entry.place.function in names:
                for key in keys:
                    entry.counts.pop(key, None)


def _total(entries: Iterable[Entry], keys: tuple[str, ...]) -> Entry:
    found = Entry(Place("total", "total"))
    for entry in entries:
        for key in keys:
            found.add(key, entry.counts.get(key))
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
