"""The dummy mode in the reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from prof.capture import Function, Label
from prof.tools.analysis.compared import Counted
from prof.tools.analysis.options import Options, Sort
from prof.tools.analysis.sections import Fact, Section
from prof.tools.analysis.summary import Summary
from prof.tools.analysis.view import Around, TreeColumn, View
from prof.tools.modes import register
from prof.tools.screen.tables import Column
from prof.tools.screen.units import count

from dummy_mode import recorded


class Dummy(View):
    name = recorded.MODE.name
    terminal = "bold green"
    sorts: ClassVar = {"steps": Sort("resumes", "resumes", "steps")}
    tree_columns: ClassVar = {"resumes": TreeColumn("steps", "steps", count)}
    counted = (Counted("resumes", "steps", "", "steps of generators"),)
    themes: ClassVar = {"dummy": {"function": (120, 1, 50)}}

    def facts(self, summary: Summary) -> Iterator[Fact]:
        yield "Steps", count(self.tree_whole("resumes", summary))

    def columns(self, shown: Sequence[Function], options: Options, summary: Summary) -> Around:
        return self._column(shown), [Column("calls", [count(f.calls) for f in shown])]

    def columns_beside(self, shown: Sequence[Function], lead: View, placed: Sequence[Column]) -> list[Column]:
        return self._column(shown)

    def _column(self, shown: Sequence[Function]) -> list[Column]:
        return [Column("steps", [count(f.resumes) for f in shown], self.name)]

    def sections(self, summary: Summary, options: Options) -> Iterator[Section]:
        yield Section("Dummy", remarks=[f"it counts {self.capture.meta[self.name]['counts']}"])

    def tree_columns_beside(self, column: str) -> list[tuple[str, int]]:
        return [("resumes", 0)]

    def function_values(self, function: Function) -> dict[str, Any]:
        return {"steps": function.resumes}

    def node_values(self, label: Label | None, node: int) -> dict[str, Any]:
        return {"total_steps": self.tree.inclusive("resumes")[node]}

    def documents(self, summary: Summary, limit: int) -> Iterator[tuple[int, str, Any]]:
        yield 50, self.name, self.capture.meta[self.name]


register(Dummy)
