"""The options that filter, which are the same for every command that reads captures."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from fnmatch import translate
from pathlib import Path

from attrs import Factory, frozen
from prof.capture import ROOT, Capture, glance
from prof.errors import UsageError
from prof.filters import Filter
from prof.modes import MODES
from prof.tools.analysis.whose import ruled
from prof.tools.screen.units import percent

_PATTERNS = {
    "keep": "only stacks that contain a match",
    "drop": "no stacks that contain a match",
    "focus": "only stacks that contain a match, from the outermost one on",
    "collapse": "matches of one library that follow each other are one frame: --collapse site-packages",
    "thread": "only threads of this name or native identifier",
    "process": "of several captures, only those of this process: its number, name, or command",
}


def add_filters(parser: argparse.ArgumentParser, by_task: bool = False) -> None:
    """The options; `by_task`: also that of what is kept by task."""
    group = parser.add_argument_group(
        "filters (patterns with * and ?, of a function, module, file or folder; each may be repeated)"
    )
    for name, words in _PATTERNS.items():
        group.add_argument(f"--{name}", action="append", default=[], metavar="PATTERN", help=words)
    if by_task:
        group.add_argument(
            "--task", action="append", default=[], metavar="PATTERN",
            help="of what is kept by task (--show tasks,waiting,slowest), only tasks of this name",
        )  # fmt: skip
    group.add_argument(
        "--min", type=percentage, default=0.0, metavar="P",
        help="charge to its caller what has less than P %% of every measure",
    )  # fmt: skip
    group.add_argument(
        "--merge-recursion", action="store_true", help="make a function that is called below itself one with the outer"
    )


def percentage(text: str) -> float:
    """The type of options that are a share."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 100")
    return number


@frozen
class Filters:
    """What the options say."""

    filter: Filter = Factory(Filter)
    process: tuple[str, ...] = ()

    def of(self, paths: Sequence[Path]) -> list[Path]:
        """The captures of chosen processes. Raises UsageError where there is none, and InputError."""
        if not self.process:
            return list(paths)
        whole = re.compile("|".join(map(translate, self.process)))
        names = {path: _names(path) for path in paths}
        found = [path for path in paths if any(map(whole.match, names[path]))]
        if not found:
            known = ", ".join(dict.fromkeys(f"{each[1]} ({each[0]})" for each in names.values()))
            raise UsageError(f"--process: there is no such process; there are: {known}")
        return found

    def apply(self, capture: Capture) -> None:
        """Has a capture's trees be what is left, and a note say how much that is. Raises UsageError."""
        if self.filter == Filter():
            return
        capture.choose(self.filter, ruled().collapsed)
        if self.filter.leaves_out:
            capture.notes.append(f"{self.filter.words()}: {_left(capture)}")


def filters_of(args: argparse.Namespace) -> Filters:
    """What the options of `add_filters` say."""
    patterns = {name: tuple(getattr(args, name, ())) for name in (*_PATTERNS, "task") if name != "process"}
    filter = Filter(**patterns, min=args.min, merge_recursion=args.merge_recursion)
    return Filters(filter, tuple(args.process))


def _names(path: Path) -> tuple[str, ...]:
    """What a process may be called by: its number, its name, its command."""
    with glance(path) as capture:
        return str(capture.pid), capture.program, capture.command, path.name


def _left(capture: Capture) -> str:
    """How much of the whole is left, by the first measure of each mode; percentages are of that."""
    before, after = capture.everything(), capture.tree()
    shares = []
    for mode in MODES.values():
        for measure in mode.recorded_measures(capture)[:1]:
            found, whole = (tree.inclusive(measure.column)[ROOT] for tree in (after, before))
            if whole:
                shares.append(f"{percent(found, whole) if found else 'none'} of {measure.title or measure.name}")
    if not shares:
        return "nothing was recorded that this leaves out"
    return f"{', '.join(shares)}; percentages are of what is left"
