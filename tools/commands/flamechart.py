"""`prof flamechart`: spans in the order of time, as a page or a picture."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any

from prof.folded import beside
from prof.tools.analysis.timeline import needed, timeline
from prof.tools.commands.arguments import add_captures, add_output, command, find_captures, say_notes
from prof.tools.exporters.flamechart import MOST_OF_PAGE, MOST_OF_PICTURE, Chart, page, svg
from prof.tools.screen.output import STDOUT, write
from prof.tools.screen.progress import working
from prof.tools.screen.units import many

EXAMPLES = """
PROF=time,trace=64MB python app.py          records when each call ran, not only how long
prof flamechart                             the newest run here; prints the path of the page
prof flamechart --range 1.2s..1.5s          a part of it, in full
prof flamechart app.capture -o app.svg      a picture
"""
FORMATS = {"html": (page, MOST_OF_PAGE), "svg": (svg, MOST_OF_PICTURE)}
_SCALES = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "flamechart", EXAMPLES)
    add_captures(parser)
    parser.add_argument(
        "--range", type=moments, metavar="FROM..TO",
        help="only what ran between two moments after the start, say 1.2s..1.5s; one of them may be left out",
    )  # fmt: skip
    parser.add_argument("--title", help="text above the chart (default: the program)")
    parser.add_argument(
        "--format", choices=FORMATS,
        help="a page with zoom and search, or a picture (default: what FILE ends in, else html)",
    )  # fmt: skip
    parser.add_argument(
        "--most", type=int, metavar="N",
        help=f"merge short neighbours so that so many boxes are left (default: {MOST_OF_PAGE:,}; of a picture "
        f"{MOST_OF_PICTURE:,})",
    )  # fmt: skip
    add_output(parser, "<base>-flamechart.html beside the capture")
    parser.set_defaults(run=run)


def moments(text: str) -> tuple[int, int | None]:
    """The type of --range: nanoseconds."""
    found = re.fullmatch(r"(?:([\d.]+)(ns|us|ms|s))?\.\.(?:([\d.]+)(ns|us|ms|s))?", text)
    try:
        begin, end = (
            None if number is None else int(float(number) * _SCALES[unit])
            for number, unit in ((found[1], found[2]), (found[3], found[4]))
        ) if found else (None, None)  # fmt: skip
    except ValueError:
        found = None
    if not found or (begin is None and end is None) or (end is not None and end <= (begin or 0)):
        raise argparse.ArgumentTypeError(f"{text!r} is no range: say 1.2s..1.5s, 300ms.. or ..20us")
    return begin or 0, end


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    found = find_captures(args.captures)
    kind = args.format or ("svg" if str(args.output).endswith(".svg") else "html")
    draw, most = FORMATS[kind]
    with working(f"Drawing {found.title}"), found.open() as capture:
        say_notes(capture)
        events = needed(capture, "a flame chart")
        begin, end = args.range or (0, None)
        between = (begin, end if end is not None else max(events.duration_ns, begin + 1)) if args.range else None
        shown = timeline(events, between, max(1, args.most or most))
        name = capture.program
        chart = Chart(args.title or f"{name}, over time", shown)
        output = args.output or str(beside(capture.path, f"-flamechart.{kind}"))
        write(draw(chart), output, () if args.output else capture.files)
    words = shown.merged_words or f"{many(shown.boxes, 'span')}"
    print(f"prof: {output}: {words}", file=sys.stderr)
    if output != STDOUT:
        print(output)
    return 0
