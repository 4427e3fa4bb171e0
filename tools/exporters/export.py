"""What a file for another tool is made of: the stacks of a capture, with what each holds of every measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from attrs import field, frozen
from prof.capture import NO_LABEL, ROOT, STACK_COLUMNS, Capture, Label, Tree
from prof.errors import UsageError
from prof.modes import Measure

# What other tools call the units of measures; a count has none.
UNITS = {"ns": "nanoseconds", "B": "bytes"}


@frozen
class Stacks:
    """A tree, and the measures whose figures it has all of. Samples have one of their own, with whole stacks."""

    capture: Capture
    tree: Tree
    measures: list[Measure] = field(factory=list)

    def path(self, node: int) -> list[int]:
        """The nodes from the outermost function to this one."""
        found = []
        while node != ROOT:
            if self.tree.label[node] != NO_LABEL:
                found.append(node)
            node = self.tree.parent[node]
        return found[::-1]

    def label(self, node: int) -> Label:
        """What a node is of."""
        return self.capture.label(self.tree.label[node])

    def rows(self) -> Iterator[tuple[int, list[int]]]:
        """The nodes that hold something themselves, each with its own amount of every measure."""
        columns = [self.tree.column(measure.column) for measure in self.measures]
        for node in range(1, self.tree.count):
            amounts = [column[node] for column in columns]
            if any(amounts) and self.tree.label[node] != NO_LABEL:
                yield node, amounts


def stacks(capture: Capture, measures: Sequence[Measure]) -> list[Stacks]:
    """The measures by the tree that has them."""
    whole = capture.tree()
    found: dict[int, Stacks] = {}
    for measure in measures:
        tree = capture.tree_of(whole, measure.column) if capture.in_stacks(measure.column) else whole
        key = 0 if tree is whole else 1
        if key not in found:
            found[key] = Stacks(capture, tree)
        found[key].measures.append(measure)
    return list(found.values())


def timed(measures: Sequence[Measure], format: str) -> tuple[Measure, str]:
    """The first measure that is a time, and its column: samples stand for time. UsageError where there is none."""
    for measure in measures:
        column = {"ns": measure.column}.get(measure.unit, "sampled_ns" if measure.column in STACK_COLUMNS else "")
        if column:
            return measure, column
    names = ", ".join(measure.name for measure in measures)
    raise UsageError(f"{format} holds times, and {names} is none: add --mode time or --mode samples")


@frozen
class Export:
    """A format of `prof export`."""

    name: str
    suffix: str
    words: str
    """Who reads it."""
    render: Callable[[Capture, Sequence[Measure]], Iterable[bytes]]
    """The file, in parts, of these measures."""
    filtered: bool = True
    """Whether it has what filters leave; events are all there."""
