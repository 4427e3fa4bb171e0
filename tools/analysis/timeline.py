"""What happened when: the spans of a capture by track, merged as far as a picture can show them apart, with what the
process took over time."""

from __future__ import annotations

from base64 import b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from attrs import frozen
from prof.capture import KINDS, Capture, Label
from prof.errors import UsageError
from prof.events import Events, Series, Track, series_of
from prof.tools.screen.units import duration, many
from prof.tracks import Columns, Grouping, Items, count_merged, merge

HOW = "record it with trace, say PROF=time,trace=64MB"
NEVER = 255
MOST_MOMENTS = 600
"""Moments of a curve; of more, the largest of several stands for them."""
MOST_POINTS = 20_000
COARSEST = 1000  # no longer than this part of the range is what is merged
# By kind of label, what is merged with its like alone; sections are not merged.
_GROUPS = {"gc": 1, "import": 2, "section": NEVER}
Range = tuple[int, int]


def needed(capture: Capture, what: str) -> Events:
    """The events. Raises UsageError where none were recorded, for `what` cannot be made without."""
    found = capture.events()
    if found is None:
        raise UsageError(f"{capture.path} has no events, which {what} needs: {HOW}")
    return found


@frozen
class Row:
    """A track as it is shown: its spans, short ones merged."""

    track: Track
    columns: Columns
    items: Items


@frozen
class Timeline:
    """The tracks of a capture between two moments, in ns since it began."""

    events: Events
    between: Range
    rows: list[Row]
    least_ns: int
    """Neighbours shorter than this are merged; 0: none are."""

    @property
    def boxes(self) -> int:
        """How many are to be drawn."""
        return sum(row.items.count for row in self.rows)

    @property
    def spans(self) -> int:
        """How many were recorded, at whatever time."""
        return sum(row.track.spans for row in self.rows)

    @property
    def notes(self) -> list[str]:
        """What is to be said of the picture: what was merged, and what is missing."""
        missing = sum(count for row in self.rows for _, _, count in row.track.missing)
        points = len(self.events.points)
        return [
            *([f"{self.merged_words}; `prof flamechart --range` shows a part in full"] if self.least_ns else []),
            *([f"striped: {many(missing, 'span')} missing, for want of room"] if missing else []),
            *(
                [f"of {points:,} values that the program said, {MOST_POINTS:,} are marked"]
                if points > MOST_POINTS
                else []
            ),
        ]

    @property
    def merged_words(self) -> str:
        """What was merged; nothing where nothing was."""
        short = f"neighbours shorter than {duration(self.least_ns)} are merged"
        return f"{self.spans:,} spans are {self.boxes:,} boxes here: {short}" if self.least_ns else ""


def timeline(events: Events, between: Range | None, most: int) -> Timeline:
    """The tracks, in at most `most` boxes, as far as that can be."""
    found = between or (0, end_of(events))
    columns = [Columns(track) for track in events.tracks]
    by_kind = bytes(_GROUPS.get(label.kind, 0) for label in events.labels)
    # Where sections and collections are so many that a picture cannot have all, they are merged like the rest.
    for groups, coarsest in ((Grouping(by_kind, NEVER), COARSEST), (Grouping(bytes(len(by_kind)), NEVER), 1)):
        least, fits = _least(columns, found, groups, most, coarsest)
        if fits:
            break
    rows = [Row(t, c, merge(c, found, least, groups)) for t, c in zip(events.tracks, columns, strict=True)]
    return Timeline(events, found, rows, least)


def end_of(events: Events) -> int:
    """When the last of it ended."""
    ends = [events.duration_ns]
    ends += [track.start_ns[-1] + track.duration_ns[-1] for track in events.tracks if track.spans]
    return max(ends)


def _least(columns: Sequence[Columns], between: Range, groups: Grouping, most: int, coarsest: int) -> tuple[int, bool]:
    """The power of two below which spans are merged, the smallest that is enough, and whether it is; 0 where all fit.
    It is no longer than that part of the range."""

    def fits(least: int) -> bool:
        return sum(sum(count_merged(each, between, least, groups)) for each in columns) <= most

    if fits(0):
        return 0, True
    powers = range(1, max(2, ((between[1] - between[0]) // coarsest).bit_length() + 1))
    at = bisect_left(powers, True, key=lambda power: fits(1 << power))
    return 1 << powers[min(at, len(powers) - 1)], at < len(powers)


# ---- as data for the script that draws it ----


def varints(values: Iterable[int]) -> str:
    """Integers from 0 on, seven bits a byte, the least first, as base64."""
    out = bytearray()
    append = out.append
    for value in values:
        while value > 127:
            append(value & 127 | 128)
            value >>= 7
        append(value)
    return b64encode(out).decode("ascii")


def _differences(values: Sequence[int]) -> list[int]:
    return [b - a for a, b in zip([0, *values], values, strict=False)]


def _labels(labels: Sequence[Label], colour: Callable[[Label], str]) -> dict[str, Any]:
    strings: dict[str, int] = {}
    palette: dict[str, int] = {}

    def number(text: str) -> int:
        return strings.setdefault(text, len(strings))

    return {
        "name": varints(number(label.name) for label in labels),
        "kind": varints(KINDS.index(label.kind) if label.kind in KINDS else 0 for label in labels),
        "file": varints(number(label.file) for label in labels),
        "line": varints(max(0, label.line) for label in labels),
        "colour": varints(palette.setdefault(colour(label), len(palette)) for label in labels),
        "strings": list(strings),
        "palette": list(palette),
    }


def _track(row: Row, between: Range) -> dict[str, Any]:
    track = row.track
    begin, end = between
    return {
        "name": track.thread,
        "process": track.process,
        "tid": track.tid,
        "spans": track.spans,
        "rows": row.items.counts,
        "items": b64encode(row.items.pack()).decode("ascii"),
        "open": [[track.start_ns[span], track.depth[span]] for span in sorted(track.open)],
        "missing": [list(each) for each in track.missing if each[1] >= begin and each[0] < end],
    }


def _points(found: Timeline) -> list[list[Any]]:
    within = [p for p in found.events.points if found.between[0] <= p.time_ns <= found.between[1]]
    step = max(1, -(-len(within) // MOST_POINTS))
    return [[p.name, p.time_ns, p.value, p.track] for p in within[::step]]


def document(found: Timeline, colour: Callable[[Label], str]) -> dict[str, Any]:
    """All that `timeline.js` draws."""
    events = found.events
    return {
        "kinds": list(KINDS),
        "between": list(found.between),
        "least": found.least_ns,
        "spans": found.spans,
        "boxes": found.boxes,
        "labels": _labels(events.labels, colour),
        "tracks": [_track(row, found.between) for row in found.rows],
        "series": series_document(events.series.values(), found.between),
        "points": _points(found),
        "notes": found.notes,
    }


def without_spans(capture: Capture) -> dict[str, Any] | None:
    """The same of a capture without events: the process over time; None where that is not known either."""
    series = series_of(capture).values()
    between = (0, max((each.times_ns[-1] for each in series if each.times_ns), default=0))
    drawn = series_document(series, between)
    if not drawn:
        return None
    nothing = {"tracks": [], "points": [], "notes": [], "kinds": [], "least": 0, "spans": 0, "boxes": 0}
    return {**nothing, "between": list(between), "labels": _labels([], lambda _: ""), "series": drawn}


# ---- the process over time ----

Curve = Sequence[tuple[int, int]]


# What is drawn of figures that only grow: the sum of these, as a rate a second, in a unit.
_RATES = (
    ("CPU", ("user", "system"), 100 / 1e9, "%"),
    ("read", ("read",), 1, "B/s"),
    ("written", ("written",), 1, "B/s"),
)
_GROWING = ("user", "system", "read", "written", "disk read", "disk written", "waits", "preemptions")


def _curves(series: Iterable[Series]) -> Iterator[tuple[str, str, Curve]]:
    by_name = {each.name: each for each in series}
    for name, each in by_name.items():
        if name not in _GROWING:
            yield name, each.unit, list(zip(each.times_ns, each.values, strict=True))
    for name, of, scale, unit in _RATES:
        if all(each in by_name for each in of):
            times = by_name[of[0]].times_ns
            sums = [sum(values) for values in zip(*(by_name[each].values for each in of), strict=True)]
            yield name, unit, _rate(list(zip(times, sums, strict=True)), scale * 1e9)


def _rate(spent: Curve, scale: float) -> list[tuple[int, int]]:
    """What was spent a nanosecond, times `scale`, from each moment to the next; each stands where its time ends."""
    pairs = pairwise(spent)
    found = [(b, max(0, round(scale * (after - before) / (b - a)))) for (a, before), (b, after) in pairs if b > a]
    return [(spent[0][0], found[0][1]), *found] if found else []


def thinned(points: Curve, most: int) -> list[tuple[int, int]]:
    """At most so many of the points: the largest of as many as stand together."""
    step = max(1, -(-len(points) // most))
    return [max(points[at : at + step], key=lambda point: point[1]) for at in range(0, len(points), step)]


def series_document(series: Iterable[Series], between: Range) -> list[dict[str, Any]]:
    """The curves that say something, within a range, with the moments around it."""
    found = []
    for name, unit, points in _curves(series):
        points = sorted(points)  # as they are, but in a damaged capture
        times = [ns for ns, _ in points]
        first, last = max(0, bisect_left(times, between[0]) - 1), bisect_right(times, between[1]) + 1
        few = thinned(points[first:last], MOST_MOMENTS)
        if len(few) > 2 and any(value for _, value in few):
            values = [value for _, value in few]
            found.append(
                {"name": name, "unit": unit, "times": varints(_differences([ns for ns, _ in few])), "values": values}
            )
    return found
