"""`prof report`: what took time, memory and operations, in any format that is registered."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from prof.errors import InputError, UsageError
from prof.folded import beside
from prof.tools.analysis.report import Report, analyse
from prof.tools.analysis.whose import ruled
from prof.tools.commands.arguments import add_captures, add_output, command, find_captures, natural
from prof.tools.commands.filtering import add_filters, filters_of, percentage
from prof.tools.modes import SORTS, VIEWS
from prof.tools.reports import FORMATS, Format
from prof.tools.reports.asked import PARTS, made
from prof.tools.screen.output import STDOUT, terminal, width, write, write_lines
from prof.tools.screen.progress import working, writing

_CLEAR = "\x1b[H\x1b[2J\x1b[3J"
_PAUSE = 0.5  # seconds
EXAMPLES = """
prof report                                 the newest run here, with all its processes
prof report runs/                           the newest run in that folder
prof report --full                          all tables; --show held,lines: some of them
prof report a.capture b.capture             both as one, with a table of their processes
prof report app.capture --sort total --limit 50
prof report app.capture --sort alloc        by bytes allocated; live: by what was not freed
prof report app.capture --callers parse     who calls app.parse, and what each caller costs
prof report app.capture --sort ops          by operations executed
prof report app.capture --source parse.py   the file, with counts, operations, times and bytes beside its lines
prof report app.capture --show waiting      what coroutines waited for, by line and by task
prof report app.capture --show slowest      the slowest calls: when, how long, in which task, called by what
prof report app.capture --tree --depth 30 --min-percent 0.1
prof report app.capture --format json -o app.json
prof report --format html                   all modes side by side, for any browser; prints the page's path
prof report --format markdown >> "$GITHUB_STEP_SUMMARY"      for an issue, a pull request, the summary of a CI job
prof report --format markdown --budget 2000 what was found, for a coding agent, in 2,000 tokens; jsonl: for programs
prof report --format jsonl --smaller 1k.capture 2k.capture  and what grows faster than the input
"""


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "report", EXAMPLES)
    add_captures(parser)
    words = ", ".join(f"{name}: {each.words}" for name, each in FORMATS.items())
    parser.add_argument("--format", choices=FORMATS, default=next(iter(FORMATS)), help=words)
    parser.add_argument("--sort", choices=SORTS, help="order of the tables (default: self; without times, alloc)")
    parser.add_argument(
        "--limit",
        type=natural,
        metavar="N",
        help=f"rows a table; 0: all (default: 20, of operations by name 10; of JSON {FORMATS['json'].limit:,} a list)",
    )
    view = parser.add_mutually_exclusive_group()
    view.add_argument(
        "--callers", metavar="NAME", help="only who calls this function or section: its name, or the end of it"
    )
    view.add_argument("--callees", metavar="NAME", help="only what this function calls")
    view.add_argument("--tree", action="store_true", help="only the call tree")
    view.add_argument(
        "--source", metavar="FILE", help="only this file, as it was recorded, each line with what it did in the margin"
    )
    parser.add_argument(
        "--lines", action="store_true", help="show lines in the call tree, which is by memory or samples then"
    )
    parser.add_argument("--depth", type=natural, metavar="N", help="levels of the call tree; 0: all")
    parser.add_argument(
        "--min-percent",
        type=percentage,
        metavar="P",
        help="leave out of the call tree, or of the graphs, what took less",
    )
    more = parser.add_argument_group("how much")
    more.add_argument("--full", action="store_true", help="all tables, of all modes; long")
    more.add_argument(
        "--show", metavar="TABLES", help="only these tables, by their names or those of modes: functions,lines,memory"
    )
    more.add_argument("--own", action="store_true", help="of functions, only your own")
    more.add_argument(
        "--libraries", action="store_true",
        help="functions of libraries are rows, too, instead of parts of the functions of yours that called them",
    )  # fmt: skip
    more.add_argument("--imports", action="store_true", help="each import is a row, instead of all being one")
    more.add_argument("--idle", action="store_true", help="threads that waited for work count in shares, too")
    more.add_argument(
        "--smaller", metavar="CAPTURE",
        help="of the same program with a smaller input: findings name what grows faster than its input",
    )  # fmt: skip
    more.add_argument(
        "--budget", type=natural, metavar="TOKENS",
        help="of markdown and jsonl: findings first, and no more than so many tokens (3 bytes each)",
    )  # fmt: skip
    more.add_argument(
        "--no-source", action="store_true", help="no line of any source file is shown: for code that is confidential"
    )
    more.add_argument(
        "--watch", action="store_true", help="show it again whenever there is something new, until Ctrl-C"
    )
    more.add_argument("--no-pager", action="store_true", help="print a long report as it is, on a terminal, too")
    add_filters(parser, by_task=True)
    files = (f"of {name}, <base>{kind.suffix} beside the capture" for name, kind in FORMATS.items() if kind.beside)
    add_output(parser, "; ".join(["-", *files]))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    if args.no_source and args.source is not None:
        raise UsageError("--source shows a source file, which --no-source leaves out")
    if not args.watch:
        return _show(args)
    if args.output or FORMATS[args.format].beside:
        raise UsageError("--watch is of reports that go to the terminal")
    args.no_pager = True
    seen: object = None
    with suppress(KeyboardInterrupt):
        while True:
            now = _state(args)
            if now is None and seen is None:
                find_captures(args.captures)  # says that there is none
            if now is not None and now != seen:
                if terminal(STDOUT):
                    sys.stdout.write(_CLEAR)
                _show(args)
                sys.stdout.flush()
                seen = now
            time.sleep(_PAUSE)
    return 0


def _state(args: argparse.Namespace) -> object:
    """What changes when there is something new to show; None while there is nothing."""
    try:
        return [(path, path.stat().st_mtime_ns, path.stat().st_size) for path in find_captures(args.captures).paths]
    except (InputError, OSError):
        return None


def _show(args: argparse.Namespace) -> int:
    whose = ruled()
    found = find_captures(args.captures)
    with working(f"Reading {found.title}"):
        capture = found.open(filters_of(args))
        capture.shows_source = not args.no_source
        report = analyse(capture, tuple(VIEWS.values()), found.note, _again(args.captures), whose)
    with capture:
        if args.smaller is None:
            _write(report, FORMATS[args.format], args)
            return 0
        if not _finds(args):
            raise UsageError("--smaller is of findings: add --show findings, --budget, or --format jsonl or json")
        with find_captures([args.smaller]).open() as smaller:
            report.smaller = analyse(smaller, tuple(VIEWS.values()), whose=whose)
            _write(report, FORMATS[args.format], args)
    return 0


def _finds(args: argparse.Namespace) -> bool:
    """Whether findings are shown."""
    return "findings" in (args.show or "") or bool(args.budget) or FORMATS[args.format].finds


def _again(captures: Sequence[str]) -> str:
    """The command that shows the same captures."""
    return " ".join(["prof report", *map(shlex.quote, captures)])


def _write(report: Report, kind: type[Format], args: argparse.Namespace) -> None:
    part = next((part for part in PARTS if getattr(args, part) not in (None, False)), "")
    format = made(
        report, kind, sort=args.sort, limit=args.limit, depth=args.depth, min_percent=args.min_percent,
        part=part, name=str(getattr(args, part)) if part else "", lines=args.lines, width=width(), full=args.full,
        show=[name.strip() for name in args.show.split(",")] if args.show else (),
        own=args.own, libraries=args.libraries, imports=args.imports, idle=args.idle, budget=args.budget,
    )  # fmt: skip
    path = report.capture.path
    output = args.output or (str(beside(path, kind.suffix)) if kind.beside else STDOUT)
    with writing(output):
        lines = format.lines(report) if terminal(output) else None
        if lines is not None:
            write_lines(lines, output, paged=not args.no_pager)
        else:
            # A file that is written unasked is nobody else's to read than the capture is.
            write(format.render(report), output, report.capture.files if kind.beside and not args.output else ())
    if kind.beside:
        print(f"prof: {output}: {format.drawn()}", file=sys.stderr)
        if output != STDOUT:
            print(output)
