"""What happened when: the spans of a capture by track, merged as far as a picture can show them apart, with what the
process took over time."""

from __future__ import annotations

from base64 import b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from attrs import frozen
from prof.capture import KINDS, Capture, Label
from prof.errors import UsageError
from prof.tracks import Columns, Grouping, Items, Track, count_merged, merge

HOW = "record it with trace, say PROF=time,trace=64MB"
NEVER = 255
COARSEST = 1000  # no longer than this part of the range is what is merged
# By kind of label, what is merged with its like alone; sections are not merged.
_GROUPS = {"gc": 1, "import": 2, "section": NEVER}
Range = tuple[int, int]


def events_of(capture: Capture) -> Any | None:
    """The events; None where none were recorded."""
    read = getattr(capture, "events", None)
    return read() if read is not None else None


def needed(capture: Capture, what: str) -> Any:
    """The events. Raises UsageError where none were recorded, for `what` cannot be made without."""
    found = events_of(capture)
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

    events: Any
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

    def merged_words(self, duration: Callable[[int], str]) -> str:
        """What was merged, for the picture; nothing where nothing was."""
        if not self.least_ns:
            return ""
        return (
            f"{self.spans:,} spans are {self.boxes:,} boxes here: neighbours shorter than {duration(self.least_ns)} "
            "are merged"
        )


def timeline(events: Any, between: Range | None, most: int) -> Timeline:
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


def end_of(events: Any) -> int:
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


def series_document(series: Any, between: Range) -> dict[str, Any]:
    """A series within a range, with the moments around it."""
    first = max(0, bisect_left(series.times_ns, between[0]) - 1)
    last = bisect_right(series.times_ns, between[1]) + 1
    times, values = series.times_ns[first:last], series.values[first:last]
    return {"name": series.name, "unit": series.unit, "times": varints(_differences(times)), "values": list(values)}


def document(found: Timeline, colour: Callable[[Label], str]) -> dict[str, Any]:
    """All that `timeline.js` draws."""
    events = found.events
    return {
        "kinds": list(KINDS),
        "start_ms": events.start_unix_ns / 1e6,
        "between": list(found.between),
        "least": found.least_ns,
        "spans": found.spans,
        "boxes": found.boxes,
        "labels": _labels(events.labels, colour),
        "tracks": [_track(row, found.between) for row in found.rows],
        "series": [series_document(each, found.between) for each in events.series.values() if len(each.times_ns) > 1],
        "points": [
            [p.name, p.time_ns, p.value, p.track]
            for p in events.points
            if found.between[0] <= p.time_ns <= found.between[1]
        ],
    }
