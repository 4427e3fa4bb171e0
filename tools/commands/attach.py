"""`prof attach`: records a process that runs already."""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any

from prof.errors import InputError, UsageError
from prof.tools.commands.arguments import command
from prof.tools.commands.choosing import add_choice, add_recording, choice, recording
from prof.tools.commands.remote import add_pid, ask
from prof.tools.screen.progress import working

EXAMPLES = """
prof attach 4711 --for 10s                    ten seconds of its project's functions
prof attach 4711 --modes time+memory          until prof detach 4711, or until it ends
prof attach 4711 --instrument 'jinja2.*' --for 1s
"""
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "attach", EXAMPLES)
    add_pid(parser)
    parser.add_argument(
        "--for", dest="duration", type=_duration, metavar="TIME", help="detach after that: 10s, 500ms, 2m"
    )
    add_choice(parser, "program")
    add_recording(parser)
    parser.set_defaults(run=run)


def _duration(text: str) -> float:
    unit = next(
        (unit for unit in _SECONDS if text.endswith(unit) and text[: -len(unit)].replace(".", "", 1).isdecimal()), ""
    )
    seconds = float(text[: -len(unit)]) * _SECONDS[unit] if unit else 0
    if not 0 < seconds <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 10s, 500ms or 2m")
    return seconds


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    if args.sections:
        raise UsageError("--sections: they are made as a module is loaded, and these are loaded; use prof run")
    args.output = os.path.abspath(args.output or ".")  # the process has a folder of its own
    settings, _ = recording(args)
    begun = ask(args.pid, "begin", settings=settings, choice=choice(args, (), first=False))
    for each in begun["unused"]:
        print(f"prof: {each} has chosen nothing so far", file=sys.stderr)
    path, number = begun["capture"], begun["functions"]
    functions = f"{number:,} function{'' if number == 1 else 's'}"
    if args.duration is None:
        print(f"prof: process {args.pid} records {functions}; end it with: prof detach {args.pid}", file=sys.stderr)
        print(path)
        return 0
    try:
        with working(f"Recording {functions} of process {args.pid}"):
            time.sleep(args.duration)
    except KeyboardInterrupt:
        pass  # what has been recorded is wanted all the same
    try:
        ask(args.pid, "end")
    except InputError as error:
        print(f"prof: {error}", file=sys.stderr)  # the capture is there all the same
    print(f"prof: look at it with: prof report {os.path.relpath(path)}", file=sys.stderr)
    print(path)
    return 0
