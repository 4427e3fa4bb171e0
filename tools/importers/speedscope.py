"""speedscope's own format, as py-spy, pyinstrument, austin and others write it.

https://www.speedscope.app/file-format-schema.json
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prof.errors import InputError
from prof.modes import MEASURES
from prof.tools.importers.profile import Profile

_NS = {"nanoseconds": 1, "microseconds": 1e3, "milliseconds": 1e6, "seconds": 1e9}


def is_like(document: Any) -> bool:
    """Whether a JSON document is one."""
    return isinstance(document, dict) and "profiles" in document and "shared" in document


def read(path: Path, document: dict[str, Any]) -> Profile:
    """Profiles of one unit are added up, threads for example. Raises InputError."""
    exporter = str(document.get("exporter") or "")
    ours = exporter == "prof-instrument"
    profile = Profile(f"speedscope's format{f', by {exporter}' if exporter else ''}")
    left_out = []
    try:
        frames = [_frame(frame) for frame in document["shared"]["frames"]]
        for each in document["profiles"]:
            if ours and not _known(each):
                left_out.append(str(each["name"]))
            else:
                _add(profile, frames, each)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged: it is not as speedscope's schema says ({error!r})") from None
    if left_out:
        profile.notes.append(f"left out of {path}, as they have no place in a capture: {', '.join(left_out)}")
    return profile


def _known(each: dict[str, Any]) -> bool:
    """Whether one of our own profiles is what captures hold themselves."""
    titles = {m.title or m.name for m in MEASURES.values() if m.column in ("self_ns", "alloc_bytes", "samples")}
    return each["name"] in titles


def _frame(frame: dict[str, Any]) -> tuple[str, str, int]:
    return str(frame["name"]), str(frame.get("file") or ""), int(frame.get("line") or 0)


def _add(profile: Profile, frames: list[tuple[str, str, int]], each: dict[str, Any]) -> None:
    unit = str(each["unit"])
    if each["type"] == "sampled":
        for stack, weight in zip(each["samples"], each["weights"], strict=True):
            _add_stack(profile, [frames[index] for index in stack], weight, unit, 0)
    elif each["type"] == "evented":
        _add_events(profile, frames, each["events"], unit)
    else:
        raise ValueError(f"a profile of type {each['type']}")


def _add_stack(profile: Profile, stack: list[tuple[str, str, int]], weight: float, unit: str, calls: int) -> None:
    if weight < 0:
        raise ValueError(f"a weight of {weight}")
    if not stack:
        return
    if unit in _NS:
        profile.add(profile.stack(stack), "time", self_ns=round(weight * _NS[unit]), calls=calls)
    elif unit == "bytes":
        name, file, line = stack[-1]
        node = profile.stack(stack[:-1] if file and name == f"{Path(file).name}:{line}" else stack)
        profile.add(profile.of_line(node, file or name, line), "memory", alloc_bytes=round(weight))
    else:
        profile.add(profile.stack(stack), "samples", samples=round(weight))


def _add_events(profile: Profile, frames: list[tuple[str, str, int]], events: list[dict[str, Any]], unit: str) -> None:
    """Frames that open and close: what passes between two events is the innermost frame's own."""
    stack: list[tuple[str, str, int]] = []
    last: float | None = None
    for event in events:
        at = event["at"]
        if last is not None and at != last:
            _add_stack(profile, stack, at - last, unit, 0)
        last = at
        if event["type"] == "O":
            stack.append(frames[event["frame"]])
            if unit in _NS:
                _add_stack(profile, stack, 0, unit, 1)
        elif not stack or stack.pop() != frames[event["frame"]]:
            raise ValueError(f"a frame that closes at {at} and is not open")
