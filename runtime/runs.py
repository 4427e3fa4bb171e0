"""Which captures belong together: those of one run of a program, with all the processes that it began.

A capture says which processes its own comes from (`prof.host.lineage`). Two captures are of one run if one process is
an ancestor of the other, or if both are of one family: the workers of a server whose main process was not recorded.
Captures that do not say it, of before or of C programs, are a run each.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from prof.capture import captures_in, glance
from prof.errors import InputError

Identity = tuple[str, int, int]
"""A process: its host, its number, and when it began there, 0 where that is not known."""


@frozen
class Origin:
    """Where the process of a capture comes from."""

    own: Identity | None
    ancestors: tuple[Identity, ...]
    """Nearest first."""
    family: Identity | None
    start_unix_ns: int

    @property
    def parent(self) -> int:
        """The number of the process that began it; 0 where that is not known."""
        return self.ancestors[0][1] if self.ancestors else 0


def origin(meta: dict[str, Any], start_unix_ns: int) -> Origin:
    """What a capture's meta says of that, whatever it holds."""
    host = str(meta.get("host") or "")
    rows = meta.get("lineage")
    lineage = [_identity(host, row) for row in rows] if isinstance(rows, list) else []
    known = [each for each in lineage if each is not None]
    if not known or len(known) < len(lineage):
        return Origin(None, (), None, start_unix_ns)
    return Origin(known[0], tuple(known[1:]), _identity(host, meta.get("family")), start_unix_ns)


def _identity(host: str, row: object) -> Identity | None:
    match row:
        case [int(pid), int(began)]:
            return host, pid, began
    return None


def recorded_parents(origins: Sequence[Origin]) -> list[int | None]:
    """By capture, the index of the one whose process is the nearest ancestor of its own; None where there is none."""
    by_identity: dict[Identity, list[int]] = {}
    for index, each in enumerate(origins):
        if each.own is not None:
            by_identity.setdefault(each.own, []).append(index)
    found = []
    for each in origins:
        nearest = next((by_identity[i] for i in each.ancestors if i != each.own and i in by_identity), [])
        # Of several recordings of one process, or of processes that had one number, the last one that began before.
        before = [n for n in nearest if origins[n].start_unix_ns <= each.start_unix_ns]
        found.append(max(before, key=lambda n: origins[n].start_unix_ns) if before else min(nearest, default=None))
    return found


def together(origins: Sequence[Origin]) -> list[int]:
    """By capture, the number of its run."""
    leads = list(range(len(origins)))

    def lead(index: int) -> int:
        while leads[index] != index:
            leads[index] = index = leads[leads[index]]
        return index

    families: dict[Identity, int] = {}
    for index, (each, above) in enumerate(zip(origins, recorded_parents(origins), strict=True)):
        if above is not None:
            leads[lead(index)] = lead(above)
        # Where the system does not say when a process began, its number alone says too little.
        for key in (each.own, each.family):
            if key is not None and key[2]:
                leads[lead(index)] = lead(families.setdefault(key, index))
    return [lead(index) for index in range(len(origins))]


def origin_of(path: Path) -> Origin:
    """Where the process of a capture comes from, without reading the rest. Raises InputError."""
    with glance(path) as capture:
        return origin(capture.meta, capture.start_unix_ns)


def newest_run(directory: str | os.PathLike[str] = ".") -> tuple[list[Path], list[str]]:
    """The captures of the run that a directory's newest capture is of, and what is to be said of that: captures which
    could be of it, and cannot be read.

    Raises InputError when there is no capture, or when the newest cannot be read.
    """
    rows = sorted(captures_in(directory), reverse=True)
    paths, origins = [rows[0][1]], [origin_of(rows[0][1])]
    refused: list[tuple[int, str]] = []
    for modified, path in rows[1:]:
        try:
            origins.append(origin_of(path))
            paths.append(path)
        except InputError as error:
            refused.append((modified, str(error)))
    runs = together(origins)
    members = [index for index, run in enumerate(runs) if run == runs[0]]
    members.sort(key=lambda index: origins[index].start_unix_ns)
    began = origins[members[0]].start_unix_ns
    notes = [f"left out, whatever it is of: {text}" for modified, text in refused if modified >= began]
    return [paths[index] for index in members], notes


def runs_of(paths: Sequence[Path]) -> list[list[Path]]:
    """Captures by run, the runs in the order in which they began, and so their captures. Raises InputError for one that
    cannot be read."""
    origins = [origin_of(path) for path in paths]
    runs = together(origins)
    found: dict[int, list[Path]] = {}
    for index in sorted(range(len(paths)), key=lambda each: origins[each].start_unix_ns):
        found.setdefault(runs[index], []).append(paths[index])
    return list(found.values())
