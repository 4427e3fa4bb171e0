"""`prof merge`: the sum of many captures as one capture."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from prof.errors import InputError
from prof.many import merge
from prof.text import shown
from prof.tools.commands.arguments import command
from prof.tools.screen.progress import counting

MOST_NOTES = 20
"""How many captures that were left out are named, unless all are asked for."""

EXAMPLES = """
prof merge runs/ -o week.capture              every capture below that folder
prof merge mon.capture tue.capture -o two.capture && prof report two.capture
prof merge week.capture new/ -o week.capture  a merged capture may be merged again, and be replaced
find . -name '*.capture' -mtime -1 | prof merge - -o today.capture
"""


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "merge", EXAMPLES)
    parser.add_argument(
        "captures", nargs="+", metavar="CAPTURE",
        help=".capture files; a folder is every capture in it and below; - is standard input, a path a line",
    )  # fmt: skip
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the capture to write")
    parser.add_argument(
        "--strict", action="store_true",
        help="write nothing if a capture cannot be read or added (default: leave it out and name it)",
    )  # fmt: skip
    parser.add_argument("--all-notes", action="store_true", help=f"name all that is left out (default: {MOST_NOTES})")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    paths = list(_paths(args.captures))
    if not paths:
        raise InputError(f"no captures in {', '.join(args.captures)}")
    with counting("Merging", len(paths)) as tell:
        notes = merge(paths, args.output, args.strict, tell)
    most = len(notes) if args.all_notes else MOST_NOTES
    for note in notes[:most]:
        print(f"prof: {shown(note)}", file=sys.stderr)
    if len(notes) > most:
        print(f"prof: and {len(notes) - most:,} more: see them with --all-notes", file=sys.stderr)
    print(args.output)
    return 0


def _paths(given: Sequence[str]) -> Iterator[Path]:
    for each in given:
        if each == "-":
            yield from (Path(line) for line in sys.stdin.read().splitlines() if line)
        elif os.path.isdir(each):
            yield from sorted(Path(each).rglob("*.capture"))
        else:
            yield Path(each)
