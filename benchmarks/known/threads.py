"""Two threads that compute, one that hashes without the interpreter's lock, one that sleeps, and the main one, which
waits for them. Time is wall time of each thread, with what it waits for the lock."""

import hashlib
import threading
import time

from clocked import clock, lived, run, took
from prof import profiled

DATA = bytes(1_000_000)


def heavy():
    began, x = clock(), 1
    for _ in range(9000):
        x = (x * 5 + 1) % 65537
    took("heavy", began)


def light():
    began, x = clock(), 1
    for _ in range(3000):
        x = (x * 5 + 1) % 65537
    took("light", began)


def even():
    began, x = clock(), 1
    for _ in range(6000):
        x = (x * 5 + 1) % 65537
    took("even", began)


def hashing():
    began = clock()
    hashlib.sha256(DATA).digest()
    took("hashing", began)


def sleeping():
    began = clock()
    time.sleep(0.01)
    took("sleeping", began)


def repeat(functions, end):
    began = clock()
    while clock() < end:
        for function in functions:
            function()
    lived(began)


@profiled
def main(seconds):
    end = clock() + seconds * 1e9
    work = [(heavy, light), (even,), (hashing,), (sleeping,)]
    threads = [threading.Thread(target=repeat, args=(functions, end)) for functions in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


run(main)
