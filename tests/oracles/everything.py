"""Gives every Python function of a process its probes: those loaded already, and those that modules bring later."""

from __future__ import annotations

import gc
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from types import CodeType, FunctionType
from typing import Any

# What the recording itself runs, and what runs the tests.
LEFT_OUT = ("prof", "cffi", "_cffi_backend", "attr", "attrs", "everything", "counting", "executing", "__main__")


def _is_left_out(module: object) -> bool:
    return not isinstance(module, str) or module.partition(".")[0] in LEFT_OUT


def probe_everything(probe_code: Callable[..., CodeType], all: bool = True) -> int:
    """Probes what is loaded and, from now on, what is imported from source. Returns how many functions it changed.

    `all`: lambdas, comprehensions and classes get spans of their own."""
    changed = 0
    for each in gc.get_objects():
        if type(each) is FunctionType and not _is_left_out(each.__module__):
            # The code itself too (`top` False), with all code nested in it.
            each.__code__ = probe_code(each.__code__, each.__module__, all, False)
            changed += 1
    original: Any = SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, fullname: str) -> CodeType | None:
        code = original(self, fullname)
        return code if code is None or _is_left_out(fullname) else probe_code(code, fullname, all)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    return changed
