"""Does to the allocators what is hard on a profiler: `robust.py WHAT`. Prints `done`."""

import atexit
import bz2
import ctypes
import gc
import hashlib
import os
import queue
import resource
import sqlite3
import subprocess
import sys
import threading
import zlib

from prof import profile, profiled

ROUNDS = 300


@profiled
def blocks(n=200):
    return [bytes(size) for size in range(0, n * 10, 10)]


def exchange():
    """Threads free each other's blocks."""
    boxes = [queue.Queue() for _ in range(4)]

    @profiled
    def passes(k):
        for _ in range(ROUNDS):
            boxes[(k + 1) % 4].put(blocks())
            del boxes[k].get(timeout=50)[:]

    threads = [threading.Thread(target=passes, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def without_gil():
    """Libraries that let go of the GIL, and C threads that allocate from RAW and never had it."""
    raw = ctypes.CDLL(None)
    raw.PyMem_RawMalloc.restype = raw.PyMem_RawRealloc.restype = ctypes.c_void_p
    raw.PyMem_RawMalloc.argtypes = [ctypes.c_size_t]
    raw.PyMem_RawRealloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    raw.PyMem_RawFree.argtypes = [ctypes.c_void_p]

    @profiled
    def works():
        for n in range(ROUNDS):
            block = raw.PyMem_RawMalloc(5000 + n)
            block = raw.PyMem_RawRealloc(block, 9000 + n)
            raw.PyMem_RawFree(block)
            data = bytes(20_000)
            zlib.decompress(zlib.compress(data))
            hashlib.sha256(data).digest()
            if n % 20 == 0:
                bz2.decompress(bz2.compress(data))
                sqlite3.connect(":memory:").execute("create table t (x)").close()

    threads = [threading.Thread(target=works) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    raw.PyMem_RawMalloc(1 << 20)  # never freed
    thread = ctypes.c_void_p()
    for _ in range(50):  # a thread's whole work is PyMem_RawMalloc(3000)
        assert not raw.pthread_create(ctypes.byref(thread), None, raw.PyMem_RawMalloc, ctypes.c_void_p(3000))
        raw.pthread_join(thread, None)


def busy(stop):
    while not stop.is_set():
        blocks(50)
        zlib.compress(bytes(5000))


def fork():
    """Forks while other threads allocate."""
    stop = threading.Event()
    threads = [threading.Thread(target=busy, args=(stop,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    kept = blocks()
    for _ in range(5):
        child = os.fork()
        if not child:
            try:
                del kept[:]
                kept.append(blocks(400))
                gc.collect()
                import prof.session

                prof.session.stop()
            finally:
                os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    stop.set()
    for thread in threads:
        thread.join()


def execs():
    for _ in range(3):
        blocks()
        assert (
            subprocess.run([sys.executable, "-c", "print([[n] for n in range(1000)][-1])"], check=False).returncode == 0
        )
        child = os.fork()
        if not child:
            blocks()
            os.execv(sys.executable, [sys.executable, "-c", "bytes(1000)"])
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def no_memory():
    caught = 0
    for _ in range(20):
        try:
            bytes(1 << 62)
        except MemoryError:
            caught += 1
        try:
            [0] * (1 << 60)
        except MemoryError:
            caught += 1
    assert caught == 40
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), resource.RLIM_INFINITY))
    kept = []
    try:
        with profile("fills"):
            while True:
                kept.append(bytes(1 << 20))
    except MemoryError:
        pass
    large = bytearray(1000)
    try:
        large.extend(kept[0] * 1000)
    except MemoryError:
        pass
    del kept
    small = []
    try:
        while True:
            small.append([len(small)])
    except MemoryError:
        del small
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    blocks()


def interpreters():
    """Other interpreters: with this one's GIL on 3.11, with one of their own since."""
    try:
        import _interpreters
    except ImportError:
        import _xxsubinterpreters as _interpreters
    source = "import json; kept = [json.dumps([n]) for n in range(20000)]; del kept[:]"
    stop = threading.Event()
    worker = threading.Thread(target=busy, args=(stop,))
    worker.start()
    for _ in range(3):
        other = _interpreters.create()
        thread = threading.Thread(target=_interpreters.run_string, args=(other, source))
        thread.start()
        blocks()
        thread.join()
        _interpreters.run_string(other, source)
        _interpreters.destroy(other)
    stop.set()
    worker.join()


def leave():
    blocks()
    print("done", flush=True)
    os._exit(0)


def atexit_exit():
    def last():
        blocks()
        raise SystemExit  # of which Python tells on stderr

    atexit.register(last)


def daemons():
    for _ in range(4):
        threading.Thread(target=busy, args=(threading.Event(),), daemon=True).start()
    blocks()


def finalizers():
    class Kept:
        def __del__(self, blocks=blocks):
            blocks()

    globals()["kept"] = [Kept() for _ in range(50)]
    globals()["cycle"] = cycle = Kept()
    cycle.self = cycle
    blocks()


profiled(globals()[sys.argv[1]])()
print("done", flush=True)
