"""Times and samples of two sides, which no two runs have alike: a value a run for each function, judged together.

Functions that have hardly any of it on either side are one row together: each more row makes a false alarm likelier,
and so the others harder to tell apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import Factory, define, field, frozen
from prof.capture import Capture, Function, Tree
from prof.tools.analysis.compared import Counted, Place
from prof.tools.analysis.confidence import PRECISION, Interval, Row, judged, least_runs
from prof.tools.analysis.view import View

WALL = Counted("wall", "wall", "ns", "time of the run")
SMALL = 0.002
"""Functions with less of the whole, on both sides, are one row."""
MOST_ROWS = 300
WHOLE, REST = Place("(the whole run)", "total"), "({} smaller functions)"

_Key = tuple[str, str]
_Row = tuple[Place, Counted, tuple[float, ...], tuple[float, ...]]


@frozen
class Timing:
    """A row: what it is of, which measure, and what the two sides say."""

    place: Place
    measure: Counted
    interval: Interval
    before: tuple[float, ...]
    after: tuple[float, ...]
    """A value a run."""

    @property
    def whole(self) -> bool:
        return self.place is WHOLE

    def pair(self, key: str) -> tuple[int, int]:
        """What it was before and after, as of a `Change`."""
        return round(self.interval.before), round(self.interval.after)

    def rise(self, key: str) -> int:
        return round(self.interval.change)

    @property
    def intervals(self) -> Mapping[str, Interval]:
        return {self.measure.key: self.interval}


@frozen
class Facts:
    """What decides whether the times of a capture can be held against those of another."""

    path: Path
    interpreter: str
    machine: str
    clock: str
    interval_ns: int
    engine: str
    calibrated: bool
    begin: int
    end: int

    @classmethod
    def of(cls, capture: Capture) -> Facts:
        meta = capture.meta
        machine = " ".join(filter(None, (str(meta.get(key) or "") for key in ("host", "platform"))))
        return cls(
            capture.path, capture.interpreter, machine, "cpu" if "cpu" in capture.clock else "wall",
            capture.interval_ns, str(meta.get("engine") or ""), capture.calibrated, capture.start_unix_ns,
            capture.start_unix_ns + capture.duration_ns,
        )  # fmt: skip


@define
class Times:
    """Of one side, what each run took: by measure and function, a value a run; and of the whole run."""

    runs: int = 0
    values: dict[str, dict[_Key, list[float]]] = field(factory=dict)
    wholes: dict[str, list[float]] = field(factory=dict)
    places: dict[_Key, Place] = field(factory=dict)
    facts: list[Facts] = field(factory=list)
    probed: set[str] = field(factory=set)
    bare: set[str] = field(factory=set)
    """Functions that samples met without a probe."""

    def add(self, capture: Capture, tree: Tree, functions: Sequence[Function], views: Sequence[type[View]]) -> None:
        """The next run's."""
        self.facts.append(Facts.of(capture))
        self.probed |= {f.label.name for f in functions if f.label.kind == "function"}
        self.wholes.setdefault(WALL.key, []).append(float(capture.duration_ns))
        for view in views:
            for measure in view.by_interval:
                whole = 0
                rows = self.values.setdefault(measure.key, {})
                for function, value in view.timings(capture, tree, functions):
                    whole += value
                    self._row(rows, function)[self.runs] += value
                self.wholes.setdefault(measure.key, []).append(float(whole))
        self.runs += 1
        for rows in self.values.values():
            for row in rows.values():
                row.append(0.0)

    def _row(self, rows: dict[_Key, list[float]], function: Function) -> list[float]:
        label = function.label
        if label.kind == "frame":
            self.bare.add(label.name)
        # With a probe and without, it is the same function.
        kind = "function" if label.kind == "frame" else label.kind
        key = kind, label.name
        if key not in rows:
            rows[key] = [0.0] * (self.runs + 1)
            self.places.setdefault(key, Place(label.name, kind, label.name, label.file, label.line))
        return rows[key]


@frozen
class Timings:
    """The rows, those with a difference first; and what is to be said of all of them."""

    measures: tuple[Counted, ...] = ()
    rows: list[Timing] = Factory(list)
    notes: list[str] = Factory(list)
    runs: tuple[int, int] = (0, 0)

    @property
    def shown(self) -> list[Timing]:
        """Those that differ."""
        return [row for row in self.rows if row.interval.shown]

    @property
    def too_few(self) -> int:
        """How many more runs a side it takes until anything can be said."""
        return least_runs(*self.runs)

    def functions(self, measure: str) -> list[Timing]:
        return [row for row in self.rows if row.measure.key == measure and not row.whole]

    def whole(self, measure: str) -> Timing | None:
        return next((row for row in self.rows if row.measure.key == measure and row.whole), None)


def compare_times(
    before: Times,
    after: Times,
    measures: Sequence[Counted],
    precision: float = PRECISION,
    any_machine: bool = False,
    others: Sequence[Row] = (),
) -> tuple[Timings, list[Interval]]:
    """What both sides have of these measures; and the intervals of `others`, which are judged in one with them, so that
    the promise of few false alarms is about everything in a report. Those of two machines too if `any_machine`."""
    facts = [*before.facts, *after.facts]
    none = _why_none(facts, any_machine)
    reasons = {measure: none or _reason(facts, measure) for measure in measures}
    notes = [f"{m.words} left out: {reason}" for m, reason in reasons.items() if reason]
    if none:
        notes = [f"times left out: {none}"]
    kept = [measure for measure in measures if not reasons[measure]]
    notes += _notes(before, after, bool(kept))
    rows: list[_Row] = []
    for measure in kept:
        if measure.key in before.wholes and measure.key in after.wholes:
            rows.append((WHOLE, measure, tuple(before.wholes[measure.key]), tuple(after.wholes[measure.key])))
            rows += _functions(before, after, measure)
    worth = [_worth(before, measure) for _, measure, *_ in rows] + [0.0] * len(others)
    intervals = judged([*((b, a) for *_, b, a in rows), *others], worth, precision)
    found = [Timing(place, m, interval, b, a) for (place, m, b, a), interval in zip(rows, intervals, strict=False)]
    found.sort(key=lambda row: (not row.interval.shown, -abs(row.interval.change), row.place.name, row.place.file))
    there = tuple(measure for measure in kept if any(row.measure is measure for row in found))
    return Timings(there, found, notes, (before.runs, after.runs)), intervals[len(rows) :]


def _worth(before: Times, measure: Counted) -> float:
    values = before.wholes[measure.key]
    return sum(values) / len(values)


def _functions(before: Times, after: Times, measure: Counted) -> Iterator[_Row]:
    wholes = [max(1.0, sum(side.wholes[measure.key])) for side in (before, after)]
    of_before, of_after = (
        {key: tuple(row[: side.runs]) for key, row in side.values.get(measure.key, {}).items()}
        for side in (before, after)
    )
    nothing = (0.0,) * before.runs, (0.0,) * after.runs
    rows = {key: (of_before.get(key, nothing[0]), of_after.get(key, nothing[1])) for key in {**of_before, **of_after}}
    shares = {key: max(sum(row[0]) / wholes[0], sum(row[1]) / wholes[1]) for key, row in rows.items()}
    large = sorted((key for key in rows if shares[key] >= SMALL), key=lambda key: -shares[key])[:MOST_ROWS]
    for key in large:
        first, second = rows[key]
        yield after.places.get(key) or before.places[key], measure, first, second
    kept = set(large)
    small = [row for key, row in rows.items() if key not in kept]
    if len(small) == 1:
        (key,) = rows.keys() - kept
        yield after.places.get(key) or before.places[key], measure, small[0][0], small[0][1]
    elif small:
        first, second = (_added(row[side] for row in small) for side in (0, 1))
        yield Place(REST.format(f"{len(small):,}"), "rest"), measure, first, second


def _added(rows: Iterable[tuple[float, ...]]) -> tuple[float, ...]:
    """The sums, run by run."""
    return tuple(map(sum, zip(*rows, strict=True)))


# ---- what can be compared ----


def _why_none(facts: Sequence[Facts], any_machine: bool) -> str:
    """Why no time says anything; empty where they do."""
    first = facts[0]
    early = next((each for each in facts if not each.calibrated), None)
    if early is not None:
        return f"{early.path} was killed before its clock was calibrated"
    if any_machine:
        return ""
    other = next((each for each in facts if each.machine != first.machine), None)
    if other is None:
        return ""
    machines = f"{first.path} was recorded on {first.machine or '?'}, {other.path} on {other.machine or '?'}"
    return f"{machines}; --any-machine compares them"


def _reason(facts: Sequence[Facts], measure: Counted) -> str:
    """Why a measure says nothing; empty where it does."""
    first = facts[0]
    for name in measure.alike:
        for each in facts:
            if getattr(each, name) != getattr(first, name):
                return f"{first.path} and {each.path} {_UNLIKE[name](first, each)}"
    return ""


_UNLIKE: Mapping[str, Callable[[Facts, Facts], str]] = {
    "clock": lambda first, other: "have clocks of two kinds",
    "engine": lambda first, other: f"have probes of two kinds ({first.engine}; {other.engine}), which cost differently",
    "interval_ns": lambda first, other: (
        f"were sampled at {first.interval_ns / 1e6:g} and {other.interval_ns / 1e6:g} ms"
    ),
}


def _notes(before: Times, after: Times, any_kept: bool) -> Iterator[str]:
    if not any_kept:
        return
    interpreters = list(dict.fromkeys(each.interpreter for side in (before, after) for each in side.facts))
    if len(interpreters) > 1:
        yield f"times are of {' and '.join(interpreters)}: what differs may be the interpreter's doing"
    one_sided = sorted((before.probed & after.bare) - after.probed | (after.probed & before.bare) - before.probed)
    if one_sided:
        others = f" and {len(one_sided) - 1:,} more have" if len(one_sided) > 1 else " has"
        yield f"{one_sided[0]}{others} probes on one side alone: elsewhere, exact times are its caller's"
    if min(before.runs, after.runs) > 1 and _apart(before.facts, after.facts):
        yield "one side was recorded after the other: what the machine did meanwhile is in it (prof bench takes turns)"


def _apart(before: Sequence[Facts], after: Sequence[Facts]) -> bool:
    """Whether all runs of one side had ended when those of the other began."""
    ends = [max(each.end for each in side) for side in (before, after)]
    begins = [min(each.begin for each in side) for side in (before, after)]
    return ends[0] <= begins[1] or ends[1] <= begins[0]
