"""Functions that record while they run: what `@enable_profiling(…)` and `@prof.block` make of a function. It keeps its
kind.

A generator records from its first step to its end, what happens between its steps included.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from prof.errors import UsageError

Recording = Callable[[], AbstractContextManager[object]]


def enabled(function: Any, recording: Recording) -> Any:
    """`function`, each call in a `with recording():`. Raises UsageError for a class and for what cannot be called."""
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(enabled(function.__func__, recording))
    if isinstance(function, type) or not callable(function):
        what = f"the class {function.__qualname__}" if isinstance(function, type) else f"{type(function).__name__!r}"
        raise UsageError(f"@enable_profiling on {what}: it records while a function runs; decorate the functions")
    kind = _plain
    if inspect.isasyncgenfunction(function):
        kind = _asynchronous_generator
    elif inspect.iscoroutinefunction(function):
        kind = _coroutine
    elif inspect.isgeneratorfunction(function):
        kind = _generator
    wrapper = functools.wraps(function)(kind(function, recording))
    code = getattr(function, "__code__", None)
    if code is not None and code.co_flags & inspect.CO_ITERABLE_COROUTINE:
        return types.coroutine(wrapper)  # a generator that can be awaited
    return wrapper


def _plain(function: Any, recording: Recording) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        with recording():
            return function(*args, **kwargs)

    return run


def _generator(function: Any, recording: Recording) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        with recording():
            return (yield from function(*args, **kwargs))

    return run


def _coroutine(function: Any, recording: Recording) -> Callable[..., Any]:
    async def run(*args: Any, **kwargs: Any) -> Any:
        with recording():
            return await function(*args, **kwargs)

    return run


def _asynchronous_generator(function: Any, recording: Recording) -> Callable[..., Any]:
    async def run(*args: Any, **kwargs: Any) -> Any:
        with recording():
            inner = function(*args, **kwargs)
            step = inner.__anext__()
            while True:
                try:
                    value = await step
                except StopAsyncIteration:
                    return
                try:
                    sent = yield value
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as error:
                    step = inner.athrow(error)
                else:
                    step = inner.asend(sent)

    return run
