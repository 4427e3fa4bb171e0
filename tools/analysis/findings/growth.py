"""Memory that grows: lines that leave blocks behind in one call after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prof.capture import Capture, Line, MemoryTotals, Tree
from prof.tools.analysis.findings.evidence import Evidence
from prof.tools.analysis.whose import Whose
from prof.tools.screen.units import many, percent, size

# What a table that is built in a few calls holds does not grow.
_CALLS = 20
# From so many bytes on, what grows comes before all else.
_MUCH = 8 << 20
_LINES, _LEAST = 20, 0.05


def evidence(
    capture: Capture, tree: Tree, whose: Whose, totals: MemoryTotals, calls: Mapping[int, int]
) -> Iterator[Evidence]:
    """`calls` are those of functions, by their labels. Lines of libraries count for the function that they ran in."""
    held = totals.live_bytes or 0
    moments = [moment.live_bytes for moment in capture.series]
    course = ""
    if len(moments) >= 4:
        quarters = ", ".join(size(moments[len(moments) * part // 4]) for part in (1, 2, 3))
        course = f"; the program held {quarters} at each quarter of its time, {size(held)} at the end"
    for line in capture.lines_in_spans(tree, "live_bytes", _LINES)[0]:
        span, live, blocks = line.span, line.live_bytes or 0, line.live_count or 0
        if span is None or whose.library(span) or live < _LEAST * held:
            continue
        times = calls.get(span.index, 0)
        if times < _CALLS or blocks < times // 2:
            continue
        share = live / held
        text = f"{size(live)} in {many(blocks, 'block')} that {many(times, 'call')} made is still held at the end"
        text += f", {percent(live, held)} of all that is, {size(live // times)} a call{course}"
        yield _at(line, whose, text, share, min(1.2, held / _MUCH))


def _at(line: Line, whose: Whose, text: str, share: float, heavy: float) -> Evidence:
    span = line.span
    assert span is not None
    own = not whose.library_of(line.label.file)
    file, number = (line.label.file, line.label.line) if own else (span.file, span.line)
    return Evidence(
        kind="growing memory", file=file, line=number, function=span.name, begins=(span.file, span.line), text=text,
        sure="counted exactly; that it would go on growing is inferred", share=share, of="bytes held at the end",
        weight=share * heavy, more="--show held", whole=not own,
    )  # fmt: skip
