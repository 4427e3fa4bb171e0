"""The code of a program that gets probes for as long as one recording goes on, in the middle of the program."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, cast

from prof.own_imports import own_imports

if TYPE_CHECKING:
    from prof.instrument.choice import Choice as Choice
    from prof.instrument.hook import Hook

Names = Callable[[str], bool] | None
"""Which functions, by qualified name; None: all."""


def choice_of(patterns: Sequence[str], targets: Sequence[str] = (), folder: str = "", beside: bool = False) -> Choice:
    """What patterns and targets choose, as those of `prof run`; without any, or `beside` them, the project that the
    folder, or the working directory, belongs to."""
    return cast("Choice", _choices().Choice([project(folder or os.getcwd())], patterns, targets, project=beside))


def project(folder: str) -> str:
    """The project that a folder belongs to."""
    return str(_choices().project(folder))


def read(text: str) -> Choice:
    """What the options of a command choose, as `prof.tools.commands.choosing.choice` writes it down."""
    found = _choices().read(text)
    assert found is not None, "of this environment"
    return cast("Choice", found)


@functools.cache  # own_imports is no thing to do twice beside other threads
def _choices() -> Any:
    with own_imports():
        from prof.instrument import choice

    return choice


@functools.cache
def _hooks() -> type[Hook]:
    with own_imports():
        from prof.instrument.hook import Hook

    return Hook


def _plain(code: CodeType) -> str:
    return code.co_qualname.replace("<locals>.", "")


def _wanted(names: Names) -> Callable[[CodeType], bool] | None:
    return None if names is None else lambda code: names(_plain(code))


class Chosen:
    """What is chosen has probes from `attach` to `detach`; afterwards functions have the code that they had."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self._hook: Hook | None = None

    def attach(self, engine: Any) -> int:
        """Gives probes to what is loaded, and to what will be. Returns to how many functions."""
        self._hook = hook = _hooks()(self.choice)
        return hook.attach(engine)

    def attach_code(self, engine: Any, code: CodeType, module: str, whole: str, names: Names) -> CodeType:
        """Code that is run as it is, such as a notebook's cell, with probes: it is a function called `whole`, and those
        that it defines are of `module`, as far as `names` says."""
        made = engine.attach_module(code, module, _wanted(names))
        function = FunctionType(made, {"__name__": module})
        engine.attach(function, whole)
        self._note(code, function.__code__)
        return function.__code__

    def attach_function(self, engine: Any, function: FunctionType, module: str, names: Names) -> None:
        """A function that is in no file, with probes, and those that are defined inside it."""
        before = function.__code__
        qualname = _plain(before)
        function.__code__ = engine.attach_module(before, module, _wanted(names))
        if names is None or names(qualname):
            engine.attach(function, f"{module}.{qualname}")
        self._note(before, function.__code__)

    def _note(self, before: CodeType, after: CodeType) -> None:
        assert self._hook is not None
        self._hook._note(before, after)

    def detach(self) -> None:
        """Gives the code back; a second time does nothing."""
        hook, self._hook = self._hook, None
        if hook is not None:
            hook.detach()
