"""What a comparison of two captures is made of: counts of one capture, by function, line and call."""

from __future__ import annotations

from pathlib import PurePath

from attrs import define, field, frozen
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
