"""What a killed run left beside the files it was editing: found by its name, known to be nobody's by its lock."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from .refusal import Refusal
from .undo import undo

# `.name.prof-xxxxxxxx` and one of these: the new content on its way, or the old one while a file of several names is
# written where it is.
PREFIX, TEMPORARY, SAVED = ".prof-", ".tmp", ".saved"
_NAME = re.compile(r"\.(?P<file>.+)\.prof-[a-z0-9_]{8}(?P<kind>\.tmp|\.saved)", re.S)


def clear(folders: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Remove what killed runs left in these folders: a line for each, and whether it is all that is left of a file."""
    for folder in sorted(folders):
        try:
            names = sorted(n for n in os.listdir(folder or ".") if PREFIX in n)
        except OSError:
            continue
        for name in names:
            found = _NAME.fullmatch(name)
            path = os.path.join(folder, name)
            if found is None or os.path.islink(path) or not os.path.isfile(path):
                continue
            with suppress(OSError):
                yield from _clear(path, os.path.join(folder, found["file"]), found["kind"] == SAVED)


def _clear(path: str, file: str, saved: bool) -> Iterator[tuple[str, bool]]:
    with open(path, "rb") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return  # somebody is at work
        if not saved or _unharmed(f.read(), file):
            os.unlink(path)
            yield f"{path}: left by a run that was killed, removed", False
        else:
            yield f"{path}: {file} as it was before a run that was killed half-way; move it back or remove it", True


def _unharmed(before: bytes, file: str) -> bool:
    """Whether a file is whole: as it was before, or that with all edits, or with none."""
    try:
        with open(file, "rb") as f:
            now = f.read()
        return now == before or undo(now).data == undo(before).data
    except (OSError, Refusal):
        return False
