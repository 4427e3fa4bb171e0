"""Something of everything that a capture can hold. With an argument it kills itself."""

import os
import signal
import sys
import threading
import time

from prof import end, profile, profiled


@profiled
def leaf(n):
    return [i * 2 for i in range(n)]


@profiled
def generator(n):
    for i in range(n):
        yield leaf(i % 3)


@profiled
def deep(n):
    return deep(n - 1) if n else sum(map(len, generator(3)))


@profiled
def fails(n):
    try:
        return leaf(n)["x"]
    except TypeError:
        return -1


kept = [leaf(5)]


def main():
    until = time.monotonic() + 0.08
    while time.monotonic() < until:
        profile("part")
        deep(12)
        end("part")
        with profile("with; \u202eodd\x1b"):
            kept.append(fails(3))
    kept.append({str(i): leaf(i) for i in range(20)})


thread = threading.Thread(target=main, name="worker\u2028")
thread.start()
main()
thread.join()
if sys.argv[1:2] == ["kill"]:
    os.kill(os.getpid(), signal.SIGKILL)
