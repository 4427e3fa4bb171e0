"""Imports of the profiler's own, which a program's modules cannot stand in for, and which do not stand in for them.

A script's folder is the first on `sys.path`: a `platform.py` in it would be what the profiler gets for the standard
library's. And what the profiler brought into `sys.modules` would be what the program gets for its own.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib_external import PathFinder  # importlib.machinery has it too, and much besides

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType, TracebackType


class own_work:
    """`with own_work():` around work of the profiler's, which is not the program's to be charged with. Before a
    recording the C core is not there, and need not be."""

    def __enter__(self) -> None:
        self._lib = getattr(sys.modules.get("prof._core"), "lib", None)
        if self._lib is not None:
            self._lib.prof_own_begin()

    def __exit__(self, *_: object) -> None:
        if self._lib is not None:
            self._lib.prof_own_end()


_STDLIB = os.path.dirname(getattr(os, "__file__", None) or "")


def _is_standard(path: str) -> bool:
    return not _STDLIB or path == _STDLIB or path.startswith(_STDLIB + os.sep)


def _rank(entry: object) -> int:
    """Where an entry of `sys.path` comes: the standard library, what is installed, the program's."""
    if not isinstance(entry, str):
        return 2
    installed = os.path.basename(entry) in ("site-packages", "dist-packages")
    return 1 if installed else 0 if entry and _is_standard(entry) else 2


def _origin(module: object) -> str | None:
    origin = getattr(getattr(module, "__spec__", None), "origin", None) or getattr(module, "__file__", None)
    return origin if isinstance(origin, str) and os.sep in origin else None


class own_imports:
    """`with own_imports():` around imports. Afterwards `sys.path` is what it was, and so is `sys.modules` for every
    name that the program has a module of its own for."""

    def __enter__(self) -> None:
        self._path = list(sys.path)
        self._hidden: dict[str, ModuleType] = {}
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in sys.stdlib_module_names:
                origin = _origin(module)
                if origin is not None and not _is_standard(origin):
                    self._hidden[name] = sys.modules.pop(name)
        self._before = set(sys.modules)
        sys.path[:] = sorted(self._path, key=_rank)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.path[:] = self._path
        new = [name for name in sys.modules if name not in self._before]
        tops = {name.partition(".")[0] for name in new} - {"prof"}
        shadowed = {top for top in tops if top not in self._before and self._has_own(top)}
        for name in new:
            if name.partition(".")[0] in shadowed or name in self._hidden:
                del sys.modules[name]
        sys.modules.update(self._hidden)

    def _has_own(self, name: str) -> bool:
        """Whether the program's search path leads to another module of that name."""
        origin = _origin(sys.modules.get(name))
        if origin is None or not any(_rank(entry) == 2 for entry in self._path):
            return False
        try:
            spec = PathFinder.find_spec(name, self._path)
        except Exception:  # of a path hook of the program's
            return False
        return spec is not None and spec.origin is not None and spec.origin != origin
