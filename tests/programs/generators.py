"""Generators of about a microsecond a step, whose consumers run longer: who looks at them twice meets the consumers."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from prof import profiled

N = 30


def steps(k: int) -> Iterator[int]:
    for _ in range(k):
        x = 0
        for i in range(N):
            x += i
        yield x


def delegated(k: int) -> Iterator[int]:
    yield from steps_below(k)


def steps_below(k: int) -> Iterator[int]:
    for _ in range(k):
        x = 0
        for i in range(N):
            x += i
        yield x


def long(n: int) -> int:
    x = 0
    for i in range(n):
        x += i
    return x


def consume(k: int) -> None:
    for _ in steps(k):
        long(N * 4)


def consume_below(k: int) -> None:
    for _ in delegated(k):
        long(N * 4)


def once(k: int) -> None:
    for _ in range(k):
        leaf()
        long(N * 4)


def leaf() -> int:
    x = 0
    for i in range(N):
        x += i
    return x


@profiled
def work() -> None:
    consume(100)
    consume_below(100)
    once(100)


def pin() -> None:
    """The program on one processor, the sampler on another."""
    first, second, *_ = sorted(os.sched_getaffinity(0))
    for task in Path("/proc/self/task").iterdir():
        sampler = (task / "comm").read_text().strip() == "prof-sampler"
        os.sched_setaffinity(int(task.name), {second if sampler else first})


if __name__ == "__main__":
    work()
    pin()
    for _ in range(int(sys.argv[1])):
        work()
