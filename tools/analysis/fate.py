"""What became of the process that wrote a capture: ended in order, became another program, still runs, was killed."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from prof.capture import Capture, Process

# What is said of a process that did not end in order.
FATES = {
    "running": "still running",
    "replaced": "replaced by another program (exec) while recording",
    "killed": "killed while recording",
    "recording": "killed while recording, or still running",
}
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
