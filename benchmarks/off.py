"""What the markers cost where nothing records: the import, and whether a marked function stays what it was."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.contenders import environment
from benchmarks.figures import Result
from benchmarks.rounds import Times, interleave

# What an instrumented file says first. The package is found in a plain folder, as in an installed wheel, and `site` is
# left out: an editable install's import hook and other people's .pth files import half of what we would have to.
IMPORT = """
import os, sys, time
sys.path.insert(0, {path!r})
{before}
start = time.perf_counter()
{statement}
print(time.perf_counter() - start)
"""
OURS = 'if not __import__("prof.auto"): pass'

IDENTITY = """
from prof import profiled
def plain(x): return x
def generator(x): yield x
async def coroutine(x): return x
class Class:
    def method(self): pass
changed = 0
for function in (plain, generator, coroutine, Class.method):
    code = function.__code__
    changed += profiled(function) is not function or function.__code__ is not code
    changed += profiled("time")(function) is not function or function.__code__ is not code
print(changed)
"""


def importing(statement: str, path: str, before: str = "pass") -> Callable[[], float]:
    """Seconds that the statement takes in a fresh interpreter, after `before`."""
    command = [sys.executable, "-S", "-c", IMPORT.format(path=path, statement=statement, before=before)]
    # With compiled files, as after the first run of any installed program.
    settings = environment() | {"PYTHONPYCACHEPREFIX": f"{path}/cache", "PYTHONDONTWRITEBYTECODE": ""}

    def run() -> float:
        return float(subprocess.check_output(command, env=settings, text=True))

    return run


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    import prof

    with tempfile.TemporaryDirectory(prefix="prof-bench-") as directory:
        (Path(directory) / "prof").symlink_to(Path(prof.__file__).parent)
        statements = {"prof": OURS, "json": "import json", "typing": "import typing"}
        runs = {name: importing(statement, directory) for name, statement in statements.items()}
        runs["markers"] = importing(OURS, directory, before="import typing")
        times = interleave(runs, 6 if quick else 40)
    yield times.result("import-ms", lambda t: t.best("prof") * 1e3, f"`{OURS}`; {beside(times)}")
    yield times.result("import-json", lambda t: t.best("prof") / t.best("json"))
    changed = subprocess.check_output([sys.executable, "-c", IDENTITY], env=environment(), text=True)
    yield Result("identity", float(changed), note="of 4 kinds of function, marked two ways")


def beside(times: Times) -> str:
    """What else takes how long."""
    others = ", ".join(f"`import {name}` {times.best(name) * 1e3:.2f} ms" for name in ("json", "typing"))
    return f"{others}; {times.best('markers') * 1e3:.2f} ms where typing is loaded already"
