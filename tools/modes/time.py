"""Times in the reports: of functions, imports, collections and calls, and what measuring them cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from prof.capture import Capture, Edge, Function, Label, Tree
from prof.tools.analysis.compared import SPANS, Counted
from prof.tools.analysis.findings import collecting, hot, imports
from prof.tools.analysis.findings.evidence import MANY, Evidence
from prof.tools.analysis.options import Options, Sort
from prof.tools.analysis.owners import Charges
from prof.tools.analysis.sections import Fact, Note, Verdict
from prof.tools.analysis.view import Around, Charge, Fields, Margin, TreeColumn, View
from prof.tools.screen.colours import Families
from prof.tools.screen.tables import Column
from prof.tools.screen.units import count, duration, many, percent

if TYPE_CHECKING:
    from prof.tools.analysis.summary import Summary

_LATENCIES = frozenset(("p50", "p90", "p99", "max"))
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
    by_interval = (Counted("time", "self time", "ns", "self time", ("clock", "engine")),)
    beside_rank = 0
    has_sections = False
    answers = "time"
    verdict_order = 20
    import_sort = ("total_ns", "time")

    # ---- text ----

    def verdict(self, most: int = 0) -> Iterator[Verdict]:
        """Time inside of spans, which is exact."""
        found = self.charged("self_ns")
        yield from (each.verdict(self.answers, found.whole) for each in found.largest(most or 2))

    def findings(self, summary: Summary) -> Iterator[Evidence]:
        yield from hot.evidence(self.verdict(MANY), "hot line", self.answers, "measured exactly")
        yield from imports.evidence(self.capture, self.tree, self.whose, self.charged("self_ns").whole, self.answers)
        yield from collecting.evidence(self)

    @property
    def charge(self) -> Charge:
        return Charge("self_ns", "time", "time", "total_ns", duration)

    def _charged(self, column: str, idle: bool) -> Charges:
        """Time that was outside of all spans is nobody's."""
        found = super()._charged(column, idle)
        found.whole -= self.tree.column(column)[0]
        return found

    def in_short(self, summary: Summary) -> Iterator[str]:
        base = max(summary.alive_ns, summary.wall_ns)
        fits = summary.inside_ns <= base and not summary.at_least and not self.capture.foreign
        if summary.inside_ns and fits:
            yield f"{percent(summary.inside_ns, base)} of it in functions with probes"
        if summary.overhead_ns and not self.capture.foreign:
            yield f"overhead about {percent(summary.overhead_ns, base)}".replace("about <", "below ")

    def facts(self, summary: Summary) -> Iterator[Fact]:
        """What was inside spans, and what the probes added to that."""
        base = max(summary.alive_ns, summary.wall_ns)
        inside = f"{duration(summary.inside_ns)} in functions with probes"
        whole = "of wall" if len(summary.threads) <= 1 else "of the threads' time"
        if self.capture.foreign:
            return
        if summary.inside_ns:
            fits = summary.inside_ns <= base and not summary.at_least
            yield "Profiled", inside + (f", {percent(summary.inside_ns, base)} {whole}" if fits else "")
        if summary.probed_calls:
            cost = f"{many(summary.probed_calls, 'call')} x {self.capture.probe_cost_ps / 1000:.0f} ns a call"
            share = f"about {percent(summary.overhead_ns, base)}".replace("about <", "below ")
            share += f" ({cost} = {duration(summary.overhead_ns)})"
            yield "Overhead", share if summary.overhead_ns else "unknown: the cost of a call was not measured"
            counting = sorted((view for view in summary.views if view.counting), key=lambda view: view.beside_order)
            if what := " and ".join(view.counting for view in counting):
                yield "", f"for spans alone; what counting {what} took is not known"

    def columns(self, shown: Sequence[Function], options: Options, summary: Summary) -> Around:
        """Times; latencies are what there is room for."""
        less = 4 if any(view.wide for view in summary.views) else 0  # added to ranks
        return [
            Column("self", [duration(f.self_ns) for f in shown], self.name),
            Column("%", [percent(f.self_ns, summary.inside_ns) for f in shown]),
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

    def notes_below(self, shown: Sequence[Function]) -> Iterator[Note]:
        if any(f.label.generator for f in shown):
            yield Note(SUSPENSIONS, _LATENCIES)

    def columns_beside(self, shown: Sequence[Function], lead: View, placed: Sequence[Column]) -> list[Column]:
        title = "exact self" if lead.estimates else "self"
        return [Column(title, [duration(f.self_ns) for f in shown], self.name, rank=lead.beside_rank)]

    def import_columns(self, shown: Sequence[Function]) -> list[Column]:
        return [
            Column("cumulative", [duration(f.total_ns) for f in shown], self.name),
            Column("self", [duration(f.self_ns) for f in shown]),
        ]

    def collection_columns(self, rows: Sequence[Function], summary: Summary) -> Around:
        return [
            Column("time", [duration(f.total_ns) for f in rows], self.name),
            Column("%", [percent(f.total_ns, summary.inside_ns) for f in rows]),
        ], [Column("longest", [duration(f.max_ns) for f in rows])]

    def edge_facts(self, function: Function) -> str:
        return f", {duration(function.total_ns)} total, {duration(function.self_ns)} self"

    def edge_columns(self, function: Function, shown: Sequence[Edge]) -> list[Column]:
        return [
            Column("total", [duration(e.total_ns) for e in shown], self.name),
            Column("%", [percent(e.total_ns, function.total_ns) for e in shown]),
            Column("self", [duration(e.self_ns) for e in shown]),
        ]

    def tree_whole(self, column: str, summary: Summary) -> int:
        return summary.inside_ns

    # ---- JSON ----

    def session_values(self, summary: Summary) -> dict[str, Any]:
        return {key: getattr(summary, key) for key in ("overhead_ns", "inside_ns", "outside_ns", "profiler_ns")}

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

    # ---- captures beside each other ----

    @classmethod
    def timings(cls, capture: Capture, tree: Tree, functions: Sequence[Function]) -> Iterable[tuple[Function, int]]:
        """Exact times, without those of imports and collections."""
        return ((f, f.self_ns) for f in functions if f.label.kind in SPANS and f.label.has("self_ns"))


VIEW = Time
