"""`prof diff`: what captures of before and after have differently, and whether that is too much."""

from __future__ import annotations

import argparse
from typing import Any

from prof.modes import MEASURES
from prof.tools.analysis.difference import compare
from prof.tools.analysis.gate import grammar, judge, parse_rule
from prof.tools.commands.arguments import add_output, command
from prof.tools.commands.filtering import add_filters, filters_of
from prof.tools.commands.sides import (
    FORMATS,
    Wanted,
    add_result,
    check_outputs,
    inputs,
    status,
    write_difference,
)
from prof.tools.modes import comparable
from prof.tools.screen.progress import working

EXAMPLES = """
prof diff base.capture new.capture          operations, allocations and calls that differ, largest first
prof diff base.capture new.capture --fail-on 'ops>2%' --fail-on 'alloc_bytes>0'
prof diff base/ new/                        the newest run in each folder, with all its processes
prof diff base/ -- new/                     all runs in each folder: times, too, by interval
prof diff a1.capture a2.capture -- b*.capture --fail-on 'time>5%'
prof diff base.capture new.capture --fail-on 'calls>5%,function=app.db.*'
prof diff base.capture new.capture --mode memory --format json -o diff.json
prof diff base/ -- new/ --format html -o diff.html         flame graphs of before and after, side by side
prof diff base/ -- new/ --format svg -o diff.svg           a differential flame graph
prof diff base/ -- new/ --format markdown --junit rules.xml >> "$GITHUB_STEP_SUMMARY"
"""
STATUS = """
exit status: 0 no rule was broken, 1 one was, 2 the call was wrong (say, a rule about a mode that was not recorded),
             3 the captures cannot be read, or not be compared, 4 the result cannot be written
"""


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "diff", EXAMPLES)
    parser.usage = "prof diff [options] BEFORE AFTER | BEFORE ... -- AFTER ... [options]"
    parser.epilog = f"{grammar(comparable())}{STATUS}\n{parser.epilog}"
    parser.add_argument(
        "captures", nargs="+", metavar="CAPTURE",
        help="a .capture file, or a folder: the newest run in it; with -- between before and after, several of each,"
        " and a folder is all runs in it",
    )  # fmt: skip
    parser.add_argument(
        "--mode", action="append", default=[], metavar="MODE",
        help=f"compare only by one of {', '.join(view.name for view in comparable())}; may be repeated"
        " (default: all that were recorded)",
    )  # fmt: skip
    add_result(parser)
    parser.add_argument(
        "--skip-inexact", action="store_true", help="leave out operations of functions whose counts are not exact"
    )
    parser.add_argument(
        "--any-machine", action="store_true", help="compare times although they were recorded on different machines"
    )
    words = ", ".join(f"{name}: {each}" for name, each in FORMATS.items())
    parser.add_argument("--format", choices=FORMATS, default="text", help=words)
    parser.add_argument(
        "--measure",
        metavar="MEASURE",
        help=f"what a picture is of: {', '.join(MEASURES)} (default: all; of svg, the first)",
    )
    add_filters(parser)
    add_output(parser, "-")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    rules = [parse_rule(text, comparable()) for text in args.fail_on]
    before, after = inputs(args.captures, filters_of(args))
    check_outputs([args.output, args.junit], [before, after])
    with working(f"Comparing {before.title}"):
        difference = compare(
            before, after, comparable(), args.mode, args.skip_inexact, args.precision, args.any_machine
        )
        verdicts = list(judge(difference, rules))
    wanted = Wanted(args.format, args.limit, args.output, args.junit, (before, after), args.measure)
    write_difference(difference, verdicts, wanted)
    return status(verdicts, after.title)
