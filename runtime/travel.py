"""Functions that travel to another process by value: their marks go with them.

cloudpickle (of which joblib, ray and pyspark have copies) and dill write a function of the main script as its code,
which is without its mark. Where such a pickler is imported, the mark is written beside the code, as an expression that
marks the function once it has been made; it gives the function's name, and no more where there is no profiler.
"""

from __future__ import annotations

import sys

from prof import lost, markers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FunctionType
    from typing import Any
else:
    FunctionType = type(lambda: None)

# Ends of the names of modules that write functions by value.
PICKLERS = ("cloudpickle", "cloudpickle_fast", "dill._dill")

_ARRIVE = """
try:
    from prof.markers import arrived
    arrived(function, flags, name)
except Exception:
    pass
"""


class _MarkedName:
    """A function's qualified name when it is read: and then the function is marked."""

    def __init__(self, function: FunctionType, flags: int, name: str) -> None:
        self.function = function
        self.flags = flags
        self.name = name

    def __reduce__(self) -> tuple[Any, ...]:
        space = {"function": self.function, "flags": self.flags, "name": self.name}
        names = {"code": _ARRIVE, "space": space, "qualname": self.function.__qualname__}
        return eval, ("exec(code, space) or qualname", names)


def _marked_name(function: Any) -> _MarkedName | None:
    """None for a function that is not recorded."""
    if markers._attach is None or type(function) is not FunctionType:
        return None
    found = lost.probes.mark_of(function.__code__)
    return None if found is None else _MarkedName(function, found[1], found[0])


def hook_those_imported() -> None:
    for name, module in list(sys.modules.items()):
        if name.endswith(PICKLERS) and isinstance(module, type(sys)):
            hook(module)


def hook(module: Any) -> None:
    """Lets a pickler write marks. One that works in another way is left alone."""
    if getattr(module, "_prof_hooked", False):
        return
    if isinstance(state := getattr(module, "_function_getstate", None), FunctionType):
        module._function_getstate = _cloudpickle_state(state)
    elif isinstance(save := getattr(module, "_save_with_postproc", None), FunctionType):
        module._save_with_postproc = _dill_save(save, getattr(module, "_create_function", None))
    else:
        return
    module._prof_hooked = True


def _cloudpickle_state(original: Any) -> Any:
    import functools

    @functools.wraps(original)
    def state_of(function: Any, *rest: Any) -> Any:
        state = original(function, *rest)
        name = _marked_name(function)
        if name is not None and isinstance(state, tuple) and "__qualname__" in state[-1]:
            state[-1]["__qualname__"] = name
        return state

    return state_of


def _dill_save(original: Any, maker: Any) -> Any:
    import functools

    @functools.wraps(original)
    def save(pickler: Any, reduction: tuple[Any, ...], *rest: Any, **named: Any) -> Any:
        name = _marked_name(named.get("obj")) if reduction[0] is maker and len(reduction) == 3 else None
        if name is not None:
            state = reduction[2]
            plain, more = state if isinstance(state, tuple) else (state, {})
            reduction = (*reduction[:2], (plain, more | {"__qualname__": name}))
        return original(pickler, reduction, *rest, **named)

    return save
