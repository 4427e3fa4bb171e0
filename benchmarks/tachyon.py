"""CPython's own sampler and ours beside the truth: how far off is a function's share of the samples?

The programs of `benchmarks/known` measure what each of their functions takes (`clocked.py` there), in each run anew: so
a share in samples is held against the truth of that very run. Shares are of wall time, of all threads together. A
sample counts for the innermost function of the program's own on its stack. Samplers take turns, at the same rate.

An interval is the wider of two, both of 99 %: the binomial one of the samples, and Student's one of the errors that
repeated runs have. Where others run on the machine, programs and samplers stand still for milliseconds at a time; then
the second is far wider, and how long the program waited for a processor is said. An error is beyond its interval where
that and the range that the truth is known to do not meet: by chance in one case of a hundred.

`main` has what no clock saw, some of which is other functions': its row is shown and not judged.

`spans` are shares by exact spans, `PROF=time` in a run of its own, less what probes cost callers. A guide: the clocks
in that program cost, too, and a probe takes as long as the shortest function.
"""

from __future__ import annotations

import argparse
import ast
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from statistics import NormalDist, mean, stdev
from typing import Any

from attrs import define, field, frozen
from prof.capture import open_capture

from benchmarks.contenders import OUTSIDE, Sampled, Sampler, environment, execute_script, missing, samplers
from benchmarks.figures import Result
from benchmarks.shares import self_times
from benchmarks.table import aligned

KNOWN = Path(__file__).resolve().parent / "known"
PROGRAMS = ("plain", "short", "recursion", "generators", "threads", "awaiting", "extension")
FIGURES = ("tachyon-ours", "tachyon-cpython", "tachyon-blocking")  # in the order of `samplers()`
PEER = "profiling.sampling"
REST = "main"  # has what is left of a run
Z = NormalDist().inv_cdf(0.995)
STUDENT = {3: 9.925, 4: 5.841, 5: 4.604, 6: 4.032, 8: 3.499, 10: 3.250, 15: 2.977, 20: 2.861}  # 99 %, of so many runs


@frozen
class Plan:
    """What is run."""

    programs: tuple[str, ...] = PROGRAMS
    runs: int = 6
    seconds: float = 1.0
    interval_us: int = 200


@define
class Pool:
    """Runs of one program under one sampler: a single one, or their sum."""

    total_ns: float = 0
    waited_ns: float = 0
    low: defaultdict[str, float] = field(factory=lambda: defaultdict(float))
    high: defaultdict[str, float] = field(factory=lambda: defaultdict(float))
    found: defaultdict[str, float] = field(factory=lambda: defaultdict(float))
    samples: int = 0
    squares: float = 0
    said: Counter[str] = field(factory=Counter)
    runs: list[Pool] = field(factory=list)

    def add(self, truth: dict[str, Any], sampled: Sampled) -> None:
        """A run more. What has no clock of its own is of the rest."""
        self.total_ns += truth["total"]
        self.waited_ns += truth["waited"]
        for name, (low, high) in truth["functions"].items():
            self.low[name] += low
            self.high[name] += high
        for name, weight in sampled.functions.items():
            self.found[name if name in truth["functions"] else REST] += weight
        self.samples += sampled.samples
        self.squares += sampled.squares
        self.said += sampled.said

    def add_run(self, truth: dict[str, Any], sampled: Sampled) -> None:
        """A run more, which is also kept by itself."""
        self.add(truth, sampled)
        self.runs.append(Pool())
        self.runs[-1].add(truth, sampled)

    def cell(self, name: str) -> Cell:
        """Of one function."""
        whole = sum(self.found.values())
        n = whole**2 / self.squares  # as many samples that stand for equal times are worth as much
        low, high = (100 * each[name] / self.total_ns for each in (self.low, self.high))
        share, least, most = wilson(self.found[name] / whole, n)
        if len(self.runs) >= min(STUDENT):
            factor = STUDENT[max(runs for runs in STUDENT if runs <= len(self.runs))]
            half = factor * stdev(run.cell(name).error for run in self.runs) / sqrt(len(self.runs))
            least, most = min(least, share - half), max(most, share + half)
        return Cell(low, high, share, least, most)


@frozen
class Cell:
    """A function's share, in percent: the truth of these runs as a range, and what was sampled with its interval."""

    low: float
    high: float
    share: float
    least: float
    most: float

    @property
    def truth(self) -> float:
        return (self.low + self.high) / 2

    @property
    def error(self) -> float:
        return self.share - self.truth

    @property
    def agrees(self) -> bool:
        return self.least <= self.high and self.low <= self.most


def wilson(share: float, n: float) -> tuple[float, float, float]:
    """A share of so many samples and its 99 % interval (E. B. Wilson, 1927), in percent."""
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return 100 * share, 100 * (middle - half) if share else 0.0, 100 * (middle + half) if share < 1 else 100.0


# ---- runs ------------------------------------------------------------------------------------------------------------


def sampled_run(sampler: Sampler, script: Path, plan: Plan) -> tuple[dict[str, Any], Sampled]:
    """The truth and the samples of one run."""
    with tempfile.TemporaryDirectory(prefix="prof-bench-") as name:
        truth = Path(name) / "truth.json"
        (folder := Path(name) / "out").mkdir()
        sampled = sampler.sample(script, [str(plan.seconds), str(truth)], plan.interval_us, folder)
        return json.loads(truth.read_text()), sampled


def spans(program: str, seconds: float) -> dict[str, float]:
    """Percent of self time by function, every function of the program marked."""
    with tempfile.TemporaryDirectory(prefix="prof-bench-") as name:
        folder = Path(name)
        script = shutil.copytree(KNOWN, folder / "known") / f"{program}.py"
        instrument = [str(Path(sys.executable).parent / "prof-instrument"), "-q", str(script)]
        subprocess.run(instrument, check=True, env=environment(), capture_output=True)
        arguments = [sys.executable, str(script), str(seconds), str(folder / "truth.json")]
        execute_script(arguments, script.parent, PROF=f"time,{folder},,,imports=false,collections=false")
        with open_capture(next(folder.glob("*.capture"))) as capture:
            times = {name.removeprefix(f"{program}."): ns for name, ns in self_times(capture).items()}
        known = json.loads((folder / "truth.json").read_text())["functions"]
    found: defaultdict[str, float] = defaultdict(float)
    for name, ns in times.items():
        if name not in OUTSIDE:
            found[name if name in known else REST] += ns
    whole = sum(found.values())
    return {name: 100 * ns / whole for name, ns in found.items()}


def pools(program: str, plan: Plan) -> dict[str, Pool]:
    """By sampler, in turns, every other round backwards."""
    every = samplers()
    found = {sampler.name: Pool() for sampler in every}
    with tempfile.TemporaryDirectory(prefix="prof-bench-") as name:
        script = shutil.copytree(KNOWN, Path(name) / "known") / f"{program}.py"
        for run in range(plan.runs):
            for sampler in reversed(every) if run % 2 else every:
                found[sampler.name].add_run(*sampled_run(sampler, script, plan))
    return found


# ---- what is printed -------------------------------------------------------------------------------------------------


def described(program: str) -> str:
    """The first words of what a program says it is."""
    words = ast.get_docstring(ast.parse((KNOWN / f"{program}.py").read_text())) or ""
    return " ".join(words.split())


def shown(program: str, found: dict[str, Pool], exact: dict[str, float], interval_us: int) -> str:
    """A program's table."""
    headings = ["function", "true %", "spans %"]
    for name in found:
        headings += [f"{name} %", "error"]
    rows = [tuple(headings)]
    first = next(iter(found.values()))
    for name in sorted(first.low, key=lambda name: -first.low[name]):
        cells = [pool.cell(name) for pool in found.values()]
        known = max((cell.high - cell.low) / 2 for cell in cells)
        row = [name, f"{mean(cell.truth for cell in cells):5.2f} ±{known:.2f}", f"{exact.get(name, 0.0):5.2f}"]
        for cell in cells:
            row += [
                f"{cell.share:5.2f} ±{(cell.most - cell.least) / 2:.2f}",
                f"{cell.error:+.2f}{'' if cell.agrees or name == REST else ' ≠'}",
            ]
        rows.append(tuple(row))
    lines = [f"{program}: {described(program)}", *aligned(rows)]
    lines += [f"  {name}: {taken(pool, interval_us)}" for name, pool in found.items()]
    return "\n".join(lines)


def taken(pool: Pool, interval_us: int) -> str:
    """How many samples, and what the sampler says of them."""
    due = round(pool.total_ns / interval_us / 1000)
    said = "".join(f"; {count:,} {words}" for words, count in pool.said.items() if count)
    waited = f"; the program waited {100 * pool.waited_ns / pool.total_ns:.1f} % of its time for a processor"
    return f"{pool.samples:,} samples of {due:,} that were due{said}{waited}"


def result(figure: str, sampler: str, every: dict[str, dict[str, Pool]], interval_us: int, detail: str) -> Result:
    """A sampler's errors over all programs."""
    cells = {f"{name} of {program}": found[sampler].cell(name)
             for program, found in every.items() for name in found[sampler].low if name != REST}  # fmt: skip
    worst = max(cells, key=lambda name: abs(cells[name].error))
    due = sum(found[sampler].total_ns for found in every.values()) / interval_us / 1000
    samples = sum(found[sampler].samples for found in every.values())
    within = sum(cell.agrees for cell in cells.values())
    half = mean((cell.most - cell.least) / 2 for cell in cells.values())
    note = (
        f"{within} of {len(cells)} shares within their 99 % interval, ±{half:.2f} on average; "
        f"worst {worst} {cells[worst].error:+.2f}; {samples:,} samples, "
        f"{100 * max(0.0, 1 - samples / due):.1f} % missed"
    )
    return Result(figure, mean(abs(cell.error) for cell in cells.values()), note=note, detail=detail)


def compare(plan: Plan) -> Iterator[Result]:
    """Runs all; a result for each sampler, the first with the tables."""
    every, tables = {}, []
    for program in plan.programs:
        every[program] = pools(program, plan)
        tables.append(shown(program, every[program], spans(program, plan.seconds), plan.interval_us))
    head = (
        f"{plan.runs} runs of {plan.seconds:g} s for each sampler, a sample every {plan.interval_us} us; "
        "shares of wall time, errors in points; ≠ beyond the 99 % interval"
    )
    detail = "\n\n".join([head, *tables])
    for figure, sampler in zip(FIGURES, samplers(), strict=True):
        yield result(figure, sampler.name, every, plan.interval_us, detail if figure == FIGURES[0] else "")


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    if why := missing(PEER):
        return (Result(figure, note=f"not measured: {why}") for figure in FIGURES)
    return compare(Plan(runs=1, seconds=0.2) if quick else Plan())


def main(argv: list[str] | None = None) -> int:
    """`python -m benchmarks.tachyon`: some of the programs, more or longer runs, another rate."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.tachyon", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    plan = Plan()
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=", ".join(PROGRAMS))
    parser.add_argument("--runs", type=int, default=plan.runs, help="for each sampler; %(default)s")
    parser.add_argument("--seconds", type=float, default=plan.seconds, help="of each run; %(default)s")
    parser.add_argument("--interval", type=int, default=plan.interval_us, metavar="US", help="%(default)s")
    given = parser.parse_args(argv)
    if unknown := set(given.programs) - set(PROGRAMS):
        parser.error(f"no program {', '.join(sorted(unknown))}; known: {', '.join(PROGRAMS)}")
    if why := missing(PEER):
        print(f"not measured: {why}")
        return 0
    plan = Plan(tuple(given.programs) or PROGRAMS, given.runs, given.seconds, given.interval)
    for each in compare(plan):
        print(f"{each.detail}\n\n" if each.detail else "", end="")
        print(f"{each.name}: {each.value:.2f} points; {each.note}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
