"""What the program said of its spans itself: its metrics, by name and span. Every format has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen
from prof.capture import Capture, Tree
from prof.records import Metric
from prof.tools.analysis.overview import where
from prof.tools.analysis.sections import Section
from prof.tools.screen.tables import Column, shown_of
from prof.tools.screen.units import count, duration, signed, size

TITLE = "Metrics"
OUTSIDE = "(outside)"


def metrics(capture: Capture, tree: Tree) -> list[Metric]:
    """Those of a capture: by name, and of each name the largest sum first."""
    return sorted(capture.metrics(tree), key=lambda m: (m.name, -m.sum, _span(m), m.label.index if m.label else -1))


def _span(metric: Metric) -> str:
    return metric.label.name if metric.label else OUTSIDE


def shown(name: str, value: int | float) -> str:
    """A value for people: a duration where the name ends in `_ns`, a size where it ends in `_bytes`."""
    if name.endswith(("_ns", "_bytes")):
        format = duration if name.endswith("_ns") else size
        return ("-" if value < 0 else "") + format(round(abs(value)))
    return f"{value:,.6g}" if isinstance(value, float) else ("-" if value < 0 else "") + count(abs(value))


def _mean(metric: Metric) -> float:
    return metric.sum / metric.count if metric.count else 0.0


def section(rows: Sequence[Metric], limit: int = 0) -> Section:
    """The table, of `limit` rows at most (0: all)."""
    first = rows[: limit or None]
    columns = [
        Column("sum", [shown(m.name, m.sum) for m in first]),
        Column("values", [count(m.count) for m in first]),
        Column("mean", [shown(m.name, _mean(m)) for m in first]),
        Column("least", [shown(m.name, m.least) for m in first], rank=1),
        Column("most", [shown(m.name, m.most) for m in first], rank=1),
        Column("metric", [m.name for m in first], "name", left=True),
        Column("span", [_span(m) for m in first], left=True, stretch=True),
        Column("file", [where(m.label) if m.label else "" for m in first], "dim", left=True, rank=2),
    ]
    return Section(TITLE, shown_of(len(first), len(rows)), columns=columns, least=16, key="metrics")


def documents(rows: Iterable[Metric]) -> Iterable[dict[str, Any]]:
    """The rows of the key "metrics" of the JSON report."""
    for metric in rows:
        label = metric.label
        yield {
            "name": metric.name,
            "span": label.name if label else None,
            "kind": label.kind if label else None,
            "file": label.file if label else "",
            "line": label.line if label else 0,
            "count": metric.count,
            "sum": metric.sum,
            "least": metric.least,
            "most": metric.most,
        }


# ---- two captures ----


@frozen
class MetricChange:
    """A metric of a span in both captures; a side is None where it was not recorded."""

    name: str
    span: str | None
    before: Metric | None
    after: Metric | None

    @property
    def sums(self) -> tuple[int | float, int | float]:
        return (self.before.sum if self.before else 0), (self.after.sum if self.after else 0)

    @property
    def counts(self) -> tuple[int, int]:
        return (self.before.count if self.before else 0), (self.after.count if self.after else 0)

    @property
    def rise(self) -> int | float:
        before, after = self.sums
        return after - before

    def shown_rise(self) -> str:
        return signed(shown(self.name, abs(self.rise)), 1 if self.rise > 0 else -1 if self.rise < 0 else 0)


def changes(before: Iterable[Metric], after: Iterable[Metric]) -> list[MetricChange]:
    """Those that differ in sum or number, by name, the largest change first. Spans are the same by kind and name."""
    sides = [_by_span(before), _by_span(after)]
    found = [
        MetricChange(key[0], key[2] if key[1] else None, sides[0].get(key), sides[1].get(key))
        for key in {**sides[0], **sides[1]}
    ]
    differing = [change for change in found if change.rise or len(set(change.counts)) > 1]
    return sorted(differing, key=lambda change: (change.name, -abs(change.rise), change.span or ""))


def _by_span(metrics: Iterable[Metric]) -> dict[tuple[str, str, str], Metric]:
    found: dict[tuple[str, str, str], Metric] = {}
    for metric in metrics:
        label = metric.label
        key = (metric.name, label.kind if label else "", label.name if label else "")
        found[key] = found[key].joined(metric) if key in found else metric
    return found
