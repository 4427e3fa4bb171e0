"""What the subcommands' command lines share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from prof.capture import newest_capture
from prof.errors import UsageError
from prof.modes import MODES, Mode


def command(commands: Any, name: str, summary: str, examples: str) -> argparse.ArgumentParser:
    """A subcommand's parser, its examples shown under --help as they are."""
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
    parser.add_argument("-o", "--output", metavar="FILE", help=f"where to write (default: {default})")


def add_mode(parser: argparse.ArgumentParser) -> None:
    """The option --mode."""
    parser.add_argument("--mode", default="time", metavar="MODE", help=f"one of {', '.join(MODES)} (default: time)")


def find_mode(name: str) -> Mode:
    """The mode of that name. Raises UsageError, which lists them."""
    if name not in MODES:
        raise UsageError(f"no mode {name!r} in this version; known: {', '.join(MODES)}")
    return MODES[name]


def find_capture(given: str | None) -> tuple[Path, str]:
    """The capture to read, and what to say of it."""
    if given is not None:
        return Path(given), f"({given})"
    newest = newest_capture(".")
    return newest, f"({newest.name}, the newest capture here)"
