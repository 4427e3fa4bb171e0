"""Whose doing it was: what a calling-context tree holds, charged to the user's own functions.

What was below an own function, down to the next own function, is charged to it, by the library that it called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

from attrs import Factory, define
from prof.capture import Capture, Label
from prof.tools.analysis.sections import Hot, Verdict
from prof.tools.analysis.source_lines import place_words
from prof.tools.analysis.whose import IMPORTS, OWN, PROFILER, Whose
from prof.tools.screen.units import percent, shorten_end
from prof.tree import NO_LABEL, ROOT, Tree

Key = TypeVar("Key")
Place = tuple[str, int]
"""A file and a line."""
# Contexts with less than this part of what is in contexts are charged to their callers.
_SMALLEST = 2000


@define
class Owner:
    """What one own function was charged with, in the column's unit; `below` says by which library or kind of work,
    `entries` by which function of that it was entered, `lines` by which of its own lines, with all that these called
    where the tree has lines that call."""

    label: Label | None
    """None: what no own function is to be charged with."""
    amount: int = 0
    words: str = ""
    """What it is called, without a function."""
    below: Counter[str] = Factory(Counter)
    entries: Counter[tuple[str, str]] = Factory(Counter)
    lines: Counter[Place] = Factory(Counter)

    @property
    def name(self) -> str:
        """The function's."""
        return self.label.name if self.label is not None else self.words

    def plus(self, other: Owner) -> Owner:
        """Both together, of one function."""
        sums = self.below + other.below, self.entries + other.entries, self.lines + other.lines
        return Owner(self.label, self.amount + other.amount, self.words, *sums)

    def scaled(self, share: float) -> Owner:
        """A share of it, of every part alike."""
        parts = _scaled(self.below, share), _scaled(self.entries, share), _scaled(self.lines, share)
        return Owner(self.label, round(self.amount * share), self.words, *parts)

    @property
    def where(self) -> str:
        """Its line, where one has most of it, else where it begins."""
        if self.label is None:
            return ""
        found = self.label.file, self.label.line
        for place, most in self.lines.most_common(1):
            found = place if 2 * most > self.amount else found
        return place_words(*found) if found[0] else ""

    def libraries(self, most: int = 2) -> list[tuple[str, int]]:
        """The libraries that a tenth of it or more was spent in, and how much."""
        return [(name, n) for name, n in self.below.most_common(most + 1) if name and 10 * n >= self.amount][:most]

    @property
    def inside(self) -> str:
        """`89% jinja2, 11% markdown_it`."""
        return ", ".join(f"{percent(amount, self.amount)} {name}" for name, amount in self.libraries())

    def verdict(self, about: str, whole: int, error: float = 0.0, more: str = "") -> Verdict:
        """What is said first of it. `error` is how far the share may be off, 0 to 1, where it is an estimate; `more`
        stands behind the libraries."""
        inside = " and ".join(
            f"{percent(n, self.amount)} of it in {self._entered(name)}" for name, n in self.libraries()
        )
        words = "; ".join(filter(None, (inside, more)))
        share = f"{percent(self.amount, whole):>5}" + (f" ±{100 * error:.1f}" if error else "")
        text = f"{self.where}  {shorten_end(self.name, 48)}{words and ': '}{words}"
        begins = (self.label.file, self.label.line) if self.label is not None else ("", 0)
        lines = [(*place, amount) for place, amount in self.lines.most_common() if amount]
        hot = Hot(self.name, begins, lines, self.amount, whole, error, self.below[PROFILER], words)
        return Verdict(about, self.name, share, text, hot)

    def _entered(self, library: str) -> str:
        """The library, and the function of it that most went through where there is one."""
        found = [(n, name) for (of, name), n in self.entries.items() if of == library and 2 * n > self.below[library]]
        name = max(found)[1].rpartition(".")[2] if found else ""
        return f"{library} ({name})" if name.isidentifier() else library


def _scaled(counts: Counter[Key], share: float) -> Counter[Key]:
    return Counter({key: round(n * share) for key, n in counts.items()})


@define
class Charges:
    """Own functions by what they were charged with, most first; and the rest, which no own function asked for."""

    owners: list[Owner]
    rest: Owner
    whole: int
    """All that the tree holds: also what is outside of every context."""

    def largest(self, most: int) -> list[Owner]:
        """The own functions with most of it, those with a twentieth at least."""
        return [each for each in self.owners[:most] if each.amount * 20 >= self.whole > 0]

    def plus(self, other: Charges) -> Charges:
        """Both together; the whole is this one's."""
        found = {each.label: each for each in self.owners}
        for each in other.owners:
            found[each.label] = found[each.label].plus(each) if each.label in found else each
        listed = sorted(found.values(), key=lambda each: (-each.amount, each.name))
        return Charges(listed, self.rest.plus(other.rest), self.whole)

    def of(self, label: Label | None) -> Owner:
        """What a function was charged with."""
        return next((each for each in self.owners if each.label == label), Owner(label))


def owners(capture: Capture, tree: Tree, column: str, whose: Whose) -> Charges:
    """What the tree's column comes to, by own function. The tree may be one of whole stacks by line."""
    nodes = selected(tree, column)
    return charged(capture, tree, nodes, held(tree, column, nodes), whose)


def selected(tree: Tree, column: str) -> list[int]:
    """The contexts that are worth looking at, callers first."""
    inside = tree.inclusive(column)[ROOT] - tree.column(column)[ROOT]
    return list(tree.select(column, inside // _SMALLEST + 1))


def held(tree: Tree, column: str, nodes: Sequence[int]) -> dict[int, int]:
    """What each of some contexts has of a column, with what is below it and not among them."""
    inclusive = tree.inclusive(column)
    own = {node: inclusive[node] for node in nodes}
    for node in nodes[1:]:
        own[tree.parent[node]] -= inclusive[node]
    return own


def charged(capture: Capture, tree: Tree, nodes: Sequence[int], own: Mapping[int, int], whose: Whose) -> Charges:
    """What contexts have, callers first, by own function."""
    rest = Owner(None, own[ROOT], below=Counter({OWN: own[ROOT]}))
    found: dict[int, Owner] = {}
    # A context's owner, the line of that which runs or called, the library that it went into, and the function of that
    # which was entered.
    around: dict[int, tuple[Owner, Place | None, str, str]] = {ROOT: (rest, None, OWN, "")}
    for node in nodes[1:]:
        owner, line, below, entry = around[tree.parent[node]]
        number = tree.label[node]
        if number != NO_LABEL:
            label = capture.label(number)
            library = whose.library(label)
            if library == IMPORTS and owner.name.endswith("<module>"):  # of a module, and nobody's to change
                owner, line, below, entry = rest, None, IMPORTS, ""
            elif library:  # what a library calls in turn is the library's
                below, entry = below or library, entry or label.name
            elif tree.line[node] == 1:  # of the function above, or of one that it called
                line = line if below else (label.file, label.line)
            elif not (below and label.file.startswith("<")):  # what a library generated, a template say, is its own
                owner, below, entry = found.setdefault(number, Owner(label)), OWN, ""
                line = (label.file, tree.at[node]) if tree.at is not None and tree.at[node] else None
        around[node] = owner, line, below, entry
        amount = own[node]
        owner.amount += amount
        owner.below[below] += amount
        if line is not None:
            owner.lines[line] += amount
        if entry:
            owner.entries[below, entry] += amount
    listed = sorted(found.values(), key=lambda each: (-each.amount, each.name))
    return Charges(listed, rest, sum(own.values()))
