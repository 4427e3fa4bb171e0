"""What became of the process that wrote a capture: ended in order, became another program, still runs, was killed."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from prof.capture import Capture, Process
from prof.tools.screen.units import duration, size

# What is said of a process that did not end in order.
FATES = {
    "running": "still running",
    "replaced": "replaced by another program (exec) while recording",
    "killed": "killed while recording",
    "recording": "killed while recording, or still running",
}
# Figures of `prof.process` that add up, and those that go up and down, each with what is said of it.
_TAKEN = (
    ("user_ns", duration, "in the program"),
    ("system_ns", duration, "in the kernel"),
    ("read_bytes", size, "read"),
    ("written_bytes", size, "written"),
)
_HELD = (
    ("rss_bytes", size, "resident"),
    ("threads", str, "threads"),
    ("descriptors", str, "descriptors"),
    ("connections", str, "connections"),
)
# Between the two clocks that say when a process began and when it began to record.
SLACK_SECONDS = 2.0


def fate(capture: Capture) -> str:
    """`closed`, or a key of FATES; `recording` where it cannot be told from here, as of a process of another host. Of
    several captures read as one, what became of those that did not end in order."""
    if capture.processes:
        fates = [fate_of(process, process.host) for process in capture.processes]
        return next((each for each in FATES if each in fates), "closed")
    return fate_of(capture, capture.meta.get("host"))


def fate_of(process: Capture | Process, host: object) -> str:
    """What became of one process, of that host."""
    if not process.recording:
        return "closed"
    if process.replaced:
        return "replaced"
    if host != socket.gethostname() or not os.path.exists("/proc/self/stat"):
        return "recording"
    began = _began(process.pid)
    # A number is given again: a process that began later is another one.
    same = began is not None and began <= process.start_unix_ns / 1e9 + SLACK_SECONDS
    return "running" if same else "killed"


def taken(capture: Capture) -> dict[str, dict[str, int]]:
    """Figures of the process at the recording's `start` and `end`, by name; empty where they were not asked for."""
    found = capture.meta.get("process")
    moments = {key: found.get(key) for key in ("start", "end")} if isinstance(found, dict) else {}
    return {
        key: {name: value for name, value in figures.items() if type(value) is int and value >= 0}
        for key, figures in moments.items()
        if isinstance(figures, dict)
    }


def process_facts(capture: Capture) -> Iterator[tuple[str, str]]:
    """The same in words: what it took in between, and what it had."""
    found = taken(capture)
    if len(found) < 2:
        return
    start, end = found["start"], found["end"]
    words = [
        f"{said(end[name] - start[name])} {what}"
        for name, said, what in _TAKEN
        if name in start and end.get(name, 0) > start[name]
    ]
    words += [
        f"{said(start[name])} to {said(end[name])} {what}"
        for name, said, what in _HELD
        if start.keys() & end.keys() & {name}
    ]
    if words:
        yield "Process", ", ".join(words)


def _began(pid: int) -> float | None:
    """When a process of this machine began, in seconds since 1970; None when there is none, or it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        state, ticks = fields[0], int(fields[19])
    except (OSError, IndexError, ValueError):
        return None
    if state in (b"Z", b"X"):
        return None
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")
