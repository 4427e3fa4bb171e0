"""What the subcommands' command lines share."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import Factory, frozen
from prof.capture import Capture, Tree, newest_capture
from prof.errors import InputError, UsageError
from prof.many import open_captures
from prof.modes import MEASURES, MODES, Measure
from prof.runs import newest_run
from prof.text import shown
from prof.tools.commands import COMMANDS
from prof.tools.commands.filtering import Filters
from prof.tools.importers import read_foreign
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


def add_capture(parser: argparse.ArgumentParser) -> None:
    """The positional argument CAPTURE, of what looks into one file."""
    parser.add_argument("capture", nargs="?", metavar="CAPTURE", help="a .capture file (default: the newest here)")


def add_captures(parser: argparse.ArgumentParser, what: str = ".capture files, read as one") -> None:
    """The positional arguments CAPTURE."""
    parser.add_argument(
        "captures", nargs="*", metavar="CAPTURE",
        help=f"{what}; a folder is the newest run in it, with all its processes (default: this folder)",
    )  # fmt: skip


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
        return capture.tree_of(capture.tree(), measure.column), measure
    if not measure.categories:
        title, name = next((m.title, m.name) for m in MEASURES.values() if m.categories)
        raise UsageError(f"--category is of {title}, not of {measure.name}: add --mode {name}")
    if category not in capture.categories:
        raise UsageError(f"no category {category!r} in {capture.path}; it has: {', '.join(capture.categories)}")
    named = replaced(measure, name=f"{measure.name}-{category}", title=f"{measure.title}: {category}")
    return capture.tree(category=category), named


def with_lines(capture: Capture, measure: Measure) -> tuple[Tree, Measure]:
    """The tree of whole stacks with the lines that called, and the measure under a name of its own.

    Raises UsageError for a measure that is not of samples, and where whole stacks were not recorded.
    """
    tree = capture.tree()
    if not capture.in_stacks(measure.column):
        able = next(m for m in MEASURES.values() if capture.in_stacks(m.column))
        raise UsageError(f"--lines is of {able.title}, not of {measure.name}: add --mode {able.name}")
    if not capture.whole_stacks:
        raise UsageError(f"{capture.path} does not have the lines that called: record it with this version")
    return capture.stacks(tree, lines=True), replaced(measure, name=f"{measure.name}-lines")


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


@frozen
class Found:
    """Captures that are to be read, as one."""

    paths: list[Path]
    title: str
    """How they are named in messages."""
    note: str
    """What is said of them above a report."""
    notes: list[str] = Factory(list)
    """What was left out on the way."""

    def open(self, filters: Filters | None = None, strict: bool = False) -> Capture:
        """Opens them, filtered; a single one may be a file of another profiler. One of several that cannot be read is
        left out and named, or, if `strict`, refused."""
        if strict and self.notes:
            raise InputError(self.notes[0])
        return opened(self.paths, filters or Filters(), self.notes, strict)


def opened(paths: Sequence[Path], filters: Filters, notes: Sequence[str] = (), strict: bool = False) -> Capture:
    """Captures as one, filtered; or a file of another profiler, if it is alone. Raises InputError and UsageError."""
    capture = read_foreign(paths[0]) if len(paths) == 1 else None
    capture = capture or open_captures(filters.of(paths), notes, strict)
    filters.apply(capture)
    return capture


def say_notes(capture: Capture) -> None:
    """Says on standard error what a picture or folded stacks have no place for: what was left out of them."""
    for note in capture.notes:
        print(f"prof: {shown(note)}", file=sys.stderr)


def find_captures(given: Sequence[str]) -> Found:
    """The captures that arguments name: files, and folders for the newest run in each; none is this folder."""
    paths: list[Path] = []
    notes: list[str] = []
    for each in given or (".",):
        found, left_out = newest_run(each) if os.path.isdir(each) else ([Path(each)], [])
        paths += found
        notes += left_out
    if len(paths) == 1:
        name = paths[0].name if not given else str(paths[0])
        newest = not given or os.path.isdir(given[0])
        where = "here" if not given else f"in {given[0]}"
        return Found(paths, str(paths[0]), f"({name}, the newest capture {where})" if newest else f"({name})", notes)
    title = f"{len(paths):,} captures"
    if len(given) < 2:
        return Found(paths, title, f"({title}, the newest run {f'in {given[0]}' if given else 'here'})", notes)
    return Found(paths, title, f"({title}: {', '.join(given[:2])}{', …' if len(given) > 2 else ''})", notes)
