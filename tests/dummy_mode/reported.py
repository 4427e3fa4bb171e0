"""The dummy mode in the reports."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from prof.capture import Function, Label
from prof.tools import table
from prof.tools.compared import Counted
from prof.tools.modes import register
from prof.tools.modes.view import TreeColumn, View
from prof.tools.session import Session
from prof.tools.table import Column
from prof.tools.units import count
from prof.tools.wish import Sort, Wish

from dummy_mode import recorded


class Dummy(View):
    name = recorded.MODE.name
    terminal = "bold green"
    sorts: ClassVar = {"steps": Sort("resumes", "resumes", "steps")}
    tree_columns: ClassVar = {"resumes": TreeColumn("steps", "steps", count)}
    counted = (Counted("resumes", "steps", "", "steps of generators"),)
    themes: ClassVar = {"dummy": {"function": (120, 1, 50)}}

    def facts(self, session: Session) -> Iterator[tuple[str, str]]:
        yield "Steps", count(self.tree_whole("resumes", session))

    def columns(self, shown: Sequence[Function], wish: Wish, session: Session) -> tuple[list[Column], list[Column]]:
        return self._column(shown), [Column("calls", [count(f.calls) for f in shown])]

    def columns_beside(self, shown: Sequence[Function], lead: View, placed: Sequence[Column]) -> list[Column]:
        return self._column(shown)

    def _column(self, shown: Sequence[Function]) -> list[Column]:
        return [Column("steps", [count(f.resumes) for f in shown], self.name)]

    def section(self, session: Session, wish: Wish) -> Iterator[table.Line]:
        yield table.plain()
        yield table.plain("Dummy", "heading")
        yield table.plain(f"  it counts {self.capture.meta[self.name]['counts']}")

    def tree_columns_beside(self, column: str) -> list[tuple[str, int]]:
        return [("resumes", 0)]

    def function_values(self, function: Function) -> dict[str, Any]:
        return {"steps": function.resumes}

    def node_values(self, label: Label | None, node: int) -> dict[str, Any]:
        return {"total_steps": self.tree.inclusive("resumes")[node]}

    def sections(self, session: Session, limit: int) -> Iterator[tuple[int, str, Iterable[str]]]:
        yield 50, self.name, [json.dumps(self.capture.meta[self.name])]


register(Dummy)
