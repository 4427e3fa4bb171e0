"""`prof flamegraph`: a flame graph of a capture or of folded stacks, as one SVG file."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attrs import frozen
from prof.errors import InputError, UsageError
from prof.folded import beside, folded_path
from prof.modes import MEASURES, Measure
from prof.tools.analysis.frames import Frames, frames_of_folded, frames_of_tree
from prof.tools.analysis.plain_files import open_plain
from prof.tools.commands.arguments import (
    Found,
    add_captures,
    add_category,
    add_mode,
    add_output,
    command,
    find_captures,
    find_measure,
    named_measure,
    read_tree,
    say_notes,
)
from prof.tools.commands.filtering import Filters, add_filters, filters_of
from prof.tools.exporters.flamegraph import NOMINAL_WIDTH, Picture, summary, svg
from prof.tools.importers import is_of_another
from prof.tools.screen.output import STDOUT, write
from prof.tools.screen.progress import working

EXAMPLES = """
prof flamegraph                             the newest run here, all its processes; prints the path of the picture
prof flamegraph app.capture --icicle -o app.svg
prof flamegraph app.capture --mode memory-summary      bytes allocated, down to the lines
prof flamegraph app.capture --mode ops --category attribute
prof flamegraph app-time.folded             folded stacks, of prof or of another profiler
"""
MAGIC = b"PROFCAP\n"


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "flamegraph", EXAMPLES)
    add_captures(parser, ".capture files, read as one, or a file of folded stacks")
    add_mode(parser)
    add_category(parser)
    add_filters(parser)
    parser.add_argument("--title", help="text above the picture (default: the program and what is drawn)")
    parser.add_argument("--icicle", "--inverted", action="store_true", help="hang the root from the top")
    parser.add_argument("--width", type=_positive(int), metavar="PX", help="fixed width (default: the window's)")
    parser.add_argument(
        "--min-width", type=_positive(float), default=0.1, metavar="PX",
        help=f"leave out frames narrower than this at {NOMINAL_WIDTH} px (default: 0.1)",
    )  # fmt: skip
    add_output(parser, "<base>-<mode>.svg beside the input")
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


@frozen
class _Material:
    """What to draw, what the run is called, and where the picture goes unless told otherwise."""

    frames: Frames
    name: str
    beside: Path
    files: tuple[Path, ...]
    """What was read."""


def _read(found: Found, filters: Filters, mode: str | None, category: str | None, share: float) -> _Material:
    if (
        len(found.paths) == 1
        and filters == Filters()
        and (material := _read_if_folded(found.paths[0], mode, category, share))
    ):
        return material
    with found.open(filters) as capture:
        say_notes(capture)
        measure = find_measure(capture, mode)
        tree, part = read_tree(capture, measure, category)
        name = capture.program
        if len(capture.processes) > 1:
            name += f", {len(capture.processes)} processes"
        frames = frames_of_tree(capture, tree, measure, share)
        return _Material(frames, f"{name}, {part.title}", folded_path(capture.path, part, ".svg"), capture.files)


def _read_if_folded(path: Path, mode: str | None, category: str | None, share: float) -> _Material | None:
    """None for a capture, and for a file of another profiler that is read as one."""
    try:
        with open_plain(path) as file:
            begin = file.read(len(MAGIC))
            if not begin:
                raise InputError(f"{path} is empty")
            if begin != MAGIC and not is_of_another(begin):
                if category is not None:
                    raise UsageError(f"--category needs a capture: {path} is none")
                file.seek(0)
                return _read_folded(path, file, mode, share)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    return None


def _read_folded(path: Path, lines: Iterable[bytes], mode: str | None, share: float) -> _Material:
    """Folded stacks: of the measure that is given, or that the name of the file ends in."""
    measure: Measure | None = named_measure(mode) if mode else None
    if measure is None:
        named = (m for m in MEASURES.values() if re.search(rf"-{m.name}(-[a-z]+)?\.folded$", path.name))
        measure = next(named, None)
    frames = frames_of_folded(lines, str(path), share, measure)
    name = path.name.removesuffix(".folded")
    return _Material(frames, name, beside(path.with_name(name), ".svg"), (path,))


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    found = find_captures(args.captures)
    share = args.min_width / (args.width or NOMINAL_WIDTH)
    with working(f"Drawing {found.title}"):
        material = _read(found, filters_of(args), args.mode, args.category, share)
        picture = Picture(args.title or material.name, args.icicle, args.width)
        output = args.output or str(material.beside)
        write(svg(material.frames, picture), output, () if args.output else material.files)
    print(f"prof: {summary(material.frames, output)}", file=sys.stderr)
    if output != STDOUT:
        print(output)
    return 0
