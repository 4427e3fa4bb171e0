"""Functions of a fifth of a microsecond, of one and of ten, beside one of a millisecond."""

import random

from clocked import CALL, LOOP, clock, run, took, took_calls
from prof import profiled


def tiny():
    x = 1
    for _ in (1, 2, 3):
        x = (x * 5 + 1) % 65537


def short():
    x = 1
    for _ in range(25):
        x = (x * 5 + 1) % 65537


def medium():
    x = 1
    for _ in range(250):
        x = (x * 5 + 1) % 65537


def long():
    began, x = clock(), 1
    for _ in range(25_000):
        x = (x * 5 + 1) % 65537
    took("long", began)


@profiled
def main(seconds):
    order = random.Random(1)
    end = clock() + seconds * 1e9
    while (began := clock()) < end:
        match order.choice("tttttsssssmmmmml"):
            case "t":
                for _ in range(1000):
                    tiny()
                took_calls("tiny", began, 1000, LOOP, CALL)
            case "s":
                for _ in range(200):
                    short()
                took_calls("short", began, 200, LOOP, CALL)
            case "m":
                for _ in range(25):
                    medium()
                took_calls("medium", began, 25, LOOP, CALL)
            case "l":
                long()


run(main)
