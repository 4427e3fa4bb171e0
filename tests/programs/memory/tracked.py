"""Makes arrays of numpy where that is hard on a profiler: `tracked.py FOLDER DETAIL WHAT`. Prints `done`."""

import gc
import os
import sys
import threading
import tracemalloc

import prof
from prof import profiled

folder, detail, what = sys.argv[1:]
ROUNDS = 200


def recording():
    return prof.enable_profiling(f"both,{folder},,{detail},imports=false,collections=false")


@profiled
def arrays(n=100, size=5000):
    import numpy

    return [numpy.zeros(size, dtype=numpy.uint8) for _ in range(n)]


def imported():
    """numpy is loaded while the recording runs."""
    assert "numpy" not in sys.modules
    with recording():
        arrays()


def threads():
    """Each drops what another has made."""
    arrays()
    kept = [[] for _ in range(4)]

    @profiled
    def exchange(k):
        for _ in range(ROUNDS):
            kept[k] = arrays(20)
            kept[k - 1] = None

    with recording():
        workers = [threading.Thread(target=exchange, args=(k,)) for k in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        del kept[:]


def fork():
    arrays()
    with recording():
        kept = arrays()
        child = os.fork()
        if not child:
            del kept[:]
            kept = arrays(50)
            import prof.session

            prof.session.stop()
            del kept[:]
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def orders():
    """Recordings and tracemalloc begin and end in every order, while arrays come and go."""
    alive = arrays()
    steps = [
        ("+prof", "-prof", "+prof", "-prof"),
        ("+trace", "+prof", "-prof", "-trace"),
        ("+trace", "+prof", "-trace", "-prof"),
        ("+prof", "+trace", "-trace", "-prof"),
        ("+prof", "+trace", "-prof", "-trace"),
    ]
    for order in steps:
        for step in order:
            if step == "+prof":
                session = recording()
                session.__enter__()
            elif step == "-prof":
                session.__exit__(None, None, None)
            else:
                (tracemalloc.start if step[0] == "+" else tracemalloc.stop)()
            if step == "+prof":
                alive += arrays()
            gone = arrays(50)
            del gone, alive[::3]
            gc.collect()


def left():
    """What was made in a recording is freed after it, and in the next one."""
    arrays()
    with recording():
        kept = [arrays(), arrays()]
    del kept[0]
    with recording():
        del kept[:]
        kept = arrays(10)
    del kept


def without_gil():
    """A library may tell of a block without the GIL, in any domain; of one address in two domains, too."""
    from _testcapi import tracemalloc_track, tracemalloc_untrack  # of CPython's own tests

    @profiled
    def tracks():
        for n in range(100):
            tracemalloc_track(5, 0x100000 + n * 4096, 1_000_000, n % 2)
        for n in range(50):
            tracemalloc_track(6, 0x100000 + n * 4096, 1_000_000, 0)
            tracemalloc_untrack(0, 0x100000 + n * 4096)
        for n in range(30):
            tracemalloc_untrack(5, 0x100000 + n * 4096)
            tracemalloc_untrack(5, 0x100000 + n * 4096)

    tracemalloc.start()
    with recording():
        tracks()
    by_domain = [trace.domain for trace in tracemalloc.take_snapshot().traces]
    assert (by_domain.count(5), by_domain.count(6)) == (70, 50)


globals()[what]()
print("done", flush=True)
