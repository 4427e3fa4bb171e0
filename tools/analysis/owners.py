"""Whose doing it was: what a calling-context tree holds, charged to the user's own functions.

A function is the user's own unless its file is installed or the standard library's. What was below it, down to the next
own function, is charged to it, by the library that it called.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePath

from attrs import Factory, define
from prof.capture import Capture, Label
from prof.tools.analysis.source_lines import place
from prof.tools.screen.units import percent, shorten_end
from prof.tree import NO_LABEL, Tree

_INSTALLED = re.compile(r"[/\\](?:site|dist)-packages[/\\](?P<name>[^/\\]+)")
_STANDARD = re.compile(
    r"[/\\]lib[/\\]python\d+\.\d+[/\\](?:lib-dynload[/\\])?(?P<name>[^/\\]+)|^<frozen (?P<frozen>[\w.]+)>"
)
# Contexts with less than this share of the whole are charged to their callers.
_SMALLEST = 2000

OWN, IMPORTS, COLLECTIONS = "", "imports", "garbage collections"


@define
class Owner:
    """What one own function was charged with, in the column's unit; `below` says by which library or kind of work,
    `lines` by which of its own lines, with all that these called where the tree has lines that call."""

    label: Label
    amount: int = 0
    below: Counter[str] = Factory(Counter)
    lines: Counter[str] = Factory(Counter)

    @property
    def where(self) -> str:
        """Its line, where one has most of it, else where it begins."""
        (line, most), *_ = self.lines.most_common(1) or [("", 0)]
        return line if 2 * most > self.amount else f"{PurePath(self.label.file).name}:{self.label.line}"

    def sentence(self, whole: int, more: str = "") -> str:
        """`62.1%  render.page (render.py:16): 58.0% of it in jinja2`; `more` stands before the libraries."""
        called = [(name, n) for name, n in self.below.most_common(2) if name and 10 * n >= self.amount]
        inside = " and ".join(f"{percent(n, self.amount)} of it in {name}" for name, n in called)
        words = ", ".join(filter(None, (more, inside)))
        name = shorten_end(self.label.name, 48)
        return f"{percent(self.amount, whole):>5}  {name} ({self.where}){words and ': '}{words}"


def library(label: Label) -> str:
    """The package that a function is of; empty for one of the user's own."""
    if label.kind in ("import", "gc"):
        return IMPORTS if label.kind == "import" else COLLECTIONS
    return library_of(label.file)


def library_of(file: str) -> str:
    """The package that a file is of."""
    if found := _INSTALLED.search(file):
        return PurePath(found["name"]).stem
    if found := _STANDARD.search(file):
        return PurePath(found["name"] or found["frozen"].partition(".")[0]).stem
    return OWN


def owners(capture: Capture, tree: Tree, column: str) -> tuple[list[Owner], int]:
    """Own functions by what they were charged with, most first; and the whole of it, which includes what no own
    function is to be charged with. The tree may be one of whole stacks by line."""
    inclusive = tree.inclusive(column)
    nodes = list(tree.select(column, inclusive[0] // _SMALLEST + 1))
    rest = {node: inclusive[node] for node in nodes}
    for node in nodes[1:]:
        rest[tree.parent[node]] -= inclusive[node]
    found: dict[int, Owner] = {}
    libraries: dict[int, str] = {}
    lines: dict[int, str] = {}  # of whole stacks: the line of the owner that runs or called
    around: dict[int, tuple[Owner | None, str]] = {0: (None, OWN)}
    for node in nodes[1:]:
        label, (owner, below) = tree.label[node], around[tree.parent[node]]
        if label == NO_LABEL:
            continue
        if label not in libraries:
            libraries[label] = library(capture.label(label))
        if tree.line[node] == 1:  # of the function above, or of one that it called
            below = below or libraries[label]
            if owner is not None and not below:
                owner.lines[place(capture.label(label))] += rest[node]
        elif not libraries[label]:
            owner, below = found.setdefault(label, Owner(capture.label(label))), OWN
        else:
            below = below or libraries[label]
        if tree.at is not None and owner is not None:
            if not libraries[label] and tree.at[node]:
                lines[node] = f"{PurePath(owner.label.file).name}:{tree.at[node]}"
            else:
                lines[node] = lines.get(tree.parent[node], "")
            owner.lines[lines[node]] += rest[node]
        around[node] = owner, below
        if owner is not None:
            owner.amount += rest[node]
            owner.below[below] += rest[node]
    return sorted(found.values(), key=lambda each: (-each.amount, each.label.name)), inclusive[0]
