"""Programs to slow down. `run(SCALE)` takes 1 to 4 ms and gives EXPECTED; `run(WARM)` is a small part of that.

Those called alloc_* live on memory, with some work for each block of it. They take about 5 ms. They
have no WARM: a whole run warms up.
"""
