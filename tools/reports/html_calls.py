"""Who calls whom from which line, as the page's source has it: as samples met it, and as operations were counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prof.capture import NO_LABEL, Label
from prof.tools.analysis.call_chains import CallSites
from prof.tools.analysis.calling_lines import called_as, sampled
from prof.tools.analysis.name_uses import callee
from prof.tools.analysis.report import Report

MOST = 40_000
"""Of each kind; more are left out, those with least."""

Number = Callable[[int], int]
"""The page's number of a label."""


def document(report: Report, number: Number) -> dict[str, Any]:
    """Rows: of samples (caller, line, callee, samples, ns); counted (file, line, name, callee or 0, how often, caller);
    and of functions whatever the line (caller, callee, calls, ns). Callers and callees are numbers of labels, or 0."""
    return {
        "sampled": list(_sampled(report, number))[:MOST],
        "counted": list(_counted(report, number))[:MOST],
        "edges": list(_edges(report, number))[:MOST],
    }


def _sampled(report: Report, number: Number) -> Iterator[list[int]]:
    capture = report.capture
    if not capture.whole_stacks:
        return
    for call in CallSites(sampled(capture, report.tree)).calls:
        caller = number(call.caller.index) if call.caller is not None else 0
        yield [caller, call.line, number(call.callee.index), call.samples, call.sampled_ns]


def _counted(report: Report, number: Number) -> Iterator[list[Any]]:
    """A callee is known where the function that calls has one alone of that name below it."""
    sites = [site for view in report.summary.views for site in view.call_sites(report.tree)]
    below = _callees(report) if sites else {}
    for site in sites:
        found = below.get((site.code.label, site.name), set()) if site.code.label is not None else set()
        known = number(next(iter(found))) if len(found) == 1 else 0
        if site.name or known:
            caller = number(site.code.label) if site.code.label is not None else 0
            yield [site.code.file, site.line, callee(site), known, site.count, caller]


def _callees(report: Report) -> dict[tuple[int, str], set[int]]:
    """By caller and the name that its source has for what it calls: the labels."""
    tree, capture = report.tree, report.capture
    found: dict[tuple[int, str], set[int]] = {}
    for node in range(1, tree.count):
        above, label = tree.label[tree.parent[node]], tree.label[node]
        if above != NO_LABEL and not tree.line[node]:
            found.setdefault((above, called_as(capture.label(label))), set()).add(label)
    return found


def _edges(report: Report, number: Number) -> Iterator[list[int]]:
    edges, _ = report.capture.longest_edges(report.tree, MOST)
    for edge in edges:
        if _is_function(edge.callee):
            yield [
                number(edge.caller.index) if edge.caller else 0,
                number(edge.callee.index),
                edge.calls,
                edge.total_ns,
            ]


def _is_function(label: Label) -> bool:
    return bool(label.file and label.line)
