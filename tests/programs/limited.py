"""A program that limits the size of files once it runs."""

from __future__ import annotations

import resource
import time

from prof import profiled


@profiled
def work(end: float) -> None:
    while time.monotonic() < end:
        pass


work(time.monotonic() + 0.1)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
work(time.monotonic() + 0.2)
print("limited", flush=True)
