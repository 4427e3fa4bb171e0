"""Four functions that run the same loop, 40, 30, 20 and 10 parts of it."""

import random

from clocked import clock, run, took
from prof import profiled


def forty():
    began, x = clock(), 1
    for _ in range(20_000):
        x = (x * 5 + 1) % 65537
    took("forty", began)


def thirty():
    began, x = clock(), 1
    for _ in range(15_000):
        x = (x * 5 + 1) % 65537
    took("thirty", began)


def twenty():
    began, x = clock(), 1
    for _ in range(10_000):
        x = (x * 5 + 1) % 65537
    took("twenty", began)


def ten():
    began, x = clock(), 1
    for _ in range(5_000):
        x = (x * 5 + 1) % 65537
    took("ten", began)


@profiled
def main(seconds):
    order = random.Random(1)
    functions = [forty, thirty, twenty, ten]
    end = clock() + seconds * 1e9
    while clock() < end:
        order.shuffle(functions)
        for function in functions:
            function()


run(main)
