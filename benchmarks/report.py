"""`prof report` of a large capture: a million calling contexts, as a real program leaves them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

from benchmarks.contenders import environment
from benchmarks.figures import Result
from benchmarks.rounds import interleave

# 40 functions; each calls ten others, six deep: 1 + 10 + ... + 10**6 contexts.
PROGRAM = """
from prof import profiled

def make(number):
    def visit(depth):
        if depth:
            for k in range(10):
                functions[(number * 7 + k * 3 + 1) % 40](depth - 1)
    visit.__name__ = f"visit_{number}"
    visit.__qualname__ = f"visit_{number}"
    visit.__code__ = visit.__code__.replace(co_name=visit.__name__, co_qualname=visit.__qualname__)
    return profiled(visit)

functions = [make(number) for number in range(40)]
functions[0](DEPTH)
"""


# The call tree, and nothing left out of it.
WHOLE_TREE = ("--tree", "--depth", "0", "--min-percent", "0")
# What the `prof` script of an installed project does.
PROF = "import sys; from prof.tools.cli import main; sys.exit(main())"


def record(directory: Path, depth: int) -> Path:
    """The capture of the program."""
    program = directory / "wide.py"
    program.write_text(PROGRAM.replace("DEPTH", str(depth)))
    settings = environment() | {"PROF": f"time,{directory}"}
    subprocess.run([sys.executable, str(program)], env=settings, check=True, capture_output=True)
    (capture,) = directory.glob("*.capture")
    return capture


def command(*arguments: str, says: str) -> Callable[[], float]:
    """Seconds of the whole process of a `prof` command; RuntimeError if its output does not hold `says`."""

    def run() -> float:
        start = perf_counter()
        output = subprocess.check_output([sys.executable, "-c", PROF, *arguments], env=environment(), text=True)
        seconds = perf_counter() - start
        if says not in output:
            raise RuntimeError(f"prof {' '.join(arguments)} printed {output!r}")
        return seconds

    return run


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    with tempfile.TemporaryDirectory(prefix="prof-bench-") as directory:
        depth = 2 if quick else 6
        capture = record(Path(directory), depth)
        size, nodes = capture.stat().st_size, sum(10**i for i in range(depth + 1))
        runs = {
            "report": command("report", str(capture), says="visit_0"),
            "tree": command("report", str(capture), *WHOLE_TREE, says="visit_0"),
            "help": command("report", "--help", says="usage"),
        }
        times = interleave(runs, 2 if quick else 6)
    note = f"{nodes:,} nodes, {size / 1e6:.0f} MB of capture; `report --help` takes {times.best('help'):.2f} s"
    yield times.result("report", lambda t: t.best("report"), note)
    yield times.result("tree", lambda t: t.best("tree"), f"prof report {' '.join(WHOLE_TREE)}")
