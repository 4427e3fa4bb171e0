"""`prof diff`: what two captures count differently, exactly; and whether that is too much."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from prof.tools.analysis.difference import Difference, compare
from prof.tools.analysis.gate import Verdict, grammar, judge, parse_rule
from prof.tools.commands.arguments import add_output, command, find_captures, natural
from prof.tools.commands.filtering import add_filters, filters_of
from prof.tools.modes import comparable
from prof.tools.reports import diff_json, diff_text
from prof.tools.screen.output import width, write, write_lines
from prof.tools.screen.progress import working

EXAMPLES = """
prof diff base.capture new.capture          operations, allocations and calls that differ, largest first
prof diff base.capture new.capture --fail-on 'ops>2%' --fail-on 'alloc_bytes>0'
prof diff base/ new/                        the newest run in each folder, with all its processes
prof diff base.capture new.capture --fail-on 'calls>5%,function=app.db.*'
prof diff base.capture new.capture --mode memory --format json -o diff.json
"""
STATUS = """
exit status: 0 no rule was broken, 1 one was, 2 the call was wrong, 3 the captures cannot be read, or not be compared
"""
BROKEN = 1


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "diff", EXAMPLES)
    parser.epilog = f"{grammar(comparable())}{STATUS}\n{parser.epilog}"
    parser.add_argument("before", metavar="BEFORE", help="a .capture file, or a folder: the newest run in it")
    parser.add_argument("after", metavar="AFTER", help="a .capture file, or a folder")
    parser.add_argument(
        "--mode", action="append", default=[], metavar="MODE",
        help=f"compare only by {', or '.join(view.name for view in comparable())}; may be repeated"
        " (default: all that were recorded)",
    )  # fmt: skip
    parser.add_argument(
        "--fail-on", action="append", default=[], metavar="RULE", help="exit status 1 if a count rises; may be repeated"
    )
    parser.add_argument(
        "--skip-inexact", action="store_true", help="leave out operations of functions whose counts are not exact"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="for people or for tools")
    parser.add_argument("--limit", type=natural, default=20, metavar="N", help="rows a table; 0: all (default: 20)")
    add_filters(parser)
    add_output(parser, "-")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    rules = [parse_rule(text, comparable()) for text in args.fail_on]
    filters = filters_of(args)
    with (
        find_captures([args.before]).open(filters, strict=True) as before,
        find_captures([args.after]).open(filters, strict=True) as after,
    ):
        with working(f"Comparing {args.before}"):
            difference = compare(before, after, comparable(), args.mode, args.skip_inexact)
            verdicts = list(judge(difference, rules))
        _write(difference, verdicts, args)
    broken = [verdict.rule.text for verdict in verdicts if verdict.broken]
    if broken:
        print(f"prof: {args.after} breaks {len(broken)} of {len(verdicts)} rules: {', '.join(broken)}", file=sys.stderr)
    return BROKEN if broken else 0


def _write(difference: Difference, verdicts: list[Verdict], args: argparse.Namespace) -> None:
    if args.format == "json":
        write(diff_json.render(difference, verdicts), args.output)
    else:
        write_lines(diff_text.lines(difference, verdicts, args.limit, width()), args.output)
