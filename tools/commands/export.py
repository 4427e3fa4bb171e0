"""`prof export`: a capture as a file for another tool."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from prof.errors import UsageError
from prof.folded import beside, replacing
from prof.modes import Measure, recorded_measures
from prof.tools.commands.arguments import add_captures, add_output, command, find_captures, find_measure, say_notes
from prof.tools.commands.filtering import add_filters, filters_of
from prof.tools.exporters import EXPORTS
from prof.tools.screen.output import STDOUT
from prof.tools.screen.progress import working, writing

EXAMPLES = """
prof export --format speedscope              for https://www.speedscope.app; prints the path of what it wrote
prof export --format pprof && go tool pprof -top app.pb.gz
prof export --format callgrind app.capture && kcachegrind app.callgrind
prof export --format pprof --mode time --mode memory-summary -o - | upload
"""


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "export", EXAMPLES)
    add_captures(parser)
    words = ", ".join(f"{name}: {each.words}" for name, each in EXPORTS.items())
    parser.add_argument("--format", choices=EXPORTS, required=True, help=words)
    parser.add_argument(
        "--mode", action="append", default=[], metavar="MODE",
        help="only this measure; may be repeated (default: all that were recorded)",
    )  # fmt: skip
    add_filters(parser)
    add_output(parser, "; ".join(f"<base>{each.suffix}" for each in EXPORTS.values()) + " beside the capture")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    found, export, filters = find_captures(args.captures), EXPORTS[args.format], filters_of(args)
    if not export.filtered and (words := filters.filter.words()):
        raise UsageError(f"--format {args.format} writes events, and filters are of sums: leave out {words}")
    with working(f"Exporting {found.title}"), found.open(filters) as capture:
        say_notes(capture)
        measures: list[Measure] = [measure for _, measure in recorded_measures(capture)]
        if args.mode:
            measures = list(dict.fromkeys(find_measure(capture, name) for name in args.mode))
        if not measures:
            raise UsageError(f"{capture.path} has nothing that a measure is of")
        parts = export.render(capture, measures)
        output = args.output or str(beside(capture.path, export.suffix))
        with writing(output):
            if output == STDOUT:
                for part in parts:
                    sys.stdout.buffer.write(part)
                sys.stdout.flush()
                return 0
            like = () if args.output else capture.files
            with replacing(output, like) as descriptor, os.fdopen(descriptor, "wb", closefd=False) as file:
                file.writelines(parts)
    print(output)
    return 0
