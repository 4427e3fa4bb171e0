"""All that reports may say of what was recorded, as plain objects. Formats lay it out."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from attrs import define, evolve
from prof.capture import Capture, Function, Tree
from prof.errors import UsageError
from prof.records import Metric
from prof.tools.analysis import brief, listing, metrics, overview, processes, slowest, tasks, told, waiting
from prof.tools.analysis.findings import Finding, findings
from prof.tools.analysis.listing import Listing
from prof.tools.analysis.options import Options
from prof.tools.analysis.sections import Header, Section, Verdict
from prof.tools.analysis.source_lines import SourceLine, merged, names_of
from prof.tools.analysis.summary import Summary, summarise
from prof.tools.analysis.view import TreeColumn, View
from prof.tools.analysis.whose import Whose

# Lines of the answer that a report begins with, beside the one that says how to see more.
MOST = 5


@define(slots=False)
class Report:
    """What was recorded: the run, its calling-context tree, and the sums over that. Times are in ns, sizes in bytes."""

    capture: Capture
    tree: Tree
    functions: list[Function]
    summary: Summary
    modes: Sequence[type[View]]
    """All modes that are known; those that were recorded are `summary.views`."""
    whose: Whose
    note: str = ""
    """Where it came from, in words."""
    command: str = "prof report"
    """What shows it."""
    smaller: Report | None = None
    """Of the same program with a smaller input: findings say what grows faster than that."""

    # ---- for people ----

    def header(self) -> Header:
        """What every report begins with."""
        return overview.header(self.summary, self.functions, self.note, self.verdict, self.command)

    def header_anywhere(self) -> Header:
        """The same for who reads it elsewhere, or when that capture is no longer the newest."""
        name = self.capture.path.name
        command = self.command if self.capture.processes else f"prof report {shlex.quote(name)}"
        return overview.header(self.summary, self.functions, f"({name})", self.verdict, command)

    def sections(self, options: Options) -> Iterator[Section]:
        """All of it, or what is asked for. Raises UsageError for a function or a table that there is not."""
        if options.part in ("callers", "callees"):
            yield from self._edges(options)
        elif options.part == "tree":
            yield overview.tree_section(self, options)
        elif options.show:
            yield from self._shown(options)
        else:
            yield from self._all(options) if options.full else brief.sections(self, options)

    def _shown(self, options: Options) -> Iterator[Section]:
        known = dict.fromkeys(APART)
        unknown = set(options.show) - known.keys()
        for name in options.show:
            yield from APART[name](self, options) if name in APART else ()
        for section in self._all(options) if unknown else ():
            names = {section.key, section.mode}
            known |= dict.fromkeys(filter(None, (section.mode, section.key)))
            unknown -= names
            if names & set(options.show) and section.key not in APART:
                yield section
        if unknown:
            missing = ", ".join(sorted(unknown))
            raise UsageError(f"no table {missing!r} in this report; it has: {', '.join(known)}")

    def more(self) -> str:
        """The commands that show more than the report in short."""
        modes = [view.name for view in self.summary.views if view.has_sections]
        shown = f", {self.command} --show {','.join(modes[:1])}" if modes else ""
        return f"{self.command} --full{shown}; prof help"

    def listing(self, file: str) -> Listing:
        """A source file with what its lines did. Raises UsageError for one of which nothing was recorded, and
        InputError where it cannot be read as it was."""
        return listing.listing(self.summary, self.tree, self.functions, self.modes, file)

    def _edges(self, options: Options) -> Iterator[Section]:
        callers = options.part == "callers"
        found = overview.find_functions(self.met, options.name)
        spans = [function for function in found if function.label.kind != "frame"]
        for function in spans or found:
            more = [each for view in self.summary.views for each in view.edge_sections(function, callers, options)]
            if function in spans or not more:
                edges = self.capture.edges(self.tree, of=function.label.index)
                yield overview.edges_section(function, edges, callers, options, self.summary)
            yield from more

    def _all(self, options: Options) -> Iterator[Section]:
        if self.capture.processes:
            yield processes.section(self.summary, options.limit)
        by_kind = self.by_kind
        functions = [f for f in self.spans if not (options.own and self.whose.library(f.label))]
        if functions:
            yield overview.functions_section(functions, "Functions", options, self.summary)
        if "section" in by_kind:
            yield overview.functions_section(by_kind["section"], "Sections", options, self.summary)
        if self.metrics:
            yield metrics.section(self.metrics, options.limit)
        yield from waiting.in_short(self, options)
        yield from tasks.context_sections(self, options)
        views = self.summary.views
        for view in sorted(views, key=lambda view: view.section_order(options)):
            yield from (evolve(section, mode=view.name) for section in view.sections(self.summary, options))
        if "import" in by_kind and any(view.import_sort is not None for view in views):
            yield overview.imports_section(by_kind["import"], options, self.summary)
        if "gc" in by_kind:
            yield overview.collections_section(by_kind["gc"], self.summary)
        if self.tree.count > 1:
            yield overview.tree_section(self, options, overview.TREE_ROWS)

    @cached_property
    def by_kind(self) -> dict[str, list[Function]]:
        """Functions by the kind of their labels."""
        found: dict[str, list[Function]] = {}
        for function in self.functions:
            found.setdefault(function.label.kind, []).append(function)
        return found

    @property
    def spans(self) -> list[Function]:
        """Functions with probes."""
        return [f for kind in ("function", "native", "other") for f in self.by_kind.get(kind, ())]

    @cached_property
    def met(self) -> list[Function]:
        """The functions, and those that only samples met, outside of spans: with figures of samples alone."""
        known = {function.label.index for function in self.functions}
        found = (f for view in self.summary.views for f in view.functions_beyond())
        return [*self.functions, *(function for function in found if function.label.index not in known)]

    @cached_property
    def verdict(self) -> list[Verdict]:
        """Where most of it went, in the user's own functions: for who has ten seconds."""
        found: list[Verdict] = []
        answered = {""}
        for view in sorted(self.summary.views, key=lambda view: view.verdict_order):
            if view.answers not in answered and (words := list(view.verdict())):
                found += words
                answered.add(view.answers)
        return found[:MOST]

    @cached_property
    def findings(self) -> list[Finding]:
        """Places in the user's own source, with what is known of them; the one that matters most first."""
        return findings(self)

    @cached_property
    def metrics(self) -> list[Metric]:
        """What the program said of its spans itself: see `prof.Profiler`."""
        return metrics.metrics(self.capture, self.tree) if self.capture.metric_count else []

    # ---- the call tree ----

    @cached_property
    def tree_columns(self) -> dict[str, TreeColumn]:
        """What a call tree can be by."""
        return {column: kind for mode in self.modes for column, kind in mode.tree_columns.items()}

    @property
    def main_column(self) -> str:
        """The first of what a tree can be by that was recorded; where nothing was, one without figures."""
        recorded = (column for view in self.summary.views for column in view.tree_columns)
        return next(recorded, next(iter(self.tree_columns)))

    def tree_of(self, column: str) -> Tree:
        """The tree that has all of a column: of samples, whole stacks."""
        return self.capture.tree_of(self.tree, column)

    def tree_whole(self, column: str) -> int:
        """What percentages of a call tree by that column are of."""
        of = next((view for view in self.summary.views if column in view.tree_columns), None)
        return of.tree_whole(column, self.summary) if of is not None else int(self.tree.inclusive(column)[0])

    # ---- lines ----

    def lines(self, apart: bool = False) -> Iterator[SourceLine]:
        """The lines that modes have something of; `apart` tells the operations of a line by category."""
        names = names_of(self.tree, self.functions, self.modes)
        return merged(self.capture, self.tree, names, self.modes, apart)


# Tables that are made when they are asked for; the whole report has the first of some.
APART: dict[str, Callable[[Report, Options], Iterator[Section]]] = {
    "waiting": waiting.sections,
    "tasks": tasks.task_sections,
    "threads": tasks.thread_sections,
    "slowest": slowest.sections,
    "findings": told.sections,
}


def analyse(
    capture: Capture, modes: Sequence[type[View]], note: str = "", command: str = "", whose: Whose | None = None
) -> Report:
    """The report of an open capture, as far as these modes go. Raises InputError."""
    whose = whose or Whose()
    tree = capture.tree()
    functions = capture.functions(tree)
    summary = summarise(capture, tree, functions, modes, whose)
    command = command or f"prof report {shlex.quote(str(capture.path))}"
    return Report(capture, tree, functions, summary, modes, whose, note, command)
