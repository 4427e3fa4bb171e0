"""Runs out of room for its capture: `full.py MEGABYTES` makes many functions, `full.py contexts` many contexts."""

import resource
import sys

if len(sys.argv) > 1:
    megabytes = 3 if sys.argv[1] == "contexts" else int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (megabytes << 20, megabytes << 20))

from prof import profiled


@profiled
def first():
    return 1


@profiled
def branch(depth, left):
    return 1 + branch(depth - 1, True) + other(depth - 1) if depth else 1


@profiled
def other(depth):
    return branch(depth, False)


def main():
    if sys.argv[1] == "contexts":
        branch(14, True)
        print("contexts")
        return
    calls = first() - 1
    for n in range(6000):
        space = {"profiled": profiled, "__name__": "made"}
        exec(f"@profiled\ndef function_{n}(): return 1", space)
        calls += space[f"function_{n}"]()
    print("calls", calls)


main()
