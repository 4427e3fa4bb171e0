"""The code of a program that gets probes for as long as one recording goes on, in the middle of the program."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prof.own_imports import own_imports

if TYPE_CHECKING:
    from prof.instrument.choice import Choice
    from prof.instrument.hook import Hook


def choice_of(patterns: Sequence[str], targets: Sequence[str] = (), folder: str = "") -> Choice:
    """What patterns and targets choose, as those of `prof run`; without any, the project that the folder, or the
    working directory, belongs to."""
    with own_imports():
        from prof.instrument import choice as choices

    return choices.Choice([choices.project(folder or os.getcwd())], patterns, targets)


class Chosen:
    """What is chosen has probes from `attach` to `detach`; afterwards functions have the code that they had."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self._hook: Hook | None = None

    def attach(self, engine: Any) -> int:
        """Gives probes to what is loaded, and to what will be. Returns to how many functions."""
        with own_imports():
            from prof.instrument.hook import Hook

        self._hook = Hook(self.choice)
        return self._hook.attach(engine)

    def detach(self) -> None:
        """Gives the code back; a second time does nothing."""
        hook, self._hook = self._hook, None
        if hook is not None:
            hook.detach()
