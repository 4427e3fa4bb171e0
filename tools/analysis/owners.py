"""Whose doing it was: what a calling-context tree holds, charged to the user's own functions.

What was below an own function, down to the next own function, is charged to it, by the library that it called.
"""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath

from attrs import Factory, define
from prof.capture import Capture, Label
from prof.tools.analysis.sections import Verdict
from prof.tools.analysis.source_lines import place
from prof.tools.analysis.whose import OWN, Whose
from prof.tools.screen.units import percent, shorten_end
from prof.tree import NO_LABEL, Tree

# Contexts with less than this share of the whole are charged to their callers.
_SMALLEST = 2000


@define
class Owner:
    """What one own function was charged with, in the column's unit; `below` says by which library or kind of work,
    `entries` by which function of that it was entered, `lines` by which of its own lines."""

    label: Label | None
    """None: what no own function is to be charged with."""
    amount: int = 0
    words: str = ""
    """What it is called, without a function."""
    below: Counter[str] = Factory(Counter)
    entries: Counter[tuple[str, str]] = Factory(Counter)
    lines: Counter[str] = Factory(Counter)

    @property
    def name(self) -> str:
        """The function's."""
        return self.label.name if self.label is not None else self.words

    @property
    def where(self) -> str:
        """Its line, where one has most of it, else where it begins."""
        if self.label is None:
            return ""
        (line, most), *_ = self.lines.most_common(1) or [("", 0)]
        return line if 2 * most > self.amount else f"{PurePath(self.label.file).name}:{self.label.line}"

    def libraries(self, most: int = 2) -> list[tuple[str, int]]:
        """The libraries that a tenth of it or more was spent in, and how much."""
        return [(name, n) for name, n in self.below.most_common(most + 1) if name and 10 * n >= self.amount][:most]

    def verdict(self, about: str, whole: int, error: float = 0.0, more: str = "") -> Verdict:
        """What is said first of it. `error` is how far the share may be off, 0 to 1, where it is an estimate; `more`
        stands behind the libraries."""
        inside = " and ".join(
            f"{percent(n, self.amount)} of it in {self._entered(name)}" for name, n in self.libraries()
        )
        words = "; ".join(filter(None, (inside, more)))
        share = f"{percent(self.amount, whole):>5}" + (f" ±{100 * error:.1f}" if error else "")
        text = f"{self.where}  {shorten_end(self.name, 48)}{words and ': '}{words}"
        return Verdict(about, self.name, share, text)

    def _entered(self, library: str) -> str:
        """The library, and the function of it that most went through where there is one."""
        found = [(n, name) for (of, name), n in self.entries.items() if of == library and 2 * n > self.below[library]]
        name = max(found)[1].rpartition(".")[2] if found else ""
        return f"{library} ({name})" if name.isidentifier() else library


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

    def of(self, label: Label | None) -> Owner:
        """What a function was charged with."""
        return next((each for each in self.owners if each.label == label), Owner(label))


def owners(capture: Capture, tree: Tree, column: str, whose: Whose) -> Charges:
    """What the tree's column comes to, by own function."""
    inclusive = tree.inclusive(column)
    nodes = list(tree.select(column, inclusive[0] // _SMALLEST + 1))
    own = {node: inclusive[node] for node in nodes}
    for node in nodes[1:]:
        own[tree.parent[node]] -= inclusive[node]
    rest = Owner(None, own[0], below=Counter({OWN: own[0]}))
    found: dict[int, Owner] = {}
    # A context's owner, the library that it went into, and the function of that which was entered.
    around: dict[int, tuple[Owner, str, str]] = {0: (rest, OWN, "")}
    for node in nodes[1:]:
        owner, below, entry = around[tree.parent[node]]
        number = tree.label[node]
        if number != NO_LABEL:
            label = capture.label(number)
            library = whose.library(label)
            if not library and tree.line[node] != 1:  # lines are of the function above, or of one that it called
                owner, below, entry = found.setdefault(number, Owner(label)), OWN, ""
            elif library and not below:  # what a library calls in turn is the library's
                below, entry = library, label.name
            if tree.line[node] == 1 and not library and not below:
                owner.lines[place(label)] += own[node]
        around[node] = owner, below, entry
        owner.amount += own[node]
        owner.below[below] += own[node]
        if entry:
            owner.entries[below, entry] += own[node]
    listed = sorted(found.values(), key=lambda each: (-each.amount, each.name))
    return Charges(listed, rest, inclusive[0])
