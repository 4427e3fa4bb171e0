"""The operations mode: how often each instruction of marked functions runs, by counters in bytecode or events."""

from __future__ import annotations

from prof._core import lib
from prof.modes.mode import Measure, Mode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from prof.engine import Engine
    from prof.settings import Settings


def prepare(settings: Settings, engine: Engine, probes: Any) -> None:
    """Tells the C core what each instruction is, and the engine that they are counted."""
    from prof import operations

    probes.describe(operations.tables(), operations.mask(settings.track))
    said = engine.count_operations()
    unknown = [name for name in probes.unknown_opcodes() if " " not in name]
    if said and unknown:
        said = f"{said}; {', '.join(unknown)} in no category"
    if said:
        engine.note = "; ".join(filter(None, (engine.note, said)))
    profile = settings.profile
    probes.weigh(operations.weights_of(profile) if profile is not None else {})


def asks(settings: Settings) -> dict[str, int]:
    """Counters in the code that gets probes."""
    return {"counting": True}


def describes(settings: Settings) -> dict[str, Any]:
    """What the operations of this capture are told apart by."""
    from prof.operations import CATEGORIES

    found: dict[str, Any] = {"categories": CATEGORIES}
    return found | {"track": settings.track} if settings.track else found


def attach(engine: Engine, probes: Any) -> None:
    """Gives counters to functions that got their probes for a recording without operations."""
    from prof.engine import functions_without_counters

    for function in functions_without_counters(probes):
        engine.attach(function)


MODE = Mode(
    "ops",
    lib.PROF_MODE_OPS,
    (Measure("ops", "", "ops", "operations", categories=True),),
    without=lib.PROF_LABEL_NO_OPS,
    keys=("types", "profile", "track"),
    keys_words="is for the mode 'ops', which is not among the modes given",
    prepare=prepare,
    asks=asks,
    describes=describes,
    attach=attach,
    without_spans=True,
)
