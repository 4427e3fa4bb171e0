"""PROF=standby: a program that records nothing, and that `prof attach` and the like can ask to.

The C core keeps what another process needs at hand in its own memory (csrc/python/standby). There is nothing else: no
file, no thread, no hook, no cost.
"""

from __future__ import annotations


def begin() -> None:
    """From here on this process can be asked."""
    from prof._core import lib

    if lib.prof_py_stand_by():
        import sys

        from prof.messages import say

        python = f"{sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))}"
        say(f"PROF=standby: prof attach cannot reach this process: the inside of this {python} is not known here")
