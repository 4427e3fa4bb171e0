"""`@enable_profiling(…)` on each kind of function: the kind stays, and what runs in it is recorded."""

from __future__ import annotations

import asyncio
import inspect
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prof import enable_profiling, profiled
from prof.errors import UsageError
from recording import Recorded


@profiled
def inner(n: int) -> int:
    return n


@pytest.fixture
def enabled(tmp_path: Path) -> Callable[[Any], Any]:
    return enable_profiling(f"time,{tmp_path / 'out'},imports=false,collections=false")


@pytest.fixture
def calls(tmp_path: Path) -> Callable[[], list[int]]:
    """Calls of `inner` in each capture, in the order of time."""

    def found() -> list[int]:
        paths = sorted((tmp_path / "out").glob("*.capture"), key=lambda path: path.stat().st_mtime_ns)
        return [sum(Recorded(path).calls("function").values()) for path in paths]

    return found


def test_a_generator_passes_everything_through(enabled: Any, calls: Any) -> None:
    @enabled
    def gen(n: int) -> Iterator[Any]:
        """Its text."""
        got = []
        for i in range(n):
            try:
                got.append((yield inner(i)))
            except KeyError:
                got.append("thrown")
        return got

    assert inspect.isgeneratorfunction(gen) and gen.__doc__ == "Its text." and gen.__name__ == "gen"
    generator = gen(3)
    assert calls() == []  # nothing runs before the first step
    assert [next(generator), generator.send("a"), generator.throw(KeyError)] == [0, 1, 2]
    with pytest.raises(StopIteration) as stopped:
        generator.send("b")
    assert stopped.value.value == ["a", "thrown", "b"]
    assert calls() == [3]
    left = gen(2)
    next(left)
    left.close()
    assert sorted(calls()) == [1, 3]


def test_a_coroutine_and_a_generator_that_is_awaited(enabled: Any, calls: Any) -> None:
    @enabled
    async def co(n: int) -> int:
        await asyncio.sleep(0)
        return inner(n)

    @enabled
    @types.coroutine
    def old(n: int) -> Any:
        yield
        return inner(n)

    assert inspect.iscoroutinefunction(co) and inspect.isgeneratorfunction(old)

    async def main(make: Callable[[int], Awaitable[int]]) -> int:
        return await make(5)

    assert asyncio.run(main(co)) == 5
    assert asyncio.run(main(old)) == 5
    assert calls() == [1, 1]


def test_an_asynchronous_generator_passes_everything_through(enabled: Any, calls: Any) -> None:
    ends = []

    @enabled
    async def agen(n: int) -> AsyncIterator[Any]:
        try:
            for i in range(n):
                try:
                    ends.append((yield inner(i)))
                except KeyError:
                    ends.append("thrown")
        finally:
            await asyncio.sleep(0)
            ends.append("end")

    assert inspect.isasyncgenfunction(agen)

    async def all_of_it() -> list[Any]:
        generator = agen(3)
        return [await anext(generator), await generator.asend("a"), await generator.athrow(KeyError),
                await anext(generator, "over")]  # fmt: skip

    assert asyncio.run(all_of_it()) == [0, 1, 2, "over"]
    assert ends == ["a", "thrown", None, "end"]
    assert calls() == [3]

    async def closed() -> None:
        generator = agen(3)
        await anext(generator)
        await generator.aclose()

    ends.clear()
    asyncio.run(closed())
    assert ends == ["end"]
    assert sorted(calls()) == [1, 3]

    async def thrown() -> None:
        generator = agen(3)
        await anext(generator)
        with pytest.raises(ZeroDivisionError):
            await generator.athrow(ZeroDivisionError)

    ends.clear()
    asyncio.run(thrown())
    assert ends == ["end"]


def test_methods_and_what_cannot_be_enabled(enabled: Any, calls: Any) -> None:
    class K:
        @enabled
        @staticmethod
        def static(n: int) -> Iterator[int]:
            yield inner(n)

        @enabled
        @classmethod
        def of_class(cls, n: int) -> int:
            return inner(n)

    assert (list(K.static(1)), K().of_class(2)) == ([1], 2)
    assert calls() == [1, 1]
    with pytest.raises(UsageError, match=r"the class .*K: it records while a function runs; decorate the functions"):
        enabled(K)
    with pytest.raises(UsageError, match="'int'"):
        enabled(5)
