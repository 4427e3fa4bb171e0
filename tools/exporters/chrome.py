"""For `chrome://tracing`, ui.perfetto.dev and what else reads Chrome's Trace Event Format:
https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU

Times are in microseconds, to the nanosecond.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from prof.capture import Capture, Label
from prof.events import Events, Track
from prof.modes import Measure
from prof.tools.analysis.timeline import needed
from prof.tools.exporters.export import UNITS, Export
from prof.tools.exporters.named_tracks import Tracks, named
from prof.tracks import Columns, Texts, chrome


def _time(ns: int) -> float:
    return ns / 1000


def _event(phase: str, name: str, **more: Any) -> bytes:
    return b",\n" + json.dumps({"ph": phase, "name": name, **more}, separators=(",", ":")).encode()


def render(capture: Capture, _measures: Sequence[Measure]) -> Iterator[bytes]:
    """An event for each span that ended, one that begins for each that did not, and counters."""
    events = needed(capture, "the format chrome")
    return _render(capture, events)


def _render(capture: Capture, events: Events) -> Iterator[bytes]:
    about = {"exporter": "prof-instrument", "name": capture.path.name, "start_unix_ns": str(events.start_unix_ns)}
    yield b'{"displayTimeUnit":"ns","otherData":' + json.dumps(about).encode() + b',"traceEvents":[\n'
    tracks = named(capture, events)
    yield b'{"ph":"M","name":"process_labels","pid":%d,"args":{"labels":"prof-instrument"}}' % tracks.main
    for pid, name in tracks.processes.items():
        yield _event("M", "process_name", pid=pid, args={"name": name})
    labels = Texts([_label(each.name, each.kind) for each in events.labels], _label("(unknown)", "unknown"))
    for order, (tid, track) in enumerate(tracks.tracks):
        yield _event("M", "thread_name", pid=track.process, tid=tid, args={"name": track.thread})
        yield _event("M", "thread_sort_index", pid=track.process, tid=tid, args={"sort_index": order})
        yield from _spans(track, tid, events.labels, labels)
        for begin, end, count in track.missing:
            more = {"count": count, "until_us": _time(end)}
            yield _event("i", "spans are missing", s="t", pid=track.process, tid=tid, ts=_time(begin), args=more)
    yield from _counters(events, tracks.main)
    yield from _points(events, tracks)
    yield b"\n]}\n"


def _label(name: str, kind: str) -> bytes:
    return f',"name":{json.dumps(name)},"cat":{json.dumps(kind)}}}'.encode()


def _spans(track: Track, tid: int, labels: Sequence[Label], texts: Texts) -> Iterator[bytes]:
    """Those without an end are events of their own, between the others."""
    columns = Columns(track)
    head = f'{{"ph":"X","pid":{track.process},"tid":{tid},"ts":'.encode()
    for before, span in pairwise((-1, *columns.open, columns.count)):
        yield from chrome(columns, texts, head, before + 1, span)
        if span < columns.count:
            label = labels[track.label[span]]
            more = {"cat": label.kind, "args": {"end": "not before the recording's"}}
            yield _event("B", label.name, pid=track.process, tid=tid, ts=_time(track.start_ns[span]), **more)


def _counters(events: Events, process: int) -> Iterator[bytes]:
    for series in events.series.values():
        unit = UNITS.get(series.unit, series.unit or "value")
        for ns, value in zip(series.times_ns, series.values, strict=True):
            yield _event("C", series.name, pid=process, ts=_time(ns), args={unit: value})


def _points(events: Events, tracks: Tracks) -> Iterator[bytes]:
    for point in events.points:
        at = tracks.place(point.track)
        scope = {"s": "t", "pid": at[0], "tid": at[1]} if at else {"s": "p", "pid": tracks.main}
        yield _event("i", point.name, ts=_time(point.time_ns), args={"value": point.value}, **scope)


EXPORT = Export("chrome", ".trace.json", "chrome://tracing and ui.perfetto.dev, needs events", render, filtered=False)
