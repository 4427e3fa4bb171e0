"""The markers once more, as a model in plain Python: wrappers, a list for the stack and a dict for the tree."""

from __future__ import annotations

import functools
import inspect
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Shadow:
    """Columns by path, `outer;inner`, of the program that runs with this object's markers."""

    columns: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter() for name in ("calls", "resumes", "self_ns", "suspended_ns")}
    )
    drops: Counter[str] = field(default_factory=Counter)
    stack: list[tuple[str, bool]] = field(default_factory=list)  # (name, whether it is a section)
    now: int = 0

    def _add(self, column: str, value: int) -> None:
        if self.stack:
            self.columns[column][";".join(name for name, _ in self.stack)] += value

    def tick(self, ns: int) -> None:
        self.now += ns
        self._add("self_ns", ns)

    def _enter(self, name: str, section: bool = False) -> None:
        self.stack.append((name, section))
        self._add("calls", 1)

    def _leave(self) -> None:
        while self.stack.pop()[1]:
            self.drops["section_open"] += 1

    def _suspend(self) -> tuple[int, list[tuple[str, bool]]]:
        asleep = [self.stack.pop()]
        while asleep[-1][1]:
            asleep.append(self.stack.pop())
        return self.now, asleep

    def _resume(self, since: int, asleep: list[tuple[str, bool]]) -> None:
        for each in reversed(asleep):
            self.stack.append(each)
            self._add("resumes", 1)
            self._add("suspended_ns", self.now - since)

    def profiled(self, function: Callable[[], Any]) -> Callable[[], Any]:
        @functools.wraps(function)
        def call() -> Any:
            self._enter(function.__name__)
            try:
                return function()
            finally:
                self._leave()

        @functools.wraps(function)
        def generate() -> Generator[Any, Any, Any]:
            running = function()
            self._enter(function.__name__)
            try:
                for value in running:
                    asleep = self._suspend()
                    try:
                        yield value
                    except GeneratorExit:
                        self._resume(*asleep)
                        running.close()
                        raise
                    self._resume(*asleep)
            finally:
                self._leave()

        return generate if inspect.isgeneratorfunction(function) else call

    def profile(self, name: str) -> Any:
        self._enter(name, section=True)
        return self._with(name)

    @contextmanager
    def _with(self, name: str) -> Iterator[None]:
        try:
            yield
        finally:
            self.end(name)

    def end(self, name: str) -> None:
        inner = 0
        while inner < len(self.stack) and self.stack[~inner][1] and self.stack[~inner][0] != name:
            inner += 1
        if inner == len(self.stack) or self.stack[~inner] != (name, True):
            self.drops["section_unopened"] += 1
            return
        self.drops["section_order"] += inner
        del self.stack[~inner:]
