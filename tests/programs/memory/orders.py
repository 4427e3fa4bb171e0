"""Starts and stops a session and tracemalloc in an order: `orders.py FOLDER DETAIL STEP…`.

STEP is `+prof`, `-prof`, `+trace`, `-trace`; between the steps blocks are made, kept, and freed.
"""

import gc
import sys
import threading
import tracemalloc

import prof

folder, detail, *steps = sys.argv[1:]
kept = []
sessions = []


def work():
    kept.append([bytes(n) for n in range(0, 3000, 7)])
    kept.append([{n: (n, str(n))} for n in range(300)])
    found = bytearray()
    for _ in range(50):
        found += bytes(1000)
    del found[100:]
    kept.append(found)
    thread = threading.Thread(target=kept.append, args=([[n] for n in range(300)],))
    thread.start()
    thread.join()
    kept.append(b"".join(bytes(n) for n in range(0, 3000, 7)))
    del kept[::2]
    gc.collect()


work()
for step in steps:
    if step == "+prof":
        sessions.append(prof.enable_profiling(f"memory,{folder},,{detail}"))
        sessions[-1].__enter__()
    elif step == "-prof":
        sessions.pop().__exit__(None, None, None)
    elif step == "+trace":
        tracemalloc.start()
    elif step == "-trace":
        tracemalloc.stop()
    work()
del kept[:]
gc.collect()
print("done")
