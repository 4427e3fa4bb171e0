"""What the profiler says to people while a program runs: whole lines on standard error, if that is still there."""

from __future__ import annotations

import os
import sys

_STDERR = 2


def _identity() -> tuple[int, int] | None:
    try:
        status = os.fstat(_STDERR)
    except OSError:
        return None
    return status.st_dev, status.st_ino


_began_as = _identity()


def say(text: str) -> None:
    """One line on stderr, in one write, so that the lines of many processes do not run together.

    A program that closes the standard streams gives their numbers to files of its own: those are not written to.
    """
    stream = sys.stderr
    try:
        if stream.fileno() == _STDERR and _identity() != _began_as:
            return
    except Exception:  # a stream of the program's own making
        pass
    try:
        stream.write(f"prof: {text}\n")
        stream.flush()
    except Exception:
        pass
