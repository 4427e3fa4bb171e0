"""Times in the reports: of functions, imports, collections and calls, and what measuring them cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from prof.capture import Edge, Function, Label
from prof.tools.colours import Families
from prof.tools.modes.view import Fields, Margin, TreeColumn, View
from prof.tools.table import Column
from prof.tools.units import count, duration, many, percent
from prof.tools.wish import Sort, Wish

if TYPE_CHECKING:
    from prof.tools.session import Session

_LATENCIES = ("p50", "p90", "p99", "max")
SUSPENSIONS = "p50 to max of generators and coroutines: of a call, without the time that it was suspended"
_FIELDS = ("total_ns", "self_ns", "suspended_ns", "min_ns", "max_ns", "p50_ns", "p90_ns", "p99_ns")


# Warm.
FAMILIES: Families = {
    "function": (2, 54, 82),
    "section": (198, 32, 66),
    "import": (100, 50, 42),
    "gc": (278, 30, 52),
    "native": (168, 16, 48),
}


class Time(View):
    name = "time"
    terminal = "bold cyan"
    facts_order = 90
    beside_order = 20
    sorts: ClassVar = {
        "self": Sort("self_ns", "self_ns", "self time"),
        "total": Sort("total_ns", "self_ns", "total time"),
        "calls": Sort("calls", "calls", "calls"),
        "suspended": Sort("suspended_ns", "suspended_ns", "suspended time"),
        "p50": Sort("p50_ns", "self_ns", "p50"),
        "p90": Sort("p90_ns", "self_ns", "p90"),
        "p99": Sort("p99_ns", "self_ns", "p99"),
        "max": Sort("max_ns", "self_ns", "max"),
    }
    tree_columns: ClassVar = {"self_ns": TreeColumn("total", "", duration, time=True)}
    margins: ClassVar = {
        "total_ns": Margin("time", "self_ns", name, duration, "of the function or section that begins there, in total")
    }
    fields = (
        Fields(
            "self_ns",
            "of a call, without its suspensions",
            (
                ("min_ns", "min", "ns"),
                ("p50_ns", "p50", "ns"),
                ("p90_ns", "p90", "ns"),
                ("p99_ns", "p99", "ns"),
                ("max_ns", "max", "ns"),
            ),
        ),
    )
    themes: ClassVar = {"time": FAMILIES}
    beside_rank = 0
    import_sort = ("total_ns", "time")

    # ---- text ----

    def facts(self, session: Session) -> Iterator[tuple[str, str]]:
        """What was inside spans, and what the probes added to that."""
        base = max(session.alive_ns, session.wall_ns)
        inside = f"{duration(session.inside_ns)} inside profiled code"
        whole = "of wall" if len(session.threads) <= 1 else "of the threads' time"
        if session.inside_ns:
            fits = session.inside_ns <= base and not session.at_least
            yield "Profiled", inside + (f", {percent(session.inside_ns, base)} {whole}" if fits else "")
        if session.probed_calls:
            cost = f"{many(session.probed_calls, 'call')} x {self.capture.probe_cost_ps / 1000:.0f} ns a call"
            share = f"about {percent(session.overhead_ns, base)}".replace("about <", "below ")
            share += f" ({cost} = {duration(session.overhead_ns)})"
            yield "Overhead", share if session.overhead_ns else "unknown: the cost of a call was not measured"
            counting = sorted((view for view in session.views if view.counting), key=lambda view: view.beside_order)
            if what := " and ".join(view.counting for view in counting):
                yield "", f"of the spans; counting {what} took time as well, which is not known"

    def columns(self, shown: Sequence[Function], wish: Wish, session: Session) -> tuple[list[Column], list[Column]]:
        """Times; latencies are what there is room for."""
        less = 4 if any(view.wide for view in session.views) else 0  # added to ranks
        return [
            Column("self", [duration(f.self_ns) for f in shown], self.name),
            Column("%", [percent(f.self_ns, session.inside_ns) for f in shown]),
            Column("total", [duration(f.total_ns) for f in shown]),
            Column("calls", [count(f.calls) for f in shown]),
        ], [
            Column("resumes", [count(f.resumes) for f in shown], rank=1 if less else 0),
            Column("suspended", [duration(f.suspended_ns) for f in shown], rank=2 if less else 0),
            Column("p50", [duration(f.p50_ns) for f in shown], rank=less + 3 + (less and 1)),
            Column("p90", [duration(f.p90_ns) for f in shown], rank=less + 4 + (less and 1)),
            Column("p99", [duration(f.p99_ns) for f in shown], rank=less and 4),
            Column("max", [duration(f.max_ns) for f in shown], rank=less and 3),
        ]

    def notes_below(self, shown: Sequence[Function], titles: Sequence[str]) -> Iterator[str]:
        if any(f.label.generator for f in shown) and any(title in _LATENCIES for title in titles):
            yield SUSPENSIONS

    def columns_beside(self, shown: Sequence[Function], lead: View, placed: Sequence[Column]) -> list[Column]:
        title = "exact self" if lead.estimates else "self"
        return [Column(title, [duration(f.self_ns) for f in shown], self.name, rank=lead.beside_rank)]

    def import_columns(self, shown: Sequence[Function]) -> list[Column]:
        return [
            Column("cumulative", [duration(f.total_ns) for f in shown], self.name),
            Column("self", [duration(f.self_ns) for f in shown]),
        ]

    def collection_columns(self, rows: Sequence[Function], session: Session) -> tuple[list[Column], list[Column]]:
        return [
            Column("time", [duration(f.total_ns) for f in rows], self.name),
            Column("%", [percent(f.total_ns, session.inside_ns) for f in rows]),
        ], [Column("longest", [duration(f.max_ns) for f in rows])]

    def edge_facts(self, function: Function) -> str:
        return f", {duration(function.total_ns)} total, {duration(function.self_ns)} self"

    def edge_columns(self, function: Function, shown: Sequence[Edge]) -> list[Column]:
        return [
            Column("total", [duration(e.total_ns) for e in shown], self.name),
            Column("%", [percent(e.total_ns, function.total_ns) for e in shown]),
            Column("self", [duration(e.self_ns) for e in shown]),
        ]

    def tree_whole(self, column: str, session: Session) -> int:
        return session.inside_ns

    # ---- JSON ----

    def session_values(self, session: Session) -> dict[str, Any]:
        return {key: getattr(session, key) for key in ("overhead_ns", "inside_ns", "outside_ns", "profiler_ns")}

    def function_values(self, function: Function) -> dict[str, Any]:
        return {key: getattr(function, key) for key in _FIELDS} if function.label.has("self_ns") else {}

    def edge_values(self, edge: Edge) -> dict[str, Any]:
        return {"total_ns": edge.total_ns, "self_ns": edge.self_ns} if edge.callee.has("self_ns") else {}

    def node_values(self, label: Label | None, node: int) -> dict[str, Any]:
        if label and not label.has("self_ns"):
            return {}
        return {"total_ns": self.tree.total_ns[node], "self_ns": self.tree.self_ns[node]}

    # ---- lines ----

    @classmethod
    def function_figures(cls, function: Function) -> Iterator[tuple[str, int]]:
        yield "total_ns", function.total_ns


VIEW = Time
