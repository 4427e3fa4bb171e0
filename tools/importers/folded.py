"""Folded stacks: `main;work 42`, of any tool. https://github.com/brendangregg/FlameGraph"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from prof._core import lib
from prof.errors import InputError
from prof.modes import MEASURES
from prof.tools.analysis.frames import guess_name
from prof.tools.importers.profile import Profile, placed

_LIKE = re.compile(rb"[^\s].* \d+(\.\d+)?")
_KINDS = {"section": lib.PROF_SECTION, "import": lib.PROF_IMPORT, "gc": lib.PROF_GC}


def is_like(data: bytes) -> bool:
    """Whether a file's first line is a stack, or the file is text whose second one is."""
    lines = [line for line in data[:65536].splitlines()[:3] if line.strip()]
    return b"\0" not in data[:4096] and any(map(_LIKE.fullmatch, map(bytes.strip, lines)))


def read(path: Path, data: bytes) -> Profile:
    """Stacks of our own are of the measure that the file's name says; others are samples. Raises InputError."""
    named = (m for m in MEASURES.values() if re.search(rf"-{m.name}(-[a-z]+)?\.folded$", path.name))
    measure = next(named, None)
    unit = "" if measure is None else measure.unit
    profile, skipped = Profile("folded stacks"), 0
    for line in data.splitlines():
        stack, _, figure = line.strip().rpartition(b" ")
        try:
            value = round(float(figure)) if b"." in figure else int(figure)
        except (ValueError, OverflowError):
            value = -1
        if not stack or value < 0:
            skipped += bool(line.strip())
            continue
        _add(profile, stack.decode("utf-8", "replace").split(";"), value, unit)
    if not profile.rows:
        raise InputError(f"{path} has no line that is a stack, like `main;work 42`")
    if skipped:
        profile.notes.append(f"{skipped:,} line{'s' * (skipped != 1)} of {path} are no stacks, and left out")
    if measure is not None and measure.column not in ("self_ns", "alloc_bytes", "samples"):
        profile.notes.append(
            f"the figures of {path} are {measure.title}, and shown as {'bytes' if unit else 'samples'}"
        )
    return profile


@lru_cache(1 << 16)
def _frame(frame: str, lines: bool) -> tuple[int, str, str, int]:
    """The kind of a frame's label, its name, file and line; `lines`: a frame may be one."""
    guessed = guess_name(frame, lines)
    if guessed.kind == "line":
        file, _, line = frame.rpartition(":")
        return lib.PROF_LINE, frame, file, int(line)
    return _KINDS.get(guessed.kind, lib.PROF_FUNCTION), *placed(frame)


def _add(profile: Profile, frames: list[str], value: int, unit: str) -> None:
    """Frames with a line are functions, and the innermost one ran there."""
    node, place = 0, ("", 0)
    for frame in frames:
        kind, name, file, line = _frame(frame, unit != "ns")
        if kind != lib.PROF_LINE:
            node = profile.child(node, profile.label(kind, name, file))
        place = file, line
    if unit == "ns":
        profile.add(node, "time", self_ns=value)
    elif unit == "B":
        profile.add(profile.of_line(node, *place), "memory", alloc_bytes=value)
    else:
        profile.add(profile.of_line(node, *place) if place[1] else node, "samples", samples=value)
