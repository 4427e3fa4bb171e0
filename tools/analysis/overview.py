"""The header and the sections of a report that are not of one mode: functions, imports, collections, callers, tree."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING

from prof.capture import Edge, Function, Label
from prof.errors import UsageError
from prof.tools.analysis import processes
from prof.tools.analysis.call_tree import CallTree, call_tree
from prof.tools.analysis.fate import FATES, process_facts
from prof.tools.analysis.options import Options
from prof.tools.analysis.sections import Fact, Header, Note, Section, Verdict
from prof.tools.analysis.source_lines import place
from prof.tools.analysis.summary import PROBED, Summary
from prof.tools.analysis.view import Charge, View
from prof.tools.screen.tables import Cells, Column, shown_of
from prof.tools.screen.units import count, duration, many, percent, shorten

if TYPE_CHECKING:
    from prof.tools.analysis.report import Report

TREE_ROWS = 60  # in the whole report


def where(label: Label) -> str:
    """`file.py:42`, or nothing."""
    if not label.file:
        return ""
    name = PurePath(label.file).name
    return f"{name}:{label.line}" if label.line else name


# ---- the run ----


def header(
    summary: Summary, functions: Sequence[Function], note: str, verdict: Sequence[Verdict], command: str
) -> Header:
    """The facts of the run, what it cost, and every reason to doubt the numbers; `command` shows this report."""
    return Header(
        title=f"Profile of {summary.name}",
        note=note,
        verdict=list(_verdict(verdict, command)),
        in_short=list(_in_short(summary)),
        facts=[(title, text) for title, text in _facts(summary) if text],
        modes=summary.modes,
        warnings=list(_warnings(summary)),
        remarks=list(_remarks(summary, functions)),
    )


def _remarks(summary: Summary, functions: Sequence[Function]) -> Iterator[str]:
    """Why there is so little, and what helps."""
    if summary.capture.recording and not summary.inside_ns:
        yield "Nothing was completed yet: run `prof report` again later."
    elif not any(f.label.kind in PROBED for f in functions):
        yield (
            "No function with a probe ran. `prof-instrument` marks those of files, `prof run` gives probes to those of"
            " the script's project; --instrument 'package.*' chooses others, --all all that is installed."
        )


def _verdict(verdict: Sequence[Verdict], command: str) -> Iterator[Fact]:
    about = ""
    widest = max((len(each.share) for each in verdict), default=0)
    for each in verdict:
        yield "" if each.about == about else each.about.capitalize(), f"{each.share:<{widest}}  {each.text}"
        about = each.about
    if verdict:
        yield "More", f"{command} --callees {shlex.quote(verdict[0].name)}"


def _in_short(summary: Summary) -> Iterator[str]:
    """What ran, where and how long, and what was recorded of it."""
    found = summary.capture.processes
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(summary.capture.start_unix_ns / 1e9))
    yield f"{'at least ' if summary.at_least else ''}{duration(summary.wall_ns)}"
    if len(summary.threads) > 1:
        yield f"{len(summary.threads)} threads"
    if found:
        yield many(len(found), "process", "es")
    yield from (
        text
        for view in sorted(summary.views, key=lambda view: (view.estimates, view.verdict_order))
        for text in view.in_short(summary)
    )
    yield from filter(None, (summary.python, began))


def _facts(summary: Summary) -> Iterator[Fact]:
    capture = summary.capture
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(capture.start_unix_ns / 1e9))
    yield "Command", summary.command
    yield "Python", ", ".join(filter(None, (summary.python, summary.platform)))
    yield "Recorded", ", ".join(filter(None, (began, processes.which(summary), summary.host and f"on {summary.host}")))
    wall = f"{'at least ' if summary.at_least else ''}{duration(summary.wall_ns)} wall"
    if len(summary.threads) > 1:
        wall += f", {len(summary.threads)} threads"
        if summary.alive_ns:
            wall += f" with {duration(summary.alive_ns)} together"
    yield "Time", wall
    for view in sorted(summary.views, key=lambda view: view.facts_order):
        yield from view.facts(summary)
    yield from process_facts(capture)
    recorder = ", ".join(filter(None, (summary.engine and f"engine {summary.engine}", f"clock {capture.clock}")))
    yield "Recorder", recorder


def _warnings(summary: Summary) -> Iterator[str]:
    capture = summary.capture
    yield from processes.warnings(summary)
    if summary.fate in FATES and not capture.processes:
        yield f"{FATES[summary.fate]}: calls that had not returned lack their time"
    if capture.full and not capture.processes:
        yield f"the capture could not grow ({capture.full}): what came later is missing, or charged to outer calls"
    if summary.attached:
        yield "began in the middle of the program: calls that ran then are counted from their next entry"
    if not capture.calibrated:
        yield "ended before its clock was calibrated: all times are in clock ticks, not in ns"
    moved = " and ".join(view.moved_by_jit for view in summary.views if view.moved_by_jit)
    if moved and capture.meta.get("jit") is True:
        yield f"the JIT was on: in what it compiled, lines of {moved} are those where that begins; sums are right"
    for view in summary.views:
        yield from view.warnings()
    if capture.interleaved:
        yield "greenlets switched inside spans: the call tree and times mix what ran in turn; calls are right"
    if summary.short_count:
        least = duration(capture.least_ns)
        words = "functions or sections" if summary.short_count > 1 else "function or section"
        yield f"{count(summary.short_count)} {words} of which no call took {least}: charged to their callers (min=)"
    if track := capture.meta.get("track"):
        yield f"operations are those that `track=` asked for: {', '.join(map(str, track))}"
    yield from summary.unrecorded
    for drop in summary.drops:
        yield f"{count(drop.count)} {drop.words}"


# ---- functions ----


def functions_section(functions: Sequence[Function], title: str, options: Options, summary: Summary) -> Section:
    """Functions or sections, ordered by `options.sort`: first what that is about."""
    sort = options.sort
    rows = sorted(functions, key=lambda f: (-(getattr(f, sort.field) or 0), -f.total_ns, f.label.name, f.label.index))
    shown = rows[: options.limit or None]
    wide = any(view.wide for view in summary.views)
    columns = [
        *_figures(shown, options, summary),
        Column("name", [f.label.name for f in shown], "name", left=True, stretch=True),
        *_inside(shown, options, summary),
        Column("file", [shorten(where(f.label), 24) for f in shown], "dim", left=True, rank=7 if wide else 2),
    ]
    notes = [note for view in summary.views for note in view.notes_below(shown)]
    return Section(
        f"{title} by {sort.words}", shown_of(len(shown), len(rows)), columns=columns, notes=notes, key=title.lower()
    )


def _inside(shown: Sequence[Function], options: Options, summary: Summary) -> Iterator[Column]:
    """In which libraries own functions were, as far as samples tell: without probes of theirs, it is in `self`."""
    view = lead_of(options, summary)
    charge = view.charge if view is not None else None
    sampler, its = sampled(view, charge, summary) if view is not None and charge is not None else (view, charge)
    if sampler is not None and its is not None and sampler.estimates:
        charges = sampler.charged(its.column, options.idle)
        cells = [charges.of(f.label).inside for f in shown]
        if any(cells):
            yield Column("of it in", cells, left=True, rank=8)


def sampled(view: View, charge: Charge, summary: Summary) -> tuple[View, Charge]:
    """The mode that says the same by samples, which see into libraries and know lines; or the mode itself."""
    samplers = (each for each in summary.views if each.estimates and each.answers == view.answers)
    return next(((each, each.charge) for each in samplers if each.charge), (view, charge))


def lead_of(options: Options, summary: Summary) -> View | None:
    """The mode that a table is led by: that of what it is sorted by, or the first that was recorded; None without
    one."""
    sorted_by = (view for view in summary.views if options.sort in view.sorts.values())
    return next(sorted_by, next(iter(summary.views), None))


def _figures(shown: Sequence[Function], options: Options, summary: Summary) -> list[Column]:
    """The columns of the mode that leads, and among them those of the others."""
    lead = lead_of(options, summary)
    if lead is None:
        return [Column("calls", [count(f.calls) for f in shown])]  # of modes that are not known here
    before, behind = lead.columns(shown, options, summary)
    placed: list[Column] = []
    for view in sorted(summary.views, key=lambda view: view.beside_order):
        if view is not lead:
            placed += view.columns_beside(shown, lead, placed)
    return [*before, *placed, *behind]


def imports_section(functions: Sequence[Function], options: Options, summary: Summary) -> Section:
    """What importing took; self time is without what a module imports in turn."""
    key, words = next(view.import_sort for view in summary.views if view.import_sort is not None)
    rows = sorted(functions, key=lambda f: (-(getattr(f, key) or 0), f.label.name))
    shown = rows[: options.limit or None]
    columns = [
        *(column for view in summary.views for column in view.import_columns(shown)),
        Column("module", [f.label.name.removeprefix("import ") for f in shown], "name", left=True, stretch=True),
        Column("file", [shorten(where(f.label), 30) for f in shown], "dim", left=True, rank=1),
    ]
    return Section(f"Imports by cumulative {words}", f"{len(shown)} of {len(rows)}", columns=columns, key="imports")


def collections_section(functions: Sequence[Function], summary: Summary) -> Section:
    """What the garbage collector took and gave."""
    rows = sorted(functions, key=lambda f: f.label.name)
    of_modes = [view.collection_columns(rows, summary) for view in summary.views]
    names = [f.label.name.removeprefix("gc ") for f in rows]
    columns = [
        *(column for before, _ in of_modes for column in before),
        Column("runs", [count(f.calls) for f in rows]),
        Column("reclaimed", [count(f.items) for f in rows]),
        *(column for _, behind in of_modes for column in behind),
        Column("generation", names, "name", left=True, stretch=True),
    ]
    return Section("Garbage collections", columns=columns, key="gc")


def find_functions(functions: Sequence[Function], name: str) -> list[Function]:
    """The functions or sections of that name, or whose name ends in it. Raises UsageError that lists likely ones."""
    exact = [f for f in functions if f.label.name == name]
    found = exact or [f for f in functions if f.label.name.endswith((f".{name}", f"!{name}"))]
    if found:
        return found
    like = sorted({f.label.name for f in functions if name.lower() in f.label.name.lower()})
    hint = f"did you mean {', '.join(like[:5])}?" if like else "see `prof report --limit 0` for the names"
    raise UsageError(f"no function {name!r} in this capture: {hint}")


def edges_section(
    function: Function, edges: Sequence[Edge], callers: bool, options: Options, summary: Summary
) -> Section:
    """Who called a function, or what it called. Percentages are of the function's total time."""
    rows = [e for e in edges if (e.callee if callers else e.caller) == function.label]
    shown = rows[: options.limit or None]
    ends = [(e.caller if callers else e.callee) for e in shown]
    title = f"{'Callers of' if callers else 'Called by'} {function.label.name}"
    note = many(function.calls, "call") + "".join(view.edge_facts(function) for view in summary.views)
    if not rows:
        return Section(title, note, remarks=["none recorded"])
    columns = [
        *(column for view in summary.views for column in view.edge_columns(function, shown)),
        Column("calls", [count(e.calls) for e in shown]),
        Column("resumes", [count(e.resumes) for e in shown]),
        Column("caller" if callers else "callee", [end.name if end else "(outside)" for end in ends], "name",
               left=True, stretch=True),
        Column("file", [where(end) if end else "" for end in ends], "dim", left=True, rank=1),
    ]  # fmt: skip
    return Section(title, note, columns=columns)


# ---- the call tree ----


def tree_section(report: Report, options: Options, most: int = 0) -> Section:
    """The call tree, largest first, without what is too small or too deep; percentages are of the profiled time or of
    all memory or operations. `most` rows at most; 0 for all."""
    columns = report.tree_columns
    column = options.sort.column if options.sort.column in columns else report.main_column
    kind, whole = columns[column], report.tree_whole(column)
    least = max(1, int(whole * options.min_percent / 100))
    rows = call_tree(report.tree_of(column), column, least, options.depth, options.lines and kind.lines, kind.lines)
    levels = f" and {options.depth} levels" if options.depth else ""
    of = f"of {kind.format(whole)}{' ' * bool(kind.words)}{kind.words}, down to {options.min_percent:g}%{levels}"
    note = of if whole else ""
    if not len(rows):
        return Section(
            "Call tree",
            note,
            key="tree",
            remarks=["nothing" + f" that {'long' if kind.time else 'large'}" * bool(whole)],
        )
    more = rows.cut(most) if most else 0
    notes = [Note(f"… {count(more)} more: see `prof report --tree`")] if more else []
    return Section("Call tree", note, columns=_tree_columns(report, rows, whole), least=48, notes=notes, key="tree")


def _tree_columns(report: Report, rows: CallTree, whole: int) -> list[Column]:
    views, capture = report.summary.views, report.capture
    total, kind = rows.totals(rows.column, capture), report.tree_columns[rows.column]
    style = next((view.name for view in views if rows.column in view.tree_columns), "")
    columns = [
        Column("%", Cells(total, partial(percent, whole=whole))),
        Column(kind.title, Cells(total, kind.format), style),
        Column("self", Cells(rows.own, kind.format)),
        *([Column("calls", Cells(rows.calls, count))] if rows.tree is report.tree else []),
    ]
    for other, rank in (each for view in views for each in view.tree_columns_beside(rows.column)):
        if other != rows.column and rows.tree is report.tree:  # whole stacks have figures of samples alone
            beside = report.tree_columns[other]
            cells = Cells(rows.totals(other, capture), beside.format)
            columns.append(Column(beside.title_beside or beside.title, cells, rank=rank))
    names: dict[int, str] = {}

    def name(label: int, levels: int) -> str:
        found = names.get(label)
        if found is None:
            found = names[label] = _name(capture.label(label))
        return f"{found} ({levels} levels)" if levels > 1 else found

    return [*columns, Column("span", rows.named(name), "name", left=True, stretch=True, depths=rows.depth)]


def _name(label: Label) -> str:
    if label.kind != "line":
        return label.name
    return " in ".join(filter(None, (place(label), label.module)))
