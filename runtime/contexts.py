"""Contexts: what the program is doing, by a name of its own, wherever that runs. A request, a job, a message.

    with prof.context("GET /users"):
        ...

The name goes with the code that runs in the block, also into tasks that it begins (it is a context variable), and
reports tell apart what ran, and what was waited for, in each context.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType
    from typing import Any


class context:
    """A block, or a coroutine's part, that is done in the context `name`. Raises TypeError for a name that is no str.

    Contexts of one name are one row in reports, so a name should be a kind of request, not one request. An inner
    context stands for itself while it lasts. Without a recording it does nothing.
    """

    __slots__ = ("_begun", "_probes", "_token", "name")

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"context(name): the name is a str, and no {type(name).__name__}")
        self.name = str(name)
        self._token: Token[Any] | None = None

    def __enter__(self) -> context:
        engine = sys.modules.get("prof.engine")  # which nothing loads without a recording
        if engine is not None and engine.running() is not None and self._token is None:
            self._probes = engine.probes()
            self._token = self._probes.context_variable.set(self.name)
            self._begun = self._probes.context_begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        token, self._token = self._token, None
        if token is None:
            return
        self._probes.context_end(self.name, self._begun)
        try:
            self._probes.context_variable.reset(token)
        except ValueError:
            pass  # it is left in another task or thread than it was entered in: there the variable says something else
