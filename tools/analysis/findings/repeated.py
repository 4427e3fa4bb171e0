"""Calls that one line makes again and again within one call of its function."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from prof.counted import Code, Site
from prof.tools.analysis.findings.counts import Counts
from prof.tools.analysis.findings.evidence import Evidence
from prof.tools.analysis.name_uses import CALLS, callee
from prof.tools.screen.units import count, duration, many

# Calls of one name by one line: altogether, and within one call.
_CALLS = 20
_NAMES = 3


def evidence(counts: Counts) -> Iterator[Evidence]:
    """Says more of lines that are findings already: many calls are no finding."""
    lines: dict[tuple[Code, int], list[Site]] = defaultdict(list)
    for site in counts.solved.sites("call", CALLS)[0]:
        if site.count >= _CALLS and callee(site):
            lines[site.code, site.line].append(site)
    for (code, line), sites in lines.items():
        function = counts.own(code)
        if function is None or not function.calls:
            continue
        around = counts.callers_calls(function)
        sites.sort(key=lambda site: (-site.count, site.name))
        made = ", ".join(f"{callee(site)} {count(site.count)} times" for site in sites[:_NAMES])
        text = f"calls {made}, in {many(function.calls, 'call')} of {function.label.name}"
        if function.calls > around:
            text += f", which {many(around, 'call')} of its callers made"
        took = counts.called.get((code.file, line), {})
        if took.get("self_ns"):
            text += f"; what it called that has probes took {duration(took['self_ns'])}"
        yield Evidence(
            kind="repeated call", file=code.file, line=line, function=function.label.name,
            begins=(code.file, code.line), text=text, sure="counted exactly",
        )  # fmt: skip
