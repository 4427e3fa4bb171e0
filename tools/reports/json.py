"""The JSON report, `tools/schema.json`: the contract for every other tool. Modes that were off leave their keys out.

It is flat, lists of rows, and bounded: no list has more rows than asked for, and what is left out is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import asdict
from prof.capture import NO_LABEL, Capture, Edge, Function, Label, Tree
from prof.text import shown
from prof.tools.analysis import metrics, processes, slowest, tasks, waiting
from prof.tools.analysis.call_tree import shown_order
from prof.tools.analysis.contexts import SHARES
from prof.tools.analysis.fate import taken
from prof.tools.analysis.options import Options
from prof.tools.analysis.report import Report
from prof.tools.analysis.source_lines import SourceLine
from prof.tools.analysis.summary import Summary
from prof.tools.analysis.told import finding_object
from prof.tools.analysis.view import View
from prof.tools.reports.format import Format
from prof.tools.screen.json_text import Rows, document, thinned

SCHEMA = 2
PROCESS = 30  # where the key "process" stands among those of modes
_VERDICT = ("about", "name", "share", "text")
_ROOT = {"name": "all", "file": "", "line": 0}


def session_object(summary: Summary) -> dict[str, Any]:
    """The key "session"."""
    capture = summary.capture
    begin = capture.start_unix_ns
    found: dict[str, Any] = {
        "name": summary.name,
        "start": begin / 1e9,
        "end": (begin + capture.duration_ns) / 1e9,
        "duration_ns": capture.duration_ns,
        "state": summary.fate,
        "python": summary.python,
        "platform": summary.platform,
        "clock": capture.clock,
        "clock_calibrated": capture.calibrated,
        "engine": summary.engine,
        "modes": list(summary.modes),
        "interval_ns": capture.interval_ns,
        "host": summary.host,
        "pid": capture.pid,
        "argv": [str(argument) for argument in capture.meta.get("argv") or []],
        "probe_cost_ns": capture.probe_cost_ps / 1000,
    }
    for view in summary.views:
        found |= view.session_values(summary)
    found["threads"] = [
        {"native_id": t.native_id, "name": t.name, "start_ns": t.start_ns, "alive_ns": t.alive_ns}
        for t in summary.threads
    ]
    found["dropped"] = {drop.key: drop.count for drop in summary.drops}
    if capture.full:
        found["full"] = capture.full
    if capture.least_ns:
        found["least_ns"] = capture.least_ns
        found["short"] = summary.short_count
    if track := capture.meta.get("track"):
        found["track"] = [str(name) for name in track]
    if capture.interleaved:
        found["interleaved"] = True
    if capture.notes:
        found["notes"] = [shown(note) for note in capture.notes]
    if summary.attached:
        found["attached"] = True
    if summary.unrecorded:
        found["unrecorded"] = summary.unrecorded
    return found


def function_object(function: Function, views: Sequence[View]) -> dict[str, Any]:
    """An entry of "functions". `exact`: all but its samples is; false for a frame, met by samples alone."""
    label = function.label
    found: dict[str, Any] = {key: getattr(label, key) for key in ("name", "kind", "module", "file", "line")}
    found |= {"calls": function.calls, "resumes": function.resumes}
    for view in views:
        found |= view.function_values(function)
    found["exact"] = function.exact and label.kind != "frame"
    if label.kind == "gc":
        found["reclaimed"] = function.items
    return found


def line_object(line: SourceLine, views: Sequence[View]) -> dict[str, Any]:
    """An entry of "lines"."""
    found: dict[str, Any] = {"file": line.file, "line": line.line, "function": line.function}
    for view in sorted(views, key=lambda view: view.line_order):
        found |= view.line_values(line)
    return found


def process_object(capture: Capture, limit: int) -> dict[str, Any]:
    """The key "process": its memory, where that was recorded, and what it took beside, where samples were."""
    found: dict[str, Any] = {}
    if series := capture.series:
        found["rss_bytes"] = series[-1].rss_bytes
        found["peak_rss_bytes"] = max(moment.rss_bytes for moment in series)
        found["series"] = [asdict(moment) for moment in thinned(series, limit)]
    if usage := capture.process:
        found["usage"] = [asdict(moment) for moment in thinned(usage, limit)]
    return found | taken(capture)


def _most(lines: list[SourceLine], views: Sequence[View], limit: int) -> list[SourceLine]:
    """The lines with most of something: at most `limit` by each mode (0: all), in their order."""
    if not limit or len(lines) <= limit:
        return lines
    kept: set[int] = set()
    for view in views:
        amounts = [view.line_amount(line, view.line_column) for line in lines] if view.line_column else []
        kept.update(sorted((n for n, amount in enumerate(amounts) if amount), key=lambda n: -amounts[n])[:limit])
        totals = [line.total.get(view.line_column, 0) for line in lines]
        kept.update(sorted((n for n, amount in enumerate(totals) if amount), key=lambda n: -totals[n])[:limit])
    return [lines[n] for n in sorted(kept)]


def edge_object(edge: Edge, views: Sequence[View]) -> dict[str, Any]:
    """An entry of "edges"; the caller is null for calls from outside every span."""
    found: dict[str, Any] = {
        "caller": edge.caller.name if edge.caller else None,
        "callee": edge.callee.name,
        "calls": edge.calls,
    }
    for view in views:
        found |= view.edge_values(edge)
    return found


def _node(label: Label | None, summary: Summary, tree: Tree, node: int, parent: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {"parent": parent}
    found |= {"name": label.name, "file": label.file, "line": label.line} if label else _ROOT
    found["calls"] = tree.calls[node]
    for view in summary.views:
        found |= view.node_values(label, node)
    return found


def call_tree(summary: Summary, tree: Tree, order: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The key "call_tree": rows, and which row each one's parent is. A tree may be deeper than JSON may be."""
    label = summary.capture.label
    row = {0: 0}
    yield _node(None, summary, tree, 0, None)
    for node in order:
        row[node] = len(row)
        yield _node(label(tree.label[node]), summary, tree, node, row[tree.parent[node]])


def _contexts(report: Report, options: Options) -> list[int]:
    """The contexts with at least the share asked for of any mode's first column, or with more, where they would be more
    than `options.limit`."""
    tree, depth, limit, share = report.tree, options.depth, options.limit, options.min_percent / 100
    mains = [(view, column) for view in report.summary.views for column in list(view.tree_columns)[:1]]
    whole = {column: view.tree_whole(column, report.summary) for view, column in mains} or {report.main_column: 0}
    for least in (share, *(larger for larger in SHARES if larger > share)):
        minimum = {column: int(value * least) for column, value in whole.items()}
        # The longest list is a lower bound, and cheap.
        longest = max(len(tree.select(column, n, depth or NO_LABEL, lines=False)) for column, n in minimum.items())
        if not limit or longest - 1 <= limit or least == SHARES[-1]:
            order = list(shown_order(tree, minimum, depth))
            if not limit or len(order) <= limit:
                break
    return order[: limit or None]


def _waiting(report: Report, limit: int) -> Iterator[tuple[str, Any]]:
    """Waits, latencies, tasks, contexts and slow calls, where there are any; `limit` rows each, 0: all."""
    lists: list[tuple[str, Any, Any]] = [
        ("waits", waiting.by_line(report.capture), waiting.wait_documents),
        ("latencies", waiting.latencies(report), waiting.latency_documents),
        ("tasks", tasks.tasks(report.capture), tasks.activity_documents),
        ("contexts", tasks.contexts(report.capture), tasks.activity_documents),
        ("slowest", slowest.calls(report), slowest.documents),
    ]
    for key, rows, documents in lists:
        if rows:
            first = rows[: limit or None]
            yield key, Rows(documents(first))
            yield f"{key}_omitted", len(rows) - len(first)


class Json(Format):
    """No list has more than `limit` rows (0: all); of lines, by each mode.

    Contexts that are below `min_percent` of the profiled time, of the bytes allocated and of the operations, where
    these were recorded, are counted in "call_tree_omitted".
    """

    name = "json"
    suffix = ".json"
    words = "JSON for tools"
    finds = True
    why_whole = "JSON has edges, lines and the tree of all functions"
    limit = 1000
    depth = 0
    min_percent = 0.01

    def render(self, report: Report) -> Iterator[str]:
        return document(self._pairs(report))

    def _pairs(self, report: Report) -> Iterator[tuple[str, Any]]:
        summary, tree, views, limit = report.summary, report.tree, report.summary.views, self.options.limit
        yield "schema", SCHEMA
        yield "session", session_object(summary)
        if report.verdict:
            yield "verdict", [{key: getattr(each, key) for key in _VERDICT} for each in report.verdict]
        if report.findings:
            first_findings = report.findings[: limit or None]
            yield "findings", Rows(finding_object(number, each) for number, each in enumerate(first_findings, 1))
        if report.capture.processes:
            yield "processes", Rows(processes.documents(summary))
        field = next((view.json_sort for view in views), None) or report.main_column
        functions = sorted(report.met, key=lambda f: (-(getattr(f, field) or 0), f.label.name, f.label.index))
        first = functions[: limit or None]
        yield "functions", Rows(function_object(function, views) for function in first)
        yield "functions_omitted", len(functions) - len(first)
        if report.metrics:
            first_metrics = report.metrics[: limit or None]
            yield "metrics", Rows(metrics.documents(first_metrics))
            yield "metrics_omitted", len(report.metrics) - len(first_metrics)
        yield from _waiting(report, limit)
        if any(view.line_column for view in views):
            lines = list(report.lines(apart=True))
            most = _most(lines, views, limit)
            yield "lines", Rows(line_object(line, views) for line in most)
            yield "lines_omitted", len(lines) - len(most)
        documents = [each for view in views for each in view.documents(summary, limit)]
        if process := process_object(report.capture, limit):
            documents.append((PROCESS, "process", process))
        for _, key, value in sorted(documents, key=lambda each: each[0]):
            yield key, value
        edges, count = report.capture.longest_edges(tree, limit or tree.count)
        yield "edges", Rows(edge_object(edge, views) for edge in edges)
        yield "edges_omitted", count - len(edges)
        order = _contexts(report, self.options)
        yield "call_tree_omitted", tree.count - 1 - sum(map(bool, tree.line)) - len(order)
        yield "call_tree", Rows(call_tree(summary, tree, order))
