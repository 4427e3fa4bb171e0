"""The dummy mode in the program that is recorded: it counts the steps of generators, which every context has."""

from __future__ import annotations

import sys
from typing import Any

from prof.modes import Measure, Mode, register
from prof.settings import Settings


def start(settings: Settings) -> None:
    print("dummy: started", file=sys.stderr)


def stop() -> None:
    print("dummy: stopped", file=sys.stderr)


def describes(settings: Settings) -> dict[str, Any]:
    return {"dummy": {"counts": "steps", "depth": settings.depth}}


MODE = Mode(
    "dummy",
    1 << 40,
    (Measure("dummy", "", "resumes", "steps"),),
    describes=describes,
    start=start,
    stop=stop,
    by_bit=True,
)
register(MODE)
