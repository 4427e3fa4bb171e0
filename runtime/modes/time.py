"""The time mode: exact times of spans. It lives on the probes, and installs nothing else."""

from __future__ import annotations

from prof._core import lib
from prof.modes.mode import Measure, Mode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prof.settings import Settings


def asks(settings: Settings) -> dict[str, int]:
    """Clocks at both ends of each span."""
    return {"timed": True}


def start(settings: Settings) -> None:
    """Has the arguments of slow calls said, where that is asked for."""
    if settings.args:
        from prof import arguments, engine

        engine.probes().describe_with(arguments.shown)


def stop() -> None:
    """Takes that out again."""
    from prof import engine

    engine.probes().describe_with(None)


MODE = Mode(
    "time",
    lib.PROF_MODE_TIME,
    (Measure("time", "ns", "self_ns", "time", beside=("calls", "call", "calls")),),
    aliases=("both",),
    without=lib.PROF_LABEL_NO_TIME,
    keys=("min", "slowest", "args", "trace", "keep", "dump", "dump_function"),
    keys_words="is for the mode 'time', which is not among the modes given",
    asks=asks,
    start=start,
    stop=stop,
)
