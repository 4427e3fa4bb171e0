"""Files of other profilers, read as captures. What a file is, its content says, and not its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prof.capture import Capture
from prof.errors import InputError
from prof.tools.analysis import stack_profile
from prof.tools.analysis.plain_files import open_plain
from prof.tools.importers import chrome, cpuprofile, folded, pstats, speedscope, stacks
from prof.tools.importers.profile import Profile

_CAPTURE = b"PROFCAP\n"
_JSON: tuple[tuple[Callable[[Any], bool], Callable[[Path, Any], Profile]], ...] = (
    (speedscope.is_like, speedscope.read),
    (chrome.is_like, chrome.read),
    (cpuprofile.is_like, cpuprofile.read),
    (stack_profile.is_like, stacks.read),
)


def read_foreign(path: Path) -> Capture | None:
    """A file of another profiler as a capture; None for one that is not known, and for captures. Raises InputError."""
    with open_plain(path) as file:
        begin = file.read(4096)
        if begin.startswith(_CAPTURE):
            return None
        profile = _read(path, begin + file.read() if _may_be(begin) else b"")
    return None if profile is None else profile.capture(path)


def is_of_another(begin: bytes) -> bool:
    """Whether a file that begins so is of another profiler, and no folded stacks."""
    return begin.lstrip()[:1] in (b"{", b"[") or pstats.is_like(begin)


def _may_be(begin: bytes) -> bool:
    return is_of_another(begin) or folded.is_like(begin)


def _read(path: Path, data: bytes) -> Profile | None:
    if pstats.is_like(data):
        return pstats.read(path, data)
    if data.lstrip()[:1] in (b"{", b"["):
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is damaged: it begins as JSON, and is none ({error})") from None
        for is_like, read in _JSON:
            if is_like(document):
                return read(path, document)
        raise InputError(
            f"{path} is JSON of no profiler that is known: speedscope's format, Chrome's trace events, V8's profiles"
        )
    return folded.read(path, data) if folded.is_like(data) else None
