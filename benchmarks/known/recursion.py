"""Two functions that call each other up to a hundred deep, one working three times as long, and one that is flat."""

import random

from clocked import clock, run, took
from prof import profiled


def left(depth):
    began, x = clock(), 1
    for _ in range(3000):
        x = (x * 5 + 1) % 65537
    took("left", began)
    if depth:
        right(depth - 1)


def right(depth):
    began, x = clock(), 1
    for _ in range(1000):
        x = (x * 5 + 1) % 65537
    took("right", began)
    if depth:
        left(depth - 1)


def flat():
    began, x = clock(), 1
    for _ in range(100_000):
        x = (x * 5 + 1) % 65537
    took("flat", began)


@profiled
def main(seconds):
    order = random.Random(1)
    end = clock() + seconds * 1e9
    while clock() < end:
        left(order.randrange(100))
        flat()


run(main)
