"""The debug log: what the profiler itself did, one line each, for whoever wonders why something is not in a report."""

from __future__ import annotations

import os
import time
from pathlib import Path


class DebugLog:
    """Lines of `seconds pid text`, appended to `path` at once, so that a crash loses none; without a path, nothing."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._start = time.monotonic()

    def write(self, text: str) -> None:
        if self.path is None:
            return
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{time.monotonic() - self._start:10.6f} {os.getpid()} {text}\n")
        except OSError:
            self.path = None  # a full disk must not stop the program under profile
