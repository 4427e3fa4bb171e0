"""`python -m benchmarks`: the cost of this project beside its peers, in one table for each interpreter."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.contenders import environment
from benchmarks.figures import FIGURES, Figure, Result, groups, row, select
from benchmarks.table import table

ROOT = Path(__file__).resolve().parent.parent

EPILOG = f"""\
figures, by group:
{chr(10).join(f"  {g + ':':9} {', '.join(f.name for f in FIGURES if f.group == g)}" for g in groups(list(FIGURES)))}

examples:
  python -m benchmarks                                  all of them, on this interpreter: a few minutes
  python -m benchmarks --quick --only calls probing     a first look: seconds
  python -m benchmarks --python .venv311/bin/python .venv313/bin/python --json figures.json

Contenders take turns within each round, and a figure is computed from their minima, so it is a ratio of costs on the
same machine at the same time. `spread` is the figure from parts of the rounds alone. Peers are measured where they
are installed (the `bench` extra; trace0 on Python 3.13). Each group runs in a process of its own.

exit status: 0 every `must` is met, 1 one is missed, 2 wrong call, 3 a group could not be measured
"""


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="figures or groups of figures")
    parser.add_argument("--quick", action="store_true", help="few rounds and small inputs: too noisy for a verdict")
    parser.add_argument("--python", nargs="+", default=[sys.executable], metavar="PATH", help="interpreters to run on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    parser.add_argument("--no-notes", action="store_true", help="the table alone, without the lines below it")
    args = parser.parse_args(argv)
    try:
        args.figures = select(args.only)
    except KeyError as error:
        parser.error(f"--only: no figure or group {error}; --help lists them")
    return args


def measure(python: str, group: str, quick: bool) -> Iterator[Result]:
    """A group's results from a process of its own. If that fails, one result without a name says why."""
    command = [python, "-m", "benchmarks.worker", group, *(["--quick"] if quick else [])]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        output, errors = process.communicate()
    for line in output.splitlines():
        if line.startswith("{"):
            yield Result(**json.loads(line))
    if process.returncode:
        last = (errors.strip().splitlines() or ["nothing on stderr"])[-1]
        yield Result("", note=f"not measured: {group} ended with status {process.returncode}: {last}")


def results(python: str, figures: list[Figure], quick: bool) -> list[tuple[Figure, Result]]:
    """A result for each figure, in their order."""
    lines = []
    for group in groups(figures):
        print(f"  {group} ...", file=sys.stderr, flush=True)
        found = {result.name: result for result in measure(python, group, quick)}
        failure = found.pop("", Result("", note="not measured: no result"))
        lines += [(figure, found.get(figure.name, failure)) for figure in figures if figure.group == group]
    return lines


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status."""
    args = parse(argv)
    rows = []
    for python in args.python:
        version = subprocess.check_output(
            [python, "-c", "import sys; print(sys.version.split()[0])"], text=True
        ).strip()
        print(f"Python {version}", file=sys.stderr)
        lines = results(python, args.figures, args.quick)
        print(f"\nPython {version}\n{table(lines, not args.no_notes)}\n", flush=True)
        rows += [row(version, figure, result) for figure, result in lines]
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")
    if any(each["verdict"] == "MISSED" for each in rows):
        return 1
    return 3 if any(" ended with " in each["note"] or "no result" in each["note"] for each in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
