"""What the oracles know of CPython's versions: their own knowledge, beside the profiler's (csrc/python/version/)."""

from __future__ import annotations

import sys

# PEP 669: sys.monitoring, which oracles count by. Before, they count by hooks: sys.setprofile, sys.settrace.
HAS_MONITORING = sys.version_info >= (3, 12)

# A trace function is told of an EXTENDED_ARG, and not of the instruction that it belongs to.
TRACES_EXTENDED_ARG = sys.version_info < (3, 12)

# Where oracles are hooks, a new thread has them only after some functions of the module `threading` have run on it.
THREADS_ARE_HOOKED_LATE = not HAS_MONITORING

# The program of subinterpreters crashes CPython itself under debug allocators, without PROF, one time in four.
DEBUG_ALLOCATORS_CRASH_INTERPRETERS = sys.version_info >= (3, 12)

# Of 3.12 alone: trace functions of the tests of `match` switch the oracle off, which is a tool of sys.monitoring there.
TRACERS_STOP_THE_ORACLE = (3, 12) <= sys.version_info < (3, 13)

# A `with` calls __enter__ by a CALL of its own, behind LOAD_SPECIAL.
WITH_CALLS_ENTER = sys.version_info >= (3, 14)

# What drops a loop's iterator tells of the branch out of the loop; while each instruction has its event, as of itself.
POP_ITER_TELLS = sys.version_info >= (3, 14)

# A generator that is closed outside of any `try` is entered for it after all, once a tool asks for PY_UNWIND.
CLOSES_BY_THROWING = sys.version_info >= (3, 14)

# Ints come from a free list, too: tracemalloc moves such a block to the line that takes it from there.
TRACEMALLOC_MOVES_INTS = sys.version_info >= (3, 14)

# A list for whose item there is no memory is freed twice, and crashes a later one: plain 3.15.0, in most runs.
NO_MEMORY_FREES_LISTS_TWICE = sys.version_info[:3] == (3, 15, 0)

# Code objects have co_lnotab, which dill 0.4 asks for.
HAS_LNOTAB = sys.version_info < (3, 15)

# Bytes into an interpreter's frame (_PyInterpreterFrame) where it names its caller.
FRAME_PREVIOUS = 8 if sys.version_info >= (3, 12) else 6 * 8

# The public C interface that csrc/python/version/unknown.h is written for; what is not known is no older.
HAS_INTERFACE_OF_UNKNOWN = sys.version_info >= (3, 13)

# Syntax and builtins that not every version has, by the program in tests/programs/syntax/ that uses them: which of the
# programs can be compiled here, and which say the same here as on any later version.
_SINCE = {"templates": (3, 14), "excepts": (3, 14), "annotations": (3, 14)}
_SINCE |= {"lazy": (3, 15), "unpacking": (3, 15), "frozen": (3, 15)}
RUNS = frozenset(program for program, since in _SINCE.items() if sys.version_info >= since)
COMPILES = RUNS | {"frozen"} | ({"annotations"} if sys.version_info >= (3, 12) else set())
