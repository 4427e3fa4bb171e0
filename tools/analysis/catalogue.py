"""The captures of a folder, as a table: what each is of, without reading all of it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen
from prof.capture import captures_in, glance
from prof.errors import InputError
from prof.text import printable
from prof.tools.analysis.fate import FATES, fate
from prof.tools.analysis.sections import Section
from prof.tools.screen.tables import Column
from prof.tools.screen.units import duration, size


@frozen
class Entry:
    """A capture of the list. `why` is not empty where it cannot be read."""

    path: Path
    program: str
    modes: str
    began: str
    wall_ns: int
    size: int
    state: str
    why: str = ""


def entries(folder: Path, paths: Sequence[Path] = ()) -> list[Entry]:
    """The captures of a folder, or those given, the newest first. Raises InputError where there is none."""
    found = paths or [path for _, path in sorted(captures_in(folder), reverse=True)]
    return [_entry(path) for path in found]


def _entry(path: Path) -> Entry:
    try:
        size = os.stat(path).st_size
    except OSError:
        size = 0
    try:
        with glance(path) as capture:
            began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(capture.start_unix_ns / 1e9))
            state = fate(capture)
            return Entry(
                path, f"{capture.program} ({capture.pid})", "+".join(capture.mode_names), began,
                capture.duration_ns, size,
                "" if state == "closed" else FATES[state],
            )  # fmt: skip
    except InputError as error:
        return Entry(path, printable(path.name), "", "", 0, size, "", str(error))


def section(found: Sequence[Entry], marked: Sequence[Path]) -> Section:
    """The list, with a sign at those that are marked."""
    columns = [
        Column(" ", ["●" if each.path in marked else " " for each in found], "warning", left=True),
        Column("program", [each.program for each in found], "name", left=True, stretch=True),
        Column("began", [each.began for each in found], "dim", left=True),
        Column("modes", [each.modes for each in found], left=True, rank=1),
        Column("lasted", [duration(each.wall_ns) for each in found], rank=2),
        Column("size", [size(each.size) for each in found]),
        Column("state", [each.why or each.state for each in found], "warning", left=True, rank=3),
        Column("file", [printable(each.path.name) for each in found], "dim", left=True, rank=4),
    ]
    return Section("Captures", columns=columns, least=16)
