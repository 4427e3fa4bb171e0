"""Spans for what the interpreter does between the program's own calls: imports and garbage collections."""

from __future__ import annotations

import _frozen_importlib
import gc

from prof import travel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Its functions are private, and known to no type checker.
_bootstrap: Any = _frozen_importlib


GREENLET = "greenlet._greenlet"


class Ambient:
    """The two hooks while they are installed; `remove` puts back what was there, unless somebody wrapped it since."""

    def __init__(self, probes: Any, imports: bool, collections: bool) -> None:
        self._original: Any = None
        self._spans: Any = None
        self._callback: Any = None
        # The interpreter looks this name up for each import that is not in sys.modules yet.
        self._original = _bootstrap._find_and_load
        self._probes = probes
        self._spans = probes.import_spans(self._original, imports, self._tell, (*travel.PICKLERS, GREENLET))
        _bootstrap._find_and_load = self._spans
        travel.hook_those_imported()
        if collections:
            self._callback = probes.gc_callback
            gc.callbacks.append(self._callback)

    def _tell(self, module: Any) -> None:
        if getattr(module, "__name__", "") == GREENLET:
            self._probes.trace_greenlets(module)
        else:
            travel.hook(module)

    def remove(self) -> None:
        if self._spans is not None and _bootstrap._find_and_load is self._spans:
            _bootstrap._find_and_load = self._original
        if self._callback is not None and self._callback in gc.callbacks:
            gc.callbacks.remove(self._callback)
