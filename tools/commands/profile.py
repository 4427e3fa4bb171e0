"""`prof profile`, which is also `prof-profile`: captures on an interactive terminal."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from prof.capture import Capture
from prof.errors import UsageError
from prof.tools.commands.arguments import Found, command
from prof.tools.commands.extras import need
from prof.tools.commands.filtering import add_filters, filters_of

EXAMPLES = """
prof profile                                the captures here; Enter opens one, ? helps on every screen
prof profile runs/                          those in that folder
prof profile app.capture                    this one
prof profile old.capture new.capture        both in the list: mark them with Space, and d compares them
"""
STATUS = """
exit status: 0 you have left it; 2 the terminal is too small or none, or textual is not installed; 3 no capture there
"""


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "profile", EXAMPLES)
    parser.epilog = f"{STATUS}\n{parser.epilog}"
    parser.add_argument(
        "captures", nargs="*", metavar="CAPTURE|DIR", help="captures, or a folder of them (default: this folder)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    need("textual", "tui", "prof profile")
    from prof.tools.tui.app import Application, Captures, no_terminal, too_small
    from prof.tools.tui.profile import Profile
    from textual.screen import Screen

    paths = [Path(each) for each in args.captures or (".",)]
    if len(paths) > 1 and any(path.is_dir() for path in paths):
        raise UsageError("either one folder, or captures")
    if paths[0].is_dir():
        first: Screen[None] = Captures(paths[0], open_typed)
    elif len(paths) > 1:
        first = Captures(Path(os.path.commonpath([path.absolute().parent for path in paths])), open_typed, paths)
    else:
        first = Profile(paths, open_typed)
    if why := no_terminal() or too_small(shutil.get_terminal_size()):
        raise UsageError(why)
    Application(lambda: first).run()
    return 0


class _Typed(argparse.ArgumentParser):
    """Options that are typed on a screen."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"filters: {message}")


def open_typed(paths: Sequence[Path], typed: str) -> Capture:
    """Opens captures as one, through filters that are typed as `prof report` takes them. Raises UsageError and
    InputError."""
    parser = _Typed(add_help=False)
    add_filters(parser)
    try:
        words = shlex.split(typed)
    except ValueError as error:
        raise UsageError(f"filters: {error}") from None
    return Found(list(paths), "", "").open(filters_of(parser.parse_args(words)))
