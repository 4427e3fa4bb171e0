"""Generators in a row, one that only hands on, and one of a microsecond a step."""

import random

from clocked import LOOP, STEP, clock, run, took, took_calls
from prof import profiled


def numbers(count):
    for number in range(count):
        began, x = clock(), 1
        for _ in range(600):
            x = (x * 5 + 1) % 65537
        took("numbers", began)
        yield number + x


def handed_on(count):
    yield from numbers(count)


def doubled(values):
    for value in values:
        began, x = clock(), 1
        for _ in range(400):
            x = (x * 5 + 1) % 65537
        took("doubled", began)
        yield value * 2 + x


def consumed(count):
    for _ in doubled(handed_on(count)):
        began, x = clock(), 1
        for _ in range(200):
            x = (x * 5 + 1) % 65537
        took("consumed", began)


def quick(count):
    x = 1
    for _ in range(count):
        for _ in range(20):
            x = (x * 5 + 1) % 65537
        yield x


@profiled
def main(seconds):
    order = random.Random(1)
    end = clock() + seconds * 1e9
    while clock() < end:
        consumed(order.randrange(20))
        count, began = order.randrange(100, 400), clock()
        for _ in quick(count):
            pass
        took_calls("quick", began, count, LOOP, STEP)


run(main)
