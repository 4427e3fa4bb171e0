"""What the evidence of executed operations is taken from: loops and calls by line, beside the calls of functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

from attrs import define
from prof.capture import Capture, Function, Tree
from prof.counted import Code, Operations
from prof.tools.analysis.source_files import Sources
from prof.tools.analysis.whose import Whose
from prof.tree import Pairs


@define(slots=False)
class Counts:
    """The operations of the user's own functions."""

    capture: Capture
    tree: Tree
    functions: Sequence[Function]
    whose: Whose
    solved: Operations
    whole: int
    """All operations."""
    called: Mapping[tuple[str, int], Mapping[str, int]]
    """By line, what the marked functions took that it called, where it is known that it alone did."""

    @cached_property
    def sources(self) -> Sources:
        return Sources(self.capture)

    @cached_property
    def of_line(self) -> dict[tuple[int, int], int]:
        """Operations by code object and line."""
        return {(site.code.index, site.line): site.ops for site in self.solved.sites("line")[0]}

    @cached_property
    def by_label(self) -> dict[int, Function]:
        return {function.label.index: function for function in self.functions}

    def own(self, code: Code) -> Function | None:
        """The function that a code object is of, if that is the user's and its counts are right."""
        function = self.by_label.get(code.label) if code.label is not None else None
        if function is None or code.inexact or self.whose.library(function.label):
            return None
        return function

    def share(self, code: Code, line: int) -> float:
        """A line's share of all operations."""
        return self.of_line.get((code.index, line), 0) / max(1, self.whole)

    @cached_property
    def _callers(self) -> dict[int, set[int]]:
        """By label, the labels of the functions that call it."""
        found: dict[int, set[int]] = defaultdict(set)
        pairs = Pairs(self.tree, lines=False)
        for pair in range(pairs.count):
            caller, callee = pairs.labels(pair)
            if caller in self.by_label and caller != callee:
                found[callee].add(caller)
        return found

    def callers_calls(self, function: Function) -> int:
        """How often the functions that call it were called; 1 where it is called from outside."""
        return max(1, sum(self.by_label[caller].calls for caller in self._callers[function.label.index]))
