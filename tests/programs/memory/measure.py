"""Prints what each line of a program's `work()` holds: `measure.py WITH PROGRAM FOLDER`.

WITH is `tracemalloc`; `prof`, memory detail; or `both`, tracemalloc first and prof inside it. The free lists are full
when the work begins: what they serve, no allocator sees, but tracemalloc moves a block that it knows to the line that
gets it.
"""

import gc
import importlib.util
import json
import sys
import tracemalloc
from pathlib import Path

with_what, program, folder = sys.argv[1:]
spec = importlib.util.spec_from_file_location("program", Path(__file__).parent / program)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)


def rows(snapshot):
    return [[s.traceback[0].filename, s.traceback[0].lineno, s.size, s.count] for s in snapshot.statistics("lineno")]


# The table of what derives from `object` grows in steps. It is far from the next, whatever classes a recording brings.
CLASSES = [type(f"Class{n}", (), {}) for n in range(2000)]


def fill_free_lists():
    many = range(2500)
    kept = [[[n] for n in many], [{n: n} for n in many], [float(n) for n in many], [slice(n) for n in many]]
    kept += [[tuple(range(size)) for _ in many] for size in range(1, 21)]
    kept += [[{"key": n} for n in many]]  # the keys of a small dictionary of strings have a free list of their own
    # From 3.14 on more kinds of objects have one.
    kept += [[n + (1 << 40) for n in many], [complex(n) for n in many], [range(n) for n in many]]
    kept += [[iter([n]) for n in many], [iter((n,)) for n in many], [iter(range(n)) for n in many]]
    kept += [[[n].append for n in many], [fill_free_lists.__get__(n) for n in many], [{n: n}.keys() for n in many]]
    kept.clear()


def by_tracemalloc():
    fill_free_lists()
    tracemalloc.start()
    kept = module.work()
    found = tracemalloc.take_snapshot()
    tracemalloc.stop()
    return kept, {"tracemalloc": rows(found)}


def by_prof(around=False):
    import prof
    from prof import memory
    from prof._core import lib

    found = {}
    if around:
        tracemalloc.start()
    with prof.enable_profiling(f"memory,{folder},,true,imports=false,collections=false"):
        lib.prof_own_begin()
        fill_free_lists()
        lib.prof_own_end()
        if around:
            tracemalloc.clear_traces()
        kept = module.work()
        lib.prof_own_begin()
        try:
            if around:
                found["tracemalloc"] = rows(tracemalloc.take_snapshot())
            ours = memory.take_snapshot()
        finally:
            lib.prof_own_end()
    if around:
        tracemalloc.stop()
    return kept, found | {"prof": rows(ours)}


for _ in range(3):  # caches, free lists and specialised bytecode are as they will be
    module.work()
gc.disable()
kept, found = by_tracemalloc() if with_what == "tracemalloc" else by_prof(with_what == "both")
print(json.dumps(found))
