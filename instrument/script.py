"""The script that the interpreter itself compiles and runs, without asking an importer."""

from __future__ import annotations

import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any


def settle(frame: FrameType) -> str:
    """The path of the script whose first frame this is. Its module is then as the interpreter makes it."""
    path = os.path.abspath(frame.f_code.co_filename)
    spec = frame.f_globals.get("__spec__")
    if type(getattr(spec, "loader", None)) is _Loader:
        frame.f_globals.update(__spec__=None, __package__=None, __loader__=SourceFileLoader("__main__", path))
    if not hasattr(sys.modules.get("sitecustomize", sys), "__spec__"):
        del sys.modules["sitecustomize"]  # what stands there where the environment has none
    if _claim in sys.path_hooks:
        sys.path_hooks.remove(_claim)
    return "" if frame.f_code.co_filename.startswith("<") else path


def name(frame: FrameType) -> str:
    """The module's own name where `-m` runs it, else the script's."""
    return getattr(frame.f_globals.get("__spec__"), "name", None) or stem(frame.f_code.co_filename)


def module_name(module: Any) -> str:
    """What the module is called that runs as `__main__`."""
    spec = getattr(module, "__spec__", None)
    return str(getattr(spec, "name", None) or stem(str(getattr(module, "__file__", ""))))


def stem(path: str) -> str:
    """What a script is called."""
    return os.path.splitext(os.path.basename(path))[0]


def read(path: str) -> bytes:
    """The script's source; nothing of what is no file."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError):
        return b""


def run_by_name() -> str:
    """The module that `python -m` is about to run; empty without."""
    own = sys.orig_argv
    return own[own.index("-m") + 1] if getattr(sys, "argv", [""])[0] == "-m" and "-m" in own[:-1] else ""


# ---- other code for it ----

_code_for: Callable[[str], CodeType | None] | None = None


def offer(code_for: Callable[[str], CodeType | None]) -> None:
    """Runs what `code_for` returns in the script's place. Tracebacks then begin in `runpy`, as with `python -m`.

    Before it runs a script, the interpreter asks the path hooks whether it is a folder or an archive with a `__main__`.
    """
    global _code_for
    _code_for = code_for
    sys.path_hooks.insert(0, _claim)


def _claim(path: str) -> _Finder:
    code = _code_for(path) if _code_for is not None and path.endswith(".py") and os.path.isfile(path) else None
    if code is None:
        raise ImportError
    return _Finder(os.path.abspath(path), code)


class _Finder:
    def __init__(self, path: str, code: CodeType) -> None:
        self.path = path
        self.code = code

    def find_spec(self, name: str, target: Any = None) -> ModuleSpec | None:
        if name != "__main__":
            return None
        # It was put before the search path as an archive would be.
        sys.path[:1] = [] if sys.flags.safe_path else [os.path.dirname(os.path.realpath(self.path))]
        sys.path_importer_cache.clear()
        spec = ModuleSpec(name, _Loader(name, self.path, self.code), origin=self.path)
        spec.has_location = True
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self._code = code

    def get_code(self, fullname: str) -> CodeType:
        return self._code
