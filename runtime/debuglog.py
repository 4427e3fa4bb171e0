"""The debug log: what the profiler itself did, one line each, for whoever wonders why something is not in a report."""

from __future__ import annotations

import os
import time


class DebugLog:
    """Lines of `seconds pid text`, appended to `path` at once, so that a crash loses none; without a path, nothing."""

    def __init__(self, path: str | None) -> None:
        self.path = path
        self._start = time.monotonic()
        self._create = os.O_CREAT | os.O_EXCL

    def write(self, text: str) -> None:
        if self.path is None:
            return
        try:
            # Others may write in the folder: a link to elsewhere, or a file that is there, is not the log.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | self._create
            descriptor = os.open(self.path, flags, 0o600)
            self._create = 0
            try:
                line = f"{time.monotonic() - self._start:10.6f} {os.getpid()} {text}\n"
                os.write(descriptor, line.encode("utf-8", "backslashreplace"))
            finally:
                os.close(descriptor)
        except OSError:
            self.path = None  # a full disk must not stop the program under profile
