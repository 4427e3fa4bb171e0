"""What a profiled call costs, measured on this machine at the start of each recording."""

from __future__ import annotations

from time import perf_counter_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from prof.engine import Engine

CALLS = 500
ROUNDS = 7


def _make() -> Callable[[], None]:
    # Compiled anew, so that the probed one shares no code with the other.
    namespace: dict[str, Callable[[], None]] = {}
    exec(compile("def probe_cost(): pass", "<prof>", "exec"), {"__name__": "prof"}, namespace)
    return namespace["probe_cost"]


def _time(function: Callable[[], None]) -> int:
    calls = range(CALLS)
    start = perf_counter_ns()
    for _ in calls:
        function()
    return perf_counter_ns() - start


def measure_probe_cost(engine: Engine) -> float:
    """Nanoseconds that recording adds to a call of an empty function: the least of a few rounds, both ways in turn."""
    plain, probed = _make(), _make()
    engine.attach(probed)  # type: ignore[arg-type]
    rounds = [(_time(plain), _time(probed)) for _ in range(ROUNDS)]
    added = min(each[1] for each in rounds) - min(each[0] for each in rounds)
    return max(added, 0) / CALLS
