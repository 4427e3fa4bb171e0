"""Threads of a process of this machine as they are now, with their open spans; and what the kernel says of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from attrs import Factory, define, frozen
from prof.errors import InputError
from prof.text import shown

# Of /proc/PID/task/TID/stat.
_STATES = {"R": "running", "S": "waiting", "D": "waiting for a device", "T": "stopped", "t": "traced", "Z": "ended"}
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@frozen
class Span:
    """An open span. `line` is 0 and `ns`, how long it has been open, too, where that is not known."""

    name: str
    file: str
    line: int
    ns: int


@define
class Thread:
    """A thread: its kernel's id, what the interpreter says of it, its frames and its open spans, innermost first."""

    id: int
    state: list[str] = Factory(list)
    frames: list[str] = Factory(list)
    spans: list[Span] = Factory(list)
    holds: bool = False
    """Whether it has the interpreter's lock."""


Look = Callable[[int], list[Thread]]
"""What reads the threads of a process, which it does not disturb. Raises InputError where it cannot."""


@frozen
class Kernel:
    """A thread, or a whole process, as the kernel has it; empty and 0 where it has ended."""

    name: str = ""
    state: str = ""
    cpu_ns: int = 0
    rss_bytes: int = 0


def of_thread(pid: int, thread: int) -> Kernel:
    """What the kernel says of a thread."""
    return _stat(f"/proc/{pid}/task/{thread}/stat")


def of_process(pid: int) -> Kernel:
    """What the kernel says of a process."""
    return _stat(f"/proc/{pid}/stat")


def _stat(path: str) -> Kernel:
    try:
        text = Path(path).read_text("utf-8", "replace")
        name, _, rest = text.partition("(")[2].rpartition(")")
        fields = rest.split()
        cpu = (int(fields[11]) + int(fields[12])) * _TICK_NS
        return Kernel(shown(name), _STATES.get(fields[0], fields[0]), cpu, int(fields[21]) * _PAGE)
    except (OSError, IndexError, ValueError):
        return Kernel()


def recorded_into(pid: int) -> Path:
    """The capture that a process writes: it has it mapped. Raises InputError where it has none, or may not be read."""
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as file:
            rows = [line.rstrip("\n").split(None, 5) for line in file]
    except FileNotFoundError:
        raise InputError(f"process {pid}: there is no such process") from None
    except OSError as error:
        raise InputError(f"process {pid} cannot be read: {error.strerror}") from None
    for row in rows:
        if len(row) == 6 and row[1].startswith("rw-s") and (found := _capture_of(row[5], int(row[4]))) is not None:
            return found
    raise InputError(f"process {pid} does not record: `prof attach {pid}` begins that")


def _capture_of(name: str, inode: int) -> Path | None:
    """The capture that is mapped by that name. It may have been made without a name, in the folder where it got one."""
    folder = os.path.dirname(name.replace("\\012", "\n"))
    try:
        with os.scandir(folder) as entries:
            captures = (entry for entry in entries if entry.name.endswith(".capture"))
            return next((Path(entry.path) for entry in captures if entry.inode() == inode), None)
    except OSError:
        return None  # it is no folder, or one that was taken away
