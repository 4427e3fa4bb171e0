"""Chrome's trace events, as viztracer, Chrome and others write them: spans with a beginning and an end.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import Factory, define
from prof._core import lib
from prof.errors import InputError
from prof.tools.importers.profile import Profile, placed


def is_like(document: Any) -> bool:
    """Whether a JSON document is one: an object with `traceEvents`, or a list of events."""
    events = document.get("traceEvents") if isinstance(document, dict) else document
    return isinstance(events, list) and all(isinstance(event, dict) and "ph" in event for event in events[:9])


@define
class _Track:
    """A thread's spans as they are read: of those that are open, context, end or None, and time in spans below."""

    open: list[tuple[int, int | None]] = Factory(list)
    last: int = 0


def read(path: Path, document: Any) -> Profile:
    """Spans of all threads, by their stacks. Raises InputError."""
    about = document.get("viztracer_metadata") if isinstance(document, dict) else None
    profile = Profile("Chrome's trace events" + (f", by viztracer {about.get('version', '')}" if about else ""))
    tracks: dict[tuple[Any, Any], _Track] = {}
    unclosed = 0
    try:
        for event in _ordered(document["traceEvents"] if isinstance(document, dict) else document):
            track = tracks.setdefault((event.get("pid"), event.get("tid")), _Track())
            _add(profile, track, event)
        for track in tracks.values():
            _close(profile, track, None)
            unclosed += len(track.open)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged: an event is not as Chrome's format says ({error!r})") from None
    if not profile.rows:
        raise InputError(f"{path} has no events with a beginning and an end")
    if unclosed:
        profile.notes.append(f"{unclosed:,} spans had not ended: they have the time until the last event")
    return profile


def _ordered(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those with a duration by their beginning, the longer first; beginnings and ends stay in their order."""
    spans = [event for event in events if event["ph"] in ("X", "B", "E")]
    return sorted(spans, key=lambda event: (_ns(event["ts"]), -_ns(event.get("dur", 0)) if event["ph"] == "X" else 0))


def _ns(us: float) -> int:
    return round(us * 1000)


def _add(profile: Profile, track: _Track, event: dict[str, Any]) -> None:
    at = _ns(event["ts"])
    _close(profile, track, at)
    if event["ph"] == "E":
        if not track.open:
            raise ValueError(f"an end at {event['ts']} of nothing that is open")
        _pass(profile, track, at)
        track.open.pop()
        return
    _pass(profile, track, at)
    name, file, line = placed(str(event["name"]))
    node = profile.child(track.open[-1][0] if track.open else 0, profile.label(lib.PROF_FUNCTION, name, file, line))
    profile.add(node, "time", calls=1)
    end = at + _ns(event.get("dur", 0)) if event["ph"] == "X" else None
    if end is not None and track.open and track.open[-1][1] is not None:
        end = min(end, track.open[-1][1])
    track.open.append((node, end))


def _close(profile: Profile, track: _Track, until: int | None) -> None:
    """Ends the spans whose end has come; all that have one, if `until` is None."""
    while track.open and track.open[-1][1] is not None and (until is None or track.open[-1][1] <= until):
        _pass(profile, track, track.open[-1][1])
        track.open.pop()


def _pass(profile: Profile, track: _Track, at: int) -> None:
    """What has passed is the innermost span's own."""
    if track.open:
        profile.add(track.open[-1][0], "time", self_ns=at - track.last)
    track.last = at
