"""Signals that raise, and such that do not, wherever they land."""

import signal


class Alarm(Exception):
    pass


def raises(number, frame):
    global fired
    fired = True
    raise Alarm


def notes(number, frame):
    global fired
    fired = True


fired = False


def spins(n):
    total = 0
    for i in range(n):
        total += i
        while total > 100:
            total -= 50
    return total


def catches(n):
    caught = 0
    for _ in range(n):
        try:
            for k in range(200):
                if k % 3:
                    continue
                try:
                    spins(3)
                finally:
                    caught += 0
        except Alarm:
            caught += 1
        with Alarmed():
            [k for k in range(100) if k and k % 2]
            sum(k for k in range(100))
    return caught


class Alarmed:
    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        return kind is Alarm


def yields(n):
    for k in range(n):
        try:
            yield k
        except Alarm:
            yield -1


def consumes(n):
    try:
        return sum(yields(n))
    except Alarm:
        return -1


def until_fired(k):
    signal.setitimer(signal.ITIMER_REAL, 0.0003 + k * 0.000_007)
    while not fired:
        catches(1)
        consumes(30)


def runs(handler):
    """One signal a round, which ends with it."""
    global fired
    old = signal.signal(signal.SIGALRM, handler)
    for k in range(150):
        fired = False
        try:
            until_fired(k)  # from 3.13 on, what a loop's own jump raises can escape the `try` around the loop
        except Alarm:
            pass
    signal.signal(signal.SIGALRM, old)


def main():
    runs(notes)
    runs(raises)
