"""Whether samples of a program that runs on are samples of the program: shares by function, held against a still one.

`python -m benchmarks.shares` runs each library below one marked function, its own functions unmarked. With program and
sampler on one processor, the program stands still while it is looked at: that is the truth here, with the error that
repeated runs show. With a processor each, the program runs on while its frames are copied. A function's two means
differ in one case of a hundred by more than Student's 99 % interval; whatever differs more often is a bias.

Shares are of sampled processor time: a program that others keep from running stands still, and is sampled all the same.
Beside them stands the exact share: self time with the library marked whole, less what its probes cost. It is a guide
for functions that are long enough; a probe takes as long as the shortest of them.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from statistics import mean, variance

from attrs import frozen
from prof.capture import Capture, open_capture
from prof.tools.screen.units import percent

LEAST = 0.005  # share from which on a function is a case
STUDENT = {4: 3.707, 5: 3.355, 6: 3.169, 7: 3.055, 8: 2.977, 10: 2.878, 12: 2.819}  # 99 %, of twice so many runs

HEAD = """
import os, sys
from pathlib import Path
from prof import profiled

def pin():
    every = sorted(os.sched_getaffinity(0))
    for task in Path("/proc/self/task").iterdir():
        sampler = (task / "comm").read_text().strip() == "prof-sampler"
        os.sched_setaffinity(int(task.name), {every[-1] if sampler else every[0]})
"""
TAIL = """
@profiled
def warm():
    work()

@profiled
def measured(rounds):
    for _ in range(rounds):
        work()

warm()
pin()
measured(int(sys.argv[1]))
"""
PROGRAMS = {
    "jinja2": (
        120,
        """
import jinja2
SOURCE = '''<h1>{{ a.b }}</h1>{% for x, y in rows %}<p>{{ x }} {{ '%.2f' % y }}</p>{% if x %}{{ x|upper }}{% endif %}
{% endfor %}{{ note }}'''
def work():
    template = jinja2.Environment().from_string(SOURCE)
    for _ in range(3):
        template.render(a={"b": 1}, rows=[("k", i / 3) for i in range(20)], note="n")
""",
    ),
    "lark": (
        90,
        """
import lark
GRAMMAR = '''
start: (assign ";")*
assign: NAME "=" sum
sum: product | sum "+" product | sum "-" product
product: atom | product "*" atom
atom: NUMBER | NAME | "(" sum ")"
NAME: /[a-z]+/
NUMBER: /[0-9]+/
%ignore " "
'''
parser = lark.Lark(GRAMMAR, parser="lalr")
TEXT = "x = 1 + 2 * (y - 3) * z; why = x * x + 17;" * 12
def work():
    for node in parser.parse(TEXT).iter_subtrees():
        node.data
""",
    ),
    "markdown_it": (
        60,
        """
from markdown_it import MarkdownIt
TEXT = ('# Title\\n\\nSome *text* with **stars**, [a link](http://example.org) and `code`.'
    '\\n\\n- one\\n- two\\n\\n> quoted\\n\\n')
def work():
    MarkdownIt().render(TEXT * 6)
""",
    ),
    "sympy": (
        4,
        """
import sympy
from sympy.core.cache import clear_cache
x, y = sympy.symbols("x y")
def work():
    clear_cache()
    e = sympy.expand((x + 2 * y + 1) ** 4 * (x - y))
    e.diff(x).subs(y, x + 1).expand()
    list(sympy.preorder_traversal(e))
""",
    ),
}


@frozen
class Row:
    name: str
    exact: float
    still: float
    running: float
    error: float
    """Half the width of the 99 % interval for the difference of the two."""

    @property
    def agrees(self) -> bool:
        return abs(self.running - self.still) <= self.error


def record(program: Path, rounds: int, processors: set[int], settings: str, folder: Path) -> Path:
    """The capture of one run, on these processors."""
    subprocess.run(
        [sys.executable, str(program), str(rounds)],
        check=True,
        capture_output=True,
        env=os.environ | {"PROF": settings, "PYTHONHASHSEED": "0"},
        preexec_fn=lambda: os.sched_setaffinity(0, processors),
    )
    return next(folder.glob("*.capture"))


def sampled(program: Path, rounds: int, processors: set[int], interval: str) -> dict[str, float]:
    """Shares of the sampled processor time below the marked functions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = f"samples,{folder},,,imports=false,collections=false,interval={interval}"
        with open_capture(record(program, rounds, processors, settings, folder)) as capture:
            tree = capture.tree()
            (top,) = (n for n in tree.children(0) if capture.label(tree.label[n]).name.endswith(".measured"))
            column, own, below = tree.column("sampled_cpu_ns"), Counter[str](), [top]
            while below:
                node = below.pop()
                below += tree.children(node)
                line = tree.line[node] and node != top
                own[capture.label(tree.label[tree.parent[node] if line else node]).name] += column[node]
    whole = own.total()
    return {name: value / whole for name, value in own.items()}


def self_times(capture: Capture) -> dict[str, float]:
    """Nanoseconds of self time by function, less what the probes of its callees cost it."""
    tree = capture.tree()
    probe, made = capture.probe_cost_ps / 1000, Counter[int]()
    for edge in capture.edges(tree):
        if edge.caller is not None:
            made[edge.caller.index] += edge.calls + edge.resumes
    return {f.label.name: max(0.0, f.self_ns - probe * made[f.label.index]) for f in capture.functions(tree)}


def exact(program: Path, library: str, rounds: int, processors: set[int]) -> dict[str, float]:
    """Shares of self time with the library marked whole, less what its probes cost its callers."""
    spec = importlib.util.find_spec(library)
    assert spec is not None and spec.origin is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(Path(spec.origin).parent, folder / library)
        shutil.copy(program, folder / program.name)
        subprocess.run([Path(sys.executable).parent / "prof-instrument", "-q", folder / library], check=False)
        settings = f"time,{folder},,,imports=false,collections=false"
        with open_capture(record(folder / program.name, rounds, processors, settings, folder)) as capture:
            own = self_times(capture)
    whole = sum(own.values())
    return {name: value / whole for name, value in own.items()}


def rows(library: str, program: Path, interval: str, runs: int, rounds: int) -> Iterator[Row]:
    """The functions that have a share worth naming, still and running."""
    first, second, *_ = sorted(os.sched_getaffinity(0))
    still, running = [], []
    for _ in range(runs):  # in turns: what the machine does beside hits both alike
        still.append(sampled(program, rounds, {first}, interval))
        running.append(sampled(program, rounds, {first, second}, interval))
    truth = exact(program, library, rounds, {first})
    for name in sorted({n for run in still + running for n in run}):
        a, b = ([run.get(name, 0.0) for run in each] for each in (still, running))
        if max(mean(a), mean(b)) >= LEAST:
            error = STUDENT[runs] * sqrt((variance(a) + variance(b)) / runs)
            yield Row(name, truth.get(name, 0.0), mean(a), mean(b), error)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("libraries", nargs="*", metavar="LIBRARY", help=", ".join(PROGRAMS))
    parser.add_argument("--runs", type=int, choices=STUDENT, default=6, help="of each kind")
    parser.add_argument("--scale", type=float, default=1.0, help="of the programs' length")
    parser.add_argument("--interval", action="append", help="1ms and 100us by default")
    given = parser.parse_args()
    cases = within = 0
    for library in given.libraries or PROGRAMS:
        rounds, text = PROGRAMS[library]
        with tempfile.TemporaryDirectory() as name:
            program = Path(name) / "program.py"
            program.write_text(HEAD + text + TAIL)
            for interval in given.interval or ["1ms", "100us"]:
                found = list(rows(library, program, interval, given.runs, round(rounds * given.scale)))
                cases += len(found)
                within += sum(row.agrees for row in found)
                print(f"\n{library}, every {interval}\n\n    exact   still  running      ±  function")
                for row in sorted(found, key=lambda r: -r.still):
                    figures = (row.exact, row.still, row.running, row.error)
                    shown = "".join(f"{percent(x, 1):>8}" for x in figures)
                    print(f"{' ' if row.agrees else '≠'}{shown}  {row.name}", flush=True)
    print(f"\n{within} of {cases} shares within their 99 % interval ({percent(within, cases)})")
    return within < 0.98 * cases


if __name__ == "__main__":
    sys.exit(main())
