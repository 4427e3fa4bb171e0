"""A span through the C API: the loops are in C (`native.c`), built here and timed there."""

from __future__ import annotations

import ctypes
import os
import shlex
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path

from benchmarks.contenders import recorded
from benchmarks.figures import Result
from benchmarks.rounds import Times, interleave

COUNT = 5_000  # a run takes a tenth of a millisecond, so that some escape the scheduler
LOOPS = ("nothing", "clocks", "span", "nested", "value")
SOURCE = Path(__file__).with_suffix(".c")


def build(folder: str) -> ctypes.CDLL:
    """The loops, with the shared library of the C API."""
    from prof import config

    path = os.path.join(folder, "native.so")
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    flags = ["-O2", "-shared", "-fPIC", *config.cflags(), str(SOURCE), "-o", path, *config.libs()]
    subprocess.run([*compiler, *flags], check=True)
    return ctypes.CDLL(path)


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    rounds = 10 if quick else 400
    with tempfile.TemporaryDirectory() as folder:
        library = build(folder)
        timed = {name: timer(library, name) for name in LOOPS}
        off = interleave({name: timed[name] for name in ("nothing", "span")}, rounds)
        with chdir(folder):
            library.prof_start(None)
        own = interleave(timed, rounds)
        library.prof_stop()
        with recorded():
            python = interleave({name: timed[name] for name in ("nothing", "nested")}, rounds)
    yield own.result("span-c", lambda t: each(t, "span"), "`prof_enter(&site); prof_exit(&site);`, without the loop")
    yield own.result("span-c-nested", lambda t: each(t, "nested"))
    yield own.result("span-c-clock", lambda t: each(t, "clocks"))
    yield off.result("span-c-off", lambda t: each(t, "span"))
    yield own.result("span-c-value", lambda t: each(t, "value"))
    yield python.result("span-c-python", lambda t: each(t, "nested"))


def timer(library: ctypes.CDLL, name: str) -> Callable[[], float]:
    function = getattr(library, name)
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_long]
    return lambda: float(function(COUNT))


def each(times: Times, name: str) -> float:
    """Nanoseconds of one turn of a loop, without those of the loop."""
    return (times.best(name) - times.best("nothing")) / COUNT * 1e9
