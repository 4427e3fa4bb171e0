"""Line numbers of instrumented files, as they are without what was inserted: a thin face over `csrc/lines.c`."""

from __future__ import annotations

import os

from prof._core import lib


def original_line(file: str | os.PathLike[str], line: int) -> int:
    """The number that `line` (from 1) of a file has in the uninstrumented source; an inserted line has the next one's.

    The file is read at its first use, and remembered; one that cannot be read has nothing inserted.
    """
    found: int = lib.prof_line_original(os.fsencode(file), line)
    return found
