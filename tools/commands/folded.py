"""`prof folded`: makes a capture's folded stacks, as the program does when it ends in order."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from prof.folded import write_folded
from prof.tools.commands.arguments import (
    add_captures,
    add_category,
    add_mode,
    add_output,
    command,
    find_captures,
    find_measure,
    read_tree,
    say_notes,
    with_lines,
)
from prof.tools.commands.filtering import add_filters, filters_of
from prof.tools.screen.output import STDOUT
from prof.tools.screen.progress import working

EXAMPLES = """
prof folded                       the newest run here, all its processes as one; prints the path of what it wrote
prof folded killed.capture -o -   to standard output
prof folded app.capture -o - | flamegraph.pl > app.svg
prof folded app.capture --mode memory-live    bytes that were not freed, by stack
prof folded app.capture --mode samples --lines      each function with the line that called or ran
prof folded app.capture --mode ops --category call      calls of anything, by stack
"""


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "folded", EXAMPLES)
    add_captures(parser)
    add_mode(parser)
    add_category(parser)
    parser.add_argument("--lines", action="store_true", help="of samples: with the lines that called, from every stack")
    add_filters(parser)
    add_output(parser, "<base>-<mode>.folded beside it")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    found = find_captures(args.captures)
    with working(f"Folding {found.title}"), found.open(filters_of(args)) as capture:
        say_notes(capture)
        measure = find_measure(capture, args.mode)
        tree, measure = with_lines(capture, measure) if args.lines else read_tree(capture, measure, args.category)
        if args.output == STDOUT:
            sys.stdout.flush()
            capture.write_folded(tree, measure.column, sys.stdout.fileno())
            return 0
        written = write_folded(capture, measure, args.output, tree)
    print(written)
    return 0
