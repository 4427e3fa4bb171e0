"""Whose the frames of the page are, and which of its samples found threads that waited for work."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import Factory, define
from prof.capture import Label
from prof.modes import Measure
from prof.tools.analysis.report import Report
from prof.tools.analysis.spent import waiting_for_work
from prof.tools.analysis.whose import IMPORTS, OWN, Whose

# Kinds of labels that nobody's library is, and that stay as they are.
_APART = frozenset(("gc", "profiler", "thread", "other"))


@define
class Libraries:
    """The libraries that labels are of, numbered from 1 in the order they are met; 0 is the user's own."""

    whose: Whose
    numbers: dict[str, int] = Factory(dict)
    standard: list[bool] = Factory(list)

    def of_label(self, label: Label) -> int:
        name = OWN if label.kind in _APART else self.whose.library(label)
        return self._number(name, name != IMPORTS and self.whose.standard(label))

    def of_file(self, file: str) -> int:
        """Of a line that no label has."""
        return self._number(self.whose.library_of(file), self.whose.is_standard(file))

    def _number(self, name: str, standard: bool) -> int:
        if not name:
            return 0
        found = self.numbers.get(name)
        if found is None:
            found = self.numbers[name] = len(self.numbers) + 1
            self.standard.append(standard)
        return found

    @property
    def groups(self) -> list[str]:
        """What each is to the page: `imports`, `standard` or `library`."""
        names = enumerate(self.numbers)
        return [IMPORTS if n == IMPORTS else "standard" if self.standard[at] else "library" for at, n in names]


def idle(report: Report, measures: Sequence[Measure], order: Sequence[int]) -> list[list[tuple[int, int]]]:
    """By measure, what drawn contexts have of threads that waited for work: the place in `order` and how much.

    What is not drawn is its nearest caller's.
    """
    tree = report.tree
    running = {column: ran for view in report.summary.views for column, ran in view.running.items()}
    if not running:
        return [[] for _ in measures]
    nodes = waiting_for_work(report.capture, tree, range(tree.count), report.whose)
    place = {node: at for at, node in enumerate(order)}
    found = []
    for measure in measures:
        waits: dict[int, int] = {}
        if measure.column in running:
            whole, ran = tree.column(measure.column), tree.column(running[measure.column])
            for node in nodes:
                amount = max(0, whole[node] - ran[node])
                while amount and node not in place:
                    node = tree.parent[node]
                if amount and node:  # what the root has itself is not in the picture
                    waits[place[node]] = waits.get(place[node], 0) + amount
        found.append(sorted(waits.items()))
    return found
