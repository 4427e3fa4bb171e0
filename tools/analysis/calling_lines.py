"""Lines with all that they called: from samples, as far as these met them; from counters, exactly.

A sample knows its whole stack, each function with the line that runs in it or called. A line counts once for a sample,
however often it is on the stack.

Where operations were counted, it is known how often each line called. Where one line alone of a function calls another
function, and did so as often as that was entered from there, all of those calls are this line's, and so is what they
took: exactly, in time, bytes and operations. Of calls from several lines, or by other names, that is not known.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from weakref import WeakKeyDictionary

from attrs import frozen
from prof.capture import NO_LABEL, ROOT, STACK_COLUMNS, Capture, Label, Tree
from prof.counted import Code, Operation, Operations
from prof.tree import Groups, largest_first

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
            found.setdefault((label.file, line, qualified(label)), sums)  # a function with another name is met later
        return found


_SAMPLED: WeakKeyDictionary[Tree, Sampled] = WeakKeyDictionary()


def sampled(capture: Capture, tree: Tree) -> Sampled:
    """The lines of a tree by samples, made once."""
    if tree not in _SAMPLED:
        _SAMPLED[tree] = Sampled(capture, tree)
    return _SAMPLED[tree]


# ---- exactly ----


def _callee(begun: Sequence[Operation], call: Operation) -> str:
    """What a call calls, as the source names it: of the expressions `begun` where it does that end before it does,
    the longest, if it is a name."""
    best: Operation | None = None
    for each in begun:
        if _end(each) < _end(call) and (best is None or _end(each) >= _end(best)):
            best = each if best is None or _end(each) > _end(best) or each.access == "read" else best
    return best.name if best is not None and best.access == "read" else ""


def _end(operation: Operation) -> tuple[int, int]:
    return operation.end_line, operation.columns[1] if operation.columns else 0


def _calls(solved: Operations, code: Code) -> dict[str, Counter[int]]:
    """By the name that the source has for it, what a code object calls: from which lines, how often."""
    begun: dict[tuple[int, int], list[Operation]] = defaultdict(list)
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for row in solved.of_code(code):
        if row.columns is None or not row.categories:
            continue
        begins = row.line, row.columns[0]
        if "call" in row.categories and (name := _callee(begun[begins], row)):
            found[name][row.line] += row.count
        begun[begins].append(row)
    return found


def _called_as(label: Label) -> str:
    """The name by which a function is called; of what makes an object, the class's."""
    *_, around, name = ("", *label.name.split("."))
    return around if name == "__init__" else name


class Exact:
    """Lines by the operations that were counted, of a capture's tree: the columns that are asked for."""

    def __init__(self, capture: Capture, tree: Tree, solved: Operations, columns: Sequence[str]) -> None:
        self.capture, self.tree, self._solved = capture, tree, solved
        self._columns = [column for column in columns if capture.recorded(column)]

    def _entries(self) -> Counter[tuple[int, int]]:
        """How often each label was entered from each other one."""
        tree, found = self.tree, Counter[tuple[int, int]]()
        for node in range(1, tree.count):
            if not tree.line[node] and tree.parent[node] != ROOT:
                found[tree.label[tree.parent[node]], tree.label[node]] += tree.calls[node]
        return found

    def _lines(self) -> dict[tuple[int, int], Place]:
        """By caller and callee, labels both, the one line that calls."""
        calls: dict[int, list[tuple[Code, dict[str, Counter[int]]]]] = defaultdict(list)
        for code in self._solved.codes():
            if code.label is not None and not code.inexact:
                calls[code.label].append((code, _calls(self._solved, code)))
        found = {}
        for (caller, callee), entries in self._entries().items():
            name = _called_as(self.capture.label(callee))
            for code, named in calls.get(caller, ()):
                lines = {line: count for line, count in named.get(name, Counter()).items() if count}
                if len(lines) == 1 and entries and list(lines.values()) == [entries]:
                    found[caller, callee] = code.file, next(iter(lines))
        return found

    @cached_property
    def by_line(self) -> dict[Place, dict[str, int]]:
        """What the functions took that a line called; recursion counts once."""
        tree, lines = self.tree, self._lines()
        numbers = {file: number for number, file in enumerate({file for file, _ in lines.values()})}
        above, below = (array("I", [NO_LABEL]) * tree.count for _ in range(2))
        for node in range(1, tree.count if lines else 0):
            place = lines.get((tree.label[tree.parent[node]], tree.label[node])) if not tree.line[node] else None
            if place is not None:
                above[node], below[node] = numbers[place[0]], place[1]
        groups, files = Groups(tree, above, below), list(numbers)
        sums = {c: groups.sums(c, inclusive=True)[0 if c == "calls" else 1] for c in self._columns}
        places = (groups.labels(group) for group in range(groups.count))
        return {
            (files[file], line): {column: values[group] for column, values in sums.items()}
            for group, (file, line) in enumerate(places)
        }
