"""The time mode: exact times of spans. It lives on the probes, and installs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prof.modes.bits import NO_TIME, TIME_BIT
from prof.modes.mode import Measure, Mode

if TYPE_CHECKING:
    from prof.settings import Settings


def asks(settings: Settings) -> dict[str, int]:
    """Clocks at both ends of each span."""
    return {"timed": True}


MODE = Mode(
    "time",
    TIME_BIT,
    (Measure("time", "ns", "self_ns", "time", beside=("calls", "call", "calls")),),
    aliases=("both",),
    without=NO_TIME,
    asks=asks,
)
