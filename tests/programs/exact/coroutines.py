# ruff: noqa: B007 - odd on purpose
"""Coroutines and asynchronous generators: gathered, cancelled, timed out, thrown into, never awaited."""

import asyncio
import contextlib
import warnings

from prof import profiled


@profiled
async def leaf(n):
    await asyncio.sleep(0)
    return n


@profiled
async def plain(n):
    return n


@profiled
async def chain(n):
    return await leaf(n) + await plain(n) if n % 2 else await chain(n - 1)


@profiled
async def fails():
    await leaf(1)
    raise ValueError


@profiled
async def forever():
    try:
        while True:
            await asyncio.sleep(3600)
    finally:
        await leaf(0)


@profiled
async def stubborn():
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        return await leaf(5)


@profiled
async def numbers(n):
    try:
        for i in range(n):
            await asyncio.sleep(0)
            yield i
    finally:
        await plain(0)


@profiled
async def echo():
    got = None
    while True:
        try:
            got = yield got
        except KeyError:
            got = "caught"


class Manager:
    @profiled
    async def __aenter__(self):
        await leaf(1)
        return self

    @profiled
    async def __aexit__(self, *exc):
        await leaf(2)
        return exc[0] is ValueError


class Iterator:
    @profiled
    def __init__(self):
        self.n = 0

    @profiled
    def __aiter__(self):
        return self

    @profiled
    async def __anext__(self):
        self.n += 1
        await asyncio.sleep(0)
        if self.n > 3:
            raise StopAsyncIteration
        return self.n


@contextlib.asynccontextmanager
@profiled
async def managed():
    await leaf(3)
    try:
        yield 1
    finally:
        await leaf(4)


class Awaitable:
    @profiled
    def __await__(self):
        return (yield from leaf(6).__await__())


@profiled
async def everything():
    await asyncio.gather(*(chain(n) for n in range(6)))
    await asyncio.gather(fails(), fails(), return_exceptions=True)
    task = asyncio.create_task(forever())
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    task = asyncio.create_task(forever())
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel()
    assert await task == 5
    async for n in numbers(3):
        await plain(n)
    async for n in Iterator():
        pass
    assert [n async for n in numbers(4)] == [0, 1, 2, 3]
    generator = numbers(5)
    async for n in generator:
        break
    await generator.aclose()
    echoes = echo()
    await echoes.asend(None)
    assert await echoes.asend(1) == 1
    assert await echoes.athrow(KeyError) == "caught"
    with contextlib.suppress(LookupError):
        await echoes.athrow(IndexError)
    async with Manager():
        raise ValueError
    async with managed() as one:
        assert one == 1
    assert await Awaitable() == 6
    with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
        await asyncio.wait_for(forever(), 0.001)
    async with asyncio.TaskGroup() as group:
        for n in range(3):
            group.create_task(leaf(n))


@profiled
async def never_awaited():
    return 1


def main():
    asyncio.run(everything())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        never_awaited()
    c = leaf(1)
    c.close()
    c = leaf(1)
    with contextlib.suppress(ValueError):
        c.throw(ValueError)


if __name__ == "__main__":
    main()
