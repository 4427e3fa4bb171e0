"""`prof flamegraph`: a flame graph of a capture or of folded stacks, as one SVG file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from prof.capture import open_capture
from prof.errors import InputError
from prof.folded import folded_path
from prof.modes import Mode
from prof.tools.commands.arguments import (
    add_capture,
    add_mode,
    add_output,
    command,
    find_capture,
    find_mode,
)
from prof.tools.flamegraph import NOMINAL_WIDTH, Picture, summary, svg
from prof.tools.frames import Frames, frames_of_folded, frames_of_tree
from prof.tools.output import working, write

EXAMPLES = """
prof flamegraph                             the newest capture here; prints the path of the picture
prof flamegraph app.capture --icicle -o app.svg
prof flamegraph app-time.folded             folded stacks, of prof or of another profiler
"""
MAGIC = b"PROFCAP\n"


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "flamegraph", "draw a flame graph: zoom, search, hover; opens in any browser", EXAMPLES)
    add_capture(parser, "a .capture file, or folded stacks")
    add_mode(parser)
    parser.add_argument("--title", help="text above the picture (default: the program and the mode)")
    parser.add_argument("--icicle", "--inverted", action="store_true", help="hang the root from the top")
    parser.add_argument("--width", type=_positive(int), metavar="PX", help="fixed width (default: the window's)")
    parser.add_argument(
        "--min-width", type=_positive(float), default=0.1, metavar="PX",
        help=f"leave out frames narrower than this at {NOMINAL_WIDTH} px (default: 0.1)",
    )  # fmt: skip
    add_output(parser, "<base>-<mode>.svg beside the input; - is standard output")
    parser.set_defaults(run=run)


def _positive(number: type) -> Any:
    def parse(text: str) -> Any:
        try:
            value = number(text)
        except ValueError:
            value = 0
        if not 0 < value < 1e6:
            raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
        return value

    return parse


def _read(path: Path, mode: Mode, share: float) -> tuple[Frames, str]:
    """The frames, and what the run is called."""
    try:
        with open(path, "rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                file.seek(0)
                return frames_of_folded(file, str(path), share), path.name.removesuffix(".folded")
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror}") from error
    with open_capture(path) as capture:
        name = str(capture.meta.get("name") or path.name.removesuffix(".capture"))
        return frames_of_tree(capture, capture.tree(), mode, share), f"{name}, {mode.name}"


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    mode = find_mode(args.mode)
    path, _ = find_capture(args.capture)
    share = args.min_width / (args.width or NOMINAL_WIDTH)
    with working(f"Drawing {path}"):
        frames, name = _read(path, mode, share)
        picture = Picture(args.title or name, args.icicle, args.width)
        output = None if args.output == "-" else args.output or str(_beside(path, mode))
        write(svg(frames, picture), output)
    print(f"prof: {summary(frames, output or 'standard output')}", file=sys.stderr)
    if output is not None:
        print(output)
    return 0


def _beside(path: Path, mode: Mode) -> Path:
    if path.suffix == ".folded":
        return path.with_suffix(".svg")
    return folded_path(path, mode, ".svg")
