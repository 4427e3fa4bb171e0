"""The tracks of a capture's events with the numbers that viewers tell them apart by."""

from __future__ import annotations

from attrs import frozen
from prof.capture import Capture
from prof.events import Events, Track


@frozen
class Tracks:
    """Tracks, each with a number of its own within its process, and the names of processes."""

    tracks: list[tuple[int, Track]]
    processes: dict[int, str]
    main: int
    """The process that series are of."""

    def place(self, track: int | None) -> tuple[int, int] | None:
        """The process and the number of a track, by its index."""
        if track is None or not 0 <= track < len(self.tracks):
            return None
        tid, found = self.tracks[track]
        return found.process, tid


def named(capture: Capture, events: Events) -> Tracks:
    """Threads keep the numbers that the system gave them. What would share one, as a later thread may, gets another."""
    taken: set[tuple[int, int]] = set()
    found = []
    for track in events.tracks:
        tid = track.tid
        while (track.process, tid) in taken:
            tid += 1 << 22  # above all numbers that Linux gives to threads
        taken.add((track.process, tid))
        found.append((tid, track))
    program = capture.program
    main = events.tracks[0].process if events.tracks else capture.pid
    names = {main: program} | {track.process: program for track in events.tracks}
    names |= {each.pid: each.name for each in capture.processes if each.pid in names}
    return Tracks(found, names, main)
