"""What the subcommands' command lines share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from prof.capture import Capture, Tree, newest_capture
from prof.errors import UsageError
from prof.modes import MEASURES, MODES, Measure
from prof.tools.commands import COMMANDS
from prof.values import replaced


def command(commands: Any, name: str, examples: str) -> argparse.ArgumentParser:
    """A subcommand's parser, its examples shown under --help as they are."""
    summary = COMMANDS[name]
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog="examples:\n" + "\n".join(f"  {line}" for line in examples.strip().splitlines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def add_capture(parser: argparse.ArgumentParser, what: str = "a .capture file") -> None:
    """The positional argument CAPTURE."""
    parser.add_argument("capture", nargs="?", metavar="CAPTURE", help=f"{what} (default: the newest here)")


def add_output(parser: argparse.ArgumentParser, default: str) -> None:
    """The option -o."""
    parser.add_argument(
        "-o", "--output", metavar="FILE", help=f"where to write, - is standard output (default: {default})"
    )


def natural(text: str) -> int:
    """The type of options that are a number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return int(text)


def add_mode(parser: argparse.ArgumentParser) -> None:
    """The option --mode."""
    names = ", ".join(MEASURES)
    parser.add_argument("--mode", metavar="MODE", help=f"one of {names} (default: the first that was recorded)")


def add_category(parser: argparse.ArgumentParser) -> None:
    """The option --category."""
    parser.add_argument(
        "--category", metavar="NAME", help="of operations, only those of one kind, such as call or attribute"
    )


def read_tree(capture: Capture, measure: Measure, category: str | None) -> tuple[Tree, Measure]:
    """The tree that a measure is drawn from, and the measure; of operations, of one category if one is given.

    Raises UsageError for a category that the capture does not have, or of another measure.
    """
    if category is None:
        return capture.tree(), measure
    if not measure.categories:
        title, name = next((m.title, m.name) for m in MEASURES.values() if m.categories)
        raise UsageError(f"--category is of {title}, not of {measure.name}: add --mode {name}")
    if category not in capture.categories:
        raise UsageError(f"no category {category!r} in {capture.path}; it has: {', '.join(capture.categories)}")
    named = replaced(measure, name=f"{measure.name}-{category}", title=f"{measure.title}: {category}")
    return capture.tree(category=category), named


def named_measure(name: str) -> Measure:
    """The measure of that name; a mode's name stands for its first. Raises UsageError, which lists them."""
    if name in MODES:
        return MEASURES.get(name, MODES[name].measures[0])
    if name not in MEASURES:
        raise UsageError(f"no mode {name!r} in this version; known: {', '.join(MEASURES)}")
    return MEASURES[name]


def find_measure(capture: Capture, name: str | None) -> Measure:
    """The measure of that name, or the first that the capture has. Raises UsageError, which lists those it has."""
    recorded = [measure for measure in MEASURES.values() if capture.recorded(measure.column)]
    if name is None and recorded:
        return recorded[0]
    measure = named_measure(name or next(iter(MEASURES)))
    if measure not in recorded:
        has = ", ".join(m.name for m in recorded) or "nothing"
        raise UsageError(f"{capture.path} was recorded without {measure.name}; it has: {has}")
    return measure


def find_capture(given: str | None) -> tuple[Path, str]:
    """The capture to read, and what to say of it."""
    if given is not None:
        return Path(given), f"({given})"
    newest = newest_capture(".")
    return newest, f"({newest.name}, the newest capture here)"
