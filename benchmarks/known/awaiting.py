"""Tasks of asyncio whose coroutines await each other three deep, all of them working, and a loop that is idle now and
then."""

import asyncio
import random

from clocked import clock, run, took
from prof import profiled


async def leaf():
    began, x = clock(), 1
    for _ in range(2000):
        x = (x * 5 + 1) % 65537
    took("leaf", began)
    await asyncio.sleep(0)


async def middle():
    began, x = clock(), 1
    for _ in range(1000):
        x = (x * 5 + 1) % 65537
    took("middle", began)
    await leaf()
    await leaf()


async def outer(pause, end):
    while clock() < end:
        began, x = clock(), 1
        for _ in range(1500):
            x = (x * 5 + 1) % 65537
        took("outer", began)
        await middle()
        await asyncio.sleep(pause)


async def alone(end):
    while clock() < end:
        began, x = clock(), 1
        for _ in range(4000):
            x = (x * 5 + 1) % 65537
        took("alone", began)
        await asyncio.sleep(0.0005)


async def gathered(seconds):
    order, end = random.Random(1), clock() + seconds * 1e9
    await asyncio.gather(alone(end), *(outer(order.uniform(0.001, 0.003), end) for _ in range(6)))


@profiled
def main(seconds):
    asyncio.run(gathered(seconds))


run(main)
