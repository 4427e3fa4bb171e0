"""Events without a recording: spans as one would write them down, and what they come to, by the most obvious way."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import define, field, frozen


@frozen
class Label:
    """As `prof.capture.Label`."""

    index: int
    kind: str
    name: str
    module: str = "app"
    file: str = "/src/app.py"
    line: int = 1


@define
class Track:
    """As `prof.events.Track`."""

    thread: str
    process: int
    tid: int
    start_ns: array[int] = field(factory=lambda: array("Q"))
    duration_ns: array[int] = field(factory=lambda: array("Q"))
    label: array[int] = field(factory=lambda: array("I"))
    depth: array[int] = field(factory=lambda: array("I"))
    open: set[int] = field(factory=set)
    missing: list[tuple[int, int, int]] = field(factory=list)

    @property
    def spans(self) -> int:
        return len(self.start_ns)

    def add(self, start: int, duration: int, label: int, depth: int, ended: bool = True) -> None:
        if not ended:
            self.open.add(self.spans)
        self.start_ns.append(start)
        self.duration_ns.append(duration)
        self.label.append(label)
        self.depth.append(depth)

    def rows(self) -> Iterator[tuple[int, int, int, int]]:
        return zip(self.start_ns, self.duration_ns, self.label, self.depth, strict=True)


@frozen
class Series:
    name: str
    unit: str
    times_ns: array[int]
    values: array[int]


@frozen
class Point:
    name: str
    time_ns: int
    value: float
    track: int | None = None


@define
class Events:
    tracks: list[Track]
    labels: list[Label]
    series: dict[str, Series] = field(factory=dict)
    points: list[Point] = field(factory=list)
    start_unix_ns: int = 1_795_170_000_000_000_000
    duration_ns: int = 0


KINDS = ("function", "function", "function", "section", "gc", "import")


def labels(count: int = 24) -> list[Label]:
    names = ("main", "load", "parse", "db_query", "gc generation 2", "import json")
    return [
        Label(n, KINDS[n % 6], f"app.{names[n % 6]}_{n}" if n % 6 < 3 else names[n % 6], line=n + 1)
        for n in range(count)
    ]


def random_track(chance: random.Random, spans: int, length: int, labels: int, deepest: int = 6, tid: int = 1) -> Track:
    """Spans nested at random in `length` ns, some without a gap between them, some as short as nothing."""
    track = Track(f"worker {tid}", 4711, tid)

    def nest(begin: int, end: int, depth: int) -> None:
        at = begin
        while at < end and track.spans < spans:
            took = min(end - at, max(0, int(chance.paretovariate(1.1) * (end - begin) / 14) - 1))
            track.add(at, took, chance.randrange(labels), depth)
            if depth + 1 < deepest and took > 4 and chance.random() < 0.8:
                nest(at + chance.randrange(2), at + took - chance.randrange(2), depth + 1)
            at += took + chance.choice((0, 0, 1, max(1, took // 6)))

    nest(0, length, 0)
    return track


def random_events(seed: int, tracks: int = 2, spans: int = 4000, length: int = 2_000_000_000) -> Events:
    chance = random.Random(seed)
    known = labels()
    made = [random_track(chance, spans, length, len(known), tid=4711 + n) for n in range(tracks)]
    made[0].missing.append((length // 2, length // 2 + length // 50, 1234))
    times = array("Q", range(0, length, length // 200))
    rss = array("Q", (40_000_000 + n * 300_000 + chance.randrange(4_000_000) for n in range(len(times))))
    heap = array("Q", (value // 2 for value in rss))
    cpu = array("Q", (chance.randrange(180) for _ in times))
    return Events(
        made, known,
        {"rss": Series("rss", "B", times, rss), "heap": Series("heap", "B", times, heap),
         "cpu": Series("cpu", "%", times, cpu)},
        [Point("queue", length // 3, 7.0, 0), Point("reload", length // 4, 1.0)], duration_ns=length,
    )  # fmt: skip


def repeated(events: Events, spans: int) -> Events:
    """The same many times over, up to so many spans in all: for sizes that nobody would write down."""
    of_each = spans // len(events.tracks)
    long = Events([], events.labels, events.series, events.points, events.start_unix_ns)
    for track in events.tracks:
        period = events.duration_ns
        times = of_each // track.spans
        made = Track(track.thread, track.process, track.tid, duration_ns=track.duration_ns * times,
                     label=track.label * times, depth=track.depth * times)  # fmt: skip
        for n in range(times):
            made.start_ns.extend([start + n * period for start in track.start_ns])
        long.tracks.append(made)
        long.duration_ns = max(long.duration_ns, times * period)
    return long


def merged(rows: Sequence[tuple[int, int, int, int]], least: int, group: Callable[[int], int], never: int) -> Any:
    """By depth, what `prof_export_merge` should come to: [start, length, busy, how many, label]."""
    found: dict[int, list[list[int]]] = {}
    longest: dict[int, int] = {}
    for start, took, label, depth in rows:
        row = found.setdefault(depth, [])
        short = took < least and group(label) != never
        last = row[-1] if row else None
        if (
            short and last is not None and last[5] and group(last[4]) == group(label)
            and start + took - last[0] <= least
        ):  # fmt: skip
            last[1], last[2], last[3] = start + took - last[0], last[2] + took, last[3] + 1
            if took > longest[depth]:
                last[4], longest[depth] = label, took
            continue
        row.append([start, took, took, 1, label, short])
        longest[depth] = took
    return {depth: [item[:5] for item in row] for depth, row in found.items()}
