"""Generators and coroutines, ended in every way there is."""

import asyncio
import gc
import types


def steps(n):
    try:
        for i in range(n):
            try:
                got = yield i
                if got:
                    yield got * 2
            except ValueError:
                yield -1
    finally:
        n = 0


def delegates(n):
    result = yield from steps(n)
    try:
        yield from (q for q in range(3))
        yield from [5, 6]
    except KeyError:
        return 5
    return result


def stubborn():
    while True:
        try:
            yield 1
        except GeneratorExit:
            return


def ignores():
    try:
        yield 1
    except GeneratorExit:
        yield 2


def never():
    return
    yield


def in_context():
    with Quiet():
        yield 1
        raise ValueError
    yield 2


class Quiet:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return True


def drive(n):
    found = []
    g = steps(n)
    next(g)
    g.send(3)
    next(g)
    found.append(g.throw(ValueError))
    next(g, None)
    g.close()
    for begun in (False, True):
        g = steps(n)
        if begun:
            next(g)
        try:
            g.throw(KeyError)
        except KeyError:
            pass
    found.append(list(steps(n)))
    g = delegates(n)
    next(g)
    g.throw(ValueError)
    g.send(None)
    g.close()
    g = delegates(1)
    found += [next(g), next(g), next(g)]
    try:
        g.throw(KeyError)
    except StopIteration as error:
        found.append(error.value)
    found.append(list(delegates(2)))
    g = steps(5)
    next(g)
    del g
    gc.collect()
    steps(5)
    for q in steps(3):
        if q == 2:
            break
    first, *rest, last = steps(5)
    found.append((first, rest, last, list(never()), list(in_context())))
    g = stubborn()
    next(g)
    g.close()
    g = ignores()
    next(g)
    try:
        g.close()
    except RuntimeError:
        found.append("ignored")
    g = (10 // k for k in range(3, -1, -1))
    try:
        found.append(sum(g))
    except ZeroDivisionError:
        found.append(next(g, "over"))
    found.append([*(x for x in range(4) if x % 2), *map(lambda x: x + 1, range(3))])
    return found


class Context:
    def __init__(self, swallow):
        self.swallow = swallow

    async def __aenter__(self):
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *error):
        await asyncio.sleep(0)
        return self.swallow


async def numbers(n):
    for i in range(n):
        await asyncio.sleep(0)
        try:
            yield i
        except GeneratorExit:
            raise


async def echoes():
    got = None
    while True:
        try:
            got = yield got
        except KeyError:
            got = "caught"


async def fails(i):
    await asyncio.sleep(0)
    if i == 2:
        raise ValueError
    return i


async def slow():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        await asyncio.sleep(0)
        raise


@types.coroutine
def pause():
    yield
    return 3


async def awaits(n):
    total = 0
    async for x in numbers(n):
        if x == 3:
            continue
        total += x
        async with Context(True):
            if x == 4:
                raise ValueError
        try:
            async with Context(False):
                if x == 5:
                    raise KeyError
        except KeyError:
            total += 1
    else:
        total += 1000
    odd = [y async for y in numbers(n) if y % 2]
    more = {y: z for y in odd for z in [await fails(y)] if z}
    task = asyncio.create_task(slow())
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        total += 1
    results = await asyncio.gather(*(fails(i) for i in range(4)), return_exceptions=True)
    async for x in numbers(6):
        if x == 2:
            break
    e = echoes()
    await anext(e)
    total += await e.asend(4)
    await e.athrow(KeyError)
    await e.aclose()
    async with asyncio.TaskGroup() as group:
        group.create_task(fails(1))
        group.create_task(fails(3))
    return total, odd, more, len(results), await pause()


def main():
    return drive(6), asyncio.run(awaits(8))
