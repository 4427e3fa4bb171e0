"""Lines with all that they called: from samples, as far as these met them; from counters, exactly.

A sample knows its whole stack, each function with the line that runs in it or called. A line counts once for a sample,
however often it is on the stack.

Where operations were counted, it is known how often each line called. Where one line alone of a function calls another
function, and did so as often as that was entered from there, all of those calls are this line's, and so is what they
took: exactly, in time, bytes and operations. Of calls from several lines, or by other names, that is not known.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from weakref import WeakKeyDictionary

from attrs import frozen
from prof.capture import NO_LABEL, STACK_COLUMNS, Capture, Label, Tree
from prof.counted import Code, Operations
from prof.tools.analysis.name_uses import CALLS
from prof.tree import Groups, Pairs, largest_first

SAMPLED, EXACT = "sampled", "exact"

Place = tuple[str, int]
"""A file and a line."""
In = tuple[str, int, str]
"""A file, a line, and the function's qualified name, without `<locals>.`."""


@frozen
class Totals:
    """What a line took, by column of `Tree`, from which source: `sampled`, itself and what it called; `exact`, what the
    marked functions that it called took."""

    source: str
    amounts: dict[str, int]


def qualified(label: Label) -> str:
    """A function's name without its module."""
    return label.name.removeprefix(f"{label.module}.")


class Sampled:
    """Lines by the samples of a capture's tree."""

    def __init__(self, capture: Capture, tree: Tree) -> None:
        self.capture = capture
        self.stacks = capture.stacks(tree, lines=True)
        self.labels: dict[In, Label] = {}
        """Whose the lines of `by_function` are."""

    @cached_property
    def _files(self) -> list[str]:
        """By label, its file."""
        return [self.capture.label(index).file for index in range(self.capture.label_count)]

    def _sums(self, of_label: Sequence[int]) -> Iterator[tuple[int, int, dict[str, int]]]:
        """By what each label is taken for, and by line: the columns."""
        stacks = self.stacks
        assert stacks.at is not None
        above = array("I", (NO_LABEL if label == NO_LABEL else of_label[label] for label in stacks.label))
        below = array("I", (line or NO_LABEL for line in stacks.at))
        groups = Groups(stacks, above, below)
        sums = {column: groups.sums(column, inclusive=True)[1] for column in STACK_COLUMNS}
        met = sums[STACK_COLUMNS[0]]
        for group in largest_first(met, groups.count):
            if not met[group]:
                break
            yield *groups.labels(group), {column: values[group] for column, values in sums.items()}

    @cached_property
    def by_line(self) -> dict[Place, dict[str, int]]:
        """Whatever functions are on the line; the line with most samples first."""
        numbers: dict[str, int] = {}
        of_label = [numbers.setdefault(file, len(numbers)) for file in self._files]
        files = list(numbers)
        return {(files[file], line): sums for file, line, sums in self._sums(of_label)}

    @cached_property
    def by_function(self) -> dict[In, dict[str, int]]:
        """Likewise, functions on one line apart."""
        found: dict[In, dict[str, int]] = {}
        for index, line, sums in self._sums(range(self.capture.label_count)):
            label = self.capture.label(index)
            key = label.file, line, qualified(label)
            found.setdefault(key, sums)  # a function with another name is met later
            self.labels.setdefault(key, label)
        return found


_SAMPLED: WeakKeyDictionary[Tree, Sampled] = WeakKeyDictionary()


def sampled(capture: Capture, tree: Tree) -> Sampled:
    """The lines of a tree by samples, made once."""
    if tree not in _SAMPLED:
        _SAMPLED[tree] = Sampled(capture, tree)
    return _SAMPLED[tree]


# ---- exactly ----


def called_as(label: Label) -> str:
    """The name by which a function is called; of what makes an object, the class's."""
    *_, around, name = ("", *label.name.split("."))
    return around if name == "__init__" else name


class Exact:
    """Lines by the operations that were counted, of a capture's tree: the columns that are asked for."""

    def __init__(self, capture: Capture, tree: Tree, solved: Operations, columns: Sequence[str]) -> None:
        self.capture, self.tree, self._solved = capture, tree, solved
        self._columns = [column for column in columns if capture.recorded(column)]

    @cached_property
    def _lines(self) -> dict[tuple[int, str], list[tuple[Code, int, int]]]:
        """By a function's label, and the name that its source has for what it calls: from which lines, how often."""
        found: dict[tuple[int, str], list[tuple[Code, int, int]]] = defaultdict(list)
        for site in self._solved.sites("call", CALLS)[0]:
            if site.code.label is not None and not site.code.inexact:
                found[site.code.label, site.name].append((site.code, site.line, site.count))
        return found

    def _line(self, caller: int, callee: int, entries: int) -> Place | None:
        """The one line that calls, of all that there are in the caller's code."""
        calls = self._lines.get((caller, called_as(self.capture.label(callee))), ())
        if len(calls) != 1 or not entries or calls[0][2] != entries:
            return None
        code, line, _ = calls[0]
        return code.file, line

    @cached_property
    def by_line(self) -> dict[Place, dict[str, int]]:
        """What the functions took that a line called; recursion counts once."""
        tree, pairs = self.tree, Pairs(self.tree, lines=False)
        entries = pairs.sums("calls")[0]
        numbers: dict[str, int] = {}
        files, lines = (array("I", [NO_LABEL]) * (pairs.count + 1) for _ in range(2))  # the last is of no pair
        for pair in range(pairs.count):
            caller, callee = pairs.labels(pair)
            place = None if caller == NO_LABEL else self._line(caller, callee, entries[pair])
            if place is not None:
                files[pair], lines[pair] = numbers.setdefault(place[0], len(numbers)), place[1]
        of_node = array("I", (min(pair, pairs.count) for pair in pairs.group))
        groups = Groups(tree, *(array("I", map(of.__getitem__, of_node)) for of in (files, lines)))
        sums = {c: groups.sums(c, inclusive=True)[0 if c == "calls" else 1] for c in self._columns}
        names = list(numbers)
        places = (groups.labels(group) for group in range(groups.count))
        return {
            (names[file], line): {column: values[group] for column, values in sums.items()}
            for group, (file, line) in enumerate(places)
        }
