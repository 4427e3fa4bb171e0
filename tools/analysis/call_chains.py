"""Who called whom from which line, as samples met it: pairs, and the chains of callers of one function."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from functools import cached_property

from attrs import Factory, define, frozen
from prof.capture import NO_LABEL, ROOT, STACK_COLUMNS, Label
from prof.tools.analysis.calling_lines import Sampled
from prof.tree import Groups, largest_first


@frozen
class SampledCall:
    """Samples that met `callee`, called from a line of `caller`; None where it is a thread's first function."""

    caller: Label | None
    line: int
    """0 where it is not known."""
    callee: Label
    samples: int
    sampled_ns: int


class CallSites:
    """The calls of all functions that samples met."""

    def __init__(self, lines: Sampled) -> None:
        self._capture, self._stacks = lines.capture, lines.stacks

    @cached_property
    def calls(self) -> list[SampledCall]:
        """Most samples first; recursion counts once."""
        stacks, label = self._stacks, self._capture.label
        assert stacks.at is not None
        below = array("I", stacks.at)
        below[ROOT] = NO_LABEL
        places = Groups(stacks, array("I", stacks.label), below)
        pairs = Groups(stacks, array("I", (places.group[node] for node in stacks.parent)), array("I", stacks.label))
        samples, time = (pairs.sums(column, inclusive=True)[1] for column in STACK_COLUMNS[:2])
        found = []
        for pair in largest_first(samples, pairs.count):
            if not samples[pair]:
                break
            place, callee = pairs.labels(pair)
            caller, line = (None, 0) if place == NO_LABEL else places.labels(place)
            of = None if caller is None else label(caller)
            found.append(SampledCall(of, line, label(callee), samples[pair], time[pair]))
        return found

    def callers(self, function: Label) -> Chain:
        """The callers of a function, and theirs, as an inverted tree. Of recursion, the outermost call."""
        stacks = self._stacks
        assert stacks.at is not None
        samples, root = stacks.inclusive(STACK_COLUMNS[0]), Chain(function)
        outside = 0  # below here it is recursion
        for node in range(1, stacks.count):
            if node < outside or stacks.label[node] != function.index:
                continue
            outside = stacks.end[node]
            self._add(root, node, samples[node])
        return root

    def _add(self, root: Chain, node: int, samples: int) -> None:
        """A function is a node for each line that it called from: what is above it is the callers' alone."""
        stacks, at = self._stacks, root
        assert stacks.at is not None
        at.samples += samples
        node = stacks.parent[node]
        while node != ROOT:
            at = at.child(stacks.label[node], stacks.at[node], self._capture.label)
            at.samples += samples
            node = stacks.parent[node]


@define
class Chain:
    """A function and, below it, its callers: how many samples met it there, with the line that called."""

    label: Label
    line: int = 0
    samples: int = 0
    callers: dict[tuple[int, int], Chain] = Factory(dict)

    def child(self, label: int, line: int, of: Callable[[int], Label]) -> Chain:
        found = self.callers.get((label, line))
        if found is None:
            found = self.callers[label, line] = Chain(of(label), line)
        return found

    def ordered(self) -> list[Chain]:
        """The callers, most samples first."""
        return sorted(self.callers.values(), key=lambda each: (-each.samples, each.label.name, each.line))

    def rows(self, least: int, deepest: int) -> Iterator[tuple[int, Chain]]:
        """This and all callers with so many samples, each with its depth; 0 levels are all."""
        waiting = [(0, self)]
        while waiting:
            depth, chain = waiting.pop()
            yield depth, chain
            if not deepest or depth < deepest:
                below = [each for each in chain.ordered() if each.samples >= least]
                waiting += [(depth + 1, each) for each in reversed(below)]

    def commonest(self) -> list[Chain]:
        """The chain of callers that most samples have, the outermost first, down to this."""
        found = [self]
        while found[-1].callers:
            found.append(found[-1].ordered()[0])
        return found[::-1]
